//! Ctrl-C: the first one finishes with what is there, the second one ends at once.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{answered, names, program, shared_folder};

/// A run that is under way and will hear an interruption; `None`, on record, where that cannot be
/// told.
fn under_way(folder: &Path, arguments: &str) -> Option<Child> {
    if !Path::new("/proc/self/status").exists() {
        shared_folder::skip("there is no /proc to see when a run has begun");
        return None;
    }
    let mut child = program(folder)
        .args(arguments.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    while !catches_interruptions(&fs::read_to_string(&status).unwrap_or_default()) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it began");
        wait(Duration::from_millis(10));
    }
    Some(child)
}

/// Whether signal 2 is among those that the process handles.
fn catches_interruptions(status: &str) -> bool {
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 0b10 != 0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "an interruption comes while another process works"
)]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

fn interrupt(child: &Child) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", child.id())])
        .status()
        .unwrap();
    assert!(status.success());
}

const FINISHING: &str = "Interrupted: finishing with what is there; Ctrl-C again ends at once\n";

#[test]
fn an_interrupted_run_answers_with_what_is_there() {
    let place = tempfile::tempdir().unwrap();
    let Some(child) = under_way(place.path(), "power --trials 1000000 --out out") else {
        return;
    };
    // Long enough for some trials, far too short for all.
    wait(Duration::from_secs(1));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.starts_with(FINISHING), "{err}");
    assert!(out.contains("! The run was interrupted"), "{out}");

    let folder = place.path().join("out");
    assert_eq!(names(&folder).len(), 17, "{:?}", names(&folder));
    let text = fs::read_to_string(folder.join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["complete"], false);
    let cells = summary["cells"].as_array().unwrap();
    assert!(!cells.is_empty());
    for cell in cells {
        let trials = cell["trials"].as_u64().unwrap();
        assert!((1..1_000_000).contains(&trials), "{cell}");
    }
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("Incomplete."));
    assert_eq!(answered(place.path(), "report out").out, out);
}

#[test]
fn the_second_interruption_ends_at_once() {
    let place = tempfile::tempdir().unwrap();
    // Request by request at a million a second, the first trial alone takes minutes.
    let endless = "power --engine requests --rate 1000000/s --trials 1 --out out";
    let Some(mut child) = under_way(place.path(), endless) else {
        return;
    };
    interrupt(&child);
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    err.read_line(&mut first).unwrap();
    assert_eq!(first, FINISHING);
    assert_eq!(child.try_wait().unwrap(), None);
    interrupt(&child);
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(names(place.path()), [""; 0]);
}
