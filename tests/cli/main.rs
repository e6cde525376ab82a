//! The program as people run it: what it prints and stores, how it refuses, and how it ends when
//! something is in its way.

mod answers;
mod bad_input;
mod check;
mod explained;
mod help;
mod import;
mod interruption;
mod judged;
mod live;
mod memory;
mod obstacles;
mod plan;
mod promql;
#[expect(dead_code, reason = "nothing here reads ../shared")]
#[path = "../shared_folder/mod.rs"]
mod shared_folder;
mod statistics;
mod tuned;

use std::path::Path;
use std::process::Command;

/// What the program said, and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

/// The program, to be run in `folder`, where nothing in the surroundings changes its output.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coalmine"));
    command
        .current_dir(folder)
        .env_remove("CLICOLOR_FORCE")
        .env_remove("COLUMNS");
    command
}

/// Runs the program in `folder` with arguments that are parted by blanks.
fn coalmine(folder: &Path, arguments: &str) -> Said {
    let mut command = program(folder);
    command.args(arguments.split_whitespace());
    said(command, arguments)
}

/// Runs a command to its end. Whatever was asked, the program never panics: a panic would be its
/// only exit with code 101.
fn said(command: Command, what: &str) -> Said {
    let output = assert_cmd::Command::from_std(command)
        .timeout(std::time::Duration::from_secs(120))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let said = Said {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    assert!(
        said.code != 101 && !said.err.contains("panicked"),
        "{what}: {}",
        said.err
    );
    said
}

/// The same, where it must end well.
fn answered(folder: &Path, arguments: &str) -> Said {
    let said = coalmine(folder, arguments);
    assert_eq!(said.code, 0, "{arguments}: {}", said.err);
    said
}

/// Names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
