//! Alpha spending on a change-point statistic, its limits found by simulated companions.

use std::fmt;

use rand::{Rng, SeedableRng};

use super::{Batch, Decision, Entry, Events, Evidence, Guarantee, Look, Planned, Prior, Reads};
use super::{Spending, Test};
use crate::base::{Probability, Stream};
use crate::stats::draw::CountTable;
use crate::stats::sequential::{
    ChangePaths, CountLaw, OddsE, OddsFactors, ParticleSpending, SplitLaw,
};

#[doc = include_str!("../manual/change-spending.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangeSpending {
    /// Chance of ever rolling back a good canary up to the planned end.
    pub alpha: Probability,
    /// How it is spread over the planned time.
    pub spending: Spending,
    /// How many companions are drawn.
    pub particles: u32,
    /// What is counted.
    pub events: Events,
}

/// The test under way; the canary is path 0, its companions follow.
#[derive(Debug)]
pub(super) struct Companions {
    method: ChangeSpending,
    planned: Planned,
    /// `None` for bets that are none, which the usual ones are not.
    factors: Option<OddsFactors>,
    paths: ChangePaths,
    living: ParticleSpending,
    law: CountLaw,
    statistics: Vec<f64>,
    stream: Stream,
    begun: bool,
}

impl ChangeSpending {
    pub(super) const ENTRY: Entry = Entry {
        kind: "change-spending",
        title: "change point, conditional Monte Carlo",
        guarantee: Guarantee::PlannedHorizon,
        exact: true,
        reads: Reads::Errors,
        scale: "p",
    };

    pub(super) fn start(self, planned: Planned) -> Companions {
        let odds = &OddsE::USUAL_ODDS[1..];
        let particles = self.particles as usize;
        let onset = Prior::HalfAtStart.onset(planned.looks());
        Companions {
            method: self,
            planned,
            factors: OddsFactors::new(odds),
            paths: ChangePaths::new(particles + 1, &[1.0 / odds.len() as f64], onset),
            living: ParticleSpending::new(particles),
            law: CountLaw::default(),
            statistics: vec![0.0; particles],
            stream: Stream::seed_from_u64(0),
            begun: false,
        }
    }
}

impl Companions {
    /// Plays the batch for the canary and its living companions; answers the canary's statistic.
    fn play(&mut self, batch: &Batch<'_>) -> Option<f64> {
        let counted = self.method.events.count(batch);
        let trials = (batch.canary.requests, batch.other.requests);
        let factors = self.factors.as_mut()?;
        let law = SplitLaw::Trials {
            first: trials.0,
            second: trials.1,
        };
        self.law.fill(law, counted.all)?;
        factors.prepare(counted.all, trials)?;
        let table = CountTable::new(&self.law);
        self.paths.next_batch();
        let found = self.paths.step(0, [factors.of(counted.canary)]);
        for pair in (0..self.statistics.len()).step_by(2) {
            // Two draws of 32 bits from each number, for the dead too: who lives does not shift the
            // luck of others.
            let mut bits = self.stream.next_u64();
            for particle in pair..(pair + 2).min(self.statistics.len()) {
                if self.living.alive()[particle] {
                    let count = table.count(bits as u32);
                    let factors = factors.of(count);
                    self.statistics[particle] = self.paths.step(particle + 1, [factors]);
                }
                bits >>= 32;
            }
        }
        Some(found)
    }
}

impl Test for Companions {
    fn begin(&mut self, luck: u64) {
        self.paths.reset();
        self.living.reset();
        self.stream = Stream::seed_from_u64(luck);
        self.begun = false;
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.begun |= batch.compares();
        let share = self.planned.share(batch.elapsed);
        let level = self.method.spending.spent(self.method.alpha, share);
        let found = if self.begun { self.play(batch) } else { None };
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

impl fmt::Display for ChangeSpending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (events, alpha) = (self.events, self.alpha);
        write!(f, "change point of {events} at {alpha}, {}", self.spending)?;
        write!(f, ", {} companions", self.particles)
    }
}
