//! How a version answers a request: how long it takes and whether it fails.

mod latency;

pub use latency::{Latency, LatencyError};

use crate::base::Probability;

/// A version's behaviour when nothing is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// How long an answer takes.
    pub latency: Latency,
    /// Share of requests answered with a server error (5xx).
    pub errors: Probability,
}
