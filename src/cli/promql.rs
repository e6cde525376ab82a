//! `coalmine promql`: a query, asked of recorded samples.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::service::OUTPUT;
use super::{CommandError, output};
use crate::base::{Problem, Problems};
use crate::report;
use crate::telemetry::promql::{
    Answer, Catalogue, Query, QueryError, Samples, SamplesError, Semantics,
};

/// Arguments of `coalmine promql`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PromqlArguments {
    /// The query, as a gate or a dashboard has it
    query: String,
    /// The samples: OpenMetrics or Prometheus text with timestamps, or an answer of the HTTP API
    /// (a file that ends in .json)
    #[arg(long, value_name = "FILE")]
    samples: PathBuf,
    /// When to ask: Unix seconds or RFC 3339 [default: when the newest sample was taken]
    #[arg(long, value_name = "TIME", conflicts_with = "range")]
    at: Option<String>,
    /// Ask at every step of a range of time
    #[arg(long, value_name = "START..END")]
    range: Option<String>,
    /// The step of a range
    #[arg(long, value_name = "SPAN", requires = "range", default_value = "15s")]
    step: crate::base::Span,
    /// Whose answers: those of Prometheus 2 or of Prometheus 3
    #[arg(long, value_name = "VERSION", default_value = "3", value_parser = ["2", "2.42", "3"])]
    semantics: String,
    /// Print the answer as the HTTP API has it
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  coalmine promql 'sum(rate(http_requests_total[1m]))' --samples scraped.om
  coalmine promql 'up' --samples answer.json --at 2026-03-01T12:00:00Z --json
  coalmine promql 'rate(x_total[1m])' --samples x.om --range 600..1200 --step 30s

Prometheus promises no order of series; here they come in order of their labels.";

/// As many steps a server takes.
const MOST_STEPS: i64 = 11_000;

/// Asks the query and prints the answer.
pub(super) fn promql(arguments: &PromqlArguments) -> Result<(), CommandError> {
    let semantics = match arguments.semantics.as_str() {
        "2" => Semantics::V2,
        "2.42" => Semantics::V2_42,
        _ => Semantics::V3,
    };
    let range = arguments.range.as_deref().map(range).transpose()?;
    let at = arguments
        .at
        .as_deref()
        .map(|text| time(text, "--at"))
        .transpose()?;
    let query = Query::parse(&arguments.query, semantics)
        .map_err(|error| about_query(&arguments.query, error))?;
    let samples = read(&arguments.samples)?;
    let at = at.or(samples.newest()).unwrap_or_default();
    let (answer, at) = ask(arguments, &query, &samples, at, range)?;
    let text = match arguments.json {
        true => report::promql_json(&answer, at)? + "\n",
        false => report::promql(&answer, at),
    };
    output::print(&text)
}

fn ask(
    arguments: &PromqlArguments,
    query: &Query,
    samples: &Samples,
    at: i64,
    range: Option<(i64, i64)>,
) -> Result<(Answer, i64), CommandError> {
    let failed = |message: String| {
        let problem = Problem::error(message, None);
        CommandError::Input(problems(Path::new("query"), &arguments.query, problem))
    };
    let bound = query
        .bind(&Catalogue::of(samples))
        .map_err(|error| failed(error.to_string()))?;
    let answer = match range {
        None => bound.ask_samples(at, samples),
        Some((start, end)) => {
            let step = i64::try_from(arguments.step.as_nanos() / 1_000_000).unwrap_or(i64::MAX);
            if step < 1 || (end - start) / step > MOST_STEPS {
                return Err(refuse(
                    format!("a range of {} steps", (end - start) / step.max(1)),
                    "take a longer --step: 11000 are the most",
                ));
            }
            bound.ask_samples_range((start, end), step, samples)
        }
    };
    let answer = answer.map_err(|error| failed(error.to_string()))?;
    Ok((answer, range.map_or(at, |(_, end)| end)))
}

fn refuse(message: String, help: &str) -> CommandError {
    CommandError::Argument {
        message,
        help: help.to_owned(),
    }
}

fn problems(file: &Path, text: &str, problem: Problem) -> Problems {
    Problems {
        text: text.to_owned(),
        problems: vec![problem],
        ..Problems::about(file, "")
    }
}

fn about_query(text: &str, error: QueryError) -> CommandError {
    let mut problem = Problem::error(error.message, error.span);
    problem.help = error.help;
    CommandError::Input(problems(Path::new("query"), text, problem))
}

fn read(path: &Path) -> Result<Samples, CommandError> {
    let bytes = fs::read(path).map_err(|error| {
        CommandError::Input(Problems::about(path, format!("cannot be read: {error}")))
    })?;
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(CommandError::Input(Problems::about(
            path,
            "is not text in UTF-8",
        )));
    };
    let json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let samples = match json {
        true => Samples::from_json(&text),
        false => Samples::from_text(&text),
    };
    samples.map_err(|error| about_samples(path, &text, error))
}

fn about_samples(path: &Path, text: &str, error: SamplesError) -> CommandError {
    let span = error.line.map(|line| {
        let start: usize = text
            .split_inclusive('\n')
            .take(line - 1)
            .map(str::len)
            .sum();
        let length = text[start..].lines().next().map_or(0, str::len);
        start..start + length
    });
    let problem = Problem::error(error.what, span).help(error.help);
    CommandError::Input(problems(path, text, problem))
}

/// A time in milliseconds.
fn time(text: &str, argument: &str) -> Result<i64, CommandError> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .map(|seconds| (seconds * 1_000.0).round());
    let millis = match seconds {
        Some(millis) if millis.abs() < 9e12 => Some(millis as i64),
        Some(_) => None,
        None => text
            .parse::<jiff::Timestamp>()
            .ok()
            .map(jiff::Timestamp::as_millisecond),
    };
    millis.ok_or_else(|| {
        refuse(
            format!("`{text}` is not a time ({argument})"),
            "write Unix seconds like 1700000000.5, or RFC 3339 like 2026-03-01T12:00:00Z",
        )
    })
}

fn range(text: &str) -> Result<(i64, i64), CommandError> {
    let wrong = || {
        let help = "write two times with two dots between them, the earlier one first: 600..1200";
        refuse(format!("`{text}` is not a range of time (--range)"), help)
    };
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    let range = (time(start, "--range")?, time(end, "--range")?);
    if range.0 > range.1 {
        return Err(wrong());
    }
    Ok(range)
}
