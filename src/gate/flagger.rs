//! FlaggerCheck.

use std::fmt;

use super::{Outcome, Rule, Verdict};
use crate::base::{Span, Time};
use crate::telemetry::{Demand, Telemetry};

/// FlaggerCheck.
#[derive(Debug, Clone, PartialEq)]
pub struct FlaggerCheck {
    /// Length of the window.
    pub window: Span,
}

impl FlaggerCheck {
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

impl fmt::Display for FlaggerCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("")
    }
}
