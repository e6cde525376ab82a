//! The catalogue of faults: its page of documentation, and what its gates make of it.

use coalmine::experiment::catalogue::{Entry, GATES, catalogue};
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

/// What scenarios cannot say so far; whatever they can has to leave this list.
const UNSAID: &[&str] = &[
    "F1", "F2", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12", "F13", "F15", "F16", "F17",
    "F20", "F21", "F22", "F23", "F24", "business",
];

#[test]
fn scenarios_can_say_every_other_fault_and_gate() {
    let refused = |toml: &'static str| {
        let entry = Entry {
            toml,
            ..catalogue()[0]
        };
        entry.scenario(&GATES[..1]).is_err()
    };
    let faults = catalogue().iter();
    let mut unsaid: Vec<&str> = faults
        .filter(|entry| refused(entry.toml))
        .map(|entry| entry.id)
        .collect();
    let gates = GATES.iter().filter(|gate| refused(gate.toml));
    unsaid.extend(gates.map(|gate| gate.name));
    assert_eq!(unsaid, UNSAID);
}
