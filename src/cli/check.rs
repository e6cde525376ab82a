//! `coalmine check`: does a rollout still do what is expected of it? For continuous integration.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;

use super::power::{bar, on_interruption};
use super::service::{EXPERIMENT, OUTPUT, origin};
use super::{CommandError, output};
use crate::base::{Probability, Problems, Seed};
use crate::experiment::check::{self, Checked, Plan, Subject};
use crate::experiment::store;
use crate::experiment::summary::Results;
use crate::experiment::{Options, Progress};
use crate::report;
use crate::scenario::{self, Bundle, Origin, Overrides, Scenario};

/// Arguments of `coalmine check`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArguments {
    /// Scenario files, or names of built-in ones [default: all built-in ones]
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Results of `power` that nothing may be worse than; or a folder with such folders, by name
    #[arg(long, value_name = "FOLDER")]
    baseline: Option<PathBuf>,
    /// What may be worse than the baseline: shares by so many points, exposure by so much of it
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "0%",
        requires = "baseline"
    )]
    tolerance: Probability,
    /// Fail on undecided clauses, too
    #[arg(long)]
    strict: bool,
    /// Root of all randomness, in place of the scenarios'
    #[arg(long, help_heading = EXPERIMENT)]
    seed: Option<Seed>,
    /// Trials after which a clause is undecided
    #[arg(
        long,
        value_parser = clap::value_parser!(u32).range(20..=1_000_000),
        value_name = "NUMBER",
        default_value_t = check::MOST_TRIALS,
        help_heading = EXPERIMENT
    )]
    max_trials: u32,
    /// Threads to use; they do not change the results
    #[arg(
        long,
        value_parser = clap::value_parser!(u16).range(1..),
        value_name = "NUMBER",
        help_heading = EXPERIMENT
    )]
    threads: Option<u16>,
    /// What is printed: `text`; `github`, annotations above the text; or `json`
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true,
        help_heading = OUTPUT
    )]
    format: Format,
    /// Write JUnit XML: a suite for each scenario, a case for each clause
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    junit: Option<PathBuf>,
    /// Append a summary in Markdown, as to $GITHUB_STEP_SUMMARY
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    summary: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Github,
    Json,
}

const EXAMPLES: &str = "\
A scenario says what is expected of its rollout, and `check` plays as many trials as decide it:

  [[expect]]
  that = \"power at 5% >= 90%\"
  why = \"the checkout must not lose more than a release a year\"

