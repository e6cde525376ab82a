//! The clauses of a scenario: what its rollout is expected to do.

use super::reader::{Table, Value};
use super::{Expectation, Metric};
use crate::base::{Span, place};

/// More clauses than this are nobody's.
const MOST_CLAUSES: usize = 64;

/// A clause of a scenario, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// What is expected.
    pub that: Expectation,
    /// Why it matters, for whoever reads that it no longer holds.
    pub why: Option<String>,
    /// The line of the scenario file that it stands in, from 1.
    pub line: usize,
}

/// What is known of the rest of a scenario: `None` where it could not be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    /// How long the experiment looks on after a rollout's end.
    pub(super) aftermath: Option<Span>,
    /// Whether any step of the rollout gives the canary traffic of users.
    pub(super) has_steps: Option<bool>,
}

/// The clauses of a list, in the text that they stand in; none where there is no list.
pub(super) fn read(list: Option<Value<'_>>, text: &str, rest: Rest) -> Option<Vec<Expected>> {
    let Some(list) = list else {
        return Some(Vec::new());
    };
    let values = list.list()?;
    if values.len() > MOST_CLAUSES {
        list.refuse(
            format_args!("{} clauses are too many", values.len()),
            format_args!("write at most {MOST_CLAUSES}"),
        );
    }
    let mut known: Vec<Expectation> = Vec::new();
    // Every one is looked at before giving up, so that all problems are found.
    let read: Vec<Option<Expected>> = (values.iter())
        .map(|value| read_one(value.table()?, text, rest, &mut known))
        .collect();
    read.into_iter().collect()
}

fn read_one(
    mut table: Table<'_>,
    text: &str,
    rest: Rest,
    known: &mut Vec<Expectation>,
) -> Option<Expected> {
    let that = table.require("that", "write that = \"power at 5% >= 90%\"");
    let clause = that.as_ref().and_then(|value| {
        let clause: Expectation = value.quantity()?;
        let same = |other: &Expectation| other.to_string() == clause.to_string();
        if known.iter().any(same) {
            value.refuse(
                format_args!("`{clause}` is expected already"),
                "write each clause once",
            );
            return None;
        }
        if clause.metric == Metric::ExposedAfter && rest.aftermath.is_some_and(Span::is_zero) {
            value.refuse(
                "nobody looks on after the end of a rollout",
                "add [experiment] with aftermath = \"1h\"",
            );
            return None;
        }
        if clause.at.is_some() && rest.has_steps == Some(false) {
            value.refuse(
                "no step of the rollout gives the canary users' requests, so no percentage is held",
                format_args!("write `{}` without `at`", clause.metric),
            );
            return None;
        }
        known.push(clause.clone());
        Some(clause)
    });
    let why = match table.get("why") {
        None => Some(None),
        Some(value) => value.words().map(|why| Some(why.trim().to_owned())),
    };
    table.finish();
    Some(Expected {
        that: clause?,
        why: why?,
        line: place(text, that?.span().start).0,
    })
}
