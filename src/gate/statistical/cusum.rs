//! Page's cumulative sum of which errors are the canary's.

use std::fmt;

use super::{Batch, Entry, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::Cusum as Page;

/// Page's cumulative sum of the labels of errors, for faults that start late.
///
/// # What it does
///
/// Adds up, batch by batch, the log-likelihood ratio of which of the errors are the canary's,
/// between a canary that fails `ratio` times as often and one that fails as often; what lies below
/// zero is forgotten, so that a good start does not speak for a canary that turns bad. It rolls
/// back when the sum reaches ln(T/alpha), T the planned number of looks.
///
/// # When it errs
///
/// The mean time between two false alarms is at least T/alpha batches, and within the planned looks
/// it rolls back a good canary with a chance of at most alpha: in fact of 0 to 1 % for alpha = 5 %.
/// It takes longer than others to find a fault that is there from the start. Where users stay with
/// a version, their errors are one error each.
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
/// Page 1954; the mean time to a false alarm: Lorden 1971.
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
