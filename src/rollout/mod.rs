//! Controllers: verdicts and time in; actions and the next deadline out. None reads a clock, none
//! knows which engine drives it.

pub mod argo;
pub mod flagger;
mod hooks;
pub mod spinnaker;
mod staged;

pub use argo::{Argo, ArgoPlan};
pub use flagger::{Flagger, FlaggerPlan};
pub use hooks::{HookKinds, Hooks};
pub use spinnaker::{Spinnaker, SpinnakerPlan};
pub use staged::{
    Counting, Judgement, OfficeHours, Rollback, Staged, StagedPlan, Step, WhenInconclusive,
};

use std::fmt;

use crate::base::{Span, Time, Weight};
use crate::gate::{GateSet, Verdict, decisive};

/// Where requests go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Routing {
    /// Share of the requests in reach that the canary answers.
    pub canary: Weight,
    /// Which requests are in reach of the split.
    pub reach: Reach,
    /// Share of stable's requests copied to the canary, answers discarded.
    pub mirror: Weight,
}

/// Which requests a split applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Everyone,
    /// Those that match the A/B condition.
    Matched,
    /// All of them, and those that match go to the canary whatever its weight.
    EveryoneAndMatched,
}

impl Routing {
    /// Everything to stable.
    pub const STABLE: Routing = Routing {
        canary: Weight::ZERO,
        reach: Reach::Everyone,
        mirror: Weight::ZERO,
    };

    /// A share of everybody's requests to the canary.
    pub fn weighted(canary: Weight) -> Routing {
        Routing {
            canary,
            ..Routing::STABLE
        }
    }
}

/// What a controller wants done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Route requests so from now on.
    Route(Routing),
    /// The canary has passed; it becomes stable.
    Promote,
    /// The canary has failed; everything goes back to stable.
    RollBack,
}

/// What a controller needs before it can finish its tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the tick is over.
    Nothing,
    /// The analysis, gate by gate in order until one fails.
    Verdict,
    /// Each of these gates, whatever the others say.
    Each(GateSet),
}

/// What a controller sees of the world besides metrics. The default is a world in which
/// everything works: pods ready, hooks answering 200, rollback hooks silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surroundings {
    /// The canary's pods.
    pub canary: Readiness,
    /// The primary's pods.
    pub primary: Readiness,
    /// Whether a revision appeared that differs from the one last applied.
    pub new_revision: bool,
    /// Answers of the hooks, asked now.
    pub hooks: Hooks,
    /// Requests of users that the canary has answered since the start.
    pub canary_requests: u64,
    /// Decides how long people take who are asked something: any number, the same throughout a
    /// rollout and drawn anew for each.
    pub patience: u64,
}

/// Whether pods are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Ready.
    Ready,
    /// Not ready, within the deadline.
    Waiting,
    /// Not ready for longer than the deadline allows.
    PastDeadline,
}

impl Default for Surroundings {
    fn default() -> Surroundings {
        Surroundings {
            canary: Readiness::Ready,
            primary: Readiness::Ready,
            new_revision: false,
            hooks: Hooks::default(),
            canary_requests: 0,
            patience: 0,
        }
    }
}

/// A controller's settings; [`Plan::start`] makes the controller of one rollout.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Steps of weight and hold with any gates.
    Staged(StagedPlan),
    /// Flagger's control loop.
    Flagger(FlaggerPlan),
    /// Argo Rollouts.
    Argo(ArgoPlan),
    /// Spinnaker's canary stage.
    Spinnaker(SpinnakerPlan),
}

/// When a controller ticks: at `first`, then every `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// The first tick.
    pub first: Time,
    /// Time between ticks.
    pub period: Span,
}

/// What a controller looks like from outside after a tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Its phase in its own words: `Progressing`, `step 2 of 5`.
    pub phase: Phase,
    /// Failed checks that it counts at the moment.
    pub failures: u32,
}

