//! What is asked, and whether it can be answered.

use crate::base::{Probability, Rate, Span, Weight};
use crate::model::traffic::Population;
use crate::stats::planning::Risks;

use super::metric::Metric;
use super::{AN_HOUR, WORKING_DAY};

/// How long must a canary run?
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Requests over both versions.
    pub rate: Rate,
    /// Canary percentages to plan for.
    pub weights: Vec<Weight>,
    /// Chance to see the change.
    pub power: Probability,
    /// Chance to roll back where there is none.
    pub false_rollback: Probability,
    /// The time that is given.
    pub time: Option<Span>,
    /// How often a gate that looks early looks.
    pub looks: u32,
    /// The users behind the requests.
    pub users: Option<Users>,
    /// Share of requests that fail, of stable and of a bad canary.
    pub errors: Option<Change>,
    /// A slowdown of the canary.
    pub latency: Option<Slowdown>,
    /// Share of requests (or users) that reach a goal, of stable and of a bad canary.
    pub goal: Option<Change>,
    /// What is left out, for the reader.
    pub notes: Vec<String>,
}

/// A share on stable, and on the canary that is to be caught.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// On stable.
    pub stable: f64,
    /// On the canary.
    pub canary: f64,
}

/// A quantile that grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slowdown {
    /// Which quantile.
    pub quantile: f64,
    /// Standard deviation of the logarithm of latencies, as a log-normal with the same density at
    /// the quantile has.
    pub sigma: f64,
    /// Factor on the quantile, above 1.
    pub factor: f64,
}

/// The users behind the requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Users {
    /// So many requests each, which resemble one another by an intra-class correlation.
    PerUser {
        /// Requests of one user during the canary.
        requests: f64,
        /// Correlation between two requests of a user, 0 to 1.
        correlation: f64,
    },
    /// These, of whom some come more often than others.
    Population(Population),
}

/// Why a question cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it is about, as the command line names it.
    pub subject: &'static str,
    /// What is wrong with which value.
    pub message: String,
    /// What would be valid.
    pub valid: String,
}

/// The checked terms on which everything is planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Setting {
    pub(super) rate: f64,
    pub(super) risks: Risks,
    /// Seconds.
    pub(super) limit: f64,
    /// Seconds.
    pub(super) visible: f64,
    pub(super) design_effect: f64,
}

/// More looks than this are as good as continuous.
const MOST_LOOKS: u32 = 1_000;

impl Question {
    /// A question with the usual risks and percentages, about nothing yet.
    pub fn at(rate: Rate) -> Question {
        Question {
            rate,
            weights: Vec::new(),
            power: Probability::new(0.8).unwrap_or_default(),
            false_rollback: Probability::new(0.05).unwrap_or_default(),
            time: None,
            looks: 10,
            users: None,
            errors: None,
            latency: None,
            goal: None,
            notes: Vec::new(),
        }
    }

    /// What is watched.
    pub(super) fn metrics(&self) -> Vec<Metric> {
        let errors = self.errors.map(|change| Metric::Errors {
            stable: change.stable,
            canary: change.canary,
        });
        let latency = self.latency.map(|slowdown| Metric::Latency {
            quantile: slowdown.quantile,
            sigma: slowdown.sigma,
            factor: slowdown.factor,
        });
        let goal = self.goal.map(|change| Metric::Goal {
            stable: change.stable,
            canary: change.canary,
        });
        [errors, latency, goal].into_iter().flatten().collect()
    }

    /// The terms, or everything that is wrong.
    pub(super) fn check(&self) -> Result<Setting, Vec<Refusal>> {
        let mut refusals = Vec::new();
        let mut refuse = |subject, message: String, valid: &str| {
            refusals.push(Refusal {
                subject,
                message,
                valid: valid.to_owned(),
            });
        };
        if self.rate.get() <= 0.0 {
            let message = format!("{} sends no requests at all", self.rate);
            refuse("rate", message, "a rate above 0, like 20/s");
        }
        if self.weights.is_empty() {
            let message = "no percentage is given".to_owned();
            refuse("weight", message, "one or more percentages, like 1,5,10");
        }
        for weight in &self.weights {
            if weight.is_zero() || *weight == Weight::FULL {
                let message = format!("at {weight} one version gets no requests to compare with");
                let valid = "percentages above 0 % and below 100 %, like 1,5,10";
                refuse("weight", message, valid);
            }
        }
        let (power, alpha) = (self.power.get(), self.false_rollback.get());
        for (subject, share, valid) in [
            (
                "power",
                self.power,
                "a share above 0 % and below 100 %, like 80%",
            ),
            (
                "false-rollback",
                self.false_rollback,
                "a share above 0 % and below 100 %, like 5%",
            ),
        ] {
            if !(0.0 < share.get() && share.get() < 1.0) {
                let message = format!("{share} is a certainty, which no number of requests gives");
                refuse(subject, message, valid);
            }
        }
        let inside = |share: f64| 0.0 < share && share < 1.0;
        if inside(power) && inside(alpha) && power <= alpha {
            let message = format!(
                "{} is not above the false rollbacks of {}: a coin would do",
                self.power, self.false_rollback
            );
            refuse(
                "power",
                message,
                "a power above the false rollbacks, like 80%",
            );
        }
        if self.time.is_some_and(Span::is_zero) {
            let message = "no time at all shows nothing".to_owned();
            refuse("time", message, "a time above 0, like 30m");
        }
        if !(1..=MOST_LOOKS).contains(&self.looks) {
            let message = format!("{} is no number of looks to plan for", self.looks);
            refuse("looks", message, "1 to 1000");
        }
        self.check_metrics(&mut refusals);
        let design_effect = self.check_users(&mut refusals);
        let Some(risks) = Risks::new(alpha, power).filter(|_| refusals.is_empty()) else {
            return Err(refusals);
        };
        Ok(Setting {
            rate: self.rate.get(),
            risks,
            limit: self.time.unwrap_or(WORKING_DAY).as_secs_f64(),
            visible: self.time.unwrap_or(AN_HOUR).as_secs_f64(),
            design_effect,
        })
    }

