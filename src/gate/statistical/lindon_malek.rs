//! The always-valid multinomial test of which errors are the canary's.

use std::fmt;

use super::shares::Shares;
use super::{Batch, Entry, Guarantee, Look, Reads, Test};
use crate::base::Probability;

#[doc = include_str!("../manual/lindon-malek.md")]
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
