//! The answer for programs: the summary.

use super::ReportError;
use crate::experiment::store;
use crate::experiment::summary::Results;

/// The same text as the stored `summary.json`.
///
/// # Errors
///
/// When a number is infinite or not a number.
pub fn json(results: &Results) -> Result<String, ReportError> {
    Ok(store::summary_json(&results.summary)?)
}
