//! A metric's measurement: what the provider gave, held against the conditions.

use std::fmt;

use super::{Condition, Found};
use crate::gate::{Outcome, Rule, Verdict};

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
        Verdict {
            outcome,
            gate: 0,
            value: found.figure(),
            threshold: limit.unwrap_or(f64::NAN),
            samples: f64::NAN,
            rule,
        }
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
