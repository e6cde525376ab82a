//! A Prometheus that fails in its own way, while the rollout goes on without what it would have said.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::place::{Place, SHORT};

/// What a stub does with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It answers 503.
    Busy,
    /// It answers 200 with what is no JSON.
    Garbled,
    /// It answers with bytes that are no HTTP.
    Noise,
    /// It never answers.
    Silent,
}

/// A stub that answers so many questions as a Prometheus does that is asked for `vector(1)`, and the
/// others in its manner.
fn stub(good: u64, manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let asked = Arc::clone(&asked);
            thread::spawn(move || serve(stream, &asked, good, manner));
        }
    });
    address
}

fn serve(mut stream: TcpStream, asked: &AtomicU64, good: u64, manner: Manner) {
    let (mut unread, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        unread.extend_from_slice(&buffer[..read]);
        if !unread.ends_with(b"\r\n\r\n") {
            continue;
        }
        unread.clear();
        let answer = |status: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}")
        };
        let one = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}"#;
        let text = match manner {
            _ if asked.fetch_add(1, Ordering::SeqCst) < good => answer("200 OK", one),
            Manner::Busy => answer("503 Service Unavailable", "not now"),
            Manner::Garbled => answer("200 OK", "<html>what?</html>"),
            Manner::Noise => "\0\u{1}\u{2}\r\n\r\n".to_owned(),
            Manner::Silent => continue,
        };
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

const MANNERS: [Manner; 4] = [Manner::Busy, Manner::Garbled, Manner::Noise, Manner::Silent];

#[test]
fn what_does_not_answer_as_a_prometheus_is_refused() {
    let place = Place::new(SHORT);
    for manner in MANNERS {
        let address = stub(0, manner);
        let said = place.said(&format!("run short.toml --prometheus http://{address}"));
        assert_eq!(said.code, Some(1), "{manner:?}: {said:?}");
        let says = format!("error: there is no Prometheus at {address}: ");
        assert!(said.err.starts_with(&says), "{manner:?}: {}", said.err);
        assert_eq!(said.out, "", "{manner:?}");
        place.expect_nothing_left();
        assert!(!place.path("results").exists());
    }
}

#[test]
fn one_that_fails_later_leaves_the_gate_without_data() {
    // Two looks, and no more: whoever is silent takes two seconds for each.
    let short = SHORT.replace("    { weight = \"50%\", hold = \"20s\" },\n", "");
    let place = Place::new(&short);
    for manner in MANNERS {
        let address = stub(1, manner);
        let run = format!("run short.toml --speed 20 --prometheus http://{address} --out out");
        let said = place.answered(&run);
        // The canary is bad, and nobody has seen it.
        assert!(!said.out.contains("fail: "), "{manner:?}: {}", said.out);
        place.expect_nothing_left();
        let live = place.complete("out")["live"].clone();
        let scrapes = &live["scrapes"];
        assert!(scrapes[1].as_u64().unwrap() > 0, "{manner:?}: {live}");
        assert!(live["due"].as_u64().unwrap() > 100, "{manner:?}: {live}");
        let source = live["source"].as_str().unwrap();
        assert!(source.contains(&address.to_string()), "{source}");
    }
}
