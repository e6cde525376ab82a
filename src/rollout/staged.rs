//! Steps of weight and hold, judged at an interval: what a careful team builds itself.

mod people;

pub use people::{Judgement, OfficeHours};

use std::sync::Arc;

use super::{Action, Cadence, Need, Phase, Routing, State, Surroundings};
use crate::base::{Span, Time, Weight};
use crate::gate::{Outcome, Verdict};

/// One step of a staged rollout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The canary's share.
    pub weight: Weight,
    /// Share of stable's requests that are copied to the canary.
    pub mirror: Weight,
    /// How long it keeps this share. Steps end at checks, so in effect it is rounded up to a
    /// multiple of the interval.
    pub hold: Span,
    /// Whether a person has to confirm before the rollout goes on from here.
    pub pause: bool,
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
    /// They alert a person, who rolls back after a while; until then the canary stays at its weight
    /// and checks go on.
    Manual,
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
    /// A step is neither judged nor over before the canary has answered so many requests of users
    /// since it began.
    pub min_requests: u64,
    /// How long people take: from the alert to the rollback ([`Rollback::Manual`]), and from the end
    /// of a hold to the confirmation ([`Step::pause`]).
    pub judgement: Judgement,
    /// When weights grow and people answer; what rolls back automatically always does. `None`: at
    /// any hour.
    pub office_hours: Option<OfficeHours>,
}

/// Pauses are expected to be over within this quantile of the judgement.
const SLOW: f64 = 0.99;
/// As [`SLOW`], of an alert, whose rollback ends the rollout.
const SLOWEST: f64 = 0.999;

impl StagedPlan {
    /// Steps judged every `interval` and left at once when one check fails, at any hour; change the
    /// fields for anything else.
    pub fn new(steps: impl IntoIterator<Item = Step>, interval: Span) -> StagedPlan {
        StagedPlan {
            steps: steps.into_iter().collect(),
            interval,
            warmup: Span::ZERO,
            failures: 1,
            counting: Counting::Consecutive,
            inconclusive: WhenInconclusive::Ignore,
            rollback: Rollback::Automatic,
            min_requests: 0,
            judgement: Judgement::on_call(),
            office_hours: None,
        }
    }

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

