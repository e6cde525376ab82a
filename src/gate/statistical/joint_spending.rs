//! Alpha spending on errors and latency together, its limits found by simulated companions.

use std::fmt;

use rand::{Rng, SeedableRng};

use super::{Arm, Batch, Decision, Entry, Evidence, Guarantee, Look, Planned, Prior, Reads};
use super::{Spending, Test, Thresholds};
use crate::base::{Probability, Stream};
use crate::stats::draw::{CountTable, Subset};
use crate::stats::sequential::{
    ChangePaths, CountLaw, OddsE, OddsFactors, ParticleSpending, SplitLaw,
};

#[doc = include_str!("../manual/joint-spending.md")]
#[derive(Debug, Clone, PartialEq)]
pub struct JointSpending {
    /// Chance of ever rolling back a good canary up to the planned end.
    pub alpha: Probability,
    /// How it is spread over the planned time.
    pub spending: Spending,
    /// How many companions are drawn.
    pub particles: u32,
    /// Where requests are counted.
    pub thresholds: Thresholds,
}

/// The test under way; the canary is path 0, its companions follow.
#[derive(Debug)]
pub(super) struct Dealt {
    method: JointSpending,
    planned: Planned,
    /// The first bucket above each threshold, once they are chosen.
    above: Vec<usize>,
    /// Of errors, then of each threshold.
    factors: Vec<OddsFactors>,
    paths: ChangePaths,
    living: ParticleSpending,
    statistics: Vec<f64>,
    stream: Stream,
}

/// What is dealt in one batch.
#[derive(Debug)]
struct Deck {
    /// Requests by what they show: the good ones by latency, between one threshold and the next,
    /// then the failed ones, where these are told apart.
    bins: Subset,
    /// Errors by themselves, where they are not.
    errors: Option<CountTable>,
}

impl JointSpending {
    pub(super) const ENTRY: Entry = Entry {
        kind: "joint-spending",
        title: "errors and latency jointly, conditional Monte Carlo",
        guarantee: Guarantee::PlannedHorizon,
        exact: true,
        reads: Reads::Both,
        scale: "p",
    };

    pub(super) fn start(self, planned: Planned) -> Dealt {
        let particles = self.particles as usize;
        Dealt {
            method: self,
            planned,
            above: Vec::new(),
            factors: Vec::new(),
            paths: ChangePaths::new(0, &[], Prior::HalfAtStart.onset(1)),
            living: ParticleSpending::new(particles),
            statistics: vec![0.0; particles],
            stream: Stream::seed_from_u64(0),
        }
    }
}

impl Dealt {
    /// Chooses the thresholds, and lays bets on what lies above them.
    fn lay(&mut self, batch: &Batch<'_>) {
        self.above = self.method.thresholds.choose(batch);
        let kinds = self.above.len() + 1;
        let bets = OddsFactors::new(&OddsE::USUAL_ODDS);
        self.factors = bets.map_or(Vec::new(), |bets| vec![bets; kinds]);
        let bet = 0.5 / OddsE::USUAL_ODDS.len() as f64;
        let mut shares = vec![bet / self.above.len().max(1) as f64; kinds];
        shares[0] = bet;
        let onset = Prior::HalfAtStart.onset(self.planned.looks());
        let paths = self.statistics.len() + 1;
        self.paths = ChangePaths::new(paths, &shares, onset);
    }

    /// Requests of an arm by what they show.
    fn bins(&self, buckets: usize, arm: &Arm<'_>) -> Vec<u64> {
        let latencies = self.above.len() + 1;
        let apart = told_apart(buckets, arm);
        let mut bins = vec![0; if apart { 2 * latencies } else { latencies }];
        let (all, failed) = arm.latencies.split_at(buckets.min(arm.latencies.len()));
        for (bucket, count) in all.iter().enumerate() {
            let bin = self.above.partition_point(|above| *above <= bucket);
            let failed = failed.get(bucket).copied().unwrap_or(0).min(*count);
            bins[bin] += count - failed;
            if apart {
                bins[latencies + bin] += failed;
            }
        }
        bins
    }

