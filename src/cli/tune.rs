//! `coalmine tune`: the settings that keep what is asked of them and cost least.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::power::{How, bar, on_interruption};
use super::resume::ResumeArguments;
use super::service::{EXPERIMENT, OUTPUT, ServiceArguments};
use super::{CommandError, output};
use crate::experiment::ledger::PlanId;
use crate::experiment::store::{self, Layout};
use crate::experiment::tuning::{self, Extent, Search, TuneError, Tuning};
use crate::experiment::{Options, Progress};
use crate::report;
use crate::scenario::{
    Aim, Bundle, Expectation, Move, MoveError, Overrides, Scenario, Tune, tunable,
};

/// What `coalmine tune` is asked, wherever it is played.
#[derive(Debug, Args)]
pub(super) struct TuneQuestion {
    #[command(flatten)]
    pub service: ServiceArguments,
    /// What must hold: "power >= 95%"; again for more [default: the scenario's, or power >= 95% and
    /// false_rollback <= 1%]
    #[arg(long, value_name = "CLAUSE", value_parser = clause, help_heading = TUNING)]
    require: Vec<Expectation>,
    /// What may move: PLACE=V1,V2 or PLACE=1..5; again for more [default: the scenario's, or what is
    /// usually set]
    #[arg(long = "move", value_name = "MOVE", value_parser = moved, help_heading = TUNING)]
    moves: Vec<Move>,
    /// What to make small: exposure, time, or both [default: both]
    #[arg(long, value_delimiter = ',', value_name = "AIM", help_heading = TUNING)]
    minimise: Vec<Aim>,
    /// Points of the grid to try; a seeded sample where it has more
    #[arg(
        long,
        value_parser = clap::value_parser!(u32).range(1..=100_000),
        value_name = "NUMBER",
        default_value_t = Extent::default().candidates,
        help_heading = TUNING
    )]
    candidates: u32,
    /// At most so many trials of a point in each world while searching
    #[arg(
        long,
        value_parser = clap::value_parser!(u32).range(20..=1_000_000),
        value_name = "NUMBER",
        default_value_t = Extent::default().trials,
        help_heading = EXPERIMENT
    )]
    pub trials: u32,
    /// At most so many rollouts while searching
    #[arg(
        long,
        value_parser = clap::value_parser!(u64).range(100..),
        value_name = "NUMBER",
        default_value_t = Extent::default().budget,
        help_heading = EXPERIMENT
    )]
    budget: u64,
    /// Trials of each point that is shown, on fresh seeds
    #[arg(
        long,
        value_parser = clap::value_parser!(u32).range(20..=1_000_000),
        value_name = "NUMBER",
        default_value_t = Extent::default().fresh,
        help_heading = EXPERIMENT
    )]
    fresh: u32,
}

/// Arguments of `coalmine tune`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TuneArguments {
    #[command(flatten)]
    question: TuneQuestion,
    /// Threads to use; they do not change the results
    #[arg(
        long,
        value_parser = clap::value_parser!(u16).range(1..),
        value_name = "NUMBER",
        help_heading = EXPERIMENT
    )]
    threads: Option<u16>,
    #[command(flatten)]
    resume: ResumeArguments,
    /// Write the recommended change as a patch for `patch -p1` or `git apply`
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    patch: Option<PathBuf>,
    /// Folder for rows, figure and report [default: results/tuning/NAME]
    #[arg(long, value_name = "FOLDER", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    /// Write no files but the patch
    #[arg(long, conflicts_with = "out", help_heading = OUTPUT)]
    no_files: bool,
    /// Print the result as JSON instead of the table
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

/// The heading of options about what is looked for.
const TUNING: &str = "Tuning";

const EXAMPLES: &str = "\
Examples:
  coalmine tune --flagger canary.yaml --rate 20/s --canary-errors 1%
  coalmine tune plain-flagger --minimise exposure --require 'power >= 99%'
  coalmine tune my-service.toml --move 'rollout.interval=30s,1m' \\
      --move 'rollout.gates[0].min=98%,99%,99.5%'
  coalmine tune --argo rollout.yaml --canary-errors 2% --patch better.diff";

/// What a folder of a tuning holds.
const LAYOUT: Layout = Layout {
    mark: "tuning.json",
    files: &[
        "tuning.json",
        "tuning.csv",
        "tuning.diff",
        "report.html",
        "pareto.png",
        "pareto.svg",
    ],
};

fn clause(text: &str) -> Result<Expectation, String> {
    let clause: Expectation = text
        .parse()
        .map_err(|error: crate::scenario::ExpectationError| error.to_string())?;
    tunable(&clause)?;
    Ok(clause)
}

fn moved(text: &str) -> Result<Move, String> {
    text.parse().map_err(|error: MoveError| error.to_string())
}

/// Tunes and prints; stores what was found.
pub(super) fn tune(arguments: &TuneArguments) -> Result<(), CommandError> {
    let question = &arguments.question;
    let (bundle, scenario) = question.service.bundle(Overrides::default())?;
    let folder = folder(arguments, &scenario);
    if let Some(folder) = &folder {
        check_replaceable(folder)?;
    }
    let asked = question.asked(&scenario);
    let plan = PlanId::of_content(&("tune", &scenario, &asked, question.extent()));
    let search = question.search(bundle, scenario)?;
    let session = arguments.resume.begin(folder.as_deref(), plan)?;
    let how = How {
        threads: arguments.threads.map(usize::from),
        ledger: Some(session.ledger()),
        ..How::default()
    };
    let tuning = play(&search, &how)?;
    let printed = print(&tuning, arguments.json, search.changes_own_files());
    if let Some(path) = &arguments.patch {
        write_patch(&tuning, path)?;
    }
    if let Some(folder) = folder {
        keep(&tuning, &folder)?;
        tell_where(&folder);
    }
    session.end(tuning.complete, &arguments.resume);
    printed
}

