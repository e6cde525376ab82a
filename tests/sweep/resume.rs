//! `--resume`: what was killed goes on where it was, and comes to the same bytes.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::{answered, assert_same, coalmine, paths, program};

#[expect(clippy::disallowed_methods, reason = "another process works meanwhile")]
fn wait() {
    std::thread::sleep(Duration::from_millis(2));
}

/// Lines in all files of units of a folder.
fn lines(folder: &Path) -> usize {
    let are_units = |path: &PathBuf| path.to_string_lossy().contains(".jsonl");
    let files = paths(folder).into_iter().filter(are_units);
    let texts = files.map(|path| fs::read(path).unwrap_or_default());
    texts
        .map(|text| text.iter().filter(|byte| **byte == b'\n').count())
        .sum()
}

/// Kills a run with no warning once so many more lines are in its journal. Whether it was still at
/// work then.
fn killed(folder: &Path, arguments: &str, units: &Path, more: usize) -> bool {
    let before = lines(units);
    let mut child: Child = program(folder, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while lines(units) < before + more {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        wait();
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// Undisturbed, and killed again and again: the same folder.
fn survives(command: &str) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    answered(folder, &format!("{command} --threads 1 --out whole"));
    assert!(!folder.join("whole.units").exists());

    let again = format!("{command} --threads 2 --out torn --resume");
    let units = folder.join("torn.units");
    let mut kills = 0;
    for more in [3, 1, 6, 2] {
        kills += usize::from(killed(folder, &again, &units, more));
    }
    assert!(kills >= 2, "it was too quick to be killed: {kills}");
    let torn = paths(&units);
    assert!(torn.iter().all(|path| path.extension().unwrap() == "part"));
    let said = answered(folder, &again);
    assert!(said.err.contains("Going on from"), "{}", said.err);
    assert_same(&folder.join("whole"), &folder.join("torn"));
    assert!(!units.exists(), "the journal has done its work");
}

#[test]
fn a_killed_power_run_goes_on_to_the_same_bytes() {
    survives("power low-traffic --trials 3000 --keep-trials");
}

#[test]
fn so_does_one_that_plays_until_it_is_precise() {
    survives("power --precision 3%");
}

#[test]
fn a_killed_calibration_goes_on_to_the_same_bytes() {
    survives("calibrate fisher cusum --setting tiny --trials 4000 --fault-trials 1000");
}

#[test]
fn a_killed_shard_goes_on_to_the_same_bytes() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    answered(folder, "sweep plan power low-traffic --trials 3000");
    answered(folder, "sweep run plan.json --shard 1/1 --out whole");
    answered(folder, "sweep merge whole --out one");
    let again = "sweep run plan.json --shard 1/1 --out rows --resume rows";
    let mut kills = 0;
    for more in [2, 5, 1] {
        kills += usize::from(killed(folder, again, &folder.join("rows"), more));
    }
    assert!(kills >= 2, "it was too quick to be killed: {kills}");
    let said = coalmine(folder, "sweep merge rows");
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("without their ends"), "{}", said.err);
    let said = answered(folder, again);
    assert!(said.err.contains("taken up"), "{}", said.err);
    answered(folder, "sweep merge rows --out two");
    assert_same(&folder.join("one"), &folder.join("two"));
    assert_same(
        &folder.join("one/low-traffic"),
        &folder.join("two/low-traffic"),
    );
}

#[test]
fn a_shard_that_is_told_to_end_asks_to_be_retried() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    answered(folder, "sweep plan power low-traffic --trials 20000");
    let rows = folder.join("rows");
    let child = program(folder, "sweep run plan.json --shard 1/1 --out rows")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line, and some units.
    while lines(&rows) < 4 {
        wait();
    }
    let status = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75));
    let files = paths(&rows);
    let ended = files
        .iter()
        .filter(|path| path.extension().unwrap() == "jsonl");
    let ended: Vec<_> = ended.collect();
    assert_eq!(ended.len(), 1, "{files:?}");
    let attempt = coalmine::experiment::ledger::Attempt::read(ended[0]);
    let attempt = attempt.unwrap().unwrap();
    assert!(attempt.is_whole && !attempt.records.is_empty());
}

#[test]
fn what_is_of_another_run_is_named_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let units = folder.join("out.units");
    let asked = "power --trials 2000 --out out";
    assert!(killed(folder, asked, &units, 4));
    let left = paths(&units);
    assert_eq!(left.len(), 1);
    let bytes = fs::read(&left[0]).unwrap();

    // Another seed: neither taken up nor touched.
    let other = "power --trials 20 --seed 7 --out out --resume";
    let said = answered(folder, other);
    assert!(
        said.err.contains("is of another experiment"),
        "{}",
        said.err
    );
    assert!(said.err.contains("nothing to go on from"), "{}", said.err);
    assert_eq!(fs::read(&left[0]).unwrap(), bytes);

    // The same without --resume says what could be done, and leaves it too.
    assert!(killed(folder, asked, &units, 1));
    assert_eq!(fs::read(&left[0]).unwrap(), bytes);
    let small = "power --trials 20 --out small";
    answered(folder, small);

    // Another version: named, with its number.
    let text = String::from_utf8(bytes.clone()).unwrap();
    let ours = format!("\"program\":\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&ours));
    for path in paths(&units) {
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(&ours, "\"program\":\"0.0.9\"")).unwrap();
    }
    let said = coalmine(folder, "power --trials 20 --out out --resume");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.err.contains("written by coalmine 0.0.9"),
        "{}",
        said.err
    );
    assert_eq!(paths(&units).len(), 2);
}

#[test]
fn an_interrupted_run_says_how_it_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let units = folder.join("out.units");
    let asked = "power --trials 2000 --out out";
    let child = program(folder, asked)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while lines(&units) < 4 {
        wait();
    }
    let status = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("the same command with --resume"), "{err}");
    assert_eq!(output.status.code(), Some(0));

    let said = coalmine(folder, "power --trials 2000 --out other");
    assert_eq!(said.code, 0);
    let hint = program(folder, asked)
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let hint = String::from_utf8(hint.stderr).unwrap();
    assert!(
        hint.contains("--resume would go on from out.units"),
        "{hint}"
    );
    assert_eq!(
        paths(&units).len(),
        1,
        "its own journal is gone, the older is not"
    );
    let said = answered(folder, &format!("{asked} --resume"));
    assert!(said.err.contains("Going on from"), "{}", said.err);
    assert_same(&folder.join("other"), &folder.join("out"));
    assert!(!units.exists());
}
