//! What was counted between two looks.

use crate::base::Span;
use crate::stats::Share;
use crate::stats::sequential::label_llr;
use crate::telemetry::{Buckets, UserFailures};

/// What was counted between two looks: whole numbers, of the canary and of what it is compared
/// with. Within a batch the weight is one and the same.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// From the canary's first traffic to the end of the batch.
    pub elapsed: Span,
    /// The canary's share of both arms' requests that the splitter was asked for, 0 to 1; `None`
    /// where no single share tells it.
    pub share: Option<f64>,
    /// Bounds of the latency histograms.
    pub bounds: &'a Buckets,
    /// Stable, or the baseline.
    pub other: Arm<'a>,
    /// The canary.
    pub canary: Arm<'a>,
}

/// One arm of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Arm<'a> {
    /// Requests.
    pub requests: u64,
    /// Of these, the failed ones.
    pub errors: u64,
    /// Requests per bucket; empty where nobody reads latencies. Where errors are read beside them
    /// the failed ones per bucket follow.
    pub latencies: &'a [u64],
    /// Failures by user since the start, not only of this batch: users come back.
    pub users: UserFailures,
}

impl Arm<'_> {
    /// Errors of the requests.
    pub(super) fn error_share(&self) -> Share {
        Share {
            hits: self.errors as f64,
            trials: self.requests as f64,
        }
    }
}

impl Batch<'_> {
    /// Requests of both arms.
    pub fn requests(&self) -> u64 {
        self.other.requests + self.canary.requests
    }

    /// Errors of both arms.
    pub fn errors(&self) -> u64 {
        self.other.errors + self.canary.errors
    }

    /// The share of the requests that the canary got, 0 to 1; 0 when there was none.
    pub fn realised_share(&self) -> f64 {
        match self.requests() {
            0 => 0.0,
            all => self.canary.requests as f64 / all as f64,
        }
    }

    /// The log-likelihood ratio of which of the errors are the canary's: between a canary that
    /// fails `ratio` times as often as the other arm and one that fails as often, given the
    /// realised share.
    pub(super) fn error_llr(&self, ratio: f64) -> f64 {
        let (first, events) = (self.canary.errors, self.errors());
        label_llr(first, events, self.realised_share(), ratio).unwrap_or(0.0)
    }

    /// Requests of the other arm and of the canary in this bucket or a slower one.
    pub fn slower(&self, bucket: usize) -> [u64; 2] {
        [self.other, self.canary].map(|arm| {
            let latencies = arm.latencies.iter().take(self.bounds.len());
            latencies.skip(bucket).sum()
        })
    }

    /// Whether both arms have requests: without, no batch says anything about the one by the other.
    pub fn compares(&self) -> bool {
        self.other.requests > 0 && self.canary.requests > 0
    }
}
