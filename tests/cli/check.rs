//! `coalmine check`: what is expected of rollouts, and what stops a change that breaks it.

use std::fs;
use std::path::Path;

use super::{Said, answered, coalmine};

const SCENARIO: &str = include_str!("../../scenarios/plain-flagger.toml");
const CANARY: &str = include_str!("../../scenarios/plain-flagger.yaml");

/// Three clauses: one that holds, one that is broken, and one whose bound is where the truth is.
const MIXED: &str = r#"name = "mixed"
title = "A bit of everything"

[traffic]
rate = "20/s"
users = 2_000

[canary]
errors = "5%"

[rollout]
steps = [{ weight = "5%", hold = "5m" }]

[[rollout.gates]]
kind = "success-ratio"
min = "99%"

[[expect]]
that = "power at 5% >= 90%"

[[expect]]
that = "detection_p90 <= 30s"
why = "half a minute is what the error budget allows"

[[expect]]
that = "false_rollback <= 4%"
"#;

/// A folder with the shipped Canary and its scenario.
fn plain() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("plain-flagger.toml"), SCENARIO).unwrap();
    fs::write(place.path().join("plain-flagger.yaml"), CANARY).unwrap();
    place
}

/// Loosens both limits of the Canary.
fn loosen(folder: &Path) {
    let loose = CANARY
        .replace("min: 99", "min: 90")
        .replace("max: 500", "max: 5000");
    assert_ne!(loose, CANARY);
    fs::write(folder.join("plain-flagger.yaml"), loose).unwrap();
}

fn failed(folder: &Path, arguments: &str) -> Said {
    let said = coalmine(folder, arguments);
    assert_eq!(said.code, 1, "{arguments}: {}{}", said.out, said.err);
    said
}

fn mixed() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("mixed.toml"), MIXED).unwrap();
    place
}

const MIXED_CHECK: &str = "check mixed.toml --max-trials 200 --seed 1";

