//! How a canary config wants one metric judged: `analysisConfigurations.canary`.

use std::fmt;

/// Settings of one metric. The default is what Kayenta takes for an empty object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Analysis {
    /// Which way is bad.
    pub direction: Direction,
    /// What becomes of samples that are not a number.
    pub missing: Missing,
    /// Whether a failure of this metric zeroes the canary's score.
    pub critical: bool,
    /// Whether no samples count as a failed metric.
    pub must_have_data: bool,
    /// Judged and reported, but left out of all scoring.
    pub muted: bool,
    /// Samples beyond this many interquartile ranges are dropped; `None` keeps all.
    pub outliers: Option<f64>,
    /// How large an effect must be.
    pub effect: Effect,
}

/// Which way a metric gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// By growing.
    Increase,
    /// By shrinking.
    Decrease,
    /// Both ways.
    Either,
}

/// What becomes of samples that are not a number (`nanStrategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// They are dropped.
    Remove,
    /// They become 0.
    Replace,
}

/// The measure of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The canary's mean over the baseline's; not a number when either is 0.
    MeanRatio,
    /// The common language effect size: the share of pairs in which the canary is higher.
    Cles,
}

/// Limits of the effect, in its measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The measure.
    pub measure: Measure,
    /// High needs an effect of at least this.
    pub allowed_increase: f64,
    /// Low needs an effect of at most this.
    pub allowed_decrease: f64,
    /// A critical High needs an effect of at least this.
    pub critical_increase: f64,
    /// A critical Low needs an effect of at most this.
    pub critical_decrease: f64,
}

impl Measure {
    /// No effect at all, which the limits are by default.
    pub fn neutral(self) -> f64 {
        match self {
            Measure::MeanRatio => 1.0,
            Measure::Cles => 0.5,
        }
    }
}

impl Effect {
    /// Any effect counts.
    pub fn any(measure: Measure) -> Effect {
        let neutral = measure.neutral();
        Effect {
            measure,
            allowed_increase: neutral,
            allowed_decrease: neutral,
            critical_increase: neutral,
            critical_decrease: neutral,
        }
    }
}

impl Default for Analysis {
    fn default() -> Analysis {
        Analysis {
            direction: Direction::Either,
            missing: Missing::Remove,
            critical: false,
            must_have_data: false,
            muted: false,
            outliers: None,
            effect: Effect::any(Measure::MeanRatio),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Direction::Increase => "increase",
            Direction::Decrease => "decrease",
            Direction::Either => "either",
        })
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Measure::MeanRatio => "meanRatio",
            Measure::Cles => "cles",
        })
    }
}
