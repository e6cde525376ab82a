//! What the numbers mean, in sentences. Each follows from the cells and from what is true of the
//! scenario; none is a guess.

mod achieved;
mod correlation;
mod faults;
mod likeness;
mod lines;
mod looks;
mod sight;
mod traffic;
mod unseen;

pub(super) use achieved::Achieved;
pub(super) use lines::{rollout_line, world_line};

use std::sync::atomic::AtomicBool;

use crate::model::World;
use crate::model::fault::Target;
use crate::rollout::flagger::Strategy;
use crate::rollout::{Plan, Rollback};
use crate::scenario::Scenario;

use super::summary::{Cell, Estimate, Mode};
use super::words::{count, exact_share, share, time};

/// Power that people ask of a test, and the false alarms that they bear (Cohen 1988).
const GOOD_POWER: f64 = 0.8;
/// See [`GOOD_POWER`].
const GOOD_FALSE: f64 = 0.05;

/// What is wrong with the canary of a world, in a phrase.
pub(super) fn fault_line(world: &World) -> String {
    faults::of(world, Target::Canary).join(", ")
}

/// The findings, the most important first; those that rollouts are played for only as far as `stop` is
/// not set.
pub(super) fn findings(
    scenario: &Scenario,
    cells: &[Cell],
    achieved: &[Achieved],
    stop: &AtomicBool,
) -> Vec<String> {
    let mut sentences = Vec::new();
    let written = cells
        .iter()
        .find(|cell| cell.as_written && cell.mode == Mode::Rollout);
    let has_fault = scenario.world.has_fault();
    if let Some(cell) = written {
        sentences.push(headline(scenario, cell));
        if has_fault {
            sentences.extend(exposure(scenario, cell));
            if !checks_without_traffic(scenario) {
                sentences.extend(premature(cell));
            }
        }
    }
    sentences.extend(achieved::sentence(scenario, cells, achieved));
    sentences.extend(sight::sentences(scenario));
    sentences.extend(unseen::sentences(scenario));
    sentences.extend(likeness::sentences(scenario));
    sentences.extend(looks::sentences(scenario));
    sentences.extend(correlation::sentences(scenario));
    if percentages_matter(scenario) {
        sentences.extend(traffic::sentence(scenario, cells, achieved, stop));
        if has_fault && !scenario.analysis.is_empty() && !never_rolls_back(scenario) {
            sentences.extend(percentages(cells));
        }
    } else if !cells.is_empty() {
        let before = if reaches_users(scenario) {
            "the checks are over"
        } else {
            "promotion"
        };
        sentences.push(format!(
            "This strategy sends no user to the canary before {before}, so percentages make no \
             difference to it."
        ));
    }
    sentences
}

/// Those that follow from the cells alone, so that nothing else is played for them.
pub(super) fn of_cells(scenario: &Scenario, cells: &[Cell]) -> Vec<String> {
    let mut sentences = Vec::new();
    let has_fault = scenario.world.has_fault();
    if let Some(cell) = cells.iter().find(|cell| cell.mode == Mode::Rollout) {
        sentences.push(headline(scenario, cell));
        if has_fault {
            sentences.extend(exposure(scenario, cell));
        }
    }
    if percentages_matter(scenario)
        && has_fault
        && !scenario.analysis.is_empty()
        && !never_rolls_back(scenario)
    {
        sentences.extend(percentages(cells));
    }
    sentences
}

fn never_rolls_back(scenario: &Scenario) -> bool {
    matches!(&scenario.rollout, Plan::Staged(plan) if plan.rollback == Rollback::Never)
}

fn reaches_users(scenario: &Scenario) -> bool {
    !scenario.rollout.steps().is_empty()
}

/// Whether a percentage held decides how many requests there are to judge: Blue/Green judges none
/// or copies, and then sends everybody.
fn percentages_matter(scenario: &Scenario) -> bool {
    let blue_green = matches!(&scenario.rollout, Plan::Flagger(plan)
        if plan.settings().strategy() == Strategy::BlueGreen);
    reaches_users(scenario) && !blue_green
}

/// What becomes of releases in the rollout as it was written.
fn headline(scenario: &Scenario, cell: &Cell) -> String {
    let written = format!("As written ({})", lines::path(scenario));
    let (bad, good) = (cell.power, cell.false_rollback);
    if !scenario.world.has_fault() {
        return format!(
            "The canary is as good as stable here, so every rollback is a false one. {written}, this \
             gate rolls back {}; give the canary a fault to learn the power.",
            of(good, "releases")
        );
    }
    if scenario.analysis.is_empty() {
        return format!("{written}, nothing is checked: every release is promoted, good or bad.");
    }
    if never_rolls_back(scenario) {
        return "Nothing here rolls back by itself: whatever the checks say, users keep meeting the \
                fault until somebody acts."
            .to_owned();
    }
    if checks_without_traffic(scenario) && good.estimate > 0.5 {
        return format!(
            "{written}, checks come before any traffic and find no data, which counts as failed: it \
             rolls back {} of the bad and {} of the good releases.",
            part(bad),
            part(good)
        );
    }
    // What a coin would do as well: both shares alike, neither near zero.
    if good.estimate > 0.2 && bad.estimate - good.estimate < 0.1 {
        return format!(
            "{written}, this gate does not tell bad releases from good ones: it rolls back {} of \
             the bad and {} of the good.",
            part(bad),
            part(good)
        );
    }
    let when = match cell.detection_seconds.p50 {
        Some(p50) if bad.estimate > 0.0 => format!(", half of them within {}", time(p50)),
        _ => String::new(),
    };
    format!(
        "{written}, this gate catches {}{when}, and rolls back {}.",
        of(bad, "bad releases"),
        of(good, "good ones"),
    )
}

