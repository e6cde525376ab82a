//! How single requests fall around the rate, and how the rate swings.

use super::defaults;
use super::reader::{Table, Value};
use super::traffic::positive_span;
use crate::base::{Probability, Span};
use crate::model::traffic::{Arrivals, Swing};

/// A name, or a table with one law of the gaps.
pub(super) fn read(value: &Value<'_>) -> Option<Arrivals> {
    if !value.is_table() {
        return value.choice(&[
            ("poisson", Arrivals::Poisson),
            ("even", Arrivals::Even),
            ("uniform", Arrivals::Even),
        ]);
    }
    let mut table = value.table()?;
    let (gamma, weibull) = (table.get("gamma"), table.get("weibull"));
    table.finish();
    match (gamma, weibull) {
        (Some(gamma), None) => {
            let mut table = gamma.table()?;
            let cv = table
                .require(
                    "cv",
                    "write cv = 3: standard deviation of the gaps over their mean",
                )
                .and_then(|value| value.number(0.05..=20.0));
            table.finish();
            Some(Arrivals::Gamma { cv: cv? })
        }
        (None, Some(weibull)) => {
            let mut table = weibull.table()?;
            let shape = table
                .require("shape", "write shape = 0.5")
                .and_then(|value| value.number(0.2..=20.0));
            table.finish();
            Some(Arrivals::Weibull { shape: shape? })
        }
        _ => {
            value.refuse(
                format_args!("`{}` is not one law of the gaps", value.written()),
                "give exactly one of gamma and weibull",
            );
            None
        }
    }
}

/// A table with one kind of swing.
pub(super) fn read_swing(value: &Value<'_>) -> Option<Swing> {
    let mut table = value.table()?;
    let kinds = ["log_normal", "mmpp", "on_off"].map(|kind| table.get(kind));
    table.finish();
    match kinds {
        [Some(kind), None, None] => read_log_normal(kind.table()?),
        [None, Some(kind), None] => read_mmpp(kind.table()?),
        [None, None, Some(kind)] => read_on_off(kind.table()?),
        _ => {
            value.refuse(
                format_args!("`{}` is not one kind of swing", value.written()),
                "give exactly one of log_normal, mmpp and on_off",
            );
            None
        }
    }
}

fn read_log_normal(mut table: Table<'_>) -> Option<Swing> {
    let cv = table
        .require(
            "cv",
            "write cv = 0.44: standard deviation of the rate over its mean",
        )
        .and_then(|value| value.number(0.01..=10.0));
    let memory = match table.get("memory") {
        None => Some(None),
        Some(value) => read_memory(&value).map(Some),
    };
    table.finish();
    let (cv, memory) = (cv?, memory?);
    Some(match memory.flatten() {
        None => Swing::long_memory(cv),
        Some(terms) => Swing::log_normal(cv, &terms),
    })
}

/// `long` is `None`; a time constant, or a list of shares and time constants.
#[expect(
    clippy::option_option,
    reason = "the outer one is whether it could be read"
)]
fn read_memory(value: &Value<'_>) -> Option<Option<Vec<(f64, Span)>>> {
    match value.text() {
        Some("long") => Some(None),
        Some(_) => positive_span(value).map(|time| Some(vec![(1.0, time)])),
        None => read_terms(value).map(Some),
    }
}

fn read_terms(list: &Value<'_>) -> Option<Vec<(f64, Span)>> {
    let items = list.list()?;
    let terms: Vec<Option<(Probability, Span)>> = items
        .iter()
        .map(|item| {
            let [share, time] = item.pair("a share and a time, like [\"45%\", \"1m\"]")?;
            share.share().zip(positive_span(&time))
        })
        .collect();
    let terms: Vec<(Probability, Span)> = terms.into_iter().collect::<Option<_>>()?;
    let terms: Vec<(f64, Span)> = terms
        .into_iter()
        .map(|(share, time)| (share.get(), time))
        .collect();
    super::traffic::add_up(list, terms.iter().map(|(share, _)| *share))?;
    Some(terms)
}

fn read_mmpp(mut table: Table<'_>) -> Option<Swing> {
    let ratio = table
        .require(
            "ratio",
            "write ratio = 8: the rate in a burst over that between bursts",
        )
        .and_then(|value| value.number(1.0..=1e6));
    let high = table
        .require("high", "write high = \"10%\": the share of time in bursts")
        .and_then(|value| {
            let high = value.share()?;
            let is_inside = high > Probability::ZERO && high < Probability::ONE;
            if !is_inside {
                value.refuse(
                    format_args!(
                        "`{}` leaves no bursts or no time between them",
                        value.written()
                    ),
                    "write a share above 0% and below 100%",
                );
            }
            is_inside.then_some(high)
        });
    let burst = table
        .require("burst", "write burst = \"20s\": the mean length of a burst")
        .and_then(|value| positive_span(&value));
    table.finish();
    Some(Swing::Mmpp {
        ratio: ratio?,
        high: high?,
        burst: burst?,
    })
}

fn read_on_off(mut table: Table<'_>) -> Option<Swing> {
    let sources = match table.get("sources") {
        None => Some(u64::from(defaults::SOURCES)),
        Some(value) => value.whole(1..=10_000),
    };
    let shape = match table.get("shape") {
        None => Some(defaults::ON_OFF_SHAPE),
        Some(value) => value.number(1.05..=1.95),
    };
    let shortest = match table.get("shortest") {
        None => Some(defaults::SHORTEST),
        Some(value) => positive_span(&value),
    };
    table.finish();
    Some(Swing::OnOff {
        sources: u32::try_from(sources?).ok()?,
        shape: shape?,
        shortest: shortest?,
    })
}
