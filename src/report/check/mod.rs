//! What came of checks, for people and for the machines of continuous integration. The sentences are
//! the same in every format.

mod github;
mod json;
mod junit;
mod markdown;
mod text;

pub use github::check_annotations;
pub use json::check_json;
pub use junit::check_junit;
pub use markdown::check_markdown;
pub use text::check_text;

use super::quantity::{count, percent, short, time};
use super::{grouped, plural};
use crate::experiment::check::baseline::{Baseline, Comparison, Figure};
use crate::experiment::check::{Checked, Clause, ERROR, Outcome};
use crate::experiment::summary::Mode;
use crate::scenario::{Metric, Relation, Unit};

/// How often a run is red by chance.
pub(super) const PROMISE: &str = "In parentheses the interval that decides: so wide that of a thousand checks of an unchanged \
     scenario at most one calls any clause broken that holds";

/// A value in a metric's unit, for reading.
fn value(unit: Unit, value: f64) -> String {
    match unit {
        _ if !value.is_finite() => "never".to_owned(),
        Unit::Share => percent(value),
        Unit::Time => time(value),
        Unit::Count => count(value),
    }
}

/// `81.2 % (79.0 to 83.1 %, 1,600 trials)`.
fn measured(clause: &Clause) -> String {
    let (of, unit) = (&clause.measured, clause.expected.that.metric.unit());
    let estimate = value(unit, of.estimate);
    if !of.estimate.is_finite() {
        return match of.low.is_finite() {
            true => "nothing yet".to_owned(),
            false => "never, or in fewer than one rollout in a hundred".to_owned(),
        };
    }
    let range = match of.high.is_finite() {
        true => format!("{} to {}", value(unit, of.low), value(unit, of.high)),
        false => format!("{} or more", value(unit, of.low)),
    };
    format!("{estimate} ({range}; {})", plural(of.trials, "trial"))
}

/// What a figure is, in words: the subject of a sentence.
fn subject(clause: &Clause) -> String {
    let that = &clause.expected.that;
    let quantile = |share: f64| format!("{} %", short(100.0 * share));
    let what = match that.metric {
        Metric::Power => "bad releases rolled back".to_owned(),
        Metric::FalseRollback => "good releases rolled back".to_owned(),
        Metric::Never => "bad releases never detected".to_owned(),
        Metric::Detection(share) => {
            format!(
                "time in which {} of those detected are",
                quantile(share.get())
            )
        }
        Metric::Promotion(share) => format!(
            "time in which {} of the good releases promoted are",
            quantile(share.get())
        ),
        Metric::ExposedRequests => "failed or slowed requests of a bad release".to_owned(),
        Metric::ExposedUsers => "users who met a bad release".to_owned(),
        Metric::ExposedAfter => "failed or slowed requests after a bad release's end".to_owned(),
    };
    match that.at {
        Some(weight) => format!(
            "{what}, the canary held at {} %",
            short(weight.as_percent())
        ),
        None => what,
    }
}

/// Why a clause does not hold: one sentence with value, interval, bound and trials.
fn reason(clause: &Clause) -> String {
    let that = &clause.expected.that;
    let bound = that.metric.unit().written(that.bound);
    let side = match that.relation {
        Relation::AtLeast => "at least",
        Relation::AtMost => "at most",
    };
    let found = format!(
        "{}: {}, expected {side} {bound}",
        subject(clause),
        measured(clause)
    );
    match clause.outcome {
        Outcome::Undecided => format!("{found}; too near to tell"),
        Outcome::Holds | Outcome::Broken => found,
    }
}

/// A clause's outcome in one word.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Broken => "broken",
        Outcome::Undecided => "undecided",
    }
}

/// A sign beside a clause.
fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "✓",
        Outcome::Broken => "✗",
        Outcome::Undecided => "~",
    }
}

/// The cell that a comparison is of.
fn cell(of: &Comparison) -> String {
    let weight = short(of.weight);
    match of.mode {
        Mode::Rollout if of.as_written => "as written".to_owned(),
        Mode::Rollout => format!("entered at {weight} %"),
        Mode::Held => format!("held at {weight} %"),
    }
}

