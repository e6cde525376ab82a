//! The posterior chance that the canary is worse.

use std::fmt;

use super::sums::{Counted, Sums};
use super::{Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::{Events, rate_chance_above};

#[doc = include_str!("../manual/beta-binomial.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaBinomial {
    /// 1 minus the chance above which it rolls back.
    pub alpha: Probability,
    /// When it is made.
    pub looks: Looks,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: BetaBinomial,
    planned: Planned,
    sums: Sums,
}

impl BetaBinomial {
    pub(super) const ENTRY: Entry = Entry {
        kind: "beta-binomial",
        title: "P(worse)",
        guarantee: Guarantee::FixedHorizon,
        exact: false,
        reads: Reads::Errors,
        scale: "P(worse)",
    };

    pub(super) fn start(self, planned: Planned) -> Running {
        Running {
            method: self,
            planned,
            sums: Sums::default(),
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.sums = Sums::default();
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.sums.add(batch);
        let BetaBinomial { alpha, looks } = self.method;
        let Sums { other, canary } = self.sums;
        if !self.sums.are_telling() {
            let (value, limit) = (0.5, 1.0 - alpha.get());
            return Look::no_data(Evidence::Statistic { value, limit });
        }
        let of = |arm: Counted| Events {
            count: arm.errors,
            exposure: arm.requests as f64,
        };
        let worse = rate_chance_above(of(canary), of(other), 1.0).unwrap_or(0.5);
        // Above 1 nothing is: where it is not looked at now, nothing is against the canary.
        let level = looks.level(alpha.get(), batch.elapsed, self.planned);
        Look::at_statistic(worse, level.map_or(2.0, |level| 1.0 - level))
    }
}

impl fmt::Display for BetaBinomial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, looks) = (self.alpha, self.looks);
        write!(f, "P(not worse) of all errors >= {alpha}, {looks}")
    }
}
