//! Reading services: latencies of every family, fleets and routes.

use super::{LEAST, errors, scenario, share, with};
use crate::base::Span;
use crate::model::World;
use crate::model::service::{
    CacheWarmUp, Capacity, Discipline, Fleet, Latency, Pauses, Placement, RouteService, WarmUp,
};

fn world(text: &str) -> World {
    scenario(text).world
}

/// The least scenario with two routes and more lines at its end.
fn routed(more: &str) -> String {
    let routes =
        r#"routes = [{ name = "browse", share = "90%" }, { name = "checkout", share = "10%" }]"#;
    with("traffic", routes) + more
}

/// Every problem with a text, on lines of their own without the text around.
fn problems(text: &str) -> String {
    let all = errors(text);
    all.lines()
        .filter(|line| line.contains(": "))
        .collect::<Vec<_>>()
        .join("\n")
}

const FLEET: &str = r#"
    instances = 20
    workers = 8
    queue = 100
    timeout = "30s"
    pauses = { every = "10s", length = "p50=10ms,p99=65ms" }
    warm_up = { factor = 4, requests = 1000 }
    cache = { cold = "90%", warm = "4%", requests = 300, decay = 0.7, miss = "56ms" }
    placement = { spread = "6%", second_mode = 1.4, unlucky = "10%" }
"#;

fn quantiles(p50: u64, p99: u64) -> Latency {
    let (p50, p99) = (Span::from_millis(p50), Span::from_millis(p99));
    Latency::log_normal(p50, share(0.99), p99).unwrap()
}

