//! The canary against stable or a baseline, by a ratio or a difference.

use std::fmt;

use super::figure::{AtLeast, Figure, failed};
use super::latency_quantile::Percentile;
use super::series::{self, Of, RouteSeries};
use super::{Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::stats::mantel_haenszel;
use crate::telemetry::{Demand, Telemetry, Version, Window};

/// The canary must not be worse than stable (or a baseline) by more than a ratio or a difference.
///
/// # What it does
///
/// Reads one metric of both versions in the same window, larger being worse, and fails when canary
/// divided by stable, or canary minus stable, is above the limit. A figure on the limit passes.
///
/// Stratified, the error ratios compared are those that both versions would have with one mix of
/// routes: over routes k with n canary and m stable requests, N = n + m, of which a and c failed,
/// the ratio is Σ a·m/N over Σ c·n/N and the difference (Σ a·m/N - Σ c·n/N) / Σ n·m/N, the risk
/// ratio and risk difference of Mantel and Haenszel.
///
/// # When it errs
///
/// It has no notion of chance: with few requests the figures of two equal versions differ widely,
/// and the smaller arm, the canary, sets how widely. A ratio needs something to divide by. Where
/// stable has nothing (no error), the ratio is 1 when the canary has nothing either and infinite
/// otherwise, so a single error fails any ratio: prefer a difference where errors are rare. A
/// quantile comes in the steps of its histogram, and both versions may stand on one step. Where the
/// versions get different mixes of routes (by sessions, by a rule), their figures differ without a
/// fault unless they are stratified; a route that only one of them serves says nothing then.
///
/// # Parameters
///
/// `window`, `metric`, `limit` (ratio or difference), `min_requests` (fewer in either version are
/// inconclusive), `route` (none: all requests), `against` (stable, or the baseline: a fresh instance
/// of stable, as new and as small as the canary), `strata` (routes to stratify over).
///
/// # Data it needs
///
/// The requests of both versions by status, by route when stratified; for latencies their histograms, or their sums for means. A
/// status never seen counts as none, as with `or vector(0)`.
///
/// # Source
///
/// The ratio and difference queries of published analysis templates; the same rule on point
/// estimates in any "no worse than twice stable" policy. Strata: Mantel and Haenszel 1959; Greenland
/// and Robins 1985, *Biometrics* 41:55.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Length of the window.
    pub window: Span,
    /// The route whose own series are read; `None`: those of the whole version.
    pub route: Option<RouteSeries>,
    /// What the canary is compared with.
    pub against: Version,
    /// Routes over which error ratios are stratified, as a set of bits; 0: none, all requests
    /// together. Of no use with a `route`, or with a latency.
    pub strata: u32,
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
        let route = self.route.as_ref();
        let windows = [self.against, Version::Canary]
            .map(|version| series::window(telemetry, version, route, now, self.window));
        let figures = match self.strata {
            0 => {
                let [other, canary] = windows.map(|window| self.read(&window, telemetry));
                canary.zip(other)
            }
            _ => self.read_strata(now, telemetry),
        };
        let figure = Figure {
            value: figures.map(|(canary, other)| self.compare(canary, other)),
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

    /// The error ratios of the canary and of the other, both with one mix of routes.
    fn read_strata(&self, now: Time, telemetry: &Telemetry) -> Option<(f64, f64)> {
        let routes = (0..telemetry.route_count()).filter(|route| self.strata >> route & 1 == 1);
        mantel_haenszel(routes.filter_map(|route| {
            let read = |version| failed(&telemetry.route_window(version, route, now, self.window));
            read(Version::Canary).zip(read(self.against))
        }))
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
        let versions = series::demand(&[self.against, Version::Canary], self.route.as_ref());
        Demand {
            routes: versions.routes | self.strata,
            latency: matches!(self.metric, Metric::LatencyQuantile(_)),
            sums: self.metric == Metric::LatencyMean,
            ..versions
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
        let (metric, of, other) = (self.metric, Of(&self.route), series::name(self.against));
        let strata = if self.strata == 0 { "" } else { " by route" };
        match self.limit {
            ComparisonLimit::Ratio(limit) => {
                write!(f, "canary/{other} {metric}{of}{strata} <= {limit}")?;
            }
            ComparisonLimit::Difference(limit) => {
                write!(f, "canary - {other} {metric}{of}{strata} <= ")?;
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
