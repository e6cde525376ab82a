//! `coalmine sweep merge`: shares put together, judged from what they hold.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::{missing, plan, subject};
use crate::cli::power::{self, How};
use crate::cli::service::OUTPUT;
use crate::cli::{CommandError, calibrate, output, resume, tune};
use crate::experiment::ledger::{self, Gathered, Header, Ledger};
use crate::experiment::sweep::{self, GridPoint, GridResults, Plan, Subject, ranges};
use crate::experiment::tuning::Search;
use crate::experiment::{Options, Progress};
use crate::report;
use crate::scenario::Scenario;

/// Arguments of `coalmine sweep merge`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct MergeArguments {
    /// Folders (or files) of units: of `sweep run`, or of earlier merges
    #[arg(value_name = "FOLDER", required = true)]
    places: Vec<PathBuf>,
    /// The plan [default: plan.json in the first folder that has one]
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Name missing shards among so many [default: as many as the units were played by]
    #[arg(
        long,
        value_parser = clap::value_parser!(u32).range(1..),
        value_name = "NUMBER"
    )]
    shard_count: Option<u32>,
    /// Merged rows of earlier plans that this one of `tune` goes on from: they are merged as well
    #[arg(long, value_name = "PLACE")]
    rows: Option<PathBuf>,
    /// Folder for merged units and finished results; FILE.jsonl for the units alone
    #[arg(long, value_name = "PLACE", help_heading = OUTPUT)]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  coalmine sweep merge rows --out merged
  coalmine sweep merge site-a site-b --out merged       in any order, twice, or merged before
  coalmine power low-traffic --trials 20000 --rows merged      the same results, drawn by power

Exit codes: 0 complete, 2 units of another plan or version, 3 incomplete (what is missing is named),
4 the same unit came out in two ways (both are shown).";

/// Merged units in a folder.
const ROWS: &str = "rows.jsonl";

/// Merges, and writes the finished result when all is there.
pub(super) fn merge(arguments: &MergeArguments) -> Result<(), CommandError> {
    let path = plan_path(arguments)?;
    let (plan, subject) = subject::read(&path)?;
    refuse_odd_rows(arguments, &subject)?;
    let mut gathered = ledger::gather(&arguments.places, plan.id)?;
    let units = subject.units();
    let missing = sweep::missing(&units, &gathered.union);
    tell(&gathered, units.len(), missing.len());
    let lack = lack(arguments, &gathered, units.len(), &missing);
    if let Some(place) = &arguments.rows {
        resume::take_rows(place, &mut gathered.union)?;
    }
    let records = gathered.union.into_records();
    let folder = match &arguments.out {
        None => None,
        Some(file) if file.extension().is_some_and(|ending| ending == "jsonl") => {
            ledger::write(file, &Header::new(plan.id, "1/1"), &records)?;
            None
        }
        Some(folder) => {
            let header = Header::new(plan.id, "1/1");
            ledger::write(&folder.join(ROWS), &header, &records)?;
            plan::write(&plan, &folder.join("plan.json"))?;
            Some(folder)
        }
    };
    if let Some(lack) = lack {
        return Err(CommandError::Incomplete(lack));
    }
    let Some(folder) = folder else {
        return Ok(());
    };
    if goes_on(&subject) && arguments.rows.is_none() {
        output::note(&output::narrow(
            "Merged, but not tuned: this plan goes on from earlier rows. The same merge with --rows \
             PLACE ends the search.",
            output::WIDTH,
            "",
        ));
        return Ok(());
    }
    finish(&plan, &subject, &Ledger::with(records), folder)
}

/// Whether a plan goes on from rows of earlier ones.
fn goes_on(subject: &Subject) -> bool {
    matches!(subject, Subject::Tune { stretch, .. } if stretch.goes_on())
}

/// Earlier rows belong to a plan that goes on from some, and to no other.
fn refuse_odd_rows(arguments: &MergeArguments, subject: &Subject) -> Result<(), CommandError> {
    if arguments.rows.is_none() || goes_on(subject) {
        return Ok(());
    }
    Err(CommandError::Argument {
        message: "this plan goes on from no other rows".to_owned(),
        help: "leave out --rows; units of the same plan are named as folders or files".to_owned(),
    })
}

fn plan_path(arguments: &MergeArguments) -> Result<PathBuf, CommandError> {
    if let Some(path) = &arguments.plan {
        return Ok(path.clone());
    }
    let beside = |place: &PathBuf| {
        let folder = match place.is_dir() {
            true => place.as_path(),
            false => place.parent()?,
        };
        let path = folder.join("plan.json");
        path.is_file().then_some(path)
    };
    let found = arguments.places.iter().find_map(beside);
    found.ok_or_else(|| CommandError::Argument {
        message: "there is no plan.json in any of the folders".to_owned(),
        help: "name the plan: --plan plan.json".to_owned(),
    })
}