#[test]
fn every_family_of_latencies_is_read() {
    let read = |latency: &str| {
        world(&with("stable", &format!("latency = {latency}")))
            .stable
            .latency
    };
    let ms = Span::from_millis;
    let hit = quantiles(4, 10);
    for (text, latency) in [
        (r#"{ fixed = "50ms" }"#, Latency::fixed(ms(50))),
        (r#"{ exponential = "50ms" }"#, Latency::exponential(ms(50))),
        (
            r#"{ gamma = { mean = "50ms", shape = 2 } }"#,
            Latency::gamma(ms(50), 2.0),
        ),
        (
            r#"{ weibull = { mean = "50ms", shape = 0.7 } }"#,
            Latency::weibull(ms(50), 0.7),
        ),
        (
            r#"{ body = "p50=4ms,p99=10ms", tail = { share = "1%", alpha = 1.5 } }"#,
            Latency::tailed(hit.clone(), share(0.01), 1.5),
        ),
        (
            r#"{ mixture = [["95%", "p50=4ms,p99=10ms"], ["5%", "p50=60ms,p99=240ms"]] }"#,
            Latency::mixture(vec![(share(0.95), hit), (share(0.05), quantiles(60, 240))]),
        ),
    ] {
        assert_eq!(Ok(read(text)), latency, "{text}");
    }
}

#[test]
fn a_fleet_is_read_and_the_canary_has_a_fresh_one_like_it() {
    let stable = Fleet {
        instances: 20,
        capacity: Some(Capacity {
            workers: 8,
            queue: Some(100),
            timeout: Some(Span::from_secs(30)),
            discipline: Discipline::Fifo,
        }),
        pauses: Some(Pauses {
            every: Span::from_secs(10),
            length: quantiles(10, 65),
        }),
        warm_up: Some(WarmUp {
            factor: 4.0,
            requests: 1000.0,
        }),
        cache: Some(CacheWarmUp {
            cold: share(0.9),
            warm: share(0.04),
            requests: 300.0,
            decay: 0.7,
            miss: Span::from_millis(56),
        }),
        placement: Some(Placement {
            spread: 0.06,
            second_mode: 1.4,
            unlucky: share(0.1),
        }),
        scaled: false,
        warm: true,
    };
    let fresh = Fleet {
        warm: false,
        ..stable.clone()
    };
    let same = world(&with("stable", FLEET));
    assert_eq!((&same.stable.fleet, &same.canary.fleet), (&stable, &fresh));
    let other = with(
        "canary",
        "instances = 1\nworkers = 4\nwarm = true\nwarm_up = {}",
    );
    let other = world(&(other + "[stable]\n" + FLEET));
    let expected = Fleet {
        instances: 1,
        capacity: stable.capacity.map(|capacity| Capacity {
            workers: 4,
            ..capacity
        }),
        warm_up: Some(WarmUp::USUAL),
        warm: true,
        ..stable.clone()
    };
    assert_eq!(other.canary.fleet, expected);
    assert_eq!(other.stable.fleet, stable);
    let scaled = with("canary", "instances = \"scaled\"") + "[stable]\ninstances = 20\n";
    let scaled = world(&scaled).canary.fleet;
    assert!(scaled.scaled && scaled.instances == 20);
}

#[test]
fn whoever_shares_workers_has_no_queue() {
    let shared = with("canary", "discipline = \"sharing\"") + "[stable]\n" + FLEET;
    let capacity = world(&shared).canary.fleet.capacity.unwrap();
    assert_eq!(capacity.discipline, Discipline::Sharing);
    assert_eq!((capacity.workers, capacity.queue), (8, None));
}

#[test]
fn a_scenario_without_fleets_has_nothing_that_couples_requests() {
    let least = world(LEAST);
    assert!(!least.stable.fleet.is_coupled() && !least.canary.fleet.is_coupled());
    assert!(least.stable.routes.is_empty() && least.canary.routes.is_empty());
}

#[test]
fn routes_may_differ_and_the_canary_s_differ_from_stable_s() {
    let text = routed(
        r#"
        [[stable.routes]]
        name = "checkout"
        latency = "p50=4ms,p99=10ms"
        errors = "2%"
        [[canary.routes]]
        name = "checkout"
        errors = "4%"
        [[canary.routes]]
        name = "browse"
        errors = "3%"
        "#,
    );
    let world = world(&text);
    let checkout = |errors| RouteService {
        latency: Some(quantiles(4, 10)),
        errors: Some(share(errors)),
    };
    let stable = [RouteService::default(), checkout(0.02)];
    let browse = RouteService {
        latency: None,
        errors: Some(share(0.03)),
    };
    assert_eq!(world.stable.routes, stable);
    assert_eq!(world.canary.routes, [browse, checkout(0.04)]);
}

#[test]
fn services_that_cannot_be_are_refused() {
    let stable = |lines: &str| problems(&with("stable", lines));
    for (lines, wrong) in [
        ("instances = 0", "stable.instances: `0` is out of range"),
        (
            "instances = \"scaled\"",
            "stable.instances: `\"scaled\"` is a string",
        ),
        ("workers = 0", "stable.workers: `0` is out of range"),
        ("queue = 10", "stable.queue: has no effect"),
        ("timeout = \"1s\"", "stable.timeout: has no effect"),
        ("discipline = \"fifo\"", "stable.discipline: has no effect"),
        (
            "workers = 1\ndiscipline = \"lifo\"",
            "`lifo` is not known here",
        ),
        (
            "workers = 1\ndiscipline = \"sharing\"\nqueue = 1",
            "stable.queue: has no effect",
        ),
        ("workers = 1\ntimeout = \"0s\"", "stable.timeout"),
        (
            "pauses = { every = \"1s\" }",
            "`stable.pauses.length` is missing",
        ),
        (
            "pauses = { length = \"p50=1ms,p99=2ms\" }",
            "`stable.pauses.every` is missing",
        ),
        ("warm_up = { factor = 0.5 }", "stable.warm_up.factor: `0.5`"),
        ("warm_up = { requests = 0 }", "stable.warm_up.requests: `0`"),
        ("cache = {}", "`stable.cache.miss` is missing"),
        (
            "cache = { cold = \"1%\", miss = \"1ms\" }",
            "stable.cache.cold: an empty cache misses 1%, less than the 5% of a full one",
        ),
        (
            "placement = { second_mode = 1.4 }",
            "stable.placement.second_mode: reaches no instance",
        ),
        (
            "placement = { unlucky = \"1%\" }",
            "stable.placement.unlucky: has no effect alone",
        ),
        ("warm = 1", "stable.warm: `1` is an integer"),
        ("latency = { fixed = \"0s\" }", "stable.latency.fixed"),
        (
            "latency = { fixed = \"1s\", exponential = \"1s\" }",
            "stable.latency.exponential: is one family too many",
        ),
        (
            "latency = { fixed = \"1s\", quantiles = [] }",
            "`stable.latency.quantiles` does not belong here",
        ),
        (
            "latency = { gamma = { mean = \"1s\" } }",
            "`stable.latency.gamma.shape` is missing",
        ),
        (
            "latency = { gamma = { mean = \"1s\", shape = 0 } }",
            "stable.latency.gamma.shape: `0` is out of range",
        ),
        (
            "latency = { body = \"p50=1s,p99=2s\" }",
            "stable.latency.body: is a body without a tail",
        ),
        (
            "latency = { tail = { share = \"1%\", alpha = 2 } }",
            "stable.latency.tail: is a tail without a body",
        ),
        (
            "latency = { body = \"p50=1s,p99=2s\", tail = { share = \"1%\", alpha = 1 } }",
            "stable.latency.tail.alpha: `1` is out of range",
        ),
        (
            "latency = { body = \"p50=1s,p99=2s\", tail = { share = \"60%\", alpha = 2 } }",
            "stable.latency.tail.share: a tail has a share above 0% and up to 50%",
        ),
        (
            "latency = { mixture = [[\"90%\", \"p50=1s,p99=2s\"]] }",
            "stable.latency.mixture: the shares of a mixture add up to 100%, not to 90%",
        ),
    ] {
        let all = stable(lines);
        assert!(all.contains(wrong), "{lines}:\n{all}");
        assert_eq!(all.matches(".toml").count(), 1, "{lines}: {all}");
    }
}

#[test]
fn routes_that_are_not_there_or_there_twice_are_refused() {
    let route = |name: &str| format!("[[stable.routes]]\nname = \"{name}\"\nerrors = \"2%\"\n");
    let unknown = problems(&routed(&route("chekout")));
    assert!(unknown.contains("`chekout` is no route"), "{unknown}");
    let twice = problems(&routed(&route("checkout").repeat(2)));
    assert!(
        twice.contains("stable.routes[1].name: `checkout` is here twice"),
        "{twice}"
    );
    let none = problems(&(LEAST.to_owned() + &route("checkout")));
    assert!(none.contains("`checkout` is no route"), "{none}");
    let share = problems(&routed(
        "[[stable.routes]]\nname = \"checkout\"\nshare = \"5%\"\n",
    ));
    assert!(
        share.contains("`stable.routes[0].share` does not belong here"),
        "{share}"
    );
}

#[test]
fn requests_that_share_workers_cannot_be_tried_again() {
    for section in ["stable", "canary"] {
        let shared = with(section, "workers = 8\ndiscipline = \"sharing\"");
        let text = shared.clone() + "[split]\nretries = { attempts = 2 }\n";
        let refused = problems(&text);
        let line = 1 + text
            .lines()
            .take_while(|line| !line.contains("retries"))
            .count();
        assert!(refused.contains(&format!(".toml:{line}:")), "{refused}");
        assert!(refused.contains("cannot be tried again"), "{refused}");
        scenario(&shared);
    }
}
