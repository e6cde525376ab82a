//! Does a rollout still do what is expected of it? Every clause of a scenario decided by as few trials
//! as decide it, and every cell of earlier results held against fresh trials of the same cell.
//!
//! # Clauses
//!
//! Trials are played in rounds: [`FIRST`] of them, then twice as many in all, and so on, up to a most.
//! After each round the interval of the figure (see [`super::expectation`]) says of each clause that is
//! open whether it holds or is broken; what the interval does not tell apart stays open for the next
//! round, and is undecided after the last.
//!
//! A clause with `K` beside it and `R` rounds in all is looked at with intervals of two-sided confidence
//! `1 - 2·`[`ERROR`]`/(K·R)`. Then a clause that is true is called broken, and one that is broken is said to
//! hold, with a chance of at most `ERROR/K` over all rounds together, and any clause of the scenario is
//! called broken wrongly in at most one run of a thousand (Bonferroni). This holds for a true value
//! that lies on the bound; one that lies away from it is further from error with every trial. Exact for
//! shares and times, in the limit of large samples for means, which therefore sit out the rounds below
//! [`FIRST_OF_MEANS`].
//!
//! # A baseline
//!
//! See [`baseline`].

pub mod baseline;
mod play;

use serde::Serialize;

use crate::base::Weight;
use crate::scenario::{Expected, Metric, Scenario, Unit};

use super::expectation::{Measured, Standing, measured, standing};
use super::replicate::{Options, ThreadsError};
use super::summary::{EngineNote, Results, ScenarioNote};
use super::{engine, engine_name, note};
use baseline::{Baseline, Plans};
use play::{Cell, Deck, Way};

/// Chance that any clause of a scenario is decided wrongly in one direction, at most; and that any cell
/// that is as good as its baseline is called worse.
pub const ERROR: f64 = 0.001;
/// Trials of the first round.
pub const FIRST: u32 = 100;
/// A mean is judged by no fewer: its interval is one of large samples.
pub const FIRST_OF_MEANS: u32 = 400;
/// Trials of the last round, where nothing else is asked for.
pub const MOST_TRIALS: u32 = 10_000;

/// How thoroughly to check.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// At most so many trials of each cell and world.
    pub most_trials: u32,
    /// What a cell may be worse by than its baseline: shares by so much of 1, exposure by so much of
    /// what it was.
    pub tolerance: f64,
}

/// What came of one scenario's check.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The scenario's file, or the path that stands for a built-in one.
    pub file: String,
    /// The earlier results' folder, where there are any.
    pub folder: Option<String>,
    /// The scenario.
    pub scenario: ScenarioNote,
    /// Root of all randomness.
    pub seed: u64,
    /// Which engine played the trials.
    pub engine: EngineNote,
    /// Trials played in all.
    pub trials: u64,
    /// At most so many of each cell and world.
    pub most_trials: u32,
    /// False when it was interrupted before everything was decided.
    pub complete: bool,
    /// Its clauses, in the order of the file.
    pub clauses: Vec<Clause>,
    /// Against earlier results, where there are any.
    pub baseline: Option<Baseline>,
    /// What was understood differently from what was written, or ignored.
    pub warnings: Vec<String>,
}

/// One clause, decided or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// The clause and its place.
    pub expected: Expected,
    /// Whether it holds.
    pub outcome: Outcome,
    /// The figure with the interval that decided, or that did not.
    pub measured: Measured,
    /// Two-sided confidence of that interval, 0 to 1.
    pub confidence: f64,
    /// Rounds that were played for it.
    pub rounds: usize,
}

/// What is known of a clause in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The figure lies on the side that is expected.
    Holds,
    /// It lies on the other: a regression.
    Broken,
    /// So near the bound that the most trials do not tell.
    Undecided,
}

impl Checked {
    /// How many clauses have this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        let clauses = self.clauses.iter();
        clauses.filter(|clause| clause.outcome == outcome).count()
    }

    /// How many figures are worse than in the baseline.
    pub fn regressions(&self) -> usize {
        (self.baseline.as_ref()).map_or(0, |baseline| baseline.regressions().count())
    }

    /// Whether nothing is broken or worse; where it is strict, also nothing undecided.
    pub fn passes(&self, strict: bool) -> bool {
        let red = self.count(Outcome::Broken) + self.regressions();
        let open = self.count(Outcome::Undecided);
        self.complete && red == 0 && (open == 0 || !strict)
    }
}

