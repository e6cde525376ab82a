//! SuccessRatio.

use std::fmt;

use super::{Outcome, Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::telemetry::{Demand, Telemetry};

/// SuccessRatio.
#[derive(Debug, Clone, PartialEq)]
pub struct SuccessRatio {
    /// Length of the window.
    pub window: Span,
    /// Lowest success ratio that passes.
    pub min: Probability,
    /// Highest success ratio that passes.
    pub max: Option<Probability>,
    /// Fewer requests in the window are inconclusive.
    pub min_requests: u32,
}

impl SuccessRatio {
    /// Judges the window that ends at `now`.
    pub fn judge(&self, _now: Time, _telemetry: &Telemetry) -> Verdict {
        Verdict {
            outcome: Outcome::Pass,
            gate: 0,
            value: f64::NAN,
            threshold: f64::NAN,
            samples: 0.0,
            rule: Rule::NothingChecked,
        }
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        Demand::default()
    }
}

impl fmt::Display for SuccessRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("")
    }
}
