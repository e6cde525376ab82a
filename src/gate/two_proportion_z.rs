//! One-sided two-proportion z test of the canary's error ratio against stable's.

use std::fmt;

use super::figure::{AtLeast, Figure, failed};
use super::series::{self, Of, RouteSeries};
use super::{Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::stats::two_proportion_z;
use crate::telemetry::{Demand, Telemetry, Version};

#[doc = include_str!("manual/z-test.md")]
#[derive(Debug, Clone, PartialEq)]
pub struct TwoProportionZ {
    /// Length of the window.
    pub window: Span,
    /// The route whose own series are read; `None`: those of the whole version.
    pub route: Option<RouteSeries>,
    /// What the canary is compared with.
    pub against: Version,
    /// Chance of failing a canary as good as stable, at one look.
    pub alpha: Probability,
    /// Requests that the window must show of each version.
    pub min_requests: u32,
}

impl TwoProportionZ {
    /// Judges the windows that end at `now`. The verdict's value is the p-value; its samples are
    /// the requests of the version that had fewer.
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        let route = self.route.as_ref();
        let [stable, canary] = [self.against, Version::Canary]
            .map(|version| failed(&series::window(telemetry, version, route, now, self.window)));
        let requests = [stable, canary].map(|share| share.map_or(0.0, |share| share.trials));
        let figure = Figure {
            value: stable
                .zip(canary)
                .and_then(|(stable, canary)| two_proportion_z(canary, stable))
                .map(|test| test.p),
            samples: requests[0].min(requests[1]),
        };
        let alpha = self.alpha.get();
        figure.judge(self.min_requests, alpha, |p| {
            (p <= alpha).then_some((Rule::Significant, alpha))
        })
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        series::demand(&[self.against, Version::Canary], self.route.as_ref())
    }
}

impl fmt::Display for TwoProportionZ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "z test{}", Of(&self.route))?;
        if self.against != Version::Stable {
            write!(f, " against {}", series::name(self.against))?;
        }
        write!(f, " at {} over {}", self.alpha, self.window)?;
        AtLeast(self.min_requests).fmt(f)
    }
}
