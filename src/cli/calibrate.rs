//! `coalmine calibrate`: what a gate's level is worth, and how fast it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::power::How;
use super::resume::ResumeArguments;
use super::service::{EXPERIMENT, OUTPUT};
use super::{CommandError, output, power};
use crate::base::Seed;
use crate::experiment::calibration::{
    self, Calibration, Effort, Gate, Group, Setting, settings, shelf,
};
use crate::experiment::ledger::PlanId;
use crate::experiment::{Options, Progress};
use crate::report;

/// What `coalmine calibrate` is asked, wherever it is played.
#[derive(Debug, Args)]
pub(super) struct CalibrateQuestion {
    /// Kinds of gates (cumulative-z) or single ones (pooled-z-peeked) [default: all]
    #[arg(value_name = "GATE")]
    pub gates: Vec<String>,
    /// Settings to calibrate in [default: all but the sweep]
    #[arg(long, value_delimiter = ',', value_name = "NAME", help_heading = EXPERIMENT)]
    pub setting: Vec<String>,
    /// Trials with a canary as good as stable
    #[arg(
        long,
        default_value_t = 20_000,
        value_parser = clap::value_parser!(u32).range(1..=10_000_000),
        value_name = "NUMBER",
        help_heading = EXPERIMENT
    )]
    pub trials: u32,
    /// Trials of each fault
    #[arg(
        long,
        default_value_t = 2_000,
        value_parser = clap::value_parser!(u32).range(1..=10_000_000),
        value_name = "NUMBER",
        help_heading = EXPERIMENT
    )]
    pub fault_trials: u32,
    /// 1,000 trials and 200 of each fault
    #[arg(long, conflicts_with_all = ["trials", "fault_trials"], help_heading = EXPERIMENT)]
    pub quick: bool,
    /// Root of all randomness
    #[arg(long, value_name = "NUMBER", help_heading = EXPERIMENT)]
    pub seed: Option<Seed>,
}

impl CalibrateQuestion {
    /// What to play: settings, gates, how much.
    pub(super) fn subject(&self) -> Result<(Vec<Setting>, Vec<Gate>, Effort), CommandError> {
        let (trials, fault_trials) = match self.quick {
            true => (1_000, 200),
            false => (self.trials, self.fault_trials),
        };
        let effort = Effort {
            trials,
            fault_trials,
            seed: self.seed.unwrap_or(Seed::DEFAULT),
        };
        Ok((chosen(&self.setting)?, gates(&self.gates)?, effort))
    }
}

/// Arguments of `coalmine calibrate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CalibrateArguments {
    #[command(flatten)]
    question: CalibrateQuestion,
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
    /// Folder for rows and figure [default: results/calibration]
    #[arg(long, value_name = "FOLDER", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    /// Write no files
    #[arg(long, conflicts_with = "out", help_heading = OUTPUT)]
    no_files: bool,
    /// Print the rows as JSON instead of the tables
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  coalmine calibrate                             every gate; docs/calibration.md tells how to read it
  coalmine calibrate --quick --no-files          a first look
  coalmine calibrate cumulative-z --setting busy,sticky-2
  coalmine calibrate --setting sweep             good canaries at every rate and weight";

/// Plays, prints the tables and stores the rows.
pub(super) fn calibrate(arguments: &CalibrateArguments) -> Result<(), CommandError> {
    let (settings, gates, effort) = arguments.question.subject()?;
    let folder = match &arguments.out {
        _ if arguments.no_files => None,
        Some(folder) => Some(folder.clone()),
        None => Some(Path::new("results").join("calibration")),
    };
    if let Some(folder) = &folder {
        calibration::check_replaceable(folder).map_err(CommandError::Results)?;
    }
    let plan = PlanId::of_content(&("calibrate", &settings, &gates, effort));
    let session = arguments.resume.begin(folder.as_deref(), plan)?;
    let how = How {
        threads: arguments.threads.map(usize::from),
        ledger: Some(session.ledger()),
        ..How::default()
    };
    let found = play(&settings, &gates, effort, &how)?;
    let told = answer(&found, folder.as_deref(), arguments.json);
    // What could not be printed was stored all the same.
    if matches!(
        told,
        Ok(()) | Err(CommandError::Output(_) | CommandError::Failed(_))
    ) {
        session.end(found.note.complete, &arguments.resume);
    }
    told
}

