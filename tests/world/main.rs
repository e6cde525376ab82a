//! The engine that follows requests one by one does what is known of its worlds: closed forms where
//! there are any, a slow and obvious count elsewhere. Each test states the level of its bounds; seeds
//! are fixed, so that a bound that holds once holds always.

mod arrivals;
mod faults;
mod fleets;
mod judgement;
mod meshes;
mod queues;
mod scopes;
mod splits;
mod stickiness;
mod users;

use std::path::Path;

use coalmine::base::Seed;
use coalmine::engine::Tick;
use coalmine::engine::Trial;
use coalmine::engine::r#virtual::{Kind, Player, Setting};
use coalmine::scenario::{self, Scenario};
use coalmine::telemetry::{Counters, Status, Version};

const SEED: Seed = Seed(20_260_101);

fn parsed(text: &str) -> Scenario {
    scenario::parse(text, Path::new("test.toml"), None)
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// A world whose canary is held at `percent` for `seconds`, looked at every `interval` seconds by a
/// gate that everything passes.
fn held(world: &str, percent: f64, seconds: u64, interval: u64) -> Scenario {
    held_reading(world, percent, seconds, interval, &[])
}

/// The same, with the series of some routes.
fn held_reading(
    world: &str,
    percent: f64,
    seconds: u64,
    interval: u64,
    routes: &[&str],
) -> Scenario {
    let mut text = format!(
        "{world}\n[rollout]\ninterval = \"{interval}s\"\n\
         steps = [{{ weight = \"{percent}%\", hold = \"{seconds}s\" }}]\n\
         [[rollout.gates]]\nkind = \"difference\"\nmetric = \"mean\"\nmax = \"1000h\"\n\
         window = \"{interval}s\"\n"
    );
    for route in routes {
        text += &format!(
            "[[rollout.gates]]\nkind = \"success-ratio\"\nmin = \"0%\"\nroute = \"{route}\"\n\
             window = \"{interval}s\"\n"
        );
    }
    parsed(&text)
}

fn setting(scenario: &Scenario) -> Setting<'_> {
    Setting {
        world: &scenario.world,
        telemetry: &scenario.telemetry,
        rollout: &scenario.rollout,
        analysis: &scenario.analysis,
        onlookers: &[],
        horizon: scenario.horizon,
        aftermath: scenario.experiment.aftermath,
        held: None,
        engine: Kind::Coupled,
        observe: true,
    }
}

/// Plays one rollout and shows its ticks.
fn watch(scenario: &Scenario, replicate: u64, mut see: impl FnMut(&Tick<'_>)) -> Trial {
    Player::new(setting(scenario)).watch(SEED, replicate, &mut see)
}

/// What had been counted at the end of a rollout.
struct Seen {
    stable: Counters,
    canary: Counters,
    trial: Trial,
}

/// Plays some rollouts.
fn played(scenario: &Scenario, trials: u64) -> Vec<Seen> {
    let mut player = Player::new(setting(scenario));
    (0..trials)
        .map(|replicate| {
            let mut last = None;
            let trial = player.watch(SEED, replicate, &mut |tick: &Tick<'_>| {
                let counters = |version| tick.telemetry.counters(version).clone();
                last = Some((counters(Version::Stable), counters(Version::Canary)));
            });
            let (stable, canary) = last.expect("a tick");
            Seen {
                stable,
                canary,
                trial,
            }
        })
        .collect()
}

fn once(scenario: &Scenario) -> Seen {
    played(scenario, 1).remove(0)
}

fn failures(counters: &Counters) -> u64 {
    counters.requests[Status::Failure as usize]
}

fn successes(counters: &Counters) -> u64 {
    counters.requests[Status::Success as usize]
}

fn all(counters: &Counters) -> u64 {
    counters.requests.iter().sum()
}

/// Mean latency of all answers, in seconds.
fn mean_latency(counters: &Counters) -> f64 {
    counters.seconds.iter().sum::<f64>() / all(counters) as f64
}

/// A share of independent trials lies within 4.4 standard errors of what it should be: once in
/// 100,000 it would not.
#[track_caller]
fn assert_share(hits: u64, trials: u64, expected: f64) {
    let found = hits as f64 / trials as f64;
    let error = (expected * (1.0 - expected) / trials as f64).sqrt();
    assert!(
        trials > 0 && (found - expected).abs() <= 4.4 * error + 1e-12,
        "{hits} of {trials} are {found}, not {expected} (standard error {error})"
    );
}

/// The mean of a sample lies within 4.4 of its standard errors, and `slack`, of what it should be.
#[track_caller]
fn assert_mean(sample: &[f64], expected: f64, slack: f64) {
    let (mean, error) = mean_and_error(sample);
    assert!(
        (mean - expected).abs() <= 4.4 * error + slack,
        "mean {mean}, not {expected} (standard error {error})"
    );
}

fn mean_and_error(sample: &[f64]) -> (f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found}, not {expected} within {tolerance}"
    );
}

/// A sample follows a distribution with this quantile function: Kolmogorov and Smirnov at a level of
/// 1 in 1,000 against ten times as many of its quantiles.
#[track_caller]
fn assert_distribution(sample: &mut [f64], quantile: impl Fn(f64) -> f64) {
    let n = 10 * sample.len();
    let mut expected: Vec<f64> = (0..n)
        .map(|k| quantile((k as f64 + 0.5) / n as f64))
        .collect();
    let ks = coalmine::stats::ks_two_sample(sample, &mut expected).expect("numbers");
    assert!(ks.p > 0.001, "{ks:?}");
}
