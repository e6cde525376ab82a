//! `coalmine sweep missing`: the shards that are still to run.

use std::path::PathBuf;

use clap::Args;

use super::subject;
use crate::cli::{CommandError, output};
use crate::experiment::ledger::{self, Gathered};
use crate::experiment::sweep::{self, ranges};
use crate::report;

/// Arguments of `coalmine sweep missing`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct MissingArguments {
    /// Folders (or files) of units
    #[arg(value_name = "FOLDER", required = true)]
    places: Vec<PathBuf>,
    /// The plan
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// Among how many shards [default: as many as the units were played by]
    #[arg(
        long,
        value_parser = clap::value_parser!(u32).range(1..),
        value_name = "NUMBER"
    )]
    shard_count: Option<u32>,
}

const EXAMPLES: &str = "\
Prints shard indices from 0, as ranges, and nothing when nothing is missing:
  sbatch --array=$(coalmine sweep missing rows --plan plan.json --shard-count 64) shard.sh
  parallel coalmine sweep run plan.json --shard-index {} --shard-count 64 --out rows ::: …
An Indexed Job of Kubernetes takes no list: map its indices through one, or run all shards again
with --resume, which plays only what is missing.";

/// Prints the shards that are still to run.
pub(super) fn missing(arguments: &MissingArguments) -> Result<(), CommandError> {
    let (plan, subject) = subject::read(&arguments.plan)?;
    let gathered = ledger::gather(&arguments.places, plan.id)?;
    let units = subject.units();
    let missing = sweep::missing(&units, &gathered.union);
    if missing.is_empty() {
        output::note("Nothing is missing.");
        return Ok(());
    }
    let count = arguments.shard_count.unwrap_or_else(|| usual(&gathered));
    let shards = shards(&missing, count);
    output::note(&format!(
        "{} of {} missing, in {} of {count} shards (indices from 0):",
        report::grouped(missing.len() as u64),
        report::plural(units.len() as u64, "unit"),
        shards.len()
    ));
    output::print(&format!("{}\n", ranges(shards)))
}

/// The shards that play the units at these positions: indices from 0.
pub(super) fn shards(missing: &[usize], count: u32) -> std::collections::BTreeSet<usize> {
    missing.iter().map(|at| at % count as usize).collect()
}

/// Among how many shards the units were played: the largest number that a file names.
pub(super) fn usual(gathered: &Gathered) -> u32 {
    let counts = gathered.shards.iter().filter_map(|shard| {
        let (_, count) = shard.split_once('/')?;
        count.parse().ok()
    });
    counts.max().unwrap_or(1)
}
