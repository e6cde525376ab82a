//! The canary's share under each split, over many short rollouts: its mean, and its variance, which
//! is that of requests, of users or of nothing at all.

use coalmine::model::split::expected_requests_to_eject;

use super::{all, assert_mean, assert_near, held, mean_and_error, played};

const TRIALS: u64 = 2_000;
const USERS: f64 = 200.0;
const WEIGHT: f64 = 0.2;

/// Requests of the canary and of both versions in rollouts of about 300 requests of 200 users that
/// are all alike.
fn shares(traffic: &str, split: &str, percent: f64) -> Vec<(f64, f64)> {
    let world = format!(
        "[traffic]\nrate = \"10/s\"\nusers = 200\nzipf = 0\n{traffic}\n\
         [stable]\nlatency = {{ fixed = \"1us\" }}\n[split]\n{split}\n[telemetry]\nscrape = \"exact\""
    );
    let seen = played(&held(&world, percent, 30, 30), TRIALS);
    seen.iter()
        .map(|seen| {
            let canary = all(&seen.canary) as f64;
            (canary, canary + all(&seen.stable) as f64)
        })
        .collect()
}

/// The counts have mean `n * weight` and the variance given, each for its own number of requests.
/// Standardised, their squares average 1 within 4.4 standard errors: chi-square on the variance,
/// wrong once in 100,000. `skew` is a standard error's share for what is not quite normal.
#[track_caller]
fn assert_moments(counts: &[(f64, f64)], weight: f64, variance: impl Fn(f64) -> f64) {
    let scores: Vec<f64> = (counts.iter())
        .map(|&(canary, n)| (canary - n * weight) / variance(n).sqrt())
        .collect();
    assert_mean(&scores, 0.0, 0.0);
    let squares: Vec<f64> = scores.iter().map(|z| z * z).collect();
    let (_, error) = mean_and_error(&squares);
    // The error of the mean of squares is not far from that of a chi-square.
    assert_near(error / (2.0 / squares.len() as f64).sqrt(), 1.0, 0.35);
    assert_mean(&squares, 1.0, 0.0);
}

/// Variance of the number of requests of users who are in as a whole: the number of pairs of
/// requests of one user is `n + n (n - 1) / users`.
fn by_user(n: f64) -> f64 {
    WEIGHT * (1.0 - WEIGHT) * (n + n * (n - 1.0) / USERS)
}

fn by_request(n: f64) -> f64 {
    WEIGHT * (1.0 - WEIGHT) * n
}

#[test]
fn random_splits_are_binomial() {
    let counts = shares("", "policy = \"random\"", 20.0);
    assert_moments(&counts, WEIGHT, by_request);
}

#[test]
fn splits_in_turn_are_exact() {
    for policy in ["even", "round-robin"] {
        for percent in [5.0, 20.0, 37.0] {
            let split = format!("policy = \"{policy}\"");
            for (canary, n) in shares("", &split, percent) {
                let off = (canary - n * percent / 100.0).abs();
                assert!(off <= 1.0, "{policy} {percent}: {canary} of {n}");
            }
        }
    }
}

#[test]
fn splits_by_user_vary_as_users_do() {
    for policy in ["user-hash", "split-clients", "connection"] {
        let counts = shares("", &format!("policy = \"{policy}\""), 20.0);
        assert_moments(&counts, WEIGHT, by_user);
        // It is not the variance of requests, which is 2.5 times less.
        let (mean, _) = mean_and_error(
            &(counts.iter())
                .map(|&(canary, n)| (canary - n * WEIGHT).powi(2) / by_request(n))
                .collect::<Vec<_>>(),
        );
        assert_near(mean, 1.0 + 299.0 / USERS, 0.35);
    }
}