Examples:
  coalmine check my-service.toml
  coalmine check deploy/*.toml --baseline results --tolerance 2%
  coalmine check my-service.toml --format github --junit check.xml \\
      --summary \"$GITHUB_STEP_SUMMARY\"

Exit codes: 0 as expected, 1 a clause is broken or a figure worse than the baseline, 2 the input was
refused.";

/// A scenario to check, and where it comes from.
struct Asked {
    scenario: Scenario,
    file: String,
    earlier: Option<(String, Results)>,
}

/// Checks all scenarios, prints what came of it and writes the files asked for.
pub(super) fn check(arguments: &CheckArguments) -> Result<(), CommandError> {
    let asked = asked(arguments)?;
    let stop = Arc::new(AtomicBool::new(false));
    let bar = bar();
    on_interruption(Arc::clone(&stop), bar.clone());
    let mut all = Vec::new();
    for one in &asked {
        all.push(play(one, arguments, &stop, bar.as_ref(), &all)?);
        if !all.last().is_some_and(|checked| checked.complete) {
            break;
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let strict = arguments.strict;
    let printed = print(&all, arguments);
    if let Some(path) = &arguments.junit {
        write(path, &report::check_junit(&all, strict)?, false)?;
    }
    if let Some(path) = &arguments.summary {
        write(path, &report::check_markdown(&all, strict), true)?;
    }
    printed?;
    match all.iter().all(|one| one.passes(strict)) {
        true => Ok(()),
        false => Err(CommandError::Failed(report::check_outcome(&all, strict))),
    }
}

fn print(all: &[Checked], arguments: &CheckArguments) -> Result<(), CommandError> {
    let strict = arguments.strict;
    let text = || report::check_text(all, strict, output::WIDTH, output::colours());
    match arguments.format {
        Format::Text => output::print(&text()),
        Format::Github => output::print(&(report::check_annotations(all, strict) + &text())),
        Format::Json => {
            let value = report::check_json(all, strict);
            output::print(&(serde_json::to_string_pretty(&value)? + "\n"))
        }
    }
}

fn write(path: &Path, text: &str, append: bool) -> Result<(), CommandError> {
    let mut options = OpenOptions::new();
    options
        .create(true)
        .write(true)
        .append(append)
        .truncate(!append);
    let opened = options.open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| CommandError::Log {
        path: path.to_owned(),
        error,
    })
}

/// Plays one scenario's check after those that are done.
fn play(
    asked: &Asked,
    arguments: &CheckArguments,
    stop: &AtomicBool,
    bar: Option<&ProgressBar>,
    done: &[Checked],
) -> Result<Checked, CommandError> {
    let before: u64 = done.iter().map(|one| one.trials).sum();
    let progress = |progress: Progress| {
        if let Some(bar) = bar {
            bar.set_length(before + progress.total);
            bar.set_position(before + progress.done);
        }
    };
    let options = Options {
        threads: arguments.threads.map(usize::from),
        keep_trials: false,
        ledger: None,
        stop,
        progress: &progress,
    };
    let subject = Subject {
        scenario: &asked.scenario,
        file: &asked.file,
        earlier: (asked.earlier.as_ref()).map(|(folder, results)| (folder.as_str(), results)),
    };
    let plan = Plan {
        most_trials: arguments.max_trials,
        tolerance: arguments.tolerance.get(),
    };
    Ok(check::check(subject, plan, &options)?)
}

/// The scenarios asked for with their baselines; everything that is wrong with any of them.
fn asked(arguments: &CheckArguments) -> Result<Vec<Asked>, CommandError> {
    let origins: Vec<Origin<'_>> = match arguments.scenarios.is_empty() {
        true => scenario::builtin().iter().map(Origin::Builtin).collect(),
        false => (arguments.scenarios.iter())
            .map(|path| origin(path))
            .collect::<Result<_, CommandError>>()?,
    };
    let overrides = Overrides {
        seed: arguments.seed,
        ..Overrides::default()
    };
    let (mut all, mut refused) = (Vec::new(), Vec::new());
    for origin in origins {
        match Bundle::gather(origin, &overrides) {
            Ok((bundle, scenario)) => all.push((bundle.path.display().to_string(), scenario)),
            Err(problems) => refused.push(problems),
        }
    }
    if let Some(problems) = Problems::gather(refused) {
        return Err(problems.into());
    }
    let mut asked = Vec::new();
    for (file, scenario) in all {
        let earlier = match &arguments.baseline {
            None => None,
            Some(folder) => earlier(folder, &scenario)?,
        };
        if scenario.expectations.is_empty() && earlier.is_none() {
            return Err(nothing_to_check(&file, arguments.baseline.as_deref()));
        }
        asked.push(Asked {
            scenario,
            file,
            earlier,
        });
    }
    Ok(asked)
}

fn nothing_to_check(file: &str, baseline: Option<&Path>) -> CommandError {
    let also = match baseline {
        Some(folder) => format!(", and {} holds no results of it", folder.display()),
        None => String::new(),
    };
    CommandError::Argument {
        message: format!("{file} has no [[expect]]{also}: there is nothing to check"),
        help:
            "write [[expect]] with that = \"power at 5% >= 90%\", or give --baseline with results \
               of `coalmine power`"
                .to_owned(),
    }
}

/// The earlier results of a scenario: those of the folder itself, or of the one in it that has the
/// scenario's name. `None` where there is no such folder in it.
fn earlier(folder: &Path, scenario: &Scenario) -> Result<Option<(String, Results)>, CommandError> {
    let is_one = folder.join("summary.json").exists() || !folder.is_dir();
    let folder = match is_one {
        true => folder.to_owned(),
        false => folder.join(&scenario.name),
    };
    if !is_one && !folder.exists() {
        return Ok(None);
    }
    let results = store::read(&folder).map_err(CommandError::Results)?;
    let (theirs, ours) = (&results.summary.scenario.name, &scenario.name);
    let shown = folder.display();
    if theirs != ours {
        return Err(CommandError::Argument {
            message: format!("{shown} holds results of `{theirs}`, not of `{ours}`"),
            help: "give the folder that `coalmine power` made of the same scenario, or one that \
                   holds such folders by the scenarios' names"
                .to_owned(),
        });
    }
    if results.summary.cells.is_empty() {
        return Err(CommandError::Argument {
            message: format!("{shown} holds no cells to compare with"),
            help: "give results of `coalmine power`".to_owned(),
        });
    }
    Ok(Some((shown.to_string(), results)))
}
