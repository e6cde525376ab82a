//! Own files: what is understood of them, and that nothing is read from a disk or written to one.

use std::fs;

use serde_json::{Value, json};

use super::client::{Lab, command};

const CANARY: &str = include_str!("../../scenarios/plain-flagger.yaml");
const SCENARIO: &str = include_str!("../../scenarios/plain-flagger.toml");

fn with(files: &[(&str, &str)]) -> Value {
    let files: Vec<Value> = (files.iter())
        .map(|(name, text)| json!({ "name": name, "text": text }))
        .collect();
    json!({ "setup": { "files": files } })
}

#[test]
fn a_canary_is_drafted_into_a_scenario_and_every_field_accounted_for() {
    let lab = Lab::open("");
    let asked = with(&[("canary.yaml", CANARY)]);
    let answer = lab.post("/api/read", &asked);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let read = answer.json();
    assert_eq!(read["controller"], "flagger");
    assert_eq!(read["texts"][0]["name"], "scenario.toml");
    let account = read["account"].as_array().unwrap();
    let threshold = (account.iter()).find(|one| one["field"] == "spec.analysis.threshold");
    assert_eq!(threshold.unwrap()["outcome"], "used");
    let line = usize::try_from(threshold.unwrap()["line"].as_u64().unwrap()).unwrap();
    assert!(
        CANARY
            .lines()
            .nth(line - 1)
            .unwrap()
            .contains("threshold: 5")
    );
    let ids: Vec<&str> = (read["knobs"].as_array().unwrap().iter())
        .map(|knob| knob["id"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&"flagger:spec.analysis.threshold"), "{ids:?}");
    // The same texts sent back are the same scenario.
    let mut again = json!({ "setup": { "files": read["texts"] } });
    let second = lab.post("/api/read", &again).json();
    for field in ["world", "rollout", "written_steps", "horizon_seconds"] {
        assert_eq!(second[field], read[field], "{field}");
    }
    // A change becomes a patch of the own file alone.
    again = asked.clone();
    again["setup"]["set"] = json!(["flagger:spec.analysis.threshold=2", "traffic.rate=7/s"]);
    let patch = lab.post("/api/download/patch", &again);
    assert_eq!(patch.status, 200);
    let patch = patch.text();
    assert!(patch.contains("+++ b/canary.yaml"), "{patch}");
    assert!(patch.contains("+    threshold: 2"), "{patch}");
    assert!(!patch.contains("scenario.toml"), "{patch}");
    assert_eq!(lab.post("/api/download/patch", &asked).status, 409);
}

#[test]
fn a_scenario_comes_with_the_files_that_it_names() {
    let lab = Lab::open("");
    let asked = with(&[("mine.toml", SCENARIO), ("plain-flagger.yaml", CANARY)]);
    let read = lab.post("/api/read", &asked).json();
    let shipped = json!({ "setup": { "scenario": "plain-flagger" } });
    let shipped = lab.post("/api/read", &shipped).json();
    for field in ["world", "rollout", "written_steps", "horizon_seconds"] {
        assert_eq!(read[field], shipped[field], "{field}");
    }
    assert!(!read["account"].as_array().unwrap().is_empty());
    let alone = lab.post("/api/read", &with(&[("mine.toml", SCENARIO)]));
    assert_eq!(alone.status, 422);
    assert!(
        alone.text().contains("not among the files"),
        "{}",
        alone.text()
    );
}

#[test]
fn problems_name_file_line_and_remedy() {
    let lab = Lab::open("");
    let broken = SCENARIO.replace("rate = \"30/s\"", "rate = \"30 apples\"");
    let answer = lab.post(
        "/api/read",
        &with(&[("mine.toml", &broken), ("plain-flagger.yaml", CANARY)]),
    );
    assert_eq!(answer.status, 422);
    let problem = &answer.json()["problems"][0];
    assert_eq!(problem["file"], "mine.toml");
    let line = usize::try_from(problem["line"].as_u64().unwrap()).unwrap();
    assert!(broken.lines().nth(line - 1).unwrap().contains("apples"));
    assert_eq!(problem["text"], "rate = \"30 apples\"");
    assert!(
        problem["help"].as_str().unwrap().contains("20/s"),
        "{problem}"
    );
}

#[test]
fn names_are_names_and_no_ways_out() {
    let lab = Lab::open("");
    for name in [
        "",
        "..",
        "../canary.yaml",
        "/etc/passwd",
        "a/../../b.yaml",
        "a\\b.yaml",
        "a\u{0}b",
        "a\nb",
    ] {
        let answer = lab.post("/api/read", &with(&[(name, CANARY)]));
        assert_eq!(answer.status, 422, "{name:?}");
        assert!(
            answer.error().contains("no name of a file"),
            "{}",
            answer.error()
        );
    }
}

/// A file on the disk beside the lab, which requests name in every way they can.
#[test]
fn nothing_is_read_from_a_disk_or_written_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.yaml");
    let words = "a-word-that-nobody-sent";
    fs::write(&secret, CANARY.replace("podinfo", words)).unwrap();
    fs::write(
        folder.path().join("plain-flagger.yaml"),
        CANARY.replace("podinfo", words),
    )
    .unwrap();
    let mut start = command("");
    start.current_dir(folder.path());
    let lab = Lab::start(start);
    let absolute = secret.display().to_string();
    let follow = |name: &str| SCENARIO.replace("plain-flagger.yaml", name);
    let trace = |name: &str| {
        SCENARIO.replace(
            "rate = \"30/s\"",
            &format!("rate = {{ trace = \"{name}\" }}"),
        )
    };
    let mut asked = Vec::new();
    for name in [
        absolute.as_str(),
        "secret.yaml",
        "plain-flagger.yaml",
        "/etc/passwd",
    ] {
        asked.push(with(&[("mine.toml", &follow(name))]));
        asked.push(with(&[
            ("mine.toml", &trace(name)),
            ("plain-flagger.yaml", CANARY),
        ]));
        for controller in ["argo", "kayenta", "flagger"] {
            let text = SCENARIO.replace("flagger = \"plain", &format!("{controller} = \"plain"));
            let text = text.replace("plain-flagger.yaml", name);
            asked.push(with(&[("mine.toml", &text)]));
        }
        let set = format!("rollout.flagger={name}");
        asked.push(json!({ "setup": { "scenario": "low-traffic", "set": [set] } }));
        asked.push(json!({ "setup": { "scenario": name } }));
        asked.push(json!({ "setup": { "scenario": "default", "gate": name } }));
    }
    asked.push(json!({ "setup": { "scenario": "../scenarios/default" } }));
    for body in &asked {
        for path in [
            "/api/read",
            "/api/rollout",
            "/api/download/scenario",
            "/api/download/patch",
        ] {
            let answer = lab.post(path, body);
            assert_eq!(answer.status, 422, "{path} {body}: {}", answer.text());
            let told = answer.text();
            assert!(
                !told.contains(words) && !told.contains("root:"),
                "{path} {body}: {told}"
            );
        }
    }
    let good = with(&[("mine.toml", SCENARIO), ("plain-flagger.yaml", CANARY)]);
    for path in [
        "/api/read",
        "/api/rollout",
        "/api/download/scenario",
        "/api/download/report",
    ] {
        let answer = lab.post(path, &good);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(!answer.text().contains(words), "{path}");
    }
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "files were written");
}
