//! What is expected of both arms.

use coalmine::engine::Ending;
use coalmine::experiment::conform::{self, Observation};
use coalmine::gate::Outcome;

use super::arm::Arm;
use super::{PASSED, scenario, with_errors};

/// Standard errors that a figure may be away from what is expected: one in a million is further.
const SIGMAS: f64 = 5.0;

/// Requests of stable and canary in `PASSED`: 2,400 a minute, of which the canary gets a fifth in
/// the first and half in the second.
const REQUESTS: [f64; 2] = [3_120.0, 1_680.0];

fn near(what: &str, found: f64, expected: f64, allowed: f64) {
    assert!(
        (found - expected).abs() <= allowed,
        "{what}: {found}, where {expected} is expected, give or take {allowed}"
    );
}

/// A rollout that goes through: path, verdicts, share, errors and latencies.
fn passes(arm: Arm) {
    let Some(seen) = arm.play(&scenario(PASSED), 2) else {
        return;
    };
    for one in seen {
        assert_eq!(one.ending, Ending::Promoted);
        assert_eq!(one.ended, 120.0);
        assert_eq!(one.detection, f64::INFINITY);
        assert_eq!(one.weights[..2], [2_000, 5_000]);
        let pass = Some(Outcome::Pass);
        assert_eq!(one.verdicts, [None, pass, pass]);

        // At speed 20 answers take half a second of the scenario's time, so that a hundredth of
        // those of a minute are counted after its end.
        let drawn = (2_400.0_f64 * (0.2 * 0.8 + 0.5 * 0.5)).sqrt() / REQUESTS[1];
        near("share", one.share, 1.0, SIGMAS * drawn + 0.01);
        for (version, expected) in [0.01_f64, 0.04].into_iter().enumerate() {
            let error = (expected * (1.0 - expected) / REQUESTS[version]).sqrt();
            near("errors", one.errors[version], expected, SIGMAS * error);
        }
        latencies(arm, &one);
    }
}

/// The law is log-normal with a median of 25 ms and a 99th percentile of 100 ms. The share of
/// answers below a bound of the histogram strays by `sqrt(p (1 - p) / n)`; the quantile strays by
/// that over the density of the bucket: 0.029 a millisecond below the median and 0.015 above it,
/// 0.0022 below the 99th percentile. Above that the bucket is too wide to say anything.
fn latencies(arm: Arm, one: &Observation) {
    // A live rollout whose generator is later than this is not valid.
    let machine = match arm {
        Arm::Virtual => 0.0,
        Arm::Live => 10.0,
    };
    for (latency, n) in one.latency.into_iter().zip(REQUESTS) {
        let strays = |q: f64| SIGMAS * (q * (1.0 - q) / n).sqrt();
        let [p50, _, p99] = latency;
        assert!(p50 >= 25.0 - strays(0.5) / 0.029, "{p50}");
        assert!(p50 <= 25.0 + strays(0.5) / 0.015 + machine, "{p50}");
        assert!(p99 >= 100.0 - strays(0.99) / 0.0022, "{p99}");
    }
}

/// 30 % of 480 requests are 144, with a standard error of 10; 96 are allowed.
fn is_rolled_back(arm: Arm) {
    let Some(seen) = arm.play(&scenario(&with_errors("30%")), 2) else {
        return;
    };
    for one in seen {
        assert_eq!(one.ending, Ending::RolledBack);
        assert_eq!((one.ended, one.detection), (60.0, 60.0));
        assert_eq!(one.weights, [2_000, 0]);
        assert_eq!(one.verdicts, [None, Some(Outcome::Fail)]);
        near(
            "errors",
            one.errors[1],
            0.3,
            SIGMAS * (0.21_f64 / 480.0).sqrt(),
        );
    }
}

#[test]
fn a_rollout_goes_through_in_virtual_time() {
    passes(Arm::Virtual);
}

#[test]
fn a_rollout_goes_through_over_sockets() {
    passes(Arm::Live);
}

#[test]
fn a_clear_fault_is_rolled_back_in_virtual_time() {
    is_rolled_back(Arm::Virtual);
}

#[test]
fn a_clear_fault_is_rolled_back_over_sockets() {
    is_rolled_back(Arm::Live);
}

/// The simulator is told half of the errors that the live canary has: three live rollouts beyond all
/// simulated ones, where one in ten thousand exchanges may be.
#[test]
fn a_live_rollout_with_twice_the_errors_does_not_conform() {
    let told = scenario(PASSED);
    let Some(live) = Arm::Live.play(&scenario(&with_errors("8%")), 3) else {
        return;
    };
    let seed = told.experiment.seed;
    let simulated = conform::simulate(&told, seed, 100, 200);
    let conformity = conform::compare(&live, &simulated, seed);
    assert!(!conformity.agrees());
    let differ: Vec<&str> = (conformity.measures.iter())
        .filter(|measure| !measure.agrees)
        .map(|measure| measure.name.as_str())
        // What a busy machine adds.
        .filter(|name| !name.starts_with('p'))
        .collect();
    assert_eq!(differ, ["errors of canary"]);
}
