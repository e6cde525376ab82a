//! Users differ: what they do, what they ask for, and how that spoils the independence of requests.

use coalmine::gate::{Business, Gate, SampledBy};
use coalmine::stats::{Clusters, Mean};
use coalmine::telemetry::{GoalSums, Version};

use super::{
    all, assert_mean, assert_near, assert_share, failures, held, held_reading, once, played, watch,
};

const GOAL: &str = "[[goals]]\nname = \"orders\"\nprobability = \"10%\"\n";

fn world(users: &str, goal: &str, split: &str) -> String {
    format!(
        "[traffic]\nrate = \"50/s\"\n{users}\n[stable]\nlatency = {{ fixed = \"1us\" }}\nerrors = \"0%\"\n\
         {GOAL}{goal}\n[split]\n{split}\n[telemetry]\nscrape = \"exact\""
    )
}

fn orders(counters: &coalmine::telemetry::Counters) -> GoalSums {
    counters.goals[0]
}

#[test]
fn goals_are_reached_as_often_as_they_say_and_for_as_much() {
    let text = world("users = 100", "value = { mean = 40, cv = 1.2 }", "");
    let seen = once(&held(&text, 50.0, 4_000, 4_000));
    for counters in [&seen.stable, &seen.canary] {
        let goal = orders(counters);
        assert_eq!(goal.opportunities as u64, all(counters));
        // The value of a chance has mean 4 and variance 0.1 * 1600 * (1 + 1.44) - 16 = 374.4.
        let error = (374.4 / goal.opportunities).sqrt();
        assert_near(goal.sum / goal.opportunities, 4.0, 4.4 * error);
        // Squares of log-normal values with a CV of 1.2 have a CV of about 6.
        let square = 0.1 * 1_600.0 * 2.44;
        assert_near(
            goal.squares / goal.opportunities / square,
            1.0,
            4.4 * 6.0 / 1e4_f64.sqrt() * 1.2,
        );
    }
}

#[test]
fn goals_belong_to_their_routes() {
    let routes = "[[traffic.routes]]\nname = \"browse\"\nshare = \"75%\"\n\
                  [[traffic.routes]]\nname = \"checkout\"\nshare = \"25%\"";
    let text = world(routes, "routes = [\"checkout\"]", "");
    let scenario = held_reading(&text, 50.0, 2_000, 2_000, &["checkout"]);
    let mut looked = false;
    watch(&scenario, 0, |tick| {
        for version in Version::BOTH {
            let checkout = all(tick.telemetry.route_counters(version, 1));
            let goal = orders(tick.telemetry.counters(version));
            assert_eq!(goal.opportunities as u64, checkout);
            if checkout > 0 {
                assert_share(checkout, all(tick.telemetry.counters(version)), 0.25);
                assert_share(goal.sum as u64, checkout, 0.1);
                looked = true;
            }
        }
    });
    assert!(looked);
}

/// The sums of a rollout split by user, with those that are kept by user.
fn by_user(goal: &str, users: &str) -> (GoalSums, GoalSums) {
    let mut scenario = held(
        &world(users, goal, "policy = \"user-hash\""),
        50.0,
        2_000,
        2_000,
    );
    scenario.analysis.push(Gate::Business(Business {
        window: scenario.analysis[0].window(),
        route: None,
        against: Version::Stable,
        goal: 0,
        name: "orders".to_owned(),
        min: 1e-6,
        alpha: coalmine::base::Probability::new(1e-6).expect("a share"),
        by: SampledBy::User,
        design_effect: 1.0,
        min_requests: 1,
    }));
    let seen = once(&scenario);
    (orders(&seen.stable), orders(&seen.canary))
}

fn mean(of: GoalSums) -> Mean {
    Mean::of_clusters(Clusters {
        clusters: of.users,
        trials: of.opportunities,
        sum: of.sum,
        trials_squared: of.counts,
        cross: of.cross,
        sum_squared: of.values,
    })
    .expect("users")
}

