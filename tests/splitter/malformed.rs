//! Requests that are not taken: each is refused with the status that says why, and its connection
//! is closed.

use std::io::Write;

use coalmine::base::Span;
use coalmine::engine::live::splitter::SplitterOptions;

use super::server::Server;
use super::{Site, pause, setting};

#[test]
fn malformed_requests_are_refused_and_reach_nobody() {
    let server = Server::well();
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let cases = [
        ("nonsense\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nx y: z\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n", 400),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}", 400),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n\
             0\r\n\r\nGET /hidden HTTP/1.1\r\nhost: a\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n",
            501,
        ),
        (
            "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ];
    for (request, status) in cases {
        let mut client = site.client();
        client.send(request);
        let answer = client.answer();
        assert_eq!(answer.status, status, "{request:?}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(client.is_closed(), "{request:?}");
    }
    assert_eq!(server.requests(), 0);
    assert_eq!(site.counts().malformed, cases.len() as u64);
    assert_eq!(site.counted(None, None), 0);
    assert_eq!(site.client().ask(1).status, 200);
}

#[test]
fn what_comes_before_a_malformed_request_is_answered() {
    let server = Server::well();
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\nnonsense\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    assert_eq!(client.answer().status, 400);
}

#[test]
fn a_chunk_that_breaks_the_rules_later_on_is_refused_too() {
    let server =
        Server::start(|head, stream| super::server::read_body(head, stream, false).is_some());
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
    site.until("the first chunk has been sent on", |_| {
        server.requests() == 1
    });
    client.send("zz\r\n");
    assert_eq!(client.answer().status, 400);
    assert!(client.is_closed());
}

#[test]
fn a_header_of_a_megabyte_is_refused() {
    let server = Server::well();
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nhost: a\r\nx: ");
    // It may break off, but the answer must come through.
    let _ = client.stream.get_mut().write_all(&vec![b'a'; 1 << 20]);
    assert_eq!(client.answer().status, 431);
    let mut client = site.client();
    client.send(format!(
        "GET / HTTP/1.1\r\nhost: a\r\n{}\r\n",
        "a: b\r\n".repeat(200)
    ));
    assert_eq!(client.answer().status, 431);
    let mut client = site.client();
    let long = "a".repeat(60_000);
    assert_eq!(
        client.get(&format!("x: {long}\r\n")).status,
        200,
        "as large as may be"
    );
}

#[test]
fn who_dribbles_is_not_waited_for() {
    let server = Server::well();
    let options = SplitterOptions {
        head_limit: Span::from_millis(150),
        stall: Span::from_millis(150),
        ..SplitterOptions::default()
    };
    let site = Site::start_with(&setting(), [&[&server], &[], &[]], &options, 1.0);
    for begun in [
        "GET / HTTP/1.1\r\nhost: a\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let mut client = site.client();
        client.send(begun);
        assert_eq!(client.answer().status, 408, "{begun:?}");
        assert!(client.is_closed());
    }
    // Idle ones are let be, and short pauses too.
    let mut client = site.client();
    pause(300);
    for part in ["GET / HT", "TP/1.1\r\n", "host: a\r\n", "\r\n"] {
        client.send(part);
        pause(10);
    }
    assert_eq!(client.answer().status, 200);
}
