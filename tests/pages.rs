//! The book says what the program does: pages that follow from code are compared with it, and so are
//! names that stand in tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use coalmine::experiment::catalogue::{GATES, catalogue};
use coalmine::experiment::summary::Results;
use coalmine::experiment::{self, Options};
use coalmine::gate::manual::manuals;
use coalmine::lab::book;
use coalmine::{report, scenario};

#[test]
fn the_page_of_faults_is_what_the_program_prints() {
    let page = include_str!("../docs/faults.md");
    let printed = report::faults_markdown(catalogue());
    assert!(
        page.starts_with(&printed),
        "docs/faults.md is old: run tests/make-results"
    );
}

#[test]
fn the_page_of_gates_is_what_the_program_prints() {
    let page = include_str!("../docs/gates.md");
    assert_eq!(
        page,
        report::gates_markdown(&manuals()),
        "docs/gates.md is old: run tests/make-results"
    );
}

#[test]
fn scenarios_can_say_every_fault_and_gate() {
    for entry in catalogue() {
        if let Err(problems) = entry.scenario(&GATES) {
            panic!("{problems}");
        }
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn the_fields_are_those_of_the_schema() {
    let title = "Fields of a scenario";
    let command = "coalmine schema --markdown";
    let text = report::fields_markdown(title, command, &scenario::schema());
    assert!(
        book::find("fields").unwrap().text == text,
        "docs/fields.md is old: run tests/make-results"
    );
}

/// What stands under a heading of a page, up to the next.
fn section<'t>(text: &'t str, heading: &str) -> &'t str {
    let from = text.find(&format!("\n## {heading}\n"));
    let rest = &text[from.unwrap_or_else(|| panic!("no section {heading}")) + 4..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

#[test]
fn every_column_of_the_stored_rows_is_told_in_the_order_of_the_file() {
    let text = book::find("results").unwrap().text;
    let folder = tempfile::tempdir().unwrap();
    let mut scenario = scenario::find("default").unwrap().scenario().unwrap();
    scenario.experiment.weights.truncate(1);
    scenario.experiment.trials = Some(20);
    let options = Options {
        threads: None,
        keep_trials: true,
        ledger: None,
        stop: &AtomicBool::new(false),
        progress: &|_| {},
    };
    let results: Results = experiment::run(&scenario, &options).unwrap();
    let stored = folder.path().join("stored");
    experiment::store::write(&results, &stored, &[]).unwrap();
    let mut files = 0;
    for entry in fs::read_dir(&stored).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(_) = name.strip_suffix(".csv") else {
            continue;
        };
        files += 1;
        let rows = fs::read_to_string(stored.join(&name)).unwrap();
        let told: Vec<&str> = section(text, &name)
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split(" |").next())
            .flat_map(|cell| cell.split('`').step_by(2))
            .filter(|word| !word.is_empty())
            .collect();
        let columns: Vec<&str> = rows.lines().next().unwrap().split(',').collect();
        assert_eq!(told, columns, "{name}");
    }
    assert_eq!(files, 6);
}

#[test]
fn the_smallest_scenario_of_the_book_is_one() {
    let text = book::find("scenarios").unwrap().text;
    let blocks: Vec<&str> = text.split("```toml\n").skip(1).collect();
    assert_eq!(blocks.len(), 1);
    let toml = &blocks[0][..blocks[0].find("```").unwrap()];
    let read = scenario::parse(toml, Path::new("smallest.toml"), None).unwrap();
    assert_eq!(read.warnings, Vec::<String>::new());
    assert_eq!(read.experiment.weights.len(), 6);
}

#[test]
fn no_page_names_a_file_that_is_not_there() {
    for page in book::pages() {
        for folder in ["tests/", "benches/", "results/", "src/", "scenarios/"] {
            for (at, _) in page.text.match_indices(&format!("`{folder}")) {
                let rest = &page.text[at + 1..];
                let name = &rest[..rest.find('`').unwrap()];
                // What a run would make is not in the repository.
                let made = name.contains("NAME") || folder == "results/";
                let plain = name.split(['*', ':', ' ']).next().unwrap();
                assert!(made || path(plain).exists(), "{}: {name}", page.subject);
            }
        }
    }
}
