//! What stands in the manifests of Flagger, Argo and Kayenta: what their users usually set.

use std::collections::BTreeMap;

use super::{Group, Knob, Name, Reading, Slider};
use crate::manifest::edit::{Leaf, Scalar, leaves};
use crate::scenario::Bundle;
use crate::scenario::change::shown;

/// The values of manifests by their places.
type Values = BTreeMap<String, toml::Value>;

/// What stands in the manifests, by the names that `place` gives to a leaf's resource.
fn values(bundle: &Bundle, place: impl Fn(&Leaf) -> Option<String>) -> Vec<(String, toml::Value)> {
    let texts = bundle
        .texts
        .iter()
        .filter(|(path, _)| **path != bundle.path);
    let texts = texts.filter_map(|(_, text)| std::str::from_utf8(text).ok());
    let value = |leaf: Leaf| {
        let place = format!("{}{}", place(&leaf)?, leaf.path);
        let value = match leaf.value {
            Scalar::Number(number) if number.fract() == 0.0 => toml::Value::Integer(number as i64),
            Scalar::Number(number) => toml::Value::Float(number),
            Scalar::Truth(truth) => toml::Value::Boolean(truth),
            Scalar::Text(text) => toml::Value::String(text),
        };
        Some((place, value))
    };
    texts.flat_map(leaves).filter_map(value).collect()
}

/// A knob at a place of a manifest, if there is a value.
fn knob(values: &Values, place: &str, label: &str, group: Group, help: &str) -> Option<Knob> {
    let value = values.get(place)?;
    let name = Name {
        id: place.to_owned(),
        label: label.to_owned(),
        group,
        sets: "set",
        help: help.to_owned(),
    };
    Some(match Reading::of(value) {
        Some(reading) => name.slider(Slider::around(reading)),
        None => name.text(shown(value)),
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

/// The same of percentages.
fn percentage(knob: Option<Knob>, min: f64, max: f64) -> Option<Knob> {
    meant(bounded(knob, min, max), "%")
}

/// The same, of numbers that mean this where they are written bare.
fn meant(knob: Option<Knob>, meaning: &str) -> Option<Knob> {
    let mut knob = knob?;
    if knob.number.is_some() && knob.unit.is_empty() {
        meaning.clone_into(&mut knob.meaning);
    }
    Some(knob)
}

/// A Canary of Flagger.
pub(super) fn flagger(bundle: &Bundle) -> Vec<Knob> {
    let of_canary = |leaf: &Leaf| {
        let is_canary = leaf.kind.as_deref() == Some("Canary");
        is_canary.then(|| "flagger:".to_owned())
    };
    let values: Values = values(bundle, of_canary).into_iter().collect();
    let values = &values;
    let one = |field: &str, help: &str| {
        let place = format!("flagger:spec.analysis.{field}");
        knob(values, &place, field, Group::Rollout, help)
    };
    let mut knobs = vec![
        one("interval", "Time between checks."),
        bounded(one("threshold", "Failed checks that roll back."), 1.0, 20.0),
        percentage(
            one(
                "stepWeight",
                "Points of traffic by which the canary's share grows.",
            ),
            1.0,
            50.0,
        ),
        percentage(
            one("maxWeight", "The share at which it is promoted."),
            1.0,
            100.0,
        ),
        bounded(one("iterations", "Checks to pass."), 1.0, 100.0),
    ];
    /// More metrics are changed in the text.
    const MOST: usize = 8;
    for metric in 0..MOST {
        let head = format!("flagger:spec.analysis.metrics[{metric}]");
        let Some(toml::Value::String(name)) = values.get(&format!("{head}.name")) else {
            break;
        };
        for (field, help) in [
            ("thresholdRange.min", "The least figure that passes."),
            ("thresholdRange.max", "The largest figure that passes."),
            ("interval", "How far back this metric looks."),
        ] {
            let label = format!("{name} {}", field.rsplit('.').next().unwrap_or(field));
            let place = format!("{head}.{field}");
            let found = knob(values, &place, &label, Group::Gate, help);
            let is_own_query = values.contains_key(&format!("{head}.templateRef.name"));
            let is_figure = field != "interval" && !is_own_query;
            let percent = name == "request-success-rate" && is_figure;
            // What its own queries answer in.
            let found = match name.as_str() {
                "request-success-rate" if is_figure => meant(found, "%"),
                "request-duration" if is_figure => meant(found, "ms"),
                _ => found,
            };
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

/// A Rollout of Argo and its templates, in the order in which they are written.
pub(super) fn argo(bundle: &Bundle) -> Vec<Knob> {
    let of_rollout = |leaf: &Leaf| match (leaf.kind.as_deref(), &leaf.name) {
        (Some("Rollout"), _) => Some("argo:".to_owned()),
        (Some(kind @ ("AnalysisTemplate" | "ClusterAnalysisTemplate")), Some(name)) => {
            Some(format!("argo:{kind}/{name}:"))
        }
        _ => None,
    };
    let written = values(bundle, of_rollout);
    let values: Values = written.iter().cloned().collect();
    let knob = |(place, _): &(String, toml::Value)| {
        let path = &place[place.rfind(':')? + 1..];
        step(&values, place, path).or_else(|| metric(&values, place, path))
    };
    written.iter().filter_map(knob).collect()
}

/// A weight or a pause of the steps.
fn step(values: &Values, place: &str, path: &str) -> Option<Knob> {
    let rest = path.strip_prefix("spec.strategy.canary.steps[")?;
    let (number, field) = rest.split_once("].")?;
    let number = number.parse::<usize>().ok()? + 1;
    match field {
        "setWeight" => {
            let help = "Share of the requests that goes to the canary from this step on.";
            let label = format!("Step {number}: weight");
            let found = knob(values, place, &label, Group::Rollout, help);
            percentage(found, 0.0, 100.0)
        }
        "pause.duration" => {
            let help = "How long this step waits.";
            knob(
                values,
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
fn metric(values: &Values, place: &str, path: &str) -> Option<Knob> {
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
    let name = values.get(&format!("{head}name")).map(shown);
    let name = name.unwrap_or_else(|| format!("metric {}", number + 1));
    let found = knob(values, place, &format!("{name} {field}"), Group::Gate, help);
    match least {
        Some(least) => bounded(found, least, 20.0),
        None => found,
    }
}

/// A canary config of Kayenta.
pub(super) fn kayenta(bundle: &Bundle) -> Vec<Knob> {
    let of_config = |leaf: &Leaf| leaf.kind.is_none().then(|| "kayenta:".to_owned());
    let values: Values = values(bundle, of_config).into_iter().collect();
    let own = bundle.texts.get(&bundle.path).map(Vec::as_slice);
    let own = own.and_then(|text| std::str::from_utf8(text).ok()?.parse::<toml::Table>().ok());
    let rollout = own.as_ref().and_then(|own| own.get("rollout"));
    // What the scenario says takes the place of the config's.
    let says = |field: &str| rollout.is_some_and(|rollout| rollout.get(field).is_some());
    let one = |field: &str, label: &str, help: &str| {
        let place = format!("kayenta:classifier.scoreThresholds.{field}");
        let found = (!says(field)).then(|| knob(&values, &place, label, Group::Gate, help));
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