#[test]
fn splits_by_session_vary_as_sessions_do() {
    // Single pages with three further requests each, on one connection... of a session that ends
    // within a second: the number of requests of a session is geometric from 1, with mean 4.
    let sessions =
        "sessions = { single = \"100%\", pages = 1.0, embedded = 3.0, think = { fixed = \"1s\" } }";
    let counts = shares(sessions, "policy = \"connection\"", 20.0);
    // Pairs of requests of a session: a geometric number N from 0 with mean m has E[(1 + N)²] =
    // 1 + 3 m + 2 m², here 28, over a mean of 4. Another request of the same user, whose session it
    // is not, keeps to the newest connection: 300 requests are 75 sessions of 200 users, so one
    // session in five is of a user who comes again, independently.
    assert_moments(&counts, WEIGHT, |n| by_request(n) * 7.0);
}

#[test]
fn rings_vary_by_user_and_by_where_their_points_lie() {
    let counts = shares("", "policy = \"ring-hash\"", 20.0);
    // 1,025 points, of which the canary has a fifth, cut the ring into parts that are
    // Dirichlet-distributed: the variance of its fifth is w (1 - w) / 1,026.
    assert_moments(&counts, WEIGHT, |n| {
        by_user(n) + WEIGHT * (1.0 - WEIGHT) / 1_026.0 * n * n
    });
}

#[test]
fn replicas_round_and_are_binomial() {
    for (percent, replicas, weight) in [
        (10.0, 6, 1.0 / 7.0),
        (10.0, 1, 0.5),
        (30.0, 10, 0.3),
        (30.0, 4, 0.4),
        (45.0, 10, 5.0 / 11.0),
    ] {
        let counts = shares("", &format!("replicas = {replicas}"), percent);
        assert_moments(&counts, weight, |n| n * weight * (1.0 - weight));
    }
}

#[test]
fn hashed_users_are_exposed_once_and_drawn_ones_again_and_again() {
    let exposed = |policy: &str| {
        let world = format!(
            "[traffic]\nrate = \"50/s\"\nusers = 400\nzipf = 0\n[stable]\nlatency = {{ fixed = \"1us\" }}\n\
             [canary]\nerrors = \"100%\"\n[split]\npolicy = \"{policy}\"\n\
             affinity = {{ lifetime = \"1s\", policy = \"both\" }}\n\
             [rollout]\ninterval = \"60s\"\nsteps = [{{ weight = \"5%\", hold = \"60s\" }},\
             {{ weight = \"25%\", hold = \"60s\" }}, {{ weight = \"50%\", hold = \"60s\" }}]\n\
             [[rollout.gates]]\nkind = \"success-ratio\"\nmin = \"0%\"\nwindow = \"60s\""
        );
        let trials = played(&super::parsed(&world), 200);
        trials
            .iter()
            .map(|seen| seen.trial.exposed_users)
            .collect::<Vec<_>>()
    };
    // Each user asks 7.5 times a minute and is there in the last minute but for e^-7.5: nested
    // buckets expose half of them.
    let nested: f64 = [(0.05, 22.5), (0.2, 15.0), (0.25, 7.5_f64)]
        .map(|(share, asks)| share * (1.0 - f64::exp(-asks)))
        .iter()
        .sum();
    assert_mean(&exposed("user-hash"), 400.0 * nested, 0.0);
    // Requests are drawn on their own (the cookie lasts a second): 1 - exp(-7.5 (0.05 + 0.25 + 0.5)),
    // but for the few that come within a second of another one.
    let drawn = 1.0 - f64::exp(-7.5 * 0.8);
    assert_mean(&exposed("random"), 400.0 * drawn, 1.0);
}

#[test]
fn runs_of_failures_leave_an_instance_out_as_late_as_they_should() {
    // One instance of the canary; once out, nobody is there to count.
    let world = "[traffic]\nrate = \"100/s\"\n[stable]\nlatency = { fixed = \"1us\" }\ninstances = 3\n\
                 [canary]\ninstances = 1\nerrors = \"50%\"\n\
                 [split]\nejection = { consecutive = 5, base = \"10h\" }\n[telemetry]\nscrape = \"exact\"";
    let seen = played(&held(world, 50.0, 60, 60), 600);
    let counts: Vec<f64> = seen.iter().map(|seen| all(&seen.canary) as f64).collect();
    let half = coalmine::base::Probability::new(0.5).expect("a half");
    assert_mean(&counts, expected_requests_to_eject(half, 5), 0.0);
}
