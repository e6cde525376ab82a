//! The command line: one file per command. The only room that prints, and the only one that decides
//! how the process ends.

mod calibrate;
mod check;
mod compare;
mod conform;
mod docs;
mod errors;
mod explain;
mod faults;
mod gates;
mod import;
mod judge;
mod lab;
mod load;
mod output;
mod plan;
mod power;
mod promql;
mod replay;
mod report;
mod resume;
mod run;
mod scenarios;
mod schema;
mod service;
mod stat;
mod sweep;
mod tune;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use errors::CommandError;

/// Tries a canary deployment before production does.
///
/// Answers, for each canary percentage: would your gate have caught the bad release, when, how often
/// does it roll back a good one, and how many people would have been hurt first.
#[derive(Debug, Parser)]
#[command(
    name = "coalmine",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 answered, 1 something other than the input went wrong, 2 the input \
                  was refused."
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Power, false rollbacks, detection time and exposure at each canary percentage
    Power(Box<power::PowerArguments>),
    /// How long a canary has to run for your traffic, from closed forms, before anything is simulated
    Plan(Box<plan::PlanArguments>),
    /// All gates on one scenario by the same luck: who catches it, who cries wolf, how soon
    Compare(Box<compare::CompareArguments>),
    /// The settings that keep what you ask of them and cost least, as a patch
    Tune(Box<tune::TuneArguments>),
    /// How often each statistical gate is wrong, and how fast it is: a league table
    Calibrate(calibrate::CalibrateArguments),
    /// An experiment shared out over machines, put together, and byte for byte the same
    Sweep(sweep::SweepArguments),
    /// Does each rollout still do what its scenario expects of it? For continuous integration
    Check(check::CheckArguments),
    /// One rollout, tick by tick: for real over loopback, or in virtual time
    Run(Box<run::RunArguments>),
    /// What this rollout would have decided on recorded data: last Tuesday, or with that threshold
    Replay(Box<replay::ReplayArguments>),
    /// Why a verdict fell: what was read, by which rule, and what would have changed it
    Explain(Box<explain::ExplainArguments>),
    /// One gate on one set of figures: its verdict, its reasons, what would have changed it
    Judge(Box<judge::JudgeArguments>),
    /// A local page to see it happen: sliders, lessons, your own files
    Lab(lab::LabArguments),
    /// Send requests on schedule, and say how long they took from when they were due
    Load(Box<load::LoadArguments>),
    /// Does the simulator tell the truth? The scenario for real and in virtual time, compared
    Conform(Box<conform::ConformArguments>),
    /// Read manifests of meshes, ingresses and controllers into a scenario
    Import(Box<import::ImportArguments>),
    /// Ask a PromQL query of recorded samples
    Promql(promql::PromqlArguments),
    /// One statistic by its name: figures in JSON in, results out
    Stat(stat::StatArguments),
    /// Draw table, figures and report again from stored rows
    Report(report::ReportArguments),
    /// List the built-in scenarios, or show one
    Scenarios(scenarios::ScenariosArguments),
    /// The gates of a staged rollout, and the page of each
    Gates(gates::GatesArguments),
    /// The catalogue of faults, and which gate sees what
    Faults(faults::FaultsArguments),
    /// The book: how each number is computed, the gates, the faults, the file formats
    Docs(docs::DocsArguments),
    /// Print the JSON Schema of scenario files or of summary.json
    Schema(schema::SchemaArguments),
}

/// Reads the process's arguments and runs the command that they name; what [`run`] returns.
pub fn start() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => run(arguments),
        Err(error) => {
            let code = errors::refuse(&error);
            // An engine is to know a shard that will never do from one that failed.
            let first: Vec<OsString> = std::env::args_os().skip(1).take(2).collect();
            let is_refused_shard = code == 2 && first == ["sweep", "run"];
            ExitCode::from(if is_refused_shard { sweep::NEVER } else { code })
        }
    }
}

/// Runs one command and reports its error, if any. Exit codes: 0 answered, 1 something other than
/// the input went wrong, 2 the input was refused.
pub fn run(arguments: Arguments) -> ExitCode {
    let Arguments { command } = arguments;
    let outcome = match &command {
        Command::Power(arguments) => power::power(arguments),
        Command::Plan(arguments) => plan::plan(arguments),
        Command::Calibrate(arguments) => calibrate::calibrate(arguments),
        Command::Sweep(arguments) => sweep::sweep(arguments),
        Command::Check(arguments) => check::check(arguments),
        Command::Tune(arguments) => tune::tune(arguments),
        Command::Replay(arguments) => replay::replay(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Explain(arguments) => explain::explain(arguments),
        Command::Judge(arguments) => judge::judge(arguments),
        Command::Lab(arguments) => lab::lab(arguments),
        Command::Load(arguments) => load::load(arguments),
        Command::Compare(arguments) => compare::compare(arguments),
        Command::Conform(arguments) => conform::conform(arguments),
        Command::Import(arguments) => import::import(arguments),
        Command::Promql(arguments) => promql::promql(arguments),
        Command::Stat(arguments) => stat::stat(arguments),
        Command::Report(arguments) => report::report(arguments),
        Command::Scenarios(arguments) => scenarios::scenarios(arguments),
        Command::Gates(arguments) => gates::gates(arguments),
        Command::Faults(arguments) => faults::faults(arguments),
        Command::Docs(arguments) => docs::docs(arguments),
        Command::Schema(arguments) => schema::schema(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            errors::report(&error);
            ExitCode::from(match &command {
                Command::Sweep(arguments) => sweep::exit_code(arguments, &error),
                _ => error.exit_code(),
            })
        }
    }
}
