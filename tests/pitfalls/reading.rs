//! What the gate reads.

use coalmine::base::Time;
use coalmine::telemetry::Version;

use super::{
    altered, assert_near, assert_share, exactly, extended, fine_buckets, mean, normal, played,
    poisson_at_least, shipped, trials, watched, written,
};

const CONVERSIONS: &str = r#"
[[rollout.gates]]
kind = "business"
goal = "conversion"
min = 0.97
window = "10m"
"#;

#[test]
fn gates_on_status_and_latency_do_not_see_an_empty_page() {
    let results = played(shipped("wrong-metrics"), &[5.0], 400);
    let cell = written(&results);
    assert_eq!(cell.power.estimate, cell.false_rollback.estimate);
    assert!(cell.power.estimate < 0.02, "{cell:?}");

    let results = played(extended("wrong-metrics", CONVERSIONS), &[5.0], 400);
    let cell = written(&results);
    // At 25 and 50 % the ratio 0.8 lies three and a half standard errors below 0.97.
    assert!(cell.power.estimate > 0.99, "{cell:?}");
    // Three looks at 2.7, 1.4 and 1.1 %: the limit is below one by a part of an error.
    assert_share(cell.false_rollback.estimate, cell.trials, 0.05, 0.02);
}

/// Share of failures and number of requests that the canary shows after the first step, means.
fn after_the_first_step(changes: &[(&str, &str)]) -> (f64, f64) {
    let scenario = exactly(altered("retry-masking", changes));
    let window = scenario.analysis[0].window();
    let (mut failing, mut requests) = (Vec::new(), Vec::new());
    watched(&scenario, true, 10, &mut |tick| {
        if tick.verdict.is_some() && tick.now == Time::START + window {
            let seen = tick.telemetry.window(Version::Canary, tick.now, window);
            failing.extend(seen.success_ratio().map(|ratio| 1.0 - ratio));
            requests.push(seen.requests());
        }
    });
    (mean(&failing), mean(&requests))
}

#[test]
fn two_retries_show_a_hundredth_of_what_fails() {
    // An attempt fails with 0.001 + 0.999 · 0.2, by stable's own errors or by the fault.
    let attempt: f64 = 1.0 - 0.999 * 0.8;
    let (visible, requests) = after_the_first_step(&[]);
    // 15,000 requests with 0.8 % of failures: 4 standard errors are 36 %.
    assert_near(visible, attempt.powi(3), 0.36);
    assert!((attempt.powi(3) - 0.008).abs() < 0.0002);
    // 5 a second for five minutes; 15,000 in all are known to within 4 · 0.8 %.
    assert_near(requests, 1_500.0, 0.035);
    let server = [("reporter = \"client\"", "reporter = \"server\"")];
    let (failing, attempts) = after_the_first_step(&server);
    // 18,600 attempts: 4 standard errors of 20 % are 6 % of it.
    assert_near(failing, attempt, 0.06);
    let load = 1.0 + attempt + attempt.powi(2);
    assert!((load - 1.24).abs() < 0.002);
    assert_near(attempts, 1_500.0 * load, 0.035);
}

#[test]
fn the_callers_side_promotes_what_the_servers_side_stops() {
    let results = played(shipped("retry-masking"), &[10.0], 60);
    let cell = written(&results);
    assert_eq!(cell.power.estimate, 0.0, "{cell:?}");
    let server = [("reporter = \"client\"", "reporter = \"server\"")];
    let results = played(altered("retry-masking", &server), &[10.0], 30);
    let cell = written(&results);
    assert_eq!(cell.power.estimate, 1.0, "{cell:?}");
    assert_eq!(cell.false_rollback.estimate, 0.0, "{cell:?}");
}

