//! Programs that are none of ours count and measure the same.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use coalmine::base::Span;
use coalmine::engine::live::clock::{Moment, WallClock};
use coalmine::engine::live::endpoints::Endpoints;
use coalmine::engine::live::splitter::{Exposition, Splitter, SplitterOptions};
use coalmine::engine::live::steering::{Shares, Steering};
use coalmine::engine::live::tally::Reading;
use coalmine::telemetry::Version;
use rustix::process::Signal;
use serde_json::Value;

use super::place::{Place, is_open, send};
use super::refused::setting;
use super::{installed, until};

/// An NGINX that answers by itself and logs every request: its status and the name of its server.
/// `/absent` gets 404, `/broken` 500, everything else 200.
#[derive(Debug)]
struct Origin {
    child: Child,
    addresses: Vec<SocketAddr>,
    folder: tempfile::TempDir,
}

impl Origin {
    /// One with a server of each of these names.
    fn start(program: &Path, names: &[&str]) -> Origin {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display().to_string();
        let listeners: Vec<_> = (names.iter())
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let addresses: Vec<SocketAddr> = (listeners.iter())
            .map(|listener| listener.local_addr().unwrap())
            .collect();
        drop(listeners);
        let servers: String = (names.iter().zip(&addresses))
            .map(|(name, address)| {
                format!(
                    "server {{ listen {address}; server_name {name};\n\
                     location /absent {{ return 404; }}\n\
                     location /broken {{ return 500; }}\n\
                     location / {{ return 200 'hello'; }} }}\n"
                )
            })
            .collect();
        let config = format!(
            "daemon off; worker_processes 1; pid {root}/pid; error_log {root}/errors;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ log_format short '$server_name $status'; access_log {root}/log short;\n\
             keepalive_requests 1000000; client_body_temp_path {root}/a; proxy_temp_path {root}/b;\n\
             fastcgi_temp_path {root}/c; uwsgi_temp_path {root}/d; scgi_temp_path {root}/e;\n\
             {servers} }}\n"
        );
        fs::write(folder.path().join("conf"), config).unwrap();
        let child = Command::new(program)
            .args(["-p", &root, "-e", &format!("{root}/errors"), "-c"])
            .arg(folder.path().join("conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("NGINX listens", || addresses.iter().copied().all(is_open));
        Origin {
            child,
            addresses,
            folder,
        }
    }

    /// Ends it and reads its log: requests by server and status.
    fn log(mut self) -> BTreeMap<(String, u16), u64> {
        send(self.child.id(), Signal::QUIT);
        self.child.wait().unwrap();
        let text = fs::read_to_string(self.folder.path().join("log")).unwrap();
        let mut counts = BTreeMap::new();
        for line in text.lines() {
            let (name, status) = line.split_once(' ').unwrap();
            let key = (name.to_owned(), status.parse().unwrap());
            *counts.entry(key).or_insert(0) += 1;
        }
        counts
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our splitter before an origin's `stable` and `canary`, three to one.
fn splitter_before(origin: &Origin) -> Splitter {
    let [stable, canary] = [0, 1].map(|index: usize| vec![origin.addresses[index]]);
    let endpoints = Arc::new(Endpoints::new([stable, canary, Vec::new()]));
    let steering = Arc::new(Steering::default());
    steering.set(Shares {
        canary: 0.25,
        mirror: 0.0,
    });
    Splitter::start(
        &setting(),
        &WallClock::new(Moment::now(), 1.0),
        &endpoints,
        &steering,
        &SplitterOptions::default(),
        Exposition::default(),
    )
    .unwrap()
}

/// Runs a program of Debian's to its end; what it wrote.
fn output(program: &Path, arguments: &str) -> String {
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The number before or after some words in a text.
fn number_after(text: &str, words: &str) -> f64 {
    let rest = text
        .split(words)
        .nth(1)
        .unwrap_or_else(|| panic!("{words} in {text}"));
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
    rest[..end.unwrap_or(rest.len())].parse().unwrap()
}

/// Requests of our tally by version.
fn tallied(readings: &[Reading]) -> BTreeMap<(String, u16), u64> {
    let mut counts = BTreeMap::new();
    for reading in readings {
        let version = match reading.version {
            Version::Stable => "stable",
            Version::Canary => "canary",
            Version::Baseline => "baseline",
        };
        let key = (version.to_owned(), reading.code);
        *counts.entry(key).or_insert(0) += reading.requests;
    }
    counts
}

#[test]
fn our_splitter_s_tally_is_what_hey_counts_and_what_both_origins_log() {
    let (Some(nginx), Some(hey)) = (installed("nginx"), installed("hey")) else {
        return;
    };
    let origin = Origin::start(&nginx, &["stable", "canary"]);
    let splitter = splitter_before(&origin);
    let url = format!("http://{}/", splitter.address());
    // Two connections at 100 requests a second each: slow enough that nothing waits for another.
    let said = output(&hey, &format!("-n 400 -c 2 -q 100 {url}"));
    assert_eq!(number_after(&said, "[200]"), 400.0, "{said}");
    until("the last answer is counted", || {
        tallied(&splitter.readings()).values().sum::<u64>() == 400
    });
    let readings = splitter.readings();
    drop(splitter);
    // Exactly, by version: hey waits for every answer, so none is under way at its end.
    assert_eq!(tallied(&readings), origin.log());

    // hey sees what we do and the way to us besides: our mean is below its mean, by no more than
    // what a loaded machine takes to wake it up.
    let took: Span = (readings.iter()).fold(Span::ZERO, |sum, reading| sum + reading.took);
    let ours = took.as_secs_f64() / 400.0;
    let theirs = number_after(&said, "Average:");
    // It writes four digits after the point: 0.1 ms.
    assert!(ours <= theirs + 1e-4, "{ours} s, hey: {theirs} s");
    assert!(theirs - ours < 0.02, "{ours} s, hey: {theirs} s");
}

#[test]
fn our_splitter_s_tally_is_what_wrk_counts_up_to_what_was_under_way() {
    let (Some(nginx), Some(wrk)) = (installed("nginx"), installed("wrk")) else {
        return;
    };
    const CONNECTIONS: u64 = 16;
    let origin = Origin::start(&nginx, &["stable", "canary"]);
    let splitter = splitter_before(&origin);
    let url = format!("http://{}/", splitter.address());
    let said = output(&wrk, &format!("-t 1 -c {CONNECTIONS} -d 2s {url}"));
    assert!(
        !said.contains("Socket errors") && !said.contains("Non-2xx"),
        "{said}"
    );
    let line = said.lines().find(|line| line.contains(" requests in "));
    let theirs: u64 = line
        .unwrap()
        .trim()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mut splitter = splitter;
    splitter.stop();
    let ours = tallied(&splitter.readings());
    let logged = origin.log();
    let total = |counts: &BTreeMap<_, u64>| counts.values().sum::<u64>();
    // When its time is up wrk leaves; one request of each connection may be under way.
    assert!(
        (theirs..=theirs + CONNECTIONS).contains(&total(&ours)),
        "wrk {theirs}, we {ours:?}"
    );
    // What the origins have logged and nobody waited for is no answer of ours.
    for (version, status) in [("stable", 200), ("canary", 200)] {
        let key = (version.to_owned(), status);
        let (we, they) = (ours[&key], logged[&key]);
        assert!(
            we.abs_diff(they) <= CONNECTIONS,
            "{version}: we {we}, they {they}"
        );
    }
    // A quarter to the canary: 4.5 standard errors, broken by chance once in 150,000 runs.
    let n = total(&ours) as f64;
    let away = (ours[&("canary".to_owned(), 200)] as f64 - n / 4.0).abs();
    assert!(away < 4.5 * (n * 3.0 / 16.0).sqrt(), "{ours:?}");
}

#[test]
fn every_request_that_the_generator_counts_is_in_the_server_s_log() {
    let Some(nginx) = installed("nginx") else {
        return;
    };
    let place = Place::new("");
    for (path, status) in [("/", 200), ("/absent", 404), ("/broken", 500)] {
        let origin = Origin::start(&nginx, &["origin"]);
        let url = format!("http://{}{path}", origin.addresses[0]);
        let said = place.answered(&format!("load {url} --rate 500/s --duration 1s --json"));
        let load: Value = serde_json::from_str(&said.out).unwrap();
        let requests = &load["requests"];
        assert_eq!(requests["due"], requests["sent"], "{load}");
        assert_eq!(requests["sent"], requests["answered"], "{load}");
        let sent = requests["sent"].as_u64().unwrap();
        assert_eq!(load["statuses"][status.to_string()], sent, "{load}");
        let expected = BTreeMap::from([(("origin".to_owned(), status), sent)]);
        assert_eq!(origin.log(), expected);
    }
}
