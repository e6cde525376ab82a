//! One-sided two-proportion z test of the canary's error ratio against stable's.

use std::fmt;

use super::figure::{AtLeast, Figure, failed};
use super::series::{self, Of, RouteSeries};
use super::{Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::stats::two_proportion_z;
use crate::telemetry::{Demand, Telemetry, Version};

/// The canary's error ratio must not be significantly larger than stable's (or the baseline's).
///
/// # What it does
///
/// Tests the hypothesis that both versions fail equally often against the canary failing more
/// often, with pooled variance, on the requests of the window, and fails when the p-value is at or
/// below `alpha`.
///
/// # When it errs
///
/// `alpha` is the chance of failing a good canary at one look; over n looks at windows that do not
/// overlap it is 1 - (1 - alpha)^n. With fewer than about five expected errors in the canary the
/// test is off: too liberal for a small canary. Requests that fail together (one user's, one
/// dependency's) count as independent and are not. Without a single error in either version the
/// statistic is not defined and the check is inconclusive, not passed.
///
/// # Parameters
///
/// `window`, `alpha`, `min_requests` (fewer in either version are inconclusive), `route` (none: all
/// requests), `against` (stable, or the baseline: a fresh instance of stable, which is as new and as
/// small as the canary, at the price of a wider comparison).
///
/// # Data it needs
///
/// The requests of both versions compared, by status. A status never seen counts as none, as with `or vector(0)`.
///
/// # Source
///
/// Pearson 1900; Fleiss, *Statistical Methods for Rates and Proportions*.
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
