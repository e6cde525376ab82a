//! What keeps requests from being independent of one another, so that they have to be followed one
//! by one.

use super::World;
use super::fault::{FaultKind, Scope};
use super::split::Split;
use super::traffic::Arrivals;

impl World {
    /// The first thing that makes requests depend on one another, or on more than the time, their
    /// user and their route; `None` when counts of requests say everything.
    pub fn coupling(&self) -> Option<&'static str> {
        let traffic = &self.traffic;
        if traffic.sessions.is_some() {
            return Some("users come in sessions");
        }
        if !matches!(traffic.arrivals, Arrivals::Poisson | Arrivals::Even) {
            return Some("requests come in bursts of their own");
        }
        if !traffic.groups.is_empty() {
            return Some("groups of users differ");
        }
        if self.affinity.is_some() {
            return Some("sessions stay with a version");
        }
        if !matches!(self.split, Split::Random | Split::Even | Split::UserHash) {
            return Some("the split follows users or whole percents");
        }
        if self.split != Split::Random && (self.rules.matched.is_some() || self.rules.baseline) {
            return Some("match rules or a baseline come before the split");
        }
        if self.rules.least_request {
            return Some("the least busy instance answers");
        }
        if self.retries.is_some() || self.ejection.is_some() {
            return Some("the mesh reacts to failures");
        }
        if self.stable.fleet.is_coupled() || self.canary.fleet.is_coupled() {
            return Some("requests share instances");
        }
        let coupled = self.faults.iter().any(|fault| {
            !fault.kind.is_independent()
                || fault.scope.instances != Scope::EVERYONE.instances
                || fault.scope.groups != Scope::EVERYONE.groups
        });
        if coupled {
            return Some("a fault depends on what came before");
        }
        let spread = self.goals.iter().any(|goal| goal.spread > 0.0);
        spread.then_some("users differ in what they do")
    }
}

impl FaultKind {
    /// Whether what it does to a request depends on the time, the user and the route alone.
    fn is_independent(&self) -> bool {
        match self {
            FaultKind::Errors { .. }
            | FaultKind::Latency { .. }
            | FaultKind::Tail { .. }
            | FaultKind::Reset { .. }
            | FaultKind::Hang { .. }
            | FaultKind::Corrupt { .. }
            | FaultKind::Drip { .. }
            | FaultKind::Bandwidth { .. }
            | FaultKind::Cpu { .. }
            | FaultKind::Business { .. } => true,
            FaultKind::MemoryLeak { .. }
            | FaultKind::CrashLoop { .. }
            | FaultKind::FailedStart { .. }
            | FaultKind::Capacity { .. }
            | FaultKind::Bursts { .. }
            | FaultKind::Metrics { .. }
            | FaultKind::Bounce { .. }
            | FaultKind::Poison { .. }
            | FaultKind::SharedLoad { .. } => false,
        }
    }
}
