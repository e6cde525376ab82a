//! `coalmine explain` and rollouts side by side, through the program.

use std::fs;

use super::{answered, coalmine, names};

/// A service whose bad release two rollouts judge.
const RIVALS: &str = r#"
[traffic]
rate = "50/s"
[canary]
errors = "3%"
[experiment]
trials = 40
weights = [10]
[rollout]
steps = [{ weight = "10%", hold = "4m" }]
[[rollout.gates]]
kind = "success-ratio"
min = "99%"
[[rivals]]
name = "z test"
steps = [{ weight = "10%", hold = "4m" }]
[[rivals.gates]]
kind = "z-test"
alpha = "1%"
"#;

#[test]
fn a_check_is_explained_from_what_was_stored_as_from_what_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("service.toml"), RIVALS).unwrap();
    answered(path, "power service.toml --out kept");
    let stored = answered(path, "explain kept --all").out;
    assert!(stored.contains("success ratio >= 99%"), "{stored}");
    assert!(stored.contains("to turn it"), "{stored}");
    assert!(
        stored.lines().all(|line| line.chars().count() <= 100),
        "{stored}"
    );

    let played = answered(path, "explain service.toml").out;
    assert_eq!(played.matches("At ").count(), 1, "{played}");
    let all = answered(path, "explain service.toml --all").out;
    assert!(
        all.ends_with(&played),
        "the last one decided: {all}\n{played}"
    );
    let watched = answered(path, "run service.toml --virtual --explain").out;
    assert!(watched.ends_with(&all), "{watched}");

    let json = answered(path, "explain service.toml --json").out;
    let look: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    assert_eq!(look["verdict"], "fail");

    let never = coalmine(path, "explain service.toml --at 9999h");
    assert_eq!(never.code, 2);
    assert!(never.err.contains("no check was made at"), "{}", never.err);
}

#[test]
fn rivals_stand_side_by_side_in_every_form_of_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("service.toml"), RIVALS).unwrap();
    let table = answered(path, "power service.toml --out kept").out;
    for words in ["Side by side", "staged", "z test", "does best of 2"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    assert!(
        table.lines().all(|line| line.chars().count() <= 100),
        "{table}"
    );
    let kept = names(&path.join("kept"));
    for file in ["looks.csv", "side-by-side.png", "side-by-side.svg"] {
        assert!(kept.contains(&file.to_owned()), "{kept:?}");
    }
    let markdown = answered(path, "report kept --markdown").out;
    assert!(markdown.contains("### Side by side"), "{markdown}");
    // Drawn again from what was stored, nothing is lost.
    assert_eq!(answered(path, "report kept").out, table);
}

#[test]
fn rivals_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(
        path.join("service.toml"),
        RIVALS.replace("z test", "staged"),
    )
    .unwrap();
    let said = coalmine(path, "power service.toml");
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("two rollouts are called `staged`"),
        "{}",
        said.err
    );
    assert!(said.err.contains("service.toml"), "{}", said.err);
}
