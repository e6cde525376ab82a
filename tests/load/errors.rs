//! Every request is counted once, under what became of it.

use std::net::TcpListener;
use std::time::Duration;

use super::server::{Reply, Server, answer, hello};
use super::{load, number};

#[test]
fn both_sides_count_the_same() {
    let server = Server::start(|number, _| match number % 10 {
        0 => answer(503, "x-version: canary\r\n", ""),
        1 => answer(404, "x-version: stable\r\n", "no"),
        _ => answer(200, "x-version: stable\r\n", "hello"),
    });
    let url = server.url();
    let said = load(&format!(
        "{url} --rate 400/s --arrivals even --duration 2s --json"
    ));
    assert_eq!(said.code, 0, "{}", said.err);
    let json = said.json();
    // Even arrivals at 400/s for 2 s: 800, whatever the first one's phase.
    assert_eq!(server.requests(), 800);
    let requests = &json["requests"];
    for name in ["due", "sent", "answered"] {
        assert_eq!(requests[name], 800, "{name}");
    }
    assert_eq!(requests["server_errors"], 80);
    assert_eq!(json["statuses"]["503"], 80);
    assert_eq!(json["statuses"]["404"], 80);
    assert_eq!(json["statuses"]["200"], 640);
    assert_eq!(json["error_share"], 0.1);
    assert_eq!(json["latency_seconds"]["count"], 800);
    let versions = &json["latency_seconds_by_version"];
    assert_eq!(versions["canary"]["count"], 80);
    assert_eq!(versions["stable"]["count"], 720);
    assert!(versions["baseline"].is_null());
    assert_eq!(json["connections_opened"], server.connections());
    assert!(
        server.received()[0]
            .head
            .starts_with("GET / HTTP/1.1\r\nhost: 127.0.0.1:")
    );
}

#[test]
fn equal_seeds_send_at_equal_rates_and_other_seeds_at_others() {
    let due = |seed: u64| {
        let server = Server::start(hello);
        let url = server.url();
        let said = load(&format!(
            "{url} --rate 300/s --duration 1s --seed {seed} --json"
        ));
        let json = said.json();
        assert_eq!(json["requests"]["answered"], server.requests());
        json["requests"]["due"].as_u64().unwrap()
    };
    assert_eq!(due(1), due(1));
    // Poisson: standard deviation 17 at 300. Of two seeds these differ.
    assert_ne!(due(1), due(2));
    assert!(due(1).abs_diff(300) < 90);
}

#[test]
fn requests_without_an_answer_are_told_apart() {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let cases: [(&str, Reply, &str); 4] = [
        ("reset", Reply::Last(Vec::new()), "reset"),
        (
            "cut in the head",
            Reply::Last(bytes("HTTP/1.1 200 OK\r\ncont")),
            "reset",
        ),
        (
            "cut in the body",
            Reply::Last(bytes("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")),
            "truncated",
        ),
        (
            "another protocol",
            Reply::Last(bytes("220 mail.example ESMTP\r\n")),
            "malformed",
        ),
    ];
    for (what, reply, kind) in cases {
        let (Reply::Last(text) | Reply::Bytes(text)) = reply else {
            unreachable!("every case has its bytes");
        };
        // Every second request is answered, so that the connection is worth keeping.
        let server = Server::start(move |number, _| match number % 2 {
            0 => answer(200, "", "hello"),
            _ => Reply::Last(text.clone()),
        });
        let url = server.url();
        let said = load(&format!(
            "{url} --rate 100/s --arrivals even --duration 1s --json"
        ));
        let json = said.json();
        assert_eq!(said.code, 0, "{what}: {}", said.err);
        assert_eq!(server.requests(), 100, "{what}");
        assert_eq!(json["requests"]["answered"], 50, "{what}");
        assert_eq!(json["requests"]["failures"][kind], 50, "{what}: {json}");
        assert_eq!(json["error_share"], 0.5, "{what}");
        // Who fails at once was not served fast.
        assert_eq!(json["latency_seconds"]["count"], 50, "{what}");
    }
}

