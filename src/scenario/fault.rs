//! Faults, wherever a scenario lists them.

use super::reader::{Table, Value};
use super::traffic::positive_span;
use crate::base::{Probability, Span, Time};
use crate::model::fault::{Fault, FaultKind, Schedule, Scope, Target};

/// The faults of a list, in the order in which they apply.
pub(super) fn read(list: &Value<'_>) -> Option<Vec<Fault>> {
    // Read every one before giving up, so that all problems are found.
    let faults: Vec<Option<Fault>> = list
        .list()?
        .iter()
        .map(|value| read_fault(value.table()?))
        .collect();
    faults.into_iter().collect()
}

/// Kinds of fault in the file; `leak` is a latency fault that must have a ramp.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Errors,
    Latency,
    Tail,
    Leak,
}

const KINDS: [(&str, Kind); 4] = [
    ("errors", Kind::Errors),
    ("latency", Kind::Latency),
    ("tail", Kind::Tail),
    ("leak", Kind::Leak),
];

fn read_fault(mut table: Table<'_>) -> Option<Fault> {
    let kind = table
        .require(
            "kind",
            "write kind = \"errors\", \"latency\", \"tail\" or \"leak\"",
        )?
        .choice(&KINDS)?;
    for (name, other) in KINDS {
        if other == kind {
            table.is_of_kind(name);
        }
    }
    let effect = match kind {
        Kind::Errors => read_probability(&mut table).map(|probability| FaultKind::Errors {
            probability,
            latency: None,
        }),
        Kind::Tail => {
            let probability = read_probability(&mut table);
            let add = table
                .require("add", "write add = \"2s\"")
                .and_then(|value| positive_span(&value));
            probability
                .zip(add)
                .map(|(probability, add)| FaultKind::Tail { probability, add })
        }
        Kind::Latency | Kind::Leak => read_slowness(&mut table),
    };
    let ramp = match kind {
        Kind::Leak => table
            .require(
                "ramp",
                "write ramp = \"1h\": how long it takes to reach full size",
            )
            .and_then(|value| positive_span(&value)),
        _ => optional_span(&mut table, "ramp"),
    };
    let onset = optional_span(&mut table, "onset");
    let duration = match table.get("duration") {
        None => Some(None),
        Some(value) => positive_span(&value).map(Some),
    };
    let users = match table.get("users") {
        None => Some(Probability::ONE),
        Some(value) => read_share_above_zero(&value),
    };
    match kind {
        Kind::Errors => table.hint("add", "a fault of kind `tail` or `latency` adds time"),
        Kind::Latency | Kind::Leak => {
            table.hint(
                "probability",
                "a fault of kind `tail` slows a share of requests",
            );
        }
        Kind::Tail => {}
    }
    table.finish();
    Some(Fault {
        kind: effect?,
        target: Target::Canary,
        schedule: Schedule {
            onset: Time::START + onset?,
            ramp: ramp?,
            duration: duration?,
            every: None,
        },
        scope: Scope {
            users: users?,
            ..Scope::EVERYONE
        },
    })
}

fn read_probability(table: &mut Table<'_>) -> Option<Probability> {
    let value = table.require("probability", "write probability = \"1%\"")?;
    read_share_above_zero(&value)
}

fn read_share_above_zero(value: &Value<'_>) -> Option<Probability> {
    let share = value.share()?;
    if share == Probability::ZERO {
        value.refuse(
            format_args!("`{}` is a fault that nobody meets", value.written()),
            "write a share above 0%, or take the fault out",
        );
        return None;
    }
    Some(share)
}

fn read_slowness(table: &mut Table<'_>) -> Option<FaultKind> {
    let multiply = table.get("multiply");
    let add = table.get("add");
    if multiply.is_none() && add.is_none() {
        table.require("add", "write add = \"50ms\", or multiply = 1.3, or both");
        return None;
    }
    let factor = match &multiply {
        None => Some(1.0),
        Some(value) => value.number(1.0..=1e6),
    };
    let added = match &add {
        None => Some(Span::ZERO),
        Some(value) => value.quantity(),
    };
    let (multiply_by, added) = (factor?, added?);
    if multiply_by == 1.0 && added.is_zero() {
        if let Some(value) = add.or(multiply) {
            value.refuse(
                "the fault changes nothing",
                "add some time, or multiply by more than 1",
            );
        }
        return None;
    }
    Some(FaultKind::Latency {
        multiply: multiply_by,
        add: added,
    })
}

fn optional_span(table: &mut Table<'_>, key: &'static str) -> Option<Span> {
    match table.get(key) {
        None => Some(Span::ZERO),
        Some(value) => value.quantity(),
    }
}
