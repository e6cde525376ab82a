//! E-processes against a change that may come late.
//!
//! An e-process that multiplies from the start loses capital as long as nothing is wrong, and has
//! to earn it back. Here the capital is spread over the batches at which the change may begin; a
//! part waits, at its face value, until its batch has come. That costs the logarithm of the number
//! of batches against a change at the start, and saves minutes against a late one.
//!
//! (Shin, Ramdas and Rinaldo 2024; the averages of Shiryaev 1963 and Roberts 1966.)

use super::{RatioGrid, log_add, log_mean_exp};

/// How the capital is spread over the batches at which a change may begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Onset {
    /// Equal parts for each of so many batches.
    Uniform(u32),
    /// One half for the first batch, equal parts of the rest for each other of so many.
    HalfAtStart(u32),
}

impl Onset {
    /// The part for the batch with this index, from 0.
    pub(super) fn part(self, batch: u32) -> f64 {
        match self {
            Onset::Uniform(batches) if batch < batches => 1.0 / f64::from(batches),
            Onset::HalfAtStart(1) => f64::from(u8::from(batch == 0)),
            Onset::HalfAtStart(_) if batch == 0 => 0.5,
            Onset::HalfAtStart(batches) if batch < batches => 0.5 / f64::from(batches - 1),
            Onset::Uniform(_) | Onset::HalfAtStart(_) => 0.0,
        }
    }

    /// What waits for the batches from this index on.
    fn waiting(self, batch: u32) -> f64 {
        match self {
            Onset::Uniform(batches) => {
                f64::from(batches.saturating_sub(batch)) / f64::from(batches)
            }
            Onset::HalfAtStart(_) if batch == 0 => 1.0,
            Onset::HalfAtStart(batches) => {
                let others = f64::from(batches.saturating_sub(1).max(1));
                0.5 * f64::from(batches.saturating_sub(batch)) / others
            }
        }
    }
}

/// The change-point e-process over any bets: each step takes the logarithms of the factors by which
/// a batch would multiply the bets from the start.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangePoint {
    onset: Onset,
    batch: u32,
    /// Per bet the logarithm of what is at play.
    log_playing: Vec<f64>,
    log_e: f64,
}

impl ChangePoint {
    /// So many bets, uniformly mixed.
    pub fn new(bets: usize, onset: Onset) -> ChangePoint {
        let onset = match onset {
            Onset::Uniform(batches) => Onset::Uniform(batches.max(1)),
            Onset::HalfAtStart(batches) => Onset::HalfAtStart(batches.max(1)),
        };
        ChangePoint {
            onset,
            batch: 0,
            log_playing: vec![f64::NEG_INFINITY; bets],
            log_e: 0.0,
        }
    }

    /// Takes in a batch by the logarithm of each bet's factor; answers ln E.
    pub fn step(&mut self, increments: &[f64]) -> f64 {
        let entering = self.onset.part(self.batch).ln();
        for (log, increment) in self.log_playing.iter_mut().zip(increments) {
            *log = increment + log_add(*log, entering);
        }
        self.batch = self.batch.saturating_add(1);
        let waiting = self.onset.waiting(self.batch).ln();
        self.log_e = log_add(log_mean_exp(&self.log_playing), waiting);
        self.log_e
    }

    /// ln E so far.
    pub fn log_e(&self) -> f64 {
        self.log_e
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.batch = 0;
        self.log_playing.fill(f64::NEG_INFINITY);
        self.log_e = 0.0;
    }
}

/// The change-point e-process of how events split between two arms.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitChangePoint {
    grid: RatioGrid,
    change: ChangePoint,
}

impl SplitChangePoint {
    /// The usual bets.
    pub const USUAL_RATIOS: [f64; 4] = [1.5, 2.0, 3.0, 5.0];

    /// Bets on `ratios` against `against`. `None` where one of them is not a positive number.
    pub fn new(ratios: &[f64], against: f64, onset: Onset) -> Option<SplitChangePoint> {
        Some(SplitChangePoint {
            grid: RatioGrid::new(ratios, against)?,
            change: ChangePoint::new(ratios.len(), onset),
        })
    }

    /// Takes in a batch of `events`, of which the first arm, with the share `share` of the trials,
    /// had `first`; answers ln E. A batch without events is a batch too: a change may begin with it.
    pub fn look(&mut self, first: u64, events: u64, share: f64) -> Option<f64> {
        let increments = self.grid.increments(first, events, share)?;
        Some(self.change.step(increments))
    }

    /// ln E so far.
    pub fn log_e(&self) -> f64 {
        self.change.log_e()
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.change.reset();
    }
}
