//! Engines drive one rollout; only they know what time it is. `virtual` plays it in virtual time,
//! `live` over real sockets; `actors` are the users, instances and faults that both move. `recorded`
//! replays what was measured elsewhere.

mod actors;
pub mod live;
pub mod recorded;
pub mod r#virtual;

use crate::base::{Span, Time};
use crate::gate::{self, Jury, Verdict};
use crate::rollout::{Action, Controller, Need, Routing, State, Surroundings};
use crate::telemetry::Telemetry;
use crate::telemetry::recording::Row;
use actors::systems::Others;

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
    /// The look that decided, if there was any.
    pub verdict: Option<Verdict>,
    /// All looks, in the order in which they were taken.
    pub looks: &'a [Verdict],
    /// Users' requests that the canary answered so far.
    pub canary_requests: u64,
    /// Users' requests that met the fault so far.
    pub exposed_requests: u64,
    /// Distinct users behind these, where users are followed.
    pub exposed_users: Option<u64>,
    /// What was measured so far.
    pub telemetry: &'a Telemetry,
    /// What came of the tick, as rows of a recording; none where nobody records.
    pub notes: &'a [Row],
}

/// Gives a controller its tick, with the looks that it needs; leaves those in `looks`.
fn decide(
    controller: &mut Controller,
    jury: &mut Jury<'_>,
    now: Time,
    surroundings: &Surroundings,
    telemetry: &mut Telemetry,
    systems: &mut impl Others,
    looks: &mut Vec<Verdict>,
) {
    looks.clear();
    let mut need = controller.handle_tick(now, surroundings);
    while need != Need::Nothing {
        let before = looks.len();
        systems.supply(now, telemetry);
        systems.record(now, jury.analysis(), telemetry);
        match need {
            Need::Nothing => {}
            Need::Verdict => jury.judge_in_order(now, telemetry, looks),
            Need::Each(gates) => jury.judge_each(gates, now, telemetry, looks),
        }
        systems.count(now, jury.analysis(), &looks[before..]);
        need = controller.handle_verdicts(now, &looks[before..]);
    }
}

/// Takes a controller's actions: where requests go from now on, and how the rollout ended, if it did.
fn act(controller: &mut Controller, routing: &mut Routing) -> Option<Ending> {
    let mut ending = None;
    while let Some(action) = controller.poll_action() {
        match action {
            Action::Route(to) => *routing = to,
            Action::Promote => ending = Some(Ending::Promoted),
            Action::RollBack => {
                *routing = Routing::STABLE;
                ending = Some(Ending::RolledBack);
            }
        }
    }
    ending
}

/// The look that decided at a tick: `None` when the controller needed none.
fn deciding(looks: &[Verdict]) -> Option<Verdict> {
    (!looks.is_empty()).then(|| gate::decisive(looks))
}
