//! What a gate saw, kept in a file.
//!
#![doc = include_str!("../../docs/recording.md")]

mod line;
mod number;
mod row;

pub use row::{LookNote, Row, TickNote};

use std::io::{self, BufRead, Write};

use serde::Serialize;

use super::{Counters, Plan, Telemetry, Version};
use crate::base::{Probability, Span, Time};
use line::{Head, Line, Mark};

/// The version of the format that is written.
pub const FORMAT: u32 = 2;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The first line is not that of a recording.
    #[error("not a recording: {0}")]
    Strange(String),
    /// A later version wrote it.
    #[error("it has format {0}; this one reads up to format {FORMAT}")]
    Newer(u32),
    /// A line makes no sense.
    #[error("line {line}: {what}")]
    Damaged {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

/// A recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// What was measured and how.
    pub subject: Subject,
    /// What the gate saw, in order.
    pub rows: Vec<Row>,
    /// Whether the last line was cut off.
    pub cut: bool,
}

/// What a recording is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// How it was measured. Failed scrapes are gaps; none is missing beside them.
    pub plan: Plan,
    /// When within the scrape interval.
    pub phase: Span,
    /// Names of the routes.
    pub routes: Vec<String>,
    /// Names of the goals.
    pub goals: Vec<String>,
    /// What else decided; `None` where nobody has written it down.
    pub luck: Option<Luck>,
}

/// The numbers by which a rollout drew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Luck {
    /// What gates drew that judge by chance of their own.
    pub gate: u64,
    /// How long people took who were asked something.
    pub patience: u64,
}

/// Writes a recording as it comes to be.
#[derive(Debug)]
pub struct Recorder<W> {
    out: W,
    routes: Vec<String>,
}

impl<W: Write> Recorder<W> {
    /// Begins a recording.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(mut out: W, subject: &Subject) -> io::Result<Recorder<W>> {
        line(&mut out, &Head::of(subject))?;
        Ok(Recorder {
            out,
            routes: subject.routes.clone(),
        })
    }

    /// Writes the running counters of a version and of its routes, which have been scraped `at`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn scrape(&mut self, at: Time, version: Version, telemetry: &Telemetry) -> io::Result<()> {
        self.counters(at, version, None, telemetry.counters(version))?;
        for route in 0..telemetry.route_count() {
            self.counters(
                at,
                version,
                Some(route),
                telemetry.route_counters(version, route),
            )?;
        }
        Ok(())
    }

    fn counters(
        &mut self,
        at: Time,
        version: Version,
        route: Option<usize>,
        counters: &Counters,
    ) -> io::Result<()> {
        let row = Row::Scrape {
            at,
            version,
            route,
            counters: counters.clone(),
        };
        self.row(&row)
    }

    /// Writes a row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn row(&mut self, row: &Row) -> io::Result<()> {
        line(&mut self.out, &Line::of(row, &self.routes))
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    out.write_all(&text)
}

/// Reads a recording.
///
/// # Errors
/// When it cannot be read, is none, or a line makes no sense.
pub fn read(input: impl BufRead) -> Result<Recording, RecordingError> {
    let mut lines = Lines { input, number: 0 };
    let strange = |what: &str| RecordingError::Strange(what.to_owned());
    let (first, _) = lines.next()?.ok_or_else(|| strange("it is empty"))?;
    let version: Mark =
        serde_json::from_slice(&first).map_err(|error| strange(&error.to_string()))?;
    if version.coalmine_recording > FORMAT {
        return Err(RecordingError::Newer(version.coalmine_recording));
    }
    let head: Head = serde_json::from_slice(&first).map_err(|error| strange(&error.to_string()))?;
    let subject = head.subject().map_err(RecordingError::Strange)?;
    let mut recording = Recording {
        subject,
        rows: Vec::new(),
        cut: false,
    };
    while let Some((text, whole)) = lines.next()? {
        let row = (serde_json::from_slice::<Line>(&text).map_err(|error| error.to_string()))
            .and_then(|line| line.row(&recording.subject));
        match row {
            Ok(row) => recording.rows.push(row),
            Err(_) if !whole => recording.cut = true,
            Err(what) => {
                let line = lines.number;
                return Err(RecordingError::Damaged { line, what });
            }
        }
    }
    Ok(recording)
}

/// Lines with their numbers.
struct Lines<R> {
    input: R,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    /// The next line, and whether its end was there.
    fn next(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        let mut text = Vec::new();
        if self.input.read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let whole = text.pop_if(|byte| *byte == b'\n').is_some();
        Ok(Some((text, whole)))
    }
}

impl Recording {
    /// Telemetry in which nothing has been seen yet, to be fed with [`feed`].
    pub fn telemetry(&self) -> Telemetry {
        // What was missed left no row.
        let plan = Plan {
            missed: Probability::ZERO,
            ..self.subject.plan.clone()
        };
        let mut telemetry = Telemetry::new(&plan, self.subject.phase);
        match self
            .rows
            .iter()
            .any(|row| matches!(row, Row::Answer { .. }))
        {
            true => telemetry.go_by_answers(),
            false => telemetry.go_by_samples(),
        }
        telemetry
    }
}

/// Hands rows over to telemetry, as they were seen.
///
/// A scrape of a version is one row for the version and one for each of its routes; they become a
/// sample together. What was answered at each look ([`Row::Supplied`]) and what was decided is left
/// to whoever replays it.
pub fn feed(rows: &[Row], telemetry: &mut Telemetry) {
    let mut open: Option<(Time, Version)> = None;
    for row in rows {
        let scraped = match row {
            Row::Scrape { at, version, .. } => Some((*at, *version)),
            _ => None,
        };
        if open != scraped
            && let Some((at, version)) = open
        {
            telemetry.scrape(version, at);
        }
        open = scraped;
        match row {
            Row::Scrape {
                version,
                route,
                counters,
                ..
            } => {
                let place = match route {
                    None => telemetry.counters_mut(*version),
                    Some(route) => telemetry.route_counters_mut(*version, *route),
                };
                place.clone_from(counters);
            }
            Row::Answer {
                at,
                version,
                route,
                span,
                figures,
            } => telemetry.answer(*version, *route, *at, *span, figures.clone()),
            Row::Query { at, text, answer } => telemetry.answer_query(*at, text, answer.clone()),
            Row::Step {
                question, figure, ..
            } => telemetry.supply_next(*question, *figure),
            Row::Weights { at, weights } => telemetry.note_weights(*at, *weights),
            Row::Supplied { .. } | Row::Look { .. } | Row::Tick { .. } | Row::Problem { .. } => {}
        }
    }
    if let Some((at, version)) = open {
        telemetry.scrape(version, at);
    }
}

#[cfg(test)]
mod tests;
