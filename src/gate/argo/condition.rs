//! A success or failure condition: text once, then held against what a query gave.

use std::fmt;
use std::sync::Arc;

use expr::Value;

use super::program::Runnable;
use super::syntax::{self, Kind, Node};
use super::typing::{self, Type};

/// What a provider gave for a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A number: a scalar, or one figure of another system.
    Number(f64),
    /// A list of numbers: an instant vector, or every sample of a range query.
    Numbers(Vec<f64>),
    /// Nothing where a number is usual, which is nil.
    Nothing,
    /// JSON.
    Json(serde_json::Value),
}

/// Why a condition cannot be read, or cannot be held against a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConditionError {
    /// What is wrong.
    pub message: String,
    /// Where in the text, in bytes.
    pub at: usize,
}

impl ConditionError {
    pub(super) fn new(message: impl Into<String>, at: usize) -> ConditionError {
        let message = message.into();
        ConditionError { message, at }
    }
}

/// A condition on the result of a measurement, in the language of `expr-lang` with Argo's functions
/// (`utils/evaluate/evaluate.go`, `EvalCondition`). Cheap to clone: what was read is shared.
#[derive(Clone)]
pub struct Condition(Arc<Read>);

struct Read {
    text: String,
    node: Node,
    program: Runnable,
    /// The comparison that it is, where it is no more than that.
    plain: Option<Plain>,
    /// Whether a number, numbers and nil are of a type that it takes.
    fits: [Result<(), ConditionError>; 3],
}

