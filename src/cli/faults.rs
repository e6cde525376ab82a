//! `coalmine faults`: the catalogue, and which gate sees what.

use clap::Args;

use super::{CommandError, output};
use crate::experiment::catalogue::{self, GATES};
use crate::report;

/// Arguments of `coalmine faults`.
#[derive(Debug, Args)]
pub(super) struct FaultsArguments {
    /// Print Markdown, with what a scenario says to have each fault
    #[arg(long)]
    markdown: bool,
    /// Measure which of the classic gates sees each fault, and print that too; implies --markdown
    #[arg(long)]
    measure: bool,
    /// Rollouts of a bad and of a good release to measure by
    #[arg(
        long,
        requires = "measure",
        default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        value_name = "NUMBER"
    )]
    trials: u32,
}

/// Prints the catalogue.
pub(super) fn faults(arguments: &FaultsArguments) -> Result<(), CommandError> {
    let entries = catalogue::catalogue();
    if !arguments.markdown && !arguments.measure {
        return output::print(&report::faults(entries, output::WIDTH));
    }
    let mut text = report::faults_markdown(entries);
    if arguments.measure {
        let mut measured = Vec::with_capacity(entries.len());
        for entry in entries {
            measured.push((entry, entry.measure(&GATES, arguments.trials)?));
        }
        text.push_str(&report::sight_markdown(&measured, arguments.trials));
    }
    output::print(&text)
}
