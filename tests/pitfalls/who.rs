//! Who gets the canary.

use super::{achieved, altered, assert_near, held, mean, played, shipped, trials, written};

#[test]
fn stables_cookies_leave_a_fifth_of_the_configured_share() {
    let results = played(shipped("sticky-bypass"), &[20.0], 100);
    // A fifth of the users are new, and of these a fifth draw the canary; a few cookies run out.
    // Who is new varies by user: two thousand of ten thousand with unequal activity.
    let share = mean(&achieved(&trials(&results, false), 20.0));
    assert_near(share, 0.2 * 0.2, 0.15);
    let cell = held(&results, 20.0);
    assert_eq!(cell.power.estimate, 0.0);

    let plain = [("affinity = { policy = \"first\", lifetime = \"24h\" }", "")];
    let results = played(altered("sticky-bypass", &plain), &[20.0], 300);
    let share = mean(&achieved(&trials(&results, false), 20.0));
    assert_near(share, 0.2, 0.01);
    // 1,200 requests of which 1 % fail, where 6 are allowed: at least 7 with 95 %.
    let cell = held(&results, 20.0);
    assert!(cell.power.estimate > 0.9, "{cell:?}");
    assert!(cell.false_rollback.estimate < 0.02, "{cell:?}");
}

#[test]
fn a_canary_cookie_turns_a_tenth_into_six_tenths() {
    let results = played(shipped("affinity-ratchet"), &[10.0], 60);
    // A user with Poisson(20 t/T) requests before is not on the canary with 0.9 · e^(-2 t/T);
    // averaged over the 20 minutes that leaves 0.9 (1 - e^-2) / 2 of the requests to stable.
    let expected = 1.0 - 0.9 * (1.0 - (-2.0_f64).exp()) / 2.0;
    assert!((expected - 0.61).abs() < 0.005);
    let good = trials(&results, false);
    let whole: Vec<_> = (good.iter().copied())
        .filter(|row| row.end_seconds == 1_200.0)
        .collect();
    assert!(whole.len() > 50);
    assert_near(mean(&achieved(&whole, 20.0)), expected, 0.02);
    // The bug wakes up when two thirds of the requests meet it, not a tenth.
    let met: Vec<f64> = (trials(&results, true).iter())
        .map(|row| row.exposed_requests as f64)
        .collect();
    let planned = 20.0 * 60.0 * 0.1 * 0.02;
    assert!(mean(&met) > 4.0 * planned, "{} and {planned}", mean(&met));
}

#[test]
fn whole_pods_round_the_share_up() {
    for (asked, pods, got) in [
        (10.0, "6", 1.0 / 7.0),
        (1.0, "6", 1.0 / 7.0),
        (25.0, "6", 2.0 / 7.0),
        (50.0, "6", 0.5),
        (10.0, "1", 0.5),
    ] {
        let pods = format!("replicas = {pods}");
        let weight = format!("weight = \"{asked}%\"");
        let changes = [
            ("replicas = 6", pods.as_str()),
            ("weight = \"10%\"", weight.as_str()),
        ];
        let results = played(altered("replica-rounding", &changes), &[asked], 200);
        let rows = trials(&results, false);
        // Poisson: 200 trials of 860 requests or more are known to within 4 · 0.25 %.
        assert_near(mean(&achieved(&rows, 20.0)), got, 0.012);
    }
}

#[test]
fn all_bots_are_in_the_first_bucket() {
    let results = played(shipped("bots"), &[5.0], 12);
    let shares = achieved(&trials(&results, false), 40.0);
    // 5 % of the people's 79 %, and the bots' 21 %. People are unequal: the standard deviation of
    // one trial is 0.3 points.
    assert_near(mean(&shares), 0.05 * 0.79 + 0.21, 0.02);
    // The canary fails 1.7 % and stable 0.29 % of its requests with the same code.
    assert_eq!(written(&results).false_rollback.estimate, 1.0);

    let fair = [("policy = \"split-clients\"", "policy = \"random\"")];
    let results = played(altered("bots", &fair), &[5.0], 12);
    let shares = achieved(&trials(&results, false), 40.0);
    assert_near(mean(&shares), 0.05, 0.02);
    assert!(written(&results).false_rollback.estimate < 0.2);
}
