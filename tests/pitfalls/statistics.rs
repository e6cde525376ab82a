//! Tests that are asked for more than they promise.

use super::{
    altered, assert_share, exactly, held, normal, parsed, played, shipped, text, watched, written,
};

/// For each rollout, the first look at which an alarm sounds, if any does.
fn first_alarms(looks: &[Vec<f64>], alarm: impl Fn(f64) -> bool) -> Vec<Option<usize>> {
    let first = |rollout: &Vec<f64>| rollout.iter().position(|p| alarm(*p));
    looks.iter().map(first).collect()
}

/// The p-value at every look of some rollouts of a good canary that nothing stops.
fn p_values(name: &str, trials: u64) -> Vec<Vec<f64>> {
    let patient = [("[rollout]", "[rollout]\nrollback = \"never\"")];
    let scenario = altered(name, &patient);
    let mut looks: Vec<Vec<f64>> = Vec::new();
    let mut before = None;
    watched(&scenario, false, trials, &mut |tick| {
        if before.is_none_or(|before| tick.now < before) {
            looks.push(Vec::new());
        }
        before = Some(tick.now);
        if let (Some(verdict), Some(rollout)) = (tick.verdict, looks.last_mut()) {
            rollout.push(verdict.value);
        }
    });
    assert_eq!(looks.len() as u64, trials);
    looks
}

#[test]
fn every_look_is_another_chance_of_a_false_alarm() {
    const TRIALS: u64 = 3_000;
    let looks = p_values("peeking", TRIALS);
    // Random walks observed at equal steps: the share that has crossed 1.645 on one side, and 1.96
    // on either, within so many looks. From walks of 20,000; the two-sided ones are Armitage,
    // McPherson and Rowe's (1969). The slack is for the error of those walks and for failures
    // that come one by one.
    let one_sided = first_alarms(&looks, |p| p <= 0.05);
    let two_sided = first_alarms(&looks, |p| p <= 0.025 || p >= 0.975);
    for (within, one, two) in [
        (1, 0.05, 0.051),
        (2, 0.079, 0.083),
        (5, 0.131, 0.142),
        (10, 0.172, 0.193),
        (20, 0.215, 0.25),
        (50, 0.272, 0.324),
        (100, 0.311, 0.378),
    ] {
        for (alarms, expected) in [(&one_sided, one), (&two_sided, two)] {
            let early = |alarm: &&Option<usize>| alarm.is_some_and(|look| look < within);
            let share = alarms.iter().filter(early).count() as f64 / TRIALS as f64;
            assert_share(share, TRIALS, expected, 0.012);
        }
    }
}

/// Chance that more than one answer in a hundred is slow, when one in a hundred is on average: slow
/// ones and fast ones come independently of each other.
fn more_than_one_in_a_hundred(answers: f64) -> f64 {
    let (slow, fast) = (0.01 * answers, 0.99 * answers);
    let fails = |x: u32| normal((99.0 * f64::from(x) - 0.5 - fast) / fast.sqrt());
    let (mut term, mut sum) = ((-slow).exp(), 0.0);
    for x in 0..100 {
        sum += term * fails(x);
        term *= slow / f64::from(x + 1);
    }
    sum
}

#[test]
fn a_limit_that_is_met_exactly_is_a_coin_toss_at_every_look() {
    let results = played(exactly(shipped("exact-limit")), &[10.0], 3_000);
    let cell = written(&results);
    let passes = |answers| 1.0 - more_than_one_in_a_hundred(answers);
    let promoted = passes(480.0) * passes(1_200.0) * passes(2_400.0);
    assert!((promoted - 0.125).abs() < 0.02, "{promoted}");
    // A few answers on their way at the end of a window.
    assert_share(cell.power.estimate, cell.trials, 1.0 - promoted, 0.01);
    assert_eq!(cell.false_rollback.estimate, 0.0);
    for answers in [480.0, 1_200.0, 2_400.0] {
        assert!((passes(answers) - 0.5).abs() < 0.04, "{}", passes(answers));
    }
}

#[test]
fn one_look_keeps_the_promise_and_a_hundred_do_not() {
    let results = played(shipped("peeking"), &[50.0], 1_500);
    let cell = written(&results);
    assert_share(cell.false_rollback.estimate, cell.trials, 0.311, 0.012);
    let once = [("interval = \"1m\"", "interval = \"100m\"")];
    let results = played(altered("peeking", &once), &[50.0], 1_500);
    let cell = written(&results);
    assert_share(cell.false_rollback.estimate, cell.trials, 0.05, 0.005);
    let corrected = [("alpha = \"5%\"", "alpha = \"0.05%\"")];
    let results = played(altered("peeking", &corrected), &[50.0], 1_500);
    let cell = written(&results);
    assert!(cell.false_rollback.estimate < 0.05, "{cell:?}");
}

