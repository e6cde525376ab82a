//! When a test that is made for one look is made.

use std::fmt;

use super::Planned;
use crate::base::Span;

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
