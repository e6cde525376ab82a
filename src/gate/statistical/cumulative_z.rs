//! The pooled two-proportion z test on everything since the start.

use std::fmt;

use super::sums::Sums;
use super::{Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::{normal_upper, two_proportion_z};

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
/// look. Where the weight moves while the error ratio moves, the sums compare times and not
/// versions (Simpson's paradox). Where users stay with a version their requests are alike, and z is
/// too large by the root of the design effect, unless that is given.
///
/// # Parameters
///
/// `alpha`, `looks` (at `every` look, once at the `end`, or `shared` among them), `design_effect`
/// (1 + (m - 1) times the correlation within users of m requests; z is divided by its root).
///
/// # Data it needs
///
/// Requests and errors of both arms.
///
/// # Source
///
/// Pearson 1900; peeking: Armitage, McPherson and Rowe 1969; the design effect: Kish 1965.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CumulativeZ {
    /// Chance of rolling back a good canary, at one look.
    pub alpha: Probability,
    /// When it is made.
    pub looks: Looks,
    /// By how much the variance of a difference exceeds that of independent requests, at least 1.
    pub design_effect: f64,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: CumulativeZ,
    planned: Planned,
    sums: Sums,
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
        let CumulativeZ {
            alpha,
            looks,
            design_effect,
        } = self.method;
        match two_proportion_z(self.sums.canary.share(), self.sums.other.share()) {
            None => Look::no_data(Evidence::P { p: 1.0, level: 0.0 }),
            Some(test) => {
                let p = normal_upper(test.z / design_effect.sqrt());
                looks.at_p(p, alpha, batch.elapsed, self.planned)
            }
        }
    }
}

impl fmt::Display for CumulativeZ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "z of all errors at {}, {}", self.alpha, self.looks)?;
        super::write_design_effect(f, self.design_effect)
    }
}
