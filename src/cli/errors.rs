//! What can go wrong in a command, and how it is told: once, here, with its place in the file.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::output;
use crate::base::{Problem, Problems, Severity};
use crate::engine::live::load::LoadError;
use crate::engine::live::prometheus::PrometheusError;
use crate::engine::live::proxies::ProxyError;
use crate::engine::live::run::{RunError, SightError, StageError};
use crate::experiment::ThreadsError;
use crate::experiment::ledger::LedgerError;
use crate::experiment::store::StoreError;
use crate::experiment::sweep::PlanError;
use crate::lab::LabError;
use crate::report::ReportError;
use crate::scenario::UnknownScenario;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The input was refused.
    #[error("{0}")]
    Input(#[from] Problems),
    /// There is no such built-in scenario.
    #[error("{0}")]
    Unknown(#[from] UnknownScenario),
    /// An argument was refused.
    #[error("{message}")]
    Argument {
        /// What is wrong.
        message: String,
        /// What would be valid.
        help: String,
    },
    /// Arguments were refused: what is wrong with each, and what would be valid.
    #[error("{}", .0.iter().map(|(message, _)| message.as_str()).collect::<Vec<_>>().join("; "))]
    Arguments(Vec<(String, String)>),
    /// Results could not be read.
    #[error("{0}")]
    Results(StoreError),
    /// Results could not be written.
    #[error("{0}")]
    Write(StoreError),
    /// A plan was refused.
    #[error("{0}")]
    Plan(#[from] PlanError),
    /// Something was not played to its end; what there is was kept.
    #[error("{0}")]
    Incomplete(String),
    /// Units could not be read, put together or kept.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// Figures could not be drawn.
    #[error("{0}")]
    Report(#[from] ReportError),
    /// A rollout could not be played for real.
    #[error("{0}")]
    Live(#[from] RunError),
    /// A part failed while a rollout was played; what was measured until then has been told.
    #[error("{0}")]
    Cut(String),
    /// Threads could not be started.
    #[error("{0}")]
    Threads(#[from] ThreadsError),
    /// The answer could not be printed.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    /// A value could not be written as JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A load could not start or did not end well.
    #[error("{0}")]
    Load(#[from] LoadError),
    /// The lab could not be opened.
    #[error("{0}")]
    Lab(LabError),
    /// A log could not be written.
    #[error("cannot write {path}: {error}", path = path.display())]
    Log {
        /// Where to.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// What was asked for with `--fail-if` has come true, or cannot be told; or a check fails.
    #[error("{0}")]
    Failed(String),
    /// Results were computed, but could not be kept where they were asked for.
    #[error("{error}\nthe results were kept in {kept}", kept = kept.display())]
    KeptElsewhere {
        /// Why not.
        error: StoreError,
        /// Where they are.
        kept: PathBuf,
    },
}

impl From<LabError> for CommandError {
    fn from(error: LabError) -> CommandError {
        let help = match &error {
            LabError::Unnamed(_) => {
                "name the host that browsers will ask for, like --name lab.example.org, or leave \
                 --listen out"
            }
            _ => return CommandError::Lab(error),
        };
        CommandError::Argument {
            message: error.to_string(),
            help: help.to_owned(),
        }
    }
}

impl CommandError {
    /// 2 when the input was refused, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            // What the operating system refuses to read or look at says nothing about the input.
            CommandError::Results(StoreError::Io { .. }) => 1,
            CommandError::Input(_)
            | CommandError::Unknown(_)
            | CommandError::Argument { .. }
            | CommandError::Arguments(_)
            | CommandError::Results(_)
            | CommandError::Plan(_)
            | CommandError::Ledger(
                LedgerError::Foreign { .. }
                | LedgerError::Version { .. }
                | LedgerError::Plan { .. },
            ) => 2,
            CommandError::Live(error) if asks_too_much(error) => 2,
            _ => 1,
        }
    }
}

/// Whether what was asked for cannot be had or done here, however often it is tried: a program that
/// is missing or will not do, or what that program cannot do.
fn asks_too_much(error: &RunError) -> bool {
    match error {
        RunError::Stage(StageError::Mirror(_)) => true,
        RunError::Stage(StageError::Proxy(error)) => matches!(
            error,
            ProxyError::Missing { .. }
                | ProxyError::Unknown { .. }
                | ProxyError::Outdated { .. }
                | ProxyError::Unfit { .. }
        ),
        RunError::Sight(
            SightError::OwnQuery(_) | SightError::FromLookToLook(_) | SightError::ByUser(_),
        ) => true,
        RunError::Sight(SightError::Prometheus(error)) => {
            matches!(error, PrometheusError::Missing(_))
        }
        _ => false,
    }
}

/// Tells an error on standard error.
pub(super) fn report(error: &CommandError) {
    match error {
        CommandError::Input(problems) => {
            let drawn: Vec<String> = problems.texts().map(draw).collect();
            output::note(&drawn.join("\n"));
        }
        CommandError::Argument { message, help } => refused(message, help),
        CommandError::Arguments(all) => {
            for (message, help) in all {
                refused(message, help);
            }
        }
        other => output::note(&output::narrow(
            &format!("error: {other}"),
            output::WIDTH,
            "  ",
        )),
    }
}

fn refused(message: &str, help: &str) {
    let text = format!("error: {message}\n  = help: {help}");
    output::note(&output::narrow(&text, output::WIDTH, "  "));
}

/// Tells what is wrong with the arguments, or what was asked about them (`--help`, `--version`).
pub(super) fn refuse(error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        return u8::from(output::print(&error.render().ansi().to_string()).is_err());
    }
    let text = error.render().ansi().to_string();
    output::note(output::narrow(&text, output::WIDTH, "  ").trim_end());
    2
}

/// So many problems fit a look; a file with more is likely to be of another kind altogether.
const MOST_DRAWN: usize = 20;

/// All problems of a file, each with the lines that it is about.
fn draw(problems: &Problems) -> String {
    let colours = anstream::stderr().current_choice() != anstream::ColorChoice::Never;
    let renderer = if colours {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let file = problems.file.display().to_string();
    let drawn: Vec<String> = problems
        .problems
        .iter()
        .take(MOST_DRAWN)
        .map(|problem| draw_one(&renderer, &file, &problems.text, problem))
        .collect();
    let mut text = drawn.join("\n");
    if problems.problems.len() > MOST_DRAWN {
        let rest = problems.problems.len() - MOST_DRAWN;
        text.push_str(&format!("\n… and {rest} more"));
    }
    let errors = problems
        .problems
        .iter()
        .filter(|p| p.severity == Severity::Error)
        .count();
    if errors > 1 {
        text.push_str(&format!("\n{errors} errors in {file}"));
    }
    text
}

fn draw_one(renderer: &Renderer, file: &str, text: &str, problem: &Problem) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = match &problem.span {
        Some(_) => problem.message.clone(),
        None => format!("{file}: {}", problem.message),
    };
    let title = output::narrow(&title, output::WIDTH - "warning: ".len(), "");
    let mut group = level
        .primary_title(title)
        .elements(problem.span.iter().map(|span| {
            Snippet::source(text)
                .path(file)
                .annotation(AnnotationKind::Primary.span(within(text, span)))
        }));
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(output::narrow(help, output::WIDTH - 20, "")));
    }
    renderer.render(&[group])
}

/// The span cut to the text and to character boundaries.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.min(text.len()));
    start..end.max(start)
}
