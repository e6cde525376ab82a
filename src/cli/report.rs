//! `coalmine report`: table, figures and page again, from stored rows alone.

use std::path::PathBuf;

use clap::Args;

use super::{CommandError, output, power, tune};
use crate::experiment::{calibration, store};
use crate::report as reports;

/// Arguments of `coalmine report`.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// Folder that `coalmine power`, `coalmine calibrate` or `coalmine tune` wrote
    folder: PathBuf,
    /// Print the summary as Markdown, for a pull request or a wiki
    #[arg(long)]
    markdown: bool,
}

/// Reads the rows, draws everything again, prints the table.
pub(super) fn report(arguments: &ReportArguments) -> Result<(), CommandError> {
    if calibration::is_one(&arguments.folder) {
        return calibrated(arguments);
    }
    if tune::is_one(&arguments.folder) {
        return tuned(arguments);
    }
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

/// The same of a tuning.
fn tuned(arguments: &ReportArguments) -> Result<(), CommandError> {
    if arguments.markdown {
        return Err(CommandError::Argument {
            message: "a tuning is not printed as Markdown".to_owned(),
            help: "leave out `--markdown`".to_owned(),
        });
    }
    tune::again(&arguments.folder)
}

/// The same of a calibration.
fn calibrated(arguments: &ReportArguments) -> Result<(), CommandError> {
    if arguments.markdown {
        return Err(CommandError::Argument {
            message: "a calibration is not printed as Markdown".to_owned(),
            help: "leave out `--markdown`".to_owned(),
        });
    }
    let found = calibration::read(&arguments.folder).map_err(CommandError::Results)?;
    let extras = reports::calibration_files(&found)?;
    calibration::write(&found, &arguments.folder, &extras).map_err(CommandError::Write)?;
    let table = reports::calibration(&found, output::WIDTH, output::colours());
    output::print(&table)?;
    output::note(&format!("Drawn again: {}", arguments.folder.display()));
    Ok(())
}
