//! Checks against known truths.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::base::Seed;
use crate::experiment::ledger::Ledger;
use crate::experiment::summary::Mode;
use crate::experiment::{Progress, run};
use crate::scenario::parse;

/// Of 6,000 requests in five minutes one in twenty is the canary's, and of these one in a hundred fails with
/// the bad release and none with the good one. A single failure is rolled back, so power is a matter
/// of arithmetic.
const TEXT: &str = r#"
name = "known"
[traffic]
rate = "20/s"
arrivals = "even"
[stable]
errors = "0%"
[canary]
errors = "1%"
[telemetry]
scrape = "exact"
series = "zero"
[rollout]
interval = "1m"
failures = 1
steps = [{ weight = "5%", hold = "5m" }]
[[rollout.gates]]
kind = "success-ratio"
min = "99.999%"
window = "1m"
[experiment]
weights = ["5%", "20%"]
trials = 1000
"#;

fn expecting(clauses: &[&str]) -> Scenario {
    let clauses = clauses
        .iter()
        .map(|that| format!("[[expect]]\nthat = \"{that}\"\n"));
    parse(
        &(TEXT.to_owned() + &clauses.collect::<String>()),
        Path::new("known.toml"),
        None,
    )
    .unwrap()
}

fn under(scenario: &Scenario, seed: u64) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.experiment.seed = Seed(seed);
    scenario
}

