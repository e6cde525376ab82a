//! Faults happen as often as they say, to whom they say, while they say, and to nobody else.

use coalmine::telemetry::Version;

use super::{
    all, assert_mean, assert_near, assert_share, failures, held, held_reading, once, played, watch,
};

/// Two routes, and two groups of users of which each asks for one of them, at 100 requests a second.
const GROUPS: &str = r#"
[traffic]
rate = "100/s"
[[traffic.routes]]
name = "browse"
share = "70%"
[[traffic.routes]]
name = "search"
share = "30%"
[[traffic.groups]]
name = "people"
share = "70%"
users = 500
zipf = 0
mix = { browse = "100%", search = "0%" }
[[traffic.groups]]
name = "bots"
share = "30%"
users = 30
zipf = 0
mix = { browse = "0%", search = "100%" }
[stable]
latency = { fixed = "20ms" }
errors = "0%"
instances = 8
[canary]
instances = 4
[telemetry]
scrape = "exact"
"#;

/// Failures and requests at the end of an hour at 50 %: by version and route.
fn by_route(fault: &str) -> [[(u64, u64); 2]; 2] {
    let scenario = held_reading(
        &format!("{GROUPS}{fault}"),
        50.0,
        1_200,
        1_200,
        &["browse", "search"],
    );
    let mut found = [[(0, 0); 2]; 2];
    watch(&scenario, 0, |tick| {
        for (version, found) in Version::BOTH.into_iter().zip(&mut found) {
            for (route, found) in found.iter_mut().enumerate() {
                let counters = tick.telemetry.route_counters(version, route);
                *found = (failures(counters), all(counters));
            }
        }
    });
    found
}

#[track_caller]
fn assert_shares(found: [[(u64, u64); 2]; 2], expected: [[f64; 2]; 2]) {
    for (found, expected) in found.iter().zip(expected) {
        for ((hits, trials), expected) in found.iter().zip(expected) {
            assert_share(*hits, *trials, expected);
        }
    }
}

#[test]
fn routes_groups_and_requests_outside_a_fault_never_meet_it() {
    let errors = |list: &str, reach: &str| {
        by_route(&format!(
            "[[{list}]]\nkind = \"errors\"\nprobability = \"20%\"\n{reach}"
        ))
    };
    let none = [0.0, 0.0];
    assert_shares(errors("canary.faults", ""), [none, [0.2, 0.2]]);
    assert_shares(errors("stable.faults", ""), [[0.2, 0.2], none]);
    assert_shares(errors("faults", ""), [[0.2, 0.2]; 2]);
    let search = "routes = [\"search\"]";
    assert_shares(errors("canary.faults", search), [none, [0.0, 0.2]]);
    let people = "groups = [\"people\"]";
    assert_shares(errors("canary.faults", people), [none, [0.2, 0.0]]);
    assert_shares(errors("faults", people), [[0.2, 0.0]; 2]);
    let few = "requests = \"5%\"";
    assert_shares(errors("canary.faults", few), [none, [0.01, 0.01]]);
    let nobody = "groups = [\"people\"]\nroutes = [\"search\"]";
    assert_shares(errors("canary.faults", nobody), [none, none]);
}

#[test]
fn several_faults_strike_independently() {
    let fault = "[[canary.faults]]\nkind = \"errors\"\nprobability = \"20%\"\n\
                 [[canary.faults]]\nkind = \"errors\"\nprobability = \"10%\"\nroutes = [\"search\"]\n\
                 [[faults]]\nkind = \"errors\"\nprobability = \"5%\"";
    let expected = [[0.05, 0.05], [1.0 - 0.8 * 0.95, 1.0 - 0.8 * 0.9 * 0.95]];
    assert_shares(by_route(fault), expected);
}

#[test]
fn a_quarter_of_the_instances_is_one_of_four() {
    let fault = "[[canary.faults]]\nkind = \"errors\"\nprobability = \"100%\"\ninstances = \"25%\"";
    let seen = once(&held(&format!("{GROUPS}{fault}"), 50.0, 1_200, 1_200));
    let (failed, all_canary) = (failures(&seen.canary), all(&seen.canary));
    assert!(
        (4 * failed).abs_diff(all_canary) <= 4,
        "{failed} of {all_canary}"
    );
    assert_eq!(failures(&seen.stable), 0);
    let fault = fault.replace("25%", "30%");
    let seen = once(&held(&format!("{GROUPS}{fault}"), 50.0, 1_200, 1_200));
    assert!((2 * failures(&seen.canary)).abs_diff(all(&seen.canary)) <= 4);
}

