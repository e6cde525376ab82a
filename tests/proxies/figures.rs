//! What a proxy says of its own requests is what its callers have met.

use std::collections::BTreeMap;
use std::sync::Arc;

use coalmine::base::Span;
use coalmine::engine::live::clock::Moment;
use coalmine::engine::live::endpoints::Endpoints;
use coalmine::engine::live::options::Proxy;
use coalmine::engine::live::proxies::{ExternalSplitter, Latencies};
use coalmine::telemetry::Version;
use coalmine::telemetry::exposition::Reading;

use super::client::Client;
use super::routing::{refusing, retries};
use super::stage::{GRACE, Stage, percent};
use super::{KINDS, installed};

/// How long a log or a histogram may take to be written, on a busy machine.
const PATIENCE: Span = Span::from_secs(20);

/// Requests by version and class of status.
type Classes = BTreeMap<(String, u16), u64>;

fn met_by(client: &Client) -> Classes {
    let mut classes = Classes::new();
    for ((version, status), count) in &client.answers {
        *classes.entry((version.clone(), status / 100)).or_default() += count;
    }
    classes
}

fn told_by(readings: &[Reading]) -> Classes {
    let mut classes = Classes::new();
    for reading in readings.iter().filter(|reading| reading.requests > 0) {
        let name = reading.version.name().to_owned();
        *classes.entry((name, reading.code / 100)).or_default() += reading.requests;
    }
    classes
}

/// Waits until a proxy tells what a client has met.
#[track_caller]
fn agree(proxy: &ExternalSplitter, client: &Client, what: &str) -> Vec<Reading> {
    let deadline = Moment::now() + PATIENCE;
    loop {
        let readings = proxy.readings(&[]).unwrap();
        if told_by(&readings) == met_by(client) {
            return readings;
        }
        if Moment::now() > deadline {
            let (told, met) = (told_by(&readings), met_by(client));
            panic!(
                "{:?}, {what}: it tells {told:?}, and callers met {met:?}",
                proxy.kind()
            );
        }
        proxy.program().pause(Span::from_millis(5));
    }
}

#[test]
fn a_proxy_tells_what_its_callers_have_met() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([2, 2, 0]);
        let proxy = stage.proxy(kind, &program, |_| {});
        assert_eq!(proxy.readings(&[]).unwrap(), [], "{kind:?}: nothing yet");
        let zeros = proxy.readings(&[Version::Canary]).unwrap();
        assert!(zeros.iter().any(|reading| reading.code == 503), "{kind:?}");
        assert!(zeros.iter().all(|reading| reading.requests == 0));
        proxy.set_weights(percent(40.0)).unwrap();
        let mut client = Client::new(proxy.address());
        client.ask_often(60);
        stage.backends[1][0].fail_with(503);
        stage.backends[1][1].fail_with(404);
        client.ask_often(140);
        // Another order changes nothing about what was counted.
        proxy.set_weights(percent(0.0)).unwrap();
        client.ask_often(20);
        assert_eq!(client.lost(), 0);
        assert!(met_by(&client).len() == 4, "{:?}", met_by(&client));
        let readings = agree(&proxy, &client, "plain");
        latencies_are_there(&proxy, readings);
        proxy.stop(GRACE);
        // A log says what it said; nobody else is left to be asked.
        assert_eq!(proxy.readings(&[]).is_ok(), kind == Proxy::Nginx);
    }
}

/// Every request stands in a bucket of its version, where there are buckets.
fn latencies_are_there(proxy: &ExternalSplitter, mut readings: Vec<Reading>) {
    let deadline = Moment::now() + PATIENCE;
    let wanted = proxy.latencies() != Latencies::Untold;
    loop {
        let complete = Version::ALL.into_iter().all(|version| {
            let of = readings.iter().filter(|reading| reading.version == version);
            let (requests, timed) = of.fold((0, 0), |(requests, timed), reading| {
                let buckets = reading.buckets.iter().sum::<u64>();
                (requests + reading.requests, timed + buckets)
            });
            timed == if wanted { requests } else { 0 }
        });
        if complete {
            break;
        }
        assert!(Moment::now() < deadline, "{:?}: {readings:?}", proxy.kind());
        proxy.program().pause(Span::from_millis(5));
        readings = proxy.readings(&[]).unwrap();
    }
    if proxy.latencies() == Latencies::ByStatus {
        for reading in readings {
            assert_eq!(reading.requests, reading.buckets.iter().sum::<u64>());
        }
    }
}

#[test]
fn what_was_tried_again_counts_once_as_it_ended() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([2, 2, 0]);
        let proxy = stage.proxy(kind, &program, |world| {
            world.retries = retries(2, None);
        });
        proxy.set_weights(percent(50.0)).unwrap();
        // One instance of the canary fails; stable's both do.
        stage.backends[1][0].fail_with(503);
        for backend in &stage.backends[0] {
            backend.fail_with(502);
        }
        let mut client = Client::new(proxy.address());
        client.ask_often(100);
        assert!(stage.answered_by_all() > 150, "{kind:?} tries again");
        agree(&proxy, &client, "tried again");
        proxy.stop(GRACE);
    }
}

#[test]
fn answers_that_it_makes_itself_are_told_as_failures() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let mut stage = Stage::new([1, 1, 0]);
        stage.endpoints = Arc::new(Endpoints::new([
            vec![stage.backends[0][0].address],
            vec![stage.backends[1][0].address, refusing()],
            Vec::new(),
        ]));
        let proxy = stage.proxy(kind, &program, |world| {
            world.retries = retries(0, Some(Span::from_millis(100)));
        });
        proxy.set_weights(percent(50.0)).unwrap();
        let mut client = Client::new(proxy.address());
        client.ask_often(10);
        stage.backends[1][0].fail_with(0);
        client.ask_often(20);
        let failed = (client.answers.iter()).any(|((name, status), count)| {
            name == "canary" && (502..=504).contains(status) && *count > 0
        });
        assert!(failed, "{kind:?}: {:?}", client.answers);
        let readings = agree(&proxy, &client, "timed out");
        if kind != Proxy::Haproxy {
            assert!(
                readings.iter().any(|reading| reading.code == 504),
                "{kind:?}"
            );
        }
        proxy.stop(GRACE);
    }
}