/// Mean and quantiles in milliseconds that 60 million answers of the canary show.
fn ladder(name: &str, faulty: bool, quantiles: &[f64]) -> (f64, Vec<f64>) {
    let fine = format!("series = \"zero\"\n{}", fine_buckets());
    let changes = [
        ("series = \"zero\"", fine.as_str()),
        ("rate = \"100/s\"", "rate = \"1M/s\""),
    ];
    let scenario = exactly(altered(name, &changes));
    let window = scenario.analysis[0].window();
    let mut seen = None;
    watched(&scenario, faulty, 1, &mut |tick| {
        if tick.verdict.is_none() || seen.is_some() {
            return;
        }
        let canary = tick.telemetry.window(Version::Canary, tick.now, window);
        let read = |q: &f64| canary.latency_quantile(*q).unwrap();
        let mean = canary.latency_mean().unwrap() * 1_000.0;
        seen = Some((mean, quantiles.iter().map(read).collect()));
    });
    seen.unwrap()
}

#[test]
fn one_slow_answer_in_two_hundred_moves_the_tail_and_not_the_mean() {
    let quantiles = [0.5, 0.95, 0.99, 0.999];
    let (good_mean, good) = ladder("average-tail", false, &quantiles);
    let (bad_mean, bad) = ladder("average-tail", true, &quantiles);
    // Log-normal: 80 ms · e^(0.8² / 2) = 110 ms; a second for one in two hundred adds 5 ms.
    assert_near(good_mean, 110.2, 0.005);
    assert_near(bad_mean / good_mean, 1.045, 0.003);
    // Quantiles in closed form; bounds are two percent apart and read between along a line.
    for (read, exact) in good.iter().zip([80.0, 298.3, 515.0, 948.0]) {
        assert_near(*read, exact, 0.01);
    }
    for (read, exact) in bad.iter().zip([80.5, 310.0, 627.0, 1_199.0]) {
        assert_near(*read, exact, 0.015);
    }
}

const EXCEEDANCE: (&str, &str) = (
    "kind = \"ratio\"\nmetric = \"mean\"\nmax = 1.1",
    "kind = \"latency-quantile\"\nquantile = \"p99.7\"\nmax = \"1s\"",
);

#[test]
fn a_gate_on_the_mean_passes_a_bad_tail_and_one_on_slow_answers_does_not() {
    let results = played(shipped("average-tail"), &[10.0], 1_000);
    let cell = written(&results);
    // The limit lies four standard errors above the 4.5 %.
    assert!(cell.power.estimate < 0.005, "{cell:?}");
    assert!(cell.false_rollback.estimate < 0.002, "{cell:?}");

    let results = played(altered("average-tail", &[EXCEEDANCE]), &[10.0], 1_000);
    let cell = written(&results);
    assert!(cell.power.estimate > 0.99, "{cell:?}");
    assert!(cell.false_rollback.estimate < 0.005, "{cell:?}");
}

#[test]
fn a_third_slower_shows_beside_stable_at_once() {
    let latency = shipped("slow-codec").world.stable.latency;
    // Log-normal: 12 ms · e^(0.5175² / 2), and the 99th percentile as written.
    assert_near(latency.mean(), 0.013_72, 0.001);
    assert_near(latency.mean() * 1.3, 0.017_84, 0.001);
    let results = played(exactly(shipped("slow-codec")), &[10.0], 1_000);
    let cell = written(&results);
    assert!(cell.power.estimate > 0.999, "{cell:?}");
    assert!(cell.false_rollback.estimate < 0.002, "{cell:?}");
    // Coefficient of variation 0.554, 240 and 2,160 answers: 1.3 is known to within 0.049. The slack
    // is for the skewness of a ratio.
    let error = 1.3 * 0.554 * (1.0_f64 / 240.0 + 1.0 / 2_160.0).sqrt();
    let rows = trials(&results, true);
    let first = rows.iter().filter(|row| row.end_seconds <= 60.0).count();
    let share = first as f64 / rows.len() as f64;
    assert_share(share, cell.trials, normal(0.1 / error), 0.01);
}

