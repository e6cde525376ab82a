//! The always-valid multinomial test of which errors are the canary's.

use std::fmt;

use super::shares::Shares;
use super::{Batch, Entry, Guarantee, Look, Reads, Test};
use crate::base::Probability;

/// Sequential multinomial test of the errors: does the canary have the share of them that it has of
/// the requests?
///
/// # What it does
///
/// Every error is the canary's with a chance that is its share of the batch's requests, when both
/// arms fail alike, whatever errors do in common. A Bayes factor holds a beta mixture of other shares
/// against that, of the weight that `concentration` says; it rolls back when the factor is at least
/// 1/alpha and the canary has more than its share. At each new weight a new mixture starts around it, and the
/// factors multiply.
///
/// # When it errs
///
/// Ever, at however many looks, with a chance of alpha at most, however few the errors. The larger
/// the concentration against the canary's share, the harder it is to see anything: with 100 and 25 %
/// of the requests a doubled error ratio is hardly ever found at one request a second. Where users
/// stay with a version, their errors are one error each.
///
/// # Parameters
///
/// `alpha`, `concentration` (of the mixture: its weight in errors; 100 in public implementations).
///
/// # Data it needs
///
/// Requests and errors of both arms.
///
/// # Source
///
/// Lindon and Malek 2022, "Anytime-Valid Inference for Multinomial Count Data".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LindonMalek {
    /// Chance of ever rolling back a good canary.
    pub alpha: Probability,
    /// How many errors the mixture weighs.
    pub concentration: f64,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: LindonMalek,
    shares: Shares,
    /// Errors of the canary, and those that would be its share.
    seen: f64,
    expected: f64,
}

impl LindonMalek {
    pub(super) const ENTRY: Entry = Entry {
        kind: "lindon-malek",
        title: "Lindon-Malek",
        guarantee: Guarantee::Anytime,
        exact: true,
        reads: Reads::Errors,
        scale: "e",
    };

    pub(super) fn start(self) -> Running {
        Running {
            method: self,
            shares: Shares::new(self.concentration),
            seen: 0.0,
            expected: 0.0,
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.shares.clear();
        (self.seen, self.expected) = (0.0, 0.0);
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        let realised = batch.realised_share();
        let counts = [batch.canary.errors, batch.other.errors];
        let log_e = self.shares.look(counts, realised, batch.share);
        self.seen += batch.canary.errors as f64;
        self.expected += batch.errors() as f64 * realised;
        let limit = -self.method.alpha.get().ln();
        let against = self.seen > self.expected;
        Look::at_log_e(if against { log_e } else { log_e.min(0.0) }, limit)
    }
}

impl fmt::Display for LindonMalek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, k) = (self.alpha, self.concentration);
        write!(
            f,
            "Lindon-Malek test of errors at {alpha}, concentration {k}"
        )
    }
}
