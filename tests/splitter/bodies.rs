//! Bodies on their way: large ones, slow ones, in both directions at once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::server::{OK, Server, Stream, read_body, say};
use super::{Client, Site, pause, setting};

const LARGE: usize = 20 * 1024 * 1024;

/// More than the kernel's buffers on the way take: up to 32 MB where the splitter reads, and 4 MB
/// where it and the server write.
const LARGER: usize = 64 * 1024 * 1024;

/// Bytes that differ from place to place.
fn bytes(from: usize, length: usize) -> Vec<u8> {
    (from..from + length)
        .map(|place| (place % 251) as u8)
        .collect()
}

/// Reads `length` bytes and checks each.
fn check(stream: &mut impl Read, length: usize) {
    let (mut at, mut buffer) = (0, vec![0; 100_000]);
    while at < length {
        let wanted = buffer.len().min(length - at);
        let read = stream.read(&mut buffer[..wanted]).unwrap();
        assert!(read > 0, "cut off at {at}");
        assert!(buffer[..read] == bytes(at, read), "spoilt after {at}");
        at += read;
    }
}

fn send_all(stream: &mut impl Write, length: usize) {
    for at in (0..length).step_by(100_000) {
        let part = bytes(at, 100_000.min(length - at));
        stream.write_all(&part).unwrap();
    }
}

/// Memory of this process in use, in bytes.
fn memory() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn large_bodies_pass_in_both_directions_in_little_memory() {
    let server = Server::start(|_, stream: &mut Stream| {
        check(stream, LARGE);
        say(
            stream,
            format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n"),
        );
        send_all(stream.get_mut(), LARGE);
        true
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    let before = memory();
    for _ in 0..2 {
        client.send(format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n"
        ));
        send_all(client.stream.get_mut(), LARGE);
        assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
        check(&mut client.stream, LARGE);
    }
    // Forty megabytes have passed each way.
    let more = memory().saturating_sub(before);
    assert!(more < LARGE / 2, "{more} bytes more");
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_body_comes_back_while_it_is_sent() {
    // Answers before it has read anything, and returns each piece at once.
    let server = Server::start(|head, stream: &mut Stream| {
        if head.starts_with("GET") {
            return say(stream, OK);
        }
        say(
            stream,
            format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n"),
        );
        let (mut left, mut buffer) = (LARGE, vec![0; 30_000]);
        while left > 0 {
            let read = stream.read(&mut buffer).unwrap();
            if read == 0 || !say(stream, &buffer[..read]) {
                return false;
            }
            left -= read;
        }
        true
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n"
    ));
    let mut sender = client.stream.get_ref().try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || send_all(&mut sender, LARGE));
        assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
        check(&mut client.stream, LARGE);
    });
    assert_eq!(client.get("").status, 200, "and another one follows");
}

#[test]
fn chunks_pass_with_their_trailers_however_they_are_cut() {
    let server = Server::start(|head, stream| {
        let body = read_body(head, stream, false).unwrap();
        let half = body.len() / 2;
        say(
            stream,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        );
        for part in [&body[..half], &body[half..]] {
            say(stream, format!("{:x}\r\n", part.len()));
            say(stream, part);
            say(stream, "\r\n");
            pause(5);
        }
        say(stream, "0\r\nx-sum: 1\r\n\r\n")
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    let text = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nx-end: 1\r\n\r\n";
    for length in [1, 7, text.len()] {
        for part in text.as_bytes().chunks(length) {
            client.send(part);
        }
        assert_eq!(client.answer().body, b"hello world");
    }
    // Straight on to the next request, in the same packet.
    client.send(format!("{text}{text}"));
    for _ in 0..2 {
        assert_eq!(client.answer().body, b"hello world");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_client_that_does_not_read_slows_the_instance_down() {
    let written = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&written);
    let server = Server::start(move |_, stream: &mut Stream| {
        say(
            stream,
            format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGER}\r\n\r\n"),
        );
        for at in (0..LARGER).step_by(64 * 1024) {
            let part = bytes(at, (64 * 1024).min(LARGER - at));
            if !say(stream, &part) {
                return false;
            }
            counted.fetch_add(part.len(), Ordering::SeqCst);
        }
        true
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    rustix::net::sockopt::set_socket_recv_buffer_size(client.stream.get_ref(), 65_536).unwrap();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
    // The kernel's buffers fill, and then nothing moves.
    let mut before = usize::MAX;
    for _ in 0..200 {
        pause(50);
        let now = written.load(Ordering::SeqCst);
        if now == before {
            break;
        }
        before = now;
    }
    assert!(before < LARGER, "all of it was taken");
    // Others are answered meanwhile.
    assert_eq!(other(&site).status, 200);
    check(&mut client.stream, LARGER);
}

/// Somebody else's request, of which only the head is read.
fn other(site: &Site) -> super::Answer {
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let head = client.head().unwrap();
    super::Answer {
        status: head[9..12].parse().unwrap(),
        head,
        body: Vec::new(),
    }
}

#[test]
fn an_answer_that_comes_before_the_body_has_been_sent_ends_the_connection() {
    let server = Server::start(|_, stream| {
        say(
            stream,
            "HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig",
        );
        false
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let mut client = site.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n"
    ));
    let mut stream: TcpStream = client.stream.get_ref().try_clone().unwrap();
    let _ = stream.write_all(&bytes(0, 200_000));
    let answer = client.answer();
    assert_eq!((answer.status, &answer.body[..]), (413, &b"big"[..]));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn an_answer_may_end_with_its_connection() {
    let server = Server::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\n\r\nuntil ");
        pause(10);
        say(stream, "the end");
        false
    });
    let site = Site::start(&setting(), [&[&server], &[], &[]]);
    let answer = site.client().ask(1);
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.body, b"until the end");
    assert_eq!(site.counted(None, Some(200)), 1);
}

#[test]
fn only_small_bodies_are_copied_for_the_canary() {
    let [stable, canary] = [(); 2].map(|()| Server::saying(OK));
    let site = Site::start(&setting(), [&[&stable], &[&canary], &[]]);
    site.steering.set(coalmine::engine::live::steering::Shares {
        canary: 0.0,
        mirror: 1.0,
    });
    let mut client: Client = site.client();
    for length in [65_536, 65_537] {
        client.send(format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n"
        ));
        client.send(bytes(0, length));
        assert_eq!(client.answer().status, 200);
    }
    site.until("one copy", |_| canary.requests() == 1);
    let counts = site.counts();
    assert_eq!((counts.mirrored, counts.unmirrored), (1, 1));
}
