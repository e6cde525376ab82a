//! What was counted of both arms since the start.

use super::Batch;
use crate::stats::Share;

/// Requests and errors of both arms since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) other: Counted,
    pub(super) canary: Counted,
}

/// Requests and errors.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) requests: u64,
    pub(super) errors: u64,
}

impl Sums {
    pub(super) fn add(&mut self, batch: &Batch<'_>) {
        for (sum, arm) in [
            (&mut self.other, &batch.other),
            (&mut self.canary, &batch.canary),
        ] {
            sum.requests += arm.requests;
            sum.errors += arm.errors;
        }
    }

    /// Whether there is something to compare: requests of both arms, and an error of either.
    pub(super) fn are_telling(&self) -> bool {
        self.other.requests > 0 && self.canary.requests > 0 && self.both().errors > 0
    }

    /// Of both arms.
    pub(super) fn both(&self) -> Counted {
        Counted {
            requests: self.other.requests + self.canary.requests,
            errors: self.other.errors + self.canary.errors,
        }
    }
}

impl Counted {
    /// Errors, and requests.
    pub(super) fn hits_of(self) -> (u64, u64) {
        (self.errors, self.requests)
    }

    /// The error ratio, of at least one request.
    pub(super) fn ratio(self) -> f64 {
        self.errors as f64 / self.requests as f64
    }

    pub(super) fn share(self) -> Share {
        Share {
            hits: self.errors as f64,
            trials: self.requests as f64,
        }
    }
}

/// Requests per bucket of both arms since the start.
#[derive(Debug, Clone, Default)]
pub(super) struct Histograms {
    pub(super) other: Vec<u64>,
    pub(super) canary: Vec<u64>,
}

impl Histograms {
    /// Whether both arms have requests.
    pub(super) fn have_both(&self) -> bool {
        [&self.other, &self.canary]
            .iter()
            .all(|arm| arm.iter().any(|requests| *requests > 0))
    }

    pub(super) fn clear(&mut self) {
        self.other.fill(0);
        self.canary.fill(0);
    }

    pub(super) fn add(&mut self, batch: &Batch<'_>) {
        for (sum, arm) in [
            (&mut self.other, &batch.other),
            (&mut self.canary, &batch.canary),
        ] {
            sum.resize(batch.bounds.len(), 0);
            for (sum, requests) in sum.iter_mut().zip(arm.latencies) {
                *sum += requests;
            }
        }
    }
}
