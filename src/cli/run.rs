//! `coalmine run`: one rollout, tick by tick.

use clap::Args;

use super::service::ServiceArguments;
use super::{CommandError, output};
use crate::base::Span;
use crate::experiment::{self, summary::TimelineRow};
use crate::report;
use crate::scenario::Overrides;

/// Arguments of `coalmine run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    service: ServiceArguments,
    /// In virtual time
    #[arg(long = "virtual", required = true)]
    in_virtual_time: bool,
    /// Play a canary as good as stable in place of the faulty one
    #[arg(long)]
    good: bool,
    /// Which replicate's luck to play
    #[arg(long, default_value_t = 0)]
    replicate: u64,
    /// Print the ticks as JSON lines
    #[arg(long)]
    json: bool,
}

/// Plays one rollout and prints its ticks.
pub(super) fn run(arguments: &RunArguments) -> Result<(), CommandError> {
    let scenario = arguments.service.scenario(Overrides::default())?;
    let (engine, _) = experiment::engine(&scenario);
    let seed = scenario.experiment.seed;
    let (rows, trial) =
        experiment::watch(&scenario, seed, arguments.replicate, arguments.good, engine);
    if arguments.json {
        let mut text = String::new();
        for row in &rows {
            text.push_str(&serde_json::to_string(row)?);
            text.push('\n');
        }
        return output::print(&text);
    }
    for warning in &scenario.warnings {
        output::note(&format!("warning: {warning}"));
    }
    let ticks = report::ticks(&scenario.title, &rows, output::WIDTH, output::colours());
    output::print(&format!("{ticks}{}\n", ending(&trial, &rows, arguments)))
}

fn ending(trial: &crate::engine::Trial, rows: &[TimelineRow], arguments: &RunArguments) -> String {
    use crate::engine::Ending;
    let canary = if arguments.good { "good" } else { "bad" };
    let when = Span::from_nanos(trial.ended.as_nanos());
    let met = format!(
        "{} of its {} requests failed or were slowed, from about {:.0} users",
        trial.exposed_requests, trial.canary_requests, trial.exposed_users
    );
    match (trial.ending, trial.detection) {
        (Ending::RolledBack, Some(detection)) => {
            format!(
                "Rolled back at {when}, {detection} after the {canary} canary met traffic; {met}."
            )
        }
        (Ending::RolledBack, None) => format!("Rolled back at {when}; {met}."),
        (Ending::Promoted, _) => format!("The {canary} canary was promoted at {when}; {met}."),
        (Ending::Horizon, _) => {
            let last = rows.last().map_or(0.0, |row| row.weight);
            format!("Still under way at {when} with the {canary} canary at {last} %; {met}.")
        }
    }
}
