//! A real Prometheus, asked about the past over its HTTP API.
//!
//! What a rollout in virtual time showed is put into it with `promtool`, one pod a version; the replay
//! of what it remembers gives the verdicts that the rollout gave.

use std::collections::BTreeMap;

use coalmine::base::Span;
use coalmine::experiment;
use coalmine::scenario::{self, Scenario};
use coalmine::telemetry::Reporter;
use coalmine::telemetry::exposition::{Dialect, Exposed, Reading};
use coalmine::telemetry::recording::{self, Recording, Row};
use serde_json::Value;

use super::server::Server;
use super::{Place, verdicts};

/// When the rollout began, in seconds since 1970.
const BEGIN: u64 = 1_772_546_400;

/// The samples of a recording as the scenario's service shows them, one pod a version.
fn openmetrics(scenario: &Scenario, recording: &Recording) -> String {
    let dialect = Dialect {
        service: scenario.live.service.clone(),
        ..Dialect::new(
            scenario.live.vendor,
            &recording.subject.plan,
            Vec::new(),
            Vec::new(),
        )
    };
    let mut series: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &recording.rows {
        let Row::Scrape {
            at,
            version,
            route: None,
            counters,
        } = row
        else {
            continue;
        };
        let width = counters.buckets.len() / 2;
        // Series are born with their first request.
        let statuses = [(0, 200), (1, 503)].into_iter();
        let readings = statuses.filter(|(status, _)| counters.requests[*status] > 0);
        let readings = readings.map(|(status, code)| Reading {
            version: *version,
            route: 0,
            code,
            requests: counters.requests[status],
            took: Span::from_secs_f64(counters.seconds[status]),
            buckets: counters.buckets[status * width..][..width].to_vec(),
        });
        let exposed = Exposed {
            pod: version.name(),
            readings: &readings.collect::<Vec<_>>(),
            ..Exposed::default()
        };
        let millis = BEGIN * 1_000 + at.as_nanos() / 1_000_000;
        let text = dialect.write(&exposed, Reporter::Server);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, _) = line.rsplit_once(' ').unwrap();
            let line = format!("{line} {}.{:03}", millis / 1_000, millis % 1_000);
            series.entry(name.to_owned()).or_default().push(line);
        }
    }
    let lines: Vec<String> = series.into_values().flatten().collect();
    lines.join("\n") + "\n# EOF\n"
}

fn recorded(scenario: &Scenario, place: &Place) -> Recording {
    let (engine, _) = experiment::engine(scenario);
    let mut bytes = Vec::new();
    experiment::watch_recorded(
        scenario,
        scenario.experiment.seed,
        0,
        false,
        engine,
        &mut bytes,
    )
    .unwrap();
    place.put("it.jsonl", &bytes);
    recording::read(bytes.as_slice()).unwrap()
}

/// Times as RFC 3339 wants them.
fn time(second: u64) -> String {
    (BEGIN + second).to_string()
}

#[test]
fn what_it_remembers_gives_the_verdicts_of_the_run() {
    for name in ["plain-flagger", "plain-argo"] {
        let place = Place::new();
        let scenario = scenario::find(name).unwrap().scenario().unwrap();
        let recording = recorded(&scenario, &place);
        let Some(server) = Server::start(&openmetrics(&scenario, &recording)) else {
            return;
        };
        let url = format!("http://{}", server.address());
        let length = recording.rows.iter().map(Row::at).max().unwrap();
        let to = time(length.as_secs_f64() as u64 + 1);
        let from = time(0);
        let told = place.json(&[
            "replay",
            "--prometheus",
            &url,
            "--from",
            &from,
            "--to",
            &to,
            "--metrics",
            "istio",
            "--scenario",
            name,
        ]);
        let own = place.json(&["replay", "it.jsonl", "--scenario", name]);
        let shown = |told: &Value| -> Vec<(f64, String)> {
            let all = verdicts(told).into_iter();
            all.filter(|(_, verdict)| !verdict.is_empty()).collect()
        };
        assert_eq!(shown(&told), shown(&own), "{name}");
        assert_eq!(told["end"], own["end"], "{name}");
        assert_eq!(told["end_seconds"], own["end_seconds"], "{name}");
        assert_eq!(told["begun"], "2026-03-03T14:00:00Z");
        let notes = told["notes"].to_string();
        let asks = notes.contains("the gates' own queries were asked");
        assert_eq!(asks, name == "plain-argo", "{notes}");

        // What the server answers to the matrix selector is replayed from a file just as well.
        let end = (BEGIN + length.as_secs_f64() as u64 + 1) as i64 * 1_000;
        for (file, metric) in [
            ("requests.json", "istio_requests_total"),
            ("latency.json", "istio_request_duration_milliseconds_bucket"),
        ] {
            let answer = server.ask(&format!("{metric}[1d]"), end);
            place.put(file, answer.to_string());
        }
        let file = place.json(&[
            "replay",
            "requests.json",
            "latency.json",
            "--scenario",
            name,
            "--from",
            &from,
        ]);
        assert_eq!(shown(&file), shown(&told), "{name}");
    }
}

#[test]
fn series_are_told_apart_by_labels_of_ones_own() {
    let place = Place::new();
    let scenario = scenario::find("plain-flagger").unwrap().scenario().unwrap();
    let text = openmetrics(&scenario, &recorded(&scenario, &place));
    let Some(server) = Server::start(&text) else {
        return;
    };
    let url = format!("http://{}", server.address());
    let (from, to) = (time(0), time(420));
    let base = [
        "replay",
        "--prometheus",
        &url,
        "--from",
        &from,
        "--to",
        &to,
        "--scenario",
        "plain-flagger",
    ];
    let own = place.json(&base);
    let options = [
        "--stable",
        "{destination_version=\"stable\"}",
        "--canary",
        "{destination_version=~\"canar.\"}",
    ];
    let told = place.json(&[&base[..], &options].concat());
    assert_eq!(verdicts(&told), verdicts(&own));
    let stepped = place.json(&[&base[..], &options, &["--step", "15s"]].concat());
    assert!(!verdicts(&stepped).is_empty());
    let err =
        place.refused(&[&base[..], &["--canary", "{destination_version=\"nobody\"}"]].concat());
    assert!(
        err.contains("there is no series") || err.contains("no series of"),
        "{err}"
    );
    let err = place.refused(&[&base[..], &["--canary", "{a=}"]].concat());
    assert!(err.contains("--canary"), "{err}");
    let err = place.refused(&[
        "replay",
        "--prometheus",
        &url,
        "--from",
        &to,
        "--to",
        &from,
        "--scenario",
        "plain-flagger",
    ]);
    assert!(err.contains("no time between"), "{err}");
}

#[test]
fn a_prometheus_that_is_not_there_is_told() {
    let place = Place::new();
    let said = place.said(&[
        "replay",
        "--prometheus",
        "http://127.0.0.1:9",
        "--from",
        "1772546400",
        "--to",
        "1772546500",
    ]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains("127.0.0.1:9 cannot be asked"),
        "{}",
        said.err
    );
}
