//! Messages: what is answered to what is sent, well-formed or not.

use super::*;

#[test]
fn an_answer_is_whole_and_names_its_instance() {
    let bench = Bench::start(world());
    let mut client = bench.canary();
    for _ in 0..3 {
        let seen = client.get("/", "x-user: 7\r\n").unwrap();
        assert_eq!((seen.status, seen.body.len()), (200, 64));
        assert_eq!(seen.header("x-instance"), Some("canary-0"));
        assert_eq!(seen.header("x-goals"), None);
        assert_eq!(seen.header("x-hurt"), None);
        assert_eq!(seen.header("connection"), None);
    }
    assert_eq!((bench.counted(200), bench.counted_in_all()), (3, 3));
    let seen = bench.stable().get("/", "").unwrap();
    assert_eq!(seen.header("x-instance"), Some("stable-0"));
}

#[test]
fn bodies_have_the_size_asked_for() {
    for body in [0, 1, 100_000] {
        let options = BackendOptions {
            body: Some(body),
            ..BackendOptions::default()
        };
        let bench = Bench::at_speed(world(), 1.0, options);
        let seen = bench.canary().get("/", "").unwrap();
        assert_eq!((seen.status, seen.body.len()), (200, body));
    }
}

#[test]
fn any_method_and_any_body_is_taken() {
    let bench = Bench::start(world());
    let mut client = bench.canary();
    client.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let seen = client.read(true).unwrap();
    assert_eq!(seen.header("content-length"), Some("64"));
    client
        .send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab")
        .unwrap();
    client.send("cde").unwrap();
    assert_eq!(client.read(false).unwrap().status, 200);
    let chunked = "PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    client.send(chunked).unwrap();
    client.send("3\r\nabc\r\n0\r\n\r\n").unwrap();
    assert_eq!(client.read(false).unwrap().status, 200);
    client
        .send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        .unwrap();
    assert_eq!(client.line().unwrap(), "HTTP/1.1 100 Continue");
    assert_eq!(client.line().unwrap(), "");
    client.send("abc").unwrap();
    assert_eq!(client.read(false).unwrap().status, 200);
    assert_eq!(bench.counted(200), 4);
}

#[test]
fn requests_that_come_together_are_answered_in_order() {
    let bench = Bench::start(with_routes(world(), &["home", "cart"]));
    let mut client = bench.canary();
    let one = "GET /home HTTP/1.1\r\nhost: a\r\n\r\n";
    let other = "GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n";
    client
        .send(&format!("{one}{other}{one}{}", &one[..9]))
        .unwrap();
    for status in [200, 404, 200] {
        assert_eq!(client.read(false).unwrap().status, status);
    }
    client.send(&one[9..]).unwrap();
    assert_eq!(client.read(false).unwrap().status, 200);
    // What the service does not have is not counted.
    assert_eq!((bench.counted_in_all(), bench.counted(200)), (3, 3));
}

#[test]
fn a_connection_stays_open_as_long_as_its_client_wants() {
    let bench = Bench::start(world());
    let mut client = bench.canary();
    let seen = client.get("/", "connection: close\r\n").unwrap();
    assert_eq!(seen.header("connection"), Some("close"));
    assert_eq!(client.rest(), (Vec::new(), None));
    let mut old = bench.canary();
    old.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        .unwrap();
    let seen = old.read(false).unwrap();
    assert_eq!(seen.header("connection"), Some("keep-alive"));
    old.send("GET / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(old.read(false).unwrap().header("connection"), Some("close"));
    assert_eq!(old.rest(), (Vec::new(), None));
}

#[test]
fn what_is_malformed_is_refused_and_hurts_nobody_else() {
    let bench = Bench::start(world());
    let mut good = bench.canary();
    assert_eq!(good.get("/", "").unwrap().status, 200);
    for (text, status) in [
        ("NONSENSE\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/3.0\r\nhost: a\r\n\r\n", 505),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            400,
        ),
    ] {
        let mut client = bench.canary();
        client.send(text).unwrap();
        assert_eq!(client.read(false).unwrap().status, status, "{text}");
        assert_eq!(client.rest().1, None, "{text}");
    }
    let mut client = bench.canary();
    let large = format!("GET / HTTP/1.1\r\nx: {}", "a".repeat(1_000_000));
    // The end may not be wanted any more.
    let _ = client.send(&large);
    assert_eq!(client.read(false).unwrap().status, 431);
    let mut client = bench.canary();
    let chunked = "PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n";
    client.send(chunked).unwrap();
    assert!(client.read(false).is_err(), "cut off");
    assert_eq!(good.get("/", "").unwrap().status, 200);
}

