//! `coalmine judge`: one gate on one set of figures.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Said, coalmine, program};

const CANARY: &str = r#"{
  "metrics": [
    {
      "name": "errors",
      "groups": ["errors"],
      "config": { "direction": "increase", "critical": true, "effectSize": { "criticalIncrease": 2 } },
      "control": [1, 2, 1, 3, 2, 1, 2, 1.5, null, 1.2],
      "experiment": [4, 6, 5, 4.1, 5.5, 3.9, 4.8, 5, 5.2, 6]
    },
    {
      "name": "latency",
      "groups": ["latency"],
      "config": { "direction": "increase" },
      "control": [100, 101, 99, 102, 98, 100.5, 101.2, 99.7],
      "experiment": [100.2, 101.1, 99.3, 102.5, 98.1, 100.4, 101.7, 99.9]
    }
  ],
  "groupWeights": { "errors": 60, "latency": 40 },
  "thresholds": { "pass": 95, "marginal": 30 }
}"#;

/// Runs the program with text on standard input.
fn told(arguments: &str, input: &str) -> Said {
    let mut command = program(Path::new("."));
    command.args(arguments.split_whitespace());
    let output = assert_cmd::Command::from_std(command)
        .write_stdin(input)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn json(arguments: &str, input: &str) -> Value {
    let said = told(arguments, input);
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn a_canary_is_argued_metric_by_metric() {
    let said = told("judge kayenta", CANARY);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(
        said.out.lines().all(|line| line.chars().count() <= 100),
        "{}",
        said.out
    );
    insta::assert_snapshot!(said.out);
    let told = json("judge kayenta --json", CANARY);
    assert_eq!(told["verdict"], "fail");
    assert_eq!(told["score"]["score"], 0.0);
    let reason = "Canary Failed: The metric errors was classified as High (Critical)";
    assert_eq!(told["score"]["classificationReason"], reason);
    assert_eq!(told["results"][0]["classification"], "High");
    assert_eq!(told["results"][0]["controlMetadata"]["stats"]["count"], 9);
    assert_eq!(told["groupScores"][1]["score"], 100.0);
}

#[test]
fn a_config_says_how_pairs_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(
        path.join("pairs.json"),
        r#"[ { "name": "p99", "tags": { "zone": "a" }, "values": { "control": [1, 2, 3], "experiment": [1, 2, 3] } } ]"#,
    )
    .unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/kayenta-canary.json");
    let said = coalmine(path, &format!("judge kayenta --config {config} pairs.json"));
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("p99 {zone=\"a\"}: Pass"), "{}", said.out);
    assert!(said.out.contains("data are identical"), "{}", said.out);
    let other = fs::read_to_string(path.join("pairs.json"))
        .unwrap()
        .replace("p99", "p98");
    fs::write(path.join("pairs.json"), other).unwrap();
    let said = coalmine(path, &format!("judge kayenta --config {config} pairs.json"));
    assert_eq!(said.code, 2);
    assert!(said.err.contains("pairs.json:1:13"), "{}", said.err);
    assert!(said.err.contains("no metric `p98`"), "{}", said.err);
}

/// A command, what it is told, the verdict, and something that it says.
const ANSWERED: &[(&str, &str, &str, &str)] = &[
    (
        "threshold",
        r#"{ "value": 0.97, "min": 0.95 }"#,
        "pass",
        "a limit above 0.97",
    ),
    (
        "threshold",
        r#"{ "value": null, "max": 3 }"#,
        "fail",
        "no data",
    ),
    (
        "threshold",
        r#"{ "gate": "success-ratio", "min": "99%", "requests": 1200, "failures": 15 }"#,
        "fail",
        "at most 12 failures of 1200 requests, where there were 15",
    ),
    (
        "threshold",
        r#"{ "gate": "z-test", "alpha": "1%", "canary": { "requests": 600, "failures": 9 },
             "stable": { "requests": 11400, "failures": 60 } }"#,
        "fail",
        "significantly worse than stable",
    ),
    (
        "threshold",
        r#"{ "gate": "latency-quantile", "quantile": "p99", "max": "500ms", "unit": "s",
             "buckets": { "0.1": 700, "0.5": 980, "1": 1000 } }"#,
        "fail",
        "750 ms",
    ),
    (
        "threshold",
        r#"{ "gate": "ratio", "max": 2, "canary": { "requests": 100, "failures": 3 },
             "stable": { "requests": 1000, "failures": 20 } }"#,
        "pass",
        "1.5",
    ),
    (
        "flagger",
        r#"{ "metric": "request-success-rate", "thresholdRange": { "min": 99 }, "value": 98.7 }"#,
        "fail",
        "below the minimum of 99 %",
    ),
    (
        "flagger",
        r#"{ "metric": "request-duration", "provider": "kubernetes", "threshold": 500, "value": 0.4999 }"#,
        "pass",
        "499 ms",
    ),
    (
        "flagger",
        r#"{ "metric": "queue", "thresholdRange": { "max": 5 }, "value": 5 }"#,
        "pass",
        "queue",
    ),
    (
        "argo",
        r#"{ "successCondition": "result[0] >= 0.95", "result": [0.93] }"#,
        "fail",
        "does not hold",
    ),
    (
        "argo",
        r#"{ "failureCondition": "result.errors > 3", "result": { "errors": 2 } }"#,
        "pass",
        "does not hold",
    ),
];

