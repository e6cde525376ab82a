//! The sections stable and canary.

use super::defaults;
use super::fault;
use super::latency;
use super::names::Known;
use super::reader::Table;
use crate::base::Probability;
use crate::model::fault::{Fault, Target};
use crate::model::service::{Latency, Service};

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
            ..stable.clone()
        };
        (service, self.faults)
    }
}

/// Stable, with the defaults where it does not say.
/// Its faults come beside it.
pub(super) fn read_stable(
    table: Option<Table<'_>>,
    known: &Known,
) -> Option<(Service, Vec<Fault>)> {
    let Some(mut table) = table else {
        let latency = latency(defaults::LATENCY).ok()?;
        return Some((Service::plain(latency, defaults::errors()), Vec::new()));
    };
    let latency = latency::read_or_default(&mut table);
    let errors = match table.get("errors") {
        None => Some(defaults::errors()),
        Some(value) => value.share(),
    };
    let faults = match table.get("faults") {
        None => Some(Vec::new()),
        Some(value) => fault::read(&value, Target::Stable, known),
    };
    table.finish();
    Some((Service::plain(latency?, errors?), faults?))
}

/// The canary's differences and faults.
pub(super) fn read_canary(mut table: Table<'_>, known: &Known) -> Option<Canary> {
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
        Some(value) => fault::read(&value, Target::Canary, known),
    };
    table.finish();
    Some(Canary {
        latency: latency?,
        errors: errors?,
        faults: faults?,
    })
}
