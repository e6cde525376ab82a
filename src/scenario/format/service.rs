//! The sections stable and canary.

use schemars::JsonSchema;

use super::{Fault, Share, Span};
use crate::scenario::defaults;

/// How a version answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Service {
    /// How long answers take.
    #[schemars(extend("default" = defaults::LATENCY))]
    pub latency: Option<Latency>,
    /// Share of requests answered with a server error.
    #[schemars(extend("default" = defaults::errors().to_string()))]
    pub errors: Option<Share>,
    /// What is wrong with it, in the order in which it applies.
    pub faults: Option<Vec<Fault>>,
}

/// A latency distribution. `"p50=40ms,p99=250ms"` is log-normal with these two quantiles; with three
/// or more quantiles, and as a table, it is linear between them.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
pub enum Latency {
    /// `p50=40ms,p99=250ms`.
    Text(String),
    /// A table of quantiles.
    Table {
        /// Shares and latencies, both increasing: `[["50%", "20ms"], ["90%", "80ms"]]`.
        quantiles: Vec<(Share, Span)>,
    },
    /// What somebody recorded.
    Recorded {
        /// An interval log of HdrHistogram (`.hlog`, plain or gzip), relative to the scenario: its
        /// latencies, all intervals together.
        hdr: String,
        /// What a recorded 1 stands for.
        #[schemars(extend("default" = "ns"))]
        unit: Option<RecordedUnit>,
    },
}

/// Unit of the figures in a log.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum RecordedUnit {
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
}

/// How the canary differs from stable.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Canary {
    /// How long answers take. Left out: as stable.
    pub latency: Option<Latency>,
    /// Share of requests answered with a server error. Left out: as stable.
    pub errors: Option<Share>,
    /// What is wrong with it, in the order in which it applies.
    pub faults: Option<Vec<Fault>>,
}
