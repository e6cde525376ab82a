//! Faults of requests: what a client sees of each, and what is counted.

use std::time::Duration;

use super::*;
use crate::base::Purpose;
use crate::model::fault::{Corruption, ResetPhase};
use crate::model::service::{Capacity, Discipline, Goal, GoalValue, RouteService};

/// How many of `n` requests to the canary show something.
fn count(bench: &Bench, n: usize, path: &str, mut shows: impl FnMut(&Seen) -> bool) -> usize {
    let mut client = bench.canary();
    (0..n)
        .filter(|user| {
            let header = format!("x-user: {user}\r\n");
            shows(&client.get(path, &header).unwrap())
        })
        .count()
}

#[test]
fn errors_come_at_their_rate_and_on_top_of_the_services_own() {
    let mut world = with(FaultKind::Errors {
        probability: share(0.05),
        latency: None,
    });
    world.canary.errors = share(0.02);
    world.stable.errors = share(0.02);
    let bench = Bench::start(world);
    let n = 4_000;
    let failed = count(&bench, n, "/", |seen| seen.status == 500);
    assert_binomial("failed", failed, n, 1.0 - 0.95 * 0.98);
    assert_eq!(bench.counted(500), failed as u64);
    assert_eq!(bench.counted(200), (n - failed) as u64);
    let mut stable = bench.stable();
    let failed = (0..n).filter(|_| stable.get("/", "").unwrap().status == 500);
    assert_binomial("failed on stable", failed.count(), n, 0.02);
}

#[test]
fn faults_keep_to_their_routes_groups_and_users() {
    let kind = FaultKind::Errors {
        probability: Probability::ONE,
        latency: None,
    };
    let mut world = with_routes(world(), &["home", "cart"]);
    world.faults.push(Fault {
        scope: Scope {
            routes: 0b10,
            groups: 0b01,
            users: share(0.5),
            ..Scope::EVERYONE
        },
        ..fault(kind)
    });
    let bench = Bench::start(world);
    let mut client = bench.canary();
    let salt = Seed::DEFAULT.salt(0, Purpose::Users);
    let mut reached = 0;
    for user in 0..300 {
        let mut status = |path: &str, group: u32| {
            let headers = format!("x-user: {user}\r\nx-group: {group}\r\n");
            client.get(path, &headers).unwrap().status
        };
        let hit = Population::place(user, salt) < 0.5;
        reached += usize::from(hit);
        assert_eq!(
            status("/cart", 0),
            if hit { 500 } else { 200 },
            "user {user}"
        );
        assert_eq!((status("/home", 0), status("/cart", 1)), (200, 200));
    }
    assert_binomial("users reached", reached, 300, 0.5);
    // Who does not say who they are is somebody else each time.
    let nameless = (0..300).filter(|_| client.get("/cart", "").unwrap().status == 500);
    assert_binomial("nameless reached", nameless.count(), 300, 0.5);
}

#[test]
fn resets_come_at_their_rate_and_no_server_knows_of_them() {
    let n = 600;
    let bench = Bench::start(with(FaultKind::Reset {
        probability: share(0.3),
        phase: ResetPhase::Head,
    }));
    let mut client = bench.canary();
    let mut reset = 0;
    for _ in 0..n {
        match client.get("/", "") {
            Ok(seen) => assert_eq!(seen.status, 200),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                reset += 1;
                client = bench.canary();
            }
        }
    }
    assert_binomial("reset", reset, n, 0.3);
    assert_eq!(bench.counted_in_all(), (n - reset) as u64);
}

#[test]
fn a_reset_comes_as_early_as_its_phase_says() {
    let bench = |phase| {
        Bench::start(with(FaultKind::Reset {
            probability: Probability::ONE,
            phase,
        }))
    };
    let reset = Some(io::ErrorKind::ConnectionReset);
    let post = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n";

    let connect = bench(ResetPhase::Connect);
    let mut client = connect.canary();
    client.send(post).unwrap();
    assert_eq!(
        client.rest(),
        (Vec::new(), reset),
        "its body is not waited for"
    );

    let head = bench(ResetPhase::Head);
    let mut client = head.canary();
    client.send(post).unwrap();
    let stream = client.stream.get_ref();
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let waiting = client.rest().1;
    assert_eq!(
        waiting,
        Some(io::ErrorKind::WouldBlock),
        "its body is waited for"
    );
    client.send("abcde").unwrap();
    let stream = client.stream.get_ref();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    assert_eq!(client.rest(), (Vec::new(), reset));

    let body = bench(ResetPhase::Body);
    let mut client = body.canary();
    client.ask("/", "").unwrap();
    let (bytes, ending) = client.rest();
    assert_eq!(ending, reset);
    let text = String::from_utf8(bytes).unwrap();
    let (lines, half) = text.split_once("\r\n\r\n").unwrap();
    assert!(lines.starts_with("HTTP/1.1 200 OK") && lines.ends_with("content-length: 64"));
    assert_eq!(half.len(), 32);
    assert_eq!([connect, head].map(|bench| bench.counted_in_all()), [0, 0]);
    // Its status had been sent.
    assert_eq!(body.counted(200), 1);
}

