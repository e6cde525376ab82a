//! Flagger's control loop: what a Canary asks for ([`FlaggerPlan`]) and the controller of one
//! rollout ([`Flagger`]).
//!
//! Replayed is Flagger 1.44.0 (`pkg/controller/scheduler.go` and the functions it calls,
//! `pkg/controller/scheduler_hooks.go`, `pkg/canary/status.go`, `pkg/canary/spec.go`,
//! `pkg/apis/flagger/v1beta1/canary.go`). One tick does at most one thing.

mod controller;
mod interval;
mod status;
mod strategy;

#[cfg(test)]
mod race;

pub use controller::{Flagger, Live};
pub use interval::{Interval, analysis_interval, is_duration};
pub use status::Status;
pub use strategy::{Obstacle, Strategy};

use std::sync::Arc;

use super::{Cadence, HookKinds};
use crate::base::{Span, Time, Weight};

/// A rollout under Flagger. Cheap to clone: the settings are shared.
#[derive(Debug, Clone, PartialEq)]
pub struct FlaggerPlan {
    settings: Arc<FlaggerSettings>,
}

/// The fields of a Canary that decide, with the values as written: percentages and counts keep the
/// sign and size that the manifest gave them, because Flagger gives odd values a meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct FlaggerSettings {
    /// Time between ticks, as [`analysis_interval`] understands `analysis.interval`.
    pub interval: Span,
    /// `analysis.threshold`: failed checks that end the rollout; below 1 means 1.
    pub threshold: i64,
    /// `analysis.stepWeight`: percentage points per passed check.
    pub step_weight: i64,
    /// `analysis.stepWeights`: percentages in order.
    pub step_weights: Vec<i64>,
    /// `analysis.maxWeight`: percentage from which a passed check promotes; below 1 means 100.
    pub max_weight: i64,
    /// `analysis.stepWeightPromotion`: percentage points by which traffic returns to the primary
    /// after promotion; 0 returns it at once.
    pub step_weight_promotion: i64,
    /// `analysis.iterations`: checks of an A/B test or Blue/Green rollout; below 1 means a
    /// weighted canary.
    pub iterations: i64,
    /// Whether `analysis.match` names anyone.
    pub matched: bool,
    /// `analysis.mirror`: copy requests to the canary before it answers any.
    pub mirror: bool,
    /// `analysis.mirrorWeight`: percentage of requests copied; 0 means all.
    pub mirror_weight: i64,
    /// `spec.skipAnalysis`: promote without checks.
    pub skip_analysis: bool,
    /// What the provider's routing object can do.
    pub router: Router,
    /// Which kinds of hook the Canary has; a kind that it lacks is never asked.
    pub hooks: HookKinds,
}

/// What a provider's routing object can do, as far as it decides (`pkg/router/*.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Router {
    /// Weights, and a mirror that it reports.
    Istio,
    /// Weights, and a mirror that it reports only when there are iterations.
    GatewayApi,
    /// Weights; a mirror is never reported.
    WeightsOnly,
    /// No routing object at all (provider `kubernetes`).
    Kubernetes,
}

impl Default for FlaggerSettings {
    /// A Canary on Istio whose analysis sets nothing; it never moves until a step is given.
    fn default() -> FlaggerSettings {
        FlaggerSettings {
            interval: Span::from_secs(60),
            threshold: 1,
            step_weight: 0,
            step_weights: Vec::new(),
            max_weight: 100,
            step_weight_promotion: 0,
            iterations: 0,
            matched: false,
            mirror: false,
            mirror_weight: 0,
            skip_analysis: false,
            router: Router::Istio,
            hooks: HookKinds::default(),
        }
    }
}

