//! Hooks: who is asked beside the metrics, and what they say.

/// Whether each kind of hook would answer with success. By default everybody agrees and nobody wants
/// a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hooks {
    /// May the rollout start?
    pub confirm_rollout: bool,
    /// Checks before the first traffic.
    pub pre_rollout: bool,
    /// Checks beside the metrics.
    pub rollout: bool,
    /// May the weight grow?
    pub confirm_traffic_increase: bool,
    /// May the canary be promoted?
    pub confirm_promotion: bool,
    /// Should it be rolled back at once?
    pub rollback: bool,
}

/// Some kinds of hook: those that a Canary has, or those that were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HookKinds {
    /// `confirm-rollout`.
    pub confirm_rollout: bool,
    /// `pre-rollout`.
    pub pre_rollout: bool,
    /// `rollout`.
    pub rollout: bool,
    /// `confirm-traffic-increase`.
    pub confirm_traffic_increase: bool,
    /// `confirm-promotion`.
    pub confirm_promotion: bool,
    /// `rollback`.
    pub rollback: bool,
}

impl Default for Hooks {
    fn default() -> Hooks {
        Hooks {
            confirm_rollout: true,
            pre_rollout: true,
            rollout: true,
            confirm_traffic_increase: true,
            confirm_promotion: true,
            rollback: false,
        }
    }
}
