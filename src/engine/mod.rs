//! Engines drive one rollout; only they know what time it is. `virtual` plays it in virtual time,
//! `live` over real sockets; `actors` are the users, instances and faults that both move.

mod actors;
pub mod live;
pub mod r#virtual;

use crate::base::{Span, Time};
use crate::gate::Verdict;
use crate::rollout::{Routing, State};
use crate::telemetry::Telemetry;

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The controller rolled it back.
    RolledBack,
    /// The controller promoted it.
    Promoted,
    /// It was still under way at the horizon.
    Horizon,
}

/// What one rollout came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// How it ended.
    pub ending: Ending,
    /// When.
    pub ended: Time,
    /// From the first moment that the fault and canary traffic were both there, to the rollback;
    /// `None` when it was not rolled back, or before that moment.
    pub detection: Option<Span>,
    /// Users' requests that the canary answered.
    pub canary_requests: u64,
    /// Of these, the failed or slowed ones.
    pub exposed_requests: u64,
    /// Distinct users behind those: counted where users are simulated one by one, expected given
    /// the number of requests elsewhere.
    pub exposed_users: f64,
    /// Users' requests that met the fault after the end, for as long as it was looked at.
    pub exposed_after: u64,
}

/// What there is to see after a tick.
#[derive(Debug)]
pub struct Tick<'a> {
    /// When it was.
    pub now: Time,
    /// Where requests go from now on.
    pub routing: Routing,
    /// The controller.
    pub state: State,
    /// What was judged, if anything.
    pub verdict: Option<Verdict>,
    /// What was measured so far.
    pub telemetry: &'a Telemetry,
}
