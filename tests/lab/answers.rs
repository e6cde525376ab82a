//! What the routes answer.

use std::collections::BTreeMap;

use coalmine::lab::routes::curve::{Question, contenders};
use coalmine::scenario::Scenario;
use serde_json::{Value, json};

use super::client::Lab;

fn of(scenario: &str) -> Value {
    json!({ "setup": { "scenario": scenario } })
}

#[test]
fn the_catalog_lists_what_there_is_and_everything_listed_can_be_had() {
    let lab = Lab::open("");
    let catalog = lab.get("/api/catalog").json();
    let list = |key: &str| catalog[key].as_array().unwrap().clone();
    assert!(list("scenarios").len() >= 40);
    assert!(list("lessons").len() >= 15);
    assert!(list("gates").len() >= 5);
    assert_eq!(list("gates")[0]["id"], "as-written");
    for lesson in list("lessons") {
        let id = lesson["id"].as_str().unwrap();
        let taught = lab.get(&format!("/api/lessons/{id}"));
        assert_eq!(taught.status, 200, "{id}");
        let taught = taught.json();
        assert_eq!(taught["title"], lesson["title"]);
        assert!(
            taught["text_html"].as_str().unwrap().starts_with("<p>"),
            "{id}"
        );
        // Its changes are a setup's.
        let setup = json!({ "scenario": taught["scenario"], "set": taught["set"] });
        let read = lab.post("/api/read", &json!({ "setup": setup }));
        assert_eq!(read.status, 200, "{id}: {}", read.text());
    }
    for page in list("book") {
        let subject = page["subject"].as_str().unwrap();
        let told = lab.get(&format!("/api/book/{subject}")).json();
        assert!(told["html"].as_str().unwrap().contains("<h"), "{subject}");
        assert!(
            !told["html"].as_str().unwrap().contains("<script"),
            "{subject}"
        );
    }
}

#[test]
fn a_setup_is_read_with_what_was_asked_for() {
    let lab = Lab::open("");
    let asked = json!({ "setup": {
        "scenario": "low-traffic",
        "rate": "40/s",
        "errors": "0.2%",
        "onset": "2m",
        "seed": "7",
        "percentages": [10, 2],
        "set": ["rollout.failures=3", "canary.faults[0].probability=8%"],
    } });
    let read = lab.post("/api/read", &asked);
    assert_eq!(read.status, 200, "{}", read.text());
    let read = read.json();
    assert_eq!(read["seed"], "7");
    assert_eq!(read["percentages"], json!([2.0, 10.0]));
    let knob = |id: &str| {
        let knobs = read["knobs"].as_array().unwrap();
        let found = knobs.iter().find(|knob| knob["id"] == id);
        found.unwrap_or_else(|| panic!("no {id}"))["value"].clone()
    };
    assert_eq!(knob("rate"), "40/s");
    assert_eq!(knob("errors"), "0.2%");
    assert_eq!(knob("onset"), "120s");
    assert_eq!(knob("rollout.failures"), "3");
    assert_eq!(knob("canary.faults[0].probability"), "8%");
    assert_eq!(knob("rollout.steps[0].weight"), "1%");
}

