//! The records of the input: one object of inputs, or lines that each name a method. All of them are
//! checked before any answer is given.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_json::error::Category;

use super::inputs::Inputs;
use super::places::{self, Entry};
use super::results::Outcome;
use super::{Method, find, instead_of};
use crate::base::{Problem, Problems};

/// A text to be read, and where it came from.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    text: String,
}

/// What a record was answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// As the record gives it.
    pub(super) id: Option<Value>,
    pub(super) method: &'static str,
    pub(super) outcome: Outcome,
}

/// A million numbers with all their digits take about 20 MB.
const MOST_BYTES: u64 = 256 << 20;

/// Reads a file, or standard input.
pub(super) fn open(path: Option<&Path>) -> Result<Source, Problems> {
    let path = path.filter(|path| *path != Path::new("-"));
    let name = path.unwrap_or(Path::new("standard input"));
    let refuse = |message: String| Problems::about(name, message);
    let mut bytes = Vec::new();
    let read = match path {
        None => std::io::stdin()
            .lock()
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes),
        Some(path) => {
            File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        }
    };
    read.map_err(|error| match error.kind() {
        ErrorKind::NotFound => refuse("no such file".to_owned()),
        _ => refuse(format!("cannot be read: {error}")),
    })?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(refuse(format!("more than {} MiB", MOST_BYTES >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|_| refuse("is not text in UTF-8".to_owned()))?;
    Ok(Source {
        path: name.to_owned(),
        text,
    })
}

/// Evaluates the one object of the text by `method`, or every line by the method that it names.
pub(super) fn evaluate(
    source: &Source,
    method: Option<&'static Method>,
) -> Result<Vec<Answer>, Problems> {
    // As many bytes as the text that was written, which problems show.
    let mended = places::without_bare_words(&source.text);
    let (mut answers, mut problems) = (Vec::new(), Vec::new());
    let mut settle = |settled: Result<Answer, Vec<Problem>>| match settled {
        Ok(answer) => answers.push(answer),
        Err(found) => problems.extend(found),
    };
    let whole = trimmed(&mended, 0..mended.len());
    match method {
        Some(method) => settle(
            object(&mended, &whole, HELP_OBJECT)
                .and_then(|()| answer(&source.text, method, &whole, start_of(&whole))),
        ),
        None => {
            for line in records(&mended, whole.clone()) {
                settle(
                    object(&mended, &line, HELP_LINE).and_then(|()| record(&source.text, &line)),
                );
            }
        }
    }
    if whole.is_empty() && problems.is_empty() {
        let problem = Problem::error("there is nothing to compute", None).help(HELP_LINE);
        problems.push(problem);
    }
    if problems.is_empty() {
        return Ok(answers);
    }
    Err(Problems {
        file: source.path.clone(),
        text: source.text.clone(),
        problems,
        also: Vec::new(),
    })
}

const HELP_OBJECT: &str =
    "write one object of inputs, like { \"x\": 3, \"n\": 1000, \"conf\": 0.95 }";
const HELP_LINE: &str =
    "write { \"method\": …, \"inputs\": { … } } on each line, or name a method on the command line";

/// The lines that are not blank; or all of the text where that is one object on several lines.
fn records(text: &str, whole: Range<usize>) -> Vec<Range<usize>> {
    let is_one = || serde_json::from_str::<serde::de::IgnoredAny>(&text[whole.clone()]).is_ok();
    if text[whole.clone()].contains('\n') && is_one() {
        return vec![whole];
    }
    let mut start = 0;
    let lines = text.split_inclusive('\n').map(|line| {
        start += line.len();
        trimmed(text, start - line.len()..start)
    });
    lines.filter(|line| !line.is_empty()).collect()
}

fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let of = &text[span.clone()];
    let start = span.start + (of.len() - of.trim_start().len());
    start..start + of.trim().len()
}

