//! Rollouts for real: the recording of a live run, replayed, gives its verdicts tick for tick.

use super::Place;

/// A rollout that takes three seconds at 20 times the speed, with a gate of each sort.
const STATISTICAL: &str = r#"
[traffic]
rate = "60/s"

[stable]
latency = "p50=2ms,p99=8ms"
errors = "0.1%"

[canary]
errors = "20%"

[telemetry]
scrape = "5s"

[rollout]
controller = "staged"
interval = "10s"
failures = 1
steps = [
    { weight = "10%", hold = "20s" },
    { weight = "30%", hold = "20s" },
    { weight = "50%", hold = "20s" },
]

[[rollout.gates]]
kind = "exact-spending"

[[rollout.gates]]
kind = "latency-quantile"
quantile = "p99"
max = "500ms"
window = "20s"
"#;

/// Runs it for real and replays the recording: how many ticks both have, and how it ended.
fn same(place: &Place, scenario: &str, speed: &str) -> (u64, String) {
    place.answered(&[
        "run",
        scenario,
        "--speed",
        speed,
        "--record",
        "it.jsonl",
        "--no-files",
    ]);
    let told = place.json(&["replay", "it.jsonl", "--scenario", scenario]);
    let agreement = &told["agreement"];
    assert_eq!(
        agreement["ticks"], agreement["same"],
        "{scenario}: {told:#}"
    );
    let notes = told["notes"].as_array().unwrap();
    assert!(notes.is_empty(), "{notes:?}");
    let end = told["end"].as_str().unwrap().to_owned();
    (agreement["ticks"].as_u64().unwrap(), end)
}

#[test]
fn flagger() {
    let (ticks, end) = same(&Place::new(), "plain-flagger", "60");
    assert!(ticks > 5, "{ticks}");
    assert_ne!(end, "horizon");
}

#[test]
fn argo_with_its_own_queries() {
    let (ticks, end) = same(&Place::new(), "plain-argo", "40");
    assert!(ticks > 5, "{ticks}");
    assert_ne!(end, "horizon");
}

#[test]
fn staged_with_a_gate_that_goes_from_look_to_look() {
    let place = Place::new();
    place.put("mine.toml", STATISTICAL);
    let (ticks, end) = same(&place, "mine.toml", "20");
    assert!(ticks > 1, "{ticks}");
    assert_eq!(end, "rolled_back");
}
