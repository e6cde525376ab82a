//! Where the figures of a replay come from.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::prometheus;
use crate::base::{Probability, Problems, Rate, Seed, Span, Weight};
use crate::cli::CommandError;
use crate::engine::live::options;
use crate::experiment::replay::{Measured, length, split};
use crate::report;
use crate::scenario::Scenario;
use crate::scenario::recorded::{
    self, Imported, Kind, LogWanted, MatrixWanted, Names, Stretch, TableWanted,
};
use crate::telemetry::Unit;
use crate::telemetry::exposition::Vendor;
use crate::telemetry::recording::{self, RecordingError};

/// Which figures, and whose they are.
#[derive(Debug, Args)]
pub(super) struct SourceArguments {
    /// A Prometheus to ask, with --from and --to: http://127.0.0.1:9090
    #[arg(long, value_name = "URL", conflicts_with = "files", requires_all = ["from", "to"], help_heading = FIGURES)]
    pub(super) prometheus: Option<options::Source>,
    /// When the rollout begins: RFC 3339, or a number as in the figures [default: just before the
    /// canary's first request]
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = FIGURES)]
    from: Option<i128>,
    /// Where the figures end
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = FIGURES)]
    to: Option<i128>,
    /// Ask for a value each so often, in place of the samples that were scraped
    #[arg(long, value_name = "TIME", requires = "prometheus", help_heading = FIGURES)]
    step: Option<Span>,
    /// Stable's: a value of the version column, a regular expression on a log's field, or labels
    #[arg(long, value_name = "WHICH", help_heading = VERSIONS)]
    stable: Option<String>,
    /// The canary's
    #[arg(long, value_name = "WHICH", help_heading = VERSIONS)]
    canary: Option<String>,
    /// The baseline's
    #[arg(long, value_name = "WHICH", help_heading = VERSIONS)]
    baseline: Option<String>,
    /// Field of a log that tells versions apart [default: the first of version, upstream_cluster,
    /// upstream_addr and others that it has]
    #[arg(long, value_name = "FIELD", help_heading = VERSIONS)]
    version_field: Option<String>,
    /// Split the series of one version at random, as if so much had gone to a canary as good as it
    #[arg(long, value_name = "WEIGHT", value_parser = crate::cli::service::weight, help_heading = VERSIONS)]
    split: Option<Weight>,
    /// Leave gates out that read what was not measured
    #[arg(long, help_heading = VERSIONS)]
    pub(super) leave_out: bool,
    /// Columns of a table by what they hold: time=t_ms,version=zone,errors=r5xx
    #[arg(long, value_name = "WHAT=COLUMN", value_delimiter = ',', value_parser = column, help_heading = FIGURES)]
    columns: Vec<(String, String)>,
    /// A table's counts run on from row to row [default: told by whether they ever fall]
    #[arg(long, conflicts_with = "increments", help_heading = FIGURES)]
    counters: bool,
    /// A table's counts are of each row alone
    #[arg(long, help_heading = FIGURES)]
    increments: bool,
    /// Unit of latencies that do not name theirs: `s` or `ms`
    #[arg(long, value_name = "UNIT", value_parser = unit, help_heading = FIGURES)]
    unit: Option<Unit>,
    /// Requests that a table without a column of them is taken to be of
    #[arg(long, value_name = "RATE", help_heading = FIGURES)]
    assume_rate: Option<Rate>,
    /// Format of a log as the server has it (NGINX or Apache), `combined` or `json`
    #[arg(long, value_name = "FORMAT", help_heading = FIGURES)]
    log_format: Option<String>,
    /// Share of a log's lines that may be malformed
    #[arg(long, value_name = "SHARE", default_value = "1%", help_heading = FIGURES)]
    malformed: Probability,
    /// Whose names series have: istio, linkerd, nginx or traefik [default: told by the names]
    #[arg(long, value_name = "VENDOR", help_heading = FIGURES)]
    metrics: Option<Vendor>,
    /// Series with requests by status
    #[arg(long, value_name = "METRIC", help_heading = FIGURES)]
    requests: Option<String>,
    /// Series with the latency histogram, without _bucket
    #[arg(long, value_name = "METRIC", help_heading = FIGURES)]
    latency: Option<String>,
    /// Label with the HTTP status
    #[arg(long, value_name = "LABEL", help_heading = FIGURES)]
    code: Option<String>,
}