    /// Errors, then requests above each threshold, among requests by what they show; `errors` where
    /// these do not tell.
    fn tally(&self, bins: &[u64], errors: u64, tally: &mut [u64]) {
        let latencies = self.above.len() + 1;
        let (good, failed) = bins.split_at(latencies.min(bins.len()));
        tally[0] = if failed.is_empty() {
            errors
        } else {
            failed.iter().sum()
        };
        let mut above = 0;
        for bin in (1..latencies).rev() {
            above += good[bin] + failed.get(bin).copied().unwrap_or(0);
            tally[bin] = above;
        }
    }

    /// Plays a batch for the canary and its living companions; answers the canary's statistic.
    fn play(&mut self, batch: &Batch<'_>) -> Option<f64> {
        let buckets = batch.bounds.len();
        let [other, canary] = [&batch.other, &batch.canary].map(|arm| self.bins(buckets, arm));
        let pooled: Vec<u64> = other.iter().zip(&canary).map(|(a, b)| a + b).collect();
        let trials: (u64, u64) = (canary.iter().sum(), other.iter().sum());
        let kinds = self.above.len() + 1;
        let (mut all, mut tally) = (vec![0; kinds], vec![0; kinds]);
        self.tally(&pooled, batch.errors(), &mut all);
        self.tally(&canary, batch.canary.errors, &mut tally);
        for (factors, events) in self.factors.iter_mut().zip(&all) {
            factors.prepare(*events, trials)?;
        }
        let mut deck = Deck {
            bins: Subset::new(&pooled, trials.0)?,
            errors: match pooled.len() > kinds {
                true => None,
                false => Some(errors_alone(batch.errors(), trials)?),
            },
        };
        self.paths.next_batch();
        let found = self.step(0, &tally);
        let mut bins = vec![0; pooled.len()];
        for particle in 0..self.statistics.len() {
            if !self.living.alive()[particle] {
                continue;
            }
            deck.bins.draw(&mut self.stream, &mut bins);
            let errors = &deck.errors;
            let errors = errors
                .as_ref()
                .map(|table| table.count(self.stream.next_u32()));
            self.tally(&bins, errors.unwrap_or(0), &mut tally);
            self.statistics[particle] = self.step(particle + 1, &tally);
        }
        Some(found)
    }

    fn step(&mut self, path: usize, tally: &[u64]) -> f64 {
        let factors = self.factors.iter_mut().zip(tally);
        (self.paths).step(path, factors.map(|(factors, count)| factors.of(*count)))
    }
}

/// Whether an arm's failed requests are told apart by latency.
fn told_apart(buckets: usize, arm: &Arm<'_>) -> bool {
    arm.latencies.len() == 2 * buckets
}

/// How many of so many errors the canary is dealt, which know nothing of latency.
fn errors_alone(errors: u64, trials: (u64, u64)) -> Option<CountTable> {
    let mut law = CountLaw::default();
    let (first, second) = trials;
    law.fill(SplitLaw::Trials { first, second }, errors)?;
    Some(CountTable::new(&law))
}

impl Test for Dealt {
    fn begin(&mut self, luck: u64) {
        self.above.clear();
        self.living.reset();
        self.stream = Stream::seed_from_u64(luck);
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        let share = self.planned.share(batch.elapsed);
        let level = self.method.spending.spent(self.method.alpha, share);
        if self.above.is_empty() && batch.compares() {
            self.lay(batch);
        }
        let found = match self.above.is_empty() {
            true => None,
            false => self.play(batch),
        };
        let look = found.and_then(|found| self.living.look(&self.statistics, found, level));
        match look {
            None => Look::no_data(Evidence::P { p: 1.0, level }),
            Some(look) => Look {
                decision: match look.rejected {
                    true => Decision::Worse,
                    false => Decision::Clear,
                },
                evidence: Evidence::P {
                    p: look.alpha_needed,
                    level,
                },
            },
        }
    }
}

impl fmt::Display for JointSpending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (thresholds, alpha) = (&self.thresholds, self.alpha);
        write!(f, "errors and latency{thresholds} jointly at {alpha}")?;
        write!(f, ", {}, {} companions", self.spending, self.particles)
    }
}
