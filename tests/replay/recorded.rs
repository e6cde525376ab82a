//! Rollouts in virtual time: replay(record(run)) is the run.

use coalmine::engine::Ending;
use coalmine::experiment::replay::{Measured, replay};
use coalmine::experiment::{self, Watched};
use coalmine::scenario::{self, Scenario};
use coalmine::telemetry::recording;

use super::Place;

/// One rollout, and its recording read back.
fn recorded(scenario: &Scenario, replicate: u64, good: bool) -> (Watched, Measured) {
    let (engine, _) = experiment::engine(scenario);
    let seed = scenario.experiment.seed;
    let mut bytes = Vec::new();
    let watched =
        experiment::watch_recorded(scenario, seed, replicate, good, engine, &mut bytes).unwrap();
    let measured = Measured {
        recording: recording::read(bytes.as_slice()).unwrap(),
        begun: None,
    };
    (watched, measured)
}

fn builtin(name: &str) -> Scenario {
    scenario::find(name).unwrap().scenario().unwrap()
}

/// Plain gates, Flagger, Argo with queries, Kayenta with systems that answer once a step, a gate that goes
/// from look to look, probes, late and missed scrapes, users, goals, mirrors, sessions.
const NAMES: [&str; 14] = [
    "default",
    "plain-flagger",
    "plain-argo",
    "kayenta-canary",
    "four-controllers",
    "evidence-promotion",
    "health-checks",
    "hidden-outage",
    "no-data",
    "wrong-metrics",
    "autoscaler",
    "small-p99",
    "late-counter",
    "istio-crash",
];

#[test]
fn a_replay_of_a_recorded_run_is_the_run() {
    for name in NAMES {
        let scenario = builtin(name);
        for (replicate, good) in [(0, false), (3, false), (1, true)] {
            let (watched, measured) = recorded(&scenario, replicate, good);
            let read = measured
                .scenario(scenario.clone(), false, "it".as_ref())
                .unwrap();
            let replay = replay(&read, &measured, scenario.experiment.seed);
            let rows: Vec<_> = replay.rows.iter().map(|row| row.row.clone()).collect();
            let shown = |row: &experiment::summary::TimelineRow| {
                // What is not a number equals nothing.
                format!("{row:?}")
            };
            let expected: Vec<String> = watched.rows.iter().map(shown).collect();
            let found: Vec<String> = rows.iter().map(shown).collect();
            assert_eq!(found, expected, "{name}, replicate {replicate}");
            let agreement = replay.agreement.unwrap();
            assert!(agreement.ticks > 1, "{name}");
            assert_eq!(agreement.ticks, agreement.same, "{name}");
            let looks = |looks: &[experiment::summary::LookRow]| format!("{looks:?}");
            assert_eq!(looks(&replay.looks), looks(&watched.looks), "{name}");
            assert_eq!(replay.outcome.ending, watched.trial.ending, "{name}");
            if watched.trial.ending != Ending::Horizon {
                assert_eq!(replay.outcome.at, watched.trial.ended, "{name}");
            }
        }
    }
}

#[test]
fn what_was_decided_stands_beside_what_another_limit_would_have_decided() {
    let place = Place::new();
    place.answered(&["run", "plain-flagger", "--virtual", "--record", "it.jsonl"]);
    let told = place.json(&[
        "replay",
        "it.jsonl",
        "--scenario",
        "plain-flagger",
        "--set",
        "flagger:spec.analysis.threshold=2",
    ]);
    assert_eq!(told["agreement"]["ticks"], told["agreement"]["same"]);
    assert_eq!(told["end"], "rolled_back");
    assert_eq!(told["changed"]["end"], "rolled_back");
    let (as_it_is, changed) = (&told["end_seconds"], &told["changed"]["end_seconds"]);
    assert!(changed.as_f64() < as_it_is.as_f64(), "{changed} {as_it_is}");
    assert!(told["changed"]["agreement"]["same"].as_u64() < told["agreement"]["same"].as_u64());
    // From the earlier rollback on the controller wants what was not in force.
    let notes = told["notes"].as_array().unwrap();
    let wants =
        |note: &serde_json::Value| note.as_str().unwrap().contains("the controller wants 0 %");
    assert!(notes.iter().any(wants), "{notes:?}");
    let text = place.answered(&[
        "replay",
        "it.jsonl",
        "--scenario",
        "plain-flagger",
        "--set",
        "flagger:spec.analysis.threshold=2",
        "--explain",
    ]);
    assert!(
        text.contains("changed: flagger:spec.analysis.threshold = 2"),
        "{text}"
    );
    assert!(text.contains("With the change: The Flagger controller would have rolled back at"));
    assert!(text.contains("request-success-rate"), "{text}");
}

#[test]
fn a_change_that_names_nothing_is_refused() {
    let place = Place::new();
    place.answered(&["run", "default", "--virtual", "--record", "it.jsonl"]);
    let refused = |set: &str| place.refused(&["replay", "it.jsonl", "--set", set]);
    assert!(refused("rollout.failurs=2").contains("rollout.failurs"));
    assert!(refused("flagger:spec.analysis.threshold=2").contains("flagger"));
    assert!(refused("rollout.failures").contains("PLACE=VALUE"));
}

#[test]
fn a_damaged_recording_is_refused_with_its_line() {
    let place = Place::new();
    place.answered(&["run", "default", "--virtual", "--record", "it.jsonl"]);
    let text = std::fs::read_to_string(place.path("it.jsonl")).unwrap();
    place.put(
        "bad.jsonl",
        text.replacen("\"canary\":5.0", "\"canary\":\"five\"", 1),
    );
    let err = place.refused(&["replay", "bad.jsonl"]);
    assert!(err.contains("bad.jsonl:"), "{err}");
    assert!(err.contains("expected f64"), "{err}");
    let newer = text.replacen("\"coalmine_recording\":2", "\"coalmine_recording\":9", 1);
    place.put("new.jsonl", newer);
    let err = place.refused(&["replay", "new.jsonl"]);
    assert!(err.contains("it has format 9"), "{err}");
}

#[test]
fn a_recording_of_the_first_version_is_replayed() {
    let place = Place::new();
    place.answered(&["run", "default", "--virtual", "--record", "it.jsonl"]);
    let text = std::fs::read_to_string(place.path("it.jsonl")).unwrap();
    let new = |line: &&str| {
        ["look", "tick", "weights", "supplied", "step"]
            .iter()
            .all(|kind| !line.contains(&format!("\"kind\":\"{kind}\"")))
    };
    let old: Vec<&str> = text.lines().filter(new).collect();
    let luck = old[0].find(",\"luck\"").unwrap();
    let head = old[0][..luck].replacen("\"coalmine_recording\":2", "\"coalmine_recording\":1", 1);
    place.put("old.jsonl", format!("{head}}}\n{}\n", old[1..].join("\n")));
    let told = [
        place.json(&["replay", "it.jsonl"]),
        place.json(&["replay", "old.jsonl"]),
    ];
    assert_eq!(super::verdicts(&told[0]), super::verdicts(&told[1]));
    assert_eq!(told[0]["agreement"]["ticks"], 2);
    assert!(told[1].get("agreement").is_none());
}
