//! A metric: who gives its figures, and what they are held against.

use std::fmt;

use super::{Condition, Found, Shape};
use crate::base::{Span, Time};
use crate::gate::{Outcome, Rule, Source, Verdict};
use crate::telemetry::promql::Answer;
use crate::telemetry::{Demand, Figure, Telemetry};

/// A metric of an AnalysisTemplate.
#[derive(Debug, Clone, PartialEq)]
pub struct ArgoMetric {
    /// Its name.
    pub name: String,
    /// Who answers.
    pub source: Source,
    /// Which instants a query is asked for; the present one without.
    pub range: Option<RangeQuery>,
    /// How an answer becomes a phase.
    pub assessment: Assessment,
}

/// `rangeQuery`: the instants that a query is asked for, by their distance from the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeQuery {
    /// The first of them lies so far back.
    pub start: Span,
    /// None of them lies less far back.
    pub end: Span,
    /// Time from one to the next.
    pub step: Span,
}

/// How the answer of a provider becomes a phase.
#[derive(Debug, Clone, PartialEq)]
pub enum Assessment {
    /// By conditions on the result.
    Conditions {
        /// The conditions.
        conditions: Conditions,
        /// What a figure of another system looks like to them.
        shape: Shape,
        /// What no data looks like to them.
        empty: Empty,
    },
    /// A Kubernetes Job: 0 is one that fails, every other figure one that completes, none one whose
    /// image cannot be had.
    Job,
    /// A score of Kayenta, whose whole part is held against both.
    Score {
        /// From here on it is Successful.
        pass: i64,
        /// From here on it is Inconclusive.
        marginal: i64,
    },
}

/// What a provider without data gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// nil.
    Nothing,
    /// A list of nothing.
    List,
    /// An error.
    Error,
}

impl ArgoMetric {
    /// Takes a measurement at `now` (`metricproviders/*`, `Run`).
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        let found = match &self.source {
            Source::Supplied(question) => return self.judge_figure(telemetry.supplied(*question)),
            Source::Written(_) => None,
            Source::Bound(_, bound) => {
                let answer = match self.range {
                    None => bound.ask(now, telemetry),
                    Some(range) => {
                        let step = range.step;
                        bound.ask_range(now, range.at(now), step, telemetry)
                    }
                };
                answer.ok().and_then(found)
            }
        };
        match (&self.assessment, found) {
            (Assessment::Conditions { conditions, .. }, Some(found)) => conditions.judge(&found),
            _ => verdict(
                Outcome::Inconclusive,
                Rule::NotEvaluated,
                f64::NAN,
                f64::NAN,
            ),
        }
    }

    /// The verdict on a figure of another system.
    fn judge_figure(&self, figure: Figure) -> Verdict {
        let error = verdict(
            Outcome::Inconclusive,
            Rule::NotEvaluated,
            f64::NAN,
            f64::NAN,
        );
        match (&self.assessment, figure) {
            (_, Figure::Error) => error,
            (
                Assessment::Conditions {
                    conditions, shape, ..
                },
                Figure::Number(number),
            ) => Verdict {
                value: number,
                ..conditions.judge(&shape.filled(number))
            },
            (
                Assessment::Conditions {
                    conditions, empty, ..
                },
                Figure::Nothing,
            ) => match empty {
                Empty::Nothing => conditions.judge(&Found::Nothing),
                Empty::List => conditions.judge(&Found::Numbers(Vec::new())),
                Empty::Error => error,
            },
            (Assessment::Job, Figure::Number(number)) => match number == 0.0 {
                true => verdict(Outcome::Fail, Rule::JobFailed, number, f64::NAN),
                false => verdict(Outcome::Pass, Rule::WithinLimits, number, f64::NAN),
            },
            (Assessment::Job, Figure::Nothing) => {
                verdict(Outcome::Inconclusive, Rule::NoData, f64::NAN, f64::NAN)
            }
            (Assessment::Score { .. }, Figure::Nothing) => error,
            (Assessment::Score { pass, marginal }, Figure::Number(score)) => {
                let whole = score.trunc() as i64;
                let (outcome, rule, limit) = match whole {
                    _ if whole >= *pass => (Outcome::Pass, Rule::WithinLimits, pass),
                    _ if whole >= *marginal => (Outcome::Inconclusive, Rule::BelowMinimum, pass),
                    _ => (Outcome::Fail, Rule::BelowMinimum, marginal),
                };
                verdict(outcome, rule, score, *limit as f64)
            }
        }
    }

    /// The longest window that its query looks through; zero where it has none.
    pub fn window(&self) -> Span {
        self.source.window() + self.back()
    }

    /// How far back it reads.
    pub fn reach(&self) -> Span {
        self.source.reach() + self.back()
    }

    /// How far back the instants lie that its query is asked for.
    pub fn back(&self) -> Span {
        self.range.map_or(Span::ZERO, |range| range.start)
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        self.source.demand()
    }

    /// Whether a measurement can be Inconclusive.
    pub fn may_be_inconclusive(&self) -> bool {
        match &self.assessment {
            Assessment::Conditions { conditions, .. } => {
                conditions.success.is_some() && conditions.failure.is_some()
            }
            Assessment::Job => true,
            Assessment::Score { pass, marginal } => marginal < pass,
        }
    }
}

