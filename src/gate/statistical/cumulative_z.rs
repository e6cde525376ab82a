//! The pooled two-proportion z test on everything since the start.

use std::fmt;

use super::{Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::{Share, two_proportion_z};

/// One-sided two-proportion z test of the error ratios since the start.
///
/// # What it does
///
/// Adds up requests and errors of both arms since the canary's first traffic and tests, with pooled
/// variance, whether the canary fails more often; it rolls back when the p-value is at or below the
/// level of the look.
///
/// # When it errs
///
/// Made at every look at its full level it rolls back far more good canaries than alpha says: some
/// 17 % at 10 looks and 28 % at 60 for alpha = 5 %. Shared among the looks it errs on the side of
/// passing. With fewer than about five expected errors in the canary it is too liberal at any one
/// look. Where the weight moves while the error ratio moves, the sums compare times and not versions
/// (Simpson's paradox).
///
/// # Parameters
///
/// `alpha`, `looks` (at `every` look, once at the `end`, or `shared` among them).
///
/// # Data it needs
///
/// Requests and errors of both arms.
///
/// # Source
///
/// Pearson 1900; peeking: Armitage, McPherson and Rowe 1969.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CumulativeZ {
    /// Chance of rolling back a good canary, at one look.
    pub alpha: Probability,
    /// When it is made.
    pub looks: Looks,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Sums {
    method: CumulativeZ,
    planned: Planned,
    /// Requests and errors of the other arm and of the canary.
    arms: [(u64, u64); 2],
}

impl CumulativeZ {
    pub(super) const ENTRY: Entry = Entry {
        kind: "cumulative-z",
        title: "two-proportion z",
        guarantee: Guarantee::FixedHorizon,
        exact: false,
        reads: Reads::Errors,
        scale: "p",
    };

    pub(super) fn start(self, planned: Planned) -> Sums {
        Sums {
            method: self,
            planned,
            arms: [(0, 0); 2],
        }
    }
}

impl Test for Sums {
    fn begin(&mut self, _luck: u64) {
        self.arms = [(0, 0); 2];
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        for (sum, arm) in self.arms.iter_mut().zip([batch.other, batch.canary]) {
            sum.0 += arm.requests;
            sum.1 += arm.errors;
        }
        let [other, canary] = self.arms.map(|(requests, errors)| Share {
            hits: errors as f64,
            trials: requests as f64,
        });
        let alpha = self.method.alpha.get();
        let level = (self.method.looks).level(alpha, batch.elapsed, self.planned);
        match two_proportion_z(canary, other) {
            None => Look::no_data(Evidence::P {
                p: 1.0,
                level: level.unwrap_or(0.0),
            }),
            Some(test) => Look::at_p(test.p, level.unwrap_or(0.0)),
        }
    }
}

impl fmt::Display for CumulativeZ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "z of all errors at {}, {}", self.alpha, self.looks)
    }
}
