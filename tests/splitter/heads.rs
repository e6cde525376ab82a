//! Heads and the connections that carry them.

use super::server::{OK, Server, read_body, say};
use super::{Site, setting};

#[test]
fn a_request_reaches_an_instance_and_its_answer_comes_back() {
    let server = Server::saying(
        "HTTP/1.1 201 Made\r\nContent-Length: 5\r\nx-goals: 1,0\r\nkeep-alive: 5\r\n\r\nhello",
    );
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send("GET /a?b HTTP/1.1\r\nHost: here\r\nx-user: 4\r\nConnection: keep-alive\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.head,
        "HTTP/1.1 201 Made\r\nContent-Length: 5\r\nx-goals: 1,0\r\nx-version: stable\r\n\r\n"
    );
    assert_eq!(answer.body, b"hello");
    assert_eq!(
        server.heads(),
        ["GET /a?b HTTP/1.1\r\nHost: here\r\nx-user: 4\r\nx-forwarded-for: 127.0.0.1\r\n\r\n"]
    );
}

#[test]
fn connections_to_instances_are_used_again() {
    let server = Server::well();
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    for _ in 0..5 {
        let mut client = site.client();
        for _ in 0..20 {
            assert_eq!(client.ask(1).status, 200);
        }
    }
    assert_eq!((server.requests(), server.connections()), (100, 1));
    assert_eq!(site.counts().connects, 1);
    assert_eq!(site.counts().clients, 5);
}

#[test]
fn an_instance_that_closes_without_a_word_costs_no_request() {
    // It says nothing about it, and ends the connection in the packet that carries the answer.
    let server = Server::start(|_, stream| {
        rustix::net::sockopt::set_tcp_cork(stream.get_ref(), true).unwrap();
        say(stream, OK);
        false
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    for _ in 0..50 {
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(8));
        for _ in 0..8 {
            assert_eq!(client.answer().status, 200);
        }
    }
    assert_eq!(site.counted(None, Some(200)), 400);
    assert_eq!(server.requests(), 400, "and none came twice");
}

#[test]
fn an_end_of_the_connection_in_answer_to_a_request_is_a_failure() {
    let server = Server::start(|head, stream| !head.contains("x-user: 9") && say(stream, OK));
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    for _ in 0..20 {
        // The connection is one that was used before, yet nobody tries again unasked.
        assert_eq!(client.ask(1).status, 200);
        assert_eq!(client.ask(9).status, 502);
    }
    assert_eq!(server.requests(), 40);
    assert_eq!(site.counted(None, Some(502)), 20);
}

#[test]
fn an_instance_may_announce_that_it_closes() {
    let server = Server::start(|_, stream| {
        say(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: close\r\n\r\n",
        );
        false
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    for _ in 0..5 {
        let answer = client.ask(1);
        assert_eq!(answer.header("connection"), None, "the client's stays open");
    }
    assert_eq!(server.connections(), 5);
    assert_eq!(site.counts().reconnects, 0);
}

#[test]
fn requests_that_are_sent_ahead_are_answered_in_order() {
    let server = Server::start(|head, stream| {
        let path = head.split(' ').nth(1).unwrap();
        let length = path.len();
        say(
            stream,
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{path}"),
        )
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    let all: String = (0..500)
        .map(|number| format!("GET /{number} HTTP/1.1\r\nhost: a\r\n\r\n"))
        .collect();
    // Cut where nothing ends.
    for piece in all.as_bytes().chunks(1_000) {
        client.send(piece);
    }
    for number in 0..500 {
        assert_eq!(client.answer().body, format!("/{number}").into_bytes());
    }
}

#[test]
fn a_client_is_left_when_it_wants_to_be() {
    let server = Server::well();
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    let answer = client.get("connection: close\r\n");
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.is_closed());
    // The connection to the instance is another matter.
    assert_eq!(site.client().ask(1).status, 200);
    assert_eq!(server.connections(), 1);
}

#[test]
fn clients_of_the_old_kind_are_answered_in_their_way() {
    let server = Server::start(|head, stream| match head.contains("/chunks") {
        true => say(
            stream,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n\
             3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nx: 1\r\n\r\n",
        ),
        false => say(stream, OK),
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.header("connection"), Some("keep-alive"));
    client.send("GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(answer.header("trailer"), None);
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.body, b"abcdefg");
    let mut client = site.client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().body, b"ok");
    assert!(client.is_closed());
}

#[test]
fn answers_without_a_body_have_none() {
    let server = Server::start(|head, stream| match head.split(' ').nth(1) {
        Some("/204") => say(stream, "HTTP/1.1 204 No Content\r\n\r\n"),
        Some("/304") => say(
            stream,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n",
        ),
        // A HEAD: the length is that of the body that a GET would get.
        _ => say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"),
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    for (request, status, length) in [
        ("GET /204", 204, None),
        ("GET /304", 304, Some("99")),
        ("HEAD /", 200, Some("99")),
    ] {
        client.send(format!("{request} HTTP/1.1\r\nhost: a\r\n\r\n"));
        let answer = client.answer_to(true);
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("content-length"), length);
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn words_before_the_answer_are_passed_on() {
    let server = Server::start(|_, stream| {
        say(
            stream,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n",
        );
        super::pause(20);
        say(stream, OK)
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let hints = client.answer();
    assert_eq!((hints.status, hints.header("link")), (103, Some("x")));
    assert_eq!(client.answer().status, 200);
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().status, 200, "the old kind knows none");
}

#[test]
fn who_must_be_asked_for_a_body_is_asked() {
    let server = Server::start(|head, stream| {
        let body = read_body(head, stream, false).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        say(stream, [head.as_bytes(), &body].concat())
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    for length in [5, 100_000] {
        client.send(format!(
            "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        ));
        assert_eq!(client.answer().status, 100);
        client.send(vec![b'x'; length]);
        assert_eq!(client.answer().body, vec![b'x'; length]);
    }
    assert!(server.heads().iter().all(|head| !head.contains("expect")));
}
