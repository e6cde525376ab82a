//! The canary against stable, by a ratio or a difference.

use std::fmt;

use super::figure::{AtLeast, Figure, failed};
use super::latency_quantile::Percentile;
use super::{Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::telemetry::{Demand, Telemetry, Version, Window};

/// The canary must not be worse than stable by more than a ratio or a difference.
///
/// # What it does
///
/// Reads one metric of both versions in the same window, larger being worse, and fails when canary
/// divided by stable, or canary minus stable, is above the limit. A figure on the limit passes.
///
/// # When it errs
///
/// It has no notion of chance: with few requests the figures of two equal versions differ widely,
/// and the smaller arm, the canary, sets how widely. A ratio needs something to divide by. Where
/// stable has nothing (no error), the ratio is 1 when the canary has nothing either and infinite
/// otherwise, so a single error fails any ratio: prefer a difference where errors are rare. A
/// quantile comes in the steps of its histogram, and both versions may stand on one step.
///
/// # Parameters
///
/// `window`, `metric`, `limit` (ratio or difference), `min_requests` (fewer in either version are
/// inconclusive).
///
/// # Data it needs
///
/// Both versions' requests by status; for latencies their histograms, or their sums for means. A
/// status never seen counts as none, as with `or vector(0)`.
///
/// # Source
///
/// The ratio and difference queries of published analysis templates; the same rule on point
/// estimates in any "no worse than twice stable" policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Length of the window.
    pub window: Span,
    /// What is compared.
    pub metric: Metric,
    /// How much worse the canary may be.
    pub limit: ComparisonLimit,
    /// Requests that the window must show of each version.
    pub min_requests: u32,
}

/// What is compared; larger is worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// Share of the requests that failed.
    ErrorRatio,
    /// A quantile of the latency, read from the histogram.
    LatencyQuantile(Probability),
    /// The mean latency.
    LatencyMean,
}

/// How much worse the canary may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ComparisonLimit {
    /// Canary divided by stable.
    Ratio(f64),
    /// Canary minus stable: a share of the requests, or seconds.
    Difference(f64),
}

impl Comparison {
    /// Judges the windows that end at `now`. The verdict's value is the ratio, or the difference as
    /// a share or in seconds; its samples are the requests of the version that had fewer.
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        let windows = Version::BOTH.map(|version| telemetry.window(version, now, self.window));
        let [stable, canary] = windows.map(|window| self.read(&window, telemetry));
        let figure = Figure {
            value: stable
                .zip(canary)
                .map(|(stable, canary)| self.compare(canary, stable)),
            samples: windows[0].requests().min(windows[1].requests()),
        };
        let (ComparisonLimit::Ratio(limit) | ComparisonLimit::Difference(limit)) = self.limit;
        figure.judge(self.min_requests, limit, |value| {
            (value > limit).then_some((Rule::WorseThanStable, limit))
        })
    }

    fn read(&self, window: &Window<'_>, telemetry: &Telemetry) -> Option<f64> {
        match self.metric {
            Metric::ErrorRatio => failed(window).map(|share| share.hits / share.trials),
            Metric::LatencyQuantile(q) => {
                let per_second = telemetry.bounds().unit().per_second();
                window.latency_quantile(q.get()).map(|x| x / per_second)
            }
            Metric::LatencyMean => window.latency_mean(),
        }
    }

    fn compare(&self, canary: f64, stable: f64) -> f64 {
        match self.limit {
            ComparisonLimit::Ratio(_) if canary == 0.0 && stable == 0.0 => 1.0,
            ComparisonLimit::Ratio(_) => canary / stable,
            ComparisonLimit::Difference(_) => canary - stable,
        }
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        Demand {
            stable: true,
            canary: true,
            latency: matches!(self.metric, Metric::LatencyQuantile(_)),
            sums: self.metric == Metric::LatencyMean,
            ..Demand::default()
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::ErrorRatio => f.write_str("error ratio"),
            Metric::LatencyQuantile(q) => write!(f, "{} latency", Percentile(*q)),
            Metric::LatencyMean => f.write_str("mean latency"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = self.metric;
        match self.limit {
            ComparisonLimit::Ratio(limit) => write!(f, "canary/stable {metric} <= {limit}")?,
            ComparisonLimit::Difference(limit) => {
                write!(f, "canary - stable {metric} <= ")?;
                write_difference(f, metric, limit)?;
            }
        }
        write!(f, " over {}{}", self.window, AtLeast(self.min_requests))
    }
}

/// `0.5 points` (of a percentage) or `50ms`.
fn write_difference(f: &mut fmt::Formatter<'_>, metric: Metric, limit: f64) -> fmt::Result {
    let sign = if limit < 0.0 { "-" } else { "" };
    match metric {
        Metric::ErrorRatio => {
            let points = (limit.abs() * 100.0 * 1e9).round() / 1e9;
            write!(f, "{sign}{points} points")
        }
        _ => write!(f, "{sign}{}", Span::from_secs_f64(limit.abs())),
    }
}
