//! How a version answers a request: how long it takes, whether it fails, and how much it can take.

mod capacity;
mod fleet;
mod goal;
mod instance;
mod latency;
mod queue;
mod sharing;
#[cfg(test)]
mod tests;

pub use capacity::{Capacity, Discipline};
pub use fleet::{CacheWarmUp, Fleet, Pauses, Placement, WarmUp};
pub use goal::{Goal, GoalValue};
pub use instance::{Leak, PauseClock};
pub use latency::{Latency, LatencyError};
pub use queue::{Admission, Queue, workers_left};
pub use sharing::Sharing;

use crate::base::{Probability, Span};

/// A version's behaviour when nothing is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// How long an answer takes, on routes that do not say.
    pub latency: Latency,
    /// Share of requests answered with a server error (5xx), on routes that do not say.
    pub errors: Probability,
    /// What single routes do differently; as long as the list of routes, or empty.
    pub routes: Vec<RouteService>,
    /// Bytes of an answer's body.
    pub body: u32,
    /// The processes that answer.
    pub fleet: Fleet,
}

/// How one route is answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RouteService {
    /// Instead of the service's.
    pub latency: Option<Latency>,
    /// Instead of the service's.
    pub errors: Option<Probability>,
}

impl Service {
    /// Bytes of an answer's body, unless it says otherwise.
    pub const BODY: u32 = 64;

    /// A service whose requests are all alike and which nothing holds up.
    pub fn plain(latency: Latency, errors: Probability) -> Service {
        Service {
            latency,
            errors,
            routes: Vec::new(),
            body: Service::BODY,
            fleet: Fleet::default(),
        }
    }

    /// How long an answer takes on a route.
    pub fn latency_of(&self, route: usize) -> &Latency {
        let own = self.routes.get(route).and_then(|own| own.latency.as_ref());
        own.unwrap_or(&self.latency)
    }

    /// How long the body of an answer takes at so many bytes per second.
    pub fn transfer(&self, limit: f64) -> Span {
        Span::from_secs_f64(f64::from(self.body) / limit)
    }

    /// Share of a route's requests answered with a server error.
    pub fn errors_of(&self, route: usize) -> Probability {
        let own = self.routes.get(route).and_then(|own| own.errors);
        own.unwrap_or(self.errors)
    }
}
