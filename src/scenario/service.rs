//! The sections stable and canary.

use super::defaults;
use super::fault;
use super::fleet::{self, Whose};
use super::latency;
use super::names::{Known, Names};
use super::reader::{Table, Value};
use crate::base::{Bytes, Probability};
use crate::model::fault::{Fault, Target};
use crate::model::service::{Fleet, Latency, RouteService, Service};

/// What the file says about the canary: `None` is "as stable".
pub(super) struct Canary {
    latency: Option<Latency>,
    errors: Option<Probability>,
    routes: Vec<RouteService>,
    body: Option<u32>,
    fleet: Option<Fleet>,
    faults: Vec<Fault>,
}

impl Canary {
    /// No difference and no fault.
    pub(super) const AS_STABLE: Canary = Canary {
        latency: None,
        errors: None,
        routes: Vec::new(),
        body: None,
        fleet: None,
        faults: Vec::new(),
    };

    /// How the canary answers, and what is wrong with it.
    pub(super) fn beside(self, stable: &Service) -> (Service, Vec<Fault>) {
        let service = Service {
            latency: self.latency.unwrap_or_else(|| stable.latency.clone()),
            errors: self.errors.unwrap_or(stable.errors),
            routes: routes_over(self.routes, &stable.routes),
            body: self.body.unwrap_or(stable.body),
            fleet: self.fleet.unwrap_or_else(|| fresh(&stable.fleet)),
        };
        (service, self.faults)
    }
}

/// What a section says about its routes, on top of what another says.
fn routes_over(mut own: Vec<RouteService>, below: &[RouteService]) -> Vec<RouteService> {
    own.resize(own.len().max(below.len()), RouteService::default());
    for (own, below) in own.iter_mut().zip(below) {
        own.latency = own.latency.take().or_else(|| below.latency.clone());
        own.errors = own.errors.or(below.errors);
    }
    own
}

/// The same processes, started when the rollout begins.
fn fresh(fleet: &Fleet) -> Fleet {
    Fleet {
        warm: false,
        ..fleet.clone()
    }
}

/// Stable, with the defaults where it does not say. Its faults come beside it.
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
    let routes = read_routes(&mut table, &known.routes);
    let body = match table.get("body") {
        None => Some(Service::BODY),
        Some(value) => read_body(&value),
    };
    let fleet = fleet::read(&mut table, Whose::Stable, Some(&Fleet::default()));
    let faults = match table.get("faults") {
        None => Some(Vec::new()),
        Some(value) => fault::read(&value, Target::Stable, known),
    };
    table.finish();
    let service = Service {
        latency: latency?,
        errors: errors?,
        routes: routes?,
        body: body?,
        fleet: fleet?,
    };
    Some((service, faults?))
}

/// The canary's differences from `stable` (`None` where that could not be read) and its faults.
pub(super) fn read_canary(
    mut table: Table<'_>,
    stable: Option<&Service>,
    known: &Known,
) -> Option<Canary> {
    let latency = match table.get("latency") {
        None => Some(None),
        Some(value) => latency::read(&value).map(Some),
    };
    let errors = match table.get("errors") {
        None => Some(None),
        Some(value) => value.share().map(Some),
    };
    let routes = read_routes(&mut table, &known.routes);
    let body = match table.get("body") {
        None => Some(None),
        Some(value) => read_body(&value).map(Some),
    };
    let base = stable.map(|stable| fresh(&stable.fleet));
    let fleet = fleet::read(&mut table, Whose::Canary, base.as_ref());
    let faults = match table.get("faults") {
        None => Some(Vec::new()),
        Some(value) => fault::read(&value, Target::Canary, known),
    };
    table.finish();
    Some(Canary {
        latency: latency?,
        errors: errors?,
        routes: routes?,
        body: body?,
        fleet: Some(fleet?),
        faults: faults?,
    })
}

/// The largest body: each answer on its way is held in memory.
const LARGEST_BODY: u32 = 64 << 20;

fn read_body(value: &Value<'_>) -> Option<u32> {
    let bytes: Bytes = value.quantity()?;
    let whole = bytes.get().round();
    if !(1.0..=f64::from(LARGEST_BODY)).contains(&whole) {
        value.refuse(
            format_args!("a body of {bytes} is out of range"),
            "write an amount from 1B to 64MiB",
        );
        return None;
    }
    Some(whole as u32)
}

/// What single routes do differently, in the order of the routes; empty when there is no list.
fn read_routes(table: &mut Table<'_>, names: &Names) -> Option<Vec<RouteService>> {
    let Some(list) = table.get("routes") else {
        return Some(Vec::new());
    };
    // Read every one before giving up, so that all problems are found.
    let read: Vec<Option<(Value<'_>, usize, RouteService)>> = list
        .list()?
        .iter()
        .map(|value| read_route(value.table()?, names))
        .collect();
    let read: Option<Vec<_>> = read.into_iter().collect();
    let mut routes: Vec<Option<RouteService>> = vec![None; names.count()?];
    for (name, index, route) in read? {
        let place = routes.get_mut(index)?;
        if place.is_some() {
            name.refuse(
                format_args!("`{}` is here twice", name.written()),
                "write each route once",
            );
            return None;
        }
        *place = Some(route);
    }
    Some(routes.into_iter().map(Option::unwrap_or_default).collect())
}

fn read_route<'r>(mut table: Table<'r>, names: &Names) -> Option<(Value<'r>, usize, RouteService)> {
    let name = table.require("name", "write name = \"checkout\"");
    let index = name.as_ref().and_then(|name| names.find(name));
    let latency = match table.get("latency") {
        None => Some(None),
        Some(value) => latency::read(&value).map(Some),
    };
    let errors = match table.get("errors") {
        None => Some(None),
        Some(value) => value.share().map(Some),
    };
    table.hint(
        "share",
        "shares are the traffic's: write them to [[traffic.routes]]",
    );
    table.finish();
    let route = RouteService {
        latency: latency?,
        errors: errors?,
    };
    Some((name?, index?, route))
}
