//! The text of `--help`: what a person reads first.

use std::collections::{BTreeMap, BTreeSet};
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

/// The others.
const OF_THE_SAME_OPTIONS: [&str; 3] = ["judge argo", "judge flagger", "judge threshold"];

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

/// The long options in a text, each once.
fn options(text: &str) -> BTreeSet<&str> {
    let letters = |letter: char| letter.is_ascii_lowercase() || letter == '-';
    text.split(|letter| !letters(letter))
        .filter(|word| word.starts_with("--") && !word.ends_with('-'))
        .collect()
}

/// The options that a page of help lists: the first words of its lines.
fn listed(help: &str) -> BTreeSet<&str> {
    let heads = help.lines().map(str::trim_start);
    let heads = heads.map(|line| line.strip_prefix("-h, ").unwrap_or(line));
    let heads = heads.filter(|line| line.starts_with("--"));
    let mut found: BTreeSet<&str> = heads.filter_map(|line| line.split(' ').next()).collect();
    found.remove("--help");
    found
}

#[test]
fn the_page_of_commands_tells_every_option_of_each_and_no_other() {
    let page = include_str!("../../docs/commands.md");
    let (_, page) = page.split_once("## Shared").unwrap();
    let (shared, rows) = page.split_once("## By command").unwrap();
    let shared = options(shared);
    let mut rows: BTreeMap<&str, BTreeSet<&str>> = rows
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(command, told)| (command, options(told)))
        .collect();
    let mut met = BTreeSet::new();
    for command in COMMANDS.into_iter().chain(OF_THE_SAME_OPTIONS) {
        let help = answered(Path::new("."), &format!("{command} --help")).out;
        let listed = listed(&help);
        let own = rows.remove(command).unwrap_or_default();
        let strange: Vec<_> = own.difference(&listed).collect();
        assert!(strange.is_empty(), "{command} has no {strange:?}");
        let untold = listed.iter().filter(|one| !own.contains(*one));
        let untold: Vec<_> = untold.filter(|one| !shared.contains(*one)).collect();
        assert!(untold.is_empty(), "docs/commands.md, {command}: {untold:?}");
        met.extend(listed.into_iter().map(str::to_owned));
    }
    assert!(rows.is_empty(), "no commands: {rows:?}");
    let strange = shared.iter().filter(|one| !met.contains(**one));
    let strange: Vec<_> = strange.collect();
    assert!(strange.is_empty(), "no command has {strange:?}");
    assert!(met.len() > 100, "{}", met.len());
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
