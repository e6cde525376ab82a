//! `coalmine sweep`: one experiment in shards.

mod emit;

use clap::{Args, Subcommand};

use super::CommandError;

/// Arguments of `coalmine sweep`.
#[derive(Debug, Args)]
pub(super) struct SweepArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a plan in the words of an engine: Kubernetes, Slurm, GNU parallel
    Emit(emit::EmitArguments),
}

/// Runs one of its commands.
pub(super) fn sweep(arguments: &SweepArguments) -> Result<(), CommandError> {
    match &arguments.command {
        Command::Emit(arguments) => emit::emit(arguments),
    }
}
