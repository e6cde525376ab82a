//! Power against percentage, for a rollout and its rivals on the same luck: few trials and no figures
//! beside them, so that it is there while somebody still moves the slider.
//!
//! Every percentage is held, and each rollout is played as it is written; definitions are those of
//! [`crate::experiment`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::replicate::{Options, Pair, Sample, ThreadsError, Until, replicate};
use super::summary::{Cell, Estimate, Mode, Rival};
use super::{findings, grid, pair, rivals, summarise};
use crate::base::Weight;
use crate::model::World;
use crate::scenario::Scenario;

use grid::GridCell;

/// A rollout to draw a line of.
#[derive(Debug, Clone, PartialEq)]
pub struct Contender {
    /// Its name for programs.
    pub id: String,
    /// Its name for readers.
    pub name: String,
    /// The service and the fault with this rollout.
    pub scenario: Scenario,
    /// Plays one trial of so many that are asked for: 1, or more where they are dear.
    pub one_of: u32,
}

impl Contender {
    /// How many trials it is played where so many are asked for.
    fn trials(&self, asked: u32) -> u32 {
        asked.div_ceil(self.one_of.max(1))
    }
}

/// What became of releases, against the canary's percentage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// Trials asked for, of every figure and with either release; a rival that is slow to judge has
    /// fewer, as its figures say.
    pub trials: u32,
    /// False when time was up before all of them were played.
    pub complete: bool,
    /// Root of all randomness, as a decimal text: it may exceed what JSON numbers hold.
    pub seed: String,
    /// What it means, in one sentence.
    pub sentence: String,
    /// What it means in more sentences, the first among them.
    pub sentences: Vec<String>,
    /// One for each rollout, the scenario's own first.
    pub lines: Vec<Line>,
}

/// The figures of one rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// Its name for programs.
    pub id: String,
    /// Its name for readers.
    pub name: String,
    /// Controller and gates in one line.
    pub rollout: String,
    /// Whether it is the scenario's own.
    pub own: bool,
    /// Its figures with each percentage held, from the smallest on; fewer where time was up.
    pub points: Vec<Point>,
    /// Its figures as it is written; absent where time was up.
    pub written: Option<Written>,
}

/// Figures with a percentage held.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// The canary's percentage.
    pub percent: f64,
    /// What came of it.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Figures of a rollout as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Written {
    /// Percentages that an undisturbed canary goes through.
    pub steps: Vec<f64>,
    /// What came of it.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What became of the releases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// Trials with the bad release, and as many with a good one.
    pub trials: u64,
    /// Share of bad releases rolled back.
    pub power: Estimate,
    /// Share of good releases rolled back.
    pub false_rollback: Estimate,
    /// Median of the detection time in seconds, over the trials detected; null where none was.
    pub detection_p50: Option<f64>,
    /// Its 90th percentile.
    pub detection_p90: Option<f64>,
    /// Share of bad releases without a detection.
    pub never: f64,
    /// Requests that a bad release failed or slowed, on average.
    pub exposed_requests: f64,
    /// Distinct users behind them, on average.
    pub exposed_users: f64,
    /// Requests that the canary answers in one window of the gates, on average.
    pub requests_per_window: f64,
}

impl From<&Cell> for Figures {
    fn from(cell: &Cell) -> Figures {
        Figures {
            trials: cell.trials,
            power: cell.power,
            false_rollback: cell.false_rollback,
            detection_p50: cell.detection_seconds.p50,
            detection_p90: cell.detection_seconds.p90,
            never: cell.detection_seconds.never,
            exposed_requests: cell.exposure.requests,
            exposed_users: cell.exposure.users,
            requests_per_window: cell.requests_per_window,
        }
    }
}

