//! What stands in the manifests of Flagger, Argo and Kayenta: what their users usually set.

use super::places::at;
use super::{Group, Knob, Name, Reading, Slider};
use crate::manifest::edit::leaves;
use crate::scenario::Bundle;
use crate::scenario::change::shown;

/// A knob at a place of a manifest, if there is a value.
fn knob(bundle: &Bundle, place: &str, label: &str, group: Group, help: &str) -> Option<Knob> {
    let (_, value) = at(bundle, place)?;
    let name = Name {
        id: place.to_owned(),
        label: label.to_owned(),
        group,
        sets: "set",
        help: help.to_owned(),
    };
    Some(match Reading::of(&value) {
        Some(reading) => name.slider(Slider::around(reading)),
        None => name.text(shown(&value)),
    })
}

/// The same between bounds.
fn bounded(knob: Option<Knob>, min: f64, max: f64) -> Option<Knob> {
    let mut knob = knob?;
    let number = knob.number?;
    knob.min = min.min(number);
    knob.max = max.max(number);
    Some(knob)
}

/// A Canary of Flagger.
pub(super) fn flagger(bundle: &Bundle) -> Vec<Knob> {
    let one = |field: &str, help: &str| {
        let place = format!("flagger:spec.analysis.{field}");
        knob(bundle, &place, field, Group::Rollout, help)
    };
    let mut knobs = vec![
        one("interval", "Time between checks."),
        bounded(one("threshold", "Failed checks that roll back."), 1.0, 20.0),
        bounded(
            one(
                "stepWeight",
                "Points of traffic by which the canary's share grows.",
            ),
            1.0,
            50.0,
        ),
        bounded(
            one(
                "maxWeight",
                "The share at which it is promoted, in percent.",
            ),
            1.0,
            100.0,
        ),
        bounded(one("iterations", "Checks to pass."), 1.0, 100.0),
    ];
    /// More metrics are changed in the text.
    const MOST: usize = 8;
    for metric in 0..MOST {
        let place = format!("flagger:spec.analysis.metrics[{metric}]");
        let Some((_, toml::Value::String(name))) = at(bundle, &format!("{place}.name")) else {
            break;
        };
        for (field, help) in [
            ("thresholdRange.min", "The least figure that passes."),
            ("thresholdRange.max", "The largest figure that passes."),
            ("interval", "How far back this metric looks."),
        ] {
            let label = format!("{name} {}", field.rsplit('.').next().unwrap_or(field));
            let place = format!("{place}.{field}");
            let found = knob(bundle, &place, &label, Group::Gate, help);
            let percent = name == "request-success-rate" && field != "interval";
            knobs.push(match found.as_ref().and_then(|knob| knob.number) {
                Some(number) if percent => {
                    let slider = Slider::share(number / 100.0);
                    found.map(|knob| Knob {
                        min: slider.min,
                        max: slider.max,
                        step: slider.step,
                        scale: slider.scale,
                        ..knob
                    })
                }
                _ => found,
            });
        }
    }
    knobs.into_iter().flatten().collect()
}

/// A Rollout of Argo and its templates.
pub(super) fn argo(bundle: &Bundle) -> Vec<Knob> {
    let mut knobs = Vec::new();
    for text in bundle.texts.values() {
        let Ok(text) = std::str::from_utf8(text) else {
            continue;
        };
        for leaf in leaves(text) {
            let (resource, is_rollout) = match (leaf.kind.as_deref(), &leaf.name) {
                (Some("Rollout"), _) => (String::new(), true),
                (Some(kind @ ("AnalysisTemplate" | "ClusterAnalysisTemplate")), Some(name)) => {
                    (format!("{kind}/{name}:"), false)
                }
                _ => continue,
            };
            let path = leaf.path.to_string();
            let place = format!("argo:{resource}{path}");
            knobs.extend(match is_rollout {
                true => step(bundle, &place, &path),
                false => metric(bundle, &place, &path),
            });
        }
    }
    knobs
}

/// A weight or a pause of the steps.
fn step(bundle: &Bundle, place: &str, path: &str) -> Option<Knob> {
    let rest = path.strip_prefix("spec.strategy.canary.steps[")?;
    let (number, field) = rest.split_once("].")?;
    let number = number.parse::<usize>().ok()? + 1;
    match field {
        "setWeight" => {
            let help =
                "Share of the requests that goes to the canary from this step on, in percent.";
            let label = format!("Step {number}: weight");
            let found = knob(bundle, place, &label, Group::Rollout, help);
            bounded(found, 0.0, 100.0)
        }
        "pause.duration" => {
            let help = "How long this step waits.";
            knob(
                bundle,
                place,
                &format!("Step {number}: pause"),
                Group::Rollout,
                help,
            )
        }
        _ => None,
    }
}

/// What a template's metric goes by.
fn metric(bundle: &Bundle, place: &str, path: &str) -> Option<Knob> {
    let rest = path.strip_prefix("spec.metrics[")?;
    let (number, field) = rest.split_once("].")?;
    let number = number.parse::<usize>().ok()?;
    let (least, help) = match field {
        "interval" => (None, "Time between measurements."),
        "initialDelay" => (None, "Time before the first measurement."),
        "count" => (Some(1.0), "Measurements to make."),
        "failureLimit" => (Some(0.0), "Failed measurements that are borne."),
        "inconclusiveLimit" => (Some(0.0), "Inconclusive measurements that are borne."),
        "consecutiveErrorLimit" => (Some(0.0), "Errors in a row that are borne."),
        "successCondition" => (None, "When a measurement succeeds."),
        "failureCondition" => (None, "When a measurement fails."),
        _ => return None,
    };
    let head = place.strip_suffix(field)?;
    let name = at(bundle, &format!("{head}name")).map(|(_, name)| shown(&name));
    let name = name.unwrap_or_else(|| format!("metric {}", number + 1));
    let found = knob(bundle, place, &format!("{name} {field}"), Group::Gate, help);
    match least {
        Some(least) => bounded(found, least, 20.0),
        None => found,
    }
}

/// A canary config of Kayenta.
pub(super) fn kayenta(bundle: &Bundle) -> Vec<Knob> {
    let own = |key: &str| at(bundle, &format!("rollout.{key}")).is_some();
    let one = |field: &str, label: &str, help: &str| {
        let place = format!("kayenta:classifier.scoreThresholds.{field}");
        // What the scenario says takes its place.
        let found = (!own(field)).then(|| knob(bundle, &place, label, Group::Gate, help));
        bounded(found.flatten(), 0.0, 100.0)
    };
    let thresholds = [
        one(
            "pass",
            "Score that passes",
            "The least score that passes, of 100.",
        ),
        one(
            "marginal",
            "Score that is marginal",
            "At or below this score the run ends.",
        ),
    ];
    thresholds.into_iter().flatten().collect()
}
