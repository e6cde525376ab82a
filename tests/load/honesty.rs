//! What a stall of the server, of the generator, or a limit does to the figures: all of it shows, and
//! the generator says when the fault was its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::server::{Server, answer, hello, wait};
use super::{begin, end, load, number, shared_folder, signal};

#[expect(clippy::disallowed_methods, reason = "how long a stall really was")]
fn now() -> Instant {
    Instant::now()
}

/// The quantile of latencies when requests come evenly, `rate` a second, and all that come within a
/// stall of so many seconds wait for its end.
fn truth(share: f64, stall: f64, rate: f64, requests: f64) -> f64 {
    stall - (1.0 - share) * requests / rate
}

fn limits(json: &Value) -> String {
    let limits = json["limits"].as_array().unwrap().iter();
    limits
        .map(|limit| limit.as_str().unwrap())
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn latency_is_at_least_what_the_server_takes() {
    let server = Server::start(|_, _| {
        wait(Duration::from_millis(50));
        answer(200, "", "hello")
    });
    let url = server.url();
    let json = load(&format!(
        "{url} --rate 100/s --arrivals even --duration 2s --json"
    ))
    .json();
    for times in ["latency_seconds", "service_seconds"] {
        // Three digits; the server's sleep never ends early.
        assert!(number(&json[times]["p50"]) >= 0.0499, "{json}");
        assert!(number(&json[times]["mean"]) >= 0.0499, "{json}");
    }
    assert!(number(&json["latency_seconds"]["p50"]) >= number(&json["service_seconds"]["p50"]));
}

#[test]
fn a_server_that_stops_for_a_second_is_seen_in_full_from_the_scheduled_instants() {
    let server = Server::start(hello);
    let url = server.url();
    // 80 connections: fewer than the 200 requests of the stall, which wait and are counted from
    // when they were due.
    let child = begin(&format!(
        "{url} --rate 200/s --arrivals even --duration 5s --connections 80 --json"
    ));
    server.wait_for(300);
    let begun = now();
    server.stop_for(Duration::from_secs(1));
    let stall = begun.elapsed().as_secs_f64();
    let said = end(child);
    let json = said.json();
    assert_eq!(json["requests"]["answered"], 1_000, "{json}");
    for (name, share) in [("p90", 0.90), ("p95", 0.95), ("p99", 0.99)] {
        let (told, truth) = (
            number(&json["latency_seconds"][name]),
            truth(share, stall, 200.0, 1_000.0),
        );
        // Only a busy machine adds to it.
        assert!(told > 0.97 * truth, "{name}: {told}, not {truth}");
        assert!(told < 1.03 * truth + 0.3, "{name}: {told}, not {truth}");
    }
    // From the send it looks much better: that is what a generator without a schedule would tell.
    assert!(number(&json["service_seconds"]["p90"]) < number(&json["latency_seconds"]["p90"]));
    assert!(server.connections() <= 80);
    let waited = json["requests"]["waited"].as_u64().unwrap();
    // 120 of them found all connections in use.
    assert!((100..=200).contains(&waited), "{json}");
    assert!(
        limits(&json).contains("connection limit: all 80 connections"),
        "{json}"
    );
    assert_eq!(json["valid"], false);
}

#[test]
fn a_generator_that_is_stopped_says_so_and_counts_what_it_missed() {
    let server = Server::start(hello);
    let url = server.url();
    let child = begin(&format!(
        "{url} --rate 200/s --arrivals even --duration 5s --connections 120 --json"
    ));
    server.wait_for(300);
    signal(&child, "STOP");
    let begun = now();
    wait(Duration::from_millis(500));
    let stall = begun.elapsed().as_secs_f64();
    signal(&child, "CONT");
    let said = end(child);
    let json = said.json();
    assert_eq!(json["requests"]["answered"], 1_000, "{json}");
    let (told, truth) = (
        number(&json["latency_seconds"]["p99"]),
        truth(0.99, stall, 200.0, 1_000.0),
    );
    assert!(told > 0.97 * truth, "{told}, not {truth}");
    assert!(told < 1.03 * truth + 0.3, "{told}, not {truth}");
    assert_eq!(json["valid"], false);
    let limits = limits(&json);
    assert!(
        limits.contains("generator late: one send in a hundred"),
        "{limits}"
    );
    assert!(limits.contains("it stood still"), "{limits}");
    assert!(!limits.contains("connection limit"), "{limits}");
}

#[test]
fn every_mode_sends_everything_and_none_too_early() {
    for mode in ["exact", "economy", "spin"] {
        let server = Server::start(hello);
        let url = server.url();
        let json = load(&format!(
            "{url} --rate 500/s --duration 1s --mode {mode} --json"
        ))
        .json();
        for name in ["due", "sent", "answered"] {
            assert_eq!(json["requests"][name], server.requests(), "{mode} {name}");
        }
        assert_eq!(
            json["lateness_seconds"]["count"],
            server.requests(),
            "{mode}"
        );
        assert!(server.requests().abs_diff(500) < 120, "{mode}");
        // Two in five of those that wait for a grid of 500 us wait for 300 us or more; no machine
        // makes it fewer.
        let late = number(&json["lateness_seconds"]["p90"]);
        assert!(mode != "economy" || late > 0.0003, "{mode}: {late}");
    }
}

#[test]
fn what_counts_as_late_can_be_said() {
    let server = Server::start(hello);
    let url = server.url();
    let said = load(&format!(
        "{url} --rate 100/s --duration 1s --mode economy --max-lateness 1us --fail-if p99>9s"
    ));
    assert_eq!(said.code, 1);
    let flat = said.err.replace("\n  ", " ");
    assert!(
        flat.contains("the run is not valid: generator late: one send in a hundred was"),
        "{}",
        said.err
    );
    assert!(flat.contains("1 us are tolerated"), "{}", said.err);
}

#[test]
fn too_few_connections_are_named_with_how_many_waited_and_nothing_is_dropped() {
    let server = Server::start(|_, _| {
        wait(Duration::from_millis(100));
        answer(200, "", "hello")
    });
    let url = server.url();
    // Two connections can carry 20 requests a second at most, and 50 are due.
    let said = load(&format!(
        "{url} --rate 50/s --arrivals even --duration 2s --connections 2 --timeout 60s"
    ));
    assert_eq!(said.code, 0);
    assert_eq!((server.requests(), server.connections()), (100, 2));
    assert!(
        said.out.contains("sent        100 of 100 due"),
        "{}",
        said.out
    );
    let flat = said.out.replace('\n', " ");
    assert!(flat.contains("Not valid:"), "{}", said.out);
    assert!(
        flat.contains("connection limit: all 2 connections were in use"),
        "{}",
        said.out
    );
    // The last one waits for some three seconds.
    let json = load(&format!(
        "{url} --rate 50/s --arrivals even --duration 2s --connections 2 --timeout 60s --json"
    ))
    .json();
    assert!(number(&json["latency_seconds"]["max"]) > 2.5, "{json}");
    assert!(number(&json["service_seconds"]["p50"]) < number(&json["latency_seconds"]["p50"]));
    assert!(
        json["requests"]["most_waiting"].as_u64().unwrap() > 40,
        "{json}"
    );
}

#[test]
fn who_waits_for_a_connection_for_too_long_is_given_up_in_time() {
    let server = Server::start(|_, _| {
        wait(Duration::from_millis(200));
        answer(200, "", "hello")
    });
    let url = server.url();
    let json = load(&format!(
        "{url} --rate 50/s --arrivals even --duration 2s --connections 1 --timeout 500ms --json"
    ))
    .json();
    let of = |name: &str| json["requests"][name].as_u64().unwrap();
    assert_eq!(of("due"), 100);
    let timeouts = json["requests"]["failures"]["timeout"].as_u64().unwrap();
    assert_eq!(of("answered") + timeouts, 100);
    assert_eq!(of("sent") + of("given_up_waiting"), 100);
    // One connection carries five requests a second; the others run out of time on their way.
    assert!((2..20).contains(&of("answered")), "{json}");
    assert!(number(&json["latency_seconds"]["p50"]) >= 0.4995, "{json}");
}

#[test]
fn a_connection_that_does_not_open_holds_nobody_up_when_another_is_free() {
    // A server that accepts one connection, and lets others fill its queue before it answers: the
    // kernel then drops their first packets.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut only, _) = listener.accept().unwrap();
        let limit = Duration::from_millis(100);
        let mut others = Vec::new();
        while let Ok(other) = TcpStream::connect_timeout(&address, limit) {
            others.push(other);
        }
        let (mut unread, mut buffer, mut served) = (Vec::new(), [0; 4096], 0);
        while let Ok(read) = only.read(&mut buffer)
            && read > 0
        {
            unread.extend_from_slice(&buffer[..read]);
            if served == 0 {
                wait(Duration::from_millis(300));
            }
            if unread.ends_with(b"\r\n\r\n") {
                unread.clear();
                served += 1;
                let hello = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
                only.write_all(hello).unwrap();
            }
        }
        (served, others.len())
    });
    let json = load(&format!(
        "http://{address}/ --rate 20/s --arrivals even --duration 1s --timeout 20s --json"
    ))
    .json();
    assert_eq!(json["requests"]["answered"], 20, "{json}");
    assert_eq!(json["requests"]["waited"], 0, "the limit was not reached");
    assert_eq!(json["connections_opened"], 1, "{json}");
    let (served, others) = server.join().unwrap();
    assert_eq!(served, 20);
    assert!(others > 0, "the queue was full");
}

