//! The sum of Shiryaev and Roberts of which errors are the canary's.

use std::fmt;

use super::{Batch, Entry, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::ShiryaevRoberts as Sum;

#[doc = include_str!("../manual/shiryaev-roberts.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiryaevRoberts {
    /// Chance of rolling back a good canary within the planned looks.
    pub alpha: Probability,
    /// How many times as often a bad canary fails, above 1.
    pub ratio: f64,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    ratio: f64,
    /// The logarithm of T/alpha.
    limit: f64,
    sum: Sum,
}

impl ShiryaevRoberts {
    pub(super) const ENTRY: Entry = Entry {
        kind: "shiryaev-roberts",
        title: "Shiryaev-Roberts",
        guarantee: Guarantee::RunLength,
        exact: true,
        reads: Reads::Errors,
        scale: "ln R",
    };

    pub(super) fn start(self, planned: Planned) -> Running {
        Running {
            ratio: self.ratio,
            limit: (f64::from(planned.looks()) / self.alpha.get()).ln(),
            sum: Sum::default(),
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.sum = Sum::default();
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        let log = self.sum.step(batch.error_llr(self.ratio));
        Look::at_statistic(log, self.limit)
    }
}

impl fmt::Display for ShiryaevRoberts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ratio, alpha) = (self.ratio, self.alpha);
        write!(
            f,
            "Shiryaev-Roberts sum of errors, ratio {ratio} at {alpha}"
        )
    }
}