#[test]
fn who_takes_too_long_over_a_head_or_a_body_is_not_waited_for() {
    let options = BackendOptions {
        patience: Span::from_millis(50),
        ..BackendOptions::default()
    };
    let bench = Bench::at_speed(world(), 1.0, options);
    let mut idle = bench.canary();
    let mut slow = bench.canary();
    slow.send("GET / HT").unwrap();
    assert_eq!(slow.read(false).unwrap().status, 408);
    assert_eq!(slow.rest().1, None);
    let mut slow = bench.canary();
    slow.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab")
        .unwrap();
    assert!(slow.read(false).is_err());
    // Who says nothing at all may stay.
    assert_eq!(idle.get("/", "").unwrap().status, 200);
}

#[test]
fn each_instance_shows_its_own_metrics_and_health() {
    let mut world = world();
    world.canary.fleet.instances = 2;
    let options = BackendOptions {
        metrics: Arc::new(|version, index, tally| {
            format!("{version:?} {index} {}\n", tally.requests(version))
        }),
        ..BackendOptions::default()
    };
    let bench = Bench::at_speed(world, 1.0, options);
    let second = bench.backends.endpoints().address(Version::Canary, 1);
    let mut client = Client::open(second).unwrap();
    for _ in 0..5 {
        client.get("/", "").unwrap();
    }
    let seen = client.get("/metrics", "").unwrap();
    assert_eq!(String::from_utf8(seen.body).unwrap(), "Canary 1 5\n");
    let kind = seen.headers.iter().find(|(name, _)| name == "content-type");
    assert_eq!(kind.unwrap().1, "text/plain; version=0.0.4; charset=utf-8");
    let seen = bench.canary().get("/metrics", "").unwrap();
    assert_eq!(String::from_utf8(seen.body).unwrap(), "Canary 0 0\n");
    assert_eq!(client.get("/healthz", "").unwrap().status, 200);
}

#[test]
fn there_are_no_more_connections_than_are_allowed() {
    let options = BackendOptions {
        connections: 2,
        ..BackendOptions::default()
    };
    let bench = Bench::at_speed(world(), 1.0, options);
    let (mut one, mut other) = (bench.canary(), bench.canary());
    assert_eq!(one.get("/", "").unwrap().status, 200);
    assert_eq!(other.get("/", "").unwrap().status, 200);
    let mut third = bench.canary();
    assert!(third.get("/", "").is_err());
    drop(one);
    wait_for("a place is free again", || {
        bench.canary().get("/", "").is_ok()
    });
    assert_eq!(other.get("/", "").unwrap().status, 200);
}

#[test]
fn ten_thousand_idle_connections_are_no_burden() {
    let bench = Bench::start(world());
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    // Both ends are here, and others test beside us.
    let spare = limit.unwrap_or(u64::MAX).saturating_sub(500) / 2;
    let count = spare.min(10_000);
    let idle: Vec<Client> = (0..count).map(|_| bench.canary()).collect();
    let mut client = bench.canary();
    for _ in 0..10 {
        assert_eq!(client.get("/", "").unwrap().status, 200);
    }
    let mut last = idle.into_iter().next_back().unwrap();
    assert_eq!(last.get("/", "").unwrap().status, 200);
}