fn tell(gathered: &Gathered, all: usize, missing: usize) {
    let torn = match gathered.torn.len() {
        0 => String::new(),
        1 => ", 1 of them without its end".to_owned(),
        torn => format!(", {torn} of them without their ends"),
    };
    output::note(&format!(
        "{} of {} in {}{torn}.",
        report::grouped((all - missing) as u64),
        report::plural(all as u64, "unit"),
        report::plural(gathered.files as u64, "file"),
    ));
}

/// What is missing, and which shards would play it.
fn lack(
    arguments: &MergeArguments,
    gathered: &Gathered,
    all: usize,
    missing: &[usize],
) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let usual = || missing::usual(gathered);
    let count = arguments.shard_count.unwrap_or_else(usual);
    Some(format!(
        "incomplete: {} of {} missing, at positions (from 0) {}\nshards that play them (--shard-index \
         of --shard-count {count}): {}",
        report::grouped(missing.len() as u64),
        report::plural(all as u64, "unit"),
        sweep::steps(missing),
        ranges(missing::shards(missing, count))
    ))
}

/// Writes what one process would have written, from the records alone.
fn finish(
    plan: &Plan,
    subject: &Subject,
    ledger: &Ledger,
    folder: &Path,
) -> Result<(), CommandError> {
    match subject {
        Subject::Power(scenarios) => {
            for scenario in scenarios {
                power(scenario, ledger, &folder.join(&scenario.name))?;
            }
            Ok(())
        }
        Subject::Calibrate {
            settings,
            gates,
            effort,
        } => {
            let how = How {
                ledger: Some(ledger),
                ..How::default()
            };
            let found = calibrate::play(settings, gates, *effort, &how)?;
            calibrate::answer(&found, Some(&folder.join("calibration")), false)
        }
        Subject::Grid(points) => grid(plan, points, ledger, folder),
        Subject::Tune { search, .. } => tuned(search, ledger, folder),
    }
}

/// Tunes by what the shares played, and plays what could not be shared out.
fn tuned(search: &Search, ledger: &Ledger, folder: &Path) -> Result<(), CommandError> {
    let results = folder.join(&search.start().name);
    tune::check_replaceable(&results)?;
    let how = How {
        ledger: Some(ledger),
        ..How::default()
    };
    let tuning = tune::play(search, &how)?;
    if !tuning.complete {
        return Err(CommandError::Incomplete(format!(
            "interrupted: the merged units are in {}; `coalmine tune` with its options and --rows {} \
             --resume plays the rest and can be interrupted",
            folder.display(),
            folder.display()
        )));
    }
    tune::answer(search, &tuning, &results)
}

fn power(scenario: &Scenario, ledger: &Ledger, folder: &Path) -> Result<(), CommandError> {
    let how = How {
        ledger: Some(ledger),
        ..How::default()
    };
    let stop = AtomicBool::new(false);
    let results = power::simulate(scenario, &how, &stop, power::bar())?;
    output::print(&report::table(&results, output::WIDTH, output::colours()))?;
    power::keep(&results, folder)?;
    let page = folder.join("report.html");
    output::note(&format!("Report, figures and rows: {}", page.display()));
    Ok(())
}

fn grid(
    plan: &Plan,
    points: &[GridPoint],
    ledger: &Ledger,
    folder: &Path,
) -> Result<(), CommandError> {
    let stop = Arc::new(AtomicBool::new(false));
    let bar = power::bar();
    let progress = |progress: Progress| {
        if let Some(bar) = &bar {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        }
    };
    let options = Options {
        threads: None,
        keep_trials: false,
        ledger: Some(ledger),
        stop: &stop,
        progress: &progress,
    };
    let grid = plan.asked.grid.iter().flat_map(|file| &file.grid);
    let places = grid.map(|(place, _)| place.clone()).collect();
    let results = GridResults::of(places, plan.asked.seed.clone(), points, &options)?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let Some(results) = results else {
        return Err(CommandError::Incomplete("interrupted".to_owned()));
    };
    output::print(&report::grid(&results, output::WIDTH, output::colours()))?;
    let cells = folder.join("cells.csv");
    let rows = sweep::csv(&results).map_err(CommandError::Write)?;
    replace(&cells, &rows).map_err(|error| CommandError::Log {
        path: cells.clone(),
        error,
    })?;
    output::note(&format!("Cells: {}", cells.display()));
    Ok(())
}

/// Writes a file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    fs::rename(&new, path)
}
