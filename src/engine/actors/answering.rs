//! How each version answers, laid out for looking up.

use crate::base::Span;
use crate::model::World;
use crate::model::service::{Latency, Service};
use crate::telemetry::Version;

/// How a version answers a route.
#[derive(Debug)]
pub(in crate::engine) struct Answering {
    /// Chance of a server error, of 2⁵³.
    pub(in crate::engine) errors: u64,
    pub(in crate::engine) latency: Latency,
}

impl Answering {
    pub(in crate::engine) fn of(world: &World, version: Version) -> Vec<Answering> {
        let service = service_of(world, version);
        (0..world.traffic.routes.len().max(1))
            .map(|route| Answering {
                errors: (service.errors_of(route).get() * (1_u64 << 53) as f64) as u64,
                latency: service.latency_of(route).clone(),
            })
            .collect()
    }
}

fn service_of(world: &World, version: Version) -> &Service {
    match version {
        Version::Canary => &world.canary,
        Version::Stable | Version::Baseline => &world.stable,
    }
}

/// How long a caller waits for one attempt at a version, in seconds.
pub(in crate::engine) fn patience(world: &World, version: Version) -> f64 {
    let capacity = service_of(world, version).fleet.capacity;
    let whole = capacity.and_then(|capacity| capacity.timeout);
    let each = world.retries.and_then(|retries| retries.per_try_timeout);
    let seconds = |span: Option<Span>| span.map_or(f64::INFINITY, Span::as_secs_f64);
    seconds(whole).min(seconds(each))
}
