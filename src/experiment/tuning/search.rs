//! Successive halving: all candidates get a few trials, those that are surely no good are dropped, and
//! the others get four times as many.
//!
//! Replicates of equal number meet the same luck, so two candidates are compared by the mean of their
//! differences, replicate by replicate. A candidate is dropped when a requirement is surely broken, or
//! when another, whose requirements surely hold, is surely no worse in every aim and surely better in
//! one. Surely is an interval at [`SURE`].

use super::sample::{Fitness, Question, Sample};
use super::stage::{Effort, Stage};
use crate::scenario::Aim;

/// Confidence at which candidates are dropped, so high that the best survives hundreds of comparisons.
pub(super) const SURE: f64 = 0.999;

/// How the search came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The best is told from all others.
    Separated,
    /// The candidates that are left had all trials that they may have.
    Trials,
    /// The next round would have cost more than the budget.
    Budget,
    /// No candidate may be chosen.
    Infeasible,
    /// It was asked to stop.
    Interrupted,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Round {
    /// Trials that each candidate had of each cell at its end.
    pub trials: u32,
    /// Candidates that were played.
    pub candidates: u64,
    /// Dropped because a requirement is surely broken.
    pub infeasible: u64,
    /// Dropped because another is surely better.
    pub dominated: u64,
    /// Left out before it for want of budget.
    pub left_out: u64,
}

/// What the search found.
pub(super) struct Found {
    /// Candidates that are left, by number.
    pub(super) alive: Vec<usize>,
    pub(super) samples: Vec<Sample>,
    pub(super) rounds: Vec<Round>,
    pub(super) effort: Effort,
    pub(super) ended: Ended,
}

/// The trials of each round: a quarter of the next one's, from no fewer than 20.
pub(super) fn rungs(trials: u32) -> Vec<u32> {
    let mut rungs = vec![trials.max(1)];
    while let Some(last) = rungs.last().copied().filter(|last| *last >= 80) {
        if rungs.len() == 4 {
            break;
        }
        rungs.push(last / 4);
    }
    rungs.reverse();
    rungs
}

/// Searches all candidates of the stage, with at most so many trials of each cell and so many rollouts
/// in all.
pub(super) fn search(stage: &Stage<'_>, trials: u32, budget: u64) -> Found {
    let question = stage.cast.question;
    let mut found = Found {
        alive: (0..stage.cast.candidates.len()).collect(),
        samples: vec![Sample::new(question); stage.cast.candidates.len()],
        rounds: Vec::new(),
        effort: Effort::default(),
        ended: Ended::Trials,
    };
    let mut had = 0;
    for rung in rungs(trials) {
        let Some(left_out) = afford(stage, &mut found, (had, rung), budget) else {
            found.ended = Ended::Budget;
            break;
        };
        if stage.only_known && !stage.knows(&found.alive, (had, rung)) {
            found.ended = Ended::Interrupted;
            break;
        }
        let effort = stage.play(&found.alive, rung, &mut found.samples);
        found.effort.simulated += effort.simulated;
        found.effort.recorded += effort.recorded;
        let played = found.alive.len() as u64;
        if stage
            .options
            .stop
            .load(std::sync::atomic::Ordering::Relaxed)
        {
            found.ended = Ended::Interrupted;
            break;
        }
        had = rung;
        let (infeasible, dominated) = drop_losers(question, &mut found);
        found.rounds.push(Round {
            trials: rung,
            candidates: played,
            infeasible,
            dominated,
            left_out,
        });
        if left_out > 0 {
            found.ended = Ended::Budget;
        }
        // What was left out may be better than all that is left.
        let is_whole = found.rounds.iter().all(|round| round.left_out == 0);
        let ended = match found.alive.is_empty() {
            true => Some(Ended::Infeasible),
            false => is_separated(question, &found).then_some(Ended::Separated),
        };
        if let Some(ended) = ended {
            found.ended = if is_whole { ended } else { Ended::Budget };
            break;
        }
    }
    found
}

/// Leaves out the least promising candidates when the round would cost more than what is left of the
/// budget; how many. `None` where it does not pay a round of even one, except the first.
fn afford(
    stage: &Stage<'_>,
    found: &mut Found,
    (had, rung): (u32, u32),
    budget: u64,
) -> Option<u64> {
    let cells = stage.cast.question.cells.len() as u64;
    let each = u64::from(rung - had) * cells;
    let spent = found.effort.simulated + found.effort.recorded;
    let can = usize::try_from(budget.saturating_sub(spent) / each.max(1)).unwrap_or(usize::MAX);
    if can >= found.alive.len() {
        return Some(0);
    }
    if can == 0 && had > 0 {
        return None;
    }
    let before = found.alive.len();
    let ranked = ranked(stage.cast.question, &found.samples, &found.alive);
    let mut kept: Vec<usize> = ranked.into_iter().take(can.max(1)).collect();
    kept.sort_unstable();
    found.alive = kept;
    Some((before - found.alive.len()) as u64)
}

