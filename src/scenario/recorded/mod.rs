//! Figures that others recorded, as recordings that gates can read: tables, access logs, answers of a
//! Prometheus.
//!
//! Each reader makes running counters of each version (`series`), which are then put on the clock of a
//! rollout that begins with the canary's first request.

mod log;
mod log_format;
mod matrix;
mod series;
mod table;
mod times;

pub use log::LogWanted;
pub use matrix::{MatrixWanted, MetricNames};
pub use table::TableWanted;
pub use times::instant;

use std::io::Read;
use std::path::Path;

use super::trace::{MOST_BYTES, unpacked};
use crate::base::{Problem, Problems};
use crate::telemetry::Plan;
use crate::telemetry::promql::Samples;
use crate::telemetry::recording::Recording;

/// Figures on the clock of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The figures.
    pub recording: Recording,
    /// The time of day at the start, in nanoseconds since 1970; `None` where times count from nowhere.
    pub begun: Option<i128>,
    /// What was understood how, one sentence each.
    pub notes: Vec<String>,
}

/// Which part of the figures is replayed, and on which clock.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stretch {
    /// When the rollout begins, in nanoseconds since 1970 (or since whatever the times count from);
    /// `None`: just before the canary's first request.
    pub from: Option<i128>,
    /// Where the figures end; `None`: where they do.
    pub to: Option<i128>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A recording of our own.
    Own,
    /// A table.
    Table,
    /// A line for each request.
    Log,
    /// An answer of Prometheus' HTTP API.
    Matrix,
}

impl Kind {
    /// Told by how a file begins.
    pub fn of(bytes: &[u8]) -> Kind {
        let mut start = Vec::new();
        // What cannot be unpacked is reported by whoever reads it.
        let _ = unpacked(bytes).take(16 * 1024).read_to_end(&mut start);
        let start = String::from_utf8_lossy(&start);
        let mut lines = start.lines().map(str::trim);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        match first {
            Some(line) if line.starts_with("{\"coalmine_recording\"") => Kind::Own,
            Some(_) if start.contains("\"resultType\"") || start.contains("\"metric\"") => {
                Kind::Matrix
            }
            Some(line) if line.starts_with('[') => Kind::Matrix,
            Some(line)
                if line.starts_with('{') || (line.contains(" [") && line.contains("] \"")) =>
            {
                Kind::Log
            }
            _ => Kind::Table,
        }
    }
}

/// Which version's a name in the figures is: stable's, the canary's, the baseline's.
pub type Names = [Option<String>; 3];

/// Reads a table.
///
/// # Errors
/// Everything that is wrong with it.
pub fn table(
    bytes: &[u8],
    file: &Path,
    wanted: &TableWanted,
    stretch: Stretch,
    plan: &Plan,
) -> Result<Imported, Problems> {
    table::read(bytes, file, wanted, stretch, plan)
}

/// Reads access logs, which may come in several files.
///
/// # Errors
/// Everything that is wrong with them.
pub fn logs(
    files: &[(&Path, &[u8])],
    wanted: &LogWanted,
    stretch: Stretch,
    plan: &Plan,
) -> Result<Imported, Problems> {
    log::read(files, wanted, stretch, plan)
}

/// Reads answers of Prometheus' HTTP API.
///
/// # Errors
/// Everything that is wrong with them.
pub fn matrices(
    files: &[(&Path, &[u8])],
    wanted: &MatrixWanted,
    stretch: Stretch,
    plan: &Plan,
) -> Result<Imported, Problems> {
    let mut all = Vec::new();
    for (path, bytes) in files {
        let text = text(bytes, path)?;
        let samples = Samples::from_json(&text).map_err(|error| {
            let span = error.line.map(|line| span_of(&text, line));
            problems(
                path,
                &text,
                vec![Problem::error(error.what, span).help(error.help)],
            )
        })?;
        all.push(samples);
    }
    let path = files.first().map_or(Path::new(""), |(path, _)| path);
    matrix::read(&all, path, wanted, stretch, plan)
}

/// The same of series that were fetched already; problems are about `source`.
///
/// # Errors
/// When they are not what is wanted.
pub fn series(
    samples: &[Samples],
    source: &Path,
    wanted: &MatrixWanted,
    stretch: Stretch,
    plan: &Plan,
) -> Result<Imported, Problems> {
    matrix::read(samples, source, wanted, stretch, plan)
}

/// The text of a file, plain or gzip.
fn text(bytes: &[u8], file: &Path) -> Result<String, Problems> {
    let mut text = String::new();
    let read = unpacked(bytes).take(MOST_BYTES).read_to_string(&mut text);
    let refuse = |error: std::io::Error| Problems::about(file, format!("cannot be read: {error}"));
    read.map_err(refuse)?;
    Ok(text)
}

/// The bytes of a line, which counts from 1.
fn span_of(text: &str, line: usize) -> std::ops::Range<usize> {
    let start: usize = (text.split_inclusive('\n').take(line.saturating_sub(1)))
        .map(str::len)
        .sum();
    let length = text[start..].lines().next().map_or(0, str::len);
    start..start + length
}

fn problems(file: &Path, text: &str, problems: Vec<Problem>) -> Problems {
    Problems {
        file: file.to_owned(),
        text: text.to_owned(),
        problems,
        also: Vec::new(),
    }
}

/// One problem about a line, which counts from 1, of a text.
pub fn about_line(file: &Path, text: String, line: usize, what: String) -> Problems {
    let span = span_of(&text, line);
    Problems {
        file: file.to_owned(),
        problems: vec![Problem::error(what, Some(span))],
        text,
        also: Vec::new(),
    }
}