#[test]
fn a_window_of_five_steps_is_two_thirds_of_other_steps() {
    let results = played(exactly(shipped("long-window")), &[10.0], 1_000);
    let cell = written(&results);
    // The last look holds 4,500 requests, 1,500 of them since the fault began: 34.5 failures on
    // average, where 45 are allowed. Before it there are only stable's failures.
    let mean = 4_500.0 * 0.001 + 1_500.0 * 0.02 * 0.999;
    assert_share(
        cell.power.estimate,
        cell.trials,
        poisson_at_least(mean, 46),
        0.02,
    );
    assert!(cell.power.estimate < 0.1);

    let short = [("window = \"5m\"", "window = \"1m\"")];
    let results = played(exactly(altered("long-window", &short)), &[10.0], 1_000);
    let cell = written(&results);
    assert!(cell.power.estimate > 0.99, "{cell:?}");
    assert!(cell.false_rollback.estimate < 0.01, "{cell:?}");
}

#[test]
fn failing_fast_improves_every_latency() {
    let (good_mean, good) = ladder("fast-failures", false, &[0.5, 0.9]);
    let (bad_mean, bad) = ladder("fast-failures", true, &[0.5, 0.9]);
    // A tenth of the answers takes 2 ms: the median of all is the quantile (0.5 - 0.1) / 0.9 of
    // the others, and so on.
    let sigma: f64 = (250.0_f64 / 40.0).ln() / 2.326_35;
    assert_near(good[0], 40.0, 0.01);
    assert_near(bad[0], 40.0 * (sigma * -0.139_71).exp(), 0.01);
    assert_near(good[1], 40.0 * (sigma * 1.281_55).exp(), 0.01);
    assert_near(bad[1], 40.0 * (sigma * 1.220_64).exp(), 0.01);
    assert_near(bad_mean, 0.9 * good_mean + 0.1 * 2.0, 0.005);
}

#[test]
fn latency_gates_promote_what_fails_fast() {
    let results = played(shipped("fast-failures"), &[5.0], 500);
    let cell = written(&results);
    assert!(cell.power.estimate < 0.01, "{cell:?}");
    let ratio = "\n[[rollout.gates]]\nkind = \"success-ratio\"\nmin = \"99%\"\nwindow = \"5m\"\n";
    let results = played(extended("fast-failures", ratio), &[5.0], 200);
    assert_eq!(written(&results).power.estimate, 1.0);
}

#[test]
fn failures_before_a_counter_exists_are_not_counted() {
    let results = played(shipped("late-counter"), &[10.0], 500);
    let cell = written(&results);
    // The counter can be born before the burst: by one of stable's own failures among the two
    // requests before the first scrape.
    assert!(cell.power.estimate < 0.02, "{cell:?}");
    let there = [("series = \"first-request\"", "series = \"zero\"")];
    let results = played(altered("late-counter", &there), &[10.0], 500);
    let cell = written(&results);
    // Poisson(18) failures, of which 7 break the limit.
    assert!(cell.power.estimate > 0.98, "{cell:?}");
    assert!(cell.false_rollback.estimate < 0.01, "{cell:?}");
}

#[test]
fn health_checks_dilute_failures_six_times() {
    let scenario = exactly(shipped("health-checks"));
    let window = scenario.analysis[0].window();
    let mut failing = Vec::new();
    watched(&scenario, true, 300, &mut |tick| {
        if tick.verdict.is_some() {
            let seen = tick.telemetry.window(Version::Canary, tick.now, window);
            failing.extend(seen.success_ratio().map(|ratio| 1.0 - ratio));
        }
    });
    // 0.2 of 1.2 requests a second are the users'. 4,320 failures: 4 standard errors are 6 %.
    assert_near(mean(&failing), 0.04 / 6.0, 0.065);

    let results = played(scenario, &[1.0], 1_000);
    let cell = written(&results);
    // 14.4 failures on average, where 21 of 2,160 are allowed; the number of requests varies too.
    let broken = poisson_at_least(0.04 * 360.0, 22);
    assert_share(cell.power.estimate, cell.trials, broken, 0.02);
    assert!(broken < 0.05);
    let plain = [("probes = \"1/s\"\n", "")];
    let results = played(exactly(altered("health-checks", &plain)), &[1.0], 500);
    assert!(written(&results).power.estimate > 0.99);
}
