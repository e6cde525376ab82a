//! Fisher's exact test on everything since the start.

use std::fmt;

use super::sums::Sums;
use super::{Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::fisher_p;

/// One-sided exact test of Fisher of the error ratios since the start.
///
/// # What it does
///
/// Adds up requests and errors of both arms since the canary's first traffic. Given how many errors
/// there are in all, those of the canary are hypergeometric when both fail alike; the p-value is
/// the chance of as many or more, and it rolls back when that is at or below the level of the look.
///
/// # When it errs
///
/// At one look never more often than alpha, however few the requests; with few errors far less
/// often, as counts are whole (3 to 5 % for alpha = 5 %). Made at every look at its full level: 13
/// % to 23 % over 60 looks. Where the weight moves while the error ratio moves, the sums compare
/// times and not versions. Where users stay with a version their requests are alike, and the test
/// takes one bad user for many.
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
/// Fisher 1935.
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
