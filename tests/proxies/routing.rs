//! Rules, cookies, retries, timeouts and ejection, as far as each proxy has them.

use std::net::TcpListener;
use std::sync::Arc;

use coalmine::base::{Probability, Span};
use coalmine::engine::live::endpoints::Endpoints;
use coalmine::engine::live::options::Proxy;
use coalmine::model::split::{Affinity, Ejection, Precedence, Retries};
use coalmine::telemetry::Version;

use super::client::Client;
use super::stage::{GRACE, Stage, percent};
use super::{KINDS, installed};

const MATCH: &str = "x-canary: always\r\n";

#[test]
fn a_match_rule_leads_to_the_canary_while_it_has_traffic() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([2, 2, 0]);
        let proxy = stage.proxy(kind, &program, |_| {});
        for (canary, wanted) in [(0.0, "stable"), (1.0, "canary"), (0.0, "stable")] {
            proxy.set_weights(percent(canary)).unwrap();
            let mut client = Client::new(proxy.address());
            for _ in 0..20 {
                let answer = client.ask(MATCH).unwrap();
                assert_eq!(answer.version, wanted, "{kind:?} at {canary} %");
                assert_eq!(answer.cookies, [""; 0]);
            }
        }
        proxy.stop(GRACE);
    }
}

fn affinity(precedence: Precedence, outlives_rollback: bool) -> Affinity {
    Affinity {
        precedence,
        lifetime: Span::from_secs(3_600),
        outlives_rollback,
    }
}

const ON_CANARY: &str = "cookie: other=1; coalmine-version=canary\r\n";
const ON_STABLE: &str = "cookie: coalmine-version=stable; other=1\r\n";

/// The version that answers, whatever the luck of the draw, and what the answer sets.
fn always(client: &mut Client, headers: &str) -> (String, Vec<String>) {
    let first = client.ask(headers).unwrap();
    for _ in 0..15 {
        assert_eq!(client.ask(headers), Some(first.clone()), "{headers}");
    }
    (first.version, first.cookies)
}

/// Asks without a cookie until a version answers, and says what it sets.
fn first_of(client: &mut Client, version: &str) -> Vec<String> {
    for _ in 0..1_000 {
        let answer = client.ask("").unwrap();
        if answer.version == version {
            return answer.cookies;
        }
    }
    panic!("never {version}");
}

fn set(version: &str) -> Vec<String> {
    vec![format!("coalmine-version={version}; Max-Age=3600; Path=/")]
}

#[test]
fn cookies_keep_users_of_both_versions() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([2, 2, 0]);
        let proxy = stage.proxy(kind, &program, |world| {
            world.affinity = Some(affinity(Precedence::Both, false));
        });
        proxy.set_weights(percent(50.0)).unwrap();
        let mut client = Client::new(proxy.address());
        assert_eq!(first_of(&mut client, "stable"), set("stable"), "{kind:?}");
        assert_eq!(first_of(&mut client, "canary"), set("canary"), "{kind:?}");
        let none = Vec::new();
        assert_eq!(
            always(&mut client, ON_STABLE),
            ("stable".to_owned(), none.clone())
        );
        assert_eq!(
            always(&mut client, ON_CANARY),
            ("canary".to_owned(), none.clone())
        );
        // A rule is a route of its own, which sets and reads no cookie.
        let both = format!("{MATCH}{ON_STABLE}");
        assert_eq!(always(&mut client, &both), ("canary".to_owned(), none));
        proxy.set_weights(percent(0.0)).unwrap();
        let mut client = Client::new(proxy.address());
        let back = always(&mut client, ON_CANARY);
        assert_eq!(
            back,
            ("stable".to_owned(), set("stable")),
            "{kind:?}: rolled back"
        );
        proxy.stop(GRACE);
    }
}

#[test]
fn cookies_last_as_long_as_the_scenario_says_at_its_speed() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        for (speed, seconds) in [(60.0, 60), (100_000.0, 1)] {
            let mut stage = Stage::new([1, 1, 0]);
            stage.speed = speed;
            let proxy = stage.proxy(kind, &program, |world| {
                world.affinity = Some(affinity(Precedence::Both, false));
            });
            let set = first_of(&mut Client::new(proxy.address()), "stable");
            let expected = format!("coalmine-version=stable; Max-Age={seconds}; Path=/");
            assert_eq!(set, [expected], "{kind:?}");
            proxy.stop(GRACE);
        }
    }
}

#[test]
fn only_the_canary_keeps_its_users_and_may_keep_them_for_ever() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([2, 2, 0]);
        let proxy = stage.proxy(kind, &program, |world| {
            world.affinity = Some(affinity(Precedence::CanaryOnly, true));
        });
        proxy.set_weights(percent(50.0)).unwrap();
        let mut client = Client::new(proxy.address());
        assert_eq!(first_of(&mut client, "stable"), [""; 0], "{kind:?}");
        assert_eq!(first_of(&mut client, "canary"), set("canary"), "{kind:?}");
        let draws = (0..100).map(|_| client.ask(ON_STABLE).unwrap().version);
        assert!(
            draws.into_iter().any(|version| version == "canary"),
            "{kind:?}"
        );
        proxy.set_weights(percent(0.0)).unwrap();
        let mut client = Client::new(proxy.address());
        assert_eq!(always(&mut client, ON_CANARY).0, "canary", "{kind:?}");
        assert_eq!(always(&mut client, "").0, "stable", "{kind:?}");
        proxy.stop(GRACE);
    }
}

