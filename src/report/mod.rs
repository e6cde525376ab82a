//! Stored rows into something a person reads: a table for the terminal, five figures, and one page
//! that holds everything. Nothing here simulates.

mod answer;
mod calibration;
mod catalogue;
mod check;
mod comparison;
mod conformity;
mod csv;
mod fields;
mod gates;
mod grid;
mod heading;
mod html;
mod json;
pub mod judgement;
mod live;
mod looks;
mod markdown;
mod page;
mod plan;
mod plot;
mod promql;
mod quantity;
mod replay;
mod table;
mod ticks;
mod tuning;
pub(crate) mod wrap;

pub use calibration::calibration;
pub use catalogue::{faults, faults_markdown, sight_markdown};
pub use check::{
    check_annotations, check_json, check_junit, check_markdown, check_outcome, check_text,
};
pub use comparison::{comparison, comparison_files, league_files, leagues};
pub use conformity::conformity;
pub use csv::csv;
pub use fields::fields_markdown;
pub use gates::{gate, gates, gates_markdown};
pub use grid::grid;
pub use json::json;
pub use live::{live_head, live_outcome, live_tick};
pub use looks::{look, looks};
pub use markdown::markdown;
pub use plan::plan;
pub use promql::{promql, promql_json};
pub use replay::{Told as ReplayTold, replay, replay_csv};
pub use table::table;
pub use ticks::ticks;
pub use tuning::{tuning, tuning_files};

pub(crate) use crate::experiment::words::{grouped, plural};
pub(crate) use quantity::weight as percent;

use crate::experiment::calibration::Calibration;
use crate::experiment::store::StoreError;
use crate::experiment::summary::Results;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The typeface in the binary cannot be read.
    #[error("the built-in typeface cannot be read")]
    Font,
    /// A figure could not be painted.
    #[error("a figure could not be painted: {0}")]
    Drawing(String),
    /// The page could not be filled in.
    #[error("the page could not be filled in: {0}")]
    Page(#[from] askama::Error),
    /// The results cannot be put into text.
    #[error(transparent)]
    Text(#[from] StoreError),
}

impl ReportError {
    fn drawing(cause: impl std::fmt::Display) -> ReportError {
        ReportError::Drawing(cause.to_string())
    }
}

/// All figures as PNG and SVG and the page that shows them, as names and contents of files: what
/// [`crate::experiment::store::write`] takes besides the results.
///
/// The same results give the same bytes. Results that lack something (no detections, no heat map,
/// no timeline) give figures that say so.
///
/// # Errors
///
/// When a figure or the page cannot be made, which no results should bring about.
pub fn render(results: &Results) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let figures = plot::figures(results)?;
    let page = html::page(results, &figures)?;
    let mut files = vec![("report.html".to_owned(), page.into_bytes())];
    for figure in figures {
        files.push((format!("{}.png", figure.name), figure.png));
        files.push((format!("{}.svg", figure.name), figure.svg));
    }
    Ok(files)
}

/// The figure of a calibration as PNG and SVG, as names and contents of files: what
/// [`crate::experiment::calibration::write`] takes besides the rows.
///
/// # Errors
///
/// When the figure cannot be painted, which no calibration should bring about.
pub fn calibration_files(calibration: &Calibration) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let figure = plot::calibration(calibration)?;
    Ok(vec![
        (format!("{}.png", figure.name), figure.png),
        (format!("{}.svg", figure.name), figure.svg),
    ])
}
