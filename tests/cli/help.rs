//! The text of `--help`: what a person reads first.

use std::path::Path;

use super::{answered, coalmine};

/// All commands but for those of the same options as another.
const COMMANDS: [&str; 34] = [
    "power",
    "plan",
    "compare",
    "tune",
    "calibrate",
    "check",
    "sweep",
    "sweep plan power",
    "sweep plan calibrate",
    "sweep plan grid",
    "sweep plan tune",
    "sweep emit kubernetes",
    "sweep emit slurm",
    "sweep emit parallel",
    "sweep run",
    "sweep merge",
    "sweep missing",
    "gates",
    "run",
    "explain",
    "conform",
    "judge",
    "judge kayenta",
    "lab",
    "load",
    "import",
    "promql",
    "replay",
    "report",
    "scenarios",
    "faults",
    "docs",
    "schema",
    "stat",
];

#[test]
fn every_page_of_help_fits_a_hundred_columns_and_stays_as_it_was_read() {
    for command in std::iter::once("").chain(COMMANDS) {
        let said = answered(Path::new("."), &format!("{command} --help"));
        for line in said.out.lines() {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
        let name = if command.is_empty() {
            "coalmine"
        } else {
            command
        };
        insta::assert_snapshot!(format!("of_{}", name.replace(' ', "_")), said.out);
    }
}

#[test]
fn no_arguments_at_all_ask_for_a_command() {
    let said = coalmine(Path::new("."), "");
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("Usage: coalmine <COMMAND>"),
        "{}",
        said.err
    );
    assert_eq!(said.out, "");
}

#[test]
fn the_readme_names_every_command_and_no_other_option() {
    let readme = include_str!("../../README.md");
    let pages: String = COMMANDS
        .into_iter()
        .map(|command| {
            assert!(readme.contains(&format!("coalmine {command}")), "{command}");
            answered(Path::new("."), &format!("{command} --help")).out
        })
        .collect();
    let code = readme.split('`').skip(1).step_by(2);
    let words = code.flat_map(str::split_whitespace);
    let cargo = ["--path", "--open", "--release", "--locked", "--git"];
    for option in words.filter(|word| word.starts_with("--") && !cargo.contains(word)) {
        assert!(pages.contains(option), "the README names {option}");
    }
}
