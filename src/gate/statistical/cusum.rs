//! Page's cumulative sum of which errors are the canary's.

use std::fmt;

use super::{Batch, Entry, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::Cusum as Page;

#[doc = include_str!("../manual/cusum.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cusum {
    /// Chance of rolling back a good canary within the planned looks.
    pub alpha: Probability,
    /// How many times as often a bad canary fails, above 1.
    pub ratio: f64,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    ratio: f64,
    limit: f64,
    sum: Page,
}

impl Cusum {
    pub(super) const ENTRY: Entry = Entry {
        kind: "cusum",
        title: "CUSUM",
        guarantee: Guarantee::RunLength,
        exact: true,
        reads: Reads::Errors,
        scale: "W",
    };

    pub(super) fn start(self, planned: Planned) -> Running {
        Running {
            ratio: self.ratio,
            limit: (f64::from(planned.looks()) / self.alpha.get()).ln(),
            sum: Page::default(),
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.sum = Page::default();
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        let sum = self.sum.step(batch.error_llr(self.ratio));
        Look::at_statistic(sum, self.limit)
    }
}

impl fmt::Display for Cusum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CUSUM of errors, ratio {} at {}", self.ratio, self.alpha)
    }
}
