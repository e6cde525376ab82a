//! Users over real connections: who they are, which cookies they hold, which routes they ask for, who
//! of them was hurt.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use coalmine::base::{Seed, Span};
use coalmine::engine::live::Setting;
use coalmine::engine::live::clock::{Moment, WallClock};
use coalmine::engine::live::load::{Load, LoadOptions, LoadReport, Seen, Target};
use coalmine::scenario;
use coalmine::telemetry::Version;

use super::ROLLOUT;
use super::server::{Received, Server, answer, hello};

/// Sixty times as fast as the clock on the wall.
const SPEED: f64 = 60.0;

fn setting(text: &str) -> Setting {
    let service = "\n[stable]\nlatency = { fixed = \"1ms\" }\nerrors = \"0%\"";
    let text = &format!("{text}{service}{ROLLOUT}");
    let scenario = scenario::parse(text, Path::new("test.toml"), None)
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    Setting {
        world: scenario.world,
        telemetry: scenario.telemetry,
        seed: Seed(4),
        replicate: 0,
    }
}

/// Plays `seconds` of a scenario's traffic against a server.
fn played(text: &str, seconds: u64, server: &Server) -> (LoadReport, Arc<Seen>) {
    let options = LoadOptions {
        goals_by_user: true,
        ..LoadOptions::until(Span::from_secs(seconds))
    };
    let target = Target {
        address: server.address,
        host: "test".to_owned(),
    };
    let clock = WallClock::new(Moment::now(), SPEED);
    let load = Load::start(&setting(text), clock, target, options).unwrap();
    let seen = Arc::clone(load.seen());
    let report = load.finish().unwrap();
    assert_eq!(report.counts.answered, server.requests());
    assert_eq!(report.counts.due, server.requests());
    (report, seen)
}

fn by_user(received: Vec<Received>) -> BTreeMap<u32, Vec<Received>> {
    let mut users: BTreeMap<u32, Vec<Received>> = BTreeMap::new();
    for one in received {
        users.entry(one.user()).or_default().push(one);
    }
    users
}

#[test]
fn users_keep_the_cookies_that_they_are_given_and_no_others() {
    // Users with even numbers are given the canary's cookie; people keep it, bots do not.
    let server = Server::start(|_, head| {
        let user = head
            .lines()
            .find_map(|line| line.strip_prefix("x-user: "))
            .unwrap();
        let number: u32 = user.trim().parse().unwrap();
        match number % 2 {
            0 => answer(
                200,
                "x-version: canary\r\nset-cookie: coalmine-version=canary; Path=/; Max-Age=600\r\n",
                "hello",
            ),
            _ => answer(200, "x-version: stable\r\n", "hello"),
        }
    });
    let text = "[traffic]\nrate = \"10/s\"\n\
        [[traffic.groups]]\nname = \"people\"\nshare = \"80%\"\nusers = 20\nzipf = 0\n\
        [[traffic.groups]]\nname = \"bots\"\nshare = \"20%\"\nusers = 6\nzipf = 0\ncookies = false\n\
        [split]\naffinity = { policy = \"canary-only\" }";
    played(text, 60, &server);
    let users = by_user(server.received());
    assert_eq!(users.len(), 26);
    for (user, received) in users {
        let people = user < 20;
        for (index, one) in received.iter().enumerate() {
            assert_eq!(one.header("x-group"), Some(if people { "0" } else { "1" }));
            let expected = people && user % 2 == 0;
            match one.header("cookie") {
                Some(cookie) => {
                    assert!(expected && index > 0, "{user}: {}", one.head);
                    assert_eq!(cookie, "coalmine-version=canary");
                }
                // The first answer may not have come before the second request.
                None => assert!(!expected || index < 3, "{user} {index}: {}", one.head),
            }
        }
    }
}

#[test]
fn cookies_end_with_their_age_on_the_wall() {
    let server = Server::start(|number, _| match number {
        0 => answer(
            200,
            "set-cookie: coalmine-version=canary; Max-Age=1\r\n",
            "hello",
        ),
        _ => answer(200, "", "hello"),
    });
    // One user, a request each 50 ms on the wall, for three seconds.
    let text = "[traffic]\nrate = { constant = \"20/m\" }\nusers = 1\n[split]\naffinity = {}"
        .replace("{ constant = \"20/m\" }", "\"20/m\"");
    played(&text, 180, &server);
    let cookies: Vec<bool> = (server.received().iter())
        .map(|one| one.header("cookie").is_some())
        .collect();
    let held = cookies.iter().filter(|held| **held).count();
    // A second is a third of the run; Poisson: 60 requests expected in all.
    assert!((5..40).contains(&held), "{cookies:?}");
    let last = cookies.iter().rposition(|held| *held).unwrap();
    assert!(last < cookies.len() - 3, "{cookies:?}");
}

#[test]
fn returning_users_hold_stables_cookie_from_the_start() {
    let server = Server::start(hello);
    let text = "[traffic]\nrate = \"10/s\"\nusers = 50\nzipf = 0\nreturning = \"50%\"\n\
        [split]\naffinity = { policy = \"both\", lifetime = \"10h\" }";
    played(text, 60, &server);
    let mut holders = 0;
    for received in by_user(server.received()).values() {
        let cookies: BTreeSet<Option<&str>> =
            received.iter().map(|one| one.header("cookie")).collect();
        assert_eq!(cookies.len(), 1, "{cookies:?}");
        holders += usize::from(cookies.contains(&Some("coalmine-version=stable")));
    }
    // Binomial(50, 0.5) of fixed seed: five standard deviations are 18.
    assert!((10..40).contains(&holders), "{holders}");
}

