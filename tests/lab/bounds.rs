//! What is too much: each request that would take the machine away from others is refused, or ends when
//! nobody waits for it.

use std::fmt::Write;

use serde_json::{Value, json};

use super::client::{Lab, read};
use super::turns::{send_to, until};

const SCENARIO: &str = include_str!("../../scenarios/low-traffic.toml");
const SIMULATED: [&str; 3] = ["/api/curve", "/api/rollout", "/api/download/report"];

fn own(text: &str) -> Value {
    json!({ "files": [{ "name": "own.toml", "text": text }] })
}

/// A scenario without the tables from its rollout on, and these instead.
fn with_rollout(rollout: &str) -> String {
    let before = SCENARIO.split("[rollout]").next().unwrap();
    format!("{before}{rollout}")
}

fn gates(count: usize) -> String {
    let gate = "[[rollout.gates]]\nkind = \"success-ratio\"\nmin = \"1%\"\nwindow = \"1m\"\n";
    gate.repeat(count)
}

/// Why it is refused, on each of these paths.
fn refused(lab: &Lab, paths: &[&str], setup: &Value) -> String {
    let mut errors = Vec::new();
    for path in paths {
        let answer = lab.post(path, &json!({ "setup": setup }));
        assert_eq!(answer.status, 422, "{path}: {}", answer.text());
        assert!(answer.body.len() < 200_000, "{path}: {}", answer.body.len());
        errors.push(answer.error());
    }
    errors.dedup();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn a_place_of_thousands_of_steps_is_refused() {
    let lab = Lab::open("");
    for place in [
        "a.".repeat(2_500) + "a=1",
        format!("a{}=1", "[0]".repeat(2_500)),
        "flagger:".to_owned() + &"a.".repeat(2_500) + "a=1",
    ] {
        let setup = json!({ "scenario": "low-traffic", "set": [place] });
        let error = refused(&lab, &["/api/read", "/api/rollout"], &setup);
        assert!(error.contains("more than 32 steps"), "{error}");
    }
    assert_eq!(lab.get("/api/catalog").status, 200);
}

#[test]
fn a_rollout_of_too_many_instants_is_refused() {
    let lab = Lab::open("");
    let short = "[rollout]\ninterval = \"1s\"\nsteps = [{ weight = \"5%\", hold = \"250h\" }]\n";
    let error = refused(&lab, &SIMULATED, &own(&(with_rollout(short) + &gates(1))));
    assert!(error.contains("1000000 is the most"), "{error}");
    let many = "[rollout]\ninterval = \"5s\"\nsteps = [{ weight = \"5%\", hold = \"100h\" }]\n";
    let error = refused(&lab, &SIMULATED, &own(&(with_rollout(many) + &gates(500))));
    assert!(error.contains("500 gates and queries"), "{error}");
}

#[test]
fn a_rollout_of_too_many_rows_is_counted_but_not_shown() {
    let lab = Lab::open("");
    let long = "[rollout]\ninterval = \"1s\"\nsteps = [{ weight = \"5%\", hold = \"10h\" }]\n";
    let setup = own(&(with_rollout(long) + &gates(1)));
    let error = refused(&lab, &["/api/rollout"], &setup);
    assert!(error.contains("more to show than 50000 rows"), "{error}");
    let few = json!({ "setup": setup, "asks": ["power"], "trials": 1 });
    assert_eq!(lab.post("/api/measure", &few).status, 200);
}

#[test]
fn too_many_percentages_are_refused_wherever_they_stand() {
    let lab = Lab::open("");
    let weights: Vec<String> = (1..=41).map(|n| format!("{n}%")).collect();
    let experiment = format!("{SCENARIO}\n[experiment]\nweights = {weights:?}\n");
    let error = refused(&lab, &SIMULATED, &own(&experiment));
    assert!(error.contains("experiment.weights: 41"), "{error}");
    assert!(error.contains("40 at most"), "{error}");
    let weights = "\"x%\",".repeat(1_001);
    let experiment = format!("{SCENARIO}\n[experiment]\nweights = [{weights}]\n");
    let error = refused(&lab, &SIMULATED, &own(&experiment));
    assert!(error.contains("1001 canary percentages"), "{error}");
    let percentages: Vec<usize> = (1..=41).collect();
    let setup = json!({ "scenario": "low-traffic", "percentages": percentages });
    let error = refused(&lab, &SIMULATED, &setup);
    assert!(error.contains("percentages: 41"), "{error}");
}

#[test]
fn a_rate_that_no_counter_holds_is_refused() {
    let lab = Lab::open("");
    for rate in ["1e300/s", "1e15/s"] {
        let setup = json!({ "scenario": "low-traffic", "rate": rate });
        let error = refused(&lab, &SIMULATED, &setup);
        assert!(error.contains("traffic.rate"), "{error}");
        assert!(error.contains("1e15 is the most"), "{error}");
    }
}

#[test]
fn an_answer_lists_a_hundred_problems_and_parts_of_long_lines() {
    let lab = Lab::open("");
    let weights = "\"x%\",".repeat(1_000);
    let text = format!("experiment = {{ weights = [{weights}] }}\n{SCENARIO}");
    let answer = lab.post("/api/read", &json!({ "setup": own(&text) }));
    assert_eq!(answer.status, 422);
    assert!(answer.body.len() < 100_000, "{}", answer.body.len());
    let told = answer.json();
    let problems = told["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 100);
    let of_the_line = problems.iter().filter(|one| one["line"] == 1);
    for problem in of_the_line {
        let shown = problem["text"].as_str().unwrap();
        assert!(shown.contains("\"x%\"") && shown.len() < 210, "{shown}");
    }
    let error = answer.error();
    assert!(error.contains("more, of which 99 are listed"), "{error}");
}

#[test]
fn many_changes_of_a_long_text_are_refused() {
    let lab = Lab::open("");
    let mut long = SCENARIO.to_owned();
    while long.len() < 900_000 {
        writeln!(long, "# {}", "-".repeat(90)).unwrap();
    }
    let with = |text: &str, changes: u64| {
        let mut setup = own(text);
        let changes = (1..=changes).map(|n| format!("traffic.rate={n}/s"));
        setup["set"] = changes.collect();
        setup
    };
    let error = refused(&lab, &["/api/read", "/api/rollout"], &with(&long, 200));
    assert!(error.contains("take too long"), "{error}");
    for setup in [with(&long, 2), with(SCENARIO, 200)] {
        let answer = lab.post("/api/read", &json!({ "setup": setup }));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// A rollout that takes as long as one may: all of its requests are followed, whatever its gate says.
fn long(lab: &Lab) -> Value {
    let setup = json!({
        "scenario": "sticky-bypass", "set": ["rollout.gates[0].min=1%"], "percentages": [5],
    });
    let answer = lab.post("/api/read", &json!({ "setup": setup }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let horizon = answer.json()["horizon_seconds"].as_f64().unwrap();
    let mut setup = setup;
    setup["rate"] = json!(format!("{}/s", (4.9e6 / horizon).floor()));
    setup
}

#[test]
fn an_interruption_ends_a_rollout_in_the_middle() {
    let lab = Lab::open("");
    let setup = long(&lab);
    let rollout = json!({ "setup": setup });
    let first = send_to(&lab, "/api/rollout", "page", &rollout);
    until("it runs", || lab.tally("running") == 1);
    let short = json!({ "setup": { "scenario": "low-traffic" } });
    assert_eq!(
        read(send_to(&lab, "/api/rollout", "page", &short)).status,
        200
    );
    let first = read(first);
    assert_eq!(first.status, 422, "{}", first.text());
    assert!(
        first.error().contains("before its end"),
        "{}",
        first.error()
    );
    // What was not played to its end does not count.
    let one = json!({ "setup": setup, "trials": 1 });
    let first = send_to(&lab, "/api/curve", "page", &one);
    until("it runs", || lab.tally("running") == 1);
    let short = json!({ "setup": { "scenario": "low-traffic" }, "trials": 1 });
    assert_eq!(
        read(send_to(&lab, "/api/curve", "page", &short)).status,
        200
    );
    let first = read(first).json();
    assert_eq!(first["complete"], false);
    assert_eq!(first["lines"][0]["written"], Value::Null);
    assert_eq!(first["lines"][0]["points"], json!([]));
}

#[test]
fn a_file_of_ones_own_is_not_written_over_by_a_gate() {
    let lab = Lab::open("");
    let setup = json!({
        "files": [
            { "name": "own.TOML", "text": SCENARIO },
            { "name": "judge.json", "text": "{}" },
            { "name": "2-judge.json", "text": "[]" },
        ],
        "gate": "judge",
    });
    let answer = lab.post("/api/read", &json!({ "setup": setup }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let read = answer.json();
    assert_eq!(read["controller"], "spinnaker");
    let text = |name: &str| {
        let texts = read["texts"].as_array().unwrap();
        let found = texts.iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}"))["text"].clone()
    };
    assert_eq!(text("judge.json"), "{}");
    assert_eq!(text("2-judge.json"), "[]");
    assert!(text("3-judge.json").as_str().unwrap().contains("metrics"));
    assert!(text("own.TOML").as_str().unwrap().contains("3-judge.json"));
}

#[test]
fn what_the_fault_does_to_users_is_told_as_it_is() {
    let lab = Lab::open("");
    let hurts = |setup: Value, good: bool| {
        let answer = lab.post("/api/rollout", &json!({ "setup": setup, "good": good }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["hurts"].clone()
    };
    for (name, expected) in [
        ("low-traffic", "failed"),
        ("bursts", "failed"),
        ("istio-crash", "failed"),
        ("no-data", "failed"),
        ("rollback-harm", "failed"),
        ("short-bake", "failed"),
        ("wrong-metrics", "failed"),
        ("average-tail", "slowed"),
        ("exact-limit", "slowed"),
        ("hidden-outage", "slowed"),
        ("idle-canary", "slowed"),
        ("checkout", "lessened"),
        ("clickbait", "lessened"),
        ("plain-flagger", "both"),
    ] {
        assert_eq!(
            hurts(json!({ "scenario": name }), false),
            expected,
            "{name}"
        );
    }
    assert_eq!(
        hurts(json!({ "scenario": "hidden-outage" }), true),
        "failed"
    );
    // Wrong figures make no request worse.
    let errors = "kind = \"errors\"\nprobability = \"5%\"\n";
    let others = "kind = \"latency\"\nadd = \"300ms\"\n\n[[canary.faults]]\nkind = \"metrics\"\nhidden = \"50%\"\n";
    let slow = SCENARIO.replace(errors, others);
    assert_ne!(slow, SCENARIO);
    assert_eq!(hurts(own(&slow), false), "slowed");
}
