//! What can be moved in the shipped scenarios: every knob shows the value in force, and moving it makes
//! another scenario or a message that says why not.

use std::collections::BTreeSet;

use coalmine::lab::choices;
use coalmine::lab::knobs::{self, Kind, Knob, Scale};
use coalmine::lab::setup::{Setup, Stage};
use coalmine::scenario;
use coalmine::telemetry::Sampling;

fn setup(name: &str) -> Setup {
    Setup {
        scenario: Some(name.to_owned()),
        ..Setup::default()
    }
}

/// A setup with a knob at another value, as the page makes it.
fn moved(stage: &Stage, knob: &Knob, value: &str) -> Setup {
    let mut setup = stage.asked.clone();
    let partner = |id: &str| {
        let all = knobs::of(stage);
        all.into_iter().find(|other| other.id == id).unwrap().value
    };
    let latency = |field: &str| {
        let p50 = match knob.id.ends_with("p50") {
            true => value.to_owned(),
            false => partner(&format!("{field}.p50")),
        };
        let p99 = match knob.id.ends_with("p99") {
            true => value.to_owned(),
            false => partner(&format!("{field}.p99")),
        };
        Some(format!("p50={p50},p99={p99}"))
    };
    match knob.sets.as_str() {
        "rate" => setup.rate = Some(value.to_owned()),
        "errors" => setup.errors = Some(value.to_owned()),
        "latency" => setup.latency = latency("latency"),
        "canary_errors" => setup.canary_errors = Some(value.to_owned()),
        "canary_latency" => setup.canary_latency = latency("canary_latency"),
        "onset" => setup.onset = Some(value.to_owned()),
        "set" => setup.set.push(format!("{}={value}", knob.id)),
        other => panic!("{}: sets {other}", knob.id),
    }
    setup
}

fn values(knob: &Knob) -> Vec<String> {
    match knob.kind {
        Kind::Slider => {
            let middle = match knob.scale {
                Scale::Linear => (knob.min + knob.max) / 2.0,
                Scale::Log => (knob.min * knob.max).sqrt() * 1.7,
            };
            let step = knob.step.max(1e-9);
            let middle = ((middle / step).round() * step).clamp(knob.min, knob.max);
            let texts = [knob.min, knob.max, middle].map(|at| {
                let rounded = (at * 1e6).round() / 1e6;
                format!("{rounded}{}", knob.unit)
            });
            texts.to_vec()
        }
        Kind::Choice => knob.options.clone(),
        Kind::Text => vec![knob.value.clone()],
    }
}

fn check(stage: &Stage, knob: &Knob, complaints: &mut Vec<String>) {
    let name = &stage.scenario.name;
    let mut complain = |what: String| complaints.push(format!("{name}: {}: {what}", knob.id));
    if knob.kind == Kind::Slider {
        let number = knob.number.unwrap();
        if !(knob.min <= number && number <= knob.max && knob.min < knob.max && knob.step > 0.0) {
            complain(format!(
                "{} to {} by {} has no {number}",
                knob.min, knob.max, knob.step
            ));
        }
        if knob.scale == Scale::Log && knob.min <= 0.0 {
            complain(format!("a logarithm from {}", knob.min));
        }
        if knob.value != format!("{number}{}", knob.unit) {
            complain(format!("{} is not {number}", knob.value));
        }
    }
    if knob.help.is_empty() || knob.label.is_empty() {
        complain("says nothing".to_owned());
    }
    // The value that is shown is the one in force.
    match moved(stage, knob, &knob.value).stage() {
        Ok(same) => {
            // Latencies are described anew by two of their quantiles, and recorded rates by their mean.
            let is_described = knob.sets.ends_with("latency") || knob.id == "rate";
            // The canary is described anew, whatever is wrong with it.
            let is_anew = knob.sets.starts_with("canary_");
            let is_same = same.scenario.plays_like(&stage.scenario);
            if !is_same && !is_described && !is_anew && knob.id != "onset" {
                complain(format!("{} changes the scenario", knob.value));
            }
        }
        Err(refusal) => complain(format!("{} is refused: {refusal}", knob.value)),
    }
    let mut differs = false;
    let all = values(knob);
    for value in &all {
        match moved(stage, knob, value).stage() {
            Ok(other) => {
                differs |= !other.scenario.plays_like(&stage.scenario);
                let after = knobs::of(&other);
                let same = after.iter().find(|one| one.id == knob.id);
                if let (Some(same), Kind::Slider) = (same, knob.kind) {
                    let asked: f64 = value.trim_end_matches(&knob.unit).parse().unwrap();
                    let is_so = same.unit != knob.unit
                        || (same.number.unwrap() - asked).abs() <= 1e-4 * asked.abs() + 1e-9;
                    if !is_so {
                        complain(format!("{value} makes {}", same.value));
                    }
                }
            }
            Err(refusal) => {
                differs = true;
                if refusal.status() != 422 || refusal.to_string().len() < 10 {
                    complain(format!("{value} is refused without a reason: {refusal}"));
                }
            }
        }
    }
    if !differs && knob.kind != Kind::Text && all.len() > 1 {
        complain(format!("nothing changes at {all:?}"));
    }
}