/// The most promising first: those whose requirements are met best, then those with the smallest aims.
fn ranked(question: &Question, samples: &[Sample], which: &[usize]) -> Vec<usize> {
    let merit = |one: usize| {
        let sample = &samples[one];
        (question.shortfall(sample), merit(question, sample))
    };
    let mut all: Vec<(usize, (f64, f64))> = which.iter().map(|one| (*one, merit(*one))).collect();
    all.sort_by(|(a, left), (b, right)| {
        (left.0.total_cmp(&right.0))
            .then(left.1.total_cmp(&right.1))
            .then(a.cmp(b))
    });
    all.into_iter().map(|(one, _)| one).collect()
}

/// The aims as one figure: each percent of one weighs as much as a percent of another.
pub(super) fn merit(question: &Question, sample: &Sample) -> f64 {
    let aims = question.minimise.iter();
    aims.map(|aim| (question.aim(*aim, sample, SURE).estimate + 1.0).ln())
        .sum()
}

fn drop_losers(question: &Question, found: &mut Found) -> (u64, u64) {
    let before = found.alive.len();
    let fitness: Vec<(usize, Fitness)> = (found.alive.iter())
        .map(|one| (*one, question.fitness(&found.samples[*one], SURE)))
        .collect();
    let left: Vec<(usize, Fitness)> = (fitness.into_iter())
        .filter(|(_, fitness)| *fitness != Fitness::Broken)
        .collect();
    let shown: Vec<usize> = (left.iter())
        .filter(|(_, fitness)| *fitness == Fitness::Shown)
        .map(|(one, _)| *one)
        .collect();
    let is_beaten = |one: usize| {
        (shown.iter()).any(|other| *other != one && beats(question, &found.samples, *other, one))
    };
    let survivors = left
        .iter()
        .map(|(one, _)| *one)
        .filter(|one| !is_beaten(*one));
    let survivors: Vec<usize> = survivors.collect();
    let infeasible = (before - left.len()) as u64;
    let dominated = (left.len() - survivors.len()) as u64;
    found.alive = survivors;
    (infeasible, dominated)
}

/// Whether a candidate is surely no worse in every aim and surely better in one.
fn beats(question: &Question, samples: &[Sample], better: usize, worse: usize) -> bool {
    let differences: Option<Vec<_>> = (question.minimise.iter())
        .map(|aim| question.difference(*aim, (&samples[worse], &samples[better]), SURE))
        .collect();
    let Some(differences) = differences else {
        return false;
    };
    differences.iter().all(|more| more.low >= 0.0) && differences.iter().any(|more| more.low > 0.0)
}

/// Whether nothing is left to be decided: one candidate that surely meets the requirements; or, of
/// several aims, only such candidates that are told from one another in each aim.
fn is_separated(question: &Question, found: &Found) -> bool {
    let is_shown = |one: &usize| question.fitness(&found.samples[*one], SURE) == Fitness::Shown;
    if !found.alive.iter().all(is_shown) {
        return false;
    }
    let told = |a: usize, b: usize| {
        question.minimise.iter().all(|aim: &Aim| {
            let pair = (&found.samples[a], &found.samples[b]);
            let difference = question.difference(*aim, pair, SURE);
            difference.is_some_and(|d| d.low > 0.0 || d.high < 0.0 || d.low == d.high)
        })
    };
    let alive = &found.alive;
    (0..alive.len()).all(|i| (0..i).all(|j| told(alive[i], alive[j])))
}

/// The front and the one of it to recommend, as positions in `samples`: among those whose requirements
/// hold, or where there are none, are likely to.
pub(super) fn choose(question: &Question, samples: &[&Sample]) -> Option<(Vec<usize>, usize)> {
    let fitness: Vec<Fitness> = (samples.iter())
        .map(|sample| question.fitness(sample, crate::experiment::CONFIDENCE))
        .collect();
    let best = fitness.iter().min().copied()?;
    if best > Fitness::Likely {
        return None;
    }
    let costs: Vec<Vec<f64>> = (samples.iter())
        .map(|sample| {
            let aims = question.minimise.iter();
            aims.map(|aim| question.aim(*aim, sample, SURE).estimate)
                .collect()
        })
        .collect();
    let eligible: Vec<usize> = (0..samples.len())
        .filter(|one| fitness[*one] == best)
        .collect();
    let is_beaten = |one: usize| {
        eligible.iter().any(|&other| {
            let pairs = costs[other].iter().zip(&costs[one]);
            let no_worse = pairs.clone().all(|(a, b)| a <= b);
            let better = pairs.clone().any(|(a, b)| a < b);
            // Of equals the first stands for all.
            no_worse && (better || other < one)
        })
    };
    let front: Vec<usize> = eligible
        .iter()
        .copied()
        .filter(|one| !is_beaten(*one))
        .collect();
    let merits = |one: &usize| merit(question, samples[*one]);
    let recommended = front
        .iter()
        .copied()
        .min_by(|a, b| merits(a).total_cmp(&merits(b)))?;
    Some((front, recommended))
}
