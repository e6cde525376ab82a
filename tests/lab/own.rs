//! Own files: what is understood of them, and that nothing is read from a disk or written to one.

use std::fs;
use std::process::Command;

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

/// Somebody edits a text on the page, and moves a slider after that.
#[test]
fn a_patch_begins_at_what_the_text_was() {
    let lab = Lab::open("");
    let edited = CANARY.replace("threshold: 5", "threshold: 3");
    let file = json!({ "name": "canary.yaml", "text": edited, "original": CANARY });
    let mut asked = json!({ "setup": { "files": [file] } });
    let patch = lab.post("/api/download/patch", &asked).text();
    assert!(
        patch.contains("-    threshold: 5\n+    threshold: 3"),
        "{patch}"
    );
    asked["setup"]["set"] = json!(["flagger:spec.analysis.threshold=2"]);
    let patch = lab.post("/api/download/patch", &asked).text();
    assert!(
        patch.contains("-    threshold: 5\n+    threshold: 2"),
        "{patch}"
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("canary.yaml"), CANARY).unwrap();
    fs::write(folder.path().join("a.patch"), &patch).unwrap();
    let applied = Command::new("patch")
        .args(["-p1", "-i", "a.patch"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(applied.status.success(), "{applied:?}");
    let now = fs::read_to_string(folder.path().join("canary.yaml")).unwrap();
    assert_eq!(now, CANARY.replace("threshold: 5", "threshold: 2"));
}

/// What the page gives away is what the page plays: the program makes the same of it.
#[test]
fn an_archive_plays_like_the_page_that_it_came_from() {
    let lab = Lab::open("");
    let set = json!([
        "flagger:spec.analysis.threshold=2",
        "flagger:spec.analysis.stepWeight=20"
    ]);
    let mine = json!({
        "files": [{ "name": "canary.yaml", "text": CANARY }],
        "rate": "12/s", "canary_errors": "4%", "percentages": [10, 40], "set": set,
    });
    let shipped = json!({ "scenario": "plain-flagger", "rate": "12/s", "set": set });
    for setup in [mine, shipped] {
        let body = json!({ "setup": setup });
        let answer = lab.post("/api/download/files", &body);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/zip"));
        let folder = tempfile::tempdir().unwrap();
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(answer.body)).unwrap();
        assert_eq!(archive.len(), 2);
        archive.extract(folder.path()).unwrap();
        let inside = fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let scenario = fs::read_dir(inside.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|end| end == "toml"));
        let read = |path: &std::path::Path| {
            let text = fs::read_to_string(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            json!({ "name": name, "text": text })
        };
        let files: Vec<Value> = fs::read_dir(inside.path())
            .unwrap()
            .map(|entry| read(&entry.unwrap().path()))
            .collect();
        let again = json!({ "setup": { "files": files } });
        let (was, is) = (
            lab.post("/api/read", &body).json(),
            lab.post("/api/read", &again).json(),
        );
        for field in [
            "world",
            "rollout",
            "written_steps",
            "horizon_seconds",
            "percentages",
            "seed",
        ] {
            assert_eq!(is[field], was[field], "{field}");
        }
        let question = |body: &Value| {
            let mut body = body.clone();
            body["trials"] = json!(50);
            lab.post("/api/curve", &body).json()["lines"].clone()
        };
        assert_eq!(question(&again), question(&body));
        let played = Command::new(env!("CARGO_BIN_EXE_coalmine"))
            .args(["power", "--trials", "20", "--no-files"])
            .arg(scenario.unwrap())
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(played.status.success(), "{played:?}");
    }
}

#[test]
fn a_remark_is_made_once() {
    let lab = Lab::open("");
    let unchecked = "\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: app }
spec:
  workloadRef: { kind: Deployment, name: app }
  strategy:
    canary:
      steps: [{ setWeight: 20 }, { pause: { duration: 1m } }]
";
    let read = lab
        .post("/api/read", &with(&[("rollout.yaml", unchecked)]))
        .json();
    let warnings = read["warnings"].as_array().unwrap();
    let count = |words: &str| {
        let has = |warning: &&Value| warning.as_str().unwrap().contains(words);
        warnings.iter().filter(has).count()
    };
    assert_eq!(count("nothing is checked"), 1, "{warnings:?}");
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
