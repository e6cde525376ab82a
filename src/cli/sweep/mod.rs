//! `coalmine sweep`: an experiment shared out over machines that know nothing of each other.

mod emit;
mod merge;
mod missing;
mod plan;
mod run;
mod subject;
mod words;

use clap::{Args, Subcommand};

use super::CommandError;
use crate::experiment::ledger::LedgerError;
use crate::experiment::store::StoreError;

/// Arguments of `coalmine sweep`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = EXAMPLES
)]
pub(super) struct SweepArguments {
    #[command(subcommand)]
    command: SweepCommand,
}

#[derive(Debug, Subcommand)]
enum SweepCommand {
    /// Write down what is to be played, with all its files, as one plan
    Plan(plan::PlanArguments),
    /// Print a plan as Kubernetes, Slurm or GNU parallel take it
    Emit(emit::EmitArguments),
    /// Play one share of a plan
    Run(run::RunArguments),
    /// Put shares together, say what is missing, and write the finished result
    Merge(merge::MergeArguments),
    /// Print the shards that are still to run
    Missing(missing::MissingArguments),
}

const EXAMPLES: &str = "\
Examples:
  coalmine sweep plan power low-traffic --trials 20000 --out plan.json
  coalmine sweep run plan.json --shard 1/2 --out rows     on one machine
  coalmine sweep run plan.json --shard 2/2 --out rows     on another
  coalmine sweep merge rows --out merged                  byte for byte what one process finds

Exit codes of `run`: 0 played, 64 never retry, 75 retry. Of `merge`: 0 complete, 3 incomplete,
4 the same unit came out in two ways. docs/sweep.md tells the rest.";

/// Runs one of its commands.
pub(super) fn sweep(arguments: &SweepArguments) -> Result<(), CommandError> {
    match &arguments.command {
        SweepCommand::Plan(arguments) => plan::plan(arguments),
        SweepCommand::Emit(arguments) => emit::emit(arguments),
        SweepCommand::Run(arguments) => run::run(arguments),
        SweepCommand::Merge(arguments) => merge::merge(arguments),
        SweepCommand::Missing(arguments) => missing::missing(arguments),
    }
}

/// What `sweep run` says to an engine: this shard will never do.
pub(super) const NEVER: u8 = 64;
/// What it says to it: try again.
const AGAIN: u8 = 75;
/// What `sweep merge` says of shards that lack units.
const INCOMPLETE: u8 = 3;
/// What it says of shards that contradict each other.
const CONFLICTING: u8 = 4;

/// How a failed command of these ends the process.
pub(super) fn exit_code(arguments: &SweepArguments, error: &CommandError) -> u8 {
    match (&arguments.command, error) {
        (SweepCommand::Run(_), error) => to_engine(error),
        (SweepCommand::Merge(_), CommandError::Incomplete(_)) => INCOMPLETE,
        (SweepCommand::Merge(_), CommandError::Ledger(LedgerError::Conflict { .. })) => CONFLICTING,
        _ => error.exit_code(),
    }
}

fn to_engine(error: &CommandError) -> u8 {
    match error {
        CommandError::Incomplete(_)
        | CommandError::Output(_)
        | CommandError::Ledger(LedgerError::Io { .. })
        | CommandError::Results(StoreError::Io { .. })
        | CommandError::Write(StoreError::Io { .. })
        | CommandError::Log { .. } => AGAIN,
        error if error.exit_code() == 2 => NEVER,
        error => error.exit_code(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_engine_is_told_what_to_do_with_a_failed_shard() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let argument = CommandError::Argument {
            message: String::new(),
            help: String::new(),
        };
        assert_eq!(to_engine(&argument), NEVER);
        assert_eq!(to_engine(&CommandError::Incomplete(String::new())), AGAIN);
        assert_eq!(to_engine(&CommandError::Output(full())), AGAIN);
        let disk = LedgerError::Io {
            doing: "write",
            path: "x".into(),
            cause: full(),
        };
        assert_eq!(to_engine(&CommandError::Ledger(disk)), AGAIN);
        assert_eq!(to_engine(&CommandError::Failed(String::new())), 1);
    }
}
