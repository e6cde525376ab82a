//! Flagger's control loop.

use super::{Action, Cadence, Need, Phase, State, Surroundings};
use crate::base::{Span, Time, Weight};
use crate::gate::Verdict;

/// The fields of a Canary that decide.
#[derive(Debug, Clone, PartialEq)]
pub struct FlaggerPlan {}

/// Flagger, one rollout.
#[derive(Debug, Clone)]
pub struct Flagger {}

impl FlaggerPlan {
    /// When it ticks.
    pub fn cadence(&self) -> Cadence {
        Cadence {
            first: Time::START,
            period: Span::from_secs(60),
        }
    }
    /// Percentages of an undisturbed rollout.
    pub fn steps(&self) -> Vec<Weight> {
        Vec::new()
    }
    /// The same, entered at `weight`.
    pub fn entering_at(&self, _weight: Weight) -> FlaggerPlan {
        self.clone()
    }
    /// The longest it can take.
    pub fn longest(&self) -> Span {
        Span::ZERO
    }
}

impl Flagger {
    /// Before the first tick.
    pub fn new(_plan: &FlaggerPlan) -> Flagger {
        Flagger {}
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
