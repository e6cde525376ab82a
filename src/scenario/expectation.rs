//! What a rollout is expected to do, as one clause: `power at 5% >= 90%`.

use std::fmt;
use std::str::FromStr;

use super::latency::quantile;
use super::report::{nearest, one_of};
use crate::base::{ParseSpanError, ParseUnitError, Probability, Span, Weight};

/// A clause: a figure of the experiment and a bound on it.
///
/// Text form: a metric, optionally `at` a canary percentage that is held, `>=` or `<=`, and a bound in
/// the metric's unit: `power at 5% >= 90%`, `false_rollback <= 2%`, `detection_p90 <= 10m`,
/// `exposure.users <= 500`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// What is measured.
    pub metric: Metric,
    /// Where the canary's share is held; `None`: the rollout as it is written.
    pub at: Option<Weight>,
    /// On which side of the bound it is expected.
    pub relation: Relation,
    /// The bound, in the metric's unit: a share from 0 to 1, seconds, or a count.
    pub bound: f64,
    /// The clause as it was written.
    pub text: String,
}

/// A clause without its bound: a metric, and where it is measured (`power at 5%`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// What is measured.
    pub metric: Metric,
    /// Where the canary's share is held; `None`: the rollout as it is written.
    pub at: Option<Weight>,
}

/// A figure of many trials, defined as in [`crate::experiment`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// Share of bad releases that are rolled back.
    Power,
    /// Share of good releases that are rolled back.
    FalseRollback,
    /// Share of bad releases without a detection.
    Never,
    /// This quantile of the detection time, over the bad releases that were detected.
    Detection(Probability),
    /// This quantile of the time in which a good release is promoted, over those promoted.
    Promotion(Probability),
    /// Failed or slowed requests of a bad release until it ends, on average.
    ExposedRequests,
    /// Distinct users behind these, on average.
    ExposedUsers,
    /// Failed or slowed requests after a bad release's end, for the experiment's aftermath, on average.
    ExposedAfter,
}

/// What a metric is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share of rollouts, 0 to 1.
    Share,
    /// Seconds.
    Time,
    /// Requests or users.
    Count,
}

/// A side of a bound, the bound included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Not below it.
    AtLeast,
    /// Not above it.
    AtMost,
}

/// Names of metrics for messages: any other quantile has a name, too.
const NAMES: [&str; 10] = [
    "power",
    "false_rollback",
    "never",
    "detection_p50",
    "detection_p90",
    "promotion_p50",
    "promotion_p90",
    "exposure.requests",
    "exposure.users",
    "exposure.after",
];

/// Why a text is no expectation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExpectationError {
    /// Nothing that compares.
    #[error(
        "`{0}` compares nothing: write a metric, >= or <= and a bound, like power at 5% >= 90%"
    )]
    NoRelation(String),
    /// No metric has this name.
    #[error("`{name}` is no metric: {valid}")]
    UnknownMetric {
        /// The text.
        name: String,
        /// The nearest name, or all.
        valid: String,
    },
    /// What stands between metric and relation is not `at` and a percentage.
    #[error("`{0}` is not understood after the metric: write at and a percentage, like at 5%")]
    NotAPlace(String),
    /// The percentage after `at`.
    #[error(transparent)]
    NotAWeight(#[from] ParseUnitError),
    /// A canary without traffic.
    #[error("a canary held at 0% gets no requests: write a percentage above 0%, like at 5%")]
    NoTraffic,
    /// The bound of a share.
    #[error(
        "`{text}` is no bound of {metric}, a share: write a percentage, like {metric} {relation} {like}"
    )]
    NotAShare {
        /// The text.
        text: String,
        /// The metric's name.
        metric: String,
        /// The relation.
        relation: Relation,
        /// A valid bound.
        like: &'static str,
    },
    /// The bound of a time.
    #[error(
        "`{text}` is no bound of {metric}, a time: write a number and a unit, like {metric} {relation} 10m"
    )]
    NotATime {
        /// The text.
        text: String,
        /// The metric's name.
        metric: String,
        /// The relation.
        relation: Relation,
    },
    /// The bound of a count.
    #[error(
        "`{text}` is no bound of {metric}, a count: write a number, like {metric} {relation} 500 or 2k"
    )]
    NotACount {
        /// The text.
        text: String,
        /// The metric's name.
        metric: String,
        /// The relation.
        relation: Relation,
    },
    /// True whatever happens.
    #[error("`{0}` is true of every rollout: write a bound that can be missed")]
    AlwaysTrue(String),
    /// True of no sample.
    #[error(
        "`{0}` cannot be shown by any number of trials: write a bound that leaves room, like {1}"
    )]
    NeverShown(String, &'static str),
}

impl Metric {
    /// What it is counted in.
    pub fn unit(self) -> Unit {
        match self {
            Metric::Power | Metric::FalseRollback | Metric::Never => Unit::Share,
            Metric::Detection(_) | Metric::Promotion(_) => Unit::Time,
            Metric::ExposedRequests | Metric::ExposedUsers | Metric::ExposedAfter => Unit::Count,
        }
    }