#[test]
fn all_that_is_wrong_with_a_setup_is_said_at_once() {
    let lab = Lab::open("");
    for (setup, words) in [
        (json!({}), vec!["neither"]),
        (
            json!({ "scenario": "low-trafic" }),
            vec!["did you mean `low-traffic`"],
        ),
        (
            json!({ "scenario": "low-traffic", "files": [{ "name": "a.yaml", "text": "" }] }),
            vec!["both"],
        ),
        (
            json!({ "scenario": "low-traffic", "rate": "ten", "errors": "lots", "seed": "x" }),
            vec!["rate: `ten`", "errors: `lots`", "seed: `x`"],
        ),
        (
            json!({ "scenario": "low-traffic", "latency": "p50=1" }),
            vec!["latency"],
        ),
        (
            json!({ "scenario": "low-traffic", "gate": "none" }),
            vec!["none of the catalog's", "evidence"],
        ),
        (
            json!({ "scenario": "low-traffic", "percentages": [0] }),
            vec!["0"],
        ),
        (
            json!({ "scenario": "low-traffic", "percentages": [101] }),
            vec!["101"],
        ),
        (
            json!({ "scenario": "low-traffic", "percentages": [] }),
            vec!["no canary percentage"],
        ),
        (
            json!({ "scenario": "low-traffic", "onset": "soon" }),
            vec!["onset"],
        ),
        (
            json!({ "scenario": "default", "onset": "2m" }),
            vec!["nothing begins here"],
        ),
        (
            json!({ "scenario": "low-traffic", "set": ["rollout.failures"] }),
            vec!["sets nothing"],
        ),
        (
            json!({ "scenario": "low-traffic", "set": ["rollout.failures=x"] }),
            vec!["failures"],
        ),
        (
            json!({ "scenario": "low-traffic", "set": ["flagger:spec.a=1"] }),
            vec!["follows no manifest"],
        ),
    ] {
        let answer = lab.post("/api/read", &json!({ "setup": setup }));
        assert_eq!(answer.status, 422, "{setup}");
        let text = answer.text();
        for word in words {
            assert!(text.contains(word), "{setup}: {text}");
        }
    }
}

#[test]
fn a_curve_is_the_same_on_any_number_of_threads_and_the_same_again() {
    let body = json!({
        "setup": { "scenario": "low-traffic", "percentages": [1, 5] },
        "trials": 60,
        "rivals": true,
    });
    let lab = Lab::open("");
    let first = lab.post("/api/curve", &body);
    assert_eq!(first.status, 200);
    assert_eq!(lab.post("/api/curve", &body).body, first.body);
    for threads in ["1", "2", "5"] {
        let mut command = super::client::command("");
        command.env("RAYON_NUM_THREADS", threads);
        let other = Lab::start(command);
        assert_eq!(
            other.post("/api/curve", &body).body,
            first.body,
            "{threads}"
        );
    }
}

#[test]
fn curve_figures_are_those_of_the_command_line() {
    let lab = Lab::open("");
    let body = json!({
        "setup": { "scenario": "low-traffic", "percentages": [1, 5] },
        "trials": 300,
    });
    let curve = lab.post("/api/curve", &body).json();
    assert_eq!(curve["complete"], true);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_coalmine"))
        .args([
            "power",
            "low-traffic",
            "--weights",
            "1,5",
            "--trials",
            "300",
        ])
        .args(["--no-files", "--json"])
        .output()
        .unwrap();
    let power: Value = serde_json::from_slice(&output.stdout).unwrap();
    let line = &curve["lines"][0];
    assert_eq!(line["own"], true);
    for (at, point) in line["points"].as_array().unwrap().iter().enumerate() {
        let cells = power["cells"].as_array().unwrap();
        let cell = cells
            .iter()
            .filter(|cell| cell["mode"] == "held")
            .nth(at)
            .unwrap();
        assert_eq!(point["percent"], cell["weight"]);
        assert_eq!(point["power"], cell["power"]);
        assert_eq!(point["false_rollback"], cell["false_rollback"]);
        assert_eq!(point["exposed_requests"], cell["exposure"]["requests"]);
        assert_eq!(point["requests_per_window"], cell["requests_per_window"]);
    }
    assert_eq!(line["written"]["power"], line["points"][0]["power"]);
}

