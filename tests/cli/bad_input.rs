//! Input that is wrong: exit 2, a message with file, line, offending text and what would be valid,
//! and nothing written.

use std::fs;
use std::path::Path;

use super::{Said, coalmine, names};

const CANARY: &str = include_str!("../../scenarios/plain-flagger.yaml");

const SOUND: &str = r#"[traffic]
rate = "20/s"

[canary]
errors = "1%"

[rollout]
steps = [{ weight = "5%", hold = "5m" }]

[[rollout.gates]]
kind = "success-ratio"
min = "99%"
"#;

/// A folder with one file in it.
fn holding(file: &str, content: impl AsRef<[u8]>) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join(file), content).unwrap();
    place
}

/// Runs what must be refused, and checks that it left everything as it was.
fn refused(folder: &Path, arguments: &str) -> Said {
    let before = names(folder);
    let said = coalmine(folder, arguments);
    assert_eq!(said.code, 2, "{arguments}: {}{}", said.out, said.err);
    assert_eq!(said.out, "", "{arguments}");
    assert!(said.err.starts_with("error: "), "{arguments}: {}", said.err);
    assert_eq!(names(folder), before, "{arguments}");
    said
}

/// What is said about a scenario in `bad.toml`, by both commands that read it.
fn scenario(text: impl AsRef<[u8]>) -> String {
    let place = holding("bad.toml", text);
    let said = refused(place.path(), "power bad.toml --trials 10 --out out");
    let run = refused(place.path(), "run bad.toml --virtual");
    assert_eq!(said.err, run.err);
    said.err
}

fn changed(sound: &str, by: &str) -> String {
    assert!(SOUND.contains(sound), "{sound}");
    scenario(SOUND.replacen(sound, by, 1))
}

/// What is said about a Canary in `canary.yaml`, by both commands that read it.
fn canary(text: impl AsRef<[u8]>) -> String {
    let place = holding("canary.yaml", text);
    let said = refused(
        place.path(),
        "power --flagger canary.yaml --trials 10 --out out",
    );
    let run = refused(place.path(), "run --flagger canary.yaml --virtual");
    assert_eq!(said.err, run.err);
    said.err
}

fn canary_with(sound: &str, by: &str) -> String {
    assert!(CANARY.contains(sound), "{sound}");
    canary(CANARY.replacen(sound, by, 1))
}

/// Looks for each part, wherever its lines are broken.
fn says(text: &str, parts: &[&str]) {
    let flowing = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(flowing(text).contains(&flowing(part)), "{part}: {text}");
    }
}

#[test]
fn unknown_fields_of_a_scenario() {
    let said = changed("errors", "erors");
    says(&said, &["bad.toml:5:1", "erors", "did you mean `errors`?"]);
    insta::assert_snapshot!(said);
}

#[test]
fn impossible_values_of_a_scenario() {
    let weight = changed("\"5%\"", "140");
    says(&weight, &["bad.toml:8:", "140", "100"]);
    let rate = changed("\"20/s\"", "\"-20/s\"");
    says(&rate, &["bad.toml:2:8", "-20/s", "like 20/s"]);
    let steps = changed("{ weight = \"5%\", hold = \"5m\" }", "");
    says(&steps, &["bad.toml:8:", "steps"]);
    insta::assert_snapshot!(format!("{weight}\n{rate}\n{steps}"));
}

