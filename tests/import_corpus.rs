//! Real manifests of controllers and meshes, all of them: each runs, or is refused for a reason, or
//! holds nothing of ours; none is left out. The account:
//!
//! ```sh
//! coalmine import --survey --each ../shared/corpus
//! ```

mod shared_folder;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The manifests in a folder by their names, counted without the program.
fn manifests(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a readable folder");
    let names = entries.map(|entry| entry.expect("a readable folder").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let count = names.filter(|name| {
        [".yaml", ".yml", ".json"]
            .iter()
            .any(|end| name.ends_with(end))
    });
    count.count() as u64
}

#[test]
fn every_file_of_the_corpus_is_accounted_for() {
    let Some(corpus) = shared_folder::shared("corpus") else {
        return;
    };
    let output = Command::new(env!("CARGO_BIN_EXE_coalmine"))
        .args(["import", "--survey", "--json"])
        .arg(&corpus)
        .output()
        .expect("the program runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && err.is_empty(), "{err}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut folders = Vec::new();
    for folder in told.as_array().expect("folders") {
        let number = |key: &str| folder[key].as_u64().expect("a number");
        let path = Path::new(folder["folder"].as_str().expect("a name"));
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let each = folder["each"].as_array().expect("files");
        assert_eq!(number("files"), manifests(path), "{name}");
        assert_eq!(each.len() as u64, number("files"), "{name}");
        let sum = number("ran") + number("stood_in") + number("refused") + number("nothing");
        assert_eq!(sum, number("files"), "{name}");
        for file in each {
            check_one(file);
        }
        let reasons = folder["reasons"].as_object().expect("reasons");
        let reasons: u64 = reasons.values().filter_map(Value::as_u64).sum();
        assert_eq!(reasons, number("refused"), "{name}");
        if number("files") > 0 {
            assert!(
                number("ran") + number("stood_in") > 0,
                "{name}: nothing ran"
            );
            folders.push(name);
        }
    }
    assert_eq!(folders, ["argo", "flagger", "kayenta", "meshes"]);
}

/// What a person must be told of one file.
fn check_one(file: &Value) {
    let said = file["said"].as_str().expect("words");
    assert!(!said.is_empty(), "{file}");
    let reasons = file["reasons"].as_array().map_or(0, Vec::len);
    match file["outcome"].as_str() {
        Some("refused") => assert!(reasons > 0, "{file}"),
        Some("ran" | "stood-in") => {
            assert_eq!(reasons, 0, "{file}");
            assert!(file["resources"].as_u64() > Some(0), "{file}");
        }
        Some("nothing") => assert_eq!(file["resources"], 0, "{file}"),
        _ => panic!("{file}"),
    }
}
