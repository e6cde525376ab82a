//! How often a good canary fails: by request and by user, where users are alike and where they are
//! not.

use rand::RngExt;
use rand_distr::{Binomial, Distribution};

use super::*;
use crate::base::{Purpose, Seed, Stream};
use crate::gate::{Gate, Outcome};
use crate::stats::{Interval, wilson};
use crate::telemetry::{Birth, Buckets, Plan, Sampling, UserSums};

const NOW: Time = Time::from_secs(3_600);

/// Fails a canary whose ratio is significantly below 1: one as good as stable in one trial of 20.
fn gate(by: SampledBy) -> Business {
    Business {
        window: Span::from_secs(3_600),
        route: None,
        against: Version::Stable,
        goal: 0,
        name: "conversion".to_owned(),
        min: 1.0,
        alpha: Probability::new(0.05).unwrap(),
        by,
        design_effect: 1.0,
        min_requests: 1_000,
    }
}

fn telemetry(stable: GoalSums, canary: GoalSums) -> Telemetry {
    let plan = Plan {
        goals: 1,
        ..Plan::plain(Sampling::Exact, Birth::FirstRequest, Buckets::istio())
    };
    let mut telemetry = Telemetry::new(&plan, Span::ZERO);
    for (version, goal) in Version::BOTH.into_iter().zip([stable, canary]) {
        telemetry.counters_mut(version).goals[0] = goal;
        telemetry.scrape(version, NOW);
    }
    telemetry
}

fn fails(gate: &Business, telemetry: &Telemetry) -> bool {
    gate.judge(NOW, telemetry).outcome == Outcome::Fail
}

/// Share of failed trials with its 99.9 % interval.
fn share(failed: u64, trials: u64) -> Interval {
    wilson(failed, trials, 0.999)
}

#[test]
fn independent_requests_fail_a_good_canary_at_the_stated_level() {
    let mut stream = Seed(1).stream(0, Purpose::Goals);
    let gate = gate(SampledBy::Request);
    let trials = 20_000;
    let mut sums = |opportunities: u64| {
        let done = Binomial::new(opportunities, 0.03)
            .unwrap()
            .sample(&mut stream) as f64;
        GoalSums {
            opportunities: opportunities as f64,
            sum: done,
            squares: done,
            ..GoalSums::default()
        }
    };
    let failed = (0..trials)
        .filter(|_| fails(&gate, &telemetry(sums(900_000), sums(100_000))))
        .count() as u64;
    let alarms = share(failed, trials);
    assert!(alarms.low < 0.05 && 0.05 < alarms.high, "{alarms:?}");
}

#[test]
fn a_verdict_says_that_its_figure_is_an_upper_end() {
    let sums = |opportunities: f64, done: f64| GoalSums {
        opportunities,
        sum: done,
        squares: done,
        ..GoalSums::default()
    };
    let gate = gate(SampledBy::Request);
    let verdict = gate.judge(NOW, &telemetry(sums(9e4, 2_700.0), sums(1e4, 150.0)));
    assert_eq!(
        verdict.explain(&Gate::Business(gate)),
        "at most 0.5684 < 1, 10000 requests"
    );
}

/// The requests of many users: each comes back many times and has a conversion of their own, so
/// that requests of one user are alike. `version` says which version a user's request goes to.
fn users(stream: &mut Stream, version: impl Fn(u32, f64) -> Version) -> Telemetry {
    let mut goals = [GoalSums::default(); 2];
    for user in 0..2_000 {
        let z = normal_quantile(stream.random::<f64>());
        let probability = 0.1 * (SPREAD * z - SPREAD * SPREAD / 2.0).exp();
        let mut sums = [UserSums::default(); 2];
        for _ in 0..5 + (stream.random::<f64>() * 30.0) as u32 {
            let version = version(user, stream.random::<f64>()) as usize;
            let done = stream.random::<f64>() < probability;
            goals[version].add_of_user(&mut sums[version], f64::from(u8::from(done)));
        }
    }
    telemetry(goals[0], goals[1])
}

/// Standard deviation of the logarithm of a user's conversion.
const SPREAD: f64 = 0.6;

const HALVES: [Version; 2] = [Version::Stable, Version::Canary];

#[test]
fn users_who_come_back_fail_good_canaries_by_request_and_not_by_user() {
    let mut stream = Seed(2).stream(0, Purpose::Goals);
    // Requests of one user correlate by the variance between users over that of a request; a user
    // has n of them, from 5 to 34: the variance is 1 + correlation · (E n² / E n - 1) times larger.
    let correlation = 0.1 * ((SPREAD * SPREAD).exp() - 1.0) / 0.9;
    let design_effect = 1.0 + correlation * (19.5 + 74.92 / 19.5 - 1.0);
    let widened = Business {
        design_effect,
        ..gate(SampledBy::Request)
    };
    let gates = [gate(SampledBy::Request), gate(SampledBy::User), widened];
    let mut failed = [0; 3];
    let trials = 2_000;
    for _ in 0..trials {
        // A user stays with a version.
        let seen = users(&mut stream, |user, _| HALVES[user as usize % 2]);
        for (failed, gate) in failed.iter_mut().zip(&gates) {
            *failed += u64::from(fails(gate, &seen));
        }
    }
    let [by_request, by_user, widened] = failed.map(|failed| share(failed, trials));
    assert!(by_request.low > 0.09, "{by_request:?}");
    for alarms in [by_user, widened] {
        assert!(alarms.low < 0.05 && 0.05 < alarms.high, "{alarms:?}");
    }
}

#[test]
fn users_on_both_sides_make_the_test_by_user_cautious() {
    let mut stream = Seed(3).stream(0, Purpose::Goals);
    let trials = 2_000;
    let failed = (0..trials)
        .filter(|_| {
            let seen = users(&mut stream, |_, place| HALVES[usize::from(place < 0.5)]);
            fails(&gate(SampledBy::User), &seen)
        })
        .count() as u64;
    let alarms = share(failed, trials);
    assert!(alarms.high < 0.05, "{alarms:?}");
}
