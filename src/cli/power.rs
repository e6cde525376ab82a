//! `coalmine power`: the main job.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::resume::ResumeArguments;
use super::service::{EXPERIMENT, OUTPUT, ServiceArguments, weight};
use super::{CommandError, output};
use crate::base::{Probability, Weight};
use crate::experiment::ledger::{Ledger, PlanId};
use crate::experiment::summary::Results;
use crate::experiment::{self, Options, Progress, store};
use crate::report;
use crate::scenario::{Overrides, Scenario};

/// What `coalmine power` is asked, wherever it is played.
#[derive(Debug, Args)]
pub(super) struct PowerQuestion {
    #[command(flatten)]
    pub service: ServiceArguments,
    /// Canary percentages to try, in place of the scenario's: 0.5,1,5
    #[arg(
        long,
        value_delimiter = ',',
        value_parser = weight,
        value_name = "PERCENT",
        help_heading = EXPERIMENT
    )]
    pub weights: Option<Vec<Weight>>,
    /// Exactly so many trials a row, however wide the interval
    #[arg(
        long,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        value_name = "NUMBER",
        help_heading = EXPERIMENT
    )]
    pub trials: Option<u32>,
    /// Half-width of the 95 % interval to reach: 1% is one point
    #[arg(
        long,
        value_name = "HALF-WIDTH",
        conflicts_with = "trials",
        help_heading = EXPERIMENT
    )]
    pub precision: Option<Probability>,
}

impl PowerQuestion {
    /// What it changes in a scenario.
    pub(super) fn experiment(&self) -> Overrides {
        Overrides {
            weights: self.weights.clone(),
            trials: self.trials,
            precision: self.precision,
            ..Overrides::default()
        }
    }
}

/// Arguments of `coalmine power`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PowerArguments {
    #[command(flatten)]
    question: PowerQuestion,
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
    /// Folder for rows, figures and report [default: results/NAME]
    #[arg(long, value_name = "FOLDER", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    /// Write no files
    #[arg(long, conflicts_with = "out", help_heading = OUTPUT)]
    no_files: bool,
    /// Keep a row of every trial in trials.csv
    #[arg(long, help_heading = OUTPUT)]
    keep_trials: bool,
    /// Print the summary as JSON instead of the table
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  coalmine power                        the built-in scenario
  coalmine power my-service.toml        your own; `coalmine scenarios show default` is a start
  coalmine power --flagger canary.yaml --rate 20/s --errors 0.1% \\
      --latency p50=40ms,p99=250ms --canary-errors 1%
  coalmine power low-traffic --rate 200/s --weights 1,5 --precision 0.5%";

/// Plays the experiment, prints the answer and stores it.
pub(super) fn power(arguments: &PowerArguments) -> Result<(), CommandError> {
    let question = &arguments.question;
    let scenario = question.service.scenario(question.experiment())?;
    let folder = folder(arguments, &scenario);
    if let Some(folder) = &folder {
        // A folder that cannot be replaced is met before the work, not after it.
        store::check_replaceable(folder).map_err(CommandError::Results)?;
    }
    let plan = PlanId::of_content(&("power", &scenario));
    let session = arguments.resume.begin(folder.as_deref(), plan)?;
    let stop = Arc::new(AtomicBool::new(false));
    let bar = bar();
    on_interruption(Arc::clone(&stop), bar.clone());
    let how = How {
        threads: arguments.threads.map(usize::from),
        keep_trials: arguments.keep_trials,
        ledger: Some(session.ledger()),
    };
    let results = simulate(&scenario, &how, &stop, bar)?;
    let printed = if arguments.json {
        let mut text = serde_json::to_string_pretty(&results.summary)?;
        text.push('\n');
        output::print(&text)
    } else {
        output::print(&report::table(&results, output::WIDTH, output::colours()))
    };
    let complete = results.summary.complete;
    let Some(folder) = folder else {
        session.end(complete, &arguments.resume);
        return printed;
    };
    // What cannot be printed is stored all the same.
    let kept = keep(&results, &folder);
    if kept.is_ok() || (complete && matches!(kept, Err(CommandError::KeptElsewhere { .. }))) {
        session.end(complete, &arguments.resume);
    }
    kept?;
    let report = folder.join("report.html");
    output::note(&format!("Report, figures and rows: {}", report.display()));
    printed
}

fn folder(arguments: &PowerArguments, scenario: &Scenario) -> Option<PathBuf> {
    match &arguments.out {
        _ if arguments.no_files => None,
        Some(folder) => Some(folder.clone()),
        None => Some(Path::new("results").join(&scenario.name)),
    }
}

/// How an experiment is played.
#[derive(Debug, Default)]
pub(super) struct How<'a> {
    /// Threads to use; `None`: one for each core.
    pub threads: Option<usize>,
    /// Whether to keep a row of every trial.
    pub keep_trials: bool,
    /// What is known already, and where to note what is found out.
    pub ledger: Option<&'a Ledger>,
}

/// Plays the experiment until it is precise enough or `stop` is set.
pub(super) fn simulate(
    scenario: &Scenario,
    how: &How<'_>,
    stop: &AtomicBool,
    bar: Option<ProgressBar>,
) -> Result<Results, CommandError> {
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
        stop,
        progress: &progress,
    };
    let results = experiment::run(scenario, &options)?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(results)
}

/// What the first Ctrl-C says; nothing else tells that it was heard while a long rollout ends.
const FINISHING: &str = "Interrupted: finishing with what is there; Ctrl-C again ends at once";
/// Exit code of a process that was ended from the keyboard, by the convention of shells.
const ENDED: i32 = 130;

/// The first Ctrl-C, or SIGTERM or SIGHUP, asks whatever runs to finish with what is there; the second
/// ends the process.
pub(super) fn on_interruption(stop: Arc<AtomicBool>, bar: Option<ProgressBar>) {
    // Where no handler can be set, the first one simply ends the process.
    let _ = ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::Relaxed) {
            #[expect(clippy::exit, reason = "the user asked twice")]
            std::process::exit(ENDED);
        }
        match &bar {
            Some(bar) if !bar.is_finished() => bar.suspend(|| output::note(FINISHING)),
            _ => output::note(FINISHING),
        }
    });
}

/// A bar for simulated rollouts, where somebody watches.
pub(super) fn bar() -> Option<ProgressBar> {
    if !output::is_watched() {
        return None;
    }
    let bar = ProgressBar::new(0);
    let template = "{bar:40} {human_pos}/{human_len} rollouts, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    Some(bar)
}

/// Stores the results; when that fails, keeps them in a temporary folder, so that nothing computed
/// is lost.
pub(super) fn keep(results: &Results, folder: &Path) -> Result<(), CommandError> {
    let figures = report::render(results)?;
    let Err(error) = store::write(results, folder, &figures) else {
        return Ok(());
    };
    // A folder of its own, so that what was kept before stays.
    let prefix = format!("coalmine-{}-", results.summary.scenario.name);
    let Ok(refuge) = tempfile::Builder::new().prefix(&prefix).tempdir() else {
        return Err(CommandError::Write(error));
    };
    match store::write(results, refuge.path(), &figures) {
        Ok(()) => Err(CommandError::KeptElsewhere {
            error,
            kept: refuge.keep(),
        }),
        Err(_) => Err(CommandError::Write(error)),
    }
}
