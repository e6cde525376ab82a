//! The arithmetic of Flagger's strategies: which weights, how many checks, and the settings from
//! which no rollout comes to an end.

use super::{FlaggerSettings, Router};

/// How traffic moves to the canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// A growing share of everybody's requests.
    Weighted,
    /// All requests that match, for a number of checks.
    AbTest,
    /// None for a number of checks, then everything.
    BlueGreen,
}

/// Why a rollout is never promoted, however good the canary is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// At this percentage the next step is not above it.
    NoStepFrom(i64),
    /// The maximum lies above 100, where the weight is cut off.
    MaximumOutOfReach(i64),
    /// Mirroring is asked for, and the router never reports that it is on: the first step is
    /// repeated for ever and nothing is checked.
    MirrorNeverReported,
}

impl FlaggerSettings {
    /// Failed checks that end the rollout, at least 1.
    ///
    /// Flagger 1.44.0, `pkg/apis/flagger/v1beta1/canary.go`.
    pub fn threshold(&self) -> i64 {
        self.threshold.max(1)
    }

    /// Iterations in effect: provider `kubernetes` knows no weights and takes 10 when none are set.
    ///
    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, `advanceCanary`.
    pub fn iterations(&self) -> i64 {
        if self.router == Router::Kubernetes && self.iterations < 1 {
            return 10;
        }
        self.iterations
    }

    /// The strategy that these settings choose; provider `kubernetes` ignores the match.
    ///
    /// Flagger 1.44.0, `pkg/apis/flagger/v1beta1/canary.go`, `DeploymentStrategy`.
    pub fn strategy(&self) -> Strategy {
        match self.iterations() {
            ..=0 => Strategy::Weighted,
            _ if self.matched && self.router != Router::Kubernetes => Strategy::AbTest,
            _ => Strategy::BlueGreen,
        }
    }

    /// The percentage from which a passed check promotes a weighted canary. A list of weights
    /// decides alone, by its last element.
    ///
    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, `maxWeight`.
    pub fn max_weight(&self) -> i64 {
        match self.step_weights.last() {
            Some(last) => (*last).min(100),
            None if self.max_weight > 0 => self.max_weight,
            None => 100,
        }
    }

    /// Percentage points to add at `weight`; zero or less leaves the canary where it is.
    ///
    /// Flagger 1.44.0, `pkg/controller/scheduler.go`, below `advanceCanary`.
    pub fn increment(&self, weight: i64) -> i64 {
        if self.step_weight > 0 || self.step_weights.is_empty() {
            return self.step_weight;
        }
        let room = 100 - weight;
        if room == 0 {
            // Only opens the branch that promotes.
            return 1;
        }
        if weight == 0 {
            return room.min(self.step_weights[0]);
        }
        let found = self.step_weights.windows(2).find(|pair| pair[0] == weight);
        match found {
            Some(pair) => room.min(pair[1].saturating_sub(weight)),
            None => room,
        }
    }

    /// The weights of a weighted canary whose checks all pass, and why they end without promotion
    /// if they do.
    pub(super) fn weights(&self) -> (Vec<i64>, Option<Obstacle>) {
        let (mut weight, mut weights) = (0_i64, Vec::new());
        loop {
            let increment = self.increment(weight);
            if increment <= 0 {
                return (weights, Some(Obstacle::NoStepFrom(weight)));
            }
            if weight >= self.max_weight() {
                return (weights, None);
            }
            if weight == 100 {
                return (
                    weights,
                    Some(Obstacle::MaximumOutOfReach(self.max_weight())),
                );
            }
            weight = weight.saturating_add(increment).min(100);
            weights.push(weight);
        }
    }

    /// Whether a mirror is asked for that the router never reports.
    ///
    /// Flagger 1.44.0, `pkg/router/*.go`, `GetRoutes`: Istio reports it; Gateway API only with
    /// iterations; all others answer that it is off.
    pub(super) fn mirror_is_never_reported(&self) -> bool {
        self.mirror && !self.router.reports_mirror(self.iterations())
    }

    /// Passed checks that lead to promotion (of an obstructed rollout: to its last step).
    pub(super) fn checks_to_promote(&self) -> u64 {
        let iterations = u64::try_from(self.iterations()).unwrap_or(0);
        match self.strategy() {
            Strategy::AbTest => iterations,
            // The switch to the canary is checked once more.
            Strategy::BlueGreen => iterations.saturating_add(1),
            Strategy::Weighted => self.weights().0.len() as u64 + u64::from(self.mirror),
        }
    }

