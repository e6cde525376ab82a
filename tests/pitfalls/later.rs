//! What happens later.

use super::{altered, assert_near, harmed_after, played, shipped, written};

#[test]
fn waiting_for_a_person_hurts_ten_times_as_many() {
    // 2 requests a second, of which 1 - 0.999 · 0.95 fail.
    let per_minute = 2.0 * 60.0 * (1.0 - 0.999 * 0.95);
    let automatic = altered("no-rollback", &[("\"manual\"", "\"automatic\"")]);
    let quick = played(automatic, &[5.0], 2_000);
    let quick = written(&quick);
    assert!(quick.power.estimate > 0.99, "{quick:?}");
    // Two failed checks in a row: two minutes, three at times.
    assert!(quick.exposure.requests < 3.5 * per_minute, "{quick:?}");

    let slow = played(shipped("no-rollback"), &[5.0], 2_000);
    let slow = written(&slow);
    assert!(slow.power.estimate > 0.98, "{slow:?}");
    // Log-normal with these quantiles: 20 · e^(0.857² / 2) = 28.9 minutes on average, and half a
    // minute to the next tick. Its standard deviation is 30 minutes: 4 errors of 2,000 are 2.7.
    let waited = (slow.exposure.requests - quick.exposure.requests) / per_minute;
    assert!((waited - 29.3).abs() < 3.5, "{waited} minutes");
    assert!(slow.exposure.requests > 8.0 * quick.exposure.requests);
}

#[test]
fn a_leak_is_promoted_and_hurts_an_hour_later() {
    let results = played(shipped("short-bake"), &[10.0], 12);
    let cell = written(&results);
    assert_eq!(cell.power.estimate, 0.0, "{cell:?}");
    assert_eq!(cell.false_rollback.estimate, 0.0, "{cell:?}");
    // 10, 50 and 100 % of 40 a second for ten minutes lose 75 MiB of the 332 that are free; the
    // rest lasts for 55 minutes after the promotion. Then a restart refuses 40 a second for 30 s.
    let used = 40.0 * 600.0 * (0.1 + 0.5 + 1.0) * 2.0 / 1_024.0;
    let left: f64 = (332.0 - used) * 1_024.0 / (2.0 * 40.0) / 60.0;
    assert!((left - 55.0).abs() < 1.0, "{left}");
    let after = harmed_after(cell);
    assert!(after > 1_000.0, "{after}");
}

#[test]
fn a_token_that_outlives_the_rollout_fails_for_everybody() {
    let results = played(shipped("time-bomb"), &[5.0], 400);
    let cell = written(&results);
    assert!(cell.power.estimate < 0.01, "{cell:?}");
    // From the hour on 30 % of 50 a second for 15 of the 30 minutes that are looked at, and
    // stable's own failures in both halves.
    let expected = 50.0 * 900.0 * (1.0 - 0.999 * 0.7 + 0.001);
    assert_near(harmed_after(cell), expected, 0.02);

    let longer = [("hold = \"15m\"", "hold = \"25m\"")];
    let results = played(altered("time-bomb", &longer), &[5.0], 400);
    let cell = written(&results);
    assert!(cell.power.estimate > 0.99, "{cell:?}");
    assert!(cell.exposure.requests < 0.5 * expected, "{cell:?}");
}

#[test]
fn what_the_canary_wrote_goes_on_failing_on_stable() {
    let results = played(shipped("rollback-harm"), &[10.0], 60);
    let cell = written(&results);
    assert!(cell.power.estimate > 0.99, "{cell:?}");
    // Some 70 to 130 seconds of 2 requests a second touch 7 to 12 % of 2,000 equal users, whose
    // requests then fail every other time for half an hour: between
    // 20/s · 1,800 s · 0.5 · (1 - e^-0.06) = 1,050 and twice that.
    let after = harmed_after(cell);
    assert!((900.0..2_500.0).contains(&after), "{after}");
    assert!(after > 20.0 * cell.exposure.requests, "{cell:?}");
}
