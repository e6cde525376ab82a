//! The answer in words: what every format says, so that none says it differently.

use super::quantity;
use crate::experiment::summary::{Cell, Mode, Results, Rival, Summary};

/// How good a share is. Above and below the usual bars of a planned test: power of 80 %, false
/// alarms of 5 % (Cohen 1988); poor is where a coin, or one good release in five, is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grade {
    /// At least 80 % power; at most 5 % false rollbacks.
    Good,
    /// Between good and poor.
    Fair,
    /// Less than 50 % power; more than 20 % false rollbacks.
    Poor,
}

/// What the marks mean.
pub(super) const LEGEND: &str =
    "✓ power ≥ 80 %, false rollback ≤ 5 %; ✗ power < 50 %, false rollback > 20 %; ~ between";

impl Grade {
    fn of_power(share: f64) -> Grade {
        match share {
            share if share >= 0.8 => Grade::Good,
            share if share < 0.5 => Grade::Poor,
            _ => Grade::Fair,
        }
    }

    fn of_false_rollback(share: f64) -> Grade {
        match share {
            share if share <= 0.05 => Grade::Good,
            share if share > 0.2 => Grade::Poor,
            _ => Grade::Fair,
        }
    }

    /// The mark, told apart without colour.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Grade::Good => "✓",
            Grade::Fair => "~",
            Grade::Poor => "✗",
        }
    }

    /// The name, for style sheets.
    pub(super) fn name(self) -> &'static str {
        match self {
            Grade::Good => "good",
            Grade::Fair => "fair",
            Grade::Poor => "poor",
        }
    }
}

/// A share with its uncertainty and its grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Graded {
    /// `93.2 % ±0.9`.
    pub text: String,
    /// How good it is.
    pub grade: Grade,
}

/// One percentage in one mode, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// `5 %`, or a controller's name.
    pub weight: String,
    /// Whether these are the steps as written.
    pub as_written: bool,
    /// Chance of catching the fault.
    pub power: Graded,
    /// Chance of rolling back a good canary.
    pub false_rollback: Graded,
    /// Median time to the rollback, or a dash.
    pub p50: String,
    /// 90th percentile of the time to the rollback, or a dash.
    pub p90: String,
    /// Share of bad releases never caught.
    pub never: String,
    /// Failed or slowed requests before the end.
    pub exposed_requests: String,
    /// Users behind them.
    pub exposed_users: String,
    /// Failed or slowed requests after the end; absent when nobody asked to look.
    pub exposed_after: Option<String>,
    /// Requests the canary answers in a window.
    pub requests_per_window: String,
}

impl From<&Cell> for Line {
    fn from(cell: &Cell) -> Line {
        Line {
            weight: quantity::weight(cell.weight),
            as_written: cell.as_written,
            power: Graded {
                text: quantity::estimate(&cell.power),
                grade: Grade::of_power(cell.power.estimate),
            },
            false_rollback: Graded {
                text: quantity::estimate(&cell.false_rollback),
                grade: Grade::of_false_rollback(cell.false_rollback.estimate),
            },
            p50: quantity::time_or_dash(cell.detection_seconds.p50),
            p90: quantity::time_or_dash(cell.detection_seconds.p90),
            never: quantity::percent(cell.detection_seconds.never),
            exposed_requests: quantity::count(cell.exposure.requests),
            exposed_users: quantity::count(cell.exposure.users),
            exposed_after: cell.exposure.after.map(quantity::count),
            requests_per_window: quantity::count(cell.requests_per_window),
        }
    }
}

/// One mode's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// `Weight held`.
    pub title: &'static str,
    /// What that means.
    pub meaning: &'static str,
    /// Head of the first column: what tells the lines apart.
    pub head: &'static str,
    /// A line per percentage, ascending.
    pub lines: Vec<Line>,
}

impl Part {
    /// Whether somebody asked what happens after the end.
    pub(super) fn has_aftermath(&self) -> bool {
        self.lines.iter().any(|line| line.exposed_after.is_some())
    }
}

/// The tables of the modes that were simulated, held first.
pub(super) fn parts(results: &Results) -> Vec<Part> {
    [Mode::Held, Mode::Rollout]
        .into_iter()
        .filter_map(|mode| {
            let mut cells: Vec<&Cell> = results
                .summary
                .cells
                .iter()
                .filter(|cell| cell.mode == mode)
                .collect();
            cells.sort_by(|a, b| a.weight.total_cmp(&b.weight));
            let (title, meaning) = match mode {
                Mode::Held => (
                    "Weight held",
                    "the canary stays at this percentage through all its checks",
                ),
                Mode::Rollout => (
                    "Whole rollout",
                    "the canary enters at this percentage, then takes the steps above it",
                ),
            };
            (!cells.is_empty()).then(|| Part {
                title,
                meaning,
                head: "canary",
                lines: cells.into_iter().map(Line::from).collect(),
            })
        })
        .chain(side_by_side(&results.summary))
        .collect()
}

/// The table of several rollouts, where there are several.
fn side_by_side(summary: &Summary) -> Option<Part> {
    let line = |rival: &Rival| Line {
        weight: rival.name.clone(),
        as_written: false,
        ..Line::from(&rival.cell)
    };
    (!summary.rivals.is_empty()).then(|| Part {
        title: "Side by side",
        meaning: "the same service and fault, each rollout as written",
        head: "rollout",
        lines: summary.rivals.iter().map(line).collect(),
    })
}

/// `the steps as written: 5 → 10 → … → 50 %`, when they are among the cells.
pub(super) fn steps_as_written(summary: &Summary) -> Option<String> {
    let cell = summary
        .cells
        .iter()
        .find(|cell| cell.as_written && cell.mode == Mode::Rollout)?;
    if cell.steps.is_empty() {
        return Some("the rollout as written: no users before promotion".to_owned());
    }
    let mut steps: Vec<String> = cell
        .steps
        .iter()
        .map(|step| quantity::weight(*step).replace(" %", ""))
        .collect();
    if steps.len() > 8 {
        steps.splice(3..steps.len() - 1, ["…".to_owned()]);
    }
    Some(format!("the steps as written: {} %", steps.join(" → ")))
}

/// `6,000 bad and as many good releases a row`.
pub(super) fn trials(summary: &Summary) -> String {
    let trials = || summary.cells.iter().map(|cell| cell.trials);
    let (low, high) = (trials().min().unwrap_or(0), trials().max().unwrap_or(0));
    let number = if low == high {
        quantity::grouped(low)
    } else {
        format!("{} to {}", quantity::grouped(low), quantity::grouped(high))
    };
    format!("{number} bad and as many good releases a row")
}

/// What to say when the run was cut short.
pub(super) const INTERRUPTED: &str =
    "The run was interrupted: some intervals are wider than asked for.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_change_at_their_bars() {
        assert_eq!(Grade::of_power(0.8), Grade::Good);
        assert_eq!(Grade::of_power(0.799), Grade::Fair);
        assert_eq!(Grade::of_power(0.499), Grade::Poor);
        assert_eq!(Grade::of_false_rollback(0.05), Grade::Good);
        assert_eq!(Grade::of_false_rollback(0.051), Grade::Fair);
        assert_eq!(Grade::of_false_rollback(0.201), Grade::Poor);
    }
}
