//! Gates: a window of telemetry in, a verdict with its reasons out. Gates see only telemetry, so
//! none can peek at the truth.

mod business;
mod comparison;
mod figure;
pub mod flagger;
mod latency_quantile;
mod reading;
mod series;
mod success_ratio;
mod two_proportion_z;

pub use business::{Business, SampledBy};
pub use comparison::{Comparison, ComparisonLimit, Metric};
pub use flagger::FlaggerCheck;
pub use latency_quantile::LatencyQuantile;
pub use series::RouteSeries;
pub use success_ratio::SuccessRatio;
pub use two_proportion_z::TwoProportionZ;

use std::fmt;

use crate::base::{Span, Time};
use crate::telemetry::{Demand, Telemetry};

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The canary may go on.
    Pass,
    /// The canary is bad.
    Fail,
    /// The figures do not say.
    Inconclusive,
}

/// What a gate says and why. Small and without allocation: made at every tick of every trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Pass, fail or inconclusive.
    pub outcome: Outcome,
    /// Which gate of the analysis decided, counted from 0 in evaluation order.
    pub gate: usize,
    /// The figure judged, in the unit of its metric; not a number when there was none.
    pub value: f64,
    /// The limit it was held against; not a number when there was none.
    pub threshold: f64,
    /// Requests behind the figure.
    pub samples: f64,
    /// The rule that decided.
    pub rule: Rule,
}

/// The rule that led to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// No limit was broken.
    WithinLimits,
    /// The value was below its minimum.
    BelowMinimum,
    /// The value was above its maximum.
    AboveMaximum,
    /// The canary was worse than stable by more than is allowed.
    WorseThanStable,
    /// The canary was worse than stable, and chance is not a likely reason.
    Significant,
    /// There was no value: no series, no traffic, or not a number.
    NoData,
    /// Fewer requests than the gate asks for.
    TooFewSamples,
    /// A hook refused.
    HookRefused,
    /// There is nothing to check.
    NothingChecked,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Inconclusive => "inconclusive",
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Rule::WithinLimits => "within limits",
            Rule::BelowMinimum => "below the minimum",
            Rule::AboveMaximum => "above the maximum",
            Rule::WorseThanStable => "worse than stable",
            Rule::Significant => "significantly worse than stable",
            Rule::NoData => "no data",
            Rule::TooFewSamples => "too few requests",
            Rule::HookRefused => "a hook refused",
            Rule::NothingChecked => "nothing to check",
        })
    }
}

/// One gate.
#[derive(Debug, Clone, PartialEq)]
pub enum Gate {
    /// The canary's success ratio must stay within limits.
    SuccessRatio(SuccessRatio),
    /// A latency quantile of the canary must stay below a limit.
    LatencyQuantile(LatencyQuantile),
    /// The canary must not be worse than stable by a ratio or a difference.
    Comparison(Comparison),
    /// One-sided two-proportion z test on the error ratios.
    TwoProportionZ(TwoProportionZ),
    /// One-sided test of what the business counts.
    Business(Business),
    /// One of Flagger's builtin metric checks.
    FlaggerCheck(FlaggerCheck),
}

impl Gate {
    /// Judges what the window that ends at `now` shows. The verdict's `gate` is 0; [`judge`] sets it.
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        match self {
            Gate::SuccessRatio(gate) => gate.judge(now, telemetry),
            Gate::LatencyQuantile(gate) => gate.judge(now, telemetry),
            Gate::Comparison(gate) => gate.judge(now, telemetry),
            Gate::TwoProportionZ(gate) => gate.judge(now, telemetry),
            Gate::Business(gate) => gate.judge(now, telemetry),
            Gate::FlaggerCheck(gate) => gate.judge(now, telemetry),
        }
    }

    /// The length of the window that the gate looks back over.
    pub fn window(&self) -> Span {
        match self {
            Gate::SuccessRatio(gate) => gate.window,
            Gate::LatencyQuantile(gate) => gate.window,
            Gate::Comparison(gate) => gate.window,
            Gate::TwoProportionZ(gate) => gate.window,
            Gate::Business(gate) => gate.window,
            Gate::FlaggerCheck(gate) => gate.window,
        }
    }

    /// What the gate reads.
    pub fn demand(&self) -> Demand {
        match self {
            Gate::SuccessRatio(gate) => gate.demand(),
            Gate::LatencyQuantile(gate) => gate.demand(),
            Gate::Comparison(gate) => gate.demand(),
            Gate::TwoProportionZ(gate) => gate.demand(),
            Gate::Business(gate) => gate.demand(),
            Gate::FlaggerCheck(gate) => gate.demand(),
        }
    }
}

/// One line that says what the gate demands: `success ratio >= 99 % over 1m`.
impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gate::SuccessRatio(gate) => gate.fmt(f),
            Gate::LatencyQuantile(gate) => gate.fmt(f),
            Gate::Comparison(gate) => gate.fmt(f),
            Gate::TwoProportionZ(gate) => gate.fmt(f),
            Gate::Business(gate) => gate.fmt(f),
            Gate::FlaggerCheck(gate) => gate.fmt(f),
        }
    }
}

/// Judges an analysis: its gates in order, until one fails; inconclusive when one was and none
/// failed; pass when all pass or there are none.
pub fn judge(analysis: &[Gate], now: Time, telemetry: &Telemetry) -> Verdict {
    let mut last = Verdict {
        outcome: Outcome::Pass,
        gate: 0,
        value: f64::NAN,
        threshold: f64::NAN,
        samples: 0.0,
        rule: Rule::NothingChecked,
    };
    for (index, gate) in analysis.iter().enumerate() {
        let verdict = Verdict {
            gate: index,
            ..gate.judge(now, telemetry)
        };
        if verdict.outcome == Outcome::Fail {
            return verdict;
        }
        if last.outcome != Outcome::Inconclusive {
            last = verdict;
        }
    }
    last
}
