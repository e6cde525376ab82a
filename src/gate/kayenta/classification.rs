//! One metric's samples of control and experiment in; its label, and what led to it, out.
//!
//! Replayed are `NetflixACAJudge.classifyMetric`, `MannWhitneyClassifier`, `MannWhitney`, `Transforms`,
//! `IQRDetector` and `EffectSizes` of Kayenta at revision a69573be.

use std::fmt;

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use super::metric::{Analysis, Direction, Measure, Missing};
use crate::base::Stream;
use crate::stats::{RankSum, Shift, interpolated_quantile, mean, standard_deviation};

/// The normal quantile of 1 - (1 - 0.98) / 2: the confidence is fixed (`NetflixACAJudge`).
const QUANTILE: f64 = 2.326_347_874_040_841;
/// The interval must clear zero by this share of the estimate; fixed, too.
pub(super) const TOLERANCE: f64 = 0.25;
/// Standard deviation of the noise on constant samples, as a share of each.
const NOISE: f64 = 1e-5;

/// A metric's classification, in Kayenta's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// No difference that counts.
    Pass,
    /// The experiment is higher, in a direction that counts.
    High,
    /// The experiment is lower, in a direction that counts.
    Low,
    /// One side has no samples.
    Nodata,
    /// The same, where that is a failure.
    NodataFailMetric,
    /// The test has no answer.
    Error,
}

/// Why a metric is labelled as it is, beyond its figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Both sides hold the same values.
    Identical,
    /// One side holds none.
    MissingData,
    /// High or Low.
    Classified,
    /// High or Low, and critical.
    Critical,
    /// The test has no answer.
    Failed,
}

/// Figures of the samples that were compared; all 0 when there were none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
    /// How many.
    pub count: usize,
}

/// A metric's label and what led to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Classification {
    /// The label.
    pub label: Label,
    /// Whether it zeroes the canary's score.
    pub critical: bool,
    /// Why, where there is more to say than the label.
    pub reason: Option<Reason>,
    /// The experiment's mean over the control's: not a number when either is 0, 1 when nothing was
    /// compared, none after an error.
    pub ratio: Option<f64>,
    /// The control's samples after cleaning.
    pub control: Figures,
    /// The experiment's samples after cleaning.
    pub experiment: Figures,
    /// The comparison, when there was one.
    pub comparison: Option<Comparison>,
}

/// The test and the effect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// By how much the experiment is higher, with its interval.
    pub shift: Shift,
    /// Standard errors by which the experiment ranks above the control.
    pub z: f64,
    /// The effect in the measure of the metric's settings; not a number when it has none.
    pub effect: f64,
    /// Whether both sides were constant and got noise.
    pub noise: bool,
}

impl Comparison {
    /// How far the interval has to be from zero.
    pub fn tolerance(&self) -> f64 {
        TOLERANCE * self.shift.estimate.abs()
    }

    /// Whether the interval lies above zero by more than the tolerance.
    pub fn is_above(&self) -> bool {
        self.shift.lower > self.tolerance()
    }

    /// Whether the interval lies below zero by more than the tolerance.
    pub fn is_below(&self) -> bool {
        self.shift.upper < -self.tolerance()
    }
}

/// Compares one metric's samples; order and times play no part.
pub fn classify(analysis: &Analysis, control: &[f64], experiment: &[f64]) -> Classification {
    let (control, experiment) = (clean(analysis, control), clean(analysis, experiment));
    let base = Classification {
        label: Label::Pass,
        critical: false,
        reason: None,
        ratio: Some(1.0),
        control: Figures::of(&control),
        experiment: Figures::of(&experiment),
        comparison: None,
    };
    if control.is_empty() || experiment.is_empty() {
        return without_data(analysis, base);
    }
    if same_values(&control, &experiment) {
        return Classification {
            reason: Some(Reason::Identical),
            ..base
        };
    }
    match (constant(&control), constant(&experiment)) {
        (Some(a), Some(b)) if a == b => base,
        (Some(a), Some(b)) => {
            let mut noise = noise(a, b);
            let control = noise(&control);
            let experiment = noise(&experiment);
            compare(analysis, &control, &experiment, true, base)
        }
        _ => compare(analysis, &control, &experiment, false, base),
    }
}

/// The label of samples that differ.
fn compare(
    analysis: &Analysis,
    control: &[f64],
    experiment: &[f64],
    noise: bool,
    base: Classification,
) -> Classification {
    let test = RankSum::new(experiment, control);
    let shift = test.as_ref().and_then(|test| test.shift(QUANTILE));
    let (Some(test), Some(shift)) = (test, shift) else {
        return Classification {
            label: Label::Error,
            reason: Some(Reason::Failed),
            ratio: None,
            ..base
        };
    };
    let ratio = mean_ratio(control, experiment);
    let limits = &analysis.effect;
    let comparison = Comparison {
        shift,
        z: test.z(0.0).unwrap_or(f64::NAN),
        effect: match limits.measure {
            Measure::MeanRatio => ratio,
            Measure::Cles => test.share_above(),
        },
        noise,
    };
    // An effect that is not a number stands in no label's way.
    let at_least = |limit: f64| comparison.effect.is_nan() || comparison.effect >= limit;
    let at_most = |limit: f64| comparison.effect.is_nan() || comparison.effect <= limit;
    let rises = analysis.direction != Direction::Decrease;
    let falls = analysis.direction != Direction::Increase;
    let (label, critical) = if rises && comparison.is_above() && at_least(limits.allowed_increase) {
        (Label::High, at_least(limits.critical_increase))
    } else if falls && comparison.is_below() && at_most(limits.allowed_decrease) {
        (Label::Low, at_most(limits.critical_decrease))
    } else {
        (Label::Pass, false)
    };
    let critical = analysis.critical && critical;
    Classification {
        label,
        critical,
        reason: match label {
            Label::Pass => None,
            _ if critical => Some(Reason::Critical),
            _ => Some(Reason::Classified),
        },
        ratio: Some(ratio),
        comparison: Some(comparison),
        ..base
    }
}