impl RangeQuery {
    /// The first and the last instant at `now`; none lies before the start of time.
    fn at(self, now: Time) -> (Time, Time) {
        let mut start = self.start;
        let since = now.since(Time::START);
        if start > since {
            let step = self.step.max(Span::from_nanos(1));
            let skipped = (start - since + step - Span::from_nanos(1)) / step;
            start = start - step * skipped;
        }
        (now.saturating_sub(start), now.saturating_sub(self.end))
    }
}

/// The result in an answer (`metricproviders/prometheus`, `processResponse`); texts are none.
fn found(answer: Answer) -> Option<Found> {
    Some(match answer {
        Answer::Scalar(value) => Found::Number(value),
        Answer::Text(_) => return None,
        Answer::Vector(series) => {
            Found::Numbers(series.into_iter().map(|(_, value)| value).collect())
        }
        Answer::Matrix(series) => {
            let samples = series.into_iter().flat_map(|(_, samples)| samples);
            Found::Numbers(samples.map(|(_, value)| value).collect())
        }
    })
}

fn verdict(outcome: Outcome, rule: Rule, value: f64, threshold: f64) -> Verdict {
    Verdict {
        outcome,
        gate: 0,
        value,
        threshold,
        // How many requests are behind an answer nobody can tell.
        samples: f64::NAN,
        rule,
    }
}

/// `success-rate: passes on result[0] >= 0.95`.
impl fmt::Display for ArgoMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match &self.assessment {
            Assessment::Conditions { conditions, .. } => conditions.fmt(f),
            Assessment::Job => f.write_str("passes when its Job completes"),
            Assessment::Score { pass, marginal } => {
                write!(
                    f,
                    "passes from a score of {pass} on, fails below {marginal}"
                )
            }
        }
    }
}

/// The conditions of a metric; either may be absent, and without any everything passes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conditions {
    /// `successCondition`.
    pub success: Option<Condition>,
    /// `failureCondition`.
    pub failure: Option<Condition>,
}