/// Headings of the help.
const FIGURES: &str = "Figures";
const VERSIONS: &str = "Versions";

fn instant(text: &str) -> Result<i128, String> {
    recorded::instant(text)
        .ok_or_else(|| "write RFC 3339 like 2026-03-03T14:00:00Z, or seconds since 1970".to_owned())
}

fn unit(text: &str) -> Result<Unit, String> {
    match text {
        "s" => Ok(Unit::Seconds),
        "ms" => Ok(Unit::Milliseconds),
        _ => Err("write s or ms".to_owned()),
    }
}

/// What a column may hold, beside quantiles.
const HOLDS: [&str; 6] = ["time", "version", "requests", "errors", "mean", "weight"];

fn column(text: &str) -> Result<(String, String), String> {
    let (what, name) = text
        .split_once('=')
        .ok_or("write WHAT=COLUMN, like errors=r5xx")?;
    let quantile = what
        .strip_prefix('p')
        .is_some_and(|rank| rank.parse::<f64>().is_ok());
    if !quantile && !HOLDS.contains(&what) {
        return Err(format!(
            "`{what}` is nothing that a column holds: write one of {}, or p99",
            HOLDS.join(", ")
        ));
    }
    Ok((what.to_owned(), name.to_owned()))
}

impl SourceArguments {
    fn names(&self) -> Names {
        [&self.stable, &self.canary, &self.baseline].map(Clone::clone)
    }

    fn stretch(&self) -> Stretch {
        Stretch {
            from: self.from,
            to: self.to,
        }
    }

    fn table(&self) -> TableWanted {
        TableWanted {
            columns: self.columns.clone(),
            names: self.names(),
            counters: match (self.counters, self.increments) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
            unit: self.unit,
            rate: self.assume_rate,
        }
    }

    fn log(&self) -> LogWanted {
        LogWanted {
            format: self.log_format.clone(),
            version: self.version_field.clone(),
            names: self.names(),
            malformed: self.malformed.get(),
        }
    }

    fn matrix(&self) -> MatrixWanted {
        MatrixWanted {
            vendor: self.metrics,
            requests: self.requests.clone(),
            latency: self.latency.clone(),
            code: self.code.clone(),
            unit: self.unit,
            names: self.names(),
        }
    }
}

/// What was read.
pub(super) struct Source {
    /// The series.
    pub(super) measured: Measured,
    /// What problems are about.
    pub(super) name: PathBuf,
    /// What it is, in one line.
    pub(super) line: String,
    /// What a reader should know of it.
    pub(super) notes: Vec<String>,
}

/// Reads the figures that the arguments name, for these scenarios, the first of which says how metrics
/// are measured that do not say it themselves.
pub(super) fn read(
    files: &[PathBuf],
    arguments: &SourceArguments,
    scenarios: &[&Scenario],
    seed: Seed,
) -> Result<Source, CommandError> {
    let mut source = match &arguments.prometheus {
        Some(server) => {
            let past = (
                arguments.from.unwrap_or_default(),
                arguments.to.unwrap_or_default(),
            );
            let asked = prometheus::Asked {
                past,
                step: arguments.step,
                wanted: arguments.matrix(),
            };
            prometheus::read(server, &asked, scenarios)?
        }
        None => of_files(files, arguments, scenarios)?,
    };
    if let Some(weight) = arguments.split {
        source.measured = split(&source.measured, weight, seed).map_err(|error| {
            let message = format!("cannot be split (--split): {error}");
            CommandError::Input(Problems::about(&source.name, message))
        })?;
        source.notes.push(format!(
            "{weight} of the requests of the one version, drawn at random and independently of one \
             another, stand for a canary that is as good; a real canary's would come in bursts of users"
        ));
    }
    Ok(source)
}

