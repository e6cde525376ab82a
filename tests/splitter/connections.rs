//! Clients that come in thousands, leave, or are sent home.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use coalmine::base::Span;
use coalmine::engine::live::clock::{Moment, WallClock};
use coalmine::engine::live::endpoints::Endpoints;
use coalmine::engine::live::splitter::{Exposition, Splitter, SplitterError, SplitterOptions};
use coalmine::engine::live::steering::Steering;

use super::server::{OK, Server, say};
use super::{Client, Site, pause, setting};

#[test]
fn thousands_of_idle_connections_hinder_nobody() {
    let server = Server::well();
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    // Both ends are in this process, and some files are open besides.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = (limit.current.unwrap_or(u64::MAX) / 2).saturating_sub(200);
    let idle = most.min(10_000) as usize;
    assert!(idle >= 100, "too few open files are allowed: {idle}");
    let connections: Vec<TcpStream> = (0..idle)
        .map(|_| TcpStream::connect(site.splitter.address()).unwrap())
        .collect();
    site.until("all are taken", |site| site.counts().clients == idle as u64);
    let mut client = site.client();
    for _ in 0..100 {
        assert_eq!(client.ask(1).status, 200);
    }
    // Any of them may still ask.
    for stream in connections.into_iter().step_by(idle / 50) {
        let mut client = Client::over(stream);
        assert_eq!(client.ask(1).status, 200);
    }
}

#[test]
fn a_client_that_leaves_is_not_answered() {
    let left = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&left);
    let server = Server::start(move |head, stream| {
        if head.contains("/wait") {
            // The splitter gives up on the instance as well.
            let end = std::io::Read::read(stream.get_mut(), &mut [0]);
            seen.store(matches!(end, Ok(0) | Err(_)), Ordering::SeqCst);
            return false;
        }
        say(stream, OK)
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n");
    site.until("the request has come", |_| server.requests() == 1);
    drop(client);
    site.until("it is noticed", |site| site.counts().client_gone == 1);
    site.until("the instance is told", |_| left.load(Ordering::SeqCst));
    // Neither the canary nor stable is to blame: it counts as the client's.
    assert_eq!(site.counted(None, Some(400)), 1);
    assert_eq!(site.client().ask(1).status, 200);
}

#[test]
fn the_last_request_of_a_client_may_be_its_last_word() {
    let server = Server::start(|_, stream| {
        pause(50);
        say(stream, OK)
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    client.say_no_more();
    assert_eq!(client.answer().status, 200);
    assert!(client.is_closed());
}

#[test]
fn a_splitter_that_stops_answers_what_has_come() {
    let server = Server::start(|head, stream| {
        if head.contains("/slow") {
            pause(200);
        }
        say(stream, OK)
    });
    let mut site = Site::start(&setting(), [&[&server], &[], &[]]);
    let address = site.splitter.address();
    let mut idle: Vec<Client> = (0..20).map(|_| site.client()).collect();
    for client in &mut idle {
        assert_eq!(client.ask(1).status, 200);
    }
    let mut busy: Vec<Client> = (0..5).map(|_| site.client()).collect();
    for client in &mut busy {
        client.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    site.until("all are under way", |_| server.requests() == 25);
    let stopping = thread::spawn(move || {
        let log = site.splitter.stop();
        (site, log)
    });
    for client in &mut busy {
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(client.is_closed());
    }
    for client in &mut idle {
        assert!(client.is_closed());
    }
    let (site, log) = stopping.join().unwrap();
    assert_eq!(log[0].len(), 25);
    assert_eq!(site.counted(None, Some(200)), 25);
    assert!(TcpStream::connect(address).is_err(), "the port is free");
    assert!(TcpStream::connect(site.splitter.metrics()).is_err());
    TcpListener::bind(address).unwrap();
}

#[test]
fn no_request_is_lost_to_a_stop() {
    for round in 0..10 {
        let server = Server::well();
        let mut site = Site::start(&setting(), [&[&server], &[], &[]]);
        let mut clients: Vec<Client> = (0..8).map(|_| site.client()).collect();
        for client in &mut clients {
            assert_eq!(client.ask(1).status, 200);
            client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        }
        let mut fresh = site.client();
        fresh.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        // All of these have been sent before it stops.
        site.splitter.stop();
        for client in clients.iter_mut().chain([&mut fresh]) {
            assert_eq!(client.answer().status, 200, "round {round}");
        }
    }
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let server = Server::start(|_, _| {
        pause(10_000);
        false
    });
    let options = SplitterOptions {
        drain_limit: Span::from_millis(100),
        ..SplitterOptions::default()
    };
    let mut site = Site::start_with(&setting(), [&[&server], &[], &[]], &options, 1.0);
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    site.until("it is under way", |_| server.requests() == 1);
    let before = Moment::now();
    let log = site.splitter.stop();
    assert!(Moment::now().since(before) < Span::from_secs(9));
    assert_eq!(log[0][0].status, 0, "nothing came of it");
    assert!(client.is_closed());
}

fn start(options: &SplitterOptions) -> Result<Splitter, SplitterError> {
    Splitter::start(
        &setting(),
        &WallClock::new(Moment::now(), 1.0),
        &Arc::new(Endpoints::new([Vec::new(), Vec::new(), Vec::new()])),
        &Arc::new(Steering::default()),
        options,
        Exposition::default(),
    )
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let traffic = SplitterOptions {
        port,
        ..SplitterOptions::default()
    };
    let metrics = SplitterOptions {
        metrics_port: port,
        ..SplitterOptions::default()
    };
    for options in [traffic, metrics] {
        let error = start(&options).unwrap_err();
        let SplitterError::Listen { address, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*address, SocketAddr::from(([127, 0, 0, 1], port)));
        assert!(error.to_string().contains("in use"), "{error}");
    }
    drop(taken);
    let options = SplitterOptions {
        port,
        ..SplitterOptions::default()
    };
    // Again and again: it leaves nothing behind.
    for _ in 0..3 {
        assert_eq!(start(&options).unwrap().address().port(), port);
    }
}