impl FlaggerPlan {
    /// A rollout with these settings.
    pub fn new(settings: FlaggerSettings) -> FlaggerPlan {
        FlaggerPlan {
            settings: Arc::new(settings),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &FlaggerSettings {
        &self.settings
    }

    /// When the controller ticks: first when it notices the new revision, then every interval.
    ///
    /// Flagger 1.44.0, `pkg/controller/job.go`: the ticker's phase is unrelated to the arrival of a
    /// revision, which therefore waits up to one interval before this rollout starts.
    pub fn cadence(&self) -> Cadence {
        Cadence {
            first: Time::START,
            period: self.settings.interval,
        }
    }

    /// The canary's percentages in a rollout in which every check passes, in order: the weights of
    /// a weighted canary; one step of 100 for an A/B test (of the matched requests) and for the
    /// switch of Blue/Green; none where nothing is routed before promotion.
    pub fn steps(&self) -> Vec<Weight> {
        let settings = &self.settings;
        if settings.skip_analysis || settings.router == Router::Kubernetes {
            return Vec::new();
        }
        match settings.strategy() {
            Strategy::Weighted if settings.mirror_is_never_reported() => Vec::new(),
            Strategy::Weighted => {
                let weights = settings.weights().0;
                weights.iter().map(|w| Weight::clamped(*w as f64)).collect()
            }
            Strategy::AbTest | Strategy::BlueGreen => vec![Weight::FULL],
        }
    }

    /// The same rollout entered at `weight`: this step first, then its own steps above it. Flagger
    /// knows whole percentages from 1 to 100, so `weight` is rounded to one. Only a weighted canary
    /// has weights to enter at; others stay as they are.
    pub fn entering_at(&self, weight: Weight) -> FlaggerPlan {
        if !self.is_weighted() {
            return self.clone();
        }
        let entry = whole_percent(weight);
        let mut step_weights = vec![entry];
        let own = self.settings.weights().0;
        step_weights.extend(own.into_iter().filter(|own| *own > entry));
        self.with_step_weights(step_weights)
    }

    /// The same rollout with the canary held at `weight` (rounded as in
    /// [`FlaggerPlan::entering_at`]): checks go on at every tick and can end in rollback, passed
    /// ones lead nowhere. Written as the list `[weight, weight, 100]`, on which Flagger itself gets
    /// stuck. Other strategies than the weighted canary stay as they are.
    pub fn holding_at(&self, weight: Weight) -> FlaggerPlan {
        if !self.is_weighted() {
            return self.clone();
        }
        let held = whole_percent(weight);
        self.with_step_weights(vec![held, held, 100])
    }

    /// Whether requests are copied to the canary before it answers any.
    pub(super) fn mirrors(&self) -> bool {
        self.settings.mirror
    }

    /// The longest that a rollout can take until promotion or rollback when pods are ready and
    /// hooks answer: every check passes in the end, and one failure fewer than the threshold (or,
    /// for a rollback, the last of them) comes on the way. For a rollout that has an
    /// [`Obstacle`] there is no such time; the answer is then that of the steps that it does reach.
    pub fn longest(&self) -> Span {
        let settings = &self.settings;
        let checks = if settings.skip_analysis {
            0
        } else {
            settings.checks_to_promote()
        };
        let threshold = u64::try_from(settings.threshold()).unwrap_or(1);
        // One tick to notice, one for the first step, then the checks, one more to roll back.
        settings.interval * checks.saturating_add(threshold).saturating_add(2)
    }

    /// What keeps this rollout from ever being promoted, if anything does.
    pub fn obstacle(&self) -> Option<Obstacle> {
        self.settings.obstacle()
    }

    fn is_weighted(&self) -> bool {
        !self.settings.skip_analysis && self.settings.strategy() == Strategy::Weighted
    }

    fn with_step_weights(&self, step_weights: Vec<i64>) -> FlaggerPlan {
        FlaggerPlan::new(FlaggerSettings {
            step_weight: 0,
            step_weights,
            ..FlaggerSettings::clone(&self.settings)
        })
    }
}

fn whole_percent(weight: Weight) -> i64 {
    (weight.as_percent().round() as i64).max(1)
}