    /// Whether requests are copied at any step.
    pub fn mirrors(&self) -> bool {
        self.steps.iter().any(|step| !step.mirror.is_zero())
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

    /// The longest that it can take: all holds, at each the checks that may fail without ending it,
    /// the nights and weekends in between, and people as slow as one in a hundred at each pause and
    /// one in a thousand after an alert. Where nothing bounds the wait (inconclusive checks that
    /// hold, a number of requests to wait for, failures that roll nothing back), at least four times
    /// the holds, which is a convention.
    pub fn longest(&self) -> Span {
        let spared = u64::from(self.failures.max(1) - 1);
        let consecutive = self.counting == Counting::Consecutive;
        let unbounded = self.inconclusive == WhenInconclusive::Hold
            || self.rollback == Rollback::Never
            || self.min_requests > 0;
        let mut end = self.next_open(Time::START);
        for step in self.steps.iter() {
            let repeats = if consecutive { spared } else { 0 };
            end += self.interval * (self.ticks(step) + repeats);
            if step.pause {
                end = self.answer(end, self.judgement.quantile(SLOW));
            }
            end = self.next_open(end);
        }
        if !consecutive {
            end = self.next_open(end + self.interval * spared);
        }
        let mut longest = end.since(Time::START);
        if unbounded {
            longest = longest.max(self.undisturbed() * 4);
        }
        if self.rollback == Rollback::Manual {
            let alert = Time::START + longest;
            let back = self.answer(alert, self.judgement.quantile(SLOWEST));
            longest = back.since(Time::START);
        }
        // What happens, happens at ticks.
        self.interval * longest.as_nanos().div_ceil(self.interval.as_nanos().max(1))
    }

    /// How long all holds take together when no check fails and nobody has to be waited for.
    pub fn undisturbed(&self) -> Span {
        let holds = self
            .steps
            .iter()
            .map(|step| self.interval * self.ticks(step));
        holds.fold(Span::ZERO, |sum, hold| sum + hold)
    }

    /// The first instant from `now` on at which the weight may grow.
    fn next_open(&self, now: Time) -> Time {
        let hours = self.office_hours;
        hours.map_or(now, |hours| hours.next_open(now))
    }

    /// When a person who is asked at `now` has acted, after `delay` of working time.
    fn answer(&self, now: Time, delay: Span) -> Time {
        let hours = self.office_hours;
        hours.map_or(now + delay, |hours| hours.after(now, delay))
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
    /// `failures` is at least 1 here.
    plan: StagedPlan,
    phase: Phase,
    step: usize,
    since: Time,
    /// How long the clock of this step's hold stood still.
    stopped: Span,
    /// Requests that the canary had answered when this step began.
    answered_before: u64,
    /// Requests that the canary had answered at this tick.
    answered: u64,
    failures: u32,
    would_have_rolled_back_at: Option<Time>,
    /// When a person, asked to confirm or to roll back, will have acted.
    answer: Option<Time>,
    /// Decides how long people take.
    patience: u64,
    /// How often people were asked.
    questions: u32,
    action: Option<Action>,
}

impl Staged {
    /// Before the first tick.
    pub fn new(plan: &StagedPlan) -> Staged {
        Staged {
            plan: StagedPlan {
                failures: plan.failures.max(1),
                ..plan.clone()
            },
            phase: Phase::Initialized,
            step: 0,
            since: Time::START,
            stopped: Span::ZERO,
            answered_before: 0,
            answered: 0,
            failures: 0,
            would_have_rolled_back_at: None,
            answer: None,
            patience: 0,
            questions: 0,
            action: None,
        }
    }

    /// A tick has come.
    pub fn handle_tick(&mut self, now: Time, surroundings: &Surroundings) -> Need {
        if self.is_over() {
            return Need::Nothing;
        }
        self.answered = surroundings.canary_requests;
        self.patience = surroundings.patience;
        if self.phase == Phase::Initialized {
            if self.may_grow(now) {
                self.phase = Phase::Progressing;
                self.enter(0, now);
            }
            return Need::Nothing;
        }
        if self.phase == Phase::Alerted && self.answer.is_some_and(|answer| now >= answer) {
            self.roll_back();
            return Need::Nothing;
        }
        if self.answered - self.answered_before < self.plan.min_requests {
            return Need::Nothing;
        }
        if now < self.since + self.plan.warmup {
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
        match (verdict.outcome, self.plan.inconclusive) {
            (Outcome::Fail, _) | (Outcome::Inconclusive, WhenInconclusive::Fail) => self.fail(now),
            (Outcome::Inconclusive, WhenInconclusive::Hold) => {
                self.stopped = self.stopped + self.plan.interval;
            }
            (Outcome::Inconclusive, WhenInconclusive::Ignore) => self.advance_when_held(now),
            (Outcome::Pass, _) => {
                if self.plan.counting == Counting::Consecutive {
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

    /// When failures first reached the limit although nothing was rolled back for it
    /// ([`Rollback::Never`]), or not at once ([`Rollback::Manual`]).
    pub fn would_have_rolled_back_at(&self) -> Option<Time> {
        self.would_have_rolled_back_at
    }

    /// A failed check: the weight stays, whether or not its hold is over.
    fn fail(&mut self, now: Time) {
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.plan.failures {
            return;
        }
        match self.plan.rollback {
            Rollback::Automatic => self.roll_back(),
            Rollback::Manual => {
                // Whoever was asked to confirm has something else to do now.
                if self.phase != Phase::Alerted {
                    self.phase = Phase::Alerted;
                    self.ask(now);
                }
                self.would_have_rolled_back_at.get_or_insert(now);
            }
            Rollback::Never => {
                self.would_have_rolled_back_at.get_or_insert(now);
            }
        }
    }

    fn roll_back(&mut self) {
        self.phase = Phase::Failed;
        self.action = Some(Action::RollBack);
    }

    /// A person is asked, and will have acted after a delay of their own.
    fn ask(&mut self, now: Time) {
        let delay = self.plan.judgement.delay(self.patience, self.questions);
        self.questions += 1;
        self.answer = Some(self.plan.answer(now, delay));
    }

    fn may_grow(&self, now: Time) -> bool {
        let hours = self.plan.office_hours;
        hours.is_none_or(|hours| hours.is_open(now))
    }

    fn advance_when_held(&mut self, now: Time) {
        let step = self.plan.steps.get(self.step);
        let (hold, pause) = step.map_or((Span::ZERO, false), |s| (s.hold, s.pause));
        if self.phase == Phase::Alerted || now.since(self.since) < hold + self.stopped {
            return;
        }
        if pause {
            if self.phase != Phase::Paused {
                self.phase = Phase::Paused;
                self.ask(now);
            }
            if self.answer.is_some_and(|answer| now < answer) {
                return;
            }
        }
        if self.may_grow(now) {
            self.enter(self.step + 1, now);
        }
    }

    fn enter(&mut self, step: usize, now: Time) {
        self.step = step;
        self.since = now;
        self.stopped = Span::ZERO;
        self.answered_before = self.answered;
        self.answer = None;
        self.action = Some(match self.plan.steps.get(step) {
            Some(step) => {
                self.phase = Phase::Progressing;
                Action::Route(Routing {
                    mirror: step.mirror,
                    ..Routing::weighted(step.weight)
                })
            }
            None => {
                self.phase = Phase::Succeeded;
                Action::Promote
            }
        });
    }
}

#[cfg(test)]
mod tests;