/// No samples on a side, after cleaning.
fn without_data(analysis: &Analysis, base: Classification) -> Classification {
    let (label, critical) = match (analysis.missing, analysis.critical, analysis.must_have_data) {
        (Missing::Replace, _, _) => return base,
        (Missing::Remove, true, _) => (Label::Nodata, true),
        (Missing::Remove, false, true) => (Label::NodataFailMetric, false),
        (Missing::Remove, false, false) => (Label::Nodata, false),
    };
    Classification {
        label,
        critical,
        reason: Some(Reason::MissingData),
        ..base
    }
}

/// What remains of one side's samples.
fn clean(analysis: &Analysis, samples: &[f64]) -> Vec<f64> {
    let mut kept: Vec<f64> = match analysis.missing {
        Missing::Remove => samples.iter().copied().filter(|v| !v.is_nan()).collect(),
        Missing::Replace => (samples.iter())
            .map(|value| if value.is_nan() { 0.0 } else { *value })
            .collect(),
    };
    if let Some((low, high)) = analysis.outliers.and_then(|factor| fences(&kept, factor)) {
        kept.retain(|value| !(*value < low || *value > high));
    }
    kept
}

/// What lies beyond is an outlier. The fences never cut into the middle 98 % of the samples
/// (`IQRDetector` with reduced sensitivity).
fn fences(samples: &[f64], factor: f64) -> Option<(f64, f64)> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |share| interpolated_quantile(&sorted, share);
    let (q1, q3) = (at(0.25)?, at(0.75)?);
    let (p1, p99) = (at(0.01)?, at(0.99)?);
    let beyond = factor * (q3 - q1);
    let (low, high) = (q1 - beyond, q3 + beyond);
    // Unlike `f64::min`, what is not a number wins: such a fence drops nothing.
    let either = |a: f64, b: f64, first: bool| match a.is_nan() || b.is_nan() {
        true => f64::NAN,
        false if first => a,
        false => b,
    };
    Some((either(p1, low, p1 < low), either(p99, high, p99 > high)))
}

/// Whether both hold the same values, each as often.
fn same_values(control: &[f64], experiment: &[f64]) -> bool {
    let sorted = |samples: &[f64]| {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    };
    control.len() == experiment.len() && sorted(control) == sorted(experiment)
}

/// The value that all samples have.
fn constant(samples: &[f64]) -> Option<f64> {
    let (first, rest) = samples.split_first()?;
    rest.iter().all(|value| value == first).then_some(*first)
}

/// Adds noise to constant samples. Kayenta's generator has no seed; here the two values are the
/// seed, so that equal samples are always labelled alike.
fn noise(control: f64, experiment: f64) -> impl FnMut(&[f64]) -> Vec<f64> {
    let seed = control.to_bits() ^ experiment.to_bits().rotate_left(32);
    let mut stream = Stream::seed_from_u64(seed);
    move |samples| {
        let mut draw = || -> f64 { StandardNormal.sample(&mut stream) };
        (samples.iter())
            .map(|value| value + draw() * value * NOISE)
            .collect()
    }
}

/// The experiment's mean over the control's.
fn mean_ratio(control: &[f64], experiment: &[f64]) -> f64 {
    let (control, experiment) = (mean(control), mean(experiment));
    if control == 0.0 || experiment == 0.0 {
        return f64::NAN;
    }
    experiment / control
}

impl Figures {
    /// Of these samples.
    pub(super) fn of(samples: &[f64]) -> Figures {
        if samples.is_empty() {
            return Figures::default();
        }
        Figures {
            min: samples.iter().copied().fold(f64::INFINITY, f64::min),
            max: samples.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            mean: mean(samples),
            std: standard_deviation(samples),
            count: samples.len(),
        }
    }
}

impl Label {
    /// Whether it counts against the score of its groups.
    pub fn fails(self) -> bool {
        matches!(self, Label::High | Label::Low | Label::NodataFailMetric)
    }
}

impl Classification {
    /// `classificationReason` as Kayenta words it for a metric of this name.
    pub fn reason_text(&self, name: &str) -> Option<String> {
        let label = self.label;
        Some(match self.reason? {
            Reason::Identical => "The Canary and Baseline data are identical".to_owned(),
            Reason::MissingData => format!("Missing data for {name}"),
            Reason::Classified => format!("{name} was classified as {label}"),
            Reason::Critical => format!("The metric {name} was classified as {label} (Critical)"),
            Reason::Failed => "Metric Classification Failed".to_owned(),
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Label::Pass => "Pass",
            Label::High => "High",
            Label::Low => "Low",
            Label::Nodata => "Nodata",
            Label::NodataFailMetric => "NodataFailMetric",
            Label::Error => "Error",
        })
    }
}

#[cfg(test)]
mod tests;