/// Prints the tables and stores the rows.
pub(super) fn answer(
    found: &Calibration,
    folder: Option<&Path>,
    as_json: bool,
) -> Result<(), CommandError> {
    if found.rows.is_empty() {
        let message = match found.note.complete {
            true => "none of these gates has anything to tell in these settings",
            false => "interrupted before the first setting was played to its end",
        };
        return Err(CommandError::Failed(message.to_owned()));
    }
    let printed = match as_json {
        true => output::print(&calibration::json(found).map_err(CommandError::Write)?),
        false => output::print(&report::calibration(
            found,
            output::WIDTH,
            output::colours(),
        )),
    };
    // What cannot be printed is stored all the same.
    if let Some(folder) = folder {
        let extras = report::calibration_files(found)?;
        calibration::write(found, folder, &extras).map_err(CommandError::Write)?;
        output::note(&format!("Rows and figure: {}", folder.display()));
    }
    printed
}

/// Plays a calibration, with a bar where somebody watches.
pub(super) fn play(
    settings: &[Setting],
    gates: &[Gate],
    effort: Effort,
    how: &How<'_>,
) -> Result<Calibration, CommandError> {
    let stop = Arc::new(AtomicBool::new(false));
    let bar = power::bar();
    power::on_interruption(Arc::clone(&stop), bar.clone());
    let progress = |progress: Progress| {
        if let Some(bar) = &bar {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        }
    };
    let options = Options {
        threads: how.threads,
        keep_trials: how.keep_trials,
        ledger: how.ledger,
        stop: &stop,
        progress: &progress,
    };
    let found = calibration::run(settings, gates, effort, &options)?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(found)
}

/// The gates asked for, by kind or by name.
fn gates(asked: &[String]) -> Result<Vec<Gate>, CommandError> {
    let shelf = shelf();
    let names = |gate: &Gate| [gate.kind.to_owned(), gate.word()];
    let known = || shelf.iter().flat_map(names).collect();
    all_known("gate", asked, known)?;
    let wanted = |gate: &Gate| asked.is_empty() || names(gate).iter().any(|n| asked.contains(n));
    Ok(shelf.iter().filter(|gate| wanted(gate)).cloned().collect())
}

/// The settings asked for, by name; `sweep` is all of the sweep.
fn chosen(asked: &[String]) -> Result<Vec<Setting>, CommandError> {
    let settings = settings();
    let names = |setting: &Setting| match setting.group {
        Group::Sweep => vec![setting.name.clone(), "sweep".to_owned()],
        _ => vec![setting.name.clone()],
    };
    let known = || {
        let shown = settings
            .iter()
            .filter(|setting| setting.group != Group::Sweep);
        let mut known: Vec<String> = shown.map(|setting| setting.name.clone()).collect();
        known.extend(settings.iter().flat_map(names));
        known
    };
    all_known("setting", asked, known)?;
    let wanted = |setting: &Setting| match asked.is_empty() {
        true => setting.group != Group::Sweep,
        false => names(setting).iter().any(|name| asked.contains(name)),
    };
    Ok(settings.into_iter().filter(wanted).collect())
}

/// Refuses every name that is not known, all at once.
fn all_known(
    what: &str,
    asked: &[String],
    known: impl Fn() -> Vec<String>,
) -> Result<(), CommandError> {
    let mut known = known();
    let mut seen = std::collections::BTreeSet::new();
    known.retain(|name| seen.insert(name.clone()));
    let unknown: Vec<String> = (asked.iter())
        .filter(|name| !known.contains(name))
        .map(|name| format!("`{name}`"))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let short = known.iter().filter(|name| !name.starts_with("sweep-"));
    Err(CommandError::Argument {
        message: format!("no {what} is called {}", unknown.join(" or ")),
        help: format!(
            "there are {}",
            short.cloned().collect::<Vec<_>>().join(", ")
        ),
    })
}
