//! SMI's TrafficSplit, as Linkerd reads it.
//!
//! Weights are shares of their sum: quantities (`900m`) in the first version of the API, whole numbers
//! since.

use std::ops::Range;

use super::account::Grammar;
use super::findings::{Field, Fields};
use super::split::{
    Branch, Destination, Place, Reading, Route, Said, System, Table, leaves, whole_within,
};
use super::yaml::Value;

const VERSIONS: [&str; 4] = [
    "split.smi-spec.io/v1alpha1",
    "split.smi-spec.io/v1alpha2",
    "split.smi-spec.io/v1alpha3",
    "split.smi-spec.io/v1alpha4",
];

/// The fields of a TrafficSplit.
pub(super) const TRAFFIC_SPLIT: Grammar = Grammar {
    reader: "SMI",
    ignored: &[
        ("metadata", "names and labels decide nothing"),
        (
            "spec.service",
            "all traffic of the scenario is meant for this service",
        ),
        ("spec.matches", "they only name routes that stand elsewhere"),
    ],
    known: &[
        ("spec", &["service", "backends", "matches"]),
        ("spec.backends[]", &["service", "weight"]),
    ],
    renamed: &[],
};

/// The rule of a TrafficSplit; `None`, with errors among the findings, when there is none.
pub(super) fn traffic_split(index: usize, reading: &mut Reading<'_>) -> Option<Table> {
    reading.check_version(&VERSIONS);
    let quantities = reading.resource.api_version == VERSIONS[0];
    let spec = reading.spec()?;
    let Some(field) = spec.get("backends") else {
        let help = "write backends with a list of services and weights";
        (reading.findings).error("spec.backends", "is missing", spec.place.clone(), help);
        return None;
    };
    if !spec.has("service") {
        let help = "write the name of the Service that callers use";
        (reading.findings).error("spec.service", "is missing", spec.place.clone(), help);
    }
    let only = spec.get("matches").map(|field| {
        reading.findings.mark_used(&field.path);
        let message =
            "the split holds for requests of these routes only; the scenario's traffic is theirs";
        (reading.findings).warn(&field.path, message, field.key_span.clone());
        reading.said(leaves(field.node), &field)
    });
    let items = reading.findings.list(&field);
    let to: Vec<Branch> = items
        .iter()
        .filter_map(|item| backend(index, reading, item, quantities))
        .collect();
    let path = field.path.clone();
    (!to.is_empty()).then(|| Table {
        system: System::Smi,
        reading: index,
        title: reading.resource.title(),
        name: reading.resource.name.clone().unwrap_or_default(),
        place: reading.start(),
        canary: None,
        routes: vec![Route {
            path,
            place: place(reading, field.key_span.clone()),
            only,
            to,
            mirrors: Vec::new(),
            faults: Vec::new(),
            retries: None,
            timeout: None,
            sticky: None,
        }],
    })
}

fn place(reading: &Reading<'_>, span: Range<usize>) -> Place {
    Place {
        file: reading.resource.file,
        span,
    }
}

fn backend(
    index: usize,
    reading: &mut Reading<'_>,
    item: &Field<'_>,
    quantities: bool,
) -> Option<Branch> {
    let fields = reading.findings.map(item)?;
    let service = reading.findings.text(&fields, "service");
    for key in ["service", "weight"] {
        if !fields.has(key) {
            let help = "give every backend a service and a weight";
            let place = item.key_span.clone();
            (reading.findings).error(&fields.path_of(key), "is missing", place, help);
        }
    }
    let weight = weight(reading, &fields, quantities);
    Some(Branch {
        to: Destination {
            host: service?.0.to_owned(),
            subset: None,
        },
        reading: index,
        weight: weight?,
        path: fields.path_of("weight"),
    })
}

fn weight(reading: &mut Reading<'_>, fields: &Fields<'_>, quantities: bool) -> Option<Said<f64>> {
    let field = fields.get("weight")?;
    if let Value::Text(text) = &field.node.value
        && !text.contains("{{")
    {
        let number = quantity(text).filter(|number| *number >= 0.0);
        if !quantities || number.is_none() {
            let message = format!("`{text}` is no weight of {}", reading.resource.api_version);
            let help = match quantities {
                true => "write a number, or thousandths like 900m",
                false => "write a whole number without quotes",
            };
            (reading.findings).error(&field.path, &message, field.place(), help);
            return None;
        }
        reading.findings.mark_used(&field.path);
        return Some(reading.said(number?, &field));
    }
    let number = whole_within(reading, &field, 0, i64::MAX)?;
    Some(reading.said(number as f64, &field))
}

/// A quantity of Kubernetes, as far as weights are written so: `1`, `0.5`, `900m`, `1k`.
fn quantity(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().ok()?;
    let factor = match &text[digits.len()..] {
        "" => 1.0,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        _ => return None,
    };
    number.is_finite().then_some(number * factor)
}

#[cfg(test)]
mod tests;
