//! `coalmine report`: table, figures and page again, from stored rows alone.

use std::path::PathBuf;

use clap::Args;

use super::{CommandError, output, power};
use crate::experiment::store;
use crate::report as reports;

/// Arguments of `coalmine report`.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// Folder that `coalmine power` wrote
    folder: PathBuf,
    /// Print the summary as Markdown, for a pull request or a wiki
    #[arg(long)]
    markdown: bool,
}

/// Reads the rows, draws everything again, prints the table.
pub(super) fn report(arguments: &ReportArguments) -> Result<(), CommandError> {
    let results = store::read(&arguments.folder).map_err(CommandError::Results)?;
    power::keep(&results, &arguments.folder)?;
    if arguments.markdown {
        output::print(&reports::markdown(&results))?;
    } else {
        output::print(&reports::table(&results, output::WIDTH, output::colours()))?;
    }
    let page = arguments.folder.join("report.html");
    output::note(&format!("Drawn again: {}", page.display()));
    Ok(())
}
