//! When a test that is made for one look is made.

use std::fmt;

use super::{Decision, Evidence, Guarantee, Look, Planned};
use crate::base::{Probability, Span};

/// When a test that is made for one look is made, as it should be and as it is misused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// At every look at its full level: peeking, which multiplies false rollbacks.
    Every,
    /// Once, at the planned end.
    End,
    /// At every look, at the level divided by the planned number of looks (Bonferroni).
    Shared,
}

impl Looks {
    /// The level at a look, so long after the canary's first traffic; `None` when it is not made
    /// then.
    pub fn level(self, alpha: f64, elapsed: Span, planned: Planned) -> Option<f64> {
        match self {
            Looks::Every => Some(alpha),
            Looks::Shared => Some(alpha / f64::from(planned.looks())),
            Looks::End => (elapsed >= planned.duration).then_some(alpha),
        }
    }

    /// What a p-value says at a look, so long after the canary's first traffic; nothing against the
    /// canary when the test is not made then.
    pub(super) fn at_p(self, p: f64, alpha: Probability, elapsed: Span, planned: Planned) -> Look {
        match self.level(alpha.get(), elapsed, planned) {
            Some(level) => Look::at_p(p, level),
            None => Look {
                decision: Decision::Clear,
                evidence: Evidence::P { p, level: 0.0 },
            },
        }
    }

    /// What a test promises that is made so.
    pub(super) fn guarantee(self) -> Guarantee {
        match self {
            Looks::Every => Guarantee::None,
            Looks::End => Guarantee::FixedHorizon,
            Looks::Shared => Guarantee::PlannedHorizon,
        }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Looks::Every => "at every look",
            Looks::End => "once at the end",
            Looks::Shared => "shared among the looks",
        })
    }
}
