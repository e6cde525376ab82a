//! One-sided test of what the business counts: the canary's mean against the other's.

use std::fmt;

use super::figure::Figure;
use super::series::{self, Of, RouteSeries};
use super::{Rule, Verdict};
use crate::base::{Probability, Span, Time};
use crate::stats::{Clusters, Mean, normal_quantile};
use crate::telemetry::{Demand, GoalSums, Telemetry, Version};

#[doc = include_str!("manual/business.md")]
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
