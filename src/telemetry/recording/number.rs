//! Values that JSON has no words for: numbers that are not finite, answers of other systems, and
//! answers to queries.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::telemetry::Figure;
use crate::telemetry::promql::{Answer, Labels};

/// A number; what is not finite is a word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Finite(f64),
    Word(String),
}

impl Number {
    pub(super) fn of(value: f64) -> Number {
        if value.is_finite() {
            Number::Finite(value)
        } else if value.is_nan() {
            Number::Word("NaN".to_owned())
        } else if value > 0.0 {
            Number::Word("+Inf".to_owned())
        } else {
            Number::Word("-Inf".to_owned())
        }
    }

    pub(super) fn value(&self) -> Result<f64, String> {
        match self {
            Number::Finite(value) => Ok(*value),
            Number::Word(word) => match word.as_str() {
                "NaN" => Ok(f64::NAN),
                "+Inf" => Ok(f64::INFINITY),
                "-Inf" => Ok(f64::NEG_INFINITY),
                other => Err(format!("`{other}` is not a number, NaN, +Inf or -Inf")),
            },
        }
    }
}

/// The word for a system that could not be asked.
const ERROR: &str = "error";

/// What another system answered: a number, `null` for nothing, or `"error"`.
pub(super) fn figure(figure: Figure) -> Option<Number> {
    match figure {
        Figure::Number(value) => Some(Number::of(value)),
        Figure::Nothing => None,
        Figure::Error => Some(Number::Word(ERROR.to_owned())),
    }
}

/// The figure that was written so.
pub(super) fn read_figure(text: Option<&Number>) -> Result<Figure, String> {
    match text {
        None => Ok(Figure::Nothing),
        Some(Number::Word(word)) if word == ERROR => Ok(Figure::Error),
        Some(number) => Ok(Figure::Number(number.value()?)),
    }
}

/// A series of an answer: its labels and its value.
type Element = (BTreeMap<String, String>, Number);
/// A series with its samples, each with its time in milliseconds.
type Series = (BTreeMap<String, String>, Vec<(i64, Number)>);

/// What a query answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answered {
    Scalar(Number),
    Text(String),
    Vector(Vec<Element>),
    Matrix(Vec<Series>),
}

impl Answered {
    pub(super) fn of(answer: &Answer) -> Answered {
        match answer {
            Answer::Scalar(value) => Answered::Scalar(Number::of(*value)),
            Answer::Text(text) => Answered::Text(text.clone()),
            Answer::Vector(elements) => {
                let element =
                    |(of, value): &(Labels, f64)| -> Element { (names(of), Number::of(*value)) };
                Answered::Vector(elements.iter().map(element).collect())
            }
            Answer::Matrix(series) => {
                let all = series.iter().map(|(of, samples)| {
                    let samples = samples.iter();
                    let samples = samples.map(|(millis, value)| (*millis, Number::of(*value)));
                    (names(of), samples.collect())
                });
                Answered::Matrix(all.collect())
            }
        }
    }

    pub(super) fn answer(self) -> Result<Answer, String> {
        Ok(match self {
            Answered::Scalar(value) => Answer::Scalar(value.value()?),
            Answered::Text(text) => Answer::Text(text),
            Answered::Vector(elements) => {
                let element =
                    |(of, value): Element| Ok::<_, String>((Labels::new(of), value.value()?));
                let elements: Result<Vec<_>, String> = elements.into_iter().map(element).collect();
                Answer::Vector(elements?)
            }
            Answered::Matrix(series) => {
                let one = |(of, samples): Series| {
                    let sample = |(millis, value): (i64, Number)| Ok((millis, value.value()?));
                    let samples: Result<Vec<_>, String> = samples.into_iter().map(sample).collect();
                    Ok::<_, String>((Labels::new(of), samples?))
                };
                let series: Result<Vec<_>, String> = series.into_iter().map(one).collect();
                Answer::Matrix(series?)
            }
        })
    }
}

fn names(labels: &Labels) -> BTreeMap<String, String> {
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    labels.iter().map(pair).collect()
}