#[test]
fn users_meet_a_fault_always_or_never() {
    let world = |more: &str| {
        format!(
            "[traffic]\nrate = \"50/s\"\nusers = 400\nzipf = 0\n[stable]\nlatency = {{ fixed = \"1ms\" }}\nerrors = \"0%\"\n\
             [[canary.faults]]\nkind = \"errors\"\nprobability = \"100%\"\nusers = \"20%\"\n\
             [telemetry]\nscrape = \"exact\"\nreporter = \"client\"\n{more}"
        )
    };
    let plain = played(&held(&world(""), 50.0, 200, 200), 100);
    // 5,000 requests of the canary, 12.5 of each user: nearly every user who can is hurt.
    let users: Vec<f64> = plain.iter().map(|seen| seen.trial.exposed_users).collect();
    assert_mean(&users, 80.0 * (1.0 - (-12.5_f64).exp()), 0.0);
    let share = |seen: &super::Seen| failures(&seen.canary) as f64 / all(&seen.canary) as f64;
    let shares: Vec<f64> = plain.iter().map(share).collect();
    assert_mean(&shares, 0.2, 0.0);
    // What always fails is not mended by trying again.
    let retried = world("[split]\nretries = { attempts = 2, on = [\"errors\"] }");
    let retried = played(&held(&retried, 50.0, 200, 200), 100);
    let shares: Vec<f64> = retried.iter().map(share).collect();
    assert_mean(&shares, 0.2, 0.0);
    for seen in &plain {
        assert_eq!(failures(&seen.stable), 0);
        assert!(all(&seen.canary) > 4_500);
    }
}

#[test]
fn faults_begin_climb_end_and_come_again() {
    let fault = "[[canary.faults]]\nkind = \"errors\"\nprobability = \"40%\"\nonset = \"200s\"\n\
                 ramp = \"128s\"\nduration = \"300s\"\nevery = \"500s\"";
    let world = GROUPS.replace("20ms", "1us");
    let scenario = held(&format!("{world}{fault}"), 50.0, 1_200, 50);
    let (mut before, mut last) = ((0, 0), 0);
    watch(&scenario, 0, |tick| {
        let counters = tick.telemetry.counters(Version::Canary);
        let now = (failures(counters), all(counters));
        let (failed, requests) = (now.0 - before.0, now.1 - before.1);
        let end = (tick.now.as_secs_f64()).round() as u64;
        if end > 0 {
            // Mean size from `end - 50` to `end`, second by second.
            let size: f64 = (last..end)
                .map(|second| {
                    let Some(since) = second.checked_sub(200) else {
                        return 0.0;
                    };
                    let since = since % 500;
                    if since >= 300 {
                        return 0.0;
                    }
                    ((since / 2 + 1) as f64 / 64.0).min(1.0)
                })
                .sum();
            assert_share(failed, requests, 0.4 * size / (end - last) as f64);
        }
        (before, last) = (now, end);
    });
    assert_eq!(last, 1_200);
}

#[test]
fn shared_outages_hit_both_and_a_good_canary_too() {
    let fault = "[[faults]]\nkind = \"errors\"\nprobability = \"30%\"\nonset = \"100s\"\nduration = \"100s\"\n\
                 [[canary.faults]]\nkind = \"errors\"\nprobability = \"10%\"";
    let mut scenario = held(&format!("{GROUPS}{fault}"), 50.0, 200, 100);
    for canary in [[0.1, 1.0 - 0.9 * 0.7], [0.0, 0.3]] {
        let mut before = [(0, 0); 2];
        let mut part = 0;
        watch(&scenario, 0, |tick| {
            if tick.now == coalmine::base::Time::START {
                return;
            }
            let expected = [[0.0, 0.3][part], canary[part]];
            for version in Version::BOTH {
                let counters = tick.telemetry.counters(version);
                let now = (failures(counters), all(counters));
                let then = &mut before[version as usize];
                assert_share(now.0 - then.0, now.1 - then.1, expected[version as usize]);
                *then = now;
            }
            part += 1;
        });
        scenario.world = scenario.world.healthy();
    }
}

#[test]
fn slowness_stays_within_its_scope() {
    let fault = "[[canary.faults]]\nkind = \"latency\"\nmultiply = 3\nadd = \"100ms\"\nroutes = [\"search\"]\n\
                 [[canary.faults]]\nkind = \"tail\"\nprobability = \"10%\"\nadd = \"2s\"\ngroups = [\"people\"]";
    let text = format!("{GROUPS}{fault}").replace(
        "scrape = \"exact\"",
        "scrape = \"exact\"\nbuckets = { ms = [19, 21, 159, 161, 2019, 2021] }",
    );
    let scenario = held_reading(&text, 50.0, 1_200, 1_200, &["browse", "search"]);
    watch(&scenario, 0, |tick| {
        let row = |version, route| {
            let counters = tick.telemetry.route_counters(version, route);
            counters.buckets[..7].to_vec()
        };
        let requests = |version, route| all(tick.telemetry.route_counters(version, route));
        for route in 0..2 {
            assert_eq!(
                row(Version::Stable, route)[1],
                requests(Version::Stable, route)
            );
        }
        assert_eq!(row(Version::Canary, 1)[3], requests(Version::Canary, 1));
        let people = row(Version::Canary, 0);
        assert_eq!(people[1] + people[5], requests(Version::Canary, 0));
        if tick.now > coalmine::base::Time::START {
            assert_share(people[5], people[1] + people[5], 0.1);
            assert_near(requests(Version::Canary, 0) as f64 / 42_000.0, 1.0, 0.05);
        }
    });
}