#[test]
fn plain_gates_and_other_controllers_metrics_are_judged() {
    for (gate, input, verdict, words) in ANSWERED {
        let said = told(&format!("judge {gate}"), input);
        assert_eq!(said.code, 0, "{input}: {}", said.err);
        assert!(said.out.contains(words), "{input}: {}", said.out);
        assert!(
            said.out.lines().all(|line| line.chars().count() <= 100),
            "{}",
            said.out
        );
        let told = json(&format!("judge {gate} --json"), input);
        assert_eq!(told["verdict"], *verdict, "{input}: {told}");
    }
}

#[test]
fn a_script_may_ask_for_the_verdict_as_an_exit_code() {
    let failed = told("judge kayenta --fail-if fail", CANARY);
    assert_eq!(failed.code, 1);
    assert!(failed.err.contains("the verdict is fail"), "{}", failed.err);
    let passed = told(
        "judge threshold --fail-if inconclusive",
        r#"{ "value": 1, "max": 2 }"#,
    );
    assert_eq!(passed.code, 0, "{}", passed.err);
}

#[test]
fn figures_that_cannot_be_judged_are_refused_with_their_place() {
    for (gate, input, words) in [
        ("kayenta", "", "there is nothing to judge"),
        (
            "kayenta",
            "{ \"control\": [1, 2] }",
            "experiment: is missing",
        ),
        (
            "kayenta",
            "{ \"control\": [1,\n \"two\"], \"experiment\": [1] }",
            "control[1]: `two` is no number --> standard input:2:2",
        ),
        (
            "kayenta",
            "{ \"control\": 3, \"experiment\": [1] }",
            "no list of samples",
        ),
        ("kayenta", "{ \"metrics\": [] }", "there are none"),
        (
            "threshold",
            "{ \"gate\": \"success-rate\" }",
            "there is no gate `success-rate`",
        ),
        (
            "threshold",
            "{ \"value\": 1 }",
            "min: is missing, and so is max",
        ),
        (
            "threshold",
            "{ \"gate\": \"z-test\", \"requests\": 1 }",
            "stable: is missing",
        ),
        (
            "threshold",
            "{ \"gate\": \"success-ratio\", \"min\": \"99%\", \"requests\": 1, \"failures\": 2 }",
            "2 of 1 requests",
        ),
        (
            "flagger",
            "{ \"metric\": \"request-duration\" }",
            "value: is missing",
        ),
        (
            "flagger",
            "{ \"metric\": \"x\", \"provider\": \"istoi\", \"value\": 1 }",
            "no provider `istoi`",
        ),
        (
            "argo",
            "{ \"successCondition\": \"result >=\", \"result\": 1 }",
            "successCondition",
        ),
        ("argo", "{ }", "result: is missing"),
        ("argo", "[[[", "not valid JSON"),
    ] {
        let said = told(&format!("judge {gate}"), input);
        assert_eq!(
            (said.code, said.out.as_str()),
            (2, ""),
            "{gate} {input}: {}",
            said.err
        );
        assert!(said.err.starts_with("error: "), "{}", said.err);
        let flowing: Vec<&str> = said.err.split_whitespace().collect();
        assert!(
            flowing.join(" ").contains(words),
            "{gate} {input}: {}",
            said.err
        );
    }
    let absent = coalmine(Path::new("."), "judge kayenta no-such-file.json");
    assert_eq!(absent.code, 2);
    assert!(absent.err.contains("no such file"), "{}", absent.err);
}
