//! The controller of one rollout under Flagger.

use std::sync::Arc;

use super::super::{
    Action, HookKinds, Hooks, Need, Phase, Reach, Readiness, Routing, State, Surroundings,
};
use super::{FlaggerPlan, FlaggerSettings, Router, Status, Strategy};
use crate::base::{Time, Weight};
use crate::gate::{Outcome, Verdict};

/// Flagger, one rollout: driven like every [`Controller`](super::super::Controller).
///
/// The first tick notices the new revision that the rollout is about.
/// [`Surroundings::new_revision`] tells of a further one since the last tick: a template other than
/// the ones last applied and last promoted. The controller remembers it until it acts on it. After
/// the end it can be ticked on; it idles until another revision comes.
///
/// [`Action::Promote`] leaves when the phase becomes Promoting (with `skipAnalysis`: Succeeded).
/// [`Action::RollBack`] includes sending everything back to the primary; no route is sent with it.
#[derive(Debug, Clone)]
pub struct Flagger {
    settings: Arc<FlaggerSettings>,
    status: Status,
    live: Live,
    revision_pending: bool,
    judged_under: Option<Hooks>,
    /// Hooks asked at this tick.
    asked: HookKinds,
    route: Option<Routing>,
    ending: Option<Action>,
}

/// What the routing object says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// The canary's percentage.
    pub weight: i64,
    /// Whether it says that requests are mirrored.
    pub mirrored: bool,
}

impl Flagger {
    /// Before the first tick.
    pub fn new(plan: &FlaggerPlan) -> Flagger {
        Flagger {
            settings: Arc::clone(&plan.settings),
            status: Status::INITIALIZED,
            live: Live {
                weight: 0,
                mirrored: false,
            },
            revision_pending: true,
            judged_under: None,
            asked: HookKinds::default(),
            route: None,
            ending: None,
        }
    }

    /// A tick has come. Needs the analysis' verdict when it evaluates metrics.
    ///
    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, `advanceCanary`, in its order.
    pub fn handle_tick(&mut self, _now: Time, surroundings: &Surroundings) -> Need {
        self.judged_under = None;
        self.asked = HookKinds::default();
        self.revision_pending |= surroundings.new_revision;
        if self.is_over() {
            return Need::Nothing;
        }
        if self.status.phase == Phase::Failed {
            // A failed Canary stores the revision as applied before it compares: a tick that ends
            // early from here loses it.
            self.revision_pending = false;
        }
        let hooks = self.existing(surroundings.hooks);
        if !self.settings.skip_analysis && !self.primary_is_ready(surroundings.primary) {
            return Need::Nothing;
        }
        if !matches!(
            self.status.phase,
            Phase::Progressing | Phase::WaitingPromotion | Phase::Promoting | Phase::Finalising
        ) {
            self.pass_start_gate(hooks);
            return Need::Nothing;
        }
        if self.is_under_analysis() && self.revision_pending {
            self.restart();
            return Need::Nothing;
        }
        match surroundings.canary {
            Readiness::Ready => {}
            Readiness::Waiting => return Need::Nothing,
            Readiness::PastDeadline => {
                self.roll_back();
                return Need::Nothing;
            }
        }
        if self.settings.skip_analysis {
            self.promote_unchecked();
            return Need::Nothing;
        }
        self.asked.rollback = self.is_under_analysis();
        if self.asked.rollback && hooks.rollback {
            self.roll_back();
            return Need::Nothing;
        }
        match self.status.phase {
            Phase::Promoting => self.return_traffic(),
            Phase::Finalising => self.enter(Phase::Succeeded),
            // Before the checks of this tick: reaching the threshold and rolling back are two ticks.
            _ if i64::from(self.status.failed_checks) >= self.settings.threshold() => {
                self.roll_back();
            }
            _ => return self.check_or_take_first_step(hooks),
        }
        Need::Nothing
    }

    /// The verdict that the tick needed; anything but a pass is a failed check, because Flagger
    /// knows no third answer.
    pub fn handle_verdict(&mut self, _now: Time, verdict: &Verdict) {
        let Some(hooks) = self.judged_under.take() else {
            return;
        };
        if verdict.outcome == Outcome::Pass {
            self.advance(hooks);
        } else {
            self.status.failed_checks += 1;
        }
    }

    /// The next thing to do: a route before the promotion or rollback of the same tick.
    pub fn poll_action(&mut self) -> Option<Action> {
        if let Some(routing) = self.route.take() {
            return Some(Action::Route(routing));
        }
        self.ending.take()
    }