/// Makes sure that this part of the text is one object in JSON.
fn object(text: &str, span: &Range<usize>, help: &str) -> Result<(), Vec<Problem>> {
    let refuse =
        |message: String, at: Range<usize>| Err(vec![Problem::error(message, Some(at)).help(help)]);
    let of = &text[span.clone()];
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(of) {
        let at = span.start + offset(of, error.line(), error.column());
        if of.is_empty() {
            return Err(vec![Problem::error("there are no inputs", None).help(help)]);
        }
        let message = error.to_string();
        let message = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(said, _)| said);
        let message = match error.classify() {
            Category::Eof => format!("not valid JSON: it ends too early ({message})"),
            _ => format!("not valid JSON: {message}"),
        };
        return refuse(message, at..at + 1);
    }
    match of.starts_with('{') {
        true => Ok(()),
        false => refuse("this is no object".to_owned(), start_of(span)),
    }
}

/// The byte at a line and a column, both from 1, the column in bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before = text.split_inclusive('\n').take(line.saturating_sub(1));
    let start: usize = before.map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len().saturating_sub(1))
}

/// The bracket that opens an object: where to point when something is missing from it.
fn start_of(span: &Range<usize>) -> Range<usize> {
    span.start..(span.start + 1).min(span.end)
}

/// Evaluates a record by the method that it names.
fn record(text: &str, span: &Range<usize>) -> Result<Answer, Vec<Problem>> {
    let entries = places::entries(text, span);
    let mut problems = Vec::new();
    let mut entry = |key: &str, example: &str| -> Option<Entry> {
        let mut found = entries.iter().filter(|entry| entry.key == key);
        let (first, second) = (found.next(), found.next());
        let problem = match (first, second) {
            (Some(_), None) => None,
            (None, _) => Some((format!("`{key}` is missing"), start_of(span))),
            (_, Some(second)) => Some((format!("`{key}` is given twice"), second.key_span.clone())),
        };
        problems.extend(problem.map(|(message, place)| {
            Problem::error(message, Some(place)).help(format!("write \"{key}\": {example}, once"))
        }));
        first.cloned()
    };
    let (name, inputs) = (
        entry("method", "\"fisher_exact\""),
        entry("inputs", "{ … }"),
    );
    let method = name.and_then(|entry| {
        let written = &text[entry.value.clone()];
        let name: String = serde_json::from_str(written).unwrap_or_else(|_| written.to_owned());
        if let Some(method) = find(&name) {
            return Some(method);
        }
        let problem = Problem::error(format!("there is no method `{name}`"), Some(entry.value));
        problems.push(problem.help(instead_of(&name)));
        None
    });
    let inputs = inputs.and_then(|entry| {
        if text[entry.value.clone()].starts_with('{') {
            return Some(entry);
        }
        let problem = Problem::error("`inputs` is no object", Some(entry.value));
        problems.push(problem.help("write \"inputs\": { … }"));
        None
    });
    let answered = match (method, inputs) {
        (Some(method), Some(inputs)) => answer(text, method, &inputs.value, inputs.key_span),
        _ => Err(Vec::new()),
    };
    let id = entries.iter().find(|entry| entry.key == "id");
    match answered {
        Ok(answer) if problems.is_empty() => Ok(Answer {
            id: id.and_then(|entry| serde_json::from_str(&text[entry.value.clone()]).ok()),
            ..answer
        }),
        Ok(_) => Err(problems),
        Err(found) => {
            problems.extend(found);
            Err(problems)
        }
    }
}

/// Evaluates a method on the object of inputs that stands at `span`.
fn answer(
    text: &str,
    method: &'static Method,
    span: &Range<usize>,
    place: Range<usize>,
) -> Result<Answer, Vec<Problem>> {
    let mut inputs = Inputs::new(text, span, place);
    let outcome = (method.evaluate)(&mut inputs);
    let problems = inputs.finish(method.name);
    match outcome {
        Some(outcome) if problems.is_empty() => Ok(Answer {
            id: None,
            method: method.name,
            outcome,
        }),
        None if problems.is_empty() => Ok(Answer {
            id: None,
            method: method.name,
            outcome: Outcome::Undefined("beyond what can be computed"),
        }),
        _ => Err(problems),
    }
}
