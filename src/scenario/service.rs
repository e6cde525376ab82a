//! The sections stable, canary and split.

use super::defaults;
use super::latency;
use super::reader::{Table, Value};
use super::traffic::positive_span;
use crate::base::{Probability, Span, Time};
use crate::model::fault::{Fault, FaultKind, Schedule, Scope};
use crate::model::service::{Latency, Service};
use crate::model::split::Split;

/// What the file says about the canary: `None` is "as stable".
pub(super) struct Canary {
    latency: Option<Latency>,
    errors: Option<Probability>,
    faults: Vec<Fault>,
}

impl Canary {
    /// No difference and no fault.
    pub(super) const AS_STABLE: Canary = Canary {
        latency: None,
        errors: None,
        faults: Vec::new(),
    };

    /// How the canary answers, and what is wrong with it.
    pub(super) fn beside(self, stable: &Service) -> (Service, Vec<Fault>) {
        let service = Service {
            latency: self.latency.unwrap_or_else(|| stable.latency.clone()),
            errors: self.errors.unwrap_or(stable.errors),
        };
        (service, self.faults)
    }
}

/// Stable, with the defaults where it does not say.
pub(super) fn read_stable(table: Option<Table<'_>>) -> Option<Service> {
    let Some(mut table) = table else {
        return Some(Service {
            latency: latency(defaults::LATENCY).ok()?,
            errors: defaults::errors(),
        });
    };
    let latency = latency::read_or_default(&mut table);
    let errors = match table.get("errors") {
        None => Some(defaults::errors()),
        Some(value) => value.share(),
    };
    table.hint("faults", "faults are the canary's: write [[canary.faults]]");
    table.finish();
    Some(Service {
        latency: latency?,
        errors: errors?,
    })
}

/// The canary's differences and faults.
pub(super) fn read_canary(mut table: Table<'_>) -> Option<Canary> {
    let latency = match table.get("latency") {
        None => Some(None),
        Some(value) => latency::read(&value).map(Some),
    };
    let errors = match table.get("errors") {
        None => Some(None),
        Some(value) => value.share().map(Some),
    };
    let faults = match table.get("faults") {
        None => Some(Vec::new()),
        Some(value) => read_faults(&value),
    };
    table.finish();
    Some(Canary {
        latency: latency?,
        errors: errors?,
        faults: faults?,
    })
}

fn read_faults(list: &Value<'_>) -> Option<Vec<Fault>> {
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
        Kind::Errors => {
            read_probability(&mut table).map(|probability| FaultKind::Errors { probability })
        }
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
        schedule: Schedule {
            onset: Time::START + onset?,
            ramp: ramp?,
            duration: duration?,
        },
        scope: Scope { users: users? },
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

/// Which version a request goes to.
pub(super) fn read_split(mut table: Table<'_>) -> Option<Split> {
    let split = match table.get("policy") {
        None => Some(Split::Random),
        Some(value) => value.choice(&[
            ("random", Split::Random),
            ("even", Split::Even),
            ("user-hash", Split::UserHash),
        ]),
    };
    table.finish();
    split
}