    /// Whether it is a figure of the bad release; else of the good one.
    pub fn is_of_faulty(self) -> bool {
        !matches!(self, Metric::FalseRollback | Metric::Promotion(_))
    }

    /// Whether the metric is better when it is higher.
    pub fn is_better_higher(self) -> bool {
        self == Metric::Power
    }
}

impl Unit {
    /// A value in this unit as clauses write it: `90%`, `10m`, `500`.
    pub fn written(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => "never".to_owned(),
            // Rounded so that a bound reads as it was written, without float dust.
            Unit::Share => format!("{}%", (value * 1e14).round() / 1e12),
            Unit::Time => Span::from_secs_f64(value).to_string(),
            Unit::Count => format!("{value}"),
        }
    }
}

impl FromStr for Metric {
    type Err = ExpectationError;

    fn from_str(text: &str) -> Result<Metric, ExpectationError> {
        let quantile_of = |prefix: &str| {
            let name = text.strip_prefix(prefix)?;
            name.starts_with('p').then(|| quantile(name)).flatten()
        };
        Ok(match text {
            "power" => Metric::Power,
            "false_rollback" => Metric::FalseRollback,
            "never" => Metric::Never,
            "exposure.requests" => Metric::ExposedRequests,
            "exposure.users" => Metric::ExposedUsers,
            "exposure.after" => Metric::ExposedAfter,
            _ => match (quantile_of("detection_"), quantile_of("promotion_")) {
                (Some(share), _) => Metric::Detection(share),
                (_, Some(share)) => Metric::Promotion(share),
                _ => {
                    let valid = match nearest(text, &NAMES) {
                        Some(near) => format!("did you mean {near}?"),
                        None => format!("write {}", one_of(NAMES.into_iter())),
                    };
                    let name = text.to_owned();
                    return Err(ExpectationError::UnknownMetric { name, valid });
                }
            },
        })
    }
}

impl FromStr for Expectation {
    type Err = ExpectationError;

    fn from_str(text: &str) -> Result<Expectation, ExpectationError> {
        let text = text.trim();
        let relations = [
            (">=", Relation::AtLeast),
            ("≥", Relation::AtLeast),
            ("<=", Relation::AtMost),
            ("≤", Relation::AtMost),
        ];
        let split = relations.into_iter().find_map(|(sign, relation)| {
            let (left, right) = text.split_once(sign)?;
            Some((left.trim(), relation, right.trim()))
        });
        let Some((left, relation, right)) = split.filter(|(left, ..)| !left.is_empty()) else {
            return Err(ExpectationError::NoRelation(text.to_owned()));
        };
        let Asked { metric, at } = left.parse()?;
        let expectation = Expectation {
            metric,
            at,
            relation,
            bound: read_bound(metric, relation, right)?,
            text: text.to_owned(),
        };
        expectation.check_bound()?;
        Ok(expectation)
    }
}

impl FromStr for Asked {
    type Err = ExpectationError;

    fn from_str(text: &str) -> Result<Asked, ExpectationError> {
        let text = text.trim();
        let (name, place) = match text.split_once(char::is_whitespace) {
            None => (text, None),
            Some((name, place)) => (name, Some(place.trim())),
        };
        Ok(Asked {
            metric: name.parse()?,
            at: place.map(read_place).transpose()?,
        })
    }
}

fn read_place(text: &str) -> Result<Weight, ExpectationError> {
    let weight = (text.strip_prefix("at"))
        .filter(|rest| rest.starts_with(char::is_whitespace))
        .ok_or_else(|| ExpectationError::NotAPlace(text.to_owned()))?;
    let weight: Weight = weight.trim().parse()?;
    match weight.is_zero() {
        true => Err(ExpectationError::NoTraffic),
        false => Ok(weight),
    }
}

fn read_bound(metric: Metric, relation: Relation, text: &str) -> Result<f64, ExpectationError> {
    let name = || metric.to_string();
    match metric.unit() {
        Unit::Share => {
            let share = text.parse::<Probability>().map(Probability::get);
            share.map_err(|_| ExpectationError::NotAShare {
                text: text.to_owned(),
                metric: name(),
                relation,
                like: match relation {
                    Relation::AtLeast => "90%",
                    Relation::AtMost => "2%",
                },
            })
        }
        Unit::Time => {
            let time: Result<Span, ParseSpanError> = text.parse();
            time.map(Span::as_secs_f64)
                .map_err(|_| ExpectationError::NotATime {
                    text: text.to_owned(),
                    metric: name(),
                    relation,
                })
        }
        Unit::Count => count(text).ok_or_else(|| ExpectationError::NotACount {
            text: text.to_owned(),
            metric: name(),
            relation,
        }),
    }
}

/// `500`, `1.5k` or `2M`.
fn count(text: &str) -> Option<f64> {
    let (number, scale) = match (text.strip_suffix(['k', 'K']), text.strip_suffix('M')) {
        (Some(number), _) => (number, 1e3),
        (_, Some(number)) => (number, 1e6),
        _ => (text, 1.0),
    };
    let value = number.trim().parse::<f64>().ok()? * scale;
    (value.is_finite() && value >= 0.0).then_some(value)
}

