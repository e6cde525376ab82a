//! A latency quantile of the canary below a fixed limit.

use std::fmt;

use super::figure::{AtLeast, Figure};
use super::series::{self, Of, RouteSeries};
use super::{Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::telemetry::{Demand, Telemetry, Version};

#[doc = include_str!("manual/latency-quantile.md")]
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyQuantile {
    /// Length of the window.
    pub window: Span,
    /// The route whose own series are read; `None`: those of the whole version.
    pub route: Option<RouteSeries>,
    /// Which quantile: 0.99 is the p99.
    pub quantile: Probability,
    /// The highest quantile that passes.
    pub max: Span,
    /// Requests that the window must show.
    pub min_requests: u32,
}

impl LatencyQuantile {
    /// Judges the window that ends at `now`. The verdict's value is the quantile in seconds,
    /// whatever the histogram's unit.
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        let route = self.route.as_ref();
        let window = series::window(telemetry, Version::Canary, route, now, self.window);
        let per_second = telemetry.bounds().unit().per_second();
        let figure = Figure {
            value: window
                .latency_quantile(self.quantile.get())
                .map(|value| value / per_second),
            samples: window.requests(),
        };
        let max = self.max.as_secs_f64();
        figure.judge(self.min_requests, max, |seconds| {
            (seconds > max).then_some((Rule::AboveMaximum, max))
        })
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        Demand {
            latency: true,
            ..series::demand(&[Version::Canary], self.route.as_ref())
        }
    }
}

impl fmt::Display for LatencyQuantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantile = Percentile(self.quantile);
        write!(f, "{quantile} latency{} <= {}", Of(&self.route), self.max)?;
        write!(f, " over {}", self.window)?;
        AtLeast(self.min_requests).fmt(f)
    }
}

/// A quantile's short name: `p99`, `p99.9`.
pub(super) struct Percentile(pub(super) Probability);

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0.to_string();
        write!(f, "p{}", percent.trim_end_matches('%'))
    }
}
