//! The trials of candidates, and what they say: each clause, each aim, and differences of two
//! candidates on the same luck.

use crate::base::{Time, Weight};
use crate::engine::{Ending, Trial};
use crate::experiment::expectation::{Measured, Standing, measured, standing};
use crate::scenario::{Aim, Expectation, Relation, Unit};
use crate::stats;

/// A cell of a candidate: where the canary's share is held, and which of the worlds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CellKey {
    pub(super) held: Option<Weight>,
    /// The good release's is the last.
    pub(super) world: usize,
}

/// What is asked of every candidate.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) require: Vec<Expectation>,
    pub(super) minimise: Vec<Aim>,
    /// The cells that these need: first those of the rollout as written, bad releases before the
    /// good one.
    pub(super) cells: Vec<CellKey>,
    /// How many bad releases there are.
    pub(super) faults: usize,
}

impl Question {
    pub(super) fn new(require: Vec<Expectation>, minimise: Vec<Aim>, faults: usize) -> Question {
        let whole = (0..=faults).map(|world| CellKey { held: None, world });
        let mut cells: Vec<CellKey> = whole.collect();
        for clause in &require {
            let worlds = match clause.metric.is_of_faulty() {
                true => 0..faults,
                false => faults..faults + 1,
            };
            for world in worlds {
                let key = CellKey {
                    held: clause.at,
                    world,
                };
                if !cells.contains(&key) {
                    cells.push(key);
                }
            }
        }
        Question {
            require,
            minimise,
            cells,
            faults,
        }
    }

    fn trials<'s>(&self, sample: &'s Sample, held: Option<Weight>, world: usize) -> &'s [Trial] {
        let cell = (self.cells.iter()).position(|cell| *cell == CellKey { held, world });
        cell.map_or(&[], |cell| sample.cells[cell].as_slice())
    }

    /// What the trials say of a clause: of the bad release that it stands worst for.
    pub(super) fn clause(
        &self,
        clause: &Expectation,
        sample: &Sample,
        confidence: f64,
    ) -> (Measured, Standing) {
        let healthy = self.trials(sample, clause.at, self.faults);
        let of = |faulty: &[Trial]| {
            let measured = measured(clause, faulty, healthy, confidence);
            (measured, standing(clause, &measured))
        };
        let mut all = (0..self.faults).map(|world| of(self.trials(sample, clause.at, world)));
        let first = all.next().unwrap_or_else(|| of(&[]));
        all.fold(first, |worst, one| {
            match further(clause, &one.0, &worst.0) {
                true => one,
                false => worst,
            }
        })
    }

    /// Which of the bad releases a clause stands worst for.
    pub(super) fn worst_fault(&self, clause: &Expectation, sample: &Sample) -> usize {
        let of = |world| {
            let faulty = self.trials(sample, clause.at, world);
            measured(clause, faulty, &[], crate::experiment::CONFIDENCE)
        };
        (1..self.faults).fold(0, |worst, world| {
            match further(clause, &of(world), &of(worst)) {
                true => world,
                false => worst,
            }
        })
    }

    /// An aim in each replicate; not a number where it says nothing: a good release that was rolled
    /// back is not promoted at any time.
    pub(super) fn costs(&self, aim: Aim, sample: &Sample) -> Vec<f64> {
        match aim {
            Aim::Exposure => {
                let worlds = &sample.cells[..self.faults];
                let count = worlds.iter().map(Vec::len).min().unwrap_or(0);
                let mean = |replicate: usize| {
                    let sum: u64 = (worlds.iter())
                        .map(|trials| trials[replicate].exposed_requests)
                        .sum();
                    sum as f64 / self.faults.max(1) as f64
                };
                (0..count).map(mean).collect()
            }
            Aim::Time => (sample.cells[self.faults].iter())
                .map(|trial| match trial.ending {
                    Ending::RolledBack => f64::NAN,
                    Ending::Promoted | Ending::Horizon => {
                        trial.ended.since(Time::START).as_secs_f64()
                    }
                })
                .collect(),
        }
    }

    /// The mean of an aim, as far as it is known, with its interval.
    pub(super) fn aim(&self, aim: Aim, sample: &Sample, confidence: f64) -> Measured {
        let known: Vec<f64> = self
            .costs(aim, sample)
            .into_iter()
            .filter(|c| !c.is_nan())
            .collect();
        let interval = stats::mean_interval(&known, confidence);
        Measured {
            estimate: match known.is_empty() {
                true => f64::INFINITY,
                false => stats::mean(&known),
            },
            low: interval.map_or(0.0, |interval| interval.low.max(0.0)),
            high: interval.map_or(f64::INFINITY, |interval| interval.high),
            trials: known.len() as u64,
        }
    }

    /// How much more `a` costs than `b`, from the replicates in which both are known: they met the
    /// same luck.
    pub(super) fn difference(
        &self,
        aim: Aim,
        (a, b): (&Sample, &Sample),
        confidence: f64,
    ) -> Option<stats::Interval> {
        let (a, b) = (self.costs(aim, a), self.costs(aim, b));
        let both = a.iter().zip(&b).map(|(a, b)| a - b);
        let known: Vec<f64> = both.filter(|difference| !difference.is_nan()).collect();
        stats::mean_interval(&known, confidence)
    }
}

