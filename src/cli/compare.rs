//! `coalmine compare`: all gates on one scenario, by the same luck.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::power::{bar, on_interruption};
use super::service::{EXPERIMENT, OUTPUT, ServiceArguments};
use super::{CommandError, output};
use crate::base::Probability;
use crate::experiment::comparison::{self, Comparison, League};
use crate::experiment::store::{self, Layout};
use crate::experiment::{Options, Progress};
use crate::report;
use crate::scenario::{self, Overrides, Scenario};

/// Arguments of `coalmine compare`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompareArguments {
    #[command(flatten)]
    service: ServiceArguments,
    /// Every built-in scenario: who leads each
    #[arg(long, conflicts_with_all = ["scenario", "flagger", "argo", "kayenta"])]
    all: bool,
    /// The share of good releases that may be rolled back
    #[arg(long, value_name = "SHARE", default_value = "1%", help_heading = EXPERIMENT)]
    false_rollback: Probability,
    /// Trials of each world
    #[arg(
        long,
        value_parser = clap::value_parser!(u32).range(20..=1_000_000),
        value_name = "NUMBER",
        default_value = "1000",
        help_heading = EXPERIMENT
    )]
    trials: u32,
    /// Threads to use; they do not change the results
    #[arg(
        long,
        value_parser = clap::value_parser!(u16).range(1..),
        value_name = "NUMBER",
        help_heading = EXPERIMENT
    )]
    threads: Option<u16>,
    /// Folder for rows, figures and report [default: results/comparison/NAME, or results/league]
    #[arg(long, value_name = "FOLDER", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    /// Write no files
    #[arg(long, conflicts_with = "out", help_heading = OUTPUT)]
    no_files: bool,
    /// Print the rows as JSON instead of the table
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  coalmine compare                      the built-in scenario under every gate
  coalmine compare my-service.toml      your own
  coalmine compare low-traffic --false-rollback 5%
  coalmine compare --all                who leads each built-in scenario";

/// What a folder of one scenario's comparison holds.
const ONE: Layout = Layout {
    mark: "comparison.json",
    files: &[
        "comparison.json",
        "comparison.csv",
        "report.html",
        "frontier.png",
        "frontier.svg",
        "times.png",
        "times.svg",
    ],
};
/// What a folder of the league of many scenarios holds.
const MANY: Layout = Layout {
    mark: "league.csv",
    files: &["league.csv", "league.md", "comparison.csv"],
};

/// Compares and prints; stores what was compared.
pub(super) fn compare(arguments: &CompareArguments) -> Result<(), CommandError> {
    if arguments.all {
        return everywhere(arguments);
    }
    let scenario = arguments.service.scenario(Overrides::default())?;
    let folder = match &arguments.out {
        _ if arguments.no_files => None,
        Some(folder) => Some(folder.clone()),
        None => Some(Path::new("results/comparison").join(&scenario.name)),
    };
    if let Some(folder) = &folder {
        store::check_replaceable_as(folder, &ONE).map_err(CommandError::Results)?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let bar = bar();
    on_interruption(Arc::clone(&stop), bar.clone());
    let comparison = play(&scenario, arguments, &stop, bar.as_ref(), (0, 1))?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let league = comparison::league(&comparison, arguments.false_rollback.get());
    let printed = match arguments.json {
        true => output::print(&(serde_json::to_string_pretty(&comparison)? + "\n")),
        false => output::print(&report::comparison(
            &comparison,
            &league,
            output::WIDTH,
            output::colours(),
        )),
    };
    if let Some(folder) = folder {
        keep(&comparison, &league, &folder)?;
        let report = folder.join("report.html");
        output::note(&format!("Report, figures and rows: {}", report.display()));
    }
    printed
}

fn keep(comparison: &Comparison, league: &League<'_>, folder: &Path) -> Result<(), CommandError> {
    let files = report::comparison_files(comparison, league)?;
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (*name, &bytes[..]))
        .collect();
    store::replace(folder, &ONE, &files).map_err(CommandError::Write)
}

/// Plays a scenario, the `nth` of so many.
fn play(
    scenario: &Scenario,
    arguments: &CompareArguments,
    stop: &AtomicBool,
    bar: Option<&indicatif::ProgressBar>,
    (nth, of): (u64, u64),
) -> Result<Comparison, CommandError> {
    let progress = |progress: Progress| {
        if let Some(bar) = bar {
            bar.set_length(progress.total * of);
            bar.set_position(progress.total * nth + progress.done);
        }
    };
    let options = Options {
        threads: arguments.threads.map(usize::from),
        keep_trials: false,
        ledger: None,
        stop,
        progress: &progress,
    };
    let contenders = comparison::contenders(scenario, comparison::planned(scenario));
    Ok(comparison::compare(
        scenario,
        &contenders,
        arguments.trials,
        &options,
    )?)
}

/// Who leads each built-in scenario.
fn everywhere(arguments: &CompareArguments) -> Result<(), CommandError> {
    let folder = match &arguments.out {
        _ if arguments.no_files => None,
        Some(folder) => Some(folder.clone()),
        None => Some(PathBuf::from("results/league")),
    };
    if let Some(folder) = &folder {
        store::check_replaceable_as(folder, &MANY).map_err(CommandError::Results)?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let bar = bar();
    on_interruption(Arc::clone(&stop), bar.clone());
    let all = scenario::builtin();
    let of = all.len() as u64;
    let mut comparisons = Vec::new();
    for (nth, builtin) in all.iter().enumerate() {
        let scenario = builtin.scenario()?;
        let played = play(&scenario, arguments, &stop, bar.as_ref(), (nth as u64, of))?;
        if !played.complete {
            break;
        }
        comparisons.push(played);
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let bar = arguments.false_rollback.get();
    let leagues: Vec<(&Comparison, League<'_>)> = comparisons
        .iter()
        .map(|comparison| (comparison, comparison::league(comparison, bar)))
        .collect();
    let printed = match arguments.json {
        true => output::print(&(serde_json::to_string_pretty(&comparisons)? + "\n")),
        false => output::print(&report::leagues(&leagues, output::WIDTH, output::colours())),
    };
    if let Some(folder) = folder {
        let files = report::league_files(&leagues)?;
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, bytes)| (*name, &bytes[..]))
            .collect();
        store::replace(&folder, &MANY, &files).map_err(CommandError::Write)?;
        output::note(&format!("League and rows: {}", folder.display()));
    }
    printed
}
