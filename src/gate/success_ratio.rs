//! The canary's success ratio within fixed limits.

use std::fmt;

use super::figure::{AtLeast, Figure};
use super::series::{self, Of, RouteSeries};
use super::{Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::telemetry::{Demand, Telemetry, Version};

/// The canary's success ratio must stay within fixed limits.
///
/// # What it does
///
/// Reads the share of the canary's requests in the window that did not fail, and fails when it is
/// below `min` or above `max`. A ratio on a limit passes.
///
/// # When it errs
///
/// It knows nothing of stable: what breaks both breaks the canary, and a canary five times as bad
/// as stable passes when both are within the limits. With few requests one failure is enough: below
/// 100 in a window it breaks a limit of 99 %. Scraped metrics hide the failures before a series'
/// second sample, and a canary that has only failed has no series of successes to divide: no data.
///
/// # Parameters
///
/// `window`, `min`, `max` (none: no upper limit), `min_requests` (fewer are inconclusive), `route`
/// (none: all requests).
///
/// # Data it needs
///
/// The canary's requests by status.
///
/// # Source
///
/// The usual query `sum(rate(good[w])) / sum(rate(all[w]))` of mesh dashboards and canary tools.
#[derive(Debug, Clone, PartialEq)]
pub struct SuccessRatio {
    /// Length of the window.
    pub window: Span,
    /// The route whose own series are read; `None`: those of the whole version.
    pub route: Option<RouteSeries>,
    /// The lowest ratio that passes.
    pub min: Probability,
    /// The highest ratio that passes, if there is one.
    pub max: Option<Probability>,
    /// Requests that the window must show.
    pub min_requests: u32,
}

impl SuccessRatio {
    /// Judges the window that ends at `now`. The verdict's value is the ratio, 0 to 1.
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        let route = self.route.as_ref();
        let window = series::window(telemetry, Version::Canary, route, now, self.window);
        let figure = Figure {
            value: window.success_ratio(),
            samples: window.requests(),
        };
        let min = self.min.get();
        figure.judge(self.min_requests, min, |ratio| {
            if ratio < min {
                return Some((Rule::BelowMinimum, min));
            }
            let max = self.max?.get();
            (ratio > max).then_some((Rule::AboveMaximum, max))
        })
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        series::demand(&[Version::Canary], self.route.as_ref())
    }
}

impl fmt::Display for SuccessRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "success ratio{} >= {}", Of(&self.route), self.min)?;
        if let Some(max) = self.max {
            write!(f, " and <= {max}")?;
        }
        write!(f, " over {}{}", self.window, AtLeast(self.min_requests))
    }
}
