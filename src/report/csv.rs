//! The answer for spreadsheets: the cells, one line each.

use super::ReportError;
use crate::experiment::store;
use crate::experiment::summary::Results;

/// The same text as the stored `cells.csv`.
///
/// # Errors
///
/// When a number is infinite or not a number.
pub fn csv(results: &Results) -> Result<String, ReportError> {
    let bytes = store::cells_csv(&results.summary)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