/// A controller's phase. The first eight are Flagger's names, the next two the staged controller's,
/// then two of Argo's, which shares two more; the last three are those of Spinnaker's stages and of a
/// pipeline that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Ready for a new revision.
    Initialized,
    /// A hook keeps the rollout from starting.
    Waiting,
    /// Under way.
    Progressing,
    /// All steps passed, a hook keeps it from promotion.
    WaitingPromotion,
    /// The canary's version is being copied to the primary.
    Promoting,
    /// Traffic is back on the primary.
    Finalising,
    /// Done.
    Succeeded,
    /// Rolled back.
    Failed,
    /// A person is asked whether to go on.
    Paused,
    /// A person is asked to roll back.
    Alerted,
    /// The version that was asked for is the stable one.
    Healthy,
    /// Aborted: on the way back, or back.
    Degraded,
    /// The canary warms up before it is looked at.
    WarmupWait,
    /// The next judgement is waited for.
    IntervalWait,
    /// The pipeline has failed and the canary is gone.
    Terminal,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Phase::Initialized => "Initialized",
            Phase::Waiting => "Waiting",
            Phase::Progressing => "Progressing",
            Phase::WaitingPromotion => "WaitingPromotion",
            Phase::Promoting => "Promoting",
            Phase::Finalising => "Finalising",
            Phase::Succeeded => "Succeeded",
            Phase::Failed => "Failed",
            Phase::Paused => "Paused",
            Phase::Alerted => "Alerted",
            Phase::Healthy => "Healthy",
            Phase::Degraded => "Degraded",
            Phase::WarmupWait => "Warmup Wait",
            Phase::IntervalWait => "Interval Wait",
            Phase::Terminal => "Terminal",
        })
    }
}

impl Plan {
    /// The controller of one rollout, before its first tick.
    pub fn start(&self) -> Controller {
        match self {
            Plan::Staged(plan) => Controller::Staged(Staged::new(plan)),
            Plan::Flagger(plan) => Controller::Flagger(Flagger::new(plan)),
            Plan::Argo(plan) => Controller::Argo(Box::new(Argo::new(plan))),
            Plan::Spinnaker(plan) => Controller::Spinnaker(Spinnaker::new(plan)),
        }
    }

    /// What its controller is called.
    pub fn controller(&self) -> &'static str {
        match self {
            Plan::Staged(_) => "staged",
            Plan::Flagger(_) => "Flagger",
            Plan::Argo(_) => "Argo",
            Plan::Spinnaker(_) => "Spinnaker",
        }
    }

    /// When the controller ticks.
    pub fn cadence(&self) -> Cadence {
        match self {
            Plan::Staged(plan) => plan.cadence(),
            Plan::Flagger(plan) => plan.cadence(),
            Plan::Argo(plan) => plan.cadence(),
            Plan::Spinnaker(plan) => plan.cadence(),
        }
    }

    /// Whether a tick is only a time at which something may be due, so that nothing happens at most of
    /// them.
    pub fn idles(&self) -> bool {
        matches!(self, Plan::Argo(_))
    }

    /// The percentages an undisturbed canary goes through, in order.
    pub fn steps(&self) -> Vec<Weight> {
        match self {
            Plan::Staged(plan) => plan.steps(),
            Plan::Flagger(plan) => plan.steps(),
            Plan::Argo(plan) => plan.steps(),
            Plan::Spinnaker(plan) => plan.steps(),
        }
    }

    /// Whether stable's requests are copied to the canary at any time.
    pub fn mirrors(&self) -> bool {
        match self {
            Plan::Spinnaker(_) => false,
            Plan::Staged(plan) => plan.mirrors(),
            Plan::Flagger(plan) => plan.mirrors(),
            Plan::Argo(plan) => plan.mirrors(),
        }
    }

    /// The same rollout entered at `weight`: this step first, then its own steps above it.
    pub fn entering_at(&self, weight: Weight) -> Plan {
        match self {
            Plan::Staged(plan) => Plan::Staged(plan.entering_at(weight)),
            Plan::Flagger(plan) => Plan::Flagger(plan.entering_at(weight)),
            Plan::Argo(plan) => Plan::Argo(plan.entering_at(weight)),
            Plan::Spinnaker(plan) => Plan::Spinnaker(plan.entering_at(weight)),
        }
    }

    /// The longest that a rollout can take until promotion or rollback, when nothing outside the
    /// metrics holds it up.
    pub fn longest(&self) -> Span {
        match self {
            Plan::Staged(plan) => plan.longest(),
            Plan::Flagger(plan) => plan.longest(),
            Plan::Argo(plan) => plan.longest(),
            Plan::Spinnaker(plan) => plan.longest(),
        }
    }
}

