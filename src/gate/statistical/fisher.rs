//! Fisher's exact test on everything since the start.

use std::fmt;

use super::sums::Sums;
use super::{Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::fisher_p;

#[doc = include_str!("../manual/fisher.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fisher {
    /// Chance of rolling back a good canary, at one look.
    pub alpha: Probability,
    /// When it is made.
    pub looks: Looks,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: Fisher,
    planned: Planned,
    sums: Sums,
}

impl Fisher {
    pub(super) const ENTRY: Entry = Entry {
        kind: "fisher",
        title: "Fisher's exact test",
        guarantee: Guarantee::FixedHorizon,
        exact: true,
        reads: Reads::Errors,
        scale: "p",
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
        if !self.sums.are_telling() {
            return Look::no_data(Evidence::P { p: 1.0, level: 0.0 });
        }
        let Fisher { alpha, looks } = self.method;
        let Sums { other, canary } = self.sums;
        let p = fisher_p(canary.hits_of(), other.hits_of());
        looks.at_p(p, alpha, batch.elapsed, self.planned)
    }
}

impl fmt::Display for Fisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Fisher's test of all errors at {}, {}",
            self.alpha, self.looks
        )
    }
}
