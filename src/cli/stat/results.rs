//! Named results, and how they are printed.

use serde_json::{Map, Number, Value};

use super::records::Answer;

/// What a method answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// Its results by name, in order.
    Results(Vec<(&'static str, Figure)>),
    /// The inputs are valid, but there is no result for them; why not.
    Undefined(&'static str),
}

/// One result.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Figure {
    /// A number, which may be infinite.
    Number(f64),
    /// A whole number: a rank, a count.
    Whole(u64),
    /// Numbers in order.
    Numbers(Vec<f64>),
    /// Whole numbers in order.
    Wholes(Vec<u64>),
    /// A word.
    Word(&'static str),
}

impl Outcome {
    /// Numbers by name.
    pub(super) fn numbers<const N: usize>(numbers: [(&'static str, f64); N]) -> Outcome {
        let figures = numbers.map(|(name, number)| (name, Figure::Number(number)));
        Outcome::Results(figures.into())
    }

    /// Numbers by name, or that there are none, and why.
    pub(super) fn numbers_or<const N: usize>(
        numbers: Option<[(&'static str, f64); N]>,
        why_not: &'static str,
    ) -> Outcome {
        numbers.map_or(Outcome::Undefined(why_not), Outcome::numbers)
    }
}

impl Figure {
    fn json(&self) -> Value {
        match self {
            Figure::Number(number) => number_json(*number),
            Figure::Whole(whole) => Value::from(*whole),
            Figure::Numbers(numbers) => numbers.iter().copied().map(number_json).collect(),
            Figure::Wholes(wholes) => wholes.iter().copied().map(Value::from).collect(),
            Figure::Word(word) => Value::from(*word),
        }
    }

    fn text(&self) -> String {
        let joined = |texts: Vec<String>| match texts.is_empty() {
            true => "none".to_owned(),
            false => texts.join(" "),
        };
        match self {
            Figure::Number(number) => number_text(*number),
            Figure::Whole(whole) => whole.to_string(),
            Figure::Numbers(numbers) => joined(numbers.iter().copied().map(number_text).collect()),
            Figure::Wholes(wholes) => joined(wholes.iter().map(u64::to_string).collect()),
            Figure::Word(word) => (*word).to_owned(),
        }
    }
}

/// Infinite numbers are texts, as in the inputs; what is no number at all is null.
fn number_json(number: f64) -> Value {
    match Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => Value::Null,
        None => Value::from(number_text(number)),
    }
}

/// The shortest text that gives the same number when it is read again.
fn number_text(number: f64) -> String {
    let size = number.abs();
    if number != 0.0 && size.is_finite() && !(1e-4..1e15).contains(&size) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

/// An answer as one line of JSON: `id` where it was given, `method`, and `results` or `undefined`.
pub(super) fn json(answer: &Answer) -> String {
    let mut line = Map::new();
    if let Some(id) = &answer.id {
        line.insert("id".to_owned(), id.clone());
    }
    line.insert("method".to_owned(), Value::from(answer.method));
    match &answer.outcome {
        Outcome::Results(results) => {
            let named = results.iter();
            let results: Map<String, Value> = named
                .map(|(name, figure)| ((*name).to_owned(), figure.json()))
                .collect();
            line.insert("results".to_owned(), Value::Object(results));
        }
        Outcome::Undefined(why) => {
            line.insert("undefined".to_owned(), Value::from(*why));
        }
    }
    Value::Object(line).to_string() + "\n"
}

/// Names and results in two columns, each line after `indent`.
pub(super) fn table(outcome: &Outcome, indent: &str) -> String {
    let results = match outcome {
        Outcome::Undefined(why) => return format!("{indent}not defined: {why}\n"),
        Outcome::Results(results) => results,
    };
    let names = results.iter().map(|(name, _)| name.len());
    let widest = names.max().unwrap_or(0);
    let lines = results
        .iter()
        .map(|(name, figure)| format!("{indent}{name:widest$}  {}\n", figure.text()));
    lines.collect()
}

/// One answer of several: what was asked, and the results below.
pub(super) fn paragraph(answer: &Answer) -> String {
    let title = match &answer.id {
        Some(Value::String(id)) => format!("{} {id}", answer.method),
        Some(id) => format!("{} {id}", answer.method),
        None => answer.method.to_owned(),
    };
    format!("{title}\n{}", table(&answer.outcome, "  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(outcome: Outcome) -> Answer {
        Answer {
            id: Some(Value::from(7)),
            method: "some",
            outcome,
        }
    }

    #[test]
    fn results_are_lines_of_json_and_aligned_text() {
        let results = answer(Outcome::Results(vec![
            ("p", Figure::Number(2.5e-7)),
            ("hi", Figure::Number(f64::INFINITY)),
            ("ranks", Figure::Wholes(vec![1, 20])),
            ("none", Figure::Numbers(Vec::new())),
        ]));
        assert_eq!(
            json(&results),
            "{\"id\":7,\"method\":\"some\",\"results\":{\"hi\":\"inf\",\"none\":[],\"p\":2.5e-7,\"ranks\":[1,20]}}\n"
        );
        assert_eq!(
            paragraph(&results),
            "some 7\n  p      2.5e-7\n  hi     inf\n  ranks  1 20\n  none   none\n"
        );
    }

    #[test]
    fn no_result_is_a_result_with_its_reason() {
        let nothing = answer(Outcome::Undefined("there is nothing"));
        assert_eq!(
            json(&nothing),
            "{\"id\":7,\"method\":\"some\",\"undefined\":\"there is nothing\"}\n"
        );
        assert_eq!(
            table(&nothing.outcome, ""),
            "not defined: there is nothing\n"
        );
        assert_eq!(number_json(f64::NAN), Value::Null);
    }
}
