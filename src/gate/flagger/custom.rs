//! Flagger's metrics by a query of one's own: inline, or by a MetricTemplate.

use std::fmt;

use super::{Limits, Metric, compare, write_limits};
use crate::base::{Span, Time};
use crate::gate::{Rule, Source, Verdict};
use crate::telemetry::{Demand, Figure, Telemetry, Unit};

/// A metric that is judged by what a query answers, in the query's own unit.
///
/// Flagger 1.44.0, `pkg/controller/scheduler_metrics.go`, `runMetricChecks`.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomCheck {
    /// The metric's name in the Canary.
    pub name: String,
    /// Who answers.
    pub source: Source,
    /// What it is held against.
    pub limits: Limits,
    /// What an answer without data counts as; `None`: a failed check.
    pub empty: Option<f64>,
}

/// Whether a query gave a number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Found(f64),
    None,
    Error,
}

impl CustomCheck {
    /// Judges what the query answers at `now`. No value and no answer are failed checks, which only
    /// the rule tells apart. How many requests are behind an answer nobody can tell.
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        let number = self.ask(now, telemetry);
        let answer = match number {
            Number::Found(number) => Some(number),
            Number::None => self.empty,
            Number::Error => None,
        };
        let comparison = compare(Metric::Query, self.limits, Unit::Milliseconds, answer);
        Verdict {
            outcome: comparison.outcome,
            gate: 0,
            value: comparison.value,
            threshold: comparison.threshold,
            samples: f64::NAN,
            rule: match number {
                Number::Error => Rule::NotEvaluated,
                Number::Found(_) | Number::None => comparison.rule,
            },
        }
    }

    fn ask(&self, now: Time, telemetry: &Telemetry) -> Number {
        match &self.source {
            Source::Bound(_, query) => {
                let mut values = Vec::new();
                let asked = query.ask_values(now, telemetry, &mut values);
                // What is no vector is an error, and refused where manifests are read.
                match (asked, super::Answer::Vector(&values).value()) {
                    (Err(_), _) => Number::Error,
                    (Ok(()), Some(number)) => Number::Found(number),
                    (Ok(()), None) => Number::None,
                }
            }
            Source::Supplied(question) => match telemetry.supplied(*question) {
                Figure::Number(number) if number.is_nan() => Number::None,
                Figure::Number(number) => Number::Found(number),
                Figure::Nothing => Number::None,
                Figure::Error => Number::Error,
            },
            Source::Written(_) => Number::Error,
        }
    }

    /// The longest window that its query looks through.
    pub fn window(&self) -> Span {
        self.source.window()
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        self.source.demand()
    }
}

/// `error-rate <= 5`.
impl fmt::Display for CustomCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        write_limits(f, self.limits, Metric::Query, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Outcome;
    use crate::telemetry::{Birth, Buckets, Plan, Sampling};

    /// What a limit of 1 to 5 says to an answer.
    fn judged(figure: Option<Figure>) -> Verdict {
        let check = CustomCheck {
            name: "queue".to_owned(),
            source: Source::Supplied(1),
            limits: Limits::Range {
                min: Some(1.0),
                max: Some(5.0),
            },
            empty: None,
        };
        let plan = Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio());
        let mut telemetry = Telemetry::new(&plan, Span::ZERO);
        telemetry.supply(0, Figure::Number(100.0));
        if let Some(figure) = figure {
            telemetry.supply(1, figure);
        }
        check.judge(Time::from_secs(60), &telemetry)
    }

    #[test]
    fn an_answer_of_its_own_question_is_held_against_the_limits() {
        for (number, outcome, rule) in [
            (5.0, Outcome::Pass, Rule::WithinLimits),
            (1.0, Outcome::Pass, Rule::WithinLimits),
            (5.01, Outcome::Fail, Rule::AboveMaximum),
            (0.0, Outcome::Fail, Rule::BelowMinimum),
            (f64::INFINITY, Outcome::Fail, Rule::AboveMaximum),
            (f64::NAN, Outcome::Fail, Rule::NoData),
        ] {
            let verdict = judged(Some(Figure::Number(number)));
            assert_eq!((verdict.outcome, verdict.rule), (outcome, rule), "{number}");
        }
    }

    #[test]
    fn no_value_and_no_answer_are_failed_checks() {
        for (figure, rule) in [
            (Some(Figure::Nothing), Rule::NoData),
            (Some(Figure::Error), Rule::NotEvaluated),
            (None, Rule::NotEvaluated),
        ] {
            let verdict = judged(figure);
            assert_eq!((verdict.outcome, verdict.rule), (Outcome::Fail, rule));
        }
    }
}