fn of_files(
    files: &[PathBuf],
    arguments: &SourceArguments,
    scenarios: &[&Scenario],
) -> Result<Source, CommandError> {
    let mut contents = Vec::new();
    for path in files {
        let bytes = fs::read(path).map_err(|error| {
            CommandError::Input(Problems::about(path, format!("cannot be read: {error}")))
        })?;
        contents.push((path.as_path(), bytes));
    }
    // Whoever gives a log's format says that it is one.
    let kind_of = |bytes: &[u8]| match arguments.log_format {
        Some(_) => Kind::Log,
        None => Kind::of(bytes),
    };
    let kinds: Vec<Kind> = contents.iter().map(|(_, bytes)| kind_of(bytes)).collect();
    let Some((kind, (first, bytes))) = kinds.first().copied().zip(contents.first()) else {
        return Err(refuse("there is no file", "name what is to be replayed"));
    };
    if let Some(other) = kinds.iter().position(|other| *other != kind) {
        let message = format!(
            "{} is {} and {} is {}",
            files[0].display(),
            called(kind),
            files[other].display(),
            called(kinds[other])
        );
        return Err(refuse(&message, "replay figures of one kind at a time"));
    }
    if contents.len() > 1 && matches!(kind, Kind::Own | Kind::Table) {
        let message = format!(
            "{} files, each of which is {}",
            contents.len(),
            called(kind)
        );
        return Err(refuse(
            &message,
            "give one; logs and answers of Prometheus may come in several",
        ));
    }
    let Some(plan) = scenarios.first().map(|scenario| &scenario.telemetry) else {
        return Err(refuse("there is no scenario", "name one: --scenario"));
    };
    let stretch = arguments.stretch();
    let all: Vec<(&Path, &[u8])> = (contents.iter())
        .map(|(path, bytes)| (*path, bytes.as_slice()))
        .collect();
    let imported = match kind {
        Kind::Own => return own(first, bytes),
        Kind::Table => recorded::table(bytes, first, &arguments.table(), stretch, plan)?,
        Kind::Log => recorded::logs(&all, &arguments.log(), stretch, plan)?,
        Kind::Matrix => recorded::matrices(&all, &arguments.matrix(), stretch, plan)?,
    };
    Ok(of_imported(imported, first, called(kind)))
}

fn refuse(message: &str, help: &str) -> CommandError {
    CommandError::Argument {
        message: message.to_owned(),
        help: help.to_owned(),
    }
}

fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Own => "a recording of coalmine's",
        Kind::Table => "a table",
        Kind::Log => "an access log",
        Kind::Matrix => "an answer of Prometheus",
    }
}

/// Figures of others, with a line that says how many there are.
pub(super) fn of_imported(imported: Imported, name: &Path, what: &str) -> Source {
    let measured = Measured {
        recording: imported.recording,
        begun: imported.begun,
    };
    let versions = measured.holdings().versions;
    let versions: Vec<&str> = versions.iter().map(|version| version.name()).collect();
    let begun = measured.time_of_day(crate::base::Time::START);
    let line = format!(
        "{}: {what}, {} of {}{}",
        name.display(),
        length(&measured.recording),
        versions.join(" and "),
        begun.map_or(String::new(), |begun| format!(", from {begun} on"))
    );
    Source {
        measured,
        name: name.to_owned(),
        line,
        notes: imported.notes,
    }
}

/// A recording of our own.
fn own(path: &Path, bytes: &[u8]) -> Result<Source, CommandError> {
    let recording = recording::read(bytes).map_err(|error| {
        let problems = match error {
            RecordingError::Damaged { line, what } => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                recorded::about_line(path, text, line, what)
            }
            other => Problems::about(path, other.to_string()),
        };
        CommandError::Input(problems)
    })?;
    let measured = Measured {
        recording,
        begun: None,
    };
    let rows = measured.recording.rows.len() as u64;
    let line = format!(
        "{}: recorded by coalmine, {} in {}",
        path.display(),
        report::plural(rows, "row"),
        length(&measured.recording)
    );
    Ok(Source {
        measured,
        name: path.to_owned(),
        line,
        notes: Vec::new(),
    })
}
