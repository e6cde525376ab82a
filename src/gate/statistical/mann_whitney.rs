//! The rank test of latencies on everything since the start.

use std::fmt;

use super::sums::Histograms;
use super::{Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats;

#[doc = include_str!("../manual/mann-whitney.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Chance of rolling back a good canary, at one look.
    pub alpha: Probability,
    /// When it is made.
    pub looks: Looks,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: MannWhitney,
    planned: Planned,
    sums: Histograms,
}

impl MannWhitney {
    pub(super) const ENTRY: Entry = Entry {
        kind: "mann-whitney",
        title: "Mann-Whitney",
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
        let MannWhitney { alpha, looks } = self.method;
        let test = stats::MannWhitney::of_counts(&self.sums.canary, &self.sums.other);
        match test.and_then(|test| test.p(true)) {
            None => Look::no_data(Evidence::P { p: 1.0, level: 0.0 }),
            Some(p) => looks.at_p(p, alpha, batch.elapsed, self.planned),
        }
    }
}

impl fmt::Display for MannWhitney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, looks) = (self.alpha, self.looks);
        write!(f, "Mann-Whitney test of all latencies at {alpha}, {looks}")
    }
}