#[test]
fn an_established_session_may_outrank_the_rule() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([2, 2, 0]);
        let proxy = stage.proxy(kind, &program, |world| {
            world.affinity = Some(affinity(Precedence::AffinityFirst, false));
        });
        proxy.set_weights(percent(50.0)).unwrap();
        let mut client = Client::new(proxy.address());
        let (version, cookies) = always(&mut client, &format!("{MATCH}{ON_STABLE}"));
        assert_eq!((&*version, &*cookies), ("stable", &[][..]), "{kind:?}");
        let by_rule = always(&mut client, MATCH);
        assert_eq!(by_rule, ("canary".to_owned(), set("canary")), "{kind:?}");
        proxy.stop(GRACE);
    }
}

pub(crate) fn retries(attempts: u32, per_try_timeout: Option<Span>) -> Option<Retries> {
    Some(Retries {
        attempts,
        on_errors: true,
        on_resets: true,
        per_try_timeout,
        backoff: Span::ZERO,
        budget: None,
    })
}

#[test]
fn a_failure_is_tried_again_as_often_as_asked() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        for attempts in [0, 2] {
            let stage = Stage::new([1, 1, 0]);
            let proxy = stage.proxy(kind, &program, |world| {
                world.retries = retries(attempts, None);
            });
            stage.backends[0][0].fail_with(503);
            let mut client = Client::new(proxy.address());
            for _ in 0..10 {
                let answer = client.ask("").unwrap();
                assert_eq!(
                    (answer.status, &*answer.version),
                    (503, "stable"),
                    "{kind:?}"
                );
            }
            let served = stage.answered(Version::Stable);
            assert_eq!(served, 10 * (1 + u64::from(attempts)), "{kind:?}");
            assert_eq!(
                stage.answered(Version::Canary),
                0,
                "{kind:?}: the version stays"
            );
            proxy.stop(GRACE);
        }
    }
}

#[test]
fn an_attempt_that_takes_too_long_is_given_up() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([1, 1, 0]);
        let patience = Some(Span::from_millis(150));
        let proxy = stage.proxy(kind, &program, |world| world.retries = retries(1, patience));
        stage.backends[0][0].fail_with(0);
        let mut client = Client::new(proxy.address());
        let answer = client.ask("").unwrap();
        assert_eq!(
            (answer.status, &*answer.version),
            (504, "stable"),
            "{kind:?}"
        );
        assert_eq!(
            stage.answered(Version::Stable),
            2,
            "{kind:?}: it was tried again"
        );
        proxy.stop(GRACE);
    }
}

/// An address at which nobody listens.
pub(crate) fn refusing() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[test]
fn a_refused_connection_is_an_error_of_that_version_or_tried_elsewhere() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let mut stage = Stage::new([2, 0, 0]);
        let good: Vec<_> = stage.backends[0]
            .iter()
            .map(|backend| backend.address)
            .collect();
        stage.endpoints = Arc::new(Endpoints::new([
            vec![refusing(), good[0], good[1]],
            vec![refusing()],
            Vec::new(),
        ]));
        let proxy = stage.proxy(kind, &program, |world| world.retries = retries(2, None));
        let mut client = Client::new(proxy.address());
        for _ in 0..30 {
            let answer = client.ask("").unwrap();
            // HAProxy tries the same server again: another might be of the other version.
            let failed = kind == Proxy::Haproxy && answer.status == 503;
            assert!(answer.status == 200 || failed, "{kind:?}: {answer:?}");
            assert_eq!(answer.version, "stable", "{kind:?}");
        }
        proxy.set_weights(percent(100.0)).unwrap();
        let mut client = Client::new(proxy.address());
        let answer = client.ask("").unwrap();
        assert!(matches!(answer.status, 502 | 503), "{kind:?}: {answer:?}");
        assert_eq!(answer.version, "canary", "{kind:?}");
        proxy.stop(GRACE);
    }
}

#[test]
fn an_instance_that_fails_in_a_row_is_left_out() {
    for kind in [Proxy::Haproxy, Proxy::Envoy] {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([2, 1, 0]);
        let proxy = stage.proxy(kind, &program, |world| {
            world.ejection = Some(Ejection {
                consecutive: 3,
                base: Span::from_secs(600),
                interval: Span::from_secs(1),
                most: Probability::ONE,
            });
        });
        let bad = &stage.backends[0][0];
        bad.fail_with(500);
        let mut client = Client::new(proxy.address());
        for _ in 0..100 {
            client.ask("").unwrap();
        }
        // Workers that do not know yet may send it some more.
        let failures = client
            .answers
            .get(&("stable".to_owned(), 500))
            .copied()
            .unwrap_or(0);
        assert!(
            (3..=10).contains(&failures),
            "{kind:?}: {:?}",
            client.answers
        );
        assert_eq!(bad.answered(), failures, "{kind:?}");
        proxy.stop(GRACE);
    }
}
