//! What everybody shares.

use coalmine::telemetry::Version;

use super::{
    altered, assert_near, extended, held, mean, played, shipped, trials, watched, written,
};

const ABSOLUTE: &str = "\n[[rollout.gates]]\nkind = \"latency-quantile\"\nquantile = \"p99\"\n\
                        max = \"500ms\"\nwindow = \"2m\"\nmin_requests = 100\n";

#[test]
fn an_outage_of_both_condemns_every_good_canary() {
    let results = played(shipped("shared-outage"), &[5.0], 500);
    let cell = written(&results);
    assert_eq!(cell.false_rollback.estimate, 1.0, "{cell:?}");

    let compared = [(
        "kind = \"success-ratio\"\nmin = \"99%\"\nwindow = \"2m\"",
        "kind = \"z-test\"\nalpha = \"0.1%\"\nwindow = \"2m\"",
    )];
    let results = played(altered("shared-outage", &compared), &[5.0], 1_000);
    let cell = written(&results);
    // Fifteen looks at 0.1 %, the first five of which are more liberal: 600 requests with 0.6
    // failures expected, of which 4 are enough (0.3 %); nine look across a change of something.
    assert!(cell.false_rollback.estimate < 0.09, "{cell:?}");
    assert!(cell.power.estimate > 0.99, "{cell:?}");
}

#[test]
fn a_canary_that_slows_everybody_passes_a_comparison() {
    let results = played(shipped("hidden-outage"), &[5.0, 50.0], 30);
    for cell in &results.summary.cells {
        assert!(cell.power.estimate < 0.05, "{cell:?}");
    }
    let results = played(extended("hidden-outage", ABSOLUTE), &[5.0, 50.0], 30);
    // 250 ms at the p99 become 625 at half the traffic, and 290 at 5 %.
    assert_eq!(held(&results, 50.0).power.estimate, 1.0);
    assert!(held(&results, 5.0).power.estimate < 0.2);
    assert!(written(&results).power.estimate > 0.95);
    assert!(written(&results).false_rollback.estimate < 0.1);
}

#[test]
fn capacity_is_missed_until_the_canary_is_loaded() {
    let results = played(shipped("idle-canary"), &[1.0, 25.0, 50.0], 30);
    for idle in [1.0, 25.0] {
        let cell = held(&results, idle);
        assert!(cell.power.estimate < 0.05, "{cell:?}");
    }
    let loaded = held(&results, 50.0);
    assert!(loaded.power.estimate > 0.95, "{loaded:?}");
    assert!(loaded.false_rollback.estimate < 0.07, "{loaded:?}");
    assert!(written(&results).power.estimate > 0.95);
}

#[test]
fn weight_without_pods_condemns_every_release() {
    let results = played(shipped("autoscaler"), &[50.0, 75.0], 20);
    let half = held(&results, 50.0);
    assert!(half.false_rollback.estimate < 0.06, "{half:?}");
    // 43.5 a second on ten pods of two workers at 0.508 s, which can do 39.4.
    let most = held(&results, 75.0);
    assert!(most.false_rollback.estimate > 0.95, "{most:?}");
}

#[test]
fn an_ejected_canary_is_promoted_without_evidence() {
    let results = played(shipped("ejection"), &[10.0], 60);
    let cell = written(&results);
    assert!(cell.power.estimate < 0.05, "{cell:?}");
    let requests: Vec<f64> = (trials(&results, true).iter())
        .map(|row| row.canary_requests as f64)
        .collect();
    // Out for 30, 60, 90 seconds and so on: six times in ten minutes, each after (1 - p^5) /
    // (p^5 (1 - p)) = 10.3 requests, and the intervals at which pods are looked at.
    let until_ejected = (1.0 - 0.8_f64.powi(5)) / (0.8_f64.powi(5) * 0.2);
    assert!((until_ejected - 10.26).abs() < 0.01);
    let seen = mean(&requests);
    assert!(
        (3.0 * until_ejected..20.0 * until_ejected).contains(&seen),
        "{seen}"
    );
    // A good canary answers its tenth of 20 a second.
    let good: Vec<f64> = (trials(&results, false).iter())
        .map(|row| row.canary_requests as f64)
        .collect();
    assert_near(mean(&good), 1_200.0, 0.03);

    let alone = [(
        "ejection = { consecutive = 5, base = \"30s\", interval = \"10s\", most = \"10%\" }\n",
        "",
    )];
    let results = played(altered("ejection", &alone), &[10.0], 30);
    assert_eq!(written(&results).power.estimate, 1.0);
}

#[test]
fn what_the_gate_sees_recovers_while_the_pod_is_out() {
    let scenario = shipped("ejection");
    let window = scenario.analysis[0].window();
    let mut shown = Vec::new();
    watched(&scenario, true, 20, &mut |tick| {
        if tick.verdict.is_some() {
            let seen = tick.telemetry.window(Version::Canary, tick.now, window);
            shown.push(seen.requests());
        }
    });
    // 240 without ejection.
    assert!(mean(&shown) < 60.0, "{}", mean(&shown));
}