    /// What keeps a rollout with these settings from ever being promoted.
    pub(super) fn obstacle(&self) -> Option<Obstacle> {
        if self.skip_analysis || self.strategy() != Strategy::Weighted {
            return None;
        }
        let obstacle = self.weights().1;
        if obstacle != Some(Obstacle::NoStepFrom(0)) && self.mirror_is_never_reported() {
            return Some(Obstacle::MirrorNeverReported);
        }
        obstacle
    }
}

impl Router {
    /// Whether the routing object says that mirroring is on once it is.
    pub(super) fn reports_mirror(self, iterations: i64) -> bool {
        match self {
            Router::Istio => true,
            Router::GatewayApi => iterations > 0,
            Router::WeightsOnly | Router::Kubernetes => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Span, Weight};
    use crate::rollout::flagger::FlaggerPlan;

    fn stepping(step_weight: i64, max_weight: i64) -> FlaggerSettings {
        FlaggerSettings {
            step_weight,
            max_weight,
            ..FlaggerSettings::default()
        }
    }

    fn listing(step_weights: &[i64]) -> FlaggerSettings {
        FlaggerSettings {
            step_weights: step_weights.to_vec(),
            ..FlaggerSettings::default()
        }
    }

    #[test]
    fn weights_may_pass_the_maximum_but_not_100() {
        assert_eq!(stepping(20, 50).weights(), (vec![20, 40, 60], None));
        assert_eq!(stepping(40, 0).weights(), (vec![40, 80, 100], None));
        assert_eq!(stepping(i64::MAX, 50).weights(), (vec![100], None));
        assert_eq!(listing(&[50]).weights(), (vec![50], None));
        assert_eq!(listing(&[30, 150]).weights(), (vec![30, 100], None));
    }

    #[test]
    fn settings_that_never_reach_promotion_are_told_apart() {
        let stuck = |at| Some(Obstacle::NoStepFrom(at));
        assert_eq!(stepping(0, 50).obstacle(), stuck(0));
        assert_eq!(stepping(-5, 50).obstacle(), stuck(0));
        assert_eq!(listing(&[0, 10]).obstacle(), stuck(0));
        assert_eq!(listing(&[10, 10, 50]).obstacle(), stuck(10));
        assert_eq!(listing(&[10, 60, 30]).obstacle(), stuck(60));
        assert_eq!(
            stepping(60, 120).obstacle(),
            Some(Obstacle::MaximumOutOfReach(120))
        );
        let mirrored = FlaggerSettings {
            mirror: true,
            router: Router::GatewayApi,
            ..stepping(25, 50)
        };
        assert_eq!(mirrored.obstacle(), Some(Obstacle::MirrorNeverReported));
        let blue_green = FlaggerSettings {
            iterations: 3,
            ..mirrored
        };
        assert_eq!(blue_green.obstacle(), None);
    }

    #[test]
    fn a_rollout_can_be_entered_or_held_at_any_whole_percentage() {
        let plan = FlaggerPlan::new(stepping(20, 50));
        let percents = |plan: &FlaggerPlan| -> Vec<f64> {
            plan.steps().into_iter().map(Weight::as_percent).collect()
        };
        let entered = |percent| percents(&plan.entering_at(Weight::clamped(percent)));
        assert_eq!(entered(5.0), [5.0, 20.0, 40.0, 60.0]);
        assert_eq!(entered(40.0), [40.0, 60.0]);
        assert_eq!(entered(75.0), [75.0]);
        assert_eq!(entered(0.2), [1.0, 20.0, 40.0, 60.0]);
        assert_eq!(plan.entering_at(Weight::clamped(75.0)).obstacle(), None);

        let held = plan.holding_at(Weight::clamped(5.0));
        assert_eq!(percents(&held), [5.0]);
        assert_eq!(held.obstacle(), Some(Obstacle::NoStepFrom(5)));
    }

    #[test]
    fn the_longest_rollout_leaves_room_for_every_tick() {
        // Worked out by hand: at a threshold of 3 and three weights the last rollback comes in tick 7.
        let settings = FlaggerSettings {
            threshold: 3,
            interval: Span::from_secs(30),
            ..stepping(20, 60)
        };
        let longest = FlaggerPlan::new(settings).longest();
        assert!(longest >= Span::from_secs(7 * 30));
        assert!(longest <= Span::from_secs(8 * 30));
    }
}