#[test]
fn every_knob_of_every_scenario_shows_what_is_in_force_and_moves_it() {
    let mut complaints = Vec::new();
    for builtin in scenario::builtin() {
        let stage = setup(builtin.name).stage().unwrap();
        let knobs = knobs::of(&stage);
        let ids: Vec<&str> = knobs.iter().map(|knob| knob.id.as_str()).collect();
        for id in ["rate", "errors", "latency.p50", "latency.p99"] {
            assert!(ids.contains(&id), "{}: {ids:?}", builtin.name);
        }
        for (at, id) in ids.iter().enumerate() {
            if ids[..at].contains(id) {
                complaints.push(format!("{}: {id} is there twice", builtin.name));
            }
        }
        let mut places = BTreeSet::new();
        for (at, knob) in knobs.iter().enumerate() {
            let label = &knob.label;
            let is_same = |other: &Knob| (&other.label, other.group) == (label, knob.group);
            if knobs[..at].iter().any(is_same) {
                complaints.push(format!("{}: two are called {label}", builtin.name));
            }
        }
        for knob in &knobs {
            // Of places that differ in a number alone, as in many gates of a kind, the first speaks for all.
            if places.insert(knob.id.replace(|c: char| c.is_ascii_digit(), "")) {
                check(&stage, knob, &mut complaints);
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn bare_numbers_of_a_manifest_say_what_they_mean() {
    let stage = setup("plain-flagger").stage().unwrap();
    let knobs = knobs::of(&stage);
    let meaning = |end: &str| {
        let knob = knobs.iter().find(|knob| knob.id.ends_with(end)).unwrap();
        assert_eq!((knob.kind, knob.unit.as_str()), (Kind::Slider, ""), "{end}");
        knob.meaning.as_str()
    };
    assert_eq!(meaning("analysis.stepWeight"), "%");
    assert_eq!(meaning("analysis.threshold"), "");
    assert_eq!(meaning("metrics[0].thresholdRange.min"), "%");
    assert_eq!(meaning("metrics[1].thresholdRange.max"), "ms");
}

#[test]
fn every_gate_of_the_catalog_can_take_the_place_of_every_rollout() {
    let mut complaints = Vec::new();
    for builtin in scenario::builtin() {
        let own = setup(builtin.name).stage().unwrap();
        for choice in choices::all() {
            let asked = Setup {
                gate: Some(choice.id.clone()),
                ..setup(builtin.name)
            };
            match asked.stage() {
                Ok(stage) if stage.scenario.rollout_name != choice.name => {
                    complaints.push(format!(
                        "{} under {}: is called {}",
                        builtin.name, choice.id, stage.scenario.rollout_name
                    ));
                }
                Ok(stage) => {
                    let (world, other) = (&own.scenario.world, &stage.scenario.world);
                    let same = world.traffic == other.traffic
                        && world.faults == other.faults
                        && world.canary == other.canary;
                    if !same {
                        complaints
                            .push(format!("{}: {} changes the world", builtin.name, choice.id));
                    }
                }
                // A judge asks a Prometheus, which scrapes.
                Err(refusal)
                    if choice.id == "judge"
                        && own.scenario.telemetry.sampling == Sampling::Exact =>
                {
                    assert!(
                        refusal.to_string().contains("metrics are exact"),
                        "{refusal}"
                    );
                }
                Err(refusal) => {
                    complaints.push(format!("{} under {}: {refusal}", builtin.name, choice.id));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn a_setup_written_out_as_a_file_is_the_same_scenario() {
    let mut complaints = Vec::new();
    for builtin in scenario::builtin() {
        let asked = Setup {
            rate: Some("33/s".to_owned()),
            errors: Some("0.3%".to_owned()),
            latency: Some("p50=30ms,p99=200ms".to_owned()),
            percentages: Some(vec![2.0, 20.0]),
            seed: Some("5".to_owned()),
            ..setup(builtin.name)
        };
        let anew = Setup {
            canary_errors: Some("7%".to_owned()),
            ..asked.clone()
        };
        for setup in [asked, anew] {
            let Ok(stage) = setup.stage() else {
                continue;
            };
            let bundle = stage.rewritten();
            let read = bundle.scenario().unwrap();
            if !read.plays_like(&stage.scenario) {
                complaints.push(builtin.name.to_owned());
            }
            // What is downloaded can be read again where its files are.
            let mut again = bundle.clone();
            again.overrides = scenario::Overrides::default();
            let text = stage.written().into_bytes();
            again.texts.insert(bundle.path.clone(), text);
            again.scenario().unwrap();
        }
    }
    assert!(complaints.is_empty(), "{complaints:?}");
    // Most of them without a remark below.
    let plain_text = |name: &str| {
        let asked = Setup {
            rate: Some("33/s".to_owned()),
            canary_errors: Some("7%".to_owned()),
            ..setup(name)
        };
        asked.stage().unwrap().written()
    };
    let text = plain_text("low-traffic");
    assert!(
        text.contains("rate = \"33/s\"") && text.contains("errors = \"7%\""),
        "{text}"
    );
    assert!(!text.contains("# changed for this run"), "{text}");
}
