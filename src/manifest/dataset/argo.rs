//! One measurement of Argo Rollouts: its conditions and what the provider gave.

use std::fmt;

use serde_json::{Map, Number};

use super::super::Manifest;
use super::super::findings::{Fields, Findings};
use super::super::yaml::{Node, Value};
use super::{document, object, sample, settled};
use crate::base::{Problems, Time};
use crate::gate::argo::{Condition, Conditions, Found};
use crate::gate::{Explanation, Rule, Verdict};

/// A measurement to judge.
#[derive(Debug, Clone, PartialEq)]
pub struct ArgoCase {
    /// What it is held against.
    pub conditions: Conditions,
    /// What the provider gave.
    pub found: Found,
}

/// Reads `{ "successCondition": "result[0] >= 0.95", "failureCondition": "…", "result": [0.97] }`. The
/// result is a number, a list of numbers (what Prometheus answers), null, or any JSON.
///
/// # Errors
/// All at once, each with its place.
pub fn argo(data: &Manifest) -> Result<ArgoCase, Problems> {
    let node = document(data)?;
    let fields = object(data, &node)?;
    let mut findings = Findings::default();
    let read = read(&mut findings, &fields);
    settled(data, findings, read)
}

fn read(findings: &mut Findings, fields: &Fields<'_>) -> Option<ArgoCase> {
    let mut condition = |key: &str| {
        let (text, field) = findings.text(fields, key)?;
        match Condition::parse(text) {
            Ok(condition) => Some(condition),
            Err(error) => {
                let message = format!("`{text}`: {error}");
                let help = "write a condition on result, like result[0] >= 0.95";
                findings.error(&field.path, &message, field.place(), help);
                None
            }
        }
    };
    let success = condition("successCondition");
    let failure = condition("failureCondition");
    let found = match fields.get("result") {
        Some(field) => found(field.node),
        None if fields.null("result").is_some() => Found::Nothing,
        None => {
            let help = "write what the provider gave: a number, a list of numbers, null or JSON";
            findings.error("result", "is missing", fields.place.clone(), help);
            return None;
        }
    };
    Some(ArgoCase {
        conditions: Conditions { success, failure },
        found,
    })
}

fn found(node: &Node) -> Found {
    if let Value::List(items) = &node.value {
        let numbers: Option<Vec<f64>> = items.iter().map(sample).collect();
        if let Some(numbers) = numbers {
            return Found::Numbers(numbers);
        }
    }
    match sample(node) {
        Some(number) => Found::Number(number),
        None => Found::Json(json(node)),
    }
}

fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => serde_json::Value::Bool(*truth),
        Value::Number(number) => {
            let whole =
                (number.trunc() == *number && number.abs() < 9e15).then_some(*number as i64);
            match whole {
                Some(whole) => serde_json::Value::Number(whole.into()),
                None => Number::from_f64(*number).map_or(serde_json::Value::Null, Into::into),
            }
        }
        Value::Text(text) => serde_json::Value::String(text.clone()),
        Value::List(items) => serde_json::Value::Array(items.iter().map(json).collect()),
        Value::Map(entries) => {
            let fields = entries
                .iter()
                .map(|entry| (entry.key.clone(), json(&entry.value)));
            serde_json::Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

impl ArgoCase {
    /// The verdict with its reasons.
    pub fn explained(&self) -> (Explanation, Verdict) {
        let verdict = self.conditions.judge(&self.found);
        let shown = |condition: &Option<Condition>, name: &str| {
            let condition = condition.as_ref()?;
            let holds = match condition.holds(&self.found) {
                Ok(true) => "holds".to_owned(),
                Ok(false) => "does not hold".to_owned(),
                Err(error) => format!("is an error: {error}"),
            };
            Some(format!("{name} `{}` {holds}", condition.text()))
        };
        let said: Vec<String> = [
            shown(&self.conditions.success, "successCondition"),
            shown(&self.conditions.failure, "failureCondition"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let rule = match said.is_empty() {
            true => "there is no condition, so everything passes".to_owned(),
            false => format!("{}: {}", verdict.rule, said.join("; ")),
        };
        let limit = verdict.threshold;
        let change = match (verdict.rule, limit.is_finite()) {
            (Rule::NotEvaluated, _) => "a result to which the condition can be applied".to_owned(),
            (Rule::NothingChecked, _) => "a condition".to_owned(),
            (_, true) => format!("a figure on the other side of {limit}"),
            (_, false) => "another result".to_owned(),
        };
        let explanation = Explanation {
            gate: self.conditions.to_string(),
            reads: format!("{}", Shown(&self.found)),
            from: Time::START,
            to: Time::START,
            value: verdict.value.is_finite().then(|| verdict.value.to_string()),
            samples: f64::NAN,
            outcome: verdict.outcome,
            rule,
            change,
        };
        (explanation, verdict)
    }
}

/// A result as conditions see it.
struct Shown<'f>(&'f Found);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Found::Number(number) => write!(f, "result is the number {number}"),
            Found::Numbers(numbers) => match numbers.as_slice() {
                [] => f.write_str("result is an empty list"),
                [first, ..] if numbers.len() > 8 => {
                    write!(
                        f,
                        "result is a list of {} numbers, the first {first}",
                        numbers.len()
                    )
                }
                _ => write!(f, "result is the list {numbers:?}"),
            },
            Found::Nothing => f.write_str("result is nil"),
            Found::Json(json) => {
                let text = json.to_string();
                let short: String = text.chars().take(200).collect();
                write!(
                    f,
                    "result is {short}{}",
                    if short == text { "" } else { "…" }
                )
            }
        }
    }
}
