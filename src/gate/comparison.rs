//! Comparison.

use std::fmt;

use super::{Outcome, Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::telemetry::{Demand, Telemetry};

/// Comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Length of the window.
    pub window: Span,
    /// What is compared.
    pub metric: Metric,
    /// How much worse the canary may be.
    pub limit: ComparisonLimit,
    /// Fewer requests in the window are inconclusive.
    pub min_requests: u32,
}

/// What a [`Comparison`] compares; larger is worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// Share of failed requests.
    ErrorRatio,
    /// A quantile of latency.
    LatencyQuantile(Probability),
    /// Mean latency.
    LatencyMean,
}

/// How much worse the canary may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ComparisonLimit {
    /// Canary over stable.
    Ratio(f64),
    /// Canary minus stable: a share, or seconds.
    Difference(f64),
}

impl Comparison {
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

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("")
    }
}
