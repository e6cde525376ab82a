//! Whether the versions get their shares of the requests: the guard of all other gates.

use std::fmt;

use super::shares::Shares;
use super::{Batch, Decision, Entry, Guarantee, Look, Reads, Test};
use crate::base::Probability;

/// Always-valid test for a sample ratio mismatch: do the versions get the shares of the requests
/// that the splitter was asked for?
///
/// # What it does
///
/// Every request of a batch is the canary's with the chance that the splitter was asked for. A
/// Bayes factor holds a mixture of other shares against that; when it is at least 1/alpha, the
/// figures of the versions do not come from the same traffic, nothing else can be trusted, and it
/// rolls back. At each new weight a new mixture starts around it, and the factors multiply. Batches
/// in which the weight moved are left out.
///
/// # When it errs
///
/// Ever, at however many looks, with a chance of alpha at most where each request is routed by a
/// draw of its own, and less often where the splitter deals them out in turn. Where whole users are
/// routed, the requests of a few busy ones are enough to raise an alarm. It does not see what
/// shifts requests and keeps the shares.
///
/// # Parameters
///
/// `alpha`, by default so low that it hardly ever fires by chance.
///
/// # Data it needs
///
/// Requests of both arms, and the weights that the splitter was asked for.
///
/// # Source
///
/// Lindon and Malek 2022; how common mismatches are: Fabijan et al. 2019.
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
