//! One-sided test of what the business counts: the canary's mean against the other's.

use std::fmt;

use super::figure::Figure;
use super::series::{self, Of, RouteSeries};
use super::{Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::stats::{Clusters, Mean, normal_quantile};
use crate::telemetry::{Demand, GoalSums, Telemetry, Version};

/// What users do after an answer (click, buy, watch) must not be significantly rarer, or worth
/// less, on the canary.
///
/// # What it does
///
/// Divides the canary's mean value per opportunity by stable's (or the baseline's) and fails when
/// the upper end of the one-sided confidence interval of that ratio is below `min`: with ratio r and
/// standard error s, when (r - `min`)/s < -z, z being the normal quantile of 1 - `alpha`. An
/// opportunity is a request on a route of the goal, however it was answered; its value is 0 when the
/// user did not do it.
/// By request, every opportunity counts as independent, and what the window shows is judged. By
/// user, opportunities are independent only between users, and everything since the rollout began
/// is judged, at whatever weight: a user's visits do not end with a window.
///
/// # When it errs
///
/// `alpha` is the chance of failing, at one look, a canary whose true ratio is just `min`; of one as
/// good as stable it is `alpha` only where `min` is 1, and less below. Looks at overlapping data
/// (all those by user) are not independent, but many of them still fail more good canaries than one.
/// Where users differ and come back, requests of one user are alike: by request the standard error
/// is then too small, and good canaries fail too often; `design_effect` widens it by hand. By user
/// that is mended, if a user stays with one version; where each request goes to any version, users
/// are on both sides, their differences cancel, and by user the test errs on the side of passing.
/// With few that did it (about ten in an arm) the normal approximation is off; a canary on which
/// nobody did has no variance of its own and fails however few they were: `min_requests` guards
/// against that. What the business counts moves for many reasons that are no fault; and requests that no
/// server counts are no opportunities for it either.
///
/// # Parameters
///
/// `window`, `goal`, `min`, `alpha`, `by` (request or user), `design_effect` (multiplies the
/// variance), `min_requests` (fewer opportunities in either version are inconclusive), `route`
/// (none: all of the goal's), `against` (stable or the baseline).
///
/// # Data it needs
///
/// Of both versions, opportunities, their values and squared values; by user also the sums over
/// users of squares and products. These come from an event pipeline and are not extrapolated.
///
/// # Source
///
/// Ratio of means by the delta method; by user the linearised variance of a ratio estimator over
/// clusters: Cochran, *Sampling Techniques*; Deng, Knoblich and Lu 2018, "Applying the Delta Method
/// in Metric Analytics".
#[derive(Debug, Clone, PartialEq)]
pub struct Business {
    /// Length of the window; by user only its end matters.
    pub window: Span,
    /// The route whose own figures are read; `None`: those of the whole version.
    pub route: Option<RouteSeries>,
    /// What the canary is compared with.
    pub against: Version,
    /// Which of the telemetry's goals.
    pub goal: usize,
    /// Its name, for people.
    pub name: String,
    /// The lowest ratio of means that is acceptable.
    pub min: f64,
    /// Chance of failing a canary whose ratio is `min`, at one look.
    pub alpha: Probability,
    /// What counts as independent.
    pub by: SampledBy,
    /// Multiplies the variance, 1 where it is right as it is.
    pub design_effect: f64,
    /// Opportunities that there must be of each version.
    pub min_requests: u32,
}

/// What counts as an independent sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampledBy {
    /// Every request.
    Request,
    /// Every user.
    User,
}

impl Business {
    /// Judges the windows that end at `now`. The verdict's value is the upper confidence bound of
    /// the ratio of means; its samples are the opportunities of the version that had fewer.
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        let route = self.route.as_ref();
        let [canary, other] = [Version::Canary, self.against].map(|version| {
            let window = series::window(telemetry, version, route, now, self.window);
            match self.by {
                SampledBy::Request => window.goal(self.goal),
                SampledBy::User => window.goal_so_far(self.goal),
            }
            .unwrap_or_default()
        });
        let figure = Figure {
            value: self.upper_bound(&canary, &other),
            samples: canary.opportunities.min(other.opportunities),
        };
        figure.judge(self.min_requests, self.min, |upper| {
            (upper < self.min).then_some((Rule::Significant, self.min))
        })
    }

    fn upper_bound(&self, canary: &GoalSums, other: &GoalSums) -> Option<f64> {
        let ratio = self.mean(canary)?.over(self.mean(other)?)?;
        let error = (ratio.variance * self.design_effect).sqrt();
        Some(ratio.value + normal_quantile(self.alpha.complement()) * error)
    }

    fn mean(&self, of: &GoalSums) -> Option<Mean> {
        match self.by {
            SampledBy::Request => Mean::of_independent(of.opportunities, of.sum, of.squares),
            SampledBy::User => Mean::of_clusters(Clusters {
                clusters: of.users,
                trials: of.opportunities,
                sum: of.sum,
                trials_squared: of.counts,
                cross: of.cross,
                sum_squared: of.values,
            }),
        }
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        Demand {
            goals: true,
            by_user: self.by == SampledBy::User,
            ..series::demand(&[self.against, Version::Canary], self.route.as_ref())
        }
    }
}

impl fmt::Display for Business {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let other = series::name(self.against);
        write!(f, "canary/{other} {}{}", self.name, Of(&self.route))?;
        if self.by == SampledBy::User {
            f.write_str(" by user")?;
        }
        write!(f, " >= {} at {}", self.min, self.alpha)?;
        match self.by {
            SampledBy::Request => write!(f, " over {}", self.window)?,
            SampledBy::User => f.write_str(" since the start")?,
        }
        if self.design_effect != 1.0 {
            write!(f, ", design effect {}", self.design_effect)?;
        }
        match self.min_requests {
            0 => Ok(()),
            1 => f.write_str(", at least 1 opportunity"),
            many => write!(f, ", at least {many} opportunities"),
        }
    }
}

#[cfg(test)]
mod tests;
