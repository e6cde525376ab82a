//! What a plan comes to, read from its words by the same arguments as the command that it is of.

use std::path::{Path, PathBuf};

use clap::{Args, Parser};

use crate::base::Problems;
use crate::cli::CommandError;
use crate::cli::calibrate::CalibrateQuestion;
use crate::cli::power::PowerQuestion;
use crate::cli::tune::TuneQuestion;
use crate::experiment::sweep::{Command, Plan, Subject};
use crate::scenario::{Bundle, Overrides};

/// What is planned of `coalmine power`.
#[derive(Debug, Args)]
pub(super) struct PlannedPower {
    #[command(flatten)]
    pub question: PowerQuestion,
    /// More scenarios, each with the same changes
    #[arg(value_name = "SCENARIO")]
    pub more: Vec<PathBuf>,
}

impl PlannedPower {
    /// What it changes in every scenario.
    pub(super) fn overrides(&self) -> Overrides {
        let service = &self.question.service;
        service.overrides(self.question.experiment())
    }
}

#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct PowerWords {
    #[command(flatten)]
    planned: PlannedPower,
}

#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct TuneWords {
    #[command(flatten)]
    question: TuneQuestion,
}

#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct CalibrateWords {
    #[command(flatten)]
    question: CalibrateQuestion,
}

/// Reads a plan and what it comes to.
pub(super) fn read(path: &Path) -> Result<(Plan, Subject), CommandError> {
    let plan = Plan::read(path)?;
    let subject = of(&plan, path)?;
    Ok((plan, subject))
}

/// What a plan comes to; `path` is its file, for complaints.
pub(super) fn of(plan: &Plan, path: &Path) -> Result<Subject, CommandError> {
    let wrong = |what: &str| CommandError::Input(Problems::about(path, what));
    let asked = &plan.asked;
    let words = &asked.words;
    match asked.command {
        Command::Power => {
            let planned = parse::<PowerWords>(words, path)?.planned;
            let overrides = planned.overrides();
            let scenarios = bundles(plan, path, &overrides)?.into_iter();
            let scenarios = scenarios.map(|bundle| bundle.scenario());
            let scenarios = scenarios.collect::<Result<Vec<_>, Problems>>()?;
            if scenarios
                .iter()
                .any(|scenario| scenario.experiment.trials.is_none())
            {
                return Err(wrong("it has no fixed number of trials"));
            }
            Ok(Subject::Power(scenarios))
        }
        Command::Calibrate => {
            let question = parse::<CalibrateWords>(words, path)?.question;
            let (settings, gates, effort) = question.subject()?;
            Ok(Subject::Calibrate {
                settings,
                gates,
                effort,
            })
        }
        Command::Grid => {
            let Some(file) = &asked.grid else {
                return Err(wrong("it is of a grid and has none"));
            };
            let bundles = bundles(plan, path, &file.overrides())?;
            Ok(Subject::Grid(file.points(&bundles)?))
        }
        Command::Tune => {
            let question = parse::<TuneWords>(words, path)?.question;
            let overrides = question.service.overrides(Overrides::default());
            let [bundle] = bundles(plan, path, &overrides)?
                .try_into()
                .map_err(|_| wrong("it tunes one scenario, and does not carry one"))?;
            let Some(stretch) = asked.stretch.clone() else {
                return Err(wrong(
                    "it is of a search and does not say what to play of it",
                ));
            };
            let scenario = bundle.scenario()?;
            let search = Box::new(question.search(bundle, scenario)?);
            Ok(Subject::Tune { search, stretch })
        }
    }
}

fn parse<P: Parser>(words: &[String], path: &Path) -> Result<P, CommandError> {
    P::try_parse_from(words).map_err(|error| {
        let said = error.to_string();
        let first = said.lines().next().unwrap_or_default();
        let what = format!("its words are not understood: {first}");
        CommandError::Input(Problems::about(path, what))
    })
}

fn bundles(plan: &Plan, path: &Path, overrides: &Overrides) -> Result<Vec<Bundle>, CommandError> {
    let damaged = || Problems::about(path, "it carries a file that is no base64");
    let bundles = plan.asked.scenarios.iter();
    let bundles = bundles.map(|carried| carried.bundle(overrides).ok_or_else(damaged));
    Ok(bundles.collect::<Result<Vec<Bundle>, Problems>>()?)
}
