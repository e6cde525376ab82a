//! The planned numbers put to the test: simulated tests and played rollouts have the power that was
//! planned.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use coalmine::experiment::planner::{GateKind, GateRow, Plan};
use coalmine::experiment::{self, Options};
use coalmine::scenario;
use coalmine::stats::draw::Poisson;
use coalmine::stats::planning::fleiss_power;
use coalmine::stats::sequential::{ExactSplit, Spending, SplitE, SplitLaw};
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
                ledger: None,
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
        let formula = fleiss_power(canary, stable, share, 10.0 * seconds, 0.05).unwrap();
        assert!((formula - 0.8).abs() < 1e-3, "{formula}");
        assert!(
            caught.contains(formula),
            "{stable} {canary} {percent}: {caught:?}"
        );
    }
}

/// Errors of both versions that come at a constant rate over a canary's whole time, look by look.
struct Canary {
    stream: Xoshiro256PlusPlus,
    looks: u32,
    canary: Poisson,
    stable: Poisson,
}

impl Canary {
    /// With so many errors expected by the end.
    fn new(seed: u64, looks: u32, canary: f64, stable: f64) -> Canary {
        Canary {
            stream: Xoshiro256PlusPlus::seed_from_u64(seed),
            looks,
            canary: Poisson::new(canary / f64::from(looks)),
            stable: Poisson::new(stable / f64::from(looks)),
        }
    }

    /// Plays it to the first look at which `rejects` says so of the errors since the last look and
    /// the share of the time; that share, or none.
    fn play(&mut self, mut rejects: impl FnMut(u64, u64, f64) -> bool) -> Option<f64> {
        (1..=self.looks).find_map(|look| {
            let canary = self.canary.sample(&mut self.stream);
            let stable = self.stable.sample(&mut self.stream);
            let passed = f64::from(look) / f64::from(self.looks);
            rejects(canary, canary + stable, passed).then_some(passed)
        })
    }
}

/// Cells of the tests of sequential gates.
const CELLS: [(f64, f64, f64); 5] = [
    (0.001, 2.0, 5.0),
    (0.01, 5.0, 5.0),
    (0.001, 10.0, 1.0),
    (0.01, 2.0, 50.0),
    (0.001, 10.0, 10.0),
];

fn gate(plan: &Plan, kind: GateKind) -> GateRow {
    let gates = &plan.metrics[0].gates;
    *gates.iter().find(|row| row.gate == kind).unwrap()
}

/// Errors a second of canary and stable.
fn error_rates(plan: &Plan) -> (f64, f64) {
    let row = plan.metrics[0].rows[0];
    let a_second = |errors: Option<f64>| errors.unwrap() / row.seconds;
    (a_second(row.canary_events), a_second(row.stable_events))
}

#[test]
fn exact_spending_at_equal_times_takes_as_long_as_planned() {
    const RUNS: u64 = 5_000;
    for (seed, (stable, ratio, percent)) in (300..).zip(CELLS) {
        let plan = plan(10.0, stable, ratio, percent);
        let planned = gate(&plan, GateKind::Spending);
        let latest = planned.latest_seconds.unwrap();
        let (bad, others) = error_rates(&plan);
        let run = |seed: u64, bad: f64| {
            let mut canary = Canary::new(seed, plan.looks, bad * latest, others * latest);
            let mut test = ExactSplit::default();
            let (mut caught, mut seconds) = (0, 0.0);
            for _ in 0..RUNS {
                test.reset();
                let ended = canary.play(|first, events, passed| {
                    let target = Spending::Pocock.spent(0.05, passed);
                    let law = SplitLaw::Share(percent / 100.0);
                    test.look(first, events, law, target).unwrap().rejected
                });
                caught += u64::from(ended.is_some());
                seconds += ended.unwrap_or(1.0) * latest / RUNS as f64;
            }
            (caught, seconds)
        };
        let what = format!("{stable} x{ratio} at {percent} %");
        let (caught, seconds) = run(seed, bad);
        // Planned look by look of a fixed number of errors; they come as they do.
        let power = caught as f64 / RUNS as f64;
        assert!((power - 0.8).abs() < 0.03, "{what}: {power}");
        let off = seconds / planned.mean_seconds - 1.0;
        assert!(off.abs() < 0.04, "{what}: {seconds} for {planned:?}");
        let (false_alarms, _) = run(seed + 50, bad / ratio);
        let level = wilson(false_alarms, RUNS, CONFIDENCE);
        assert!(level.low <= 0.05, "{what}: {level:?}");
    }
}

#[test]
fn evidence_comes_when_it_was_planned_to() {
    const RUNS: u64 = 2_000;
    for (seed, (stable, ratio, percent)) in (400..).zip(CELLS) {
        let plan = plan(10.0, stable, ratio, percent);
        let planned = gate(&plan, GateKind::Evidence);
        let (bad, others) = error_rates(&plan);
        // Long enough for nearly all, and looked at so often that errors come one by one.
        let end = 12.0 * planned.mean_seconds;
        let looks = ((bad + others) * end * 20.0) as u32;
        let share = percent / 100.0;
        let mut canary = Canary::new(seed, looks, bad * end, others * end);
        let mut evidence = SplitE::new(&SplitE::usual_ratios(), 1.0).unwrap();
        let mut times: Vec<f64> = (0..RUNS)
            .map(|_| {
                evidence.reset();
                let ended = canary.play(|first, events, _| {
                    events > 0 && evidence.look(first, events, share).unwrap() >= 20_f64.ln()
                });
                ended.unwrap_or(1.0) * end
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let what = format!("{stable} x{ratio} at {percent} %");
        let mean = times.iter().sum::<f64>() / RUNS as f64;
        let off = mean / planned.mean_seconds - 1.0;
        assert!(off.abs() < 0.06, "{what}: {mean} for {planned:?}");
        let reached = times[(RUNS * 8 / 10) as usize];
        let off = reached / planned.caught_seconds - 1.0;
        assert!(off.abs() < 0.1, "{what}: {reached} for {planned:?}");
    }
}
