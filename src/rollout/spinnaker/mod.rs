//! Spinnaker's canary stage: a share of traffic for the canary, judgements by Kayenta at intervals,
//! and the canary promoted or cleaned up by what they come to.
//!
//! Replayed are Kayenta at revision a69573be and the canary stage of Spinnaker's orca. A judgement
//! takes no time here: in production each takes as long as its queries do, and later ones are late by
//! as much.

mod conclusion;
mod request;

pub use conclusion::Conclusion;
pub use request::{Judgement, Request};

use super::{Action, Cadence, Need, Phase, Routing, State, Surroundings};
use crate::base::{Span, Time, Weight};
use crate::gate::kayenta::Thresholds;
use crate::gate::{GateSet, Rule, Verdict};

/// A Spinnaker pipeline's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct SpinnakerPlan {
    /// The canary's share from the start to the end: Spinnaker leaves it to the pipeline.
    pub weight: Weight,
    /// When it is judged.
    pub request: Request,
    /// What scores are held against.
    pub thresholds: Thresholds,
}

impl SpinnakerPlan {
    /// When it ticks: at the start and, unless something is in between, at every judgement.
    pub fn cadence(&self) -> Cadence {
        let request = &self.request;
        let period = match request.retrospective {
            true => request.lifetime + request.warmup,
            false => common(request.warmup, request.interval()),
        };
        Cadence {
            first: Time::START,
            period: period.max(Span::from_secs(1)),
        }
    }

    /// The one percentage.
    pub fn steps(&self) -> Vec<Weight> {
        vec![self.weight]
    }

    /// The same at another weight.
    pub fn entering_at(&self, weight: Weight) -> SpinnakerPlan {
        SpinnakerPlan {
            weight,
            ..self.clone()
        }
    }

    /// How long it takes when no judgement ends it.
    pub fn longest(&self) -> Span {
        let last = self.request.from_start().last();
        last.map_or(Span::ZERO, |last| last.at.since(Time::START))
    }
}

/// The longest span of which both are multiples.
fn common(a: Span, b: Span) -> Span {
    let (mut a, mut b) = (a.as_nanos(), b.as_nanos());
    while b > 0 {
        (a, b) = (b, a % b);
    }
    Span::from_nanos(a)
}

/// A Spinnaker pipeline under way.
///
/// To drive it: call [`Spinnaker::handle_tick`] at each tick of the plan's cadence; as long as that
/// or [`Spinnaker::handle_verdicts`] needs a gate, judge it at the same instant; take the action, of
/// which there is one at most, with [`Spinnaker::poll_action`]; stop when [`Spinnaker::is_over`]. In
/// real time gate 0 judges every time, in retrospect each judgement has a gate of its own.
#[derive(Debug, Clone)]
pub struct Spinnaker {
    plan: SpinnakerPlan,
    /// Those to come, the next one last.
    planned: Vec<Judgement>,
    judged: usize,
    phase: Phase,
    conclusion: Option<Conclusion>,
    action: Option<Action>,
}

impl Spinnaker {
    /// Before the first tick.
    pub fn new(plan: &SpinnakerPlan) -> Spinnaker {
        let mut planned: Vec<Judgement> = plan.request.from_start().collect();
        planned.reverse();
        Spinnaker {
            plan: plan.clone(),
            planned,
            judged: 0,
            phase: Phase::Initialized,
            conclusion: None,
            action: None,
        }
    }

    /// A tick has come.
    pub fn handle_tick(&mut self, now: Time, _surroundings: &Surroundings) -> Need {
        if self.is_over() {
            return Need::Nothing;
        }
        if self.phase == Phase::Initialized {
            self.phase = match self.plan.request.warmup.is_zero() {
                true => Phase::IntervalWait,
                false => Phase::WarmupWait,
            };
            self.action = Some(Action::Route(Routing::weighted(self.plan.weight)));
        }
        if now >= Time::START + self.plan.request.warmup {
            self.phase = Phase::IntervalWait;
        }
        self.next(now)
    }

    /// The look that was needed at `now`; says whether another judgement is due.
    pub fn handle_verdicts(&mut self, now: Time, looks: &[Verdict]) -> Need {
        let Some(look) = looks.last().filter(|_| !self.is_over()) else {
            return Need::Nothing;
        };
        self.planned.pop();
        self.judged += 1;
        if look.rule == Rule::NotEvaluated || look.value.is_nan() {
            // A judgement that ends in an error fails the run.
            self.end(None);
            return Need::Nothing;
        }
        let last = self.planned.is_empty();
        match Conclusion::of(look.value, last, self.plan.thresholds) {
            None => self.next(now),
            conclusion => {
                self.end(conclusion);
                Need::Nothing
            }
        }
    }

    /// The judgement that is due.
    fn next(&self, now: Time) -> Need {
        let due = self.planned.last().is_some_and(|next| next.at <= now);
        let gate = match self.plan.request.retrospective {
            true => self.judged,
            false => 0,
        };
        match due {
            true => Need::Each(GateSet::NONE.with(gate)),
            false => Need::Nothing,
        }
    }

    fn end(&mut self, conclusion: Option<Conclusion>) {
        self.conclusion = conclusion;
        (self.phase, self.action) = match conclusion {
            Some(Conclusion::Passed) => (Phase::Succeeded, Some(Action::Promote)),
            _ => (Phase::Terminal, Some(Action::RollBack)),
        };
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.action.take()
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Terminal)
    }

    /// How it ended; `None` before the end, and when a judgement ended in an error.
    pub fn conclusion(&self) -> Option<Conclusion> {
        self.conclusion
    }

    /// Judgements made so far.
    pub fn judged(&self) -> usize {
        self.judged
    }

    /// What it looks like from outside.
    pub fn state(&self) -> State {
        State {
            phase: self.phase,
            failures: u32::from(self.phase == Phase::Terminal),
        }
    }
}

#[cfg(test)]
mod tests;