#[test]
fn several_mistakes_at_once() {
    let said = scenario(
        SOUND
            .replace("20/s", "-20/s")
            .replace("5%", "140%")
            .replace("min", "mim"),
    );
    says(
        &said,
        &["-20/s", "140%", "did you mean `min`?", "errors in bad.toml"],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn impossible_values_of_an_option() {
    let place = tempfile::tempdir().unwrap();
    for (option, parts) in [
        ("--rate -5/s", ["`-5/s` is not a rate", "like 20/s"]),
        ("--rate 0/s", ["no", "command line"]),
        ("--errors 101%", ["`101%`", "0"]),
        ("--errors -1%", ["`-1%`", "like"]),
        ("--canary-errors 1", ["`1`", "1% or 100%"]),
        ("--canary-errors many", ["`many`", "like"]),
        ("--latency p50=40ms", ["p50=40ms", "p99"]),
        ("--weights 140", ["`140` is not a weight", "0 to 100"]),
        ("--weights 5,0", ["0 % gets no requests", "above 0"]),
        ("--weights 5,5", ["5", "once"]),
        ("--trials 0", ["0 is not in", "1.."]),
        ("--precision 0%", ["0", "like 1%"]),
        ("--scrape 0s", ["0s", "like"]),
        (
            "--engine fast",
            ["`fast` is no engine", "counts or requests"],
        ),
        ("--seed one", ["one", "seed"]),
        ("--trials 5 --precision 1%", ["--trials", "--precision"]),
        ("--out a --no-files", ["--out", "--no-files"]),
    ] {
        let said = refused(place.path(), &format!("power {option}"));
        says(&said.err, &parts);
    }
}

#[test]
fn traces_with_gaps_or_in_disorder() {
    for (rows, parts) in [
        ("t,n\n0,5\n60,6\n180,7\n", ["trace.csv line 4", "180"]),
        ("t,n\n0,5\n60,6\n30,7\n", ["trace.csv line 4", "30"]),
        ("t,n\n0,5\n60,six\n", ["trace.csv line 3", "six"]),
    ] {
        let place = holding("trace.csv", rows);
        let text = SOUND.replacen("\"20/s\"", "{ trace = \"trace.csv\" }", 1);
        fs::write(place.path().join("bad.toml"), text).unwrap();
        let said = refused(place.path(), "power bad.toml --out out").err;
        says(&said, &["bad.toml:2:"]);
        says(&said, &parts);
    }
}

#[test]
fn files_that_are_missing_or_not_text() {
    let place = holding("binary.yaml", b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe");
    let missing = refused(place.path(), "power --flagger lost.yaml");
    assert_eq!(missing.err, "error: lost.yaml: there is no such file\n");
    let binary = refused(place.path(), "power --flagger binary.yaml");
    says(&binary.err, &["binary.yaml", "not UTF-8 text"]);
    let scenario = refused(place.path(), "power binary.yaml");
    says(&scenario.err, &["binary.yaml", "not UTF-8 text"]);
    says(&refused(place.path(), "power .").err, &["it is a folder"]);
    says(
        &refused(place.path(), "power lost.toml").err,
        &["lost.toml"],
    );
}

#[test]
fn files_without_a_canary() {
    let others = canary(
        "kind: Deployment\nmetadata:\n  name: web\n---\nkind: MetricTemplate\nmetadata:\n  name: p99\n",
    );
    says(
        &others,
        &[
            "canary.yaml",
            "Deployment web, MetricTemplate p99",
            "kind: Canary",
        ],
    );
    insta::assert_snapshot!(others);
    says(&canary(""), &["canary.yaml", "no Canary"]);
    says(&canary("- a\n- b\n"), &["canary.yaml"]);
}

#[test]
fn a_canary_that_flagger_refuses() {
    let interval = canary_with("interval: 1m\n    threshold", "interval: 1q\n    threshold");
    says(&interval, &["canary.yaml:16:15", "`1q`", "like 30s or 5m"]);
    let both = canary_with("stepWeight: 10", "stepWeight: 10\n    iterations: 5");
    says(
        &both,
        &["canary.yaml:19:5", "iterations", "keep exactly one"],
    );
    insta::assert_snapshot!(format!("{interval}\n{both}"));
}

#[test]
fn a_canary_that_gets_stuck() {
    let said = canary_with("stepWeight: 10", "stepWeights: [10, 10, 50]");
    says(
        &said,
        &["canary.yaml:18:", "at 10 %", "stays there", "[5, 20, 50]"],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn a_template_that_nobody_has_rendered() {
    let said = canary_with("name: storefront", "name: {{ .Release.Name }}");
    says(&said, &["canary.yaml:5:", "helm template"]);
    insta::assert_snapshot!(said);
}

/// Each of them ends within the time that a test may take; a parser that looks for a way out of
/// every bracket would not.
#[test]
fn brackets_without_end() {
    let (open, close) = ("[".repeat(200_000), "]".repeat(200_000));
    for text in [
        open.clone(),
        format!("kind: Canary\nspec: {open}"),
        format!("kind: Canary\nspec: {open}{close}"),
        format!("kind: Canary\nspec: {}", "{a: ".repeat(200_000)),
        format!("kind: Canary\nspec:\n{}", "- ".repeat(200_000)),
        format!("a: &a [x]\n{}", "b: [*a, *a, *a, *a]\n".repeat(50_000)),
    ] {
        let said = canary(text);
        assert!(said.len() < 2_000, "{} bytes", said.len());
        says(&said, &["canary.yaml"]);
    }
    for text in [
        open.clone(),
        format!("a = {open}"),
        format!("a = {open}{close}"),
        format!("a = {}", "{a=".repeat(200_000)),
        format!("{}=1", "a.".repeat(200_000)),
    ] {
        let said = scenario(text);
        assert!(said.len() < 2_000, "{} bytes", said.len());
        says(&said, &["bad.toml"]);
    }
}
