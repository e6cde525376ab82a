//! Gates: a window of telemetry in, a verdict with its reasons out. Gates see only telemetry, so
//! none can peek at the truth.

pub mod argo;
mod business;
mod comparison;
mod explanation;
mod figure;
pub mod flagger;
mod jury;
pub mod kayenta;
mod latency_quantile;
pub mod manual;
mod reading;
mod series;
mod source;
pub mod statistical;
mod success_ratio;
mod two_proportion_z;

pub use argo::ArgoMetric;
pub use business::{Business, SampledBy};
pub use comparison::{Comparison, ComparisonLimit, Metric};
pub use explanation::Explanation;
pub use flagger::{CustomCheck, FlaggerCheck};
pub use jury::Jury;
pub use kayenta::CanaryAnalysis;
pub use latency_quantile::LatencyQuantile;
pub use series::RouteSeries;
pub use source::Source;
pub use statistical::Statistical;
pub use success_ratio::SuccessRatio;
pub use two_proportion_z::TwoProportionZ;

use std::fmt;

use crate::base::{Span, Time};
use crate::telemetry::promql::{BindError, Catalogue};
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

/// Some gates of an analysis, by their numbers; an analysis has at most 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GateSet(u64);

impl GateSet {
    /// None of them.
    pub const NONE: GateSet = GateSet(0);
    /// As many gates as one analysis may have.
    pub const MOST: usize = 64;

    /// These and one more, by its number below [`GateSet::MOST`].
    #[must_use]
    pub fn with(self, gate: usize) -> GateSet {
        debug_assert!(gate < GateSet::MOST, "gate {gate}");
        GateSet(self.0 | 1 << gate)
    }

    /// These and those.
    #[must_use]
    pub fn union(self, other: GateSet) -> GateSet {
        GateSet(self.0 | other.0)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether a gate is one of them.
    pub fn contains(self, gate: usize) -> bool {
        gate < GateSet::MOST && self.0 >> gate & 1 == 1
    }

    /// Their numbers in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..GateSet::MOST).filter(move |gate| self.contains(*gate))
    }
}

/// The rule that led to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// No limit was broken.
    WithinLimits,
    /// The value was below its minimum.
    BelowMinimum,
    /// The value was not above its minimum, and equal does not do.
    NotAboveMinimum,
    /// The value was above its maximum.
    AboveMaximum,
    /// The canary was worse than stable by more than is allowed.
    WorseThanStable,
    /// The canary was worse than stable, and chance is not a likely reason.
    Significant,
    /// There is evidence that the canary is no worse than is tolerated.
    NotWorse,
    /// There is no evidence yet, for the canary or against it.
    Undecided,
    /// The versions do not get the shares of the requests that the splitter was asked for.
    ShareMismatch,
    /// There was no value: no series, no traffic, or not a number.
    NoData,
    /// Fewer requests than the gate asks for.
    TooFewSamples,
    /// A hook refused.
    HookRefused,
    /// There is nothing to check.
    NothingChecked,
    /// The condition for success does not hold.
    SuccessConditionUnmet,
    /// The condition for failure holds.
    FailureConditionMet,
    /// Neither the condition for success nor the one for failure holds.
    NeitherConditionMet,
    /// A Job failed.
    JobFailed,
    /// The figure could not be had, or the rule could not be applied to it: an error, which
    /// controllers count apart from other inconclusive answers.
    NotEvaluated,
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
            Rule::NotAboveMinimum => "not above the minimum",
            Rule::AboveMaximum => "above the maximum",
            Rule::WorseThanStable => "worse than stable",
            Rule::Significant => "significantly worse than stable",
            Rule::NotWorse => "evidently no worse than is tolerated",
            Rule::Undecided => "no evidence yet, for it or against it",
            Rule::ShareMismatch => "the versions do not get their shares of the requests",
            Rule::NoData => "no data",
            Rule::TooFewSamples => "too few requests",
            Rule::HookRefused => "a hook refused",
            Rule::NothingChecked => "nothing to check",
            Rule::SuccessConditionUnmet => "the success condition does not hold",
            Rule::FailureConditionMet => "the failure condition holds",
            Rule::NeitherConditionMet => "neither condition holds",
            Rule::JobFailed => "the Job failed",
            Rule::NotEvaluated => "could not be evaluated",
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
    /// A metric of Flagger's by a query of one's own.
    CustomCheck(CustomCheck),
    /// A metric of one of Argo Rollouts' analyses.
    ArgoMetric(ArgoMetric),
    /// A judgement of Kayenta's.
    Kayenta(CanaryAnalysis),
    /// A statistical test that goes from look to look.
    Statistical(Statistical),
}

