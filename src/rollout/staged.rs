//! Steps of weight and hold, judged at an interval: what a careful team builds itself.

use std::sync::Arc;

use super::{Action, Cadence, Need, Phase, Routing, State, Surroundings};
use crate::base::{Span, Time, Weight};
use crate::gate::{Outcome, Verdict};

/// One step of a staged rollout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The canary's share.
    pub weight: Weight,
    /// How long it keeps this share. Steps end at checks, so in effect it is rounded up to a
    /// multiple of the interval.
    pub hold: Span,
}

/// Which failed checks count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Failures in a row: a pass sets the count back to zero.
    Consecutive,
    /// All failures of the rollout.
    Cumulative,
}

/// What an inconclusive check does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenInconclusive {
    /// Nothing, as though there had been no check.
    Ignore,
    /// It counts as a failure.
    Fail,
    /// It stops the clock of the hold until a check is conclusive.
    Hold,
}

/// Whether enough failures end the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollback {
    /// They do, at once.
    Automatic,
    /// Somebody would have to do it: the canary stays at its weight as long as checks fail.
    Never,
}

/// A staged rollout's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedPlan {
    /// The steps in order, weights increasing.
    pub steps: Arc<[Step]>,
    /// Time between checks; above zero.
    pub interval: Span,
    /// No checks until this long after a step's start, so that windows show the new weight.
    pub warmup: Span,
    /// Failures that end the rollout; 0 means 1.
    pub failures: u32,
    /// Which failures count together.
    pub counting: Counting,
    /// What an inconclusive check does.
    pub inconclusive: WhenInconclusive,
    /// Whether failures end the rollout.
    pub rollback: Rollback,
}

impl StagedPlan {
    /// When it ticks: at the start, then at every interval.
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

    /// The same rollout entered at `weight`: a step there first, then its own steps above it. The
    /// entry is held like the step of that weight, or like the first where there is none.
    pub fn entering_at(&self, weight: Weight) -> StagedPlan {
        let own = self.steps.iter().find(|step| step.weight == weight);
        let like = own.or(self.steps.first());
        let entry = like.map(|step| Step { weight, ..*step });
        let above = self.steps.iter().filter(|step| step.weight > weight);
        StagedPlan {
            steps: entry.into_iter().chain(above.copied()).collect(),
            ..self.clone()
        }
    }

    /// The longest that it can take: all holds, and at each the checks that may fail without
    /// ending it. Where nothing bounds the wait (inconclusive checks that hold, failures that roll
    /// nothing back), at least four times the holds, which is a convention.
    pub fn longest(&self) -> Span {
        let holds = self
            .steps
            .iter()
            .map(|step| self.interval * self.ticks(step))
            .fold(Span::ZERO, |sum, hold| sum + hold);
        let spared = u64::from(self.failures.max(1) - 1);
        let repeats = match self.counting {
            Counting::Cumulative => spared,
            Counting::Consecutive => spared.saturating_mul(self.steps.len() as u64),
        };
        let bounded = holds + self.interval * repeats;
        if self.inconclusive == WhenInconclusive::Hold || self.rollback == Rollback::Never {
            bounded.max(holds * 4)
        } else {
            bounded
        }
    }

    /// Intervals that a step lasts when nothing disturbs it.
    fn ticks(&self, step: &Step) -> u64 {
        let interval = self.interval.as_nanos().max(1);
        step.hold.as_nanos().div_ceil(interval).max(1)
    }
}

/// A staged rollout under way.
///
/// To drive it: call [`Staged::handle_tick`] at each tick of the plan's cadence; when it needs a
/// verdict, call [`Staged::handle_verdict`] at the same instant; take the action, of which there is
/// one at most, with [`Staged::poll_action`]; stop when [`Staged::is_over`]. The first tick sets
/// the first weight without a check.
#[derive(Debug, Clone)]
pub struct Staged {
    steps: Arc<[Step]>,
    interval: Span,
    warmup: Span,
    limit: u32,
    counting: Counting,
    inconclusive: WhenInconclusive,
    rollback: Rollback,
    phase: Phase,
    step: usize,
    since: Time,
    /// How long the clock of this step's hold stood still.
    stopped: Span,
    failures: u32,
    would_have_rolled_back_at: Option<Time>,
    action: Option<Action>,
}

impl Staged {
    /// Before the first tick.
    pub fn new(plan: &StagedPlan) -> Staged {
        Staged {
            steps: Arc::clone(&plan.steps),
            interval: plan.interval,
            warmup: plan.warmup,
            limit: plan.failures.max(1),
            counting: plan.counting,
            inconclusive: plan.inconclusive,
            rollback: plan.rollback,
            phase: Phase::Initialized,
            step: 0,
            since: Time::START,
            stopped: Span::ZERO,
            failures: 0,
            would_have_rolled_back_at: None,
            action: None,
        }
    }

    /// A tick has come.
    pub fn handle_tick(&mut self, now: Time, _surroundings: &Surroundings) -> Need {
        if self.is_over() {
            return Need::Nothing;
        }
        if self.phase == Phase::Initialized {
            self.phase = Phase::Progressing;
            self.enter(0, now);
            return Need::Nothing;
        }
        if now < self.since + self.warmup {
            self.advance_when_held(now);
            return Need::Nothing;
        }
        Need::Verdict
    }

    /// The verdict that the tick at `now` needed.
    pub fn handle_verdict(&mut self, now: Time, verdict: &Verdict) {
        if self.is_over() {
            return;
        }
        match (verdict.outcome, self.inconclusive) {
            (Outcome::Fail, _) | (Outcome::Inconclusive, WhenInconclusive::Fail) => self.fail(now),
            (Outcome::Inconclusive, WhenInconclusive::Hold) => {
                self.stopped = self.stopped + self.interval;
            }
            (Outcome::Inconclusive, WhenInconclusive::Ignore) => self.advance_when_held(now),
            (Outcome::Pass, _) => {
                if self.counting == Counting::Consecutive {
                    self.failures = 0;
                }
                self.advance_when_held(now);
            }
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.action.take()
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }

    /// What it looks like from outside.
    pub fn state(&self) -> State {
        State {
            phase: self.phase,
            failures: self.failures,
        }
    }

    /// When failures first reached the limit although nothing is rolled back ([`Rollback::Never`]).
    pub fn would_have_rolled_back_at(&self) -> Option<Time> {
        self.would_have_rolled_back_at
    }

    /// A failed check: the weight stays, whether or not its hold is over.
    fn fail(&mut self, now: Time) {
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.limit {
            return;
        }
        match self.rollback {
            Rollback::Automatic => {
                self.phase = Phase::Failed;
                self.action = Some(Action::RollBack);
            }
            Rollback::Never => {
                self.would_have_rolled_back_at.get_or_insert(now);
            }
        }
    }

    fn advance_when_held(&mut self, now: Time) {
        let hold = self.steps.get(self.step).map_or(Span::ZERO, |s| s.hold);
        if now.since(self.since) >= hold + self.stopped {
            self.enter(self.step + 1, now);
        }
    }

    fn enter(&mut self, step: usize, now: Time) {
        self.step = step;
        self.since = now;
        self.stopped = Span::ZERO;
        self.action = Some(match self.steps.get(step) {
            Some(step) => Action::Route(Routing::weighted(step.weight)),
            None => {
                self.phase = Phase::Succeeded;
                Action::Promote
            }
        });
    }
}

#[cfg(test)]
mod tests;
