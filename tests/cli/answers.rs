//! The commands when all is well: what they print, and what they leave behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{answered, coalmine, names, program};

/// Every file of a results folder, as the README lists them.
const FILES: [&str; 17] = [
    "cells.csv",
    "detection-distribution.png",
    "detection-distribution.svg",
    "detection.png",
    "detection.svg",
    "detections.csv",
    "heat.csv",
    "heat.png",
    "heat.svg",
    "looks.csv",
    "power.png",
    "power.svg",
    "report.html",
    "summary.json",
    "timeline.csv",
    "timeline.png",
    "timeline.svg",
];

const CANARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/plain-flagger.yaml");

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let bytes = fs::read(folder.join(&name)).unwrap();
        (name, bytes)
    };
    names(folder).into_iter().map(read).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_main_job_needs_nothing_but_the_program() {
    let place = tempfile::tempdir().unwrap();
    let said = answered(place.path(), "power --trials 100");
    let flowing = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Ten steps at 20 requests a second",
        "Weight held",
        "Whole rollout",
        "100 bad and as many good releases a row",
        "seed 20260401",
        "• As written (5 → 10 → … → 50 %)",
    ] {
        assert!(flowing.contains(part), "{part}: {}", said.out);
    }
    for weight in ["1 %", "2 %", "5 %", "10 %", "25 %", "50 %"] {
        let rows = said
            .out
            .lines()
            .filter(|line| line.trim_start().starts_with(weight) && line.contains('±'));
        assert_eq!(rows.count(), 2, "{weight}: {}", said.out);
    }
    assert_eq!(
        said.err,
        "Report, figures and rows: results/default/report.html\n"
    );
    assert_eq!(names(place.path()), ["results"]);
    assert_eq!(names(&place.path().join("results/default")), FILES);
}

#[test]
fn a_canary_is_answered_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let service = "--rate 20/s --errors 0.1% --latency p50=40ms,p99=250ms --canary-errors 1%";
    let said = answered(
        place.path(),
        &format!("power --flagger {CANARY} {service} --trials 100"),
    );
    for part in [
        "Flagger 10 → 20 → 30 → 40 → 50 %",
        "request-success-rate",
        "request-duration",
        "20/s · stable p50 40 ms p99 250 ms, 0.1 % errors · canary 1 % errors",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert_eq!(names(&place.path().join("results/plain-flagger")), FILES);
}

#[test]
fn files_are_written_where_and_when_they_are_asked_for() {
    let place = tempfile::tempdir().unwrap();
    answered(place.path(), "power --trials 10 --no-files");
    assert_eq!(names(place.path()), [""; 0]);
    answered(place.path(), "power --trials 10 --out a/b --keep-trials");
    let mut files = FILES.to_vec();
    files.push("trials.csv");
    files.sort_unstable();
    assert_eq!(names(&place.path().join("a/b")), files);
    let trials = fs::read_to_string(place.path().join("a/b/trials.csv")).unwrap();
    // Six percentages, twice, with a faulty and a good canary, ten times, and a head.
    assert_eq!(trials.lines().count(), 6 * 2 * 2 * 10 + 1);
}

#[test]
fn the_summary_on_standard_output_is_the_one_that_is_stored() {
    let place = tempfile::tempdir().unwrap();
    let said = answered(place.path(), "power low-traffic --trials 20 --json");
    let stored = place.path().join("results/low-traffic/summary.json");
    assert_eq!(said.out, fs::read_to_string(stored).unwrap());
    let summary = json(&said.out);
    let schema = json(&answered(place.path(), "schema summary").out);
    holds_what_is_required(&schema, &schema, &summary, "summary");
    for cell in summary["cells"].as_array().unwrap() {
        for field in [
            "weight",
            "mode",
            "trials",
            "power",
            "false_rollback",
            "detection_seconds",
            "exposure",
        ] {
            assert!(!cell[field].is_null(), "{field}: {cell}");
        }
    }
}

/// Follows a schema down a value: objects hold every required field and none that is not described.
fn holds_what_is_required(root: &Value, schema: &Value, value: &Value, place: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    if let Some(items) = value.as_array() {
        for item in items {
            holds_what_is_required(root, &schema["items"], item, &format!("{place}[]"));
        }
    }
    let Some(fields) = value.as_object() else {
        return;
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        assert!(fields.contains_key(name), "{place} lacks {name}");
    }
    for (name, value) in fields {
        let described = &schema["properties"][name];
        assert!(!described.is_null(), "{place}.{name} is not described");
        holds_what_is_required(root, described, value, &format!("{place}.{name}"));
    }
}

#[test]
fn both_schemas_are_schemas() {
    for (subject, field) in [
        ("", "rollout"),
        ("scenario", "traffic"),
        ("summary", "cells"),
    ] {
        let schema = json(&answered(Path::new("."), &format!("schema {subject}")).out);
        assert!(schema["$schema"].is_string(), "{subject}");
        assert!(schema["properties"][field].is_object(), "{subject}");
    }
}

