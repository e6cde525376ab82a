//! Cookies and sessions: the share of the canary that they let through, or let grow.

use coalmine::telemetry::Version;

use super::{all, assert_mean, assert_near, held, watch};

/// The canary's share of the requests in each interval, over some rollouts, and its standard error.
fn shares(scenario: &coalmine::scenario::Scenario, trials: u64) -> Vec<Vec<f64>> {
    let mut shares: Vec<Vec<f64>> = Vec::new();
    for replicate in 0..trials {
        let (mut before, mut interval) = ([0; 2], 0);
        watch(scenario, replicate, |tick| {
            let now = Version::BOTH.map(|version| all(tick.telemetry.counters(version)));
            let [stable, canary] = [now[0] - before[0], now[1] - before[1]];
            if now != [0, 0] {
                if shares.len() <= interval {
                    shares.push(Vec::new());
                }
                shares[interval].push(canary as f64 / (stable + canary) as f64);
                interval += 1;
            }
            before = now;
        });
    }
    shares
}

fn world(traffic: &str, affinity: &str) -> String {
    format!(
        "[traffic]\n{traffic}\n[stable]\nlatency = {{ fixed = \"1us\" }}\nerrors = \"0%\"\n\
         [split]\naffinity = {{ {affinity} }}\n[telemetry]\nscrape = \"exact\""
    )
}

#[test]
fn cookies_on_the_canary_alone_are_a_ratchet() {
    // 200 users at 0.1 requests a second each. After k requests a user is on the canary with chance
    // 1 - (1 - w)^k; with a Poisson number of requests of mean m before it, the next one is with
    // 1 - (1 - w) exp(-w m).
    let scenario = held(
        &world(
            "rate = \"20/s\"\nusers = 200\nzipf = 0",
            "policy = \"canary-only\"",
        ),
        10.0,
        600,
        50,
    );
    let w = 0.1;
    for (interval, shares) in shares(&scenario, 60).iter().enumerate() {
        let (from, to) = (5.0 * interval as f64, 5.0 * (interval + 1) as f64);
        let mean = |m: f64| (-w * m).exp() / w;
        let expected = 1.0 - (1.0 - w) * (mean(from) - mean(to)) / (to - from);
        assert_mean(shares, expected, 0.0);
    }
    // 60 requests each, as many as it takes to bring nearly everybody there.
    let last = 1.0 - 0.9 * f64::exp(-w * 57.5);
    assert!(last > 0.99, "{last}");
}

#[test]
fn sessions_that_stay_let_the_canary_grow_with_their_ages() {
    // A geometric number of pages, one in ten the last, 30 s of thinking (exponential): sessions
    // last T = 300 s, and a request's session is younger than t with chance 1 - 0.9 exp(-t / T).
    let traffic = "rate = \"20/s\"\nusers = 1000000\nzipf = 0\n\
                   sessions = { single = \"10%\", pages = 10, embedded = 0, think = { exponential = \"30s\" } }";
    let scenario = held(&world(traffic, "policy = \"both\""), 20.0, 900, 60);
    let found = shares(&scenario, 40);
    assert_eq!(found.len(), 15);
    for (interval, shares) in found.iter().enumerate() {
        let (from, to) = (60.0 * interval as f64, 60.0 * (interval + 1) as f64);
        let old = |t: f64| 300.0 * (-t / 300.0).exp();
        let expected = 0.2 * (1.0 - 0.9 * (old(from) - old(to)) / 60.0);
        assert_mean(shares, expected, 0.0);
    }
}

#[test]
fn cookies_of_returning_users_bypass_the_canary_until_they_expire() {
    // Everybody has a cookie of an age from 0 to its lifetime of an hour: at time t a share of
    // t / 3,600 have been drawn anew. Users ask every 10 s, so it is seen 5 s later on average.
    let traffic = "rate = \"20/s\"\nusers = 200\nzipf = 0\nreturning = \"100%\"";
    let scenario = held(
        &world(traffic, "policy = \"both\", lifetime = \"1h\""),
        20.0,
        1_800,
        300,
    );
    for (interval, shares) in shares(&scenario, 60).iter().enumerate() {
        let middle = 300.0 * (interval as f64 + 0.5);
        assert_mean(shares, 0.2 * middle / 3_600.0, 0.2 * 10.0 / 3_600.0);
    }
}

#[test]
fn half_of_the_users_returning_bypass_it_by_half() {
    let traffic = "rate = \"20/s\"\nusers = 200\nzipf = 0\nreturning = \"50%\"";
    let scenario = held(&world(traffic, "policy = \"both\""), 20.0, 300, 300);
    let shares = shares(&scenario, 60);
    // In five minutes of a day hardly a cookie expires.
    assert_mean(&shares[0], 0.1, 0.2 * 0.5 * 300.0 / 86_400.0);
    // Without cookies the weight is met by everybody.
    let plain = world(traffic, "policy = \"both\"").replace("affinity = { policy = \"both\" }", "");
    let shares = self::shares(&held(&plain, 20.0, 300, 300), 60);
    assert_mean(&shares[0], 0.2, 0.0);
}

#[test]
fn who_keeps_no_cookie_is_drawn_again() {
    let groups = |cookies: bool| {
        let traffic = format!(
            "rate = \"20/s\"\n[[traffic.groups]]\nname = \"bots\"\nshare = \"100%\"\nusers = 200\nzipf = 0\n\
             cookies = {cookies}"
        );
        shares(
            &held(&world(&traffic, "policy = \"canary-only\""), 10.0, 600, 600),
            10,
        )
    };
    assert_mean(&groups(false)[0], 0.1, 0.0);
    let (ratchet, _) = super::mean_and_error(&groups(true)[0]);
    assert!(ratchet > 0.7, "{ratchet}");
}

#[test]
fn match_rules_come_before_weights_and_after_the_first_cookie() {
    let share = |split: &str| {
        let text = format!(
            "[traffic]\nrate = \"50/s\"\nusers = 500\nzipf = 0\nreturning = \"100%\"\n\
             [stable]\nlatency = {{ fixed = \"1us\" }}\n[split]\nmatch = \"30%\"\n{split}\n\
             [telemetry]\nscrape = \"exact\""
        );
        let shares = shares(&held(&text, 10.0, 300, 300), 20);
        super::mean_and_error(&shares[0])
    };
    let (found, error) = share("");
    assert_near(found, 0.3 + 0.7 * 0.1, 4.4 * error);
    // Everybody comes with a cookie of stable: the rule outranks it, or does not.
    let (found, error) = share("affinity = { policy = \"both\", lifetime = \"1000h\" }");
    assert_near(found, 0.3, 4.4 * error + 0.001);
    let (found, _) = share("affinity = { policy = \"first\", lifetime = \"1000h\" }");
    assert!(found < 0.001, "{found}");
}