/// The scenario with the tests of its first routes only.
fn with_tests(count: usize) -> coalmine::scenario::Scenario {
    let text = text("many-metrics");
    let (before, gates) = text.split_once("[[rollout.gates]]").unwrap();
    let (gates, after) = gates.split_once("[experiment]").unwrap();
    let kept: Vec<&str> = gates.split("[[rollout.gates]]").take(count).collect();
    let kept = kept.join("[[rollout.gates]]");
    parsed(&format!(
        "{before}[[rollout.gates]]{kept}[experiment]{after}"
    ))
}

#[test]
fn twenty_tests_block_two_good_releases_in_three() {
    for (tests, expected) in [(5, 0.226), (10, 0.401), (20, 0.642)] {
        let promised = 1.0 - 0.95_f64.powi(tests);
        assert!((promised - expected).abs() < 0.001);
        let results = played(with_tests(tests as usize), &[50.0], 1_500);
        let cell = written(&results);
        // Each arm of a route has 150 failures: the level is 5 % to within 0.2 points, which
        // twenty of them make 1.5.
        assert_share(cell.false_rollback.estimate, cell.trials, promised, 0.015);
    }
}

#[test]
fn a_level_divided_by_the_tests_keeps_the_promise() {
    let corrected = [("alpha = \"5%\"", "alpha = \"0.25%\"")];
    let results = played(altered("many-metrics", &corrected), &[50.0], 1_500);
    let cell = written(&results);
    let promised = 1.0 - 0.9975_f64.powi(20);
    assert_share(cell.false_rollback.estimate, cell.trials, promised, 0.015);
    // 150,000 requests of checkout an arm: half as many failures again.
    assert!(cell.power.estimate > 0.8, "{cell:?}");
}

/// Shares of looks at which a good canary alarms, on the side of the worse and on either side, and
/// the number of looks. The looks of a rollout are on windows apart.
fn burst_alarms(changes: &[(&str, &str)], trials: u64) -> (f64, f64, u64) {
    let patient = ("[rollout]", "[rollout]\nrollback = \"never\"");
    let scenario = altered("bursts", &[changes, &[patient]].concat());
    let mut p_values = Vec::new();
    watched(&scenario, false, trials, &mut |tick| {
        p_values.extend(tick.verdict.map(|verdict| verdict.value));
    });
    let looks = p_values.len() as u64;
    let share =
        |alarm: fn(&&f64) -> bool| p_values.iter().filter(alarm).count() as f64 / looks as f64;
    let one_sided = share(|p| **p <= 0.05);
    let two_sided = share(|p| **p <= 0.025 || **p >= 0.975);
    (one_sided, two_sided, looks)
}

#[test]
fn bursts_break_a_test_for_independent_failures() {
    // 56 % and one-sided 32 % by a simulation of spells of exponential length with Poisson failures
    // (6,000 rounds: 0.6 points); published from 300 rounds: 62 %. Spells that reach from one look
    // into the next are few (10 s in 300).
    let (one_sided, two_sided, looks) = burst_alarms(&[], 300);
    assert_share(two_sided, looks, 0.56, 0.03);
    assert_share(one_sided, looks, 0.32, 0.03);

    // Two looks, the first of which ends the rollout where it alarms.
    let results = played(exactly(shipped("bursts")), &[10.0], 150);
    let cell = written(&results);
    let twice = 1.0 - (1.0 - 0.32_f64).powi(2);
    assert_share(cell.false_rollback.estimate, cell.trials, twice, 0.03);
    // 1,500 requests with 1.1 % of failures against 13,500 with 0.1 %, but for the spells.
    assert!(cell.power.estimate > 0.8, "{cell:?}");
}

#[test]
fn without_bursts_the_same_test_keeps_its_promise() {
    let spells =
        "[[faults]]\nkind = \"bursts\"\nprobability = \"30%\"\ngood = \"500s\"\nbad = \"10s\"\n";
    let (one_sided, two_sided, looks) = burst_alarms(&[(spells, "")], 300);
    // 1.5 and 13.5 failures are few for a normal approximation.
    assert_share(two_sided, looks, 0.045, 0.02);
    assert_share(one_sided, looks, 0.05, 0.025);
}

#[test]
fn weaker_bursts_break_it_less() {
    let weaker = [("probability = \"30%\"", "probability = \"5%\"")];
    let (_, two_sided, looks) = burst_alarms(&weaker, 200);
    // Published and by simulation: 24 and 25 %.
    assert_share(two_sided, looks, 0.25, 0.03);
}

#[test]
fn kayenta_sees_less_of_a_canary_with_more_traffic() {
    let name = "kayenta-canary";
    let results = played(shipped(name), &[5.0, 10.0, 25.0], 30);
    let power = |percent| held(&results, percent).power.estimate;
    // Of 30 trials each, where about 0.9, 0.2 and 1 were found in 300: bounds at more than four
    // standard errors.
    assert!(power(5.0) > 0.65, "{}", power(5.0));
    assert!(power(10.0) < 0.55, "{}", power(10.0));
    assert!(power(25.0) > 0.9, "{}", power(25.0));
    for percent in [5.0, 10.0, 25.0] {
        let passed = 1.0 - held(&results, percent).false_rollback.estimate;
        assert!(passed > 0.85, "{percent}: {passed}");
    }
}
