//! Faults, wherever a scenario lists them: when they are there, and whom they reach.

use super::fault_kind::{self, Kind};
use super::names::Known;
use super::reader::{Table, Value};
use super::traffic::positive_span;
use crate::base::{Probability, Span, Time};
use crate::model::fault::{Fault, Schedule, Scope, Target};

/// The faults of a list, in the order in which they apply.
pub(super) fn read(list: &Value<'_>, target: Target, known: &Known) -> Option<Vec<Fault>> {
    // Read every one before giving up, so that all problems are found.
    let faults: Vec<Option<Fault>> = list
        .list()?
        .iter()
        .map(|value| read_fault(value.table()?, target, known))
        .collect();
    faults.into_iter().collect()
}

fn read_fault(mut table: Table<'_>, target: Target, known: &Known) -> Option<Fault> {
    let kind = table
        .require(
            "kind",
            "write kind = \"errors\", \"latency\" or another kind of fault",
        )?
        .choice(&fault_kind::KINDS)?;
    for (name, other) in fault_kind::KINDS {
        if other == kind {
            table.is_of_kind(name);
        }
    }
    let effect = fault_kind::read(kind, &mut table, &known.goals);
    let schedule = read_schedule(kind, &mut table);
    let scope = read_scope(&mut table, known);
    match kind {
        Kind::Errors => table.hint("add", "a fault of kind `tail` or `latency` adds time"),
        Kind::Latency | Kind::Leak => {
            table.hint(
                "probability",
                "a fault of kind `tail` slows a share of requests",
            );
        }
        _ => {}
    }
    table.finish();
    Some(Fault {
        kind: effect?,
        target,
        schedule: schedule?,
        scope: scope?,
    })
}

fn read_schedule(kind: Kind, table: &mut Table<'_>) -> Option<Schedule> {
    let ramp = match kind {
        Kind::Leak => table
            .require(
                "ramp",
                "write ramp = \"1h\": how long it takes to reach full size",
            )
            .and_then(|value| positive_span(&value)),
        _ => optional_span(table, "ramp"),
    };
    let onset = optional_span(table, "onset");
    let mut optional = |key| match table.get(key) {
        None => Some(None),
        Some(value) => positive_span(&value).map(|span| Some((span, value))),
    };
    let (duration, every) = (optional("duration"), optional("every"));
    let (duration, every) = (duration?, every?);
    let every = match (every, &duration) {
        (None, _) => None,
        (Some((every, value)), Some((duration, _))) if every <= *duration => {
            value.refuse(
                format_args!("after {every} it is still there: it lasts {duration}"),
                "write a longer time, or a shorter duration",
            );
            return None;
        }
        (Some((_, value)), None) => {
            value.refuse(
                "what lasts for ever does not come again",
                "write duration = \"1m\" too",
            );
            return None;
        }
        (Some((every, _)), Some(_)) => Some(every),
    };
    Some(Schedule {
        onset: Time::START + onset?,
        ramp: ramp?,
        duration: duration.map(|(duration, _)| duration),
        every,
    })
}

fn read_scope(table: &mut Table<'_>, known: &Known) -> Option<Scope> {
    let mut share = |key| match table.get(key) {
        None => Some(Probability::ONE),
        Some(value) => read_share_above_zero(&value, NOBODY),
    };
    let (users, instances, requests) = (share("users"), share("instances"), share("requests"));
    let (routes, groups) = (table.get("routes"), table.get("groups"));
    let routes = known.routes.bits(routes.as_ref());
    let groups = known.groups.bits(groups.as_ref());
    Some(Scope {
        users: users?,
        routes: routes?,
        groups: groups?,
        instances: instances?,
        requests: requests?,
    })
}

/// What to say of a fault at a share of zero.
pub(super) const NOBODY: &str = "is a fault that nobody meets";

/// A share above zero; `why` says what is wrong with zero.
pub(super) fn read_share_above_zero(value: &Value<'_>, why: &str) -> Option<Probability> {
    let share = value.share()?;
    if share == Probability::ZERO {
        value.refuse(
            format_args!("`{}` {why}", value.written()),
            if why == NOBODY {
                "write a share above 0%, or take the fault out"
            } else {
                "write a share above 0%"
            },
        );
        return None;
    }
    Some(share)
}

fn optional_span(table: &mut Table<'_>, key: &'static str) -> Option<Span> {
    match table.get(key) {
        None => Some(Span::ZERO),
        Some(value) => value.quantity(),
    }
}
