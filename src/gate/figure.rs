//! A figure read from a window, and what keeps a gate from judging it.

use std::fmt;

use super::{Outcome, Rule, Verdict};
use crate::stats::Share;
use crate::telemetry::{Status, Window};

/// A figure read from a window, before it is held against a limit.
pub(super) struct Figure {
    /// The figure; `None` and not a number both mean that there is none.
    pub(super) value: Option<f64>,
    /// Requests behind it.
    pub(super) samples: f64,
}

impl Figure {
    /// Inconclusive without a figure or with fewer than `min_requests` behind it; else what
    /// `broken` says: the rule that the figure breaks and the limit that it was held against.
    /// `limit` is the one to show where nothing is broken.
    pub(super) fn judge(
        self,
        min_requests: u32,
        limit: f64,
        broken: impl FnOnce(f64) -> Option<(Rule, f64)>,
    ) -> Verdict {
        // Extrapolated counts of a hundred requests may read a hair less than a hundred.
        const DUST: f64 = 1e-6;
        let verdict = |outcome, rule, threshold| Verdict {
            outcome,
            gate: 0,
            value: self.value.unwrap_or(f64::NAN),
            threshold,
            samples: self.samples,
            rule,
        };
        let Some(value) = self.value.filter(|value| !value.is_nan()) else {
            return verdict(Outcome::Inconclusive, Rule::NoData, limit);
        };
        if self.samples + DUST < f64::from(min_requests) {
            return verdict(Outcome::Inconclusive, Rule::TooFewSamples, limit);
        }
        match broken(value) {
            Some((rule, threshold)) => verdict(Outcome::Fail, rule, threshold),
            None => verdict(Outcome::Pass, Rule::WithinLimits, limit),
        }
    }
}

/// Failed and all requests of a window, as a query with `or vector(0)` would read them: a status
/// never seen counts as none. `None` when there is no series at all.
pub(super) fn failed(window: &Window<'_>) -> Option<Share> {
    let good = window.increase(Status::Success);
    let bad = window.increase(Status::Failure);
    if good.is_none() && bad.is_none() {
        return None;
    }
    let (good, bad) = (good.unwrap_or(0.0), bad.unwrap_or(0.0));
    Some(Share {
        hits: bad,
        trials: good + bad,
    })
}

/// The end of a gate's line: `, at least 100 requests`, or nothing where any number will do.
pub(super) struct AtLeast(pub(super) u32);

impl fmt::Display for AtLeast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(", at least 1 request"),
            requests => write!(f, ", at least {requests} requests"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::base::{Probability, Span, Time};
    use crate::gate::{Comparison, ComparisonLimit, Metric, Outcome, Rule, SuccessRatio};
    use crate::telemetry::{Birth, Buckets, Phase, Plan, Sampling, Telemetry, Version};

    const MINUTE: Span = Span::from_secs(60);

    /// Scraped every 15 s for a minute; each arm answers so many good and bad requests in between.
    fn scraped(stable: [u64; 2], canary: [u64; 2]) -> Telemetry {
        let sampling = Sampling::Scraped {
            interval: Span::from_secs(15),
            phase: Phase::Fixed(Span::ZERO),
        };
        let plan = Plan::plain(sampling, Birth::FirstRequest, Buckets::istio());
        let mut telemetry = Telemetry::new(&plan, Span::ZERO);
        for scrape in 0..=4 {
            for (version, arm) in Version::BOTH.into_iter().zip([stable, canary]) {
                telemetry.scrape(version, Time::from_secs(15 * scrape));
                let counters = telemetry.counters_mut(version);
                for (total, more) in counters.requests.iter_mut().zip(arm) {
                    *total += more;
                }
            }
        }
        telemetry
    }

    #[test]
    fn a_canary_that_only_fails_gives_a_success_query_nothing_to_divide() {
        let gate = SuccessRatio {
            route: None,
            window: MINUTE,
            min: Probability::new(0.99).unwrap(),
            max: None,
            min_requests: 0,
        };
        let verdict = gate.judge(Time::from_secs(60), &scraped([0, 0], [0, 50]));
        assert_eq!(verdict.outcome, Outcome::Inconclusive);
        assert_eq!(verdict.rule, Rule::NoData);
        assert!(verdict.value.is_nan() && verdict.samples > 100.0);
    }

    #[test]
    fn a_version_without_failures_has_an_error_ratio_of_zero() {
        let gate = Comparison {
            route: None,
            against: Version::Stable,
            strata: 0,
            window: MINUTE,
            metric: Metric::ErrorRatio,
            limit: ComparisonLimit::Difference(0.01),
            min_requests: 100,
        };
        let now = Time::from_secs(60);
        let verdict = gate.judge(now, &scraped([500, 0], [100, 0]));
        assert_eq!((verdict.outcome, verdict.value), (Outcome::Pass, 0.0));
        let verdict = gate.judge(now, &scraped([500, 0], [0, 100]));
        assert_eq!((verdict.outcome, verdict.value), (Outcome::Fail, 1.0));
        assert_eq!(
            gate.judge(now, &scraped([500, 0], [0, 0])).rule,
            Rule::NoData
        );
    }

    #[test]
    fn extrapolated_counts_reach_a_minimum_that_they_reach_but_for_rounding() {
        // Three increases of 35 between four samples, extrapolated to the minute: 140 on paper.
        let telemetry = scraped([0, 0], [35, 0]);
        let gate = |min_requests| SuccessRatio {
            route: None,
            window: MINUTE,
            min: Probability::new(0.99).unwrap(),
            max: None,
            min_requests,
        };
        let now = Time::from_secs(60);
        assert_eq!(gate(140).judge(now, &telemetry).outcome, Outcome::Pass);
        assert_eq!(gate(141).judge(now, &telemetry).rule, Rule::TooFewSamples);
    }
}
