//! What is done about instances that fail: attempts after the first, limits of time, and leaving out.

use std::sync::atomic::{AtomicU64, Ordering};

use coalmine::base::{Probability, Span};
use coalmine::engine::live::Setting;
use coalmine::engine::live::clock::Moment;
use coalmine::engine::live::splitter::SplitterOptions;
use coalmine::model::service::{Capacity, Discipline};
use coalmine::model::split::{Ejection, Retries};
use coalmine::telemetry::Version;

use super::server::{OK, Server, Stream, read_body, say};
use super::{Site, setting};

const FAILS: &str = "HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno";

fn retrying() -> Retries {
    Retries {
        attempts: 2,
        on_errors: true,
        on_resets: true,
        per_try_timeout: None,
        backoff: Span::ZERO,
        budget: None,
    }
}

fn with(retries: Retries) -> Setting {
    let mut setting = setting();
    setting.world.retries = Some(retries);
    setting
}

/// A server whose every `period`-th request fails in some way, by the number of the request.
fn failing(period: u64, fail: impl Fn(u64, &mut Stream) -> bool + Send + Sync + 'static) -> Server {
    let number = AtomicU64::new(0);
    Server::start(move |head, stream| {
        read_body(head, stream, false);
        let number = number.fetch_add(1, Ordering::SeqCst) + 1;
        if number.is_multiple_of(period) {
            say(stream, OK)
        } else {
            fail(number, stream)
        }
    })
}

#[test]
fn errors_are_tried_again_until_there_is_no_attempt_left() {
    // Two of three fail: the third attempt succeeds.
    let server = failing(3, |_, stream| say(stream, FAILS));
    let site = Site::start(&with(retrying()), [&[&server], &[], &[]]);
    let mut client = site.client();
    for _ in 0..10 {
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc");
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(server.requests(), 30);
    let counts = site.counts();
    assert_eq!((counts.attempts, counts.retries), (30, 20));
    assert_eq!(site.counted(None, None), 10);
    // Three of four: the last answer is passed on as it is.
    let server = failing(4, |_, stream| say(stream, FAILS));
    let site = Site::start(&with(retrying()), [&[&server], &[], &[]]);
    let answer = site.client().ask(1);
    assert_eq!((answer.status, answer.body), (500, b"no".to_vec()));
    assert_eq!(site.counted(None, Some(500)), 1);
}

#[test]
fn only_what_is_asked_for_is_tried_again() {
    let errors_only = Retries {
        on_resets: false,
        ..retrying()
    };
    let resets_only = Retries {
        on_errors: false,
        ..retrying()
    };
    for (retries, cuts, status) in [
        (errors_only, true, 502),
        (errors_only, false, 200),
        (resets_only, true, 200),
        (resets_only, false, 500),
    ] {
        let server = failing(2, move |_, stream| !cuts && say(stream, FAILS));
        let site = Site::start(&with(retries), [&[&server], &[], &[]]);
        assert_eq!(site.client().ask(1).status, status, "{retries:?} {cuts}");
    }
}

#[test]
fn a_budget_limits_the_attempts() {
    let server = Server::saying(FAILS);
    let retries = Retries {
        budget: Probability::new(0.2),
        ..retrying()
    };
    let site = Site::start(&with(retries), [&[&server], &[], &[]]);
    let mut client = site.client();
    for _ in 0..50 {
        assert_eq!(client.ask(1).status, 500);
    }
    assert_eq!(server.requests(), 60, "a fifth more");
}

#[test]
fn a_body_that_was_not_kept_is_not_sent_again() {
    let server = Server::start(|head, stream| {
        read_body(head, stream, false);
        say(stream, FAILS)
    });
    let site = Site::start(&with(retrying()), [&[&server], &[], &[]]);
    let mut client = site.client();
    let large = 1_000_000;
    client.send(format!(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {large}\r\n\r\n"
    ));
    client.send(vec![b'x'; large]);
    assert_eq!(client.answer().status, 500);
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_pause_comes_before_each_further_attempt() {
    let server = failing(3, |_, stream| say(stream, FAILS));
    let retries = Retries {
        backoff: Span::from_millis(40),
        ..retrying()
    };
    let site = Site::start(&with(retries), [&[&server], &[], &[]]);
    let before = Moment::now();
    assert_eq!(site.client().ask(1).status, 200);
    assert!(Moment::now().since(before) >= Span::from_millis(80));
}

#[test]
fn who_does_not_answer_in_time_is_not_waited_for() {
    let server = Server::start(|head, stream| {
        if head.contains("/slow") {
            super::pause(400);
        } else if head.contains("/drip") {
            say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no");
            super::pause(400);
            return say(stream, "k");
        }
        say(stream, OK)
    });
    let mut setting = setting();
    setting.world.stable.fleet.capacity = Some(Capacity {
        workers: 1,
        queue: None,
        timeout: Some(Span::from_millis(60)),
        discipline: Discipline::Fifo,
    });
    let site = Site::start(&setting, [&[&server], &[], &[]]);
    let mut client = site.client();
    assert_eq!(client.ask(1).status, 200);
    let before = Moment::now();
    client.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.version()), (504, "stable"));
    assert!(Moment::now().since(before) >= Span::from_millis(60));
    assert_eq!(client.ask(1).status, 200, "the connection stays");
    assert_eq!(server.connections(), 2, "not the one to the instance");
    // An answer that begins in time and does not end in time is cut off.
    client.send("GET /drip HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(client.rest(), b"o");
    site.until("both are counted", |site| {
        site.counted(None, Some(504)) == 2
    });
}

#[test]
fn each_attempt_has_its_time() {
    let server = failing(3, |_, stream| {
        super::pause(300);
        say(stream, OK)
    });
    let retries = Retries {
        per_try_timeout: Some(Span::from_millis(50)),
        ..retrying()
    };
    let site = Site::start(&with(retries), [&[&server], &[], &[]]);
    assert_eq!(site.client().ask(1).status, 200);
    assert_eq!(site.counts().retries, 2);
}

#[test]
fn an_instance_that_fails_too_often_is_left_out_for_a_while() {
    let (good, bad) = (Server::well(), Server::saying(FAILS));
    let mut setting = setting();
    setting.world.ejection = Some(Ejection {
        consecutive: 3,
        base: Span::from_secs(3_600),
        interval: Span::ZERO,
        most: Probability::new(0.5).unwrap(),
    });
    // An hour passes in 0.36 seconds.
    let options = SplitterOptions::default();
    let site = Site::start_with(&setting, [&[&good, &bad], &[], &[]], &options, 10_000.0);
    let mut client = site.client();
    let mut failed = 0;
    for _ in 0..6 {
        failed += u32::from(client.ask(1).status == 500);
    }
    assert_eq!(failed, 3, "every other one");
    assert_eq!(site.counts().ejections, 1);
    site.until("it is let in again", |site| {
        site.client().ask(1).status == 500
    });
}

#[test]
fn a_lone_canary_that_is_left_out_leaves_nobody_to_answer() {
    let (stable, canary) = (Server::well(), Server::saying(FAILS));
    let mut setting = setting();
    setting.world.ejection = Some(Ejection {
        consecutive: 3,
        base: Span::from_secs(3_600),
        interval: Span::ZERO,
        most: Probability::new(0.1).unwrap(),
    });
    let site = Site::start(&setting, [&[&stable], &[&canary], &[]]);
    site.canary(1.0);
    let mut client = site.client();
    let statuses: Vec<u16> = (0..6).map(|_| client.ask(1).status).collect();
    assert_eq!(statuses, [500, 500, 500, 503, 503, 503]);
    assert_eq!(canary.requests(), 3);
    assert_eq!(site.counted(Some(Version::Canary), Some(503)), 3);
}

#[test]
fn a_canary_that_is_not_ready_leaves_its_requests_to_stable() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let site = Site::start(&setting(), [&[&stable], &[&canary], &[]]);
    site.canary(1.0);
    let mut client = site.client();
    for (ready, version) in [(false, "stable"), (true, "canary")] {
        site.endpoints.set_ready(Version::Canary, 0, ready);
        for _ in 0..5 {
            assert_eq!(client.ask(1).version(), version);
        }
    }
    site.endpoints.set_ready(Version::Stable, 0, false);
    site.canary(0.0);
    assert_eq!(client.ask(1).status, 503);
    assert_eq!(site.counted(Some(Version::Stable), Some(503)), 1);
}

