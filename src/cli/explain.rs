//! `coalmine explain`: why a verdict fell, and what would have changed it.

use std::path::Path;

use clap::Args;

use super::service::{EXPERIMENT, ServiceArguments};
use super::{CommandError, output};
use crate::base::{Span, Time};
use crate::experiment::summary::{LookRow, TimelineRow};
use crate::experiment::{self, store};
use crate::report;
use crate::scenario::Overrides;

/// Arguments of `coalmine explain`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    service: ServiceArguments,
    /// The check at this time of the rollout [default: the last one, which decided]
    #[arg(long, value_name = "TIME", conflicts_with = "all")]
    at: Option<Span>,
    /// Every check
    #[arg(long)]
    all: bool,
    /// Explain a rollout of a canary as good as stable in place of the faulty one
    #[arg(long)]
    good: bool,
    /// Whose luck to play: that of this trial of `coalmine power`
    #[arg(long, default_value_t = 0, value_name = "NUMBER", help_heading = EXPERIMENT)]
    replicate: u64,
    /// Print the checks as JSON, one a line
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
A results folder in place of a scenario explains the rollout that it shows, without playing anything.

Examples:
  coalmine explain results/default             the check that decided
  coalmine explain results/default-live --at 4m
  coalmine explain low-traffic --good --all
  coalmine explain --flagger canary.yaml --rate 20/s --canary-errors 1% --replicate 7";

/// The checks of one rollout.
struct Checks {
    rows: Vec<TimelineRow>,
    looks: Vec<LookRow>,
}

/// Explains one check of a rollout, or all.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<(), CommandError> {
    let checks = match &arguments.service.scenario {
        Some(path) if path.is_dir() => stored(path)?,
        _ => played(arguments)?,
    };
    let rows = checks.rows.iter().filter(|row| checks.had_any(row));
    let mut rows: Vec<&TimelineRow> = rows.collect();
    if rows.is_empty() {
        return Err(CommandError::Argument {
            message: "no check was made in this rollout".to_owned(),
            help: "the gate looks at nothing, or the rollout ended before its first check"
                .to_owned(),
        });
    }
    if let Some(at) = arguments.at {
        rows = vec![at_time(&rows, at)?];
    } else if !arguments.all {
        rows.drain(..rows.len() - 1);
    }
    if arguments.json {
        let mut text = String::new();
        for look in &checks.looks {
            if rows.iter().any(|row| row.seconds == look.seconds) {
                text.push_str(&serde_json::to_string(look)?);
                text.push('\n');
            }
        }
        return output::print(&text);
    }
    let rows: Vec<TimelineRow> = rows.into_iter().cloned().collect();
    let (width, colours) = (output::WIDTH, output::colours());
    output::print(&report::looks(&rows, &checks.looks, width, colours))
}

impl Checks {
    fn had_any(&self, row: &TimelineRow) -> bool {
        self.looks.iter().any(|look| look.seconds == row.seconds)
    }
}

/// Those that a results folder shows.
fn stored(folder: &Path) -> Result<Checks, CommandError> {
    let results = store::read(folder).map_err(CommandError::Results)?;
    if results.looks.is_empty() && results.timeline.iter().any(|row| !row.verdict.is_empty()) {
        return Err(CommandError::Argument {
            message: format!("{} was made before checks were kept", folder.display()),
            help: format!(
                "make it again: `coalmine power {}`",
                results.summary.scenario.name
            ),
        });
    }
    Ok(Checks {
        rows: results.timeline,
        looks: results.looks,
    })
}

/// Those of a rollout played now, in virtual time.
fn played(arguments: &ExplainArguments) -> Result<Checks, CommandError> {
    let scenario = arguments.service.scenario(Overrides::default())?;
    let (engine, _) = experiment::engine(&scenario);
    let (seed, good) = (scenario.experiment.seed, arguments.good);
    let watched = experiment::watch(&scenario, seed, arguments.replicate, good, engine);
    Ok(Checks {
        rows: watched.rows,
        looks: watched.looks,
    })
}

/// The check at a time, or what there is instead.
fn at_time<'r>(rows: &[&'r TimelineRow], at: Span) -> Result<&'r TimelineRow, CommandError> {
    let seconds = (Time::START + at).as_secs_f64();
    let found = rows.iter().find(|row| row.seconds == seconds);
    found.copied().ok_or_else(|| {
        let nearest = rows.iter().min_by(|a, b| {
            let distance = |row: &TimelineRow| (row.seconds - seconds).abs();
            distance(a).total_cmp(&distance(b))
        });
        let nearest = nearest.map_or(0.0, |row| row.seconds);
        let (first, last) = (rows[0].seconds, rows[rows.len() - 1].seconds);
        let time = Span::from_secs_f64;
        CommandError::Argument {
            message: format!("no check was made at {at}"),
            help: match rows.len() {
                1 => format!("the only one is at {}", time(first)),
                many => format!(
                    "there are {many} from {} to {}; the nearest is at {}",
                    time(first),
                    time(last),
                    time(nearest)
                ),
            },
        }
    })
}