impl TuneQuestion {
    /// What is looked for in a scenario, which is what `bundle` says.
    pub(super) fn search(
        &self,
        bundle: Bundle,
        scenario: Scenario,
    ) -> Result<Search, CommandError> {
        let asked = self.asked(&scenario);
        Search::new(bundle, scenario, asked, self.extent()).map_err(refused)
    }

    fn extent(&self) -> Extent {
        Extent {
            trials: self.trials,
            budget: self.budget,
            candidates: self.candidates,
            fresh: self.fresh,
        }
    }

    /// What the scenario asks for; an option takes the place of what it says of the same.
    fn asked(&self, scenario: &Scenario) -> Tune {
        fn or<T: Clone>(said: &[T], written: &[T]) -> Vec<T> {
            match said.is_empty() {
                true => written.to_vec(),
                false => said.to_vec(),
            }
        }
        let written = &scenario.tune;
        // A bad canary of the command line is the one that is meant.
        let service = &self.service;
        let is_said = service.canary_errors.is_some() || service.canary_latency.is_some();
        Tune {
            require: or(&self.require, &written.require),
            minimise: or(&self.minimise, &written.minimise),
            moves: or(&self.moves, &written.moves),
            faults: match is_said {
                true => Vec::new(),
                false => written.faults.clone(),
            },
        }
    }
}

/// Plays a search, with a bar where somebody watches.
pub(super) fn play(search: &Search, how: &How<'_>) -> Result<Tuning, CommandError> {
    let stop = Arc::new(AtomicBool::new(false));
    let bar = bar();
    on_interruption(Arc::clone(&stop), bar.clone());
    let progress = |progress: Progress| {
        if let Some(bar) = &bar {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        }
    };
    let options = Options {
        threads: how.threads,
        keep_trials: false,
        ledger: how.ledger,
        stop: &stop,
        progress: &progress,
    };
    let tuning = search.tune(&options).map_err(refused)?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    Ok(tuning)
}

/// Refuses a folder that holds something else.
pub(super) fn check_replaceable(folder: &Path) -> Result<(), CommandError> {
    store::check_replaceable_as(folder, &LAYOUT).map_err(CommandError::Results)
}

/// Prints and stores what was found elsewhere.
pub(super) fn answer(search: &Search, tuning: &Tuning, folder: &Path) -> Result<(), CommandError> {
    print(tuning, false, search.changes_own_files())?;
    keep(tuning, folder)?;
    tell_where(folder);
    Ok(())
}

fn tell_where(folder: &Path) {
    let report = folder.join("report.html");
    output::note(&format!("Report, figure and rows: {}", report.display()));
}

fn folder(arguments: &TuneArguments, scenario: &Scenario) -> Option<PathBuf> {
    match &arguments.out {
        _ if arguments.no_files => None,
        Some(folder) => Some(folder.clone()),
        None => Some(Path::new("results/tuning").join(&scenario.name)),
    }
}

fn print(tuning: &Tuning, json: bool, is_own: bool) -> Result<(), CommandError> {
    if json {
        return output::print(&(serde_json::to_string_pretty(tuning)? + "\n"));
    }
    let mut text = report::tuning(tuning, output::WIDTH, output::colours());
    if is_own && !tuning.patch.is_empty() {
        text.push('\n');
        text.push_str(&tuning.patch);
    }
    output::print(&text)
}

fn write_patch(tuning: &Tuning, path: &Path) -> Result<(), CommandError> {
    if tuning.patch.is_empty() {
        output::note("No patch is written: there is nothing to change.");
        return Ok(());
    }
    std::fs::write(path, &tuning.patch).map_err(|error| CommandError::Log {
        path: path.to_owned(),
        error,
    })?;
    output::note(&format!("Patch: {}", path.display()));
    Ok(())
}

fn refused(error: TuneError) -> CommandError {
    let help = match &error {
        TuneError::Threads(_) => {
            return match error {
                TuneError::Threads(error) => CommandError::Threads(error),
                other => CommandError::Failed(other.to_string()),
            };
        }
        TuneError::Change(_) => {
            "name a place in the scenario, like rollout.interval, or in a manifest, like \
             flagger:spec.analysis.threshold"
        }
        TuneError::NoMoves => "say what may move, like --move rollout.interval=30s,1m",
        TuneError::NothingValid(_) => "name values that this controller takes",
        TuneError::NoFault => {
            "say how a bad release fails, like --canary-errors 1%, or list [[tune.faults]]"
        }
    };
    CommandError::Argument {
        message: error.to_string(),
        help: help.to_owned(),
    }
}

/// Stores a tuning with its figure and page.
pub(super) fn keep(tuning: &Tuning, folder: &Path) -> Result<(), CommandError> {
    let files = report::tuning_files(tuning)?;
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (*name, &bytes[..]))
        .collect();
    store::replace(folder, &LAYOUT, &files).map_err(CommandError::Write)
}

/// Whether a folder holds a tuning.
pub(super) fn is_one(folder: &Path) -> bool {
    folder.join(LAYOUT.mark).is_file()
}

/// Table, figure and page again, from what is stored.
pub(super) fn again(folder: &Path) -> Result<(), CommandError> {
    let tuning =
        store::read_json(folder, LAYOUT.mark, tuning::FORMAT).map_err(CommandError::Results)?;
    keep(&tuning, folder)?;
    output::print(&report::tuning(&tuning, output::WIDTH, output::colours()))?;
    output::note(&format!(
        "Drawn again: {}",
        folder.join("report.html").display()
    ));
    Ok(())
}