#[test]
fn routes_matches_and_sessions_are_the_worlds() {
    let server = Server::start(hello);
    let text = "[traffic]\nrate = \"40/s\"\nusers = 300\n\
        sessions = { pages = 3, single = \"30%\", embedded = 1, think = \"p50=2s,p99=9s\" }\n\
        routes = [{ name = \"browse\", share = \"75%\" }, { name = \"buy\", share = \"25%\" }]\n\
        [split]\nmatch = \"20%\"";
    let (report, _) = played(text, 120, &server);
    let all = report.counts.due as f64;
    // 4,800 expected. Sessions vary: within a fifth.
    assert!((all / 4_800.0 - 1.0).abs() < 0.2, "{all}");
    let share = |what: &dyn Fn(&Received) -> bool| {
        server.received().iter().filter(|one| what(one)).count() as f64 / all
    };
    let bought = share(&|one| one.head.starts_with("GET /buy HTTP/1.1\r\n"));
    let browsed = share(&|one| one.head.starts_with("GET /browse HTTP/1.1\r\n"));
    assert!((bought + browsed - 1.0).abs() < 1e-9);
    // Standard errors of 0.6 %.
    assert!((bought - 0.25).abs() < 0.03, "{bought}");
    let matched = share(&|one| one.header("x-canary") == Some("always"));
    assert!((matched - 0.2).abs() < 0.03, "{matched}");
}

#[test]
fn users_who_stay_on_a_connection_each_have_one() {
    let server = Server::start(hello);
    let text = "[traffic]\nrate = \"10/s\"\nusers = 30\nzipf = 0\n[split]\npolicy = \"connection\"";
    let (report, _) = played(text, 60, &server);
    for (user, received) in by_user(server.received()) {
        let connections: BTreeSet<u64> = received.iter().map(|one| one.connection).collect();
        assert_eq!(connections.len(), 1, "{user}");
    }
    assert_eq!((server.connections(), report.counts.moved), (30, 0));
}

#[test]
fn who_was_hurt_and_what_was_bought_is_known_by_version() {
    // Of four answers of the canary one fails and one is wrong; two in three requests bring 2.5.
    let server = Server::start(|number, _| {
        let goals = if number % 3 == 0 { "0" } else { "2.5" };
        let (version, status, hurt) = match number % 8 {
            0 => ("canary", 503, ""),
            2 => ("canary", 200, "x-hurt: wrong\r\n"),
            4 | 6 => ("canary", 200, ""),
            _ => ("stable", 500, "x-hurt: slowed\r\n"),
        };
        let headers = format!("x-version: {version}\r\n{hurt}x-goals: {goals}\r\n");
        answer(status, &headers, "")
    });
    let text = "[traffic]\nrate = \"10/s\"\nusers = 40\nzipf = 0\n\
        [[goals]]\nname = \"orders\"\nprobability = \"30%\"";
    let (report, seen) = played(text, 60, &server);
    let counts = report.counts;
    let received = server.received();
    let of_canary: Vec<&Received> = received.iter().step_by(2).collect();
    let hurt: Vec<&Received> = (received.iter().enumerate())
        .filter(|(number, _)| matches!(number % 8, 0 | 2))
        .map(|(_, one)| one)
        .collect();
    assert_eq!(counts.canary, of_canary.len() as u64);
    assert_eq!(counts.exposed, hurt.len() as u64);
    let users: BTreeSet<u32> = hurt.iter().map(|one| one.user()).collect();
    assert_eq!(counts.exposed_users, users.len() as u64);
    let goals = &seen.goals(Version::Canary)[0];
    assert_eq!(goals.opportunities, of_canary.len() as f64);
    // Wrong and failed answers bring nothing.
    let brought = (0..received.len())
        .filter(|number| matches!(number % 8, 4 | 6) && number % 3 != 0)
        .count();
    assert!((goals.sum - 2.5 * brought as f64).abs() < 1e-9);
    let canary_users: BTreeSet<u32> = of_canary.iter().map(|one| one.user()).collect();
    assert_eq!(goals.users, canary_users.len() as f64);
    assert_eq!(seen.goals(Version::Stable)[0].sum, 0.0);
    assert_eq!(seen.tally.requests(Version::Canary), counts.canary);
}

#[test]
fn a_load_that_is_stopped_or_dropped_ends_at_once() {
    let server = Server::start(|_, _| super::server::Reply::Nothing);
    let text = "[traffic]\nrate = \"10/s\"";
    let start = || {
        let target = Target {
            address: server.address,
            host: "test".to_owned(),
        };
        let options = LoadOptions::until(Span::from_secs(36_000));
        Load::start(
            &setting(text),
            WallClock::new(Moment::now(), 1.0),
            target,
            options,
        )
        .unwrap()
    };
    let load = start();
    server.wait_for(3);
    assert!(!load.wait(std::time::Duration::ZERO));
    let report = load.stop().unwrap();
    assert!(report.interrupted);
    // What was under way is no failure of the server's.
    assert_eq!((report.counts.answered, report.counts.failed()), (0, 0));
    drop(start());
}