#[test]
fn who_hangs_hears_nothing_and_keeps_a_worker_busy() {
    let mut world = with_routes(world(), &["stuck", "free"]);
    world.canary.fleet.capacity = Some(Capacity {
        workers: 1,
        queue: None,
        timeout: None,
        discipline: Discipline::Fifo,
    });
    world.faults.push(Fault {
        scope: Scope {
            routes: 0b01,
            ..Scope::EVERYONE
        },
        ..fault(FaultKind::Hang {
            probability: Probability::ONE,
            timeout: Span::from_millis(150),
        })
    });
    let bench = Bench::start(world);
    let (mut hanging, mut behind) = (bench.canary(), bench.canary());
    // The answer before it shows that the request that hangs has been read.
    let both = "GET /free HTTP/1.1\r\nhost: a\r\n\r\nGET /stuck HTTP/1.1\r\nhost: a\r\n\r\n";
    let start = Moment::now();
    hanging.send(both).unwrap();
    assert_eq!(hanging.read(false).unwrap().status, 200);
    assert_eq!(behind.get("/free", "").unwrap().status, 200);
    assert!(Moment::now().since(start) >= Span::from_millis(150));
    assert_eq!(hanging.rest(), (Vec::new(), None));
    assert!(Moment::now().since(start) >= Span::from_millis(1_500));
    assert_eq!(bench.counted_in_all(), 2);
}

#[test]
fn a_corrupt_answer_is_a_200_that_is_wrong() {
    let bench = |how| {
        Bench::start(with(FaultKind::Corrupt {
            probability: Probability::ONE,
            how,
        }))
    };
    let truncated = bench(Corruption::Truncated);
    let right = truncated.stable().get("/", "").unwrap().body;
    let mut client = truncated.canary();
    let seen = client.get("/", "").unwrap();
    assert_eq!((seen.status, seen.whole), (200, false));
    assert_eq!(
        (seen.header("x-hurt"), &seen.body[..]),
        (Some("wrong"), &right[..32])
    );
    assert_eq!(client.rest(), (Vec::new(), None));

    let flipped = bench(Corruption::Flipped);
    let mut client = flipped.canary();
    for _ in 0..2 {
        let seen = client.get("/", "").unwrap();
        assert_eq!((seen.status, seen.whole), (200, true));
        assert_eq!(seen.header("x-hurt"), Some("wrong"));
        assert_eq!(seen.body.len(), right.len());
        assert_ne!(seen.body, right);
    }

    let empty = bench(Corruption::Empty);
    let mut client = empty.canary();
    for _ in 0..2 {
        let seen = client.get("/", "").unwrap();
        assert_eq!((seen.status, seen.body.len()), (200, 0));
        assert_eq!(seen.header("x-hurt"), Some("wrong"));
    }
    assert_eq!(
        (
            truncated.counted(200),
            flipped.counted(200),
            empty.counted(200)
        ),
        (1, 2, 2)
    );
}

#[test]
fn corruption_comes_at_its_rate() {
    let bench = Bench::start(with(FaultKind::Corrupt {
        probability: share(0.2),
        how: Corruption::Flipped,
    }));
    let wrong = count(&bench, 2_000, "/", |seen| seen.header("x-hurt").is_some());
    assert_binomial("wrong", wrong, 2_000, 0.2);
}

#[test]
fn a_body_drips_in_pieces_and_bandwidth_holds_it_back() {
    let drip = Bench::start(with(FaultKind::Drip {
        probability: Probability::ONE,
        over: Span::from_millis(400),
    }));
    let mut client = drip.canary();
    let start = Moment::now();
    client.ask("/", "").unwrap();
    let (mut pieces, mut length) = (0, 0);
    let mut room = [0; 4096];
    while length < 64 + 32 {
        length += client.stream.get_mut().read(&mut room).unwrap();
        pieces += 1;
        if String::from_utf8_lossy(&room).contains("\r\n\r\n") && pieces == 1 {
            length = 32;
        }
    }
    assert!(Moment::now().since(start) >= Span::from_millis(400));
    assert!(pieces >= 3, "{pieces}");
    assert_eq!(drip.counted(200), 1);

    let mut limited = with(FaultKind::Bandwidth { limit: 100_000.0 });
    limited.canary.body = 20_000;
    let limited = Bench::start(limited);
    let start = Moment::now();
    let seen = limited.canary().get("/", "").unwrap();
    assert!(Moment::now().since(start) >= Span::from_millis(200));
    assert_eq!(
        (seen.body.len(), seen.header("x-hurt")),
        (20_000, Some("slowed"))
    );
}

