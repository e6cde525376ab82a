//! The sum of Shiryaev and Roberts of which errors are the canary's.

use std::fmt;

use super::{Batch, Entry, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::ShiryaevRoberts as Sum;

/// The sum of Shiryaev and Roberts of the labels of errors, for faults that start late.
///
/// # What it does
///
/// For every batch so far it takes the likelihood ratio of a fault that started there (a canary
/// that fails `ratio` times as often as the other arm, against one that fails as often), and adds
/// these up. It rolls back when the sum reaches T/alpha, T the planned number of looks.
///
/// # When it errs
///
/// The mean time to a false alarm is at least T/alpha batches, and within the planned looks it
/// rolls back a good canary with a chance of at most alpha: in fact of 0 to 2 % for alpha = 5 %. It
/// takes longer than others to find a fault that is there from the start, and less with one that
/// starts late. Where users stay with a version, their errors are one error each.
///
/// # Parameters
///
/// `ratio` (how many times as often a bad canary fails, above 1), `alpha`.
///
/// # Data it needs
///
/// Requests and errors of both arms.
///
/// # Source
///
/// Shiryaev 1963; Roberts 1966.
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
