//! The experiment section.

use super::defaults;
use super::reader::{Table, Value};
use super::{EngineChoice, Experiment};
use crate::base::{Probability, Seed, Span, Weight};

/// The most trials that a cell may have: each is kept in memory until the run ends.
pub(super) const MOST_TRIALS: u64 = 1_000_000;

/// The most canary percentages: each is played with all the trials of a cell.
const MOST_WEIGHTS: usize = 1_000;

/// The experiment of a scenario that does not say.
pub(super) fn unsaid() -> Experiment {
    Experiment {
        weights: defaults::weights(),
        trials: None,
        precision: defaults::precision().get(),
        most_trials: defaults::MOST_TRIALS,
        aftermath: Span::ZERO,
        engine: EngineChoice::Auto,
        seed: Seed::DEFAULT,
    }
}

/// What to simulate.
pub(super) fn read(mut table: Table<'_>) -> Option<Experiment> {
    let unsaid = unsaid();
    let weights = match table.get("weights") {
        None => Some(unsaid.weights),
        Some(value) => read_weights(&value),
    };
    let trials = match table.get("trials") {
        None => Some(None),
        Some(value) => read_trials(&value).map(Some),
    };
    let precision = match table.get("precision") {
        None => Some(unsaid.precision),
        Some(value) => read_precision(&value),
    };
    let aftermath = match table.get("aftermath") {
        None => Some(unsaid.aftermath),
        Some(value) => value.quantity(),
    };
    let most_trials = match table.get("most_trials") {
        None => Some(unsaid.most_trials),
        Some(value) => read_trials(&value),
    };
    let engine = match table.get("engine") {
        None => Some(unsaid.engine),
        Some(value) => value.choice(&[
            ("auto", EngineChoice::Auto),
            ("requests", EngineChoice::Requests),
            ("counts", EngineChoice::Counts),
        ]),
    };
    let seed = match table.get("seed") {
        None => Some(unsaid.seed),
        Some(value) => value.whole(0..=u64::MAX).map(Seed),
    };
    table.finish();
    Some(Experiment {
        weights: weights?,
        trials: trials?,
        precision: precision?,
        most_trials: most_trials?,
        aftermath: aftermath?,
        engine: engine?,
        seed: seed?,
    })
}

fn read_trials(value: &Value<'_>) -> Option<u32> {
    u32::try_from(value.whole(1..=MOST_TRIALS)?).ok()
}

fn read_precision(value: &Value<'_>) -> Option<f64> {
    let share = value.share()?;
    match precise_enough(share) {
        Ok(()) => Some(share.get()),
        Err(message) => {
            value.refuse(
                message,
                "write a percentage above 0% and at most 50%, like 1%",
            );
            None
        }
    }
}

fn read_weights(list: &Value<'_>) -> Option<Vec<Weight>> {
    let items = list.list()?;
    if items.len() > MOST_WEIGHTS {
        list.refuse(
            format!("has {} canary percentages", items.len()),
            format!("write {MOST_WEIGHTS} at most"),
        );
        return None;
    }
    let mut weights: Vec<Weight> = Vec::new();
    let mut sound = true;
    for item in &items {
        let Some(weight) = item.quantity() else {
            sound = false;
            continue;
        };
        weights.push(weight);
        if let Err(message) = usable(&weights) {
            item.refuse(message, "write each percentage once, above 0%");
            sound = false;
        }
    }
    if items.is_empty() {
        list.refuse(
            "is empty",
            "write the canary percentages to try, like [\"1%\", \"5%\"]",
        );
        return None;
    }
    weights.sort_by(|a, b| a.as_percent().total_cmp(&b.as_percent()));
    sound.then_some(weights)
}

/// Whether the last of `weights` may stand beside those before it.
pub(super) fn usable(weights: &[Weight]) -> Result<(), String> {
    match weights.split_last() {
        Some((last, _)) if last.is_zero() => {
            Err("a canary at 0% has no traffic to be judged by".to_owned())
        }
        Some((last, before)) if before.contains(last) => Err(format!("{last} is there twice")),
        _ => Ok(()),
    }
}

/// Whether an interval of this half-width can be reached and means something.
pub(super) fn precise_enough(half_width: Probability) -> Result<(), String> {
    if half_width == Probability::ZERO {
        return Err("no number of trials is infinitely precise".to_owned());
    }
    if half_width.get() > 0.5 {
        return Err(format!("±{half_width} is no precision at all"));
    }
    Ok(())
}
