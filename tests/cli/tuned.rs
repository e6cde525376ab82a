//! `coalmine tune`: what it recommends is what comes of the patch.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{answered, coalmine, names, shared_folder};

/// A built-in scenario as files of one's own.
fn copied(name: &str, folder: &Path) {
    let said = answered(folder, &format!("scenarios show {name}"));
    std::fs::write(folder.join("mine.toml"), said.out).unwrap();
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let companion = format!("{name}.yaml");
    if scenarios.join(&companion).is_file() {
        std::fs::copy(scenarios.join(&companion), folder.join(&companion)).unwrap();
    }
}

fn share(value: &Value) -> (f64, f64) {
    let number = |key: &str| value[key].as_f64().unwrap();
    (
        number("estimate"),
        (number("high") - number("low")) / 2.0 / 1.96,
    )
}

/// Applies a patch as its reader would; whether that could be done here.
fn patched(folder: &Path, patch: &str) -> bool {
    let run = Command::new("patch")
        .args(["-p1", "--input", patch])
        .current_dir(folder)
        .output();
    let Ok(output) = run else {
        shared_folder::skip("the program patch is missing");
        return false;
    };
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !told.contains("fuzz"), "{told}");
    true
}

/// 1,000 fresh trials promise what 1,000 trials of the patched scenario give: shares within 4 standard
/// errors of their difference, a chance of 1e-4 each, and half a point for shares of none or all.
#[test]
fn the_patch_applies_and_gives_the_figures_that_were_promised() {
    for (name, moves) in [
        (
            "plain-flagger",
            "--move flagger:spec.analysis.threshold=1,2 --move \
             flagger:spec.analysis.metrics[request-success-rate].thresholdRange.min=98.5",
        ),
        (
            "plain-argo",
            "--move argo:AnalysisTemplate/storefront-requests:spec.metrics[0].failureLimit=1 \
             --move argo:spec.strategy.canary.steps[1].pause.duration=2m",
        ),
        (
            "evidence-promotion",
            "--move rollout.gates[0].alpha=1%,0.5% --require false_rollback<=1.5%",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        copied(name, folder.path());
        let fixed =
            "--trials 200 --fresh 1000 --no-files --json --patch p.diff --minimise exposure";
        let said = answered(folder.path(), &format!("tune mine.toml {fixed} {moves}"));
        let tuning: Value = serde_json::from_str(&said.out).unwrap();
        let best = tuning["recommended"]
            .as_u64()
            .unwrap_or_else(|| panic!("{name}: {tuning}"));
        let point = &tuning["points"][usize::try_from(best).unwrap()];
        assert!(
            !point["changes"].as_array().unwrap().is_empty(),
            "{name}: {tuning}"
        );
        let patch = std::fs::read_to_string(folder.path().join("p.diff")).unwrap();
        assert_eq!(tuning["patch"].as_str().unwrap(), patch);
        if !patched(folder.path(), "p.diff") {
            continue;
        }
        let power = "power mine.toml --weights 5 --trials 1000 --seed 77 --no-files --json";
        let said = answered(folder.path(), power);
        let summary: Value = serde_json::from_str(&said.out).unwrap();
        let cells = summary["cells"].as_array().unwrap();
        let written = cells
            .iter()
            .find(|cell| cell["as_written"] == true && cell["mode"] == "rollout");
        let written = written.unwrap_or_else(|| panic!("{name}: {summary}"));
        for figure in ["power", "false_rollback"] {
            let (promised, its_error) = share(&point[figure]);
            let (had, error) = share(&written[figure]);
            let allowed = 4.0 * its_error.hypot(error) + 0.005;
            assert!(
                (promised - had).abs() <= allowed,
                "{name} {figure}: {promised} {had}"
            );
        }
        let again = answered(folder.path(), &format!("tune mine.toml {fixed} {moves}"));
        let tuning: Value = serde_json::from_str(&again.out).unwrap();
        assert_eq!(tuning["scenario"], "mine");
    }
}

#[test]
fn what_is_tuned_is_told_stored_and_drawn_again() {
    let folder = tempfile::tempdir().unwrap();
    let moves =
        "--move flagger:spec.analysis.threshold=1,2 --move flagger:spec.analysis.stepWeight=5,20";
    let little = "--trials 200 --fresh 400";
    copied("plain-flagger", folder.path());
    let said = answered(folder.path(), &format!("tune mine.toml {little} {moves}"));
    for line in said.out.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    insta::assert_snapshot!("a_tuned_canary", said.out);
    let results = folder.path().join("results/tuning/mine");
    let files = [
        "pareto.png",
        "pareto.svg",
        "report.html",
        "tuning.csv",
        "tuning.diff",
        "tuning.json",
    ];
    assert_eq!(names(&results), files);
    let before = std::fs::read(results.join("report.html")).unwrap();
    let again = answered(folder.path(), "report results/tuning/mine");
    // The table; the patch is beside it in a file of its own.
    assert!(said.out.starts_with(&again.out), "{}", again.out);
    assert_eq!(std::fs::read(results.join("report.html")).unwrap(), before);
    assert_eq!(names(&folder.path().join("results/tuning")), ["mine"]);
}

#[test]
fn where_nothing_will_do_it_is_said_what_would_help() {
    let said = answered(
        Path::new("."),
        "tune default --move rollout.gates[0].min=50%,60% --trials 800 --fresh 400 --no-files",
    );
    insta::assert_snapshot!("a_rollout_that_cannot_be_tuned", said.out);
}

#[test]
fn the_section_of_a_scenario_says_the_same_as_the_options() {
    let folder = tempfile::tempdir().unwrap();
    copied("plain-flagger", folder.path());
    let little = "--trials 80 --fresh 100 --no-files --json";
    let options = "--move flagger:spec.analysis.threshold=1..3 --require never<=5% --minimise time";
    let said = answered(folder.path(), &format!("tune mine.toml {little} {options}"));
    let section = "\n[tune]\nrequire = [\"never <= 5%\"]\nminimise = \"time\"\n\
                   move = { \"flagger:spec.analysis.threshold\" = [1, 2, 3] }\n";
    let path = folder.path().join("mine.toml");
    let text = std::fs::read_to_string(&path).unwrap() + section;
    std::fs::write(&path, text).unwrap();
    let written = answered(folder.path(), &format!("tune mine.toml {little}"));
    assert_eq!(said.out, written.out);
}

#[test]
fn what_cannot_be_tuned_is_refused_with_what_could() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (
            "tune plain-flagger --move flagger:spec.analysis.treshold=1",
            "did you mean threshold?",
        ),
        (
            "tune plain-flagger --move flagr:spec.analysis.threshold=1",
            "did you mean `flagger`?",
        ),
        (
            "tune default --move rollout.gates[3].min=99%",
            "there is no `rollout.gates[3]`",
        ),
        (
            "tune default --move flagger:spec.analysis.threshold=1",
            "--flagger FILE",
        ),
        ("tune default --move rollout.interval", "like 1,2,5"),
        (
            "tune default --move rollout.interval=soon",
            "no combination makes a valid rollout",
        ),
        ("tune default --require powr>=95%", "did you mean power?"),
        (
            "tune default --require exposure.after<=5",
            "cannot be required",
        ),
        ("tune default --minimise cost", "write `exposure` or"),
        ("tune --flagger plain-flagger.yaml", "plain-flagger.yaml"),
    ] {
        let said = coalmine(folder.path(), arguments);
        assert_eq!(said.code, 2, "{arguments}: {}", said.err);
        let told = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(words), "{arguments}: {}", said.err);
        assert_eq!(names(folder.path()), [""; 0], "{arguments}");
    }
}
