//! The canary's success ratio within fixed limits.

use std::fmt;

use super::figure::{AtLeast, Figure};
use super::series::{self, Of, RouteSeries};
use super::{Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::telemetry::{Demand, Telemetry, Version};

#[doc = include_str!("manual/success-ratio.md")]
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