#[test]
fn chunked_answers_interim_answers_and_answers_until_close_are_read() {
    let server = Server::start(|number, _| {
        let text = match number % 4 {
            0 => {
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n"
            }
            1 => {
                "HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"
            }
            2 => "HTTP/1.1 204 No Content\r\n\r\n",
            _ => return Reply::Last(b"HTTP/1.0 200 OK\r\n\r\nuntil the end".to_vec()),
        };
        Reply::Bytes(text.as_bytes().to_vec())
    });
    let url = server.url();
    let said = load(&format!(
        "{url} --rate 200/s --arrivals even --duration 1s --json"
    ));
    let json = said.json();
    assert_eq!(json["requests"]["answered"], 200, "{json}");
    assert_eq!(json["error_share"], 0.0);
    assert_eq!(json["statuses"]["204"], 50);
}

#[test]
fn who_does_not_answer_is_given_up_in_time() {
    let server = Server::start(|number, _| match number % 4 {
        0 => Reply::Nothing,
        _ => answer(200, "", "hello"),
    });
    let url = server.url();
    let said = load(&format!(
        "{url} --rate 100/s --arrivals even --duration 1s --timeout 300ms --json"
    ));
    let json = said.json();
    assert_eq!(json["requests"]["failures"]["timeout"], 25, "{json}");
    assert_eq!(json["requests"]["answered"], 75);
    // They are in the latencies, with at least the time that they were waited for.
    assert_eq!(json["latency_seconds"]["count"], 100);
    assert!(number(&json["latency_seconds"]["p90"]) >= 0.2995, "{json}");
}

#[test]
fn a_port_at_which_nobody_listens_refuses_everything_and_that_is_no_success() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{address}/");
    let said = load(&format!(
        "{url} --rate 100/s --arrivals even --duration 1s --json"
    ));
    assert_eq!(said.code, 1);
    assert_eq!(said.err, "error: no request was answered\n");
    let json = said.json();
    assert_eq!(json["requests"]["failures"]["refused"], 100);
    assert_eq!(json["error_share"], 1.0);
    assert_eq!(json["valid"], false);
    assert!(json["latency_seconds"]["p99"].is_null());
    // A limit on latencies is not kept by a server that is not there.
    let said = load(&format!(
        "{url} --rate 100/s --duration 1s --fail-if p99>10s"
    ));
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("--fail-if cannot be told"),
        "{}",
        said.err
    );
    assert!(said.out.contains("refused: "), "{}", said.out);
}

#[test]
fn method_headers_and_body_are_sent_as_given() {
    let server = Server::start(hello);
    let url = format!("http://localhost:{}/a?b=c", server.address.port());
    let mut command = super::command(&format!("{url} --rate 20/s --duration 1s --method HEAD"));
    command.args(["--header", "x-user: 7", "--header", "Host: shop.example"]);
    let output = command.output().unwrap();
    // This server sends a body to HEAD too, which belongs to no request: each connection is used once.
    assert_eq!(output.status.code(), Some(0));
    let received = server.received();
    assert!(received[0].head.starts_with("HEAD /a?b=c HTTP/1.1\r\n"));
    assert_eq!(received[0].header("x-user"), Some("7"));
    assert_eq!(received[0].header("Host"), Some("shop.example"));
    assert_eq!(received[0].header("host"), None);
}

#[test]
fn a_closed_loop_keeps_every_connection_busy() {
    let server = Server::start(|_, _| {
        super::server::wait(Duration::from_millis(20));
        answer(200, "", "hello")
    });
    let url = server.url();
    let said = load(&format!("{url} --connections 5 --duration 2s --json"));
    let json = said.json();
    let answered = json["requests"]["answered"].as_u64().unwrap();
    assert_eq!(answered, server.requests());
    assert_eq!(
        (server.connections(), json["valid"].as_bool()),
        (5, Some(true))
    );
    // Five connections, at most fifty answers a second each; a busy machine gives fewer.
    assert!((50..=505).contains(&answered), "{answered}");
    assert!(number(&json["latency_seconds"]["p50"]) >= 0.0199);
}
