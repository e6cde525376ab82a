//! The Indexed Job: its manifest against Kubernetes' own schema, and its meaning by an emulator.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::emulator::{Fate, Manifest};
use super::sweep::{SHARDS, Sweep};
use super::{alone, both, installed, read};

/// What the manifest names; the emulator makes folders of it.
const CLUSTER: [&str; 6] = [
    "--image",
    "registry/coalmine:1",
    "--claim",
    "rows",
    "--at-once",
    "3",
];

/// `kubernetes-validate` from PyPI, or `None`, on record, where it is not installed.
fn validator() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("COALMINE_KUBERNETES_VALIDATE") {
        return Some(PathBuf::from(named));
    }
    let [found] = installed(["kubernetes-validate"])?;
    Some(found)
}

#[test]
fn the_manifest_is_what_kubernetes_takes() {
    let Some(validator) = validator() else {
        return;
    };
    let sweep = Sweep::new();
    fs::create_dir(sweep.out()).unwrap();
    let file = sweep.folder().join("sweep.yaml");
    let validate = |text: &str, version: &[&str]| {
        fs::write(&file, text).unwrap();
        let mut command = Command::new(&validator);
        command.arg("--strict").args(version).arg(&file);
        command.output().unwrap()
    };
    // The newest that the validator knows, and the oldest that the manifest says it is for.
    let versions: [&[&str]; 2] = [&[], &["-k", "1.33"]];
    let options = ["--threads", "2", "--memory", "1Gi", "--namespace", "tests"];
    for (missing, options) in [(false, &[][..]), (true, &options[..])] {
        let text = sweep.emit("kubernetes", missing, &[&CLUSTER[..], options].concat());
        for version in versions {
            let output = validate(&text, version);
            assert!(output.status.success(), "{}\n{text}", both(&output));
        }
        // It would have said so.
        let output = validate(&text.replace("completionMode", "completionsMode"), &[]);
        assert!(!output.status.success() && both(&output).contains("completionsMode"));
    }
}

#[test]
fn pods_ask_for_what_they_use() {
    let sweep = Sweep::new();
    let text = sweep.emit(
        "kubernetes",
        false,
        &[&CLUSTER[..], &["--threads", "3"]].concat(),
    );
    let job = Manifest::create(&text, sweep.folder()).job(false).clone();
    let container = &job["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["requests"]["cpu"], "3");
    let arguments = container["args"].as_array().unwrap();
    assert!(
        arguments.iter().any(|one| one == "--threads=3"),
        "{container}"
    );
}

#[test]
fn pods_that_are_killed_drained_and_doubled_give_what_one_process_gives() {
    let _alone = alone();
    let sweep = Sweep::new();
    let text = sweep.emit("kubernetes", false, &CLUSTER);
    let manifest = Manifest::create(&text, sweep.folder());
    let ended = manifest.run(|index, before| match (index, before) {
        (1, 0..=2) | (4, 0) => Fate::Killed,
        // More often than an index may fail: disruptions do not count.
        (2, 0..=4) => Fate::Drained,
        (3 | 5, 0) => Fate::Twice,
        _ => Fate::Quiet,
    });
    assert_eq!(ended.succeeded.len(), SHARDS as usize, "{ended:?}");
    assert_eq!(ended.failed, [0; 0]);
    assert!(ended.most > 3, "one index in two pods: {ended:?}");
    assert_eq!((ended.pods[&0], ended.pods[&1]), (1, 4), "{ended:?}");
    sweep.assert_whole();
}

#[test]
fn an_index_that_fails_for_good_is_named_and_runs_in_a_job_of_its_own() {
    let _alone = alone();
    let sweep = Sweep::new();
    let text = sweep.emit("kubernetes", false, &CLUSTER);
    let manifest = Manifest::create(&text, sweep.folder());
    let ended = manifest.run(|index, _| match index {
        2 | 6 => Fate::Killed,
        _ => Fate::Quiet,
    });
    assert_eq!(ended.failed, [2, 6]);
    // Once, and three times more.
    assert_eq!((ended.pods[&2], ended.pods[&6]), (4, 4));
    assert_eq!(sweep.missing(), "2,6");

    // The merge that waits in the manifest ends the same way, and says why.
    let mut merge = manifest.pod(manifest.job(true), &[]);
    assert!(!merge.wait().unwrap().success());
    let said = read(&sweep.folder().join("pod.log"));
    assert!(said.contains("2,6"), "{said}");

    let text = sweep.emit("kubernetes", true, &CLUSTER);
    let manifest = Manifest::create(&text, sweep.folder());
    assert_eq!(manifest.job(false)["completions"], 2);
    let ended = manifest.run(|_, _| Fate::Quiet);
    assert_eq!(ended.succeeded, [0, 1]);
    let mut merge = manifest.pod(manifest.job(true), &[]);
    assert!(merge.wait().unwrap().success());
    sweep.assert_whole();
}

#[test]
fn a_plan_that_is_refused_is_not_tried_again() {
    let sweep = Sweep::new();
    let text = sweep.emit("kubernetes", false, &CLUSTER);
    let manifest = Manifest::create(&text, sweep.folder());
    let maps = fs::read_dir(sweep.folder()).unwrap().flatten();
    let plan = (maps.map(|entry| entry.path().join("plan.json")))
        .find(|path| path.is_file())
        .unwrap();
    fs::write(&plan, read(&plan).replace("low-traffic", "no-traffic")).unwrap();
    let ended = manifest.run(|_, _| Fate::Quiet);
    assert_eq!(ended.succeeded, [0; 0]);
    assert!(ended.pods.values().all(|pods| *pods == 1), "{ended:?}");
    // The Job gives up before it has tried them all.
    assert!(ended.failed.len() < SHARDS as usize, "{ended:?}");
}