/// Whether checks run while the canary gets no traffic at all.
fn checks_without_traffic(scenario: &Scenario) -> bool {
    match &scenario.rollout {
        Plan::Flagger(plan) => {
            let settings = plan.settings();
            settings.strategy() == Strategy::BlueGreen
                && (!settings.mirror || plan.steps().is_empty())
        }
        Plan::Staged(_) | Plan::Argo(_) | Plan::Spinnaker(_) => false,
    }
}

/// What a bad release does to users before the rollout ends.
fn exposure(scenario: &Scenario, cell: &Cell) -> Option<String> {
    let (before, after) = (cell.exposure.requests, cell.exposure.after);
    if before <= 0.0 && after.is_none_or(|after| after <= 0.0) {
        return None;
    }
    let until = match (cell.power.estimate, never_rolls_back(scenario)) {
        (_, true) => format!(
            "before its promotion or the horizon of {}",
            scenario.horizon
        ),
        (1.0, _) => "before it is rolled back".to_owned(),
        (0.0, _) => "before it is promoted".to_owned(),
        _ => "before it is rolled back or promoted".to_owned(),
    };
    let watched = scenario.experiment.aftermath;
    let after = match after {
        Some(after) if after >= 2.0 * before => format!(
            " Most of the harm comes later: {} more in the {watched} after that.",
            count(after)
        ),
        Some(after) if after > 0.0 => {
            format!(" {} more follow in the {watched} after that.", count(after))
        }
        Some(_) => format!(" None follow in the {watched} after that."),
        None => String::new(),
    };
    Some(format!(
        "On average a bad release {} {} requests of {} users {until}.{after}",
        sight::verb(scenario),
        count(cell.exposure.requests),
        count(cell.exposure.users),
    ))
}

/// Rollbacks of the faulty canary that came before the fault met anybody.
fn premature(cell: &Cell) -> Option<String> {
    let early = cell.power.estimate + cell.detection_seconds.never - 1.0;
    (early >= 0.005).then(|| {
        format!(
            "{} of the bad releases are rolled back before their fault meets any canary traffic: \
             that counts as power, but nothing was detected.",
            share(early)
        )
    })
}

/// From which percentage on the gate works when held there, if there is one.
fn percentages(cells: &[Cell]) -> Option<String> {
    let held: Vec<&Cell> = cells
        .iter()
        .filter(|cell| cell.mode == Mode::Held)
        .collect();
    let (first, last) = (*held.first()?, *held.last()?);
    let catches = |cell: &Cell| cell.power.estimate >= GOOD_POWER;
    let spares = |cell: &Cell| cell.false_rollback.estimate <= GOOD_FALSE;
    let at = |cell: &Cell| exact_share(cell.weight / 100.0);
    let both = |cell: &Cell| {
        format!(
            "{} of the bad releases and {} of the good ones",
            part(cell.power),
            part(cell.false_rollback)
        )
    };
    if let [only] = held[..] {
        // The rollout as written is held at it too, and has had its sentence.
        return (!only.as_written)
            .then(|| format!("Held at {} it rolls back {}.", at(only), both(only)));
    }
    let best = (held.iter().copied()).reduce(|best, cell| {
        if cell.power.estimate > best.power.estimate {
            cell
        } else {
            best
        }
    })?;
    let works = held.iter().find(|cell| catches(cell) && spares(cell));
    let mut sentence = match works {
        Some(cell) if cell.weight == first.weight => {
            format!("Held at {} it already rolls back {}.", at(cell), both(cell))
        }
        Some(cell) => format!(
            "Held at {} it rolls back {}; the smallest percentage tried that catches four in five \
             of the bad and spares nineteen in twenty of the good is {} ({} of the bad, {} of the good).",
            at(first),
            both(first),
            at(cell),
            part(cell.power),
            part(cell.false_rollback)
        ),
        None if held.iter().any(|cell| catches(cell)) => format!(
            "At no percentage held does it catch four in five of the bad releases and spare \
             nineteen in twenty of the good: at {} it rolls back {}.",
            at(best),
            both(best)
        ),
        None if best.power.estimate == 0.0 => {
            "Held at any of the percentages tried it catches none of the bad releases.".to_owned()
        }
        None => format!(
            "At no percentage held does it catch four in five of the bad releases: {} at {} is the \
             most.",
            part(best.power),
            at(best)
        ),
    };
    if works.is_some() && last.false_rollback.low > 0.2 {
        sentence.push_str(&format!(
            " More traffic condemns the good ones too: {} of them at {}.",
            part(last.false_rollback),
            at(last)
        ));
    }
    if best.power.low - last.power.high > 0.1 && best.false_rollback.estimate <= 0.2 {
        sentence.push_str(&format!(
            " More traffic makes it worse: {} of the bad releases are caught at {}, {} at {}.",
            part(best.power),
            at(best),
            part(last.power),
            at(last)
        ));
    }
    Some(sentence)
}

/// `all of the bad releases`, `none of the good ones`, `99.6 % of the bad releases`.
fn of(estimate: Estimate, noun: &str) -> String {
    format!("{} of the {noun}", part(estimate))
}

/// `all`, `none` or `93 %`.
fn part(estimate: Estimate) -> String {
    match estimate.estimate {
        0.0 => "none".to_owned(),
        1.0 => "all".to_owned(),
        some => share(some),
    }
}