    /// Which kinds of hook were asked at the last tick, whether or not the Canary has them.
    pub fn asked(&self) -> HookKinds {
        self.asked
    }

    /// Whether nothing more will happen unless another revision comes.
    pub fn is_over(&self) -> bool {
        let ended = matches!(
            self.status.phase,
            Phase::Initialized | Phase::Succeeded | Phase::Failed
        );
        ended && !self.revision_pending
    }

    /// What it looks like from outside.
    pub fn state(&self) -> State {
        State {
            phase: self.status.phase,
            failures: self.status.failed_checks,
        }
    }

    /// The Canary's status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What the routing object says. Provider `kubernetes` has none and makes it up from the
    /// iterations (Flagger 1.44.0, `pkg/router/*.go`, `GetRoutes`).
    pub fn live(&self) -> Live {
        if self.settings.router != Router::Kubernetes {
            return self.live;
        }
        Live {
            weight: if self.status.iterations > 0 { 100 } else { 0 },
            mirrored: false,
        }
    }

    /// Hooks that the Canary lacks count as agreeing, rollback hooks as silent.
    fn existing(&self, answers: Hooks) -> Hooks {
        let has = self.settings.hooks;
        Hooks {
            confirm_rollout: !has.confirm_rollout || answers.confirm_rollout,
            pre_rollout: !has.pre_rollout || answers.pre_rollout,
            rollout: !has.rollout || answers.rollout,
            confirm_traffic_increase: !has.confirm_traffic_increase
                || answers.confirm_traffic_increase,
            confirm_promotion: !has.confirm_promotion || answers.confirm_promotion,
            rollback: has.rollback && answers.rollback,
        }
    }

    fn is_under_analysis(&self) -> bool {
        matches!(
            self.status.phase,
            Phase::Progressing | Phase::WaitingPromotion
        )
    }

