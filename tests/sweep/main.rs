//! Work that is ended from outside and taken up again, and work that is shared out: always the bytes
//! of one undisturbed process.

mod merging;
mod resume;
mod shards;
mod tuning;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program said, and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

/// The program, to be run in `folder`.
fn program(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coalmine"));
    command
        .current_dir(folder)
        .env_remove("CLICOLOR_FORCE")
        .env_remove("COLUMNS")
        .args(arguments.split_whitespace());
    command
}

fn coalmine(folder: &Path, arguments: &str) -> Said {
    let output = program(folder, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// The same, where it must end well.
fn answered(folder: &Path, arguments: &str) -> Said {
    let said = coalmine(folder, arguments);
    assert_eq!(said.code, 0, "{arguments}: {}", said.err);
    said
}

/// Plays shards, given by index, of so many.
fn play(folder: &Path, plan: &str, shards: impl IntoIterator<Item = u32>, count: u32, out: &str) {
    for index in shards {
        answered(
            folder,
            &format!("sweep run {plan} --shard-index {index} --shard-count {count} --out {out}"),
        );
    }
}

/// Every file in a folder, with what it holds.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = paths(folder).into_iter().filter(|path| path.is_file());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(&path).unwrap())
        })
        .collect()
}

/// Asserts that two folders hold the same, and says which file does not.
fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (contents(one), contents(other));
    assert!(!one.is_empty());
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for (name, bytes) in &one {
        assert!(bytes == &other[name], "{name} differs");
    }
}

/// Paths in a folder, in order; none where there is no folder.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