/// `result[0] >= 0.95`, or `result >= 0.95`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plain {
    /// Which item of a list; the number itself without.
    index: Option<i64>,
    operator: Comparison,
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// It does not parse, names something unknown, or fits no result at all. What fits some results
    /// but not others only [`Condition::fits`] tells.
    pub fn parse(text: &str) -> Result<Condition, ConditionError> {
        let node = syntax::parse(text)?;
        // With a result of any type only what is wrong with every type remains.
        want_truth(&node, &typing::check(&node, &Type::Any)?)?;
        let program = Runnable::new(&node)?;
        let numbers = Type::List(Box::new(Type::Float));
        let fits = [Type::Float, numbers, Type::Nil].map(|result| {
            typing::check(&node, &result).and_then(|found| want_truth(&node, &found))
        });
        Ok(Condition(Arc::new(Read {
            text: text.to_owned(),
            plain: plain(&node),
            program,
            fits,
            node,
        })))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether results like this one are of a type that it takes.
    ///
    /// # Errors
    /// They are not: every measurement would be an error.
    pub fn fits(&self, found: &Found) -> Result<(), ConditionError> {
        match found {
            Found::Number(_) => self.0.fits[0].clone(),
            Found::Numbers(_) => self.0.fits[1].clone(),
            Found::Nothing => self.0.fits[2].clone(),
            Found::Json(json) => {
                let found = typing::check(&self.0.node, &type_of(json))?;
                want_truth(&self.0.node, &found)
            }
        }
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// The measurement is an error: the types do not fit, an item is not there, or the answer is
    /// neither true nor false.
    pub fn holds(&self, found: &Found) -> Result<bool, ConditionError> {
        if let Some(answer) = self.0.plain.and_then(|plain| plain.holds(found)) {
            return Ok(answer);
        }
        self.interpret(found)
    }

    /// [`Condition::holds`] by the interpreter alone.
    fn interpret(&self, found: &Found) -> Result<bool, ConditionError> {
        self.fits(found)?;
        match self.0.program.run(value_of(found))? {
            Value::Bool(truth) => Ok(truth),
            _ => Err(ConditionError::new("it gives neither true nor false", 0)),
        }
    }

    /// The number that the result is held against, where the condition holds it against one.
    pub fn limit(&self) -> Option<f64> {
        let mut limits = Vec::new();
        gather_limits(&self.0.node, &mut limits);
        match limits.as_slice() {
            [first, others @ ..] if others.iter().all(|other| other == first) => Some(*first),
            _ => None,
        }
    }
}

impl Condition {
    pub(super) fn node(&self) -> &Node {
        &self.0.node
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Condition) -> bool {
        self.0.text == other.0.text
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({:?})", self.0.text)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl Plain {
    /// Whether it holds; nothing where that is an error.
    fn holds(self, found: &Found) -> Option<bool> {
        let value = match (found, self.index) {
            (Found::Number(value), None) => *value,
            (Found::Numbers(values), Some(index)) => {
                let from_end = if index < 0 { values.len() as i64 } else { 0 };
                *values.get(usize::try_from(index + from_end).ok()?)?
            }
            _ => return None,
        };
        Some(match self.operator {
            Comparison::Less => value < self.limit,
            Comparison::LessOrEqual => value <= self.limit,
            Comparison::Greater => value > self.limit,
            Comparison::GreaterOrEqual => value >= self.limit,
            Comparison::Equal => value == self.limit,
            Comparison::NotEqual => value != self.limit,
        })
    }
}

impl Comparison {
    fn named(operator: &str) -> Option<Comparison> {
        Some(match operator {
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            _ => return None,
        })
    }
}

fn want_truth(node: &Node, found: &Type) -> Result<(), ConditionError> {
    match found {
        Type::Any | Type::Bool => Ok(()),
        _ => Err(ConditionError::new(
            "it gives neither true nor false",
            node.at,
        )),
    }
}

fn plain(node: &Node) -> Option<Plain> {
    let Kind::Binary(operator, left, right) = &node.kind else {
        return None;
    };
    let index = match &left.kind {
        Kind::Name(name) if name == "result" => None,
        Kind::Member { base, key, .. } => match (&base.kind, &key.kind) {
            (Kind::Name(name), Kind::Int(index)) if name == "result" => Some(*index),
            _ => return None,
        },
        _ => return None,
    };
    Some(Plain {
        index,
        operator: Comparison::named(operator)?,
        limit: literal(right)?,
    })
}

/// A number that is written out.
fn literal(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Int(value) => Some(*value as f64),
        Kind::Float(value) => Some(*value),
        Kind::Unary("-", operand) => literal(operand).map(|value| -value),
        _ => None,
    }
}

/// The numbers that parts of the result are held against.
fn gather_limits(node: &Node, limits: &mut Vec<f64>) {
    match &node.kind {
        Kind::Binary(operator, left, right) if Comparison::named(operator).is_some() => {
            if is_figure(left) {
                limits.extend(literal(right));
            } else if is_figure(right) {
                limits.extend(literal(left));
            }
        }
        Kind::Binary("&&" | "||", left, right) => {
            gather_limits(left, limits);
            gather_limits(right, limits);
        }
        Kind::Unary("!", operand) => gather_limits(operand, limits),
        Kind::Call {
            closure: Some(closure),
            ..
        } => gather_limits(closure, limits),
        _ => {}
    }
}

/// Whether a part is the result's figure, or one of them.
fn is_figure(node: &Node) -> bool {
    match &node.kind {
        Kind::Name(name) => name == "result",
        Kind::Item => true,
        Kind::Member { base, .. } => is_figure(base),
        Kind::Binary("??", left, _) => is_figure(left),
        Kind::Call { name, args, .. } => {
            let passes = [
                "default", "asFloat", "asInt", "float", "int", "max", "min", "mean", "median",
                "sum", "first", "last",
            ];
            passes.contains(&name.as_str()) && args.first().is_some_and(is_figure)
        }
        _ => false,
    }
}

fn type_of(json: &serde_json::Value) -> Type {
    match json {
        serde_json::Value::Null => Type::Nil,
        serde_json::Value::Bool(_) => Type::Bool,
        serde_json::Value::Number(_) => Type::Float,
        serde_json::Value::String(_) => Type::Text,
        serde_json::Value::Array(_) => Type::List(Box::new(Type::Any)),
        serde_json::Value::Object(_) => Type::Map,
    }
}

fn value_of(found: &Found) -> Value {
    match found {
        Found::Number(value) => Value::Float(*value),
        Found::Numbers(values) => {
            Value::Array(values.iter().map(|value| Value::Float(*value)).collect())
        }
        Found::Nothing => Value::Nil,
        Found::Json(json) => value_of_json(json),
    }
}

/// Numbers of JSON are numbers with a point, as Go reads them.
fn value_of_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(text) => Value::String(text.clone()),
        serde_json::Value::Array(items) => Value::Array(items.iter().map(value_of_json).collect()),
        serde_json::Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| (key, value_of_json(value)));
            fields.collect()
        }
    }
}

#[cfg(test)]
mod tests;