#[test]
fn nobody_listening_is_a_refusal() {
    let server = Server::well();
    let setting = setting();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = unused.local_addr().unwrap();
    drop(unused);
    let options = SplitterOptions::default();
    let addresses = [vec![server.address], vec![nobody], Vec::new()];
    let site = Site::among(&setting, addresses.clone(), &options, 1.0);
    site.canary(1.0);
    let mut client = site.client();
    let answer = client.ask(1);
    assert_eq!((answer.status, answer.version()), (503, "canary"));
    client.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.answer_to(true).status, 503);
    site.canary(0.0);
    assert_eq!(client.ask(1).status, 200, "the connection stays");
    assert_eq!(site.counted(Some(Version::Canary), Some(503)), 2);
}

#[test]
fn an_instance_killed_in_the_middle_of_an_answer_cuts_it_for_the_client() {
    let server = Server::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
        false
    });
    let chunked = Server::start(|_, stream| {
        say(
            stream,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        );
        false
    });
    for server in [server, chunked] {
        let site = Site::start(&with(retrying()), [&[&server], &[], &[]]);
        let mut client = site.client();
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        let head = client.head().unwrap();
        assert!(head.starts_with("HTTP/1.1 200"));
        let rest = client.rest();
        assert!(rest == b"half" || rest == b"4\r\nhalf\r\n", "{rest:?}");
        site.until("it is counted", |site| site.counted(None, Some(502)) == 1);
        assert_eq!(site.counts().cut, 1);
        assert_eq!(server.requests(), 1, "too late for another attempt");
    }
}

#[test]
fn what_is_no_answer_is_a_bad_one() {
    for nonsense in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n",
        "",
    ] {
        let server = Server::start(move |_, stream| {
            say(stream, nonsense);
            false
        });
        let site = Site::start(&setting(), [&[&server], &[], &[]]);
        let mut client = site.client();
        assert_eq!(client.ask(1).status, 502, "{nonsense}");
        assert_eq!(site.counted(None, Some(502)), 1);
    }
}

#[test]
fn in_one_pool_all_instances_answer_for_the_canary() {
    let servers: Vec<Server> = (0..4).map(|_| Server::well()).collect();
    let mut setting = setting();
    setting.world.rules.replicas = Some(4);
    let stable: Vec<&Server> = servers[..3].iter().collect();
    let site = Site::start(&setting, [&stable, &[&servers[3]], &[]]);
    site.canary(0.25);
    let mut client = site.client();
    for _ in 0..1_000 {
        assert_eq!(client.ask(1).status, 200);
    }
    // Mean 250 each, standard deviation 13.7: four of them.
    for server in &servers {
        let requests = server.requests();
        assert!((195..=305).contains(&requests), "{requests}");
    }
    let canaries = site.counted(Some(Version::Canary), None);
    assert_eq!(canaries, servers[3].requests() as u64);
}
