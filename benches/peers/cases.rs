//! The small canary, as the engines play it: shared by the comparison with the peers and by the
//! benchmarks.

use coalmine::base::{Probability, Purpose, Rate, Seed, Span, Weight};
use coalmine::engine::r#virtual::{Kind, Player, Setting};
use coalmine::gate::{Comparison, ComparisonLimit, Gate, LatencyQuantile, Metric, SuccessRatio};
use coalmine::model::World;
use coalmine::model::service::{Latency, Service};
use coalmine::model::split::Split;
use coalmine::model::traffic::{Population, Profile, Traffic};
use coalmine::rollout::{Counting, Plan, StagedPlan, Step};
use coalmine::telemetry::{self, Birth, Buckets, Phase, Sampling, Unit, Version};

use rand::Rng;
use std::hint::black_box;

/// Intervals of a rollout.
pub const INTERVALS: u64 = 60;
const INTERVAL: Span = Span::from_secs(60);

/// The floor under every request-level engine: one random number for each request.
pub fn random_u64() -> Box<dyn FnMut(u64)> {
    let mut stream = Seed::DEFAULT.stream(0, Purpose::Arrivals);
    Box::new(move |requests| {
        let mut sum = 0_u64;
        for _ in 0..requests {
            sum = sum.wrapping_add(stream.next_u64());
        }
        black_box(sum);
    })
}

/// Requests, one by one or by one look-up each, at 5 % and 10,000 requests a second.
pub fn requests(engine: Kind, split: Split) -> Box<dyn FnMut(u64)> {
    let rate = 10_000.0;
    let per_rollout = rate * INTERVAL.as_secs_f64() * INTERVALS as f64;
    let mut play = rollouts(Canary {
        engine,
        split,
        rate,
        ladder: &[5.0],
        metrics: exact(log_buckets()),
    });
    let mut owed = 0.0;
    Box::new(move |requests| {
        owed += requests as f64 / per_rollout;
        let whole = owed.floor();
        owed -= whole;
        play(whole as u64);
    })
}

/// Rollouts by counts: 200 buckets, two versions, 60 intervals, gates included.
pub fn counts(per_interval: f64) -> Box<dyn FnMut(u64)> {
    rollouts(Canary {
        engine: Kind::Counts,
        split: Split::Random,
        rate: per_interval / INTERVAL.as_secs_f64(),
        ladder: &[1.0, 5.0, 10.0, 25.0, 50.0, 75.0],
        metrics: exact(log_buckets()),
    })
}

/// The same as a mesh measures it: Istio's 20 buckets, scraped every 15 s, series that appear with
/// their first request.
pub fn counts_of_a_mesh(rate: f64) -> Box<dyn FnMut(u64)> {
    rollouts(Canary {
        engine: Kind::Counts,
        split: Split::Random,
        rate,
        ladder: &[1.0, 5.0, 10.0, 25.0, 50.0, 75.0],
        metrics: telemetry::Plan::plain(
            Sampling::Scraped {
                interval: Span::from_secs(15),
                phase: Phase::Fixed(Span::from_secs(7)),
            },
            Birth::FirstRequest,
            Buckets::istio(),
        ),
    })
}

struct Canary {
    engine: Kind,
    split: Split,
    rate: f64,
    /// Percentages, held for equally many intervals.
    ladder: &'static [f64],
    metrics: telemetry::Plan,
}

fn rollouts(canary: Canary) -> Box<dyn FnMut(u64)> {
    // A benchmark lives as long as its process.
    let world: &'static World = Box::leak(Box::new(world(canary.rate, canary.split)));
    let metrics: &'static telemetry::Plan = Box::leak(Box::new(canary.metrics));
    let rollout: &'static Plan = Box::leak(Box::new(plan(canary.ladder)));
    let analysis: &'static [Gate] = Box::leak(Box::new(gates()));
    let mut player = Player::new(Setting {
        world,
        telemetry: metrics,
        rollout,
        analysis,
        onlookers: &[],
        horizon: rollout.longest(),
        aftermath: Span::ZERO,
        held: None,
        engine: canary.engine,
        observe: false,
    });
    let mut replicate = 0;
    Box::new(move |rollouts| {
        for _ in 0..rollouts {
            let trial = player.play(Seed::DEFAULT, replicate);
            assert_eq!(trial.ended.as_nanos(), (INTERVAL * INTERVALS).as_nanos());
            replicate += 1;
        }
    })
}

fn share(p: f64) -> Probability {
    Probability::new(p).expect("a share")
}

fn world(rate: f64, split: Split) -> World {
    let p99 = Span::from_millis(250);
    let latency = Latency::log_normal(Span::from_millis(40), share(0.99), p99).expect("in order");
    let profile = Profile::Constant(Rate::per_second(rate).expect("a rate"));
    let mut world = World::plain(
        Traffic::plain(profile, Population::zipf(100_000, 1.0)),
        Service::plain(latency, share(0.001)),
    );
    world.canary.errors = share(0.01);
    world.split = split;
    world
}

fn plan(ladder: &[f64]) -> Plan {
    let hold = INTERVAL * (INTERVALS / ladder.len() as u64);
    let step = |percent: &f64| Step {
        weight: Weight::clamped(*percent),
        hold,
        mirror: Weight::ZERO,
        pause: false,
    };
    Plan::Staged(StagedPlan {
        counting: Counting::Cumulative,
        ..StagedPlan::new(ladder.iter().map(step), INTERVAL)
    })
}

/// Gates that read everything and never fail, so that every rollout has its 60 intervals.
fn gates() -> [Gate; 3] {
    [
        Gate::SuccessRatio(SuccessRatio {
            route: None,
            window: INTERVAL,
            min: share(0.0),
            max: None,
            min_requests: 1,
        }),
        Gate::LatencyQuantile(LatencyQuantile {
            route: None,
            window: INTERVAL,
            quantile: share(0.99),
            max: Span::from_secs(3_600),
            min_requests: 1,
        }),
        Gate::Comparison(Comparison {
            route: None,
            against: Version::Stable,
            strata: 0,
            window: INTERVAL,
            metric: Metric::ErrorRatio,
            limit: ComparisonLimit::Difference(1.0),
            min_requests: 10,
        }),
    ]
}

fn exact(buckets: Buckets) -> telemetry::Plan {
    telemetry::Plan::plain(Sampling::Exact, Birth::Zero, buckets)
}

/// 200 buckets, equally wide in the logarithm from 1 ms to 10 s.
fn log_buckets() -> Buckets {
    let bounds = (0..199)
        .map(|i| 0.001 * 10_000_f64.powf(f64::from(i + 1) / 200.0))
        .collect();
    Buckets::new(bounds, Unit::Seconds).expect("in order")
}
