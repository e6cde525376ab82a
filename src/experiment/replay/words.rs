//! What is said of a replay.

use super::{Measured, Replay, length};
use crate::base::{Span, Time};
use crate::engine::Ending;
use crate::experiment::words::{grouped, plural};
use crate::gate;
use crate::scenario::Scenario;
use crate::telemetry::Sampling;
use crate::telemetry::recording::Row;

/// `at 14:32:00 (12m after the canary's first request)`.
fn when(measured: &Measured, replay: &Replay, at: Time) -> String {
    let since_start = Span::from_nanos(at.as_nanos());
    let clock = measured.time_of_day(at);
    let first = replay.first_canary.map(Span::from_secs_f64);
    let after = first
        .filter(|first| *first <= since_start)
        .map(|first| since_start - first);
    let place = match clock {
        Some(clock) => format!("at {clock}"),
        None => format!("at {since_start}"),
    };
    match after {
        Some(after) => format!("{place}, {after} after the canary's first answer was seen"),
        None => place,
    }
}

pub(super) fn ending(scenario: &Scenario, measured: &Measured, replay: &Replay) -> String {
    let outcome = &replay.outcome;
    let controller = scenario.rollout.controller();
    let when = when(measured, replay, outcome.at);
    let checks = replay.rows.iter().filter(|row| !row.row.verdict.is_empty());
    let failed = checks.clone().filter(|row| row.row.verdict == "fail");
    let told = match (checks.count() as u64, failed.count() as u64) {
        (0, _) => "nothing was checked".to_owned(),
        (1, 0) => "its one check did not fail".to_owned(),
        (1, _) => "its one check failed".to_owned(),
        (all, failed) => format!("{} of its {} checks failed", grouped(failed), grouped(all)),
    };
    let mut text = match outcome.ending {
        Ending::RolledBack => {
            format!("The {controller} controller would have rolled back {when}; {told}.")
        }
        Ending::Promoted => {
            format!("The {controller} controller would have promoted the canary {when}; {told}.")
        }
        Ending::Horizon if outcome.ran_out => {
            format!("The recording ends {when}, with the rollout still under way; {told}.")
        }
        Ending::Horizon => format!("Still under way when it was cut off {when}; {told}."),
    };
    match replay.agreement {
        Some(agreement) if agreement.ticks == agreement.same => {
            text.push_str(&format!(
                " At all {} the gates and the controller say what they said then.",
                plural(agreement.ticks, "tick")
            ));
        }
        Some(agreement) => {
            text.push_str(&format!(
                " At {} of {} they say something other than then.",
                grouped(agreement.ticks - agreement.same),
                plural(agreement.ticks, "tick")
            ));
        }
        None => {}
    }
    text
}

pub(super) fn cautions(scenario: &Scenario, measured: &Measured, replay: &Replay) -> Vec<String> {
    let mut cautions = Vec::new();
    let apart = replay.rows.iter().find(|row| {
        let wanted = row.row.weight;
        let had = row.held;
        had.is_some_and(|had| (had - wanted).abs() > 1e-9) && row.agrees != Some(true)
    });
    if let Some(row) = apart {
        let at = Span::from_secs_f64(row.row.seconds);
        cautions.push(format!(
            "from {at} on the controller wants {} % where {} % were in force: what it sees stays what was \
             measured, so counts of requests, and gates that ask for enough of them, are those of the \
             weight then",
            row.row.weight,
            row.held.unwrap_or_default()
        ));
    } else if replay.rows.iter().all(|row| row.held.is_none()) {
        cautions.push(
            "the recording does not tell which weights were in force: what the controller sees is of \
             those, whatever it wants"
                .to_owned(),
        );
    }
    if let Sampling::Scraped { interval, .. } = scenario.telemetry.sampling {
        let short = gate::windows(&scenario.analysis).find(|window| *window < interval * 2);
        if let Some(window) = short
            && !goes_by_answers(measured)
        {
            cautions.push(format!(
                "a window of {window} holds less than two samples, which come {interval} apart: such a \
                 gate has no data"
            ));
        }
    }
    let hooks = !scenario.world.hooks.is_empty();
    let decided = measured.recording.rows.iter();
    if hooks && !decided.clone().any(|row| matches!(row, Row::Tick { .. })) {
        cautions
            .push("hooks are taken to agree: the recording has no answers of theirs".to_owned());
    }
    let asked = !scenario.questions.is_empty();
    if asked
        && !decided
            .clone()
            .any(|row| matches!(row, Row::Supplied { .. } | Row::Step { .. }))
    {
        cautions.push(format!(
            "{} answered as the scenario says: the recording has no answers of other systems",
            match scenario.questions.len() {
                1 => format!("`{}` is", scenario.questions[0]),
                _ => format!("`{}` and others are", scenario.questions[0]),
            }
        ));
    }
    if measured.recording.cut {
        cautions.push(format!(
            "the recording was cut off after {}",
            length(&measured.recording)
        ));
    }
    cautions
}

fn goes_by_answers(measured: &Measured) -> bool {
    (measured.recording.rows.iter()).any(|row| matches!(row, Row::Answer { .. }))
}