#[test]
fn the_metrics_may_lie_while_the_service_does_not() {
    let mut world = with(FaultKind::Metrics {
        hidden: Probability::ONE,
        count: 3,
        unit: 1_000.0,
    });
    world.canary.latency = Latency::Fixed(Span::from_millis(1));
    world.canary.errors = share(0.5);
    let bench = Bench::start(world);
    let failed = count(&bench, 200, "/", |seen| seen.status == 500);
    assert_binomial("failed", failed, 200, 0.5);
    assert_eq!(bench.counted(500), 0);
    let readings = bench.backends.tallies(Version::Canary)[0].read();
    let [reading] = &readings[..] else {
        panic!("{readings:?}");
    };
    assert_eq!(reading.requests, 3 * (200 - failed) as u64);
    // A millisecond looks like a second.
    assert!(reading.took >= Span::from_secs(reading.requests));
}

#[test]
fn what_befell_a_user_elsewhere_follows_them() {
    let bench = Bench::start(with(FaultKind::Bounce {
        probability: Probability::ONE,
    }));
    let (mut stable, mut canary) = (bench.stable(), bench.canary());
    let five = "x-user: 5\r\n";
    assert_eq!(stable.get("/", five).unwrap().status, 200);
    // A copy is not the user's own request.
    let copy = "GET / HTTP/1.1\r\nhost: canary-shadow\r\nx-user: 5\r\n\r\n";
    canary.send(copy).unwrap();
    assert_eq!(canary.read(false).unwrap().status, 500);
    assert_eq!(stable.get("/", five).unwrap().status, 200);
    assert_eq!(canary.get("/", five).unwrap().status, 500);
    assert_eq!(canary.get("/", five).unwrap().status, 200);
    assert_eq!(stable.get("/", five).unwrap().status, 500);
    assert_eq!(stable.get("/", "").unwrap().status, 200);

    let bench = Bench::start(with(FaultKind::Poison {
        probability: Probability::ONE,
    }));
    let (mut stable, mut canary) = (bench.stable(), bench.canary());
    assert_eq!(stable.get("/", five).unwrap().status, 200);
    assert_eq!(canary.get("/", five).unwrap().status, 200);
    assert_eq!(stable.get("/", five).unwrap().status, 500);
    assert_eq!(stable.get("/", five).unwrap().status, 500);
    assert_eq!(stable.get("/", "x-user: 6\r\n").unwrap().status, 200);
}

#[test]
fn goals_are_reached_after_right_answers_on_their_routes() {
    let goal = |name: &str, routes| Goal {
        name: name.to_owned(),
        probability: share(0.3),
        value: GoalValue::One,
        routes,
        spread: 0.0,
    };
    let mut world = with_routes(world(), &["home", "cart", "broken"]);
    world.goals = vec![goal("click", u32::MAX), goal("order", 0b110)];
    world.canary.routes = vec![RouteService::default(); 3];
    world.canary.routes[2].errors = Some(Probability::ONE);
    world.faults.push(fault(FaultKind::Business {
        goal: Some(1),
        multiply: 0.5,
    }));
    let bench = Bench::start(world);
    let n = 2_000;
    let mut client = bench.canary();
    let mut reached = |path: &str| {
        let mut sums = [0, 0];
        for _ in 0..n {
            let seen = client.get(path, "x-user: 1\r\n").unwrap();
            let values = seen.header("x-goals").unwrap().split(',');
            let values: Vec<usize> = values.map(|value| value.parse().unwrap()).collect();
            assert_eq!(values.len(), 2);
            sums = [sums[0] + values[0], sums[1] + values[1]];
        }
        sums
    };
    let [clicks, orders] = reached("/home");
    assert_binomial("clicks", clicks, n, 0.3);
    assert_eq!(orders, 0);
    let [clicks, orders] = reached("/cart");
    assert_binomial("clicks", clicks, n, 0.3);
    assert_binomial("orders", orders, n, 0.15);
    assert_eq!(reached("/broken"), [0, 0]);
}

#[test]
fn every_added_time_is_waited_and_tells_that_it_hurt() {
    let mut world = with(FaultKind::Latency {
        multiply: 1.0,
        add: Span::from_millis(30),
    });
    world.faults.push(fault(FaultKind::Tail {
        probability: share(0.5),
        add: Span::from_millis(30),
    }));
    let bench = Bench::start(world);
    let mut longer = 0;
    let mut client = bench.canary();
    for _ in 0..40 {
        let start = Moment::now();
        let seen = client.get("/", "").unwrap();
        let took = Moment::now().since(start);
        assert!(took >= Span::from_millis(30));
        longer += usize::from(took >= Span::from_millis(60));
        assert_eq!(seen.header("x-hurt"), Some("slowed"));
    }
    // A busy machine can only make more of them long.
    assert!(longer >= 5, "{longer} of 40, 20 expected");
    assert_eq!(bench.stable().get("/", "").unwrap().header("x-hurt"), None);
}
