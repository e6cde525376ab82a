//! What another system's figure looks like as the result that the conditions are written for.
//!
//! A scenario says what such a system answers as a number. A condition on `result.data.ok == 'true'`
//! wants an object; which one, the condition tells.

use std::collections::BTreeMap;

use serde_json::Value;

use super::syntax::{Kind, Node};
use super::{Condition, Found};

/// The form of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The number itself.
    Number,
    /// One number in a list of numbers.
    Numbers,
    /// JSON.
    Json(Json),
}

/// The form of JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// The number itself.
    Number,
    /// True, unless the number is 0.
    Truth,
    /// A text that makes its comparison with a text true, unless the number is 0.
    Text {
        /// The text compared with.
        other: String,
        /// Whether they must be equal for the comparison to be true.
        equal: bool,
    },
    /// A list of some items of one form.
    List(Box<Json>, usize),
    /// An object.
    Object(BTreeMap<String, Json>),
}

/// A step from a result into it.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    /// At least so many items.
    Item(usize),
}

impl Shape {
    /// The form of JSON that conditions are written for.
    pub fn wanted<'c>(conditions: impl Iterator<Item = &'c Condition>) -> Shape {
        let mut walk = Walk {
            json: None,
            items: Vec::new(),
        };
        for condition in conditions {
            walk.visit(condition.node());
        }
        match walk.json {
            None | Some(Json::Number) => Shape::Number,
            Some(json) => Shape::Json(json),
        }
    }

    /// The result that a number is.
    pub fn filled(&self, number: f64) -> Found {
        match self {
            Shape::Number => Found::Number(number),
            Shape::Numbers => Found::Numbers(vec![number]),
            Shape::Json(json) => Found::Json(json.filled(number)),
        }
    }
}

impl Json {
    fn filled(&self, number: f64) -> Value {
        match self {
            // JSON has no numbers beyond finite ones.
            Json::Number => serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number),
            Json::Truth => Value::Bool(number != 0.0),
            Json::Text { other, equal } => {
                let same = (number != 0.0) == *equal;
                Value::String(if same {
                    other.clone()
                } else {
                    format!("not {other}")
                })
            }
            Json::List(item, length) => Value::Array(vec![item.filled(number); *length]),
            Json::Object(fields) => {
                let fields = fields.iter();
                Value::Object(
                    fields
                        .map(|(key, json)| (key.clone(), json.filled(number)))
                        .collect(),
                )
            }
        }
    }

    /// Puts a leaf at the end of some steps; what is there already stays.
    fn placed(old: Option<Json>, steps: &[Step], leaf: Json) -> Json {
        let Some((step, rest)) = steps.split_first() else {
            return old.unwrap_or(leaf);
        };
        match (step, old) {
            (Step::Field(key), None) => {
                Json::Object([(key.clone(), Json::placed(None, rest, leaf))].into())
            }
            (Step::Field(key), Some(Json::Object(mut fields))) => {
                let inner = Json::placed(fields.remove(key), rest, leaf);
                fields.insert(key.clone(), inner);
                Json::Object(fields)
            }
            (Step::Item(length), None) => {
                Json::List(Box::new(Json::placed(None, rest, leaf)), *length)
            }
            (Step::Item(length), Some(Json::List(item, before))) => {
                let item = Json::placed(Some(*item), rest, leaf);
                Json::List(Box::new(item), before.max(*length))
            }
            // Two conditions that want different things: the first has it.
            (_, Some(old)) => old,
        }
    }
}

struct Walk {
    json: Option<Json>,
    /// What the closures around are asked about, where that is part of the result.
    items: Vec<Option<Vec<Step>>>,
}

impl Walk {
    fn visit(&mut self, node: &Node) {
        match &node.kind {
            Kind::Binary(operator, left, right) => match (self.path(left), self.path(right)) {
                (Some(path), _) => self.place(&path, leaf(operator, right)),
                (None, Some(path)) => self.place(&path, leaf(operator, left)),
                (None, None) => {
                    self.visit(left);
                    self.visit(right);
                }
            },
            Kind::Unary("!", operand) => self.visit_truth(operand),
            Kind::Unary(_, operand) => self.visit(operand),
            Kind::Choice(parts) => parts.iter().for_each(|part| self.visit(part)),
            Kind::List(items) => items.iter().for_each(|item| self.visit(item)),
            Kind::Let { value, body, .. } => {
                self.visit(value);
                self.visit(body);
            }
            Kind::Call { args, closure, .. } => {
                let first = args.first().and_then(|arg| self.path(arg));
                let Some(closure) = closure else {
                    args.iter().for_each(|arg| self.visit(arg));
                    return;
                };
                let item = first.map(|mut path| {
                    path.push(Step::Item(1));
                    path
                });
                self.items.push(item);
                self.visit(closure);
                self.items.pop();
            }
            _ => {
                if let Some(path) = self.path(node) {
                    self.place(&path, Json::Number);
                }
            }
        }
    }

