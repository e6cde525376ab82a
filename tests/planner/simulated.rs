//! The planned numbers put to the test: simulated tests and played rollouts have the power that was
//! planned.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use coalmine::experiment::{self, Options};
use coalmine::scenario;
use coalmine::stats::draw::Poisson;
use coalmine::stats::{binomial_above, wilson};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::plan;

const TRIALS: u64 = 20_000;
/// Of a dozen estimates, a right planner misses one in a hundred runs of other seeds.
const CONFIDENCE: f64 = 0.999;

/// Whether the exact conditional test rejects at 5 %: of so many errors, these are the canary's.
fn rejects(canary: u64, stable: u64, share: f64) -> bool {
    let below = canary.checked_sub(1);
    below.is_some_and(|below| binomial_above(canary + stable, below, share) <= 0.05)
}

/// How often it rejects among Poisson errors with these means.
fn rejections(canary: f64, stable: f64, share: f64, seed: u64) -> u64 {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (canary, stable) = (Poisson::new(canary), Poisson::new(stable));
    let trials = (0..TRIALS).filter(|_| {
        let (y, x) = (canary.sample(&mut stream), stable.sample(&mut stream));
        rejects(y, x, share)
    });
    trials.count() as u64
}

#[test]
fn the_exact_test_has_its_power_at_the_planned_number_and_keeps_its_level() {
    for (seed, (stable, ratio, percent)) in (0..).zip([
        (0.001, 2.0, 5.0),
        (0.001, 5.0, 1.0),
        (0.01, 5.0, 10.0),
        (0.01, 2.0, 50.0),
        (0.001, 10.0, 1.0),
        (0.02, 1.5, 25.0),
    ]) {
        let row = plan(1.0, stable, ratio, percent).metrics[0].rows[0];
        let share = percent / 100.0;
        let (bad, others) = (row.canary_events.unwrap(), row.stable_events.unwrap());
        let caught = wilson(rejections(bad, others, share, seed), TRIALS, CONFIDENCE);
        assert!(caught.contains(0.8), "x{ratio} at {percent} %: {caught:?}");
        let rolled_back = rejections(bad / ratio, others, share, seed + 100);
        let false_alarms = wilson(rolled_back, TRIALS, CONFIDENCE);
        assert!(
            false_alarms.low <= 0.05,
            "x{ratio} at {percent} %: {false_alarms:?}"
        );
    }
}

#[test]
fn the_visible_ratio_is_seen_with_the_power_in_the_time_given() {
    for (seed, (rate, stable, percent)) in
        (200..).zip([(10.0, 0.001, 5.0), (1.0, 0.01, 10.0), (100.0, 0.001, 1.0)])
    {
        let row = plan(rate, stable, 2.0, percent).metrics[0].rows[0];
        let share = percent / 100.0;
        let requests = rate * 3_600.0;
        let bad = requests * share * row.visible.unwrap();
        let others = requests * (1.0 - share) * stable;
        let caught = wilson(rejections(bad, others, share, seed), TRIALS, CONFIDENCE);
        assert!(caught.contains(0.8), "{rate}/s at {percent} %: {caught:?}");
    }
}

#[test]
fn a_rollout_with_the_z_test_has_the_power_of_the_closed_form() {
    // Enough errors for the normal limit: 40 and more on the canary.
    for (stable, canary, percent) in [(0.01, 0.02, 50.0), (0.02, 0.03, 25.0)] {
        let share = percent / 100.0;
        let row = plan(1.0, stable, canary / stable, percent).metrics[0].rows[0];
        let requests = row.requests_otherwise.unwrap();
        let seconds = (requests / 10.0).round();
        let text = format!(
            "[traffic]\nrate = \"10/s\"\n[stable]\nerrors = \"{}%\"\n[canary]\nerrors = \"{}%\"\n\
             [telemetry]\nscrape = \"exact\"\nseries = \"zero\"\n\
             [rollout]\ninterval = \"{seconds}s\"\nfailures = 1\n\
             steps = [{{ weight = \"{percent}%\", hold = \"{seconds}s\" }}]\n\
             [[rollout.gates]]\nkind = \"z-test\"\nalpha = \"5%\"\nwindow = \"{seconds}s\"\n\
             [experiment]\nweights = [\"{percent}%\"]\ntrials = 4000\n",
            stable * 100.0,
            canary * 100.0,
        );
        let scenario = scenario::parse(&text, Path::new("planned.toml"), None)
            .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        let stop = AtomicBool::new(false);
        let results = experiment::run(
            &scenario,
            &Options {
                threads: Some(1),
                keep_trials: false,
                stop: &stop,
                progress: &|_| {},
            },
        )
        .unwrap();
        let held = &results.summary.cells[0];
        let caught = wilson(
            (held.power.estimate * held.trials as f64).round() as u64,
            held.trials,
            CONFIDENCE,
        );
        let formula =
            coalmine::stats::planning::fleiss_power(canary, stable, share, 10.0 * seconds, 0.05)
                .unwrap();
        assert!((formula - 0.8).abs() < 1e-3, "{formula}");
        assert!(
            caught.contains(formula),
            "{stable} {canary} {percent}: {caught:?}"
        );
    }
}