/// Whether `a` is on the worse side of `b` for a clause.
fn further(clause: &Expectation, a: &Measured, b: &Measured) -> bool {
    match clause.relation {
        Relation::AtLeast => a.estimate < b.estimate,
        Relation::AtMost => a.estimate > b.estimate,
    }
}

/// A candidate's trials, cell by cell in the question's order.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    pub(super) cells: Vec<Vec<Trial>>,
}

impl Sample {
    pub(super) fn new(question: &Question) -> Sample {
        Sample {
            cells: vec![Vec::new(); question.cells.len()],
        }
    }

    /// Trials of each cell.
    pub(super) fn len(&self) -> usize {
        self.cells.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// The same with these replicates only, in this order.
    pub(super) fn at(&self, replicates: &[usize]) -> Sample {
        let pick = |trials: &Vec<Trial>| {
            let picked = replicates.iter().filter_map(|at| trials.get(*at));
            picked.copied().collect()
        };
        Sample {
            cells: self.cells.iter().map(pick).collect(),
        }
    }

    /// Cuts all cells to the shortest.
    pub(super) fn level(&mut self) {
        let len = self.len();
        for trials in &mut self.cells {
            trials.truncate(len);
        }
    }
}

/// How the requirements stand, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fitness {
    /// All hold, the intervals taken into account.
    Shown,
    /// All hold by their estimates.
    Likely,
    /// Some do not, by their estimates.
    Unlikely,
    /// One is surely broken.
    Broken,
}

impl Question {
    pub(super) fn fitness(&self, sample: &Sample, confidence: f64) -> Fitness {
        let mut worst = Fitness::Shown;
        for clause in &self.require {
            let (measured, standing) = self.clause(clause, sample, confidence);
            let one = match standing {
                Standing::Holds => Fitness::Shown,
                Standing::Broken => Fitness::Broken,
                Standing::Open if short_of(clause, &measured) > 0.0 => Fitness::Unlikely,
                Standing::Open => Fitness::Likely,
            };
            worst = worst.max(one);
        }
        worst
    }

    /// How far the requirements are missed, by their estimates: 0 where all are met, else the sum of
    /// the shares of the bounds that are lacking.
    pub(super) fn shortfall(&self, sample: &Sample) -> f64 {
        let of = |clause| {
            let (measured, _) = self.clause(clause, sample, crate::experiment::CONFIDENCE);
            short_of(clause, &measured)
        };
        self.require.iter().map(of).sum()
    }
}

/// How far an estimate is beyond a clause's bound: for shares as a part of the way from the bound to
/// the worst that is possible, for everything else as a part of the bound; 0 where it is not.
pub(super) fn short_of(clause: &Expectation, measured: &Measured) -> f64 {
    let bound = clause.bound;
    let beyond = match clause.relation {
        Relation::AtLeast => bound - measured.estimate,
        Relation::AtMost => measured.estimate - bound,
    };
    let is_share = clause.metric.unit() == Unit::Share;
    let scale = match clause.relation {
        Relation::AtMost if is_share => 1.0 - bound,
        _ => bound.abs(),
    };
    let scale = scale.max(1e-9);
    (beyond / scale).clamp(0.0, 1e6)
}
