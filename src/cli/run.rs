//! `coalmine run`: one rollout, tick by tick.

use clap::Args;

use super::service::{EXPERIMENT, OUTPUT, ServiceArguments};
use super::{CommandError, output};
use crate::base::Span;
use crate::engine::{Ending, Trial};
use crate::experiment::{self, summary::TimelineRow};
use crate::model::fault::{Fault, FaultKind};
use crate::report;
use crate::scenario::{Overrides, Scenario};

/// Arguments of `coalmine run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArguments {
    #[command(flatten)]
    service: ServiceArguments,
    /// In virtual time, as fast as it goes
    #[arg(long = "virtual", required = true)]
    in_virtual_time: bool,
    /// Play a canary as good as stable in place of the faulty one
    #[arg(long)]
    good: bool,
    /// Whose luck to play: that of this trial of `coalmine power`
    #[arg(long, default_value_t = 0, value_name = "NUMBER", help_heading = EXPERIMENT)]
    replicate: u64,
    /// Print the ticks as JSON, one a line
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  coalmine run low-traffic --virtual
  coalmine run --virtual --flagger canary.yaml --rate 20/s --canary-errors 1% --replicate 7
  coalmine run default --virtual --good --scrape exact";

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
        let text = format!("warning: {warning}");
        output::note(&output::narrow(&text, output::WIDTH, "  "));
    }
    let text = report::ticks(
        &experiment::note(&scenario),
        &rows,
        &ending(&scenario, &trial, &rows, arguments),
        output::WIDTH,
        output::colours(),
    );
    output::print(&text)
}

/// How it ended, and whom it reached before.
fn ending(
    scenario: &Scenario,
    trial: &Trial,
    rows: &[TimelineRow],
    arguments: &RunArguments,
) -> String {
    let canary = if arguments.good { "good" } else { "bad" };
    let when = Span::from_nanos(trial.ended.as_nanos());
    let poison = |fault: &Fault| matches!(fault.kind, FaultKind::Poison { .. });
    let reaches_stable = !arguments.good && scenario.world.faults.iter().any(poison);
    let mut met = match (trial.exposed_requests, trial.canary_requests) {
        (_, 0) => "no user's request reached the canary".to_owned(),
        (0, 1) => "its one request neither failed nor was slowed".to_owned(),
        (0, all) => format!("none of its {} failed or was slowed", requests(all)),
        (some, all) if reaches_stable => format!(
            "it answered {}, and {} failed or were slowed by it on either version, from about {}",
            requests(all),
            report::grouped(some),
            report::plural(trial.exposed_users.round().max(1.0) as u64, "user")
        ),
        (some, all) => format!(
            "{} of its {} failed or were slowed, from about {}",
            report::grouped(some),
            requests(all),
            report::plural(trial.exposed_users.round().max(1.0) as u64, "user")
        ),
    };
    if trial.exposed_after > 0 {
        met.push_str(&format!(
            "; {} more in the {} after that",
            report::grouped(trial.exposed_after),
            scenario.experiment.aftermath
        ));
    }
    match (trial.ending, trial.detection) {
        (Ending::RolledBack, Some(detection)) => format!(
            "Rolled back at {when}, {detection} after fault and canary traffic first met; {met}."
        ),
        (Ending::RolledBack, None) => {
            format!("The {canary} canary was rolled back at {when}; {met}.")
        }
        (Ending::Promoted, _) => format!("The {canary} canary was promoted at {when}; {met}."),
        (Ending::Horizon, _) => {
            let last = rows.last().map_or(0.0, |row| row.weight);
            format!("Still under way at {when} with the {canary} canary at {last} %; {met}.")
        }
    }
}

fn requests(count: u64) -> String {
    report::plural(count, "request")
}
