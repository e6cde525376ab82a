//! The test of Kolmogorov and Smirnov of latencies on everything since the start.

use std::fmt;

use super::sums::Histograms;
use super::{Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::ks_counts_above;

#[doc = include_str!("../manual/ks.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ks {
    /// Chance of rolling back a good canary, at one look.
    pub alpha: Probability,
    /// When it is made.
    pub looks: Looks,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: Ks,
    planned: Planned,
    sums: Histograms,
}

impl Ks {
    pub(super) const ENTRY: Entry = Entry {
        kind: "ks",
        title: "Kolmogorov-Smirnov",
        guarantee: Guarantee::FixedHorizon,
        exact: false,
        reads: Reads::Latency,
        scale: "p",
    };

    pub(super) fn start(self, planned: Planned) -> Running {
        Running {
            method: self,
            planned,
            sums: Histograms::default(),
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.sums.clear();
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.sums.add(batch);
        let Ks { alpha, looks } = self.method;
        match ks_counts_above(&self.sums.canary, &self.sums.other) {
            None => Look::no_data(Evidence::P { p: 1.0, level: 0.0 }),
            Some(test) => looks.at_p(test.p, alpha, batch.elapsed, self.planned),
        }
    }
}

impl fmt::Display for Ks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, looks) = (self.alpha, self.looks);
        write!(
            f,
            "Kolmogorov-Smirnov test of all latencies at {alpha}, {looks}"
        )
    }
}