impl Expectation {
    fn check_bound(&self) -> Result<(), ExpectationError> {
        let lowest = self.bound == 0.0;
        let highest = self.metric.unit() == Unit::Share && self.bound == 1.0;
        let text = || self.text.clone();
        match self.relation {
            Relation::AtLeast if lowest => Err(ExpectationError::AlwaysTrue(text())),
            Relation::AtMost if highest => Err(ExpectationError::AlwaysTrue(text())),
            Relation::AtLeast if highest => Err(ExpectationError::NeverShown(text(), ">= 99%")),
            Relation::AtMost if lowest && self.metric.unit() == Unit::Share => {
                Err(ExpectationError::NeverShown(text(), "<= 1%"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As a percentage prints: `p99.9`, without float dust.
        let quantile = |share: &Probability| share.to_string().replace('%', "");
        match self {
            Metric::Power => f.write_str("power"),
            Metric::FalseRollback => f.write_str("false_rollback"),
            Metric::Never => f.write_str("never"),
            Metric::Detection(share) => write!(f, "detection_p{}", quantile(share)),
            Metric::Promotion(share) => write!(f, "promotion_p{}", quantile(share)),
            Metric::ExposedRequests => f.write_str("exposure.requests"),
            Metric::ExposedUsers => f.write_str("exposure.users"),
            Metric::ExposedAfter => f.write_str("exposure.after"),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Relation::AtLeast => ">=",
            Relation::AtMost => "<=",
        })
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.metric)?;
        match self.at {
            Some(weight) => write!(f, " at {weight}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Expectation {
    /// The clause in one form, however it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (metric, at) = (self.metric, self.at);
        write!(f, "{}", Asked { metric, at })?;
        let bound = self.metric.unit().written(self.bound);
        write!(f, " {} {bound}", self.relation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Expectation {
        text.parse().unwrap()
    }

    #[test]
    fn clauses_read_what_people_write_and_print_in_one_form() {
        for (text, printed, bound) in [
            ("power at 5% >= 90%", "power at 5% >= 90%", 0.9),
            ("  power  at 5 ≥ 0.9 ", "power at 5% >= 90%", 0.9),
            ("false_rollback<=2%", "false_rollback <= 2%", 0.02),
            ("never at 0.5% <= 5%", "never at 0.5% <= 5%", 0.05),
            ("detection_p90 <= 10m", "detection_p90 <= 10m", 600.0),
            ("detection_p99.9 ≤ 90s", "detection_p99.9 <= 1m30s", 90.0),
            ("promotion_p50 <= 1h", "promotion_p50 <= 1h", 3_600.0),
            ("exposure.users <= 500", "exposure.users <= 500", 500.0),
            ("exposure.requests >= 2k", "exposure.requests >= 2000", 2e3),
            ("exposure.after <= 1.5M", "exposure.after <= 1500000", 1.5e6),
        ] {
            let clause = read(text);
            assert_eq!(clause.to_string(), printed);
            assert!((clause.bound - bound).abs() < 1e-12, "{text}");
            assert_eq!(clause.text, text.trim());
            assert_eq!(read(printed).to_string(), printed);
        }
        assert_eq!(read("power at 5% >= 90%").at, Weight::percent(5.0));
        assert_eq!(read("never <= 5%").at, None);
        assert!(!read("promotion_p50 <= 1h").metric.is_of_faulty());
    }

    #[test]
    fn what_is_no_clause_is_refused_with_what_would_be_valid() {
        for (text, wanted) in [
            ("", "write a metric, >= or <="),
            ("power", "like power at 5% >= 90%"),
            ("power > 90%", "write a metric, >= or <="),
            (">= 90%", "write a metric, >= or <="),
            ("powr >= 90%", "`powr` is no metric: did you mean power?"),
            ("exposure <= 5", "did you mean exposure."),
            ("detection <= 5m", "did you mean detection_p"),
            ("detection_p100 <= 5m", "did you mean detection_p"),
            ("happiness >= 1%", "`power`, `false_rollback`"),
            ("power with 5% >= 90%", "write at and a percentage"),
            ("power at >= 90%", "write at and a percentage"),
            ("power at 140% >= 90%", "from 0 to 100"),
            ("power at 0% >= 90%", "gets no requests"),
            (
                "power >= 10m",
                "a share: write a percentage, like power >= 90%",
            ),
            (
                "never <= 5",
                "a share: write a percentage, like never <= 2%",
            ),
            ("detection_p90 <= 5%", "a time: write a number and a unit"),
            ("detection_p90 <= 10", "like detection_p90 <= 10m"),
            ("exposure.users <= 5%", "a count: write a number"),
            ("exposure.users <= -5", "like exposure.users <= 500 or 2k"),
            ("power >= 0%", "true of every rollout"),
            ("never <= 100%", "true of every rollout"),
            ("detection_p50 >= 0s", "true of every rollout"),
            ("power >= 100%", "like >= 99%"),
            ("false_rollback <= 0%", "like <= 1%"),
        ] {
            let error = text.parse::<Expectation>().unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