impl Gate {
    /// Judges what the window that ends at `now` shows. The verdict's `gate` is 0; [`judge`] sets it.
    /// A gate that goes from look to look has nothing to say about a single one: see [`Jury`].
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        match self {
            Gate::SuccessRatio(gate) => gate.judge(now, telemetry),
            Gate::LatencyQuantile(gate) => gate.judge(now, telemetry),
            Gate::Comparison(gate) => gate.judge(now, telemetry),
            Gate::TwoProportionZ(gate) => gate.judge(now, telemetry),
            Gate::Business(gate) => gate.judge(now, telemetry),
            Gate::FlaggerCheck(gate) => gate.judge(now, telemetry),
            Gate::CustomCheck(gate) => gate.judge(now, telemetry),
            Gate::ArgoMetric(gate) => gate.judge(now, telemetry),
            Gate::Kayenta(gate) => gate.judge(now, telemetry),
            Gate::Statistical(_) => NOT_EVALUATED,
        }
    }

    /// The length of the window that the gate looks back over; zero when it looks through none.
    pub fn window(&self) -> Span {
        match self {
            Gate::SuccessRatio(gate) => gate.window,
            Gate::LatencyQuantile(gate) => gate.window,
            Gate::Comparison(gate) => gate.window,
            Gate::TwoProportionZ(gate) => gate.window,
            Gate::Business(gate) => gate.window,
            Gate::FlaggerCheck(gate) => gate.window,
            Gate::CustomCheck(gate) => gate.window(),
            Gate::ArgoMetric(gate) => gate.window(),
            Gate::Kayenta(gate) => gate.window.length(),
            Gate::Statistical(gate) => gate.planned.interval,
        }
    }

    /// How far back the gate reads: its window, or more where it looks at several.
    pub fn reach(&self) -> Span {
        match self {
            Gate::CustomCheck(gate) => gate.source.reach(),
            Gate::ArgoMetric(gate) => gate.reach(),
            Gate::Kayenta(gate) => gate.reach(),
            _ => self.window(),
        }
    }

    /// Finds the series of the gate's query, if it has one of its own; before that it has no answer.
    ///
    /// # Errors
    /// The query reads what is not exported, or cannot be evaluated here.
    pub fn bind(&mut self, catalogue: &Catalogue) -> Result<(), BindError> {
        match self {
            Gate::CustomCheck(gate) => gate.source.bind(catalogue, Span::ZERO),
            Gate::ArgoMetric(gate) => {
                let back = gate.back();
                gate.source.bind(catalogue, back)
            }
            _ => Ok(()),
        }
    }

    /// The number of the question that the gate asks a system that is not simulated, if it does.
    pub fn question(&self) -> Option<usize> {
        match self {
            Gate::CustomCheck(gate) => gate.source.question(),
            Gate::ArgoMetric(gate) => gate.source.question(),
            _ => None,
        }
    }

    /// The text of a query of a manifest's own that the gate asks; the first of several.
    pub fn query(&self) -> Option<&str> {
        match self {
            Gate::CustomCheck(gate) => gate.source.query(),
            Gate::ArgoMetric(gate) => gate.source.query(),
            Gate::Kayenta(gate) => gate.sources.iter().find_map(|both| both.experiment.query()),
            _ => None,
        }
    }

    /// The series of answers that the gate reads of systems which are not simulated.
    pub fn recorded(&self) -> impl Iterator<Item = kayenta::Recorded> {
        let analysis = match self {
            Gate::Kayenta(gate) => Some(gate),
            _ => None,
        };
        analysis.into_iter().flat_map(CanaryAnalysis::recorded)
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
            Gate::CustomCheck(gate) => gate.demand(),
            Gate::ArgoMetric(gate) => gate.demand(),
            Gate::Kayenta(gate) => gate.demand(),
            Gate::Statistical(gate) => gate.demand(),
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
            Gate::CustomCheck(gate) => gate.fmt(f),
            Gate::ArgoMetric(gate) => gate.fmt(f),
            Gate::Kayenta(gate) => gate.fmt(f),
            Gate::Statistical(gate) => gate.fmt(f),
        }
    }
}

/// The windows that an analysis looks through, gate by gate.
pub fn windows(analysis: &[Gate]) -> impl Iterator<Item = Span> {
    let all = analysis.iter().map(Gate::window);
    all.filter(|window| !window.is_zero())
}

/// Judges an analysis once, without a memory: its gates in order, until one fails; inconclusive when one was and none
/// failed; pass when all pass or there are none.
pub fn judge(analysis: &[Gate], now: Time, telemetry: &Telemetry) -> Verdict {
    let mut looks = Vec::new();
    Jury::new(analysis).judge_in_order(now, telemetry, &mut looks);
    decisive(&looks)
}

/// What there is to say when there is nothing to check.
const NOTHING_CHECKED: Verdict = Verdict {
    outcome: Outcome::Pass,
    gate: 0,
    value: f64::NAN,
    threshold: f64::NAN,
    samples: 0.0,
    rule: Rule::NothingChecked,
};

/// What there is to say about a single look of a gate that goes from look to look.
const NOT_EVALUATED: Verdict = Verdict {
    outcome: Outcome::Inconclusive,
    rule: Rule::NotEvaluated,
    ..NOTHING_CHECKED
};

/// The look that decides: the first that fails, else the first that is inconclusive, else the last.
/// With no looks at all nothing was checked, and that is a pass.
pub fn decisive(looks: &[Verdict]) -> Verdict {
    let first = |outcome| looks.iter().find(move |look| look.outcome == outcome);
    let found = first(Outcome::Fail).or_else(|| first(Outcome::Inconclusive));
    found.or(looks.last()).copied().unwrap_or(NOTHING_CHECKED)
}
