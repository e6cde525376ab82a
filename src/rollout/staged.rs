//! Steps of weight and hold.

use super::{Action, Cadence, Need, Phase, State, Surroundings};
use crate::base::{Span, Time, Weight};
use crate::gate::Verdict;

/// Steps of weight and hold, checked at every interval.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedPlan {
    /// The steps in order; the canary is promoted after the last.
    pub steps: Vec<Step>,
    /// Time between checks.
    pub interval: Span,
    /// No checks for so long after the weight changed.
    pub warmup: Span,
    /// Failed checks that roll back, at least one.
    pub failures: u32,
    /// How failed checks are counted.
    pub counting: Counting,
    /// What an inconclusive check means.
    pub inconclusive: WhenInconclusive,
    /// What happens when the failures are reached.
    pub rollback: Rollback,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Canary percentage.
    pub weight: Weight,
    /// How long it is held: a multiple of the interval.
    pub hold: Span,
}

/// How failed checks are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// A passed check starts the count anew.
    Consecutive,
    /// A failed check stays counted.
    Cumulative,
}

/// What an inconclusive check means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenInconclusive {
    /// Nothing.
    Ignore,
    /// The same as a failed check.
    Fail,
    /// The step's clock stops until a check is conclusive.
    Hold,
}

/// What happens when the failures are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollback {
    /// Everything goes back to stable at once.
    Automatic,
    /// The rollout goes on; somebody would have to act.
    Never,
}

/// Staged, one rollout.
#[derive(Debug, Clone)]
pub struct Staged {}

impl StagedPlan {
    /// When it ticks.
    pub fn cadence(&self) -> Cadence {
        Cadence {
            first: Time::START,
            period: self.interval,
        }
    }
    /// Percentages of an undisturbed rollout.
    pub fn steps(&self) -> Vec<Weight> {
        self.steps.iter().map(|step| step.weight).collect()
    }
    /// The same, entered at `weight`.
    pub fn entering_at(&self, _weight: Weight) -> StagedPlan {
        self.clone()
    }
    /// The longest it can take.
    pub fn longest(&self) -> Span {
        let holds = self
            .steps
            .iter()
            .fold(Span::ZERO, |sum, step| sum + step.hold);
        holds + self.interval * u64::from(self.failures)
    }
}

impl Staged {
    /// Before the first tick.
    pub fn new(_plan: &StagedPlan) -> Staged {
        Staged {}
    }
    /// A tick has come.
    pub fn handle_tick(&mut self, _now: Time, _surroundings: &Surroundings) -> Need {
        Need::Nothing
    }
    /// The verdict that the tick needed.
    pub fn handle_verdict(&mut self, _now: Time, _verdict: &Verdict) {}
    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        None
    }
    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        true
    }
    /// What it looks like from outside.
    pub fn state(&self) -> State {
        State {
            phase: Phase::Initialized,
            failures: 0,
        }
    }
}
