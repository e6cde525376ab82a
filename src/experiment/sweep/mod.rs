//! An experiment shared out over machines that know nothing of each other.
//!
//! A [`Plan`] carries all that decides; every machine makes the same list of units from it, and plays
//! those of its [`Shard`]: each N-th, so that the shares are even where cost grows along a grid. What
//! comes of it are files of units (see [`super::ledger`]). They are put together by a union, and
//! whether all is there is judged from the records alone, never from how a process ended: no engine
//! runs each share exactly once.

pub mod emit;
mod grid;
mod plan;
mod shard;
mod subject;

pub use grid::{GridResults, GridRow, SweepFile, csv};
pub use plan::{Asked, Carried, Command, FORMAT, Plan, PlanError, Text};
pub use shard::{Shard, ranges, steps};
pub use subject::{GridPoint, Subject};

use super::ledger::{Union, UnitId};

/// Positions of the units that no record is known of, in order.
pub fn missing(units: &[UnitId], known: &Union) -> Vec<usize> {
    let is_missing = |at: &usize| !known.has(&units[*at]);
    (0..units.len()).filter(is_missing).collect()
}