/// Plays every contender, the first as the scenario's own, at the percentages of the first: so many
/// trials each, on the same luck.
///
/// # Errors
/// When the threads cannot be started.
pub fn curve(
    contenders: &[Contender],
    trials: u32,
    options: &Options<'_>,
) -> Result<Curve, ThreadsError> {
    let Some(own) = contenders.first() else {
        return Ok(Curve::nothing());
    };
    let seed = own.scenario.experiment.seed;
    let weights = &own.scenario.experiment.weights;
    let played: Vec<Played<'_>> = contenders
        .iter()
        .map(|one| {
            let cells = cells(&one.scenario, weights);
            (one, one.scenario.world.healthy(), cells)
        })
        .collect();
    let mut complete = true;
    let mut answers: Vec<Vec<Cell>> = vec![Vec::new(); played.len()];
    let mut counts: Vec<u32> = contenders.iter().map(|one| one.trials(trials)).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts.dedup();
    // Those with as many trials together, so that no thread waits for another's last block.
    for count in counts {
        let these: Vec<usize> = (0..played.len())
            .filter(|at| contenders[*at].trials(trials) == count)
            .collect();
        let pairs: Vec<Pair<'_>> = (these.iter()).flat_map(|at| pairs(&played[*at])).collect();
        let (samples, whole) = replicate(&pairs, Until::Count(count), seed, options)?;
        complete &= whole;
        let mut rest = samples.as_slice();
        for at in these {
            let (one, _, cells) = &played[at];
            let (of_this, others) = rest.split_at(cells.len());
            rest = others;
            answers[at] = self::answers(&one.scenario, cells, of_this);
        }
    }
    let sentences = sentences(contenders, &answers);
    let lines = contenders.iter().zip(&answers).enumerate();
    Ok(Curve {
        trials,
        complete,
        seed: seed.to_string(),
        sentence: sentences.first().cloned().unwrap_or_default(),
        sentences,
        lines: lines
            .map(|(at, (one, cells))| line(one, cells, at == 0))
            .collect(),
    })
}

/// A rollout with its good world and the cells that are played of it.
type Played<'a> = (&'a Contender, World, Vec<GridCell>);

fn pairs<'a>((one, healthy, cells): &'a Played<'_>) -> impl Iterator<Item = Pair<'a>> {
    let cells = cells.iter();
    cells.map(|cell| pair(&one.scenario, healthy, &cell.plan, cell.held()))
}

impl Curve {
    fn nothing() -> Curve {
        Curve {
            trials: 0,
            complete: true,
            seed: String::new(),
            sentence: String::new(),
            sentences: Vec::new(),
            lines: Vec::new(),
        }
    }
}

/// Each percentage held, and the rollout as it is written.
fn cells(scenario: &Scenario, weights: &[Weight]) -> Vec<GridCell> {
    let cell = |weight, mode| GridCell {
        weight,
        mode,
        as_written: mode == Mode::Rollout,
        plan: scenario.rollout.clone(),
    };
    let shares = grid::shares(scenario, &scenario.rollout);
    let first = shares.first().copied().unwrap_or(Weight::ZERO);
    // The written one first: where time is short it says most.
    std::iter::once(cell(first, Mode::Rollout))
        .chain(weights.iter().map(|weight| cell(*weight, Mode::Held)))
        .collect()
}

fn answers(scenario: &Scenario, cells: &[GridCell], samples: &[Sample]) -> Vec<Cell> {
    (cells.iter().zip(samples))
        .filter(|(_, sample)| !sample.faulty.is_empty())
        .map(|(cell, sample)| summarise(scenario, cell, sample))
        .collect()
}

fn line(contender: &Contender, cells: &[Cell], own: bool) -> Line {
    let held = cells.iter().filter(|cell| cell.mode == Mode::Held);
    let written = cells.iter().find(|cell| cell.mode == Mode::Rollout);
    Line {
        id: contender.id.clone(),
        name: contender.name.clone(),
        rollout: findings::rollout_line(&contender.scenario),
        own,
        points: held
            .map(|cell| Point {
                percent: cell.weight,
                figures: Figures::from(cell),
            })
            .collect(),
        written: written.map(|cell| Written {
            steps: cell.steps.clone(),
            figures: Figures::from(cell),
        }),
    }
}

/// What it means, of the scenario's own rollout and beside its rivals.
fn sentences(contenders: &[Contender], answers: &[Vec<Cell>]) -> Vec<String> {
    let (Some(own), Some(cells)) = (contenders.first(), answers.first()) else {
        return Vec::new();
    };
    let mut sentences = findings::of_cells(&own.scenario, cells);
    let beside = contenders.iter().zip(answers).filter_map(|(one, cells)| {
        Some(Rival {
            name: one.name.clone(),
            rollout: findings::rollout_line(&one.scenario),
            cell: cells.iter().find(|cell| cell.as_written)?.clone(),
        })
    });
    let beside: Vec<Rival> = beside.collect();
    if contenders.len() > 1 {
        sentences.extend(rivals::sentence(&beside, own.scenario.world.has_fault()));
    }
    sentences
}
