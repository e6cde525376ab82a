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
/// arms fail alike, whatever errors do in common. A Bayes factor holds a beta mixture of other
/// shares against that, of the weight that `concentration` says; it rolls back when the factor is
/// at least 1/alpha. At each new weight a new mixture starts around it, and the factors multiply.
///
/// # When it errs
///
/// Ever, at however many looks, with a chance of alpha at most, however few the errors. It is
/// two-sided, as published: a canary with too few errors is rolled back too. The larger the
/// concentration against the canary's share, the harder it is to see anything: with 100 and 25 % of
/// the requests a doubled error ratio is hardly ever found at one request a second. Where users
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
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.shares.clear();
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        let realised = batch.realised_share();
        let counts = [batch.canary.errors, batch.other.errors];
        let log_e = self.shares.look(counts, realised, batch.share);
        Look::at_log_e(log_e, -self.method.alpha.get().ln())
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