#[test]
fn scenarios_are_listed_shown_and_played_again_from_what_was_shown() {
    let place = tempfile::tempdir().unwrap();
    let listed = answered(place.path(), "scenarios").out;
    assert!(listed.lines().all(|line| line.chars().count() <= 100));
    let lines: Vec<&str> = (listed.lines())
        .filter(|line| line.starts_with("  "))
        .collect();
    assert_eq!(lines.len(), coalmine::scenario::builtin().len(), "{listed}");
    for line in lines {
        let name = line.split_whitespace().next().unwrap();
        let shown = answered(place.path(), &format!("scenarios show {name}")).out;
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("scenarios")
            .join(format!("{name}.toml"));
        assert_eq!(shown, fs::read_to_string(shipped).unwrap());
        fs::write(place.path().join(format!("{name}.toml")), shown).unwrap();
    }
    let by_name = answered(place.path(), "power low-traffic --trials 10 --no-files");
    let by_file = answered(
        place.path(),
        "power low-traffic.toml --trials 10 --no-files",
    );
    assert_eq!(by_name.out, by_file.out);
}

#[test]
fn every_shipped_scenario_is_played() {
    let place = tempfile::tempdir().unwrap();
    for shipped in coalmine::scenario::builtin() {
        let asked = format!("power {} --trials 3 --no-files", shipped.name);
        let said = answered(place.path(), &asked).out;
        assert!(said.contains("• As written"), "{}: {said}", shipped.name);
    }
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    let place = tempfile::tempdir().unwrap();
    for (arguments, near) in [
        ("scenarios show istio-rampe", "did you mean `istio-ramp`?"),
        ("power low-trafic", "did you mean `low-traffic`?"),
        ("run defalt --virtual", "did you mean `default`?"),
        ("power quux", "`coalmine scenarios` lists them"),
        ("schema sumary", "'summary'"),
        ("pover", "'power'"),
        ("power --trails 5", "'--trials'"),
    ] {
        let said = coalmine(place.path(), arguments);
        assert_eq!(said.code, 2, "{arguments}");
        assert!(said.err.contains(near), "{arguments}: {}", said.err);
        assert_eq!(said.out, "", "{arguments}");
    }
    assert_eq!(names(place.path()), [""; 0]);
}

#[test]
fn one_rollout_is_told_in_words_and_as_json() {
    /// Whatever the luck, 30 requests of which half fail are rolled back.
    const HOPELESS: &str = "run low-traffic --virtual --canary-errors 50%";
    let place = tempfile::tempdir().unwrap();
    let words = answered(place.path(), HOPELESS).out;
    assert!(words.starts_with("Too little traffic to the canary\n"));
    assert!(words.contains("Rolled back at "), "{words}");
    for line in words.lines().rev().skip(1) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let lines = answered(place.path(), &format!("{HOPELESS} --json")).out;
    let ticks: Vec<Value> = lines.lines().map(json).collect();
    assert!(ticks.len() > 1);
    assert_eq!(ticks[0]["seconds"], 0.0);
    assert_eq!(ticks.last().unwrap()["verdict"], "fail");
    let other = answered(place.path(), &format!("{HOPELESS} --json --replicate 1")).out;
    assert_ne!(lines, other);
    assert_eq!(names(place.path()), [""; 0]);
}

#[test]
fn a_report_is_drawn_again_to_the_byte() {
    let place = tempfile::tempdir().unwrap();
    let made = answered(place.path(), "power istio-ramp --trials 30 --out made");
    let before = contents(&place.path().join("made"));
    for name in FILES.iter().filter(|name| {
        [".png", ".svg", ".html"]
            .iter()
            .any(|ending| name.ends_with(ending))
    }) {
        fs::remove_file(place.path().join("made").join(name)).unwrap();
    }
    let drawn = answered(place.path(), "report made");
    assert_eq!(drawn.out, made.out);
    let after = contents(&place.path().join("made"));
    let differing: Vec<&String> = before
        .iter()
        .filter(|(name, bytes)| after.get(*name) != Some(bytes))
        .map(|(name, _)| name)
        .collect();
    assert!(
        differing.is_empty() && before.len() == after.len(),
        "{differing:?}"
    );

    let markdown = answered(place.path(), "report made --markdown").out;
    assert!(markdown.contains("| canary | power |"), "{markdown}");
    let missing = coalmine(place.path(), "report nowhere");
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("nowhere: no such results folder"));
}

#[test]
fn a_reader_who_has_seen_enough_ends_the_output_quietly() {
    let place = tempfile::tempdir().unwrap();
    for arguments in [
        "power --trials 10",
        "power --trials 10 --json",
        "run --virtual",
        "report results/default",
        "scenarios",
        "schema",
        "--help",
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(place.path())
            .args(arguments.split_whitespace())
            .stdout(writer)
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments}: {err}");
        assert!(!err.to_lowercase().contains("pipe"), "{arguments}: {err}");
    }
    assert_eq!(names(&place.path().join("results/default")), FILES);
}

/// The scenario that the README writes out is one, without a warning.
#[test]
fn the_readmes_scenario_is_played() {
    let readme = include_str!("../../README.md");
    // The first block that is a whole scenario, and not a part of one.
    let blocks = readme.split("```toml\n").skip(1);
    let mut texts = blocks.filter_map(|rest| rest.split_once("```"));
    let (text, _) = texts.find(|(text, _)| text.contains("[traffic]")).unwrap();
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("own.toml"), text).unwrap();
    let said = answered(place.path(), "power own.toml --trials 2 --no-files");
    assert!(!said.err.contains("warning"), "{}", said.err);
}