/// What got worse, in words: value with interval, what it was, trials.
fn worse(of: &Comparison) -> String {
    let (what, show): (String, fn(f64) -> String) = match of.figure {
        Figure::Power => ("power".to_owned(), percent),
        Figure::FalseRollback => ("false rollback".to_owned(), percent),
        Figure::Detection => {
            let within = time(of.within_seconds.unwrap_or_default());
            (format!("caught within {within}"), percent)
        }
        Figure::ExposedRequests => ("exposed requests".to_owned(), count),
        Figure::ExposedUsers => ("exposed users".to_owned(), count),
    };
    format!(
        "{what} {} ({} to {}; {}), was {} ({})",
        show(of.now),
        show(of.now_low),
        show(of.now_high),
        plural(of.now_trials, "trial"),
        show(of.was),
        plural(of.was_trials, "trial"),
    )
}

/// Where a baseline comes from and how much of it is worse, in one sentence.
fn headline(checked: &Checked, baseline: &Baseline) -> String {
    let folder = checked.folder.as_deref().unwrap_or("the baseline");
    let figures = plural(baseline.comparisons.len() as u64, "figure");
    let worse = baseline.regressions().count();
    let beyond = match baseline.tolerance > 0.0 {
        true => format!(" by more than {}", percent(baseline.tolerance)),
        false => String::new(),
    };
    let said = match worse {
        0 => format!("none of {figures} is worse{beyond}"),
        1 => format!("1 of {figures} is worse{beyond}"),
        some => format!("{some} of {figures} are worse{beyond}"),
    };
    format!(
        "Against {folder} (seed {}): {said}, beyond chance at {} in all",
        baseline.seed,
        percent(ERROR)
    )
}

/// What is described otherwise than in the baseline.
fn changes(baseline: &Baseline) -> Vec<String> {
    let kinds = [("rollout", &baseline.rollout), ("world", &baseline.world)];
    let lines = kinds
        .into_iter()
        .flat_map(|(kind, parts)| parts.iter().map(move |part| format!("{kind}: {part}")));
    lines.collect()
}

/// Comparisons to name: the rollout as written before the others, and not too many.
fn named(baseline: &Baseline) -> (Vec<&Comparison>, usize) {
    /// As many as somebody reads.
    const MOST: usize = 8;
    let mut worse: Vec<&Comparison> = baseline.regressions().collect();
    worse.sort_by_key(|one| !one.as_written);
    let rest = worse.len().saturating_sub(MOST);
    worse.truncate(MOST);
    (worse, rest)
}

/// `2 hold, 1 is broken, 1 is undecided`.
fn tally(checked: &Checked) -> String {
    let mut parts = Vec::new();
    for (outcome, one, many) in [
        (Outcome::Holds, "holds", "hold"),
        (Outcome::Broken, "is broken", "are broken"),
        (Outcome::Undecided, "is undecided", "are undecided"),
    ] {
        match checked.count(outcome) {
            0 => {}
            1 => parts.push(format!("1 {one}")),
            some => parts.push(format!("{some} {many}")),
        }
    }
    match (parts.is_empty(), checked.complete) {
        (true, _) => "no clauses".to_owned(),
        (false, true) => parts.join(", "),
        (false, false) => format!("{} (interrupted)", parts.join(", ")),
    }
}

/// What a whole run came to, in one sentence.
pub fn check_outcome(all: &[Checked], strict: bool) -> String {
    let failing = all.iter().filter(|one| !one.passes(strict)).count();
    let sum = |of: fn(&Checked) -> usize| all.iter().map(of).sum::<usize>() as u64;
    let open = if strict {
        sum(|one| one.count(Outcome::Undecided))
    } else {
        0
    };
    let reasons: Vec<String> = [
        (
            sum(|one| one.count(Outcome::Broken)),
            ["broken clause", "broken clauses"],
        ),
        (
            sum(Checked::regressions),
            ["figure worse than before", "figures worse than before"],
        ),
        (open, ["undecided clause", "undecided clauses"]),
        (
            sum(|one| usize::from(!one.complete)),
            ["interrupted check", "interrupted checks"],
        ),
    ]
    .into_iter()
    .filter(|(some, _)| *some > 0)
    .map(|(some, nouns)| format!("{} {}", grouped(some), nouns[usize::from(some > 1)]))
    .collect();
    match failing {
        0 => format!(
            "{} checked, all as expected",
            plural(all.len() as u64, "scenario")
        ),
        some => format!(
            "{} of {} {} not do what is expected: {}",
            grouped(some as u64),
            plural(all.len() as u64, "scenario"),
            if some == 1 { "does" } else { "do" },
            reasons.join(", ")
        ),
    }
}