#[test]
fn rivals_are_the_scenarios_own_or_the_gates_of_the_catalog() {
    let lab = Lab::open("");
    let ids = |setup: Value| {
        let body = json!({ "setup": setup, "trials": 2, "rivals": true });
        let curve = lab.post("/api/curve", &body).json();
        let lines = curve["lines"].as_array().unwrap().clone();
        let ids = lines
            .iter()
            .map(|line| line["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<String>>()
    };
    let own = ids(json!({ "scenario": "four-controllers", "percentages": [5] }));
    assert_eq!(own, ["as-written", "rival-1", "rival-2", "rival-3"]);
    let judged = lab.post(
        "/api/curve",
        &json!({
            "setup": { "scenario": "low-traffic", "percentages": [5] }, "trials": 10, "rivals": true,
        }),
    );
    let judged = judged.json();
    for line in judged["lines"].as_array().unwrap() {
        let trials = match line["id"].as_str().unwrap() {
            "judge" => 3,
            _ => 10,
        };
        assert_eq!(line["points"][0]["trials"], trials, "{line}");
    }
    assert_eq!(judged["complete"], true);
    let plain = ids(json!({ "scenario": "low-traffic", "percentages": [5] }));
    assert_eq!(plain[0], "as-written");
    assert!(plain.len() > 4, "{plain:?}");
    let chosen = ids(json!({
        "scenario": "low-traffic", "percentages": [5], "gate": "evidence",
        "set": ["rollout.gates[0].alpha=1%"],
    }));
    assert_eq!(chosen[0], "evidence");
    assert!(chosen[1..].contains(&"as-written".to_owned()), "{chosen:?}");
    assert_eq!(chosen.iter().filter(|id| *id == "evidence").count(), 1);
}

/// Rivals go through the percentages and times of what is shown, and through nothing else of it.
#[test]
fn rivals_share_the_schedule_that_is_shown_and_no_other_setting() {
    let rivals = |setup: Value| {
        let question = json!({ "setup": setup, "trials": 1, "rivals": true });
        let question: Question = serde_json::from_value(question).unwrap();
        let all = contenders(&question).unwrap().into_iter();
        all.map(|one| (one.id, one.scenario))
            .collect::<BTreeMap<String, Scenario>>()
    };
    let ids = |all: &BTreeMap<String, Scenario>| all.keys().cloned().collect::<Vec<_>>();
    let plain = rivals(json!({ "scenario": "low-traffic" }));
    // Another schedule reaches those that have one.
    let set = json!([
        "rollout.interval=1m",
        "rollout.steps[0].hold=30m",
        "rollout.steps[0].weight=3%"
    ]);
    let moved = rivals(json!({ "scenario": "low-traffic", "set": set }));
    assert_eq!(ids(&moved), ids(&plain));
    let own = &moved["as-written"].rollout;
    for (id, scenario) in moved.iter().filter(|(id, _)| *id != "judge") {
        assert_eq!(scenario.rollout.steps(), own.steps(), "{id}");
        assert_eq!(scenario.rollout.cadence(), own.cadence(), "{id}");
        assert_ne!(scenario.rollout.steps(), plain[id].rollout.steps(), "{id}");
    }
    // Also that of a manifest.
    let set = json!(["flagger:spec.analysis.stepWeight=25"]);
    let moved = rivals(json!({ "scenario": "plain-flagger", "set": set }));
    assert_eq!(
        moved["threshold"].rollout.steps(),
        moved["as-written"].rollout.steps()
    );
    // A setting of one gate is nobody else's.
    let base = json!({ "scenario": "low-traffic", "gate": "evidence" });
    let plain = rivals(base.clone());
    let mut stricter = base;
    stricter["set"] = json!(["rollout.gates[0].alpha=1%"]);
    let moved = rivals(stricter.clone());
    assert_eq!(ids(&moved), ids(&plain));
    assert_ne!(moved["evidence"].analysis, plain["evidence"].analysis);
    for id in ["as-written", "z-test", "threshold", "ratio"] {
        assert_eq!(moved[id].analysis, plain[id].analysis, "{id}");
    }
    stricter["set"] = json!(["rollout.gates[0].alpha=1%", "rollout.interval=1m"]);
    let moved = rivals(stricter);
    for (id, scenario) in moved.iter().filter(|(id, _)| *id != "judge") {
        let own = moved["evidence"].rollout.cadence();
        assert_eq!(scenario.rollout.cadence(), own, "{id}");
    }
}

#[test]
fn a_rollout_is_played_as_written_or_held() {
    let lab = Lab::open("");
    let rollout = |more: Value| {
        let mut body = of("low-traffic");
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let answer = lab.post("/api/rollout", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let written = rollout(json!({}));
    assert_eq!(written["rows"][0]["weight"], 1.0);
    assert_eq!(written["onset_seconds"], 0.0);
    let held = rollout(json!({ "held_percent": 20 }));
    assert_eq!(held["rows"][0]["weight"], 20.0);
    assert_eq!(held["ending"], "rolled back");
    assert!(held["detection_seconds"].as_f64().unwrap() > 0.0);
    assert!(
        held["looks"][0]["reason"]
            .as_str()
            .unwrap()
            .starts_with("fail: "),
        "{held}"
    );
    let good = rollout(json!({ "held_percent": 20, "good": true }));
    assert_eq!(good["ending"], "promoted");
    assert_eq!(good["onset_seconds"], Value::Null);
    assert_ne!(rollout(json!({ "replicate": 1 })), written);
    for percent in [json!(0), json!(-1), json!(101)] {
        let mut body = of("low-traffic");
        body["held_percent"] = percent;
        assert_eq!(lab.post("/api/rollout", &body).status, 422);
    }
}

#[test]
fn figures_are_measured_in_their_units() {
    let lab = Lab::open("");
    let body = json!({
        "setup": { "scenario": "low-traffic" },
        "asks": ["power at 1%", "power at 20%", "detection_p50 at 20%", "exposure.users", "never"],
        "trials": 400,
    });
    let answers = lab.post("/api/measure", &body).json();
    let answer = |at: usize| answers["answers"][at].clone();
    let number = |at: usize, field: &str| answer(at)[field].as_f64().unwrap();
    assert_eq!(answer(0)["unit"], "share");
    assert_eq!(answer(2)["unit"], "time");
    assert_eq!(answer(3)["unit"], "count");
    assert!(number(0, "low") < number(0, "estimate") && number(0, "estimate") < number(0, "high"));
    assert!(number(1, "estimate") > number(0, "high"));
    assert_eq!(number(2, "estimate"), 300.0);
    let nothing = json!({
        "setup": { "scenario": "low-traffic", "canary_errors": "0%" },
        "asks": ["detection_p50"], "trials": 300,
    });
    let nothing = lab.post("/api/measure", &nothing).json();
    assert_eq!(nothing["answers"][0]["estimate"], Value::Null);
    for asks in [
        json!([]),
        json!(["powder"]),
        json!(["power at 0%"]),
        json!(["exposure.after"]),
    ] {
        let body = json!({ "setup": { "scenario": "low-traffic" }, "asks": asks });
        assert_eq!(lab.post("/api/measure", &body).status, 422, "{asks}");
    }
}

#[test]
fn files_are_taken_away_under_the_scenarios_name() {
    let lab = Lab::open("");
    let mut asked = of("low-traffic");
    asked["setup"]["rate"] = json!("33/s");
    let scenario = lab.post("/api/download/scenario", &asked);
    let name = "attachment; filename=\"low-traffic.toml\"";
    assert_eq!(scenario.header("content-disposition"), Some(name));
    assert!(
        scenario.text().contains("rate = \"33/s\""),
        "{}",
        scenario.text()
    );
    let report = lab.post("/api/download/report", &asked);
    let name = "attachment; filename=\"low-traffic-report.html\"";
    assert_eq!(report.header("content-disposition"), Some(name));
    assert!(report.text().contains("</html>"));
    let patch = lab.post("/api/download/patch", &asked);
    assert!(
        patch.text().contains("+rate = \"33/s\""),
        "{}",
        patch.text()
    );
    let nothing = lab.post("/api/download/patch", &of("low-traffic"));
    assert_eq!(nothing.status, 409);
}

#[test]
fn the_page_is_packed_and_not_sent_twice() {
    let lab = Lab::open("");
    let plain = lab.get("/");
    assert_eq!(
        plain.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let tag = plain.header("etag").unwrap().to_owned();
    let packed = lab.ask("GET", "/", &[("accept-encoding", "br, gzip")], None);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(packed.body.as_slice());
    std::io::Read::read_to_end(&mut decoder, &mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    let again = lab.ask("GET", "/", &[("if-none-match", &tag)], None);
    assert_eq!((again.status, again.body.len()), (304, 0));
    let refused = lab.ask("GET", "/", &[("accept-encoding", "gzip;q=0")], None);
    assert_eq!(refused.header("content-encoding"), None);
    let head = lab.ask("HEAD", "/", &[], None);
    assert_eq!((head.status, head.body.len()), (200, 0));
}