impl Conditions {
    /// The phase of a measurement: Successful is a pass, Failed a fail, Inconclusive is inconclusive,
    /// and Error is inconclusive by [`Rule::NotEvaluated`] (`utils/evaluate/evaluate.go`,
    /// `EvaluateResult`).
    pub fn judge(&self, found: &Found) -> Verdict {
        let holds = |condition: &Option<Condition>| {
            condition
                .as_ref()
                .map(|condition| condition.holds(found))
                .transpose()
        };
        // The failure condition is not looked at when the success condition is an error.
        let answers = holds(&self.success).and_then(|success| Ok((success, holds(&self.failure)?)));
        let Ok((success, failure)) = answers else {
            return self.verdict(
                Outcome::Inconclusive,
                Rule::NotEvaluated,
                found,
                &self.success,
            );
        };
        let (outcome, rule, decided_by) = match (success, failure) {
            (_, Some(true)) => (Outcome::Fail, Rule::FailureConditionMet, &self.failure),
            (Some(false), None) => (Outcome::Fail, Rule::SuccessConditionUnmet, &self.success),
            (Some(false), Some(false)) => (
                Outcome::Inconclusive,
                Rule::NeitherConditionMet,
                &self.success,
            ),
            (Some(true), _) => (Outcome::Pass, Rule::WithinLimits, &self.success),
            (None, Some(false)) => (Outcome::Pass, Rule::WithinLimits, &self.failure),
            (None, None) => (Outcome::Pass, Rule::NothingChecked, &None),
        };
        self.verdict(outcome, rule, found, decided_by)
    }

    fn verdict(
        &self,
        outcome: Outcome,
        rule: Rule,
        found: &Found,
        decided_by: &Option<Condition>,
    ) -> Verdict {
        let limit = decided_by.as_ref().and_then(Condition::limit);
        verdict(outcome, rule, found.figure(), limit.unwrap_or(f64::NAN))
    }
}

impl Found {
    /// The first number of it; not a number where there is none.
    pub fn figure(&self) -> f64 {
        match self {
            Found::Number(value) => *value,
            Found::Numbers(values) => values.first().copied().unwrap_or(f64::NAN),
            Found::Nothing => f64::NAN,
            Found::Json(json) => first_number(json).unwrap_or(f64::NAN),
        }
    }
}

fn first_number(json: &serde_json::Value) -> Option<f64> {
    match json {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        serde_json::Value::String(text) => text.parse().ok(),
        serde_json::Value::Array(items) => items.iter().find_map(first_number),
        serde_json::Value::Object(fields) => fields.values().find_map(first_number),
        serde_json::Value::Null => None,
    }
}

