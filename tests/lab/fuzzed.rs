//! The description of the API given to schemathesis, which makes requests that fit it and requests that
//! do not: no answer is a fault of the server's, and every answer is one that is described.

use std::path::PathBuf;
use std::process::Command;

use super::client::Lab;
use super::shared_folder;

/// Schemathesis from PyPI, or `None`, on record, where it is not installed.
fn schemathesis() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("COALMINE_SCHEMATHESIS") {
        return Some(PathBuf::from(named));
    }
    let own = "target/schemathesis/bin/schemathesis";
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(own);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("schemathesis"))
        .chain([own])
        .find(|file| file.is_file());
    if found.is_none() {
        shared_folder::skip("not installed: schemathesis");
    }
    found
}

#[test]
fn whatever_is_asked_is_answered_as_described() {
    let Some(program) = schemathesis() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open("");
    let output = Command::new(program)
        .current_dir(folder.path())
        .arg("run")
        .arg(format!("http://{}/api/openapi.json", lab.address))
        .args(["--header", &format!("X-Coalmine-Token: {}", lab.token)])
        // A stream of events does not end.
        .args(["--exclude-operation-id", "liveEvents"])
        // Most texts that fit a schema name no scenario, and are refused for that.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "50"])
        .args(["--seed", "1", "--generation-deterministic"])
        .args(["--continue-on-failure", "--no-color", "--warnings", "off"])
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("Selected: 18/19"), "{told}");
    // Live runs were started among them.
    let token = [("x-coalmine-token", lab.token.as_str())];
    let live = lab.ask("GET", "/api/live", &token, None).json();
    assert!(live["id"].as_u64() > Some(0), "{live}");
    // It is there still, and not tired.
    assert_eq!(lab.get("/api/catalog").status, 200);
    assert_eq!(lab.tally("running") + lab.tally("waiting"), 0);
}
