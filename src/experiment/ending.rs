//! How one rollout ended, in words.

use super::summary::TimelineRow;
use super::words::{grouped, plural};
use crate::base::Span;
use crate::engine::{Ending, Trial};
use crate::model::fault::{Fault, FaultKind};
use crate::scenario::Scenario;

/// How a rollout with a good or a bad canary ended, and whom it reached before, in a sentence or two.
pub fn ending(
    scenario: &Scenario,
    trial: &Trial,
    rows: &[TimelineRow],
    good: bool,
    in_virtual_time: bool,
) -> String {
    let canary = if good { "good" } else { "bad" };
    let when = match trial.ending {
        // An interruption falls between ticks.
        Ending::Horizon if !in_virtual_time => {
            Span::from_secs(trial.ended.as_secs_f64().round() as u64)
        }
        _ => Span::from_nanos(trial.ended.as_nanos()),
    };
    let any = |is: fn(&Fault) -> bool| !good && scenario.world.faults.iter().any(is);
    let reaches_stable = any(|fault| matches!(fault.kind, FaultKind::Poison { .. }));
    // A page that sells less neither fails nor is late, and a wrong answer may say that all is well.
    let hurt = match (
        any(|fault| matches!(fault.kind, FaultKind::Business { .. })),
        any(|fault| matches!(fault.kind, FaultKind::Corrupt { .. })),
    ) {
        (true, _) => "met the fault",
        (false, true) => "failed, were wrong or were slowed",
        (false, false) => "failed or were slowed",
    };
    let one = |words: &str| words.replace("were", "was");
    let mut met = match (trial.exposed_requests, trial.canary_requests) {
        (_, 0) => "no user's request reached the canary".to_owned(),
        (0, 1) => "its one request neither failed nor was slowed".to_owned(),
        (0, all) => format!("none of its {} {}", requests(all), one(hurt)),
        (some, all) if reaches_stable => format!(
            "it answered {}, and {} {hurt} by it on either version, from about {}",
            requests(all),
            grouped(some),
            plural(trial.exposed_users.round().max(1.0) as u64, "user")
        ),
        (some, all) => format!(
            "{} of its {} {}, from about {}",
            grouped(some),
            requests(all),
            if some == 1 {
                one(hurt)
            } else {
                hurt.to_owned()
            },
            plural(trial.exposed_users.round().max(1.0) as u64, "user")
        ),
    };
    if trial.exposed_after > 0 {
        met.push_str(&format!(
            "; {} more in the {} after that",
            grouped(trial.exposed_after),
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
    plural(count, "request")
}
