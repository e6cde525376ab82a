//! Like with like.

use coalmine::stats::normal_upper;

use super::{altered, assert_near, assert_share, exactly, mean, played, shipped, watched, written};

#[test]
fn a_cold_canary_is_condemned_whatever_its_code() {
    let results = played(shipped("cold-canary"), &[5.0], 30);
    let cell = written(&results);
    assert_eq!(cell.false_rollback.estimate, 1.0, "{cell:?}");

    let fair = [
        ("[telemetry]", "[split]\nbaseline = true\n\n[telemetry]"),
        ("max = 1.3", "max = 1.3\nagainst = \"baseline\""),
    ];
    let results = played(altered("cold-canary", &fair), &[5.0], 60);
    let cell = written(&results);
    // Means of 300 requests each differ by 8 % (standard error); six looks at a limit of 30 %.
    assert!(cell.false_rollback.estimate < 0.06, "{cell:?}");
    assert!(cell.power.estimate > 0.95, "{cell:?}");
}

#[test]
fn a_canary_of_a_request_a_second_warms_up_for_half_an_hour() {
    let patient = [("[rollout]", "[rollout]\nrollback = \"never\"")];
    let scenario = exactly(altered("cold-canary", &patient));
    let mut looks = vec![Vec::new(); 6];
    watched(&scenario, false, 60, &mut |tick| {
        if let Some(verdict) = tick.verdict {
            let look = (tick.now.as_secs_f64() / 300.0).round() as usize - 1;
            if let Some(look) = looks.get_mut(look) {
                look.push(verdict.value);
            }
        }
    });
    // Mean of 1 + 4 e^(-t / 2,000 s) over five minutes that end at the k-th look. Sixty trials of
    // 300 requests whose latency has a coefficient of variation of 0.93 and a little more: 4
    // standard errors are 3 %, and half a percent for stable's own.
    for (k, look) in looks.iter().enumerate() {
        let from = 300.0 * k as f64;
        let excess = |t: f64| (-t / 2_000.0_f64).exp();
        let expected = 1.0 + 4.0 * 2_000.0 / 300.0 * (excess(from) - excess(from + 300.0));
        assert!(!look.is_empty());
        assert_near(mean(look), expected, 0.04);
    }
}

#[test]
fn newcomers_make_the_same_code_look_twice_as_bad() {
    let scenario = exactly(shipped("mix-shift"));
    let mut ratios = Vec::new();
    watched(&scenario, false, 15, &mut |tick| {
        ratios.extend(tick.verdict.map(|verdict| verdict.value));
    });
    // 0.7 · 0.1 + 0.3 · 2 % over 0.9 · 0.1 + 0.1 · 2 %. Sixty failures of the canary in a trial:
    // 4 standard errors of fifteen trials are 15 %.
    let expected = 0.67 / 0.29;
    assert!(expected > 2.3);
    assert_near(mean(&ratios), expected, 0.16);
    assert!(
        written(&played(scenario, &[50.0], 10))
            .false_rollback
            .estimate
            > 0.95
    );
}

#[test]
fn stratified_by_route_the_difference_is_gone() {
    let fair = [("max = 1.5", "max = 1.5\nstratify = \"route\"")];
    let scenario = exactly(altered("mix-shift", &fair));
    let mut ratios = Vec::new();
    watched(&scenario, false, 15, &mut |tick| {
        ratios.extend(tick.verdict.map(|verdict| verdict.value));
    });
    assert_near(mean(&ratios), 1.0, 0.16);
    let results = played(scenario, &[50.0], 10);
    let cell = written(&results);
    assert!(cell.false_rollback.estimate < 0.25, "{cell:?}");
    assert!(cell.power.estimate > 0.85, "{cell:?}");
}

#[test]
fn what_breaks_by_day_is_fine_at_night() {
    let results = played(shipped("night-canary"), &[25.0], 60);
    let cell = written(&results);
    assert!(cell.power.estimate < 0.05, "{cell:?}");
    let day = [("Fri 04:00", "Fri 14:00")];
    let results = played(altered("night-canary", &day), &[25.0], 30);
    let cell = written(&results);
    assert!(cell.power.estimate > 0.95, "{cell:?}");
    assert!(cell.false_rollback.estimate < 0.07, "{cell:?}");
}

/// Chance that a canary of so many pods seems slower than `limit`, with `factor` of true slowing.
fn seems_slower(pods: f64, limit: f64, factor: f64) -> f64 {
    // Placement of the canary's pods, of stable's forty, and the sampling of 1,200 requests whose
    // logarithm has a spread of 0.298.
    let spread = (0.07_f64.powi(2) / pods + 0.07_f64.powi(2) / 40.0 + 0.0089_f64.powi(2)).sqrt();
    // The mean of a factor exp(0.07 z) is 1.00245; a single pod's median is 1.
    let mean_factor = (0.07_f64.powi(2) / 2.0 * (1.0 - 1.0 / pods)).exp();
    let shift = (limit * 1.002_45 / mean_factor / factor).ln();
    normal_upper(shift / spread)
}

#[test]
fn one_pod_in_four_is_slower_by_where_it_runs() {
    let one = seems_slower(1.0, 1.05, 1.0);
    assert!((one - 0.24).abs() < 0.01, "{one}");
    let results = played(exactly(shipped("one-pod")), &[10.0], 120);
    let cell = written(&results);
    assert_share(cell.false_rollback.estimate, cell.trials, one, 0.01);
    let found = seems_slower(1.0, 1.05, 1.1);
    assert_share(cell.power.estimate, cell.trials, found, 0.01);

    let more = [("[canary]\ninstances = 1", "[canary]\ninstances = 4")];
    let four = seems_slower(4.0, 1.05, 1.0);
    assert!((four - 0.09).abs() < 0.012, "{four}");
    let results = played(exactly(altered("one-pod", &more)), &[10.0], 120);
    let cell = written(&results);
    assert_share(cell.false_rollback.estimate, cell.trials, four, 0.01);
}
