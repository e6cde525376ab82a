//! The figures of a scenario: what systems answer that are not simulated, and which metric asks
//! which of them.

use super::fault::read_share_above_zero;
use super::reader::{Table, Value};
use crate::base::Probability;
use crate::model::figures::{Answer, Figures};

/// More answers than this in one list are a mistake.
const MOST_ANSWERS: usize = 100_000;

/// What an answer may be.
const FORMS: &str = "write a number, \"nothing\", \"error\", \"normal(mean, deviation)\", \
                     \"log-normal(median, sigma)\", \"uniform(low, high)\" or \"exponential(mean)\"";

/// The figures of a list.
pub(super) fn read(list: &Value<'_>) -> Option<Vec<Figures>> {
    let mut names: Vec<String> = Vec::new();
    let all: Vec<Option<Figures>> = list
        .list()?
        .iter()
        .map(|value| read_figures(value.table()?, &mut names))
        .collect();
    all.into_iter().collect()
}

fn read_figures(mut table: Table<'_>, names: &mut Vec<String>) -> Option<Figures> {
    let name = table
        .require("name", "write the metric's name: name = \"error-rate\"")
        .and_then(|value| {
            let name = value.words()?.to_owned();
            if names.contains(&name) {
                value.refuse(
                    format_args!("`{name}` has figures already"),
                    "write all answers to one metric into one section",
                );
                return None;
            }
            names.push(name.clone());
            Some(name)
        });
    let usual = table
        .require(
            "values",
            "write values = 0.99, or a list of answers: values = [0.99, 0.98, \"nothing\"]",
        )
        .and_then(|value| answers(&value));
    let faulty = match table.get("faulty") {
        None => Some(None),
        Some(value) => answers(&value).map(Some),
    };
    let failing = match table.get("failing") {
        None => Some(Probability::ZERO),
        Some(value) => read_share_above_zero(&value, "is never"),
    };
    table.finish();
    Some(Figures {
        name: name?,
        usual: usual?,
        faulty: faulty?,
        failing: failing?,
    })
}

/// One answer, or several in order.
fn answers(value: &Value<'_>) -> Option<Vec<Answer>> {
    if !value.is_list() {
        return Some(vec![answer(value)?]);
    }
    let items = value.list()?;
    if items.is_empty() || items.len() > MOST_ANSWERS {
        value.refuse(
            format_args!("{} answers", items.len()),
            format_args!("write 1 to {MOST_ANSWERS}; the last one is repeated"),
        );
        return None;
    }
    let all: Vec<Option<Answer>> = items.iter().map(answer).collect();
    all.into_iter().collect()
}

fn answer(value: &Value<'_>) -> Option<Answer> {
    let Some(text) = value.text() else {
        return value.number(f64::MIN..=f64::MAX).map(Answer::Number);
    };
    let read = match text.trim() {
        "nothing" => Some(Answer::Nothing),
        "error" => Some(Answer::Error),
        text => law(text),
    };
    if read.is_none() {
        value.refuse(format_args!("`{text}` is no answer"), FORMS);
    }
    read
}

/// Reads `normal(0.99, 0.01)`.
fn law(text: &str) -> Option<Answer> {
    let (name, rest) = text.split_once('(')?;
    let numbers = rest.trim().strip_suffix(')')?.split(',');
    let numbers: Option<Vec<f64>> = numbers
        .map(|number| number.trim().parse::<f64>().ok())
        .map(|number| number.filter(|number| number.is_finite()))
        .collect();
    match (name.trim(), numbers?.as_slice()) {
        ("normal", &[mean, deviation]) if deviation >= 0.0 => {
            Some(Answer::Normal { mean, deviation })
        }
        ("log-normal", &[median, sigma]) if median > 0.0 && sigma >= 0.0 => {
            Some(Answer::LogNormal { median, sigma })
        }
        ("uniform", &[low, high]) if low <= high => Some(Answer::Uniform { low, high }),
        ("exponential", &[mean]) if mean > 0.0 => Some(Answer::Exponential { mean }),
        _ => None,
    }
}

/// What each question is answered: the figures of its metric's name, and errors where there are
/// none.
pub(super) fn resolve(written: &[Figures], questions: &[String]) -> Vec<Figures> {
    let found = |name: &String| written.iter().find(|figures| figures.name == *name);
    questions
        .iter()
        .map(|name| found(name).map_or_else(|| Figures::silent(name), Figures::clone))
        .collect()
}