#[test]
fn sums_by_user_know_how_users_differ() {
    let users = "users = 1000\nzipf = 0";
    let (stable, canary) = by_user("", users);
    let (spread, _) = by_user("spread = 0.8", users);
    // About half of the users each, 100 requests of each.
    assert_share(stable.users as u64, 1_000, 0.5);
    assert_eq!(stable.users + canary.users, 1_000.0);
    // Requests of a user are n, with E[n²] = m + m² for m = 100.
    for of in [stable, canary, spread] {
        assert_near(of.counts / of.users / 10_100.0, 1.0, 0.05);
    }
    // Alike users: their own numbers of orders are binomial given n, so the variance of the mean is
    // that of requests. Users with factors of log-normal spread 0.8 add p² (e^0.64 - 1) each, which
    // at 100 requests is worth 1 + 100 * 0.01 * 0.896 / 0.09 times as much.
    let inflation = |of: GoalSums| {
        let mean = mean(of);
        let p = of.sum / of.opportunities;
        mean.variance / (p * (1.0 - p) / of.opportunities)
    };
    // 500 users: a standard error of 6 % for the first, and several times that for log-normal tails.
    assert_near(inflation(stable), 1.0, 4.4 * 0.065);
    let factor = 1.0 + 100.0 * 0.01 * (0.64_f64.exp() - 1.0) / 0.09;
    let found = inflation(spread);
    assert!(
        found > 0.5 * factor && found < 2.0 * factor,
        "{found} {factor}"
    );
    // The mean is kept.
    assert_near(
        spread.sum / spread.opportunities,
        0.1,
        4.4 * 0.1 * (0.9_f64 / 500.0).sqrt(),
    );
}

#[test]
fn groups_send_their_share_and_ask_for_their_mix() {
    let groups = "[[traffic.routes]]\nname = \"browse\"\nshare = \"50%\"\n\
                  [[traffic.routes]]\nname = \"search\"\nshare = \"50%\"\n\
                  [[traffic.groups]]\nname = \"people\"\nshare = \"80%\"\nusers = 500\nmix = { browse = \"90%\", search = \"10%\" }\n\
                  [[traffic.groups]]\nname = \"bots\"\nshare = \"20%\"\nusers = 3\nzipf = 0\ncookies = false\n\
                  mix = { browse = \"0%\", search = \"100%\" }";
    let text = world(groups, "", "policy = \"split-clients\"");
    let scenario = held_reading(&text, 5.0, 2_000, 2_000, &["browse", "search"]);
    watch(&scenario, 0, |tick| {
        let route = |version, route| all(tick.telemetry.route_counters(version, route));
        let [browse, search] =
            [0, 1].map(|k| route(Version::Stable, k) + route(Version::Canary, k));
        if browse == 0 {
            return;
        }
        assert_share(browse, browse + search, 0.8 * 0.9);
        // All bots are in the canary's bucket: stable's searches are people's.
        let stable = route(Version::Stable, 0);
        assert_share(
            route(Version::Stable, 1),
            stable + route(Version::Stable, 1),
            0.1,
        );
        let canary = route(Version::Canary, 0) + route(Version::Canary, 1);
        assert!(canary > 19_000, "{canary}");
    });
}

#[test]
fn errors_of_some_users_vary_by_user_under_a_sticky_split() {
    // A fault of a tenth of the users: requests of one user are all alike, so the canary's ratio has
    // the variance of users, not that of requests.
    let text = "[traffic]\nrate = \"20/s\"\nusers = 200\nzipf = 0\n[stable]\nlatency = { fixed = \"1us\" }\nerrors = \"0%\"\n\
                [[faults]]\nkind = \"errors\"\nprobability = \"100%\"\nusers = \"10%\"\n\
                [split]\npolicy = \"user-hash\"\n[telemetry]\nscrape = \"exact\"";
    let seen = played(&held(text, 50.0, 300, 300), 400);
    let ratios: Vec<f64> = seen
        .iter()
        .map(|seen| failures(&seen.canary) as f64 / all(&seen.canary) as f64)
        .collect();
    assert_mean(&ratios, 0.1, 0.0);
    let (_, error) = super::mean_and_error(&ratios);
    // About 100 users: p (1 - p) / 100, with the spread of 30 requests each. The standard error of
    // a standard deviation of 400 is 3.5 %.
    let expected = (0.09_f64 / 100.0 * (1.0 + 1.0 / 30.0)).sqrt();
    assert_near(error * 20.0 / expected, 1.0, 4.4 * 0.035 + 0.02);
}
