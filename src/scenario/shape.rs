//! Latency distributions as tables that name their family: `{ gamma = { mean = "50ms", shape = 2 } }`.

use std::ops::RangeInclusive;

use super::latency;
use super::reader::{Table, Value};
use super::traffic::positive_span as positive;
use crate::base::{Probability, Span};
use crate::model::service::{Latency, LatencyError};

/// Shapes below have nothing but a tail; shapes above are next to fixed.
const SHAPES: RangeInclusive<f64> = 0.1..=1000.0;

/// A latency of the family that the table names; `None` when it names none. The inner `None` is a
/// latency that is wrong.
pub(super) fn read(table: &mut Table<'_>) -> Option<Option<Latency>> {
    type Family = fn(&Value<'_>) -> Option<Latency>;
    const FAMILIES: [(&str, Family); 5] = [
        ("fixed", |value| {
            made(value, Latency::fixed(positive(value)?))
        }),
        ("exponential", |value| {
            made(value, Latency::exponential(positive(value)?))
        }),
        ("gamma", |value| read_family(value, Latency::gamma)),
        ("weibull", |value| read_family(value, Latency::weibull)),
        ("mixture", read_mixture),
    ];
    let body = table.get("body");
    let tail = table.get("tail");
    let mut found = match (body, tail) {
        (None, None) => None,
        (Some(body), Some(tail)) => Some(read_tailed(&body, &tail)),
        (Some(alone), None) => {
            alone.refuse(
                "is a body without a tail",
                "add tail = { share = \"1%\", alpha = 1.5 }, or write the latency as text",
            );
            Some(None)
        }
        (None, Some(alone)) => {
            alone.refuse(
                "is a tail without a body",
                "add body = \"p50=40ms,p99=250ms\"",
            );
            Some(None)
        }
    };
    for (name, family) in FAMILIES {
        let Some(value) = table.get(name) else {
            continue;
        };
        let latency = family(&value);
        if found.is_some() {
            value.refuse("is one family too many", "keep one");
            found = Some(None);
        } else {
            found = Some(latency);
        }
    }
    if found.is_some() {
        table.hint("quantiles", "write the quantiles or the family, not both");
    }
    found
}

fn made(value: &Value<'_>, latency: Result<Latency, LatencyError>) -> Option<Latency> {
    latency
        .map_err(|error| {
            let help = match error {
                LatencyError::TailShare => "write share = \"1%\"",
                LatencyError::Shares(_) => "change the shares",
                LatencyError::NoMean(_) => "write alpha = 1.5",
                _ => "write latencies above 0s",
            };
            value.refuse(error, help);
        })
        .ok()
}

fn read_family(
    value: &Value<'_>,
    family: fn(Span, f64) -> Result<Latency, LatencyError>,
) -> Option<Latency> {
    let mut table = value.table()?;
    let mean = table
        .require("mean", "write mean = \"50ms\"")
        .and_then(|value| positive(&value));
    let shape = table
        .require("shape", "write shape = 2; 1 is exponential")
        .and_then(|value| value.number(SHAPES));
    table.finish();
    made(value, family(mean?, shape?))
}

fn read_tailed(body: &Value<'_>, tail: &Value<'_>) -> Option<Latency> {
    let quantiles = latency::read_text(body);
    let mut table = tail.table()?;
    let part = table.require("share", "write share = \"1%\"");
    let share = part.as_ref().and_then(Value::share);
    let alpha = table
        .require(
            "alpha",
            "write alpha = 1.5; less is heavier, and 1 has no mean",
        )
        .and_then(|value| value.number(1.01..=100.0));
    table.finish();
    // Where the share is wrong is where the remark goes: everything else has been checked.
    made(&part?, Latency::tailed(quantiles?, share?, alpha?))
}

fn read_mixture(value: &Value<'_>) -> Option<Latency> {
    let parts: Vec<Option<(Probability, Latency)>> = value
        .list()?
        .iter()
        .map(|part| {
            let wanted = "a share and a latency, like [\"95%\", \"p50=4ms,p99=10ms\"]";
            let [share, latency] = part.pair(wanted)?;
            share.share().zip(latency::read_text(&latency))
        })
        .collect();
    let parts: Option<Vec<(Probability, Latency)>> = parts.into_iter().collect();
    made(value, Latency::mixture(parts?))
}