#[test]
fn a_threshold_loosened_in_a_manifest_turns_it_red_with_the_clause() {
    let place = plain();
    let before = answered(place.path(), "check plain-flagger.toml");
    assert!(before.out.contains("✓ power >= 90%"), "{}", before.out);
    loosen(place.path());
    let said = failed(place.path(), "check plain-flagger.toml");
    assert!(
        said.out.contains("✗ power >= 90% is broken"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("bad releases rolled back: "),
        "{}",
        said.out
    );
    assert!(said.out.contains("expected at least 90%"), "{}", said.out);
    assert!(said.err.contains("broken clause"), "{}", said.err);
}

#[test]
fn earlier_results_turn_it_red_with_the_cell_and_what_changed() {
    let place = plain();
    let power =
        "power plain-flagger.toml --trials 300 --weights 10 --seed 99 --out base/plain-flagger";
    answered(place.path(), power);
    for seed in ["1", "2"] {
        let line = format!("check plain-flagger.toml --baseline base --seed {seed}");
        let same = answered(place.path(), &line);
        assert!(same.out.contains("is worse, beyond chance"), "{}", same.out);
        assert!(same.out.contains("none of"), "{}", same.out);
    }
    loosen(place.path());
    let said = failed(
        place.path(),
        "check plain-flagger.toml --baseline base/plain-flagger --format github",
    );
    for part in [
        "as written: power 0 % (0 % to ",
        "was 100 % (300 trials)",
        "rollout: - ",
        "rollout: + ",
        "::error file=plain-flagger.toml,line=1,title=plain-flagger is worse than before::",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let json = failed(
        place.path(),
        "check plain-flagger.toml --baseline base --format json",
    );
    let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let comparisons = &value["scenarios"][0]["baseline"]["comparisons"];
    let worse = comparisons.as_array().unwrap().iter();
    assert!(
        worse.filter(|one| one["worse"] == true).count() >= 3,
        "{comparisons}"
    );
}

#[test]
fn every_format_says_the_same() {
    let place = mixed();
    let folder = place.path();
    let files = format!("{MIXED_CHECK} --junit check.xml --summary summary.md");
    insta::assert_snapshot!("of_text", failed(folder, &files).out);
    let xml = fs::read_to_string(folder.join("check.xml")).unwrap();
    insta::assert_snapshot!("of_junit", xml);
    let markdown = fs::read_to_string(folder.join("summary.md")).unwrap();
    insta::assert_snapshot!("of_markdown", markdown);
    let github = failed(folder, &format!("{MIXED_CHECK} --format github"));
    let annotations = github.out.lines().filter(|line| line.starts_with("::"));
    insta::assert_snapshot!("of_github", annotations.collect::<Vec<&str>>().join("\n"));
    let json = failed(folder, &format!("{MIXED_CHECK} --format json"));
    insta::assert_snapshot!("of_json", json.out);
    for line in github.out.lines().filter(|line| !line.starts_with("::")) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    // A summary is added to what is there.
    failed(folder, &files);
    let twice = fs::read_to_string(folder.join("summary.md")).unwrap();
    assert_eq!(twice, markdown.repeat(2));
}

#[test]
fn annotations_point_at_the_line_of_their_clause() {
    let place = mixed();
    let said = failed(place.path(), &format!("{MIXED_CHECK} --format github"));
    let error = said.out.lines().find(|line| line.starts_with("::error"));
    let line: usize = (error.unwrap().split("line=").nth(1).unwrap())
        .split(',')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let clause = MIXED.lines().nth(line - 1).unwrap();
    assert!(clause.contains("detection_p90 <= 30s"), "{clause}");
}

#[test]
fn what_is_undecided_fails_only_where_it_is_strict() {
    let place = tempfile::tempdir().unwrap();
    let text = MIXED.replace("<= 30s", "<= 10m");
    fs::write(place.path().join("mixed.toml"), text).unwrap();
    let said = answered(place.path(), MIXED_CHECK);
    assert!(
        said.out.contains("~ false_rollback <= 4% is undecided"),
        "{}",
        said.out
    );
    let strict = failed(place.path(), &format!("{MIXED_CHECK} --strict"));
    assert!(strict.err.contains("1 undecided clause"), "{}", strict.err);
    // Enough trials decide it.
    let more = coalmine(
        place.path(),
        "check mixed.toml --seed 1 --max-trials 20000 --strict",
    );
    assert!(!more.out.contains("is undecided"), "{}", more.out);
}

#[test]
fn threads_change_nothing() {
    let place = mixed();
    let of = |threads: &str| {
        let line = format!("{MIXED_CHECK} --format json --threads {threads}");
        failed(place.path(), &line).out
    };
    assert_eq!(of("1"), of("3"));
}

fn refused(folder: &Path, arguments: &str, wanted: &[&str]) {
    let said = coalmine(folder, arguments);
    assert_eq!(said.code, 2, "{arguments}: {}{}", said.out, said.err);
    assert_eq!(said.out, "", "{arguments}");
    for part in wanted {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
}

#[test]
fn bad_clauses_and_bad_baselines_are_refused() {
    let place = mixed();
    let folder = place.path();
    let bad = MIXED.replace("power at 5%", "powr at 5%");
    fs::write(folder.join("bad.toml"), bad).unwrap();
    refused(
        folder,
        "check mixed.toml bad.toml",
        &[
            "expect[0].that: `powr` is no metric",
            "did you mean power?",
            "bad.toml:19",
        ],
    );
    // Without an analysis the canary gets nobody before it gets everybody.
    let skips = CANARY.replace(
        "spec:\n  provider",
        "spec:\n  skipAnalysis: true\n  provider",
    );
    assert_ne!(skips, CANARY);
    fs::write(folder.join("plain-flagger.yaml"), skips).unwrap();
    let held = SCENARIO.replace("power >= 90%", "power at 5% >= 90%");
    fs::write(folder.join("skips.toml"), held).unwrap();
    refused(
        folder,
        "check skips.toml",
        &[
            "no step of the rollout gives the canary",
            "write `power` without `at`",
        ],
    );
    let silent = MIXED.split("[[expect]]").next().unwrap();
    fs::write(folder.join("silent.toml"), silent).unwrap();
    refused(
        folder,
        "check silent.toml",
        &["has no [[expect]]", "or give --baseline"],
    );
    answered(
        folder,
        "power low-traffic --trials 20 --weights 1 --out other",
    );
    refused(
        folder,
        "check mixed.toml --baseline other",
        &["holds results of `low-traffic`, not of `mixed`"],
    );
    refused(folder, "check mixed.toml --baseline nowhere", &["nowhere"]);
    refused(folder, "check no-such-scenario", &["no-such-scenario"]);
    refused(folder, "check mixed.toml --max-trials 5", &["20..=1000000"]);
}

#[test]
fn the_workflow_of_the_readme_is_yaml_and_runs_what_there_is() {
    let readme = include_str!("../../README.md");
    let block = readme.split("<!-- workflow:begin -->").nth(1).unwrap();
    let block = block.split("<!-- workflow:end -->").next().unwrap();
    let text = block.trim().strip_prefix("```yaml\n").unwrap();
    let text = text.strip_suffix("```").unwrap();
    let workflow: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    let steps = workflow["jobs"]["check"]["steps"].as_array().unwrap();
    let runs = steps.iter().filter_map(|step| step["run"].as_str());
    let line = runs
        .into_iter()
        .find(|run| run.contains("coalmine check"))
        .unwrap();
    let help = answered(Path::new("."), "check --help").out;
    let options = line
        .split_whitespace()
        .filter(|word| word.starts_with("--"));
    assert_eq!(options.clone().count(), 4);
    for option in options {
        assert!(help.contains(option), "{option}");
    }
    assert!(workflow["on"]["pull_request"].is_object());
}