fn with<T>(threads: usize, ledger: Option<&Ledger>, of: impl FnOnce(&Options<'_>) -> T) -> T {
    let stop = AtomicBool::new(false);
    of(&Options {
        threads: Some(threads),
        keep_trials: false,
        ledger,
        stop: &stop,
        progress: &|_: Progress| {},
    })
}

const PLAN: Plan = Plan {
    most_trials: 2_000,
    tolerance: 0.0,
};

fn checked(scenario: &Scenario, earlier: Option<&Results>, plan: Plan) -> Checked {
    let subject = Subject {
        scenario,
        file: "known.toml",
        earlier: earlier.map(|results| ("results/known", results)),
    };
    with(2, None, |options| check(subject, plan, options).unwrap())
}

/// The chance that any of the requests is the canary's and fails.
fn power() -> f64 {
    1.0 - (1.0_f64 - 0.05 * 0.01).powi(6_000)
}

#[test]
fn rounds_double_up_to_the_most() {
    assert_eq!(rounds(1_000), [100, 200, 400, 800, 1_000]);
    assert_eq!(rounds(400), [100, 200, 400]);
    assert_eq!(rounds(20), [20]);
}

#[test]
fn clauses_are_decided_on_the_right_side_of_the_truth() {
    assert!((power() - 0.950_3).abs() < 1e-4, "{}", power());
    let scenario = expecting(&[
        "power >= 85%",
        "power >= 99%",
        "power at 20% >= 95%",
        "false_rollback <= 2%",
        "never <= 15%",
        "never <= 1%",
        "detection_p50 <= 5m",
        "detection_p99 <= 2m",
        "promotion_p50 <= 4m",
        "promotion_p50 <= 6m",
        "exposure.requests <= 10",
        "exposure.requests <= 0.5",
    ]);
    let checked = checked(&scenario, None, PLAN);
    let outcomes: Vec<Outcome> = checked.clauses.iter().map(|one| one.outcome).collect();
    let (holds, broken) = (Outcome::Holds, Outcome::Broken);
    assert_eq!(
        outcomes,
        [
            holds, broken, holds, holds, holds, broken, holds, broken, broken, holds, holds, broken
        ]
    );
    assert!(!checked.passes(false));
    for clause in &checked.clauses {
        let of = clause.measured;
        assert!(of.low <= of.estimate && of.estimate <= of.high, "{of:?}");
        // What lies so far away takes no more than the first rounds.
        assert!(clause.rounds <= 4, "{clause:?}");
    }
}

#[test]
fn a_truth_on_the_bound_stays_undecided_and_one_beside_it_is_found_with_more_trials() {
    let on = format!("power >= {}%", 100.0 * power());
    let scenario = expecting(&[&on, "power >= 91%"]);
    let checked = checked(&scenario, None, PLAN);
    assert_eq!(checked.clauses[0].outcome, Outcome::Undecided);
    assert_eq!(checked.clauses[1].outcome, Outcome::Holds);
    assert!(checked.clauses[1].measured.trials >= 800);
    assert!(checked.passes(false) && !checked.passes(true));
}

#[test]
fn fifty_seeds_on_unchanged_input_stay_green() {
    // What is away from its bound is never red. On the bound a run is red with a chance of at most
    // 0.033 % (three clauses): two of fifty with 0.014 %.
    let on = format!("power >= {}%", 100.0 * power());
    let scenario = expecting(&[&on, "false_rollback <= 2%", "power at 20% >= 95%"]);
    let plan = Plan {
        most_trials: 800,
        ..PLAN
    };
    let mut red = 0;
    for seed in 0..50 {
        let checked = checked(&under(&scenario, seed), None, plan);
        let [on, away, beside] = &checked.clauses[..] else {
            panic!("three clauses");
        };
        red += u32::from(on.outcome == Outcome::Broken);
        assert_eq!(away.outcome, Outcome::Holds, "seed {seed}");
        assert_eq!(beside.outcome, Outcome::Holds, "seed {seed}");
    }
    assert!(red <= 1, "{red}");
}

#[test]
fn only_cells_that_clauses_ask_for_are_played_each_once() {
    let one = checked(&expecting(&["power >= 50%"]), None, PLAN);
    assert_eq!(one.trials, 100);
    let same_cell = expecting(&["power >= 50%", "never <= 50%", "detection_p50 <= 10m"]);
    assert_eq!(checked(&same_cell, None, PLAN).trials, 100);
    let both_worlds = expecting(&["power >= 50%", "false_rollback <= 30%"]);
    assert_eq!(checked(&both_worlds, None, PLAN).trials, 200);
}

#[test]
fn neither_threads_nor_what_is_known_already_change_anything() {
    let scenario = expecting(&[
        "power >= 94%",
        "false_rollback <= 1%",
        "exposure.users <= 3",
    ]);
    let subject = Subject {
        scenario: &scenario,
        file: "known.toml",
        earlier: None,
    };
    let alone = with(1, None, |options| check(subject, PLAN, options).unwrap());
    let ledger = Ledger::default();
    for ledger in [None, Some(&ledger)] {
        let many = with(4, ledger, |options| check(subject, PLAN, options).unwrap());
        assert_eq!(many, alone);
    }
}

fn results(scenario: &Scenario) -> Results {
    with(2, None, |options| run(scenario, options).unwrap())
}

#[test]
fn fifty_seeds_are_no_worse_than_a_baseline_of_another_seed() {
    let scenario = expecting(&[]);
    let earlier = results(&under(&scenario, 1_000));
    for seed in 0..50 {
        let plan = Plan {
            most_trials: 300,
            ..PLAN
        };
        let checked = checked(&under(&scenario, seed), Some(&earlier), plan);
        let baseline = checked.baseline.as_ref().unwrap();
        let worse: Vec<&baseline::Comparison> = baseline.regressions().collect();
        assert!(worse.is_empty(), "seed {seed}: {worse:?}");
        assert_eq!(baseline.comparisons.len(), 5 * earlier.summary.cells.len());
        assert!(baseline.rollout.is_empty() && baseline.world.is_empty());
    }
}

#[test]
fn a_gate_that_was_loosened_is_worse_and_the_change_is_named() {
    let scenario = expecting(&[]);
    let earlier = results(&under(&scenario, 1_000));
    let text = TEXT.replace("99.999%", "98%");
    let loose = parse(&text, Path::new("known.toml"), None).unwrap();
    let checked_loose = checked(&loose, Some(&earlier), PLAN);
    let baseline = checked_loose.baseline.as_ref().unwrap();
    let figures = |figure| {
        let of_steps = |one: &&baseline::Comparison| one.as_written && one.mode == Mode::Rollout;
        let worse = baseline.regressions().filter(of_steps);
        worse.filter(|one| one.figure == figure).count()
    };
    for figure in [
        baseline::Figure::Power,
        baseline::Figure::Detection,
        baseline::Figure::ExposedRequests,
        baseline::Figure::ExposedUsers,
    ] {
        assert_eq!(figures(figure), 1, "{figure:?}");
    }
    assert_eq!(figures(baseline::Figure::FalseRollback), 0);
    assert!(
        baseline
            .rollout
            .iter()
            .any(|part| part.starts_with("- ") && part.contains("99.999"))
    );
    assert!(
        baseline
            .rollout
            .iter()
            .any(|part| part.starts_with("+ ") && part.contains("98"))
    );
    assert!(!checked_loose.passes(false));
    // Better is not worse.
    let better = checked(&scenario, Some(&results(&loose)), PLAN);
    let power = |one: &&baseline::Comparison| one.figure == baseline::Figure::Power;
    let baseline = better.baseline.as_ref().unwrap();
    assert_eq!(baseline.regressions().filter(power).count(), 0);
    // What is allowed is not worse either.
    let plan = Plan {
        tolerance: 1.0,
        ..PLAN
    };
    let allowed = checked(&loose, Some(&earlier), plan);
    let of_shares = |one: &&baseline::Comparison| {
        matches!(
            one.figure,
            baseline::Figure::Power | baseline::Figure::Detection
        )
    };
    let baseline = allowed.baseline.as_ref().unwrap();
    assert_eq!(baseline.regressions().filter(of_shares).count(), 0);
}

#[test]
fn without_a_fault_only_false_rollbacks_are_compared() {
    let text = TEXT.replace("errors = \"1%\"", "errors = \"0%\"");
    let sound = parse(&text, Path::new("known.toml"), None).unwrap();
    let checked = checked(&sound, Some(&results(&sound)), PLAN);
    let baseline = checked.baseline.unwrap();
    assert!(
        baseline
            .comparisons
            .iter()
            .all(|one| one.figure == baseline::Figure::FalseRollback)
    );
}
