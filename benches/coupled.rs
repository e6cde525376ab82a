//! How fast coupled requests pass: those that wait for one another, those of users in sessions whom
//! a cookie keeps, and everything at once. Each world is a scenario, as a user would write it.
#![expect(clippy::expect_used, reason = "a benchmark may stop where it is wrong")]

use std::path::Path;

use coalmine::base::{Seed, Span};
use coalmine::engine::r#virtual::{Kind, Player, Setting};
use coalmine::scenario;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Requests of a rollout: 118 a second for an hour.
const REQUESTS: u64 = 118 * 3_600;

/// One instance of each version; stable's eight workers are 80 % busy.
const QUEUE: &str = r#"
[traffic]
rate = "118/s"
[stable]
instances = 1
workers = 8
queue = 1000
timeout = "30s"
[canary]
instances = 1
"#;

const SESSIONS: &str = r#"
[traffic]
rate = "118/s"
users = 10000
spread = 1.1
sessions = "measured"
[split]
affinity = { policy = "canary-only", lifetime = "24h" }
[canary]
errors = "0.1%"
"#;

const EVERYTHING: &str = r#"
[traffic]
rate = "118/s"
users = 10000
spread = 1.1
routes = [
    { name = "browse", share = "60%" },
    { name = "search", share = "25%" },
    { name = "cart", share = "10%" },
    { name = "checkout", share = "5%" },
]
[stable]
instances = 2
workers = 8
queue = 1000
timeout = "30s"
[canary]
instances = 2
[[canary.faults]]
kind = "errors"
probability = "5%"
users = "30%"
routes = ["checkout"]
[[canary.faults]]
kind = "tail"
probability = "1%"
add = "1s"
[[canary.faults]]
kind = "reset"
probability = "1%"
[split]
affinity = { policy = "canary-only", lifetime = "24h" }
retries = { attempts = 2, on = ["errors", "resets"], per_try_timeout = "5s", budget = "20%" }
"#;

/// Steps whose gates read everything and never fail.
const ROLLOUT: &str = r#"
[telemetry]
scrape = "15s"
[rollout]
interval = "1m"
steps = [{ weight = "5%", hold = "60m" }]
[[rollout.gates]]
kind = "success-ratio"
min = "0%"
[[rollout.gates]]
kind = "latency-quantile"
max = "1h"
[[rollout.gates]]
kind = "difference"
max = "100%"
"#;

fn coupled(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("coupled requests");
    group
        .throughput(Throughput::Elements(REQUESTS))
        .sample_size(20);
    for (name, world) in [
        ("a queue of eight workers", QUEUE),
        ("users, sessions and cookies", SESSIONS),
        ("everything at once", EVERYTHING),
    ] {
        let text = format!("{world}{ROLLOUT}");
        let scenario = scenario::parse(&text, Path::new("bench.toml"), None).expect("a scenario");
        let mut player = Player::new(Setting {
            world: &scenario.world,
            telemetry: &scenario.telemetry,
            rollout: &scenario.rollout,
            analysis: &scenario.analysis,
            onlookers: &[],
            horizon: Span::from_secs(3_600),
            aftermath: Span::ZERO,
            held: None,
            engine: Kind::Coupled,
            observe: false,
        });
        let mut replicate = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let trial = player.play(Seed::DEFAULT, replicate);
                assert_eq!(trial.ended.as_secs_f64(), 3_600.0);
                replicate += 1;
            });
        });
    }
    group.finish();
}

criterion_group!(benches, coupled);
criterion_main!(benches);
