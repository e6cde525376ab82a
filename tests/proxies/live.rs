//! Live runs behind another splitter: the gate reads that splitter's own figures; and in any live run
//! the metrics bear the names of the user's Canary.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use coalmine::base::{Seed, Span};
use coalmine::engine::Ending;
use coalmine::engine::live::options::Proxy;
use coalmine::engine::live::proxies::ask;
use coalmine::experiment::{self, LiveRollout, Scene, Staging};
use coalmine::scenario::{self, Scenario};
use coalmine::telemetry::exposition::Part;

use super::{KINDS, installed};

/// A canary of which each fifth request fails.
const WORLD: &str = "
[traffic]
rate = \"150/s\"

[stable]
latency = \"p50=5ms,p99=20ms\"

[canary]
errors = \"20%\"
";

const STEPS: &str = "
[rollout]
steps = [{ weight = \"30%\", hold = \"20s\" }, { weight = \"60%\", hold = \"20s\" }]
interval = \"2s\"
warmup = \"2s\"

[[rollout.gates]]
kind = \"success-ratio\"
min = \"99%\"
window = \"4s\"

[telemetry]
scrape = \"1s\"
reporter = \"client\"
";

fn parsed(text: &str, folder: Option<&Path>) -> Scenario {
    scenario::parse(text, Path::new("test.toml"), folder)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn play(scenario: &Scenario, stop: &AtomicBool, show: &mut dyn FnMut(Scene<'_>)) -> LiveRollout {
    let staging = Staging {
        seed: Seed::DEFAULT,
        replicate: 0,
        good: false,
        speed: 2.0,
        stop,
        log: None,
        record: None,
    };
    experiment::live(scenario, staging, show).unwrap()
}

/// What a part shows.
fn metrics(address: std::net::SocketAddr) -> String {
    let (status, text) = ask::get(address, "/metrics", Span::from_secs(20)).unwrap();
    assert_eq!(status, 200, "{text}");
    text
}

#[test]
fn a_faulty_canary_fails_by_the_figures_of_the_splitter_itself() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let mut scenario = parsed(&format!("{WORLD}{STEPS}"), None);
        scenario.live.splitter = kind;
        scenario.live.program = Some(program);
        let (mut splitter, mut shown) = (None, String::new());
        let rollout = play(
            &scenario,
            &AtomicBool::new(false),
            &mut |scene| match scene {
                Scene::Ready(places) => {
                    let mut targets = places.targets.iter();
                    let found = targets.find(|target| target.part == Part::Splitter);
                    splitter = found.map(|target| target.address);
                }
                Scene::Pulse(pulse) if pulse.requests[1][0] > 20 => {
                    shown = metrics(splitter.unwrap());
                }
                _ => {}
            },
        );
        let outcome = &rollout.outcome;
        assert_eq!(
            rollout.trial.ending,
            Ending::RolledBack,
            "{kind:?}: {outcome:?}"
        );
        let whose = match kind {
            Proxy::Nginx => ", which read the access log of nginx 1",
            Proxy::Haproxy => ", which read the statistics of haproxy 2",
            _ => ", which read the statistics of envoy 1",
        };
        assert!(outcome.source.contains(whose), "{}", outcome.source);
        let [asked, failed] = outcome.scrapes;
        assert!(asked > 5 && failed < asked / 4, "{:?}", outcome.notes);
        // Both of them log whole milliseconds; users have measured more finely.
        let sums = shown.lines().filter_map(|line| {
            line.strip_prefix("istio_request_duration_milliseconds_sum")?
                .rsplit(' ')
                .next()
        });
        let sums: Vec<f64> = sums.map(|sum| sum.parse().unwrap()).collect();
        assert!(!sums.is_empty(), "{kind:?}: {shown}");
        if kind == Proxy::Nginx {
            assert!(sums.iter().all(|sum| sum.fract() == 0.0), "{sums:?}");
        }
    }
}

#[test]
fn metrics_bear_the_names_by_which_the_canarys_queries_select() {
    let folder = tempfile::tempdir().unwrap();
    let canary = include_str!("../../scenarios/plain-flagger.yaml");
    let renamed = canary.replacen("    name: storefront", "    name: storefront-web", 1);
    assert_ne!(canary, renamed);
    std::fs::write(folder.path().join("canary.yaml"), renamed).unwrap();
    let text =
        format!("{WORLD}[rollout]\nflagger = \"canary.yaml\"\n[telemetry]\nseries = \"zero\"\n");
    let scenario = parsed(&text, Some(folder.path()));
    let (stop, mut shown, mut instances) = (AtomicBool::new(false), String::new(), Vec::new());
    play(&scenario, &stop, &mut |scene| match scene {
        Scene::Ready(places) => {
            let targets = places.targets.iter();
            let of = targets.filter(|target| matches!(target.part, Part::Instance(_)));
            instances = of.map(|target| target.address).collect();
        }
        Scene::Pulse(pulse) if pulse.requests[0][0] > 20 => {
            shown = instances.iter().map(|address| metrics(*address)).collect();
            stop.store(true, Ordering::Relaxed);
        }
        _ => {}
    });
    // `destination_workload=~\"{{ target }}\"` and so on: Flagger 1.44.0,
    // `pkg/metrics/observers/istio.go`. Before its first weight the canary has no
    // requests, but series of zeros.
    let selected = shown.lines().any(|line| {
        line.starts_with("istio_requests_total{")
            && line.contains("reporter=\"destination\"")
            && line.contains("destination_workload_namespace=\"shop\"")
            && line.contains("destination_workload=\"storefront-web\"")
    });
    assert!(selected, "{shown}");
}
