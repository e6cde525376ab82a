//! The gates of a staged rollout.

use super::defaults;
use super::latency::quantile;
use super::reader::{Table, Value};
use super::traffic::positive_span;
use crate::base::{Probability, Span};
use crate::gate::{
    Comparison, ComparisonLimit, Gate, LatencyQuantile, Metric, SuccessRatio, TwoProportionZ,
};

/// A fraction of a request has no percentile; this many bound any window.
const MOST_REQUESTS: u64 = u32::MAX as u64;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    SuccessRatio,
    LatencyQuantile,
    Ratio,
    Difference,
    ZTest,
}

const KINDS: [(&str, Kind); 5] = [
    ("success-ratio", Kind::SuccessRatio),
    ("latency-quantile", Kind::LatencyQuantile),
    ("ratio", Kind::Ratio),
    ("difference", Kind::Difference),
    ("z-test", Kind::ZTest),
];

const KIND_HELP: &str = "write kind = \"success-ratio\", \"latency-quantile\", \"ratio\", \
                         \"difference\" or \"z-test\"";

/// The gates in the order in which they are evaluated.
pub(super) fn read(list: &Value<'_>) -> Option<Vec<Gate>> {
    let gates: Vec<Option<Gate>> = list
        .list()?
        .iter()
        .map(|value| read_gate(value.table()?))
        .collect();
    gates.into_iter().collect()
}

fn read_gate(mut table: Table<'_>) -> Option<Gate> {
    let kind = table.require("kind", KIND_HELP)?.choice(&KINDS)?;
    for (name, other) in KINDS {
        if other == kind {
            table.is_of_kind(name);
        }
    }
    let window = match table.get("window") {
        None => Some(defaults::WINDOW),
        Some(value) => positive_span(&value),
    };
    let fewest = match kind {
        Kind::ZTest => defaults::Z_TEST_REQUESTS,
        _ => 0,
    };
    let min_requests = match table.get("min_requests") {
        None => Some(fewest),
        Some(value) => value
            .whole(0..=MOST_REQUESTS)
            .and_then(|n| u32::try_from(n).ok()),
    };
    let common = window.zip(min_requests);
    let gate = match kind {
        Kind::SuccessRatio => read_success_ratio(&mut table, common),
        Kind::LatencyQuantile => read_latency_quantile(&mut table, common),
        Kind::Ratio | Kind::Difference => read_comparison(&mut table, kind, common),
        Kind::ZTest => read_z_test(&mut table, common),
    };
    for name in ["min_samples", "min_count", "minimum"] {
        table.hint(name, "did you mean `min_requests`?");
    }
    table.finish();
    gate
}

fn read_success_ratio(table: &mut Table<'_>, common: Option<(Span, u32)>) -> Option<Gate> {
    let min = table
        .require("min", "write min = \"99%\"")
        .and_then(|value| value.share());
    let upper = table.get("max");
    let max = match &upper {
        None => Some(None),
        Some(value) => value.share().map(Some),
    };
    table.hint("errors", "write the share of successes: min = \"99%\"");
    let ((window, min_requests), min, max) = (common?, min?, max?);
    if let (Some(most), Some(value)) = (max, upper)
        && most < min
    {
        value.refuse(
            format_args!("{most} is below min = {min}: nothing passes"),
            "write a maximum above the minimum, or none",
        );
        return None;
    }
    Some(Gate::SuccessRatio(SuccessRatio {
        window,
        min,
        max,
        min_requests,
    }))
}

fn read_latency_quantile(table: &mut Table<'_>, common: Option<(Span, u32)>) -> Option<Gate> {
    let quantile = match table.get("quantile") {
        None => Probability::new(0.99),
        Some(value) => read_quantile(&value, "write a quantile such as \"p99\""),
    };
    let max = table
        .require("max", "write max = \"500ms\"")
        .and_then(|value| positive_span(&value));
    let (window, min_requests) = common?;
    Some(Gate::LatencyQuantile(LatencyQuantile {
        window,
        quantile: quantile?,
        max: max?,
        min_requests,
    }))
}

fn read_quantile(value: &Value<'_>, help: &str) -> Option<Probability> {
    let share = value.text().and_then(quantile);
    if share.is_none() {
        value.refuse(
            format_args!("`{}` is not a quantile", value.written()),
            help,
        );
    }
    share
}

fn read_metric(table: &mut Table<'_>) -> Option<Metric> {
    let Some(value) = table.get("metric") else {
        return Some(Metric::ErrorRatio);
    };
    match value.text() {
        Some("errors") => Some(Metric::ErrorRatio),
        Some("mean") => Some(Metric::LatencyMean),
        Some(text) if quantile(text).is_some() => quantile(text).map(Metric::LatencyQuantile),
        _ => {
            value.refuse(
                format_args!("`{}` is not a metric", value.written()),
                "write \"errors\", \"mean\" or a latency quantile such as \"p99\"",
            );
            None
        }
    }
}

fn read_comparison(table: &mut Table<'_>, kind: Kind, common: Option<(Span, u32)>) -> Option<Gate> {
    let metric = read_metric(table);
    let max = if kind == Kind::Ratio {
        table.require("max", "write max = 2: the canary may be twice as bad")
    } else {
        table.require(
            "max",
            "write max = \"0.5%\" for errors, max = \"50ms\" for latency",
        )
    };
    let (max, metric) = (max?, metric?);
    let limit = match (kind, metric) {
        (Kind::Ratio, _) => max
            .number(0.0..=1e9)
            .filter(|ratio| {
                if *ratio == 0.0 {
                    max.refuse("`0` fails every canary", "write a ratio above 0, like 2");
                }
                *ratio > 0.0
            })
            .map(ComparisonLimit::Ratio),
        (_, Metric::ErrorRatio) => max
            .share()
            .map(|share| ComparisonLimit::Difference(share.get())),
        (_, _) => max
            .quantity::<Span>()
            .map(|span| ComparisonLimit::Difference(span.as_secs_f64())),
    };
    let (window, min_requests) = common?;
    Some(Gate::Comparison(Comparison {
        window,
        metric,
        limit: limit?,
        min_requests,
    }))
}

fn read_z_test(table: &mut Table<'_>, common: Option<(Span, u32)>) -> Option<Gate> {
    let alpha = match table.get("alpha") {
        None => Some(defaults::alpha()),
        Some(value) => value.share().filter(|alpha| {
            let sound = *alpha > Probability::ZERO && alpha.get() <= 0.5;
            if !sound {
                value.refuse(
                    format_args!("`{}` is no significance level", value.written()),
                    "write a percentage above 0% and at most 50%, like 5%",
                );
            }
            sound
        }),
    };
    let (window, min_requests) = common?;
    Some(Gate::TwoProportionZ(TwoProportionZ {
        window,
        alpha: alpha?,
        min_requests,
    }))
}
