//! What is done with input that nobody has looked at: for `cargo fuzz`, and for the short run over
//! the stored corpus in `tests/fuzz.rs`. Nothing here may panic, or take long, or much memory.

use std::path::{Path, PathBuf};

use coalmine::gate::argo::{Condition, Found};
use coalmine::manifest::argo::Circumstances;
use coalmine::manifest::split::Wishes;
use coalmine::manifest::{self, Manifest, Measured, dataset};
use coalmine::report;
use coalmine::scenario;
use coalmine::telemetry::promql::{Catalogue, Labels, Query, Samples, Semantics};

/// One of the things that read what people write.
pub struct Target {
    /// Its name, and that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Reads it.
    pub read: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "argo",
        read: argo,
    },
    Target {
        name: "condition",
        read: condition,
    },
    Target {
        name: "flagger",
        read: flagger,
    },
    Target {
        name: "judge",
        read: judge,
    },
    Target {
        name: "kayenta",
        read: kayenta,
    },
    Target {
        name: "promql",
        read: promql,
    },
    Target {
        name: "scenario",
        read: scenario,
    },
    Target {
        name: "split",
        read: split,
    },
];

/// Input as text; what is no text never comes so far.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

fn manifest(text: &str) -> Manifest {
    Manifest {
        path: PathBuf::from("input.yaml"),
        text: text.to_owned(),
    }
}

/// A refusal has a reason, and its places lie within the text.
fn reasons<T>(read: Result<T, coalmine::base::Problems>) {
    if let Err(problems) = read {
        assert!(problems.count() > 0, "refused without a reason");
        assert!(!problems.to_string().is_empty());
    }
}

/// Reads a Canary with its templates.
pub fn flagger(data: &[u8]) {
    if let Some(text) = text(data) {
        reasons(manifest::flagger::read(
            &[manifest(text)],
            &Measured::plain(),
        ));
    }
}

/// Reads a canary config, a request or a pipeline.
pub fn kayenta(data: &[u8]) {
    if let Some(text) = text(data) {
        reasons(manifest::kayenta::read(&[manifest(text)]));
    }
}

/// Judges a set of figures as each kind of gate would.
pub fn judge(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    let data = manifest(text);
    match dataset::kayenta(&data, None) {
        Ok(case) => {
            report::judgement::kayenta(&case.judge, &case.pairs, 100, false);
        }
        refused => reasons(refused),
    }
    match dataset::threshold(&data) {
        Ok(case) => {
            let verdict = case.gate.judge(case.now, &case.telemetry);
            case.gate.explanation(case.now, &case.telemetry, &verdict);
        }
        refused => reasons(refused),
    }
    match dataset::flagger(&data) {
        Ok(case) => drop(case.explained()),
        refused => reasons(refused),
    }
    match dataset::argo(&data) {
        Ok(case) => drop(case.explained()),
        refused => reasons(refused),
    }
}

/// Reads a Rollout with its analyses.
pub fn argo(data: &[u8]) {
    if let Some(text) = text(data) {
        reasons(manifest::argo::read(
            &[manifest(text)],
            &Circumstances::default(),
            &Measured::plain(),
        ));
    }
}

/// Reads the manifests of a mesh.
pub fn split(data: &[u8]) {
    if let Some(text) = text(data) {
        reasons(manifest::split::read(&[manifest(text)], &Wishes::default()));
    }
}

/// Reads a scenario.
pub fn scenario(data: &[u8]) {
    if let Some(text) = text(data) {
        reasons(scenario::parse(text, Path::new("input.toml"), None));
    }
}

/// Reads a condition, and holds it against what a provider may give.
pub fn condition(data: &[u8]) {
    let Some(condition) = text(data).and_then(|text| Condition::parse(text).ok()) else {
        return;
    };
    for found in [
        Found::Number(0.95),
        Found::Number(f64::NAN),
        Found::Numbers(Vec::new()),
        Found::Numbers(vec![1.0, f64::NAN, f64::INFINITY]),
        Found::Nothing,
        Found::Json(serde_json::json!({ "n": 5, "list": [1, "2", null, { "a": true }] })),
    ] {
        // Whatever it says of this result, it says so again.
        assert_eq!(condition.holds(&found), condition.holds(&found));
    }
}

/// Some series of every kind: counters, a histogram, a gauge with gaps.
fn samples() -> Samples {
    let counter = |rate: f64| (0..20).map(move |i| (i * 15_000, rate * i as f64));
    let mut series = vec![
        (
            Labels::new([("__name__", "up"), ("job", "a")]),
            vec![(0, 1.0), (60_000, 0.0)],
        ),
        (
            Labels::new([("__name__", "gauge")]),
            vec![(0, f64::NAN), (15_000, -1.5), (280_000, 3.0)],
        ),
    ];
    for (pod, rate) in [("p1", 3.0), ("p2", 40.0)] {
        for code in ["200", "503"] {
            let labels = [("__name__", "requests_total"), ("pod", pod), ("code", code)];
            series.push((Labels::new(labels), counter(rate).collect()));
        }
        for (le, share) in [("0.1", 0.5), ("0.5", 0.9), ("+Inf", 1.0)] {
            let labels = [("__name__", "seconds_bucket"), ("pod", pod), ("le", le)];
            series.push((Labels::new(labels), counter(rate * share).collect()));
        }
    }
    Samples::new(series)
}

/// Evaluates a query.
pub fn promql(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let samples = samples();
    let catalogue = Catalogue::of(&samples);
    for semantics in [Semantics::V3, Semantics::V2] {
        let Ok(query) = Query::parse(text, semantics) else {
            continue;
        };
        let Ok(bound) = query.bind(&catalogue) else {
            continue;
        };
        for millis in [0, 150_000, 290_001] {
            if let Ok(answer) = bound.ask_samples(millis, &samples) {
                let _ = answer.values();
            }
        }
        let _ = bound.ask_samples_range((0, 300_000), 60_000, &samples);
    }
}