    fn visit_truth(&mut self, node: &Node) {
        match self.path(node) {
            Some(path) => self.place(&path, Json::Truth),
            None => self.visit(node),
        }
    }

    fn place(&mut self, path: &[Step], leaf: Json) {
        self.json = Some(Json::placed(self.json.take(), path, leaf));
    }

    /// The steps to a part of the result.
    fn path(&self, node: &Node) -> Option<Vec<Step>> {
        match &node.kind {
            Kind::Name(name) if name == "result" => Some(Vec::new()),
            Kind::Item => self.items.last().cloned().flatten(),
            Kind::Member { base, key, .. } => {
                let mut path = self.path(base)?;
                path.push(match &key.kind {
                    Kind::Text(field) => Step::Field(field.clone()),
                    Kind::Int(index) => {
                        // A list of a thousand items is long enough for any condition.
                        let length = usize::try_from(index + 1).unwrap_or(1);
                        Step::Item(length.clamp(1, 1_000))
                    }
                    _ => Step::Item(1),
                });
                Some(path)
            }
            Kind::Binary("??", left, _) => self.path(left),
            Kind::Call { name, args, .. } => match name.as_str() {
                "default" | "asFloat" | "asInt" | "float" | "int" => self.path(args.first()?),
                "max" | "min" | "mean" | "median" | "sum" | "first" | "last" => {
                    let mut path = self.path(args.first()?)?;
                    path.push(Step::Item(1));
                    Some(path)
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// What a part of the result is that is held against something.
fn leaf(operator: &str, other: &Node) -> Json {
    match &other.kind {
        Kind::Bool(_) => Json::Truth,
        Kind::Text(text) => Json::Text {
            other: text.clone(),
            equal: operator != "!=",
        },
        _ if matches!(operator, "&&" | "||") => Json::Truth,
        _ => Json::Number,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(condition: &str, number: f64) -> Found {
        let condition = Condition::parse(condition).unwrap();
        Shape::wanted(std::iter::once(&condition)).filled(number)
    }

    #[test]
    fn a_figure_takes_the_form_that_the_condition_wants() {
        for (condition, expected) in [
            ("result >= 0.95", Found::Number(1.0)),
            ("default(result, 0) < 10", Found::Number(1.0)),
            ("result == true", Found::Json(json!(true))),
            ("!result", Found::Json(json!(true))),
            ("result == 'It worked!'", Found::Json(json!("It worked!"))),
            ("result != 'bad'", Found::Json(json!("not bad"))),
            ("result.major == '1'", Found::Json(json!({"major": "1"}))),
            (
                "result.data.rate < 3 && result.data.ok == true",
                Found::Json(json!({"data": {"rate": 1.0, "ok": true}})),
            ),
            (
                "result[0].Values[1] > 3",
                Found::Json(json!([{"Values": [1.0, 1.0]}])),
            ),
            (
                "all(result.list, # < 3)",
                Found::Json(json!({"list": [1.0]})),
            ),
            ("max(result) < 3", Found::Json(json!([1.0]))),
        ] {
            assert_eq!(filled(condition, 1.0), expected, "{condition}");
        }
        assert_eq!(filled("result == 'a'", 0.0), Found::Json(json!("not a")));
    }

    #[test]
    fn a_figure_that_is_not_0_makes_comparisons_with_texts_true() {
        for text in [
            "result == 'yes'",
            "result != 'no'",
            "result.a.b == 'yes'",
            "'yes' == result",
        ] {
            let condition = Condition::parse(text).unwrap();
            for (number, expected) in [(1.0, true), (0.0, false)] {
                assert_eq!(
                    condition.holds(&filled(text, number)),
                    Ok(expected),
                    "{text}"
                );
            }
        }
    }
}