/// A rollout's controller.
///
/// To drive it: at each tick of its [`Cadence`] call [`Controller::handle_tick`]; as long as that
/// needs something, judge it at the same instant and call [`Controller::handle_verdicts`], which may
/// need more; then take actions with [`Controller::poll_action`] until there are none. Stop when
/// [`Controller::is_over`]. Time never goes backwards.
#[derive(Debug, Clone)]
pub enum Controller {
    /// See [`StagedPlan`].
    Staged(Staged),
    /// See [`FlaggerPlan`].
    Flagger(Flagger),
    /// See [`ArgoPlan`].
    Argo(Box<Argo>),
    /// See [`SpinnakerPlan`].
    Spinnaker(Spinnaker),
}

impl Controller {
    /// A tick has come.
    pub fn handle_tick(&mut self, now: Time, surroundings: &Surroundings) -> Need {
        match self {
            Controller::Staged(staged) => staged.handle_tick(now, surroundings),
            Controller::Flagger(flagger) => flagger.handle_tick(now, surroundings),
            Controller::Argo(argo) => argo.handle_tick(now, surroundings),
            Controller::Spinnaker(spinnaker) => spinnaker.handle_tick(now, surroundings),
        }
    }

    /// The looks that were needed at `now`, in the order of their gates; says what is needed next.
    pub fn handle_verdicts(&mut self, now: Time, looks: &[Verdict]) -> Need {
        match self {
            Controller::Staged(staged) => staged.handle_verdict(now, &decisive(looks)),
            Controller::Flagger(flagger) => flagger.handle_verdict(now, &decisive(looks)),
            Controller::Argo(argo) => return argo.handle_verdicts(now, looks),
            Controller::Spinnaker(spinnaker) => return spinnaker.handle_verdicts(now, looks),
        }
        Need::Nothing
    }

    /// The next thing to do, if any.
    pub fn poll_action(&mut self) -> Option<Action> {
        match self {
            Controller::Staged(staged) => staged.poll_action(),
            Controller::Flagger(flagger) => flagger.poll_action(),
            Controller::Argo(argo) => argo.poll_action(),
            Controller::Spinnaker(spinnaker) => spinnaker.poll_action(),
        }
    }

    /// Which hooks were asked at the last tick.
    pub fn asked(&self) -> HookKinds {
        match self {
            Controller::Flagger(flagger) => flagger.asked(),
            _ => HookKinds::default(),
        }
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        match self {
            Controller::Staged(staged) => staged.is_over(),
            Controller::Flagger(flagger) => flagger.is_over(),
            Controller::Argo(argo) => argo.is_over(),
            Controller::Spinnaker(spinnaker) => spinnaker.is_over(),
        }
    }

    /// What it looks like from outside.
    pub fn state(&self) -> State {
        match self {
            Controller::Staged(staged) => staged.state(),
            Controller::Flagger(flagger) => flagger.state(),
            Controller::Argo(argo) => argo.state(),
            Controller::Spinnaker(spinnaker) => spinnaker.state(),
        }
    }
}
