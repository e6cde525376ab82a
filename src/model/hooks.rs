//! Hooks: people and systems outside the metrics that a controller asks whether it may go on.

use super::service::Latency;
use crate::base::{Probability, Span};

/// What a hook is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookKind {
    /// May the rollout start?
    ConfirmRollout,
    /// A test before the first traffic.
    PreRollout,
    /// A test beside the metrics.
    Rollout,
    /// May the weight grow?
    ConfirmTrafficIncrease,
    /// May the canary be promoted?
    ConfirmPromotion,
    /// Should it be rolled back at once?
    Rollback,
}

/// How one kind of hook answers: one way, and the other way until then.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    /// What it is asked.
    pub kind: HookKind,
    /// The answer.
    pub answer: bool,
    /// How long after it was first asked it comes to that answer, having given the opposite until
    /// then; `None`: from the start.
    pub delay: Option<Latency>,
    /// The answer while the canary's fault is there, whatever else it would be; `None`: the same.
    pub faulty: Option<bool>,
    /// Chance that it cannot be asked, which counts as a no.
    pub failing: Probability,
}

impl HookKind {
    /// Each by its name in a Canary.
    pub const NAMES: [(&'static str, HookKind); 6] = [
        ("confirm-rollout", HookKind::ConfirmRollout),
        ("pre-rollout", HookKind::PreRollout),
        ("rollout", HookKind::Rollout),
        ("confirm-traffic-increase", HookKind::ConfirmTrafficIncrease),
        ("confirm-promotion", HookKind::ConfirmPromotion),
        ("rollback", HookKind::Rollback),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        HookKind::NAMES[self as usize].0
    }
}

impl Hook {
    /// The answer so long after the first question, with the fault there or not; `patience` (strictly
    /// between 0 and 1) decides how long it takes, and `chance` whether it can be asked.
    pub fn answer(&self, since: Span, faulty: bool, patience: f64, chance: f64) -> bool {
        if chance < self.failing.get() {
            return false;
        }
        if let Some(answer) = self.faulty.filter(|_| faulty) {
            return answer;
        }
        let decided = since.as_secs_f64() >= self.delay_at(patience);
        decided == self.answer
    }

    /// How long a rollout may wait for it, in all but one of a thousand.
    pub fn longest(&self) -> Span {
        Span::from_secs_f64(self.delay_at(0.999))
    }

    fn delay_at(&self, place: f64) -> f64 {
        match (&self.delay, Probability::new(place)) {
            (Some(delay), Some(place)) => delay.quantile(place),
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_called_by_their_names() {
        for (name, kind) in HookKind::NAMES {
            assert_eq!(kind.name(), name);
        }
    }

    #[test]
    fn a_hook_changes_its_mind_once() {
        let hook = Hook {
            kind: HookKind::ConfirmPromotion,
            answer: true,
            delay: Some(Latency::Fixed(Span::from_secs(60))),
            faulty: Some(false),
            failing: Probability::new(0.1).unwrap(),
        };
        let answer =
            |seconds, faulty, chance| hook.answer(Span::from_secs(seconds), faulty, 0.5, chance);
        assert!(!answer(0, false, 0.5));
        assert!(!answer(59, false, 0.5));
        assert!(answer(60, false, 0.5));
        assert!(!answer(60, true, 0.5), "the fault is there");
        assert!(!answer(60, false, 0.05), "it cannot be asked");
        assert_eq!(hook.longest(), Span::from_secs(60));
        let button = Hook {
            kind: HookKind::Rollback,
            faulty: None,
            ..hook
        };
        assert!(!button.answer(Span::ZERO, true, 0.5, 0.5));
        assert!(button.answer(Span::from_secs(61), true, 0.5, 0.5));
    }
}
