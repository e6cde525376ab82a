//! Reads the source and holds it to the rules of the house: which room may know which, how long a
//! file may grow, who may print. A complaint names file, line and rule.

mod proof;
mod source;

use std::fs;
use std::process::Command;

use source::{Source, has_word};

/// The rooms and their floors: a room may know what is on a lower floor, nothing on its own or above.
const FLOORS: [(&str, u8); 13] = [
    ("cli", 11),
    ("lab", 10),
    ("report", 9),
    ("experiment", 8),
    ("scenario", 7),
    ("manifest", 6),
    ("engine", 5),
    ("rollout", 4),
    ("gate", 3),
    ("telemetry", 2),
    ("model", 2),
    ("stats", 1),
    ("base", 0),
];

/// Who may not know whom although it lies lower, and why.
const STRANGERS: [(&str, &str, &str); 3] = [
    (
        "gate",
        "model",
        "a gate sees telemetry and never the truth behind it",
    ),
    (
        "rollout",
        "model",
        "a controller sees what was measured and never the truth behind it",
    ),
    (
        "report",
        "engine",
        "a report draws stored rows and never simulates",
    ),
];

const TOP_LEVEL: [&str; 13] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "src",
    "scenarios",
    "lessons",
    "results",
    "docs",
    "benches",
    "tests",
    "fuzz",
];

const NO_NAMES: [&str; 6] = ["utils", "util", "helpers", "helper", "common", "misc"];

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 100;

// Written in halves, so that this file keeps its own rules.
const UNFINISHED: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("#[ig", "nore"),
];

fn layers(source: &Source) -> Vec<String> {
    let Some(room) = source.room() else {
        return Vec::new();
    };
    let Some(floor) = floor_of(room) else {
        return vec![source.complaint(1, &format!("`{room}` has no place among the rooms"))];
    };
    let mut known = source.names_after("crate::");
    known.retain(|(_, name)| name.starts_with(|c: char| c.is_lowercase()));
    // From here `super` is the crate's root, or, in an inner module, still this room.
    let mut climbed = source.names_after(&"super::".repeat(source.depth()));
    climbed.retain(|(_, name)| FLOORS.iter().any(|(room, _)| room == name));
    known.append(&mut climbed);
    known
        .iter()
        .filter_map(|(line, name)| Some(source.complaint(*line, &trespass(room, floor, name)?)))
        .collect()
}

/// Why `room` may not know `other`, if it may not.
fn trespass(room: &str, floor: u8, other: &str) -> Option<String> {
    let stranger = STRANGERS.iter().find(|s| s.0 == room && s.1 == other);
    if let Some((_, _, why)) = stranger {
        return Some(format!("{room} must not know {other}: {why}"));
    }
    match floor_of(other) {
        None => Some(format!("`crate::{other}` has no place among the rooms")),
        Some(below) if other == room || below < floor => None,
        Some(_) => Some(format!(
            "{room} must not know {other}: rooms know only what lies below them"
        )),
    }
}

fn floor_of(room: &str) -> Option<u8> {
    let found = FLOORS.iter().find(|(name, _)| *name == room)?;
    Some(found.1)
}

fn introduction(source: &Source) -> Vec<String> {
    if source.text.starts_with("//!") {
        return Vec::new();
    }
    vec![source.complaint(1, "a module begins with a `//!` that says what it is for")]
}

fn lengths(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = source.text.lines().count();
    if lines > LONGEST_FILE {
        let rule = format!("{lines} lines, more than {LONGEST_FILE}: split it by subject");
        complaints.push(source.complaint(lines, &rule));
    }
    for (line, name, length) in source.functions() {
        if length > LONGEST_FUNCTION {
            let rule = format!("`{name}` has {length} lines, more than {LONGEST_FUNCTION}");
            complaints.push(source.complaint(line, &rule));
        }
    }
    complaints
}

fn finished(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (i, line) in source.text.lines().enumerate() {
        for mark in UNFINISHED {
            if has_word(line, mark) {
                complaints.push(source.complaint(i + 1, &format!("`{mark}`: finish it")));
            }
        }
    }
    complaints
}

fn names(source: &Source) -> Vec<String> {
    let bad = source
        .path
        .trim_end_matches(".rs")
        .split('/')
        .find(|part| NO_NAMES.contains(part));
    bad.map(|name| source.complaint(1, &format!("`{name}` names no subject")))
        .into_iter()
        .collect()
}

fn silence(source: &Source) -> Vec<String> {
    if source.path.starts_with("src/cli") || !source.path.starts_with("src/") {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (i, line) in source.code.lines().enumerate() {
        for print in ["print!", "println!", "eprint!", "eprintln!", "dbg!"] {
            if has_word(line, print) {
                let rule = format!("`{print}`: only src/cli prints");
                complaints.push(source.complaint(i + 1, &rule));
            }
        }
    }
    complaints
}

/// What does not belong at the top of the project.
fn strays<'a>(entries: impl Iterator<Item = &'a str>) -> Vec<String> {
    let belongs = |name: &str| name.starts_with('.') || TOP_LEVEL.contains(&name);
    entries
        .filter(|name| !belongs(name))
        .map(|name| {
            format!(
                "{name}:1: the top level holds only {}",
                TOP_LEVEL.join(", ")
            )
        })
        .collect()
}

/// Fails with every complaint about the Rust files under `folders`.
fn hold(folders: &[&str], check: fn(&Source) -> Vec<String>) {
    let sources: Vec<Source> = folders.iter().flat_map(|f| source::sources(f)).collect();
    assert!(!sources.is_empty(), "{folders:?} hold no source at all");
    let complaints: Vec<String> = sources.iter().flat_map(check).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

const ALL: &[&str] = &["src", "tests", "benches"];

#[test]
fn rooms_know_only_what_lies_below_them() {
    hold(&["src"], layers);
}

#[test]
fn every_module_says_what_it_is_for() {
    hold(ALL, introduction);
}

#[test]
fn files_and_functions_stay_short() {
    hold(ALL, lengths);
}

#[test]
fn nothing_is_left_unfinished() {
    hold(ALL, finished);
}

#[test]
fn every_file_is_named_after_its_subject() {
    hold(ALL, names);
}

#[test]
fn only_the_command_line_prints() {
    hold(&["src"], silence);
}

#[test]
fn the_top_level_holds_what_it_should() {
    let names = top_level();
    assert!(names.iter().any(|name| name == "src"), "{names:?}");
    assert_eq!(strays(names.iter().map(String::as_str)), [""; 0]);
}

/// What git tracks, so that a file left there while trying things out does no harm; in an unpacked
/// archive, what is there.
fn top_level() -> Vec<String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let tracked = Command::new("git")
        .args(["-C", root, "ls-tree", "--name-only", "HEAD"])
        .output();
    if let Some(output) = tracked.ok().filter(|output| output.status.success()) {
        let text = String::from_utf8(output.stdout).expect("names in UTF-8");
        return text.lines().map(str::to_owned).collect();
    }
    fs::read_dir(root)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name != "target")
        .collect()
}
