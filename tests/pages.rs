//! Pages of documentation that the program prints: the catalogue of faults, and the gates.

use coalmine::experiment::catalogue::{GATES, catalogue};
use coalmine::gate::manual::manuals;
use coalmine::report;

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
