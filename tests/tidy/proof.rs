//! Proof that every check can fail.

use super::*;

fn complaints(check: fn(&Source) -> Vec<String>, path: &str, text: &str) -> Vec<String> {
    check(&Source::new(path, text))
}

#[test]
fn a_look_upward_or_at_a_stranger_is_found_in_every_spelling() {
    for (path, text) in [
        ("src/base/time.rs", "use crate::stats::Interval;"),
        ("src/gate/mod.rs", "use crate::{base::Span, model::World};"),
        (
            "src/gate/mod.rs",
            "use crate::{\n    telemetry::{Bound, Scrape},\n    model,\n};",
        ),
        ("src/gate/ratio.rs", "fn f(w: &crate::model::World) {}"),
        ("src/gate/ratio.rs", "use super::super::engine::Engine;"),
        ("src/gate/mod.rs", "use super::rollout::Plan;"),
        ("src/model/mod.rs", "use crate::telemetry::Scrape;"),
        ("src/telemetry/mod.rs", "use crate::model::World;"),
        ("src/rollout/staged.rs", "use crate::model::World;"),
        ("src/report/table.rs", "use crate::engine::play;"),
        ("src/lab/mod.rs", "use crate::cli::Arguments;"),
        ("src/base/mod.rs", "use crate::cellar::Coal;"),
        ("src/cellar/mod.rs", "use crate::base::Span;"),
    ] {
        assert_eq!(complaints(layers, path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn a_look_downward_at_home_or_in_a_comment_is_fine() {
    for (path, text) in [
        (
            "src/gate/mod.rs",
            "use crate::{base::{Span, Time}, telemetry, stats};",
        ),
        ("src/gate/mod.rs", "use crate::gate::Verdict;"),
        (
            "src/gate/ratio.rs",
            "//! Unlike [`crate::model::World`].\nuse super::{Gate, engine};",
        ),
        (
            "src/base/mod.rs",
            "pub(crate) const A: &str = r#\"crate::model\"#;",
        ),
        (
            "src/cli/power.rs",
            "use crate::{lab, report, experiment, model};",
        ),
        ("src/lib.rs", "pub use crate::cli::main;"),
    ] {
        assert_eq!(
            complaints(layers, path, text),
            Vec::<String>::new(),
            "{path}"
        );
    }
}

#[test]
fn a_complaint_names_the_line() {
    let text = "//! A gate.\n\nuse crate::{\n    base::Span,\n    model::World,\n};\n";
    let found = complaints(layers, "src/gate/ratio.rs", text);
    assert!(
        found[0].starts_with("src/gate/ratio.rs:5: gate must not know model"),
        "{found:?}"
    );
}

#[test]
fn long_files_and_long_functions_are_found() {
    let long = "//! Long.\n".repeat(LONGEST_FILE + 1);
    assert_eq!(complaints(lengths, "src/base/a.rs", &long).len(), 1);
    assert!(complaints(lengths, "src/base/a.rs", &long[10..]).is_empty());
    // A brace in a literal neither opens nor closes a body.
    let body = |lines: usize| {
        format!(
            "fn f(a: [u8; 4]) {{\n{}}}\n",
            "let c = '}';\n".repeat(lines)
        )
    };
    assert_eq!(
        complaints(lengths, "src/base/a.rs", &body(LONGEST_FUNCTION - 1)).len(),
        1
    );
    assert!(complaints(lengths, "src/base/a.rs", &body(LONGEST_FUNCTION - 2)).is_empty());
}

#[test]
fn unfinished_work_is_found_whole_words_only() {
    for mark in UNFINISHED {
        let text = format!("//! A.\nfn f() {{ {mark}(); }}\n");
        assert_eq!(
            complaints(finished, "src/base/a.rs", &text).len(),
            1,
            "{mark}"
        );
    }
    let innocent = format!("let a = \"{}X\"; // a{}_b", UNFINISHED[2], UNFINISHED[0]);
    assert!(complaints(finished, "src/base/a.rs", &innocent).is_empty());
}

#[test]
fn printing_is_found_outside_the_command_line_only() {
    let text = "fn f() { anstream::eprintln!(\"println!\"); writeln!(f); }";
    assert_eq!(complaints(silence, "src/report/table.rs", text).len(), 1);
    assert_eq!(complaints(silence, "src/main.rs", text).len(), 1);
    assert!(complaints(silence, "src/cli/power.rs", text).is_empty());
}

#[test]
fn missing_introductions_odd_names_and_strays_are_found() {
    assert_eq!(
        complaints(introduction, "src/base/a.rs", "use a;\n//! A.").len(),
        1
    );
    assert_eq!(complaints(names, "src/base/utils.rs", "").len(), 1);
    assert_eq!(complaints(names, "tests/common/mod.rs", "").len(), 1);
    assert!(complaints(names, "src/base/commonest.rs", "").is_empty());
    assert_eq!(
        strays(["src", ".ci", "notes.md", "plans", "docs"].into_iter()).len(),
        2
    );
}
