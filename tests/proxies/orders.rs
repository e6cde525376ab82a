//! New weights while clients are at it: what is sent, answered and lost, counted on both sides.

use std::sync::atomic::{AtomicBool, Ordering};

use coalmine::base::Span;
use coalmine::engine::live::options::Proxy;
use coalmine::model::split::Split;
use coalmine::telemetry::Version;

use super::client::{Client, crowd};
use super::installed;
use super::stage::{GRACE, Stage, percent};

const CLIENTS: usize = 16;

/// What came of some orders under load.
struct Toll {
    orders: u64,
    answered: u64,
    lost: u64,
    /// Requests that backends answered.
    served: u64,
    slowest: Span,
}

/// Swings between none and all while clients keep asking, and looks after each order whether it
/// holds: whoever asks now gets what was ordered.
fn swing(kind: Proxy) -> Option<Toll> {
    let program = installed(kind)?;
    let stage = Stage::new([2, 2, 0]);
    // Drawn at random, except where that is biased and rings are long in the making.
    let proxy = stage.proxy(kind, &program, |world| {
        world.split = if kind == Proxy::Haproxy {
            Split::Even
        } else {
            Split::Random
        };
    });
    let stop = AtomicBool::new(false);
    let (mut orders, mut slowest) = (0, Span::ZERO);
    let (clients, probes) = std::thread::scope(|scope| {
        let clients = scope.spawn(|| crowd(proxy.address(), CLIENTS, &stop));
        let mut probes = 0;
        for _ in 0..5 {
            for (canary, name) in [(100.0, "canary"), (0.0, "stable")] {
                let applied = proxy.set_weights(percent(canary)).unwrap();
                orders += 1;
                slowest = slowest.max(applied.took);
                let mut probe = Client::new(proxy.address());
                probe.ask_often(20);
                assert_eq!(probe.of(name), 20, "{canary} %: {:?}", probe.answers);
                probes += 20;
                // Load goes on for a while before the next order.
                let goal = stage.answered_by_all() + 150;
                while stage.answered_by_all() < goal {
                    std::thread::park_timeout(std::time::Duration::from_millis(2));
                }
            }
        }
        stop.store(true, Ordering::SeqCst);
        (clients.join().unwrap(), probes)
    });
    proxy.stop(GRACE);
    let sum = |what: fn(&Client) -> u64| clients.iter().map(what).sum::<u64>();
    for client in &clients {
        assert!(
            client.answers.keys().all(|(_, status)| *status == 200),
            "{client:?}"
        );
    }
    assert!(sum(|client| client.sent) > 1_000, "there was load");
    Some(Toll {
        orders,
        answered: sum(|client| client.answered) + probes,
        lost: sum(Client::lost),
        served: stage.answered_by_all(),
        slowest,
    })
}

/// Says what was counted.
fn tell(name: &str, toll: &Toll) {
    let Toll {
        orders,
        answered,
        lost,
        served,
        slowest,
    } = toll;
    #[expect(
        clippy::disallowed_macros,
        reason = "shown by runners that show output"
    )]
    {
        println!(
            "{name}: {orders} orders, {answered} answered, {lost} lost, {served} served; \
             the slowest order took {slowest}"
        );
    }
}

fn loses_nothing(kind: Proxy, name: &str) {
    let Some(toll) = swing(kind) else {
        return;
    };
    tell(name, &toll);
    assert_eq!(toll.lost, 0, "of {}", toll.answered);
    assert_eq!(
        toll.served, toll.answered,
        "both sides have counted the same"
    );
}

#[test]
fn haproxy_loses_nothing_when_weights_change() {
    loses_nothing(Proxy::Haproxy, "HAProxy");
}

#[test]
fn envoy_loses_nothing_when_weights_change() {
    loses_nothing(Proxy::Envoy, "Envoy");
}

#[test]
fn nginx_may_lose_what_is_sent_into_a_reload_and_no_more() {
    let Some(toll) = swing(Proxy::Nginx) else {
        return;
    };
    tell("NGINX", &toll);
    // A reload closes each connection once, and a connection carries one request at a time.
    let most = toll.orders * CLIENTS as u64;
    assert!(
        toll.lost <= most,
        "{} lost in {} reloads",
        toll.lost,
        toll.orders
    );
    // What was lost may have been served, and its answer not be sent.
    assert!(toll.served >= toll.answered && toll.served <= toll.answered + toll.lost);
}

/// Instances that come and go are told without new weights.
fn follows_readiness(kind: Proxy) {
    let Some(program) = installed(kind) else {
        return;
    };
    let stage = Stage::new([2, 1, 0]);
    let proxy = stage.proxy(kind, &program, |_| {});
    assert_eq!(proxy.refresh().unwrap(), None, "nothing has changed");
    stage.endpoints.set_ready(Version::Stable, 0, false);
    assert!(proxy.refresh().unwrap().is_some());
    let before = stage.backends[0][0].answered();
    let mut client = Client::new(proxy.address());
    client.ask_often(30);
    assert_eq!(stage.backends[0][0].answered(), before);
    stage.endpoints.set_ready(Version::Stable, 0, true);
    assert!(proxy.refresh().unwrap().is_some());
    let mut client = Client::new(proxy.address());
    client.ask_often(30);
    assert!(stage.backends[0][0].answered() > before);
    proxy.stop(GRACE);
}

#[test]
fn nginx_follows_readiness() {
    follows_readiness(Proxy::Nginx);
}

#[test]
fn haproxy_follows_readiness() {
    follows_readiness(Proxy::Haproxy);
}

#[test]
fn envoy_follows_readiness() {
    follows_readiness(Proxy::Envoy);
}
