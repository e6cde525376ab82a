//! What a test of counts counts.

use std::fmt;

use super::{Batch, Entry, Reads};
use crate::base::Span;

/// What a test of counts counts among the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// Errors.
    Errors,
    /// Requests above the histogram's bound at this latency, or above the next higher one; above
    /// the highest where there is none.
    Slower(Span),
}

/// Events and requests of both arms in one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    /// The canary's events.
    pub canary: u64,
    /// Those of both arms.
    pub all: u64,
}

impl Events {
    /// What everybody may know of a test that counts them.
    pub(super) fn read_by(self, test: Entry) -> Entry {
        match self {
            Events::Errors => test,
            Events::Slower(_) => Entry {
                reads: Reads::Latency,
                ..test
            },
        }
    }

    /// Counts them.
    pub(super) fn count(self, batch: &Batch<'_>) -> Counted {
        let [other, canary] = match self {
            Events::Errors => [batch.other.errors, batch.canary.errors],
            Events::Slower(limit) => {
                let last = batch.bounds.len() - 1;
                let bucket = batch.bounds.index(limit.as_secs_f64());
                batch.slower((bucket + 1).min(last))
            }
        };
        Counted {
            canary,
            all: other + canary,
        }
    }
}

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Events::Errors => f.write_str("errors"),
            Events::Slower(limit) => write!(f, "answers slower than {limit}"),
        }
    }
}
