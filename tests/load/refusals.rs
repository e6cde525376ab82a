//! What is refused before anything is sent, and the files that a load leaves.

use std::process::Command;

use coalmine::base::Probability;
use coalmine::scenario;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::server::{Server, answer, hello, wait};
use super::{Said, load, number};

#[track_caller]
fn refused(arguments: &str, parts: &[&str]) {
    let said = load(arguments);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
    for part in parts {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
}

#[test]
fn other_machines_are_not_loaded_unless_named() {
    // An address that belongs to documentation: nobody is there to be hurt.
    refused(
        "http://192.0.2.1/ --rate 10/s",
        &[
            "`192.0.2.1` is not this machine",
            "--allow-target 192.0.2.1",
        ],
    );
    refused(
        "http://192.0.2.1/ --rate 10/s --allow-target 192.0.2.2",
        &["--allow-target 192.0.2.1"],
    );
    refused(
        "http://nowhere.invalid/ --rate 10/s",
        &["cannot find the host `nowhere.invalid`"],
    );
    let server = Server::start(hello);
    let url = server.url();
    let said = load(&format!(
        "{url} --rate 50/s --duration 1s --allow-target 192.0.2.1"
    ));
    assert_eq!(said.code, 0);
}

#[test]
fn bad_input_is_named_with_what_would_be_valid() {
    let url = "http://127.0.0.1:9/";
    refused(
        "127.0.0.1:9 --rate 1/s",
        &["`127.0.0.1:9` is not a URL", "http://127.0.0.1:8080/path"],
    );
    refused(
        "https://127.0.0.1:9/ --rate 1/s",
        &["TLS is not spoken here"],
    );
    refused(url, &["--rate <RATE>"]);
    refused(&format!("{url} --rate 0/s"), &["--rate is 0", "500/s"]);
    refused(&format!("{url} --rate -1/s"), &["-1/s"]);
    refused(
        &format!("{url} --rate 1/s --duration 0s"),
        &["--duration is 0"],
    );
    refused(
        &format!("{url} --rate 1/s --timeout 5"),
        &["`5` is not a length of time"],
    );
    refused(&format!("{url} --connections 0"), &["0"]);
    refused(
        &format!("{url} --rate 1/s --header x"),
        &["a name, a colon and a value"],
    );
    refused(
        &format!("{url} --rate 1/s --header connection:close"),
        &["for the load itself"],
    );
    refused(
        &format!("{url} --rate 1/s --fail-if p98>1s"),
        &["p98>1s", "`p98` is not measured; it is one of p50, p90"],
    );
    refused(
        &format!("{url} --rate 1/s --fail-if p99>300"),
        &["p99>300", "write a number and a unit"],
    );
}

/// Runs the program after `ulimit`.
fn limited(limit: &str, arguments: &str) -> Said {
    let program = env!("CARGO_BIN_EXE_coalmine");
    let line = format!("ulimit {limit} && exec {program} load {arguments}");
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    output.into()
}

#[test]
fn connections_that_do_not_fit_the_open_files_are_refused_before_anything_is_sent() {
    let server = Server::start(hello);
    let url = server.url();
    let said = limited("-n 200", &format!("{url} --rate 10/s --connections 500"));
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
    let flat = said.err.replace("\n  ", " ");
    for part in [
        "500 connections need 548 open files",
        "this process may have 200",
        "--connections 152",
        "ulimit -Hn 548",
    ] {
        assert!(flat.contains(part), "{part}: {}", said.err);
    }
    assert_eq!(server.connections(), 0);
    // A soft limit alone is in nobody's way.
    let said = limited(
        "-Sn 20",
        &format!("{url} --connections 60 --duration 1s --json"),
    );
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.json()["requests"]["failures"]["exhausted"], 0);
    assert_eq!(server.connections(), 60);
}

#[test]
fn a_log_that_cannot_be_written_is_met_before_anything_is_sent() {
    let server = Server::start(hello);
    let url = server.url();
    let said = load(&format!("{url} --rate 10/s --hdr /nowhere/at/all.hlog"));
    assert_eq!((said.code, server.requests()), (1, 0));
    assert!(
        said.err.contains("cannot write /nowhere/at/all.hlog: "),
        "{}",
        said.err
    );
}

#[test]
fn the_interval_log_holds_every_latency_and_others_can_read_it() {
    let server = Server::start(|number, _| {
        wait(std::time::Duration::from_millis(20));
        match number % 4 {
            0 => answer(200, "x-version: canary\r\n", "hello"),
            _ => answer(200, "x-version: stable\r\n", "hello"),
        }
    });
    let url = server.url();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("load.hlog");
    let shown = path.display();
    let said = load(&format!(
        "{url} --rate 100/s --arrivals even --duration 3s --json --hdr {shown}"
    ));
    let json = said.json();
    // The reader of the crate that wrote it.
    let bytes = std::fs::read(&path).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(
        text.starts_with("#[Histogram log format version 1.3]\n#[StartTime: "),
        "{text}"
    );
    assert!(
        text.contains("\n\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","),
        "{text}"
    );
    let without_heading: Vec<u8> = (text.lines())
        .filter(|line| !line.starts_with('"'))
        .flat_map(|line| [line.as_bytes(), b"\n"].concat())
        .collect();
    let (mut counts, mut starts) = ([0, 0], Vec::new());
    for entry in IntervalLogIterator::new(&without_heading) {
        let LogEntry::Interval(interval) = entry.unwrap() else {
            continue;
        };
        let packed = base64::Engine::decode(
            &base64::prelude::BASE64_STANDARD,
            interval.encoded_histogram(),
        )
        .unwrap();
        let histogram: hdrhistogram::Histogram<u64> =
            Deserializer::new().deserialize(&mut &packed[..]).unwrap();
        let of_canary = match interval.tag().unwrap().as_str() {
            "canary" => 1,
            "stable" => 0,
            other => panic!("{other}"),
        };
        counts[of_canary] += histogram.len();
        assert!(histogram.min() >= 19_900_000, "{}", histogram.min());
        starts.push(interval.start_timestamp().as_secs_f64());
    }
    assert_eq!(counts, [225, 75]);
    assert!(starts.is_sorted() && starts.len() >= 6, "{starts:?}");
    // And ours, which plays such a log as a latency.
    let scenario = scenario::parse(
        "[traffic]\nrate = \"1/s\"\n[stable]\nlatency = { hdr = \"load.hlog\" }",
        &folder.path().join("scenario.toml"),
        Some(folder.path()),
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    for (name, share) in [("p50", 0.5), ("p90", 0.9)] {
        let told = number(&json["latency_seconds"][name]);
        let read = scenario
            .world
            .stable
            .latency
            .quantile(Probability::new(share).unwrap());
        // The reader keeps a point for each hundredth.
        assert!((read / told - 1.0).abs() < 0.05, "{name}: {read} {told}");
    }
}