    fn check_metrics(&self, refusals: &mut Vec<Refusal>) {
        let mut refuse = |subject, message: String, valid: &str| {
            refusals.push(Refusal {
                subject,
                message,
                valid: valid.to_owned(),
            });
        };
        if self.metrics().is_empty() {
            let message = "there is no change to look for".to_owned();
            let valid = "the errors to see (--errors 0.1% --detect 1%), a slowdown (--latency \
                         p50=40ms,p99=250ms --slower 10%) or a lost goal (--goal 3% --drop 10%)";
            refuse("detect", message, valid);
        }
        if let Some(Change { stable, canary }) = self.errors {
            if !(0.0 < stable && stable < 1.0) {
                let message = format!(
                    "{} of the requests fail: nothing can be {} than that",
                    percent(stable),
                    if stable <= 0.0 {
                        "so many times more"
                    } else {
                        "worse"
                    }
                );
                refuse(
                    "errors",
                    message,
                    "a share above 0 % and below 100 %, like 0.1%",
                );
            } else if canary.is_nan() || canary <= stable {
                let message = format!(
                    "{} is not above the {} that fail anyway",
                    percent(canary),
                    percent(stable)
                );
                refuse(
                    "detect",
                    message,
                    "a share above that of --errors, like 1%, or a factor above 1, like x2",
                );
            } else if canary > 1.0 {
                let message = format!("{} is more than all requests", percent(canary));
                refuse(
                    "detect",
                    message,
                    "a share up to 100 %, or a smaller factor",
                );
            }
        }
        if let Some(slowdown) = self.latency {
            if !(0.0 < slowdown.quantile && slowdown.quantile < 1.0) {
                let message = format!("{} is no quantile", slowdown.quantile);
                refuse("quantile", message, "one between p0 and p100, like p99");
            }
            if !(slowdown.factor > 1.0 && slowdown.factor.is_finite()) {
                let message = format!("{} slower is not slower", percent(slowdown.factor - 1.0));
                refuse("slower", message, "a share above 0 %, like 10%");
            }
            if !(slowdown.sigma > 0.0 && slowdown.sigma.is_finite()) {
                let message = "latencies that are all the same have no quantiles".to_owned();
                refuse("latency", message, "some spread, like p50=40ms,p99=250ms");
            }
        }
        if let Some(Change { stable, canary }) = self.goal {
            if !(0.0 < stable && stable < 1.0) {
                let message = format!("{} reach the goal: nothing to compare", percent(stable));
                refuse(
                    "goal",
                    message,
                    "a share above 0 % and below 100 %, like 3%",
                );
            } else if !(0.0 < canary && canary < stable) {
                let message = format!("a drop from {} to {}", percent(stable), percent(canary));
                refuse(
                    "drop",
                    message,
                    "a share above 0 % and below 100 %, like 10%",
                );
            }
        }
    }

    /// The design effect.
    fn check_users(&self, refusals: &mut Vec<Refusal>) -> f64 {
        let Some(Users::PerUser {
            requests,
            correlation,
        }) = self.users
        else {
            return 1.0;
        };
        if !(requests >= 1.0 && requests.is_finite()) {
            refusals.push(Refusal {
                subject: "per-user",
                message: format!("{requests} requests do not make a user"),
                valid: "1 or more, like 20".to_owned(),
            });
        }
        if !(0.0..=1.0).contains(&correlation) {
            refusals.push(Refusal {
                subject: "correlation",
                message: format!("{correlation} is no correlation of a user's requests"),
                valid: "0 to 1, like 0.05".to_owned(),
            });
        }
        1.0 + (requests - 1.0) * correlation
    }
}

/// A share as arguments write it.
fn percent(share: f64) -> String {
    format!("{} %", (share * 1e14).round() / 1e12)
}