    /// An unready primary ends the tick; one beyond its deadline ends the rollout. While it is
    /// being promoted the canary keeps the traffic, since the primary cannot take it.
    ///
    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, `advanceCanary` (failed promotion is new in
    /// 1.44).
    fn primary_is_ready(&mut self, primary: Readiness) -> bool {
        match primary {
            Readiness::Ready => return true,
            Readiness::Waiting => {}
            Readiness::PastDeadline => match self.status.phase {
                Phase::Promoting | Phase::Finalising => {
                    self.set_routes(100, false);
                    self.status.sync(Phase::Failed, 100);
                    self.revision_pending = false;
                }
                _ => self.roll_back(),
            },
        }
        false
    }

    /// Starts the run or waits for leave to. Once it waits, it starts with whatever revision is
    /// there when the gate opens.
    ///
    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, below `advanceCanary`.
    fn pass_start_gate(&mut self, hooks: Hooks) {
        self.asked.confirm_rollout = true;
        if !hooks.confirm_rollout {
            self.enter(Phase::Waiting);
            return;
        }
        self.status.sync(Phase::Progressing, 0);
        self.revision_pending = false;
    }

    /// Another revision arrived: all traffic back at once, and the run begins anew.
    ///
    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, below `advanceCanary`.
    fn restart(&mut self) {
        self.set_routes(0, false);
        self.status.sync(Phase::Progressing, 0);
        self.revision_pending = false;
    }

    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, below `advanceCanary`.
    fn promote_unchecked(&mut self) {
        self.set_routes(0, false);
        self.enter(Phase::Succeeded);
        self.ending = Some(Action::Promote);
    }

    /// Everything back to the primary in one go; the revision counts as applied.
    ///
    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, below `advanceCanary`.
    fn roll_back(&mut self) {
        self.live = Live {
            weight: 0,
            mirrored: false,
        };
        self.ending = Some(Action::RollBack);
        self.status.sync(Phase::Failed, 0);
        self.revision_pending = false;
    }

    /// Traffic goes back to the promoted primary, at once or step by step.
    ///
    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, below `advanceCanary`.
    fn return_traffic(&mut self) {
        let step = self.settings.step_weight_promotion;
        let canary = match step {
            0 => 0,
            _ => self.live().weight.saturating_sub(step).clamp(0, 100),
        };
        self.set_routes(canary, false);
        self.status.canary_weight = canary;
        if canary == 0 {
            self.enter(Phase::Finalising);
        }
    }

    /// The first step is told by the live weight and the iterations, and comes without a check;
    /// its pre-rollout hooks count as one.
    ///
    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, `advanceCanary`; `scheduler_hooks.go`.
    fn check_or_take_first_step(&mut self, hooks: Hooks) -> Need {
        let live = self.live();
        let mirroring = self.settings.mirror && live.mirrored;
        if live.weight == 0 && self.status.iterations == 0 && !mirroring {
            self.asked.pre_rollout = true;
            if hooks.pre_rollout {
                self.advance(hooks);
            } else {
                self.status.failed_checks += 1;
            }
            return Need::Nothing;
        }
        self.asked.rollout = true;
        if !hooks.rollout {
            self.status.failed_checks += 1;
            return Need::Nothing;
        }
        self.judged_under = Some(hooks);
        Need::Verdict
    }

    fn advance(&mut self, hooks: Hooks) {
        match self.settings.strategy() {
            Strategy::Weighted => self.advance_weighted(hooks),
            Strategy::AbTest => self.advance_ab_test(hooks),
            Strategy::BlueGreen => self.advance_blue_green(hooks),
        }
    }

    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, below `advanceCanary`.
    fn advance_weighted(&mut self, hooks: Hooks) {
        let live = self.live();
        let increment = self.settings.increment(live.weight);
        if increment <= 0 {
            return;
        }
        let asks = !live.mirrored && self.status.phase == Phase::Progressing;
        self.asked.confirm_traffic_increase |= asks;
        if asks && !hooks.confirm_traffic_increase {
            return;
        }
        if live.weight >= self.settings.max_weight() {
            self.promote_if_confirmed(hooks);
            return;
        }
        if self.settings.mirror && live.weight == 0 && !live.mirrored {
            // One stage of mirroring before the first weight.
            self.set_routes(0, true);
            self.status.canary_weight = 0;
            return;
        }
        let weight = live.weight.saturating_add(increment).min(100);
        self.set_routes(weight, false);
        self.status.canary_weight = weight;
    }

    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, below `advanceCanary`.
    fn advance_ab_test(&mut self, hooks: Hooks) {
        if self.settings.iterations() > self.status.iterations {
            self.set_routes(100, false);
            self.status.iterations += 1;
        } else {
            self.promote_if_confirmed(hooks);
        }
    }

    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, below `advanceCanary`: after its iterations the
    /// canary takes all traffic and is checked once more.
    fn advance_blue_green(&mut self, hooks: Hooks) {
        let iterations = self.settings.iterations();
        if iterations > self.status.iterations {
            if self.settings.mirror && !self.live().mirrored {
                self.set_routes(0, true);
            }
            self.status.iterations += 1;
        } else if iterations == self.status.iterations {
            if self.is_promotion_confirmed(hooks) {
                self.set_routes(100, false);
                self.status.iterations += 1;
            }
        } else {
            self.promote_if_confirmed(hooks);
        }
    }

    fn promote_if_confirmed(&mut self, hooks: Hooks) {
        if self.is_promotion_confirmed(hooks) {
            self.enter(Phase::Promoting);
            self.ending = Some(Action::Promote);
        }
    }

    /// Flagger 1.44.0, `pkg/controller/scheduler_hooks.go`.
    fn is_promotion_confirmed(&mut self, hooks: Hooks) -> bool {
        self.asked.confirm_promotion = true;
        if !hooks.confirm_promotion {
            self.enter(Phase::WaitingPromotion);
        }
        hooks.confirm_promotion
    }

    fn enter(&mut self, phase: Phase) {
        self.status.enter(phase, self.settings.iterations());
    }

    /// Writes the routing object, and says so when that changes where requests go. Provider
    /// `kubernetes` writes nothing.
    fn set_routes(&mut self, weight: i64, mirrored: bool) {
        if self.settings.router == Router::Kubernetes {
            return;
        }
        let before = self.routing();
        self.live = Live {
            weight,
            mirrored: mirrored
                && self
                    .settings
                    .router
                    .reports_mirror(self.settings.iterations()),
        };
        let after = self.routing();
        if after != before {
            self.route = Some(after);
        }
    }

    fn routing(&self) -> Routing {
        let matched = self.live.weight > 0 && self.settings.strategy() == Strategy::AbTest;
        let mirror = match (self.live.mirrored, self.settings.mirror_weight) {
            (false, _) => Weight::ZERO,
            // Unset means the mesh's default. Only Istio knows a share.
            (true, 1..) if self.settings.router == Router::Istio => {
                Weight::clamped(self.settings.mirror_weight as f64)
            }
            (true, _) => Weight::FULL,
        };
        Routing {
            canary: Weight::clamped(self.live.weight as f64),
            reach: if matched {
                Reach::Matched
            } else {
                Reach::Everyone
            },
            mirror,
        }
    }
}