/// Trials in all after each round.
fn rounds(most: u32) -> Vec<u32> {
    let doubled = std::iter::successors(Some(FIRST), |trials| trials.checked_mul(2));
    let mut rounds: Vec<u32> = doubled.take_while(|trials| *trials < most).collect();
    rounds.push(most);
    rounds
}

/// A scenario to check, and where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Its file, for whoever reads what came of it.
    pub file: &'a str,
    /// Earlier results of it, and their folder.
    pub earlier: Option<(&'a str, &'a Results)>,
}

/// Checks a scenario: its clauses, and earlier results where there are any.
///
/// # Errors
/// When the asked number of threads cannot be started.
pub fn check(
    subject: Subject<'_>,
    plan: Plan,
    options: &Options<'_>,
) -> Result<Checked, ThreadsError> {
    let scenario = subject.scenario;
    let earlier = subject.earlier.map(|(_, results)| results);
    let (kind, why) = engine(scenario);
    let healthy = scenario.world.healthy();
    let plans = earlier.map(|earlier| Plans::of(scenario, earlier));
    let mut deck = Deck::new(scenario, &healthy, kind, options)?;
    let clauses = clauses(scenario, plan.most_trials, &mut deck);
    let baseline = (earlier.zip(plans.as_ref()))
        .map(|(earlier, plans)| baseline::compare(scenario, earlier, plans, plan, &mut deck));
    Ok(Checked {
        file: subject.file.to_owned(),
        folder: subject.earlier.map(|(folder, _)| folder.to_owned()),
        scenario: note(scenario),
        seed: scenario.experiment.seed.0,
        engine: EngineNote {
            name: engine_name(kind).to_owned(),
            why,
        },
        trials: deck.played(),
        most_trials: plan.most_trials,
        complete: !deck.was_stopped(),
        clauses,
        baseline,
        warnings: scenario.warnings.clone(),
    })
}

/// The cell that a metric is a figure of.
fn cell_of<'a>(deck: &mut Deck<'a>, metric: Metric, at: Option<Weight>) -> Cell {
    deck.cell(at.map_or(Way::AsWritten, Way::Held), metric.is_of_faulty())
}

/// Decides all clauses, round by round.
fn clauses(scenario: &Scenario, most: u32, deck: &mut Deck<'_>) -> Vec<Clause> {
    let expected = &scenario.expectations;
    let rounds = rounds(most);
    let looks = (expected.len() * rounds.len()).max(1) as f64;
    let confidence = 1.0 - 2.0 * ERROR / looks;
    let cells: Vec<Cell> = (expected.iter())
        .map(|one| cell_of(deck, one.that.metric, one.that.at))
        .collect();
    let mut clauses: Vec<Clause> = (expected.iter())
        .map(|one| Clause {
            expected: one.clone(),
            outcome: Outcome::Undecided,
            measured: measured(&one.that, &[], &[], confidence),
            confidence,
            rounds: 0,
        })
        .collect();
    for trials in rounds {
        let is_open = |clause: &Clause| {
            let is_mean = clause.expected.that.metric.unit() == Unit::Count;
            let is_early = is_mean && trials < FIRST_OF_MEANS.min(most);
            clause.outcome == Outcome::Undecided && !is_early
        };
        let open: Vec<(Cell, u32)> = (cells.iter().zip(&clauses))
            .filter(|(_, clause)| is_open(clause))
            .map(|(cell, _)| (*cell, trials))
            .collect();
        if !deck.play(&open) {
            break;
        }
        for (cell, clause) in cells.iter().zip(&mut clauses) {
            if !is_open(clause) {
                continue;
            }
            // Luck is common to all cells, but a clause is judged by so many trials in each round,
            // whatever another clause or a baseline has played of its cell.
            let played = &deck.trials(*cell)[..trials as usize];
            clause.measured = measured(&clause.expected.that, played, played, confidence);
            clause.rounds += 1;
            clause.outcome = match standing(&clause.expected.that, &clause.measured) {
                Standing::Holds => Outcome::Holds,
                Standing::Broken => Outcome::Broken,
                Standing::Open => Outcome::Undecided,
            };
        }
    }
    clauses
}

#[cfg(test)]
mod tests;
