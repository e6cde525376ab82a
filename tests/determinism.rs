//! A seed is a promise: the same scenario and seed give the same bytes on any number of threads,
//! and another seed gives others.

use std::collections::BTreeMap;
use std::path::Path;

/// Runs `power` and returns every file that it leaves behind, what it printed among them.
fn files(arguments: &str, more: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("out");
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_coalmine"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"))
        .arg("power")
        .args(arguments.split_whitespace())
        .args(more)
        .args(["--keep-trials", "--out"])
        .arg(&folder)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {err}");
    let mut files: BTreeMap<String, Vec<u8>> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.insert("standard output".to_owned(), output.stdout);
    files
}

fn differing(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let names: Vec<String> = a.keys().cloned().collect();
    assert_eq!(names, b.keys().cloned().collect::<Vec<_>>());
    assert_eq!(names.len(), 19, "{names:?}");
    names
        .into_iter()
        .filter(|name| a[name] != b[name])
        .collect()
}

/// One thread, two, and more than there are cores, where blocks end in another order every time.
fn keeps_its_promise(arguments: &str) {
    let one = files(arguments, &["--threads", "1"]);
    for threads in ["2", "7"] {
        let many = files(arguments, &["--threads", threads]);
        assert_eq!(
            differing(&one, &many),
            [""; 0],
            "{arguments}, {threads} threads"
        );
    }
    let other = differing(&one, &files(arguments, &["--seed", "2"]));
    for file in ["cells.csv", "detections.csv", "summary.json", "trials.csv"] {
        assert!(other.iter().any(|name| name == file), "{arguments}: {file}");
    }
}

#[test]
fn of_the_default_scenario() {
    keeps_its_promise("default --trials 1200");
}

#[test]
fn of_a_canary() {
    keeps_its_promise("--flagger plain-flagger.yaml --rate 20/s --canary-errors 2% --trials 600");
}

#[test]
fn of_a_run_that_decides_itself_how_many_trials_it_needs() {
    keeps_its_promise("low-traffic --precision 3%");
}

#[test]
fn of_every_request_on_its_own() {
    keeps_its_promise("low-traffic --engine requests --trials 20 --weights 5,50");
}

#[test]
fn of_requests_that_depend_on_one_another() {
    keeps_its_promise("one-pod --trials 20");
}

#[test]
fn the_seed_that_is_used_without_one_is_stored() {
    let written = files("default --trials 20", &[]);
    let summary: serde_json::Value = serde_json::from_slice(&written["summary.json"]).unwrap();
    let seed = summary["seed"].as_str().unwrap();
    let again = files("default --trials 20", &["--seed", seed]);
    assert_eq!(written["cells.csv"], again["cells.csv"]);
    assert_eq!(written["trials.csv"], again["trials.csv"]);
}
