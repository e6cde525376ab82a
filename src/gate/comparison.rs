//! The canary against stable or a baseline, by a ratio or a difference.

use std::fmt;

use super::figure::{AtLeast, Figure, failed};
use super::latency_quantile::Percentile;
use super::series::{self, Of, RouteSeries};
use super::{Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::stats::mantel_haenszel;
use crate::telemetry::{Demand, Telemetry, Version, Window};

#[doc = include_str!("manual/comparison.md")]
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