#[test]
fn clauses_decide_the_exit_code() {
    let server = Server::start(|number, _| match number % 10 {
        0 => answer(500, "", ""),
        _ => answer(200, "", "hello"),
    });
    let url = server.url();
    let run = |clauses: &str| load(&format!("{url} --rate 200/s --duration 1s {clauses}"));
    let said = run("--fail-if errors>5%");
    assert_eq!(said.code, 1);
    assert!(
        said.err.starts_with("error: --fail-if errors>5% (it is "),
        "{}",
        said.err
    );
    assert!(
        said.out.contains("--fail-if errors>5%: true, it is "),
        "{}",
        said.out
    );
    let said = run("--fail-if p99>1us --fail-if errors>50%");
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("--fail-if errors>50%: false"),
        "{}",
        said.out
    );
    assert!(!said.err.contains("errors>50%"), "{}", said.err);
    // On a machine so busy that the run is not valid, nothing can be told, and that is said.
    let said = run("--fail-if errors>50% --fail-if rate<100/s --fail-if p99>9s");
    let told = said.code == 0 && said.err.is_empty();
    let not_valid = said.code == 1 && said.err.contains("the run is not valid");
    assert!(told || not_valid, "{}", said.err);
}

#[test]
fn an_interruption_ends_the_run_with_what_is_there() {
    if !Path::new("/proc/self/status").exists() {
        shared_folder::skip("there is no /proc to see when a run has begun");
        return;
    }
    let server = Server::start(hello);
    let url = server.url();
    let child = begin(&format!("{url} --rate 100/s --duration 10m --json"));
    server.wait_for(50);
    signal(&child, "INT");
    let said = end(child);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.err.starts_with("Interrupted: finishing"),
        "{}",
        said.err
    );
    let json = said.json();
    assert_eq!(json["interrupted"], true);
    let answered = json["requests"]["answered"].as_u64().unwrap();
    assert!(answered >= 40 && answered <= server.requests(), "{json}");
    assert!(number(&json["ran_seconds"]) < 300.0);
}

/// Peak resident memory in KiB, while it still runs.
fn peak(child: &std::process::Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[test]
fn memory_does_not_grow_with_the_number_of_requests() {
    if !Path::new("/proc/self/status").exists() {
        shared_folder::skip("there is no /proc to read a process's memory from");
        return;
    }
    let server = Server::start(hello);
    let url = server.url();
    let mut child = begin(&format!("{url} --connections 4 --duration 10m --json"));
    server.wait_for(5_000);
    let early = peak(&child);
    server.wait_for(60_000);
    let late = peak(&child);
    signal(&child, "KILL");
    child.wait().unwrap();
    // 32 bytes a request would be 1,700 KiB. The histograms' pages come with their first values.
    assert!(late < early + 1_000, "{early} KiB, then {late} KiB");
}