/// `passes on result[0] >= 0.95, fails on result[0] < 0.9`.
impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.success, &self.failure) {
            (None, None) => f.write_str("passes on anything"),
            (Some(success), None) => write!(f, "passes on {success}"),
            (None, Some(failure)) => write!(f, "fails on {failure}"),
            (Some(success), Some(failure)) => {
                write!(f, "passes on {success}, fails on {failure}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Birth, Buckets, Plan, Sampling};

    /// The phase that a figure of another system leads to, and its rule.
    fn judged(assessment: Assessment, figure: Figure) -> (Outcome, Rule) {
        let metric = ArgoMetric {
            name: "m".to_owned(),
            source: Source::Supplied(0),
            range: None,
            assessment,
        };
        let plan = Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio());
        let mut telemetry = Telemetry::new(&plan, Span::ZERO);
        telemetry.supply(0, figure);
        let verdict = metric.judge(Time::from_secs(60), &telemetry);
        (verdict.outcome, verdict.rule)
    }

    const ERROR: (Outcome, Rule) = (Outcome::Inconclusive, Rule::NotEvaluated);

    #[test]
    fn a_job_completes_fails_or_has_no_image() {
        for (figure, expected) in [
            (Figure::Number(1.0), (Outcome::Pass, Rule::WithinLimits)),
            (Figure::Number(0.0), (Outcome::Fail, Rule::JobFailed)),
            (Figure::Nothing, (Outcome::Inconclusive, Rule::NoData)),
            (Figure::Error, ERROR),
        ] {
            assert_eq!(judged(Assessment::Job, figure), expected, "{figure:?}");
        }
    }

    #[test]
    fn a_score_is_held_by_its_whole_part_against_both_limits() {
        let score = Assessment::Score {
            pass: 90,
            marginal: 75,
        };
        for (number, outcome) in [
            (90.0, Outcome::Pass),
            (89.99, Outcome::Inconclusive),
            (75.0, Outcome::Inconclusive),
            (74.9, Outcome::Fail),
        ] {
            assert_eq!(
                judged(score.clone(), Figure::Number(number)).0,
                outcome,
                "{number}"
            );
        }
        assert_eq!(judged(score, Figure::Nothing), ERROR);
    }

    #[test]
    fn no_data_is_what_the_provider_makes_of_it() {
        for (condition, empty, expected) in [
            (
                "default(result, 0) < 5",
                Empty::Nothing,
                (Outcome::Pass, Rule::WithinLimits),
            ),
            ("result < 5", Empty::Nothing, ERROR),
            (
                "len(result) == 0",
                Empty::List,
                (Outcome::Pass, Rule::WithinLimits),
            ),
            ("result < 5", Empty::Error, ERROR),
        ] {
            let assessment = Assessment::Conditions {
                conditions: Conditions {
                    success: Condition::parse(condition).ok(),
                    failure: None,
                },
                shape: Shape::Number,
                empty,
            };
            assert_eq!(judged(assessment, Figure::Nothing), expected, "{condition}");
        }
    }

    #[test]
    fn a_phase_comes_of_both_conditions_as_upstream() {
        let condition = |text: &str| (!text.is_empty()).then(|| Condition::parse(text).unwrap());
        for (success, failure, value, expected) in [
            ("", "", 1.0, (Outcome::Pass, Rule::NothingChecked)),
            ("result > 0", "", 1.0, (Outcome::Pass, Rule::WithinLimits)),
            (
                "result > 0",
                "",
                0.0,
                (Outcome::Fail, Rule::SuccessConditionUnmet),
            ),
            (
                "",
                "result > 0",
                1.0,
                (Outcome::Fail, Rule::FailureConditionMet),
            ),
            ("", "result > 0", 0.0, (Outcome::Pass, Rule::WithinLimits)),
            (
                "result > 0",
                "result > 5",
                9.0,
                (Outcome::Fail, Rule::FailureConditionMet),
            ),
            (
                "result > 0",
                "result < 5",
                9.0,
                (Outcome::Pass, Rule::WithinLimits),
            ),
            (
                "result > 9",
                "result < 5",
                7.0,
                (Outcome::Inconclusive, Rule::NeitherConditionMet),
            ),
            ("result[0] > 9", "result > 0", 7.0, ERROR),
            ("result > 9", "result[0] > 0", 7.0, ERROR),
        ] {
            let conditions = Conditions {
                success: condition(success),
                failure: condition(failure),
            };
            let verdict = conditions.judge(&Found::Number(value));
            assert_eq!(
                (verdict.outcome, verdict.rule),
                expected,
                "{success}, {failure}"
            );
            assert_eq!(verdict.value, value);
        }
    }

    #[test]
    fn a_verdict_says_the_value_and_what_it_was_held_against() {
        let conditions = Conditions {
            success: Condition::parse("result[0] >= 0.95").ok(),
            failure: Condition::parse("result[0] < 0.9").ok(),
        };
        for (value, threshold) in [(0.97, 0.95), (0.92, 0.95), (0.5, 0.9)] {
            let verdict = conditions.judge(&Found::Numbers(vec![value, 1.0]));
            assert_eq!((verdict.value, verdict.threshold), (value, threshold));
        }
    }

    #[test]
    fn a_range_has_no_instants_before_the_start() {
        let range = RangeQuery {
            start: Span::from_secs(300),
            end: Span::ZERO,
            step: Span::from_secs(60),
        };
        for (now, start) in [(600, 300), (300, 0), (290, 50), (60, 0), (30, 30)] {
            let expected = (Time::from_secs(start), Time::from_secs(now));
            assert_eq!(range.at(Time::from_secs(now)), expected, "{now}");
        }
    }
}
