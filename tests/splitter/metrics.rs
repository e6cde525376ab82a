//! What a splitter tells whoever scrapes it, on a port of its own.

use std::sync::Arc;

use coalmine::base::Span;
use coalmine::engine::live::clock::{Moment, WallClock};
use coalmine::engine::live::endpoints::Endpoints;
use coalmine::engine::live::splitter::{Exposition, Splitter, SplitterOptions};
use coalmine::engine::live::steering::Steering;
use coalmine::engine::live::tally::merge;
use coalmine::model::traffic::Route;
use coalmine::telemetry::Version;

use super::server::{Server, say};
use super::{Client, Site, setting};

#[test]
fn metrics_have_a_port_of_their_own() {
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmine");
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(
        client.answer().body,
        b"mine",
        "users' requests are the service's"
    );
    let mut scraper = Client::connect(site.splitter.metrics());
    for _ in 0..2 {
        scraper.send("GET /metrics?x HTTP/1.1\r\nhost: a\r\n\r\n");
        let answer = scraper.answer();
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        let text = String::from_utf8(answer.body).unwrap();
        let line = "coalmine_requests_total{version=\"stable\",route=\"0\",code=\"200\"} 1\n";
        assert!(text.contains(line), "{text}");
    }
    scraper.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(scraper.answer().status, 404);
    assert_eq!(site.counted(None, None), 1, "scrapes are no requests");
}

#[test]
fn metrics_can_be_written_in_any_way() {
    let server = Server::well();
    let endpoints = [vec![server.address], Vec::new(), Vec::new()];
    let splitter = Splitter::start(
        &setting(),
        &WallClock::new(Moment::now(), 1.0),
        &Arc::new(Endpoints::new(endpoints)),
        &Arc::new(Steering::default()),
        &SplitterOptions::default(),
        Exposition::new(|tallies| {
            let readings = merge(tallies.iter().map(AsRef::as_ref));
            format!("{} kinds\n", readings.len())
        }),
    )
    .unwrap();
    assert_eq!(Client::connect(splitter.address()).ask(1).status, 200);
    let mut scraper = Client::connect(splitter.metrics());
    scraper.send("GET /metrics HTTP/1.0\r\n\r\n");
    assert_eq!(scraper.answer().body, b"1 kinds\n");
    assert!(scraper.is_closed());
}

#[test]
fn requests_count_by_route_with_the_time_that_their_callers_waited() {
    let server = Server::start(|head, stream| {
        if head.starts_with("GET /cart") {
            super::pause(60);
        }
        say(stream, super::server::OK)
    });
    let mut setting = setting();
    setting.world.traffic.routes = ["home", "cart"]
        .map(|name| Route {
            name: name.to_owned(),
            share: coalmine::base::Probability::new(0.5).unwrap(),
        })
        .to_vec();
    let site = Site::start(&setting, [&[&server], &[], &[]]);
    let mut client = site.client();
    for path in ["/home", "/cart?item=1", "/cart", "/unknown"] {
        client.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
        assert_eq!(client.answer().status, 200);
    }
    site.settle();
    let readings = site.splitter.readings();
    let found: Vec<_> = (readings.iter())
        .map(|reading| (reading.version, reading.route, reading.requests))
        .collect();
    assert_eq!(found, [(Version::Stable, 0, 2), (Version::Stable, 1, 2)]);
    assert!(readings[1].took >= Span::from_millis(120));
    assert_eq!(readings[1].buckets.iter().sum::<u64>(), 2);
    // None of the two took as little as 50 ms.
    assert_eq!(readings[1].buckets[..6].iter().sum::<u64>(), 0);
}
