//! Whether the versions get their shares of the requests: the guard of all other gates.

use std::fmt;

use super::shares::Shares;
use super::{Batch, Decision, Entry, Guarantee, Look, Reads, Test};
use crate::base::Probability;

#[doc = include_str!("../manual/sample-ratio.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRatio {
    /// Chance of ever rolling back when the shares are right.
    pub alpha: Probability,
}

/// How many requests the mixture of other shares weighs: as in public implementations.
const CONCENTRATION: f64 = 100.0;

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    limit: f64,
    shares: Shares,
}

impl SampleRatio {
    pub(super) const ENTRY: Entry = Entry {
        kind: "sample-ratio",
        title: "sample ratio",
        guarantee: Guarantee::Anytime,
        exact: true,
        reads: Reads::Requests,
        scale: "e",
    };

    pub(super) fn start(self) -> Running {
        Running {
            limit: -self.alpha.get().ln(),
            shares: Shares::new(CONCENTRATION),
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.shares.clear();
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        let counts = [batch.canary.requests, batch.other.requests];
        let log_e = match batch.share {
            None => self.shares.log_e(),
            share @ Some(weight) => self.shares.look(counts, weight, share),
        };
        let look = Look::at_log_e(log_e, self.limit);
        match look.decision {
            Decision::Worse => Look {
                decision: Decision::ShareMismatch,
                ..look
            },
            _ => look,
        }
    }
}

impl fmt::Display for SampleRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shares of the requests at {}", self.alpha)
    }
}
