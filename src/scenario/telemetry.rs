//! The telemetry section.

use super::defaults;
use super::reader::{Table, Value};
use crate::base::{ParseSpanError, Span};
use crate::telemetry::{Birth, Buckets, Phase, Sampling, Unit};

/// The shortest scrape interval.
const SHORTEST: Span = Span::from_millis(1);

/// What the file says about telemetry.
pub(super) struct Telemetry {
    pub(super) sampling: Sampling,
    pub(super) birth: Birth,
    /// `None`: those of the Canary's provider, or Istio's.
    pub(super) buckets: Option<Buckets>,
}

/// The telemetry of a scenario that does not say.
pub(super) fn unsaid() -> Telemetry {
    Telemetry {
        sampling: scraped(defaults::SCRAPE),
        birth: Birth::FirstRequest,
        buckets: None,
    }
}

/// Scrapes every `interval`, half an interval after each multiple of it: ticks and scrapes then
/// never fall together.
pub(super) fn scraped(interval: Span) -> Sampling {
    Sampling::Scraped {
        interval,
        phase: Phase::Fixed(Span::from_nanos(interval.as_nanos() / 2)),
    }
}

/// Reads a scrape interval, at least a millisecond, or `exact`, as a command line takes it.
///
/// # Errors
/// When the text is neither.
pub fn sampling(text: &str) -> Result<Sampling, ParseSpanError> {
    if text.trim() == "exact" {
        return Ok(Sampling::Exact);
    }
    let interval: Span = text.parse()?;
    if interval < SHORTEST {
        return Err(ParseSpanError {
            text: text.to_owned(),
        });
    }
    Ok(scraped(interval))
}

/// How metrics are collected.
pub(super) fn read(mut table: Table<'_>) -> Option<Telemetry> {
    let scrape = table.get("scrape");
    let phase = table.get("phase");
    let sampling = read_sampling(scrape.as_ref(), phase.as_ref());
    let birth = match table.get("series") {
        None => Some(Birth::FirstRequest),
        Some(value) => value.choice(&[
            ("first-request", Birth::FirstRequest),
            ("zero", Birth::Zero),
        ]),
    };
    let buckets = match table.get("buckets") {
        None => Some(None),
        Some(value) => read_buckets(&value).map(Some),
    };
    table.finish();
    Some(Telemetry {
        sampling: sampling?,
        birth: birth?,
        buckets: buckets?,
    })
}

fn read_sampling(scrape: Option<&Value<'_>>, phase: Option<&Value<'_>>) -> Option<Sampling> {
    let interval = match scrape {
        None => defaults::SCRAPE,
        Some(value) if value.text() == Some("exact") => {
            if let Some(phase) = phase {
                phase.refuse("exact metrics are not scraped", "take it out");
                return None;
            }
            return Some(Sampling::Exact);
        }
        Some(value) => read_interval(value)?,
    };
    let Some(value) = phase else {
        return Some(scraped(interval));
    };
    if value.text() == Some("random") {
        return Some(Sampling::Scraped {
            interval,
            phase: Phase::Random,
        });
    }
    let phase: Span = value.quantity()?;
    if phase >= interval {
        value.refuse(
            format_args!("{phase} is not within the scrape interval of {interval}"),
            format_args!("write less than {interval}, or \"random\""),
        );
        return None;
    }
    Some(Sampling::Scraped {
        interval,
        phase: Phase::Fixed(phase),
    })
}

fn read_interval(value: &Value<'_>) -> Option<Span> {
    let interval: Span = value.quantity()?;
    if interval < SHORTEST {
        value.refuse(
            format_args!("`{}` is too short", value.written()),
            "write 1ms or more, or \"exact\" for perfect metrics",
        );
        return None;
    }
    Some(interval)
}

fn read_buckets(value: &Value<'_>) -> Option<Buckets> {
    if !value.is_table() {
        let vendor = value.choice(&[
            ("istio", Buckets::istio as fn() -> Buckets),
            ("linkerd", Buckets::linkerd),
            ("nginx", Buckets::nginx),
            ("traefik", Buckets::traefik),
        ])?;
        return Some(vendor());
    }
    let mut table = value.table()?;
    let (millis, seconds) = (table.get("ms"), table.get("s"));
    table.finish();
    let (list, unit) = match (millis, seconds) {
        (Some(list), None) => (list, Unit::Milliseconds),
        (None, Some(list)) => (list, Unit::Seconds),
        _ => {
            value.refuse(
                format_args!("`{}` is not one list of bounds", value.written()),
                "write { ms = [5, 10, 25] } or { s = [0.005, 0.01] }",
            );
            return None;
        }
    };
    let bounds: Vec<Option<f64>> = list
        .list()?
        .iter()
        .map(|bound| bound.number(0.0..=1e12))
        .collect();
    let bounds: Option<Vec<f64>> = bounds.into_iter().collect();
    Buckets::new(bounds?, unit)
        .map_err(|error| list.refuse(error, "write upper bounds above zero in increasing order"))
        .ok()
}
