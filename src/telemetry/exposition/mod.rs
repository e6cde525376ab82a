//! Metrics as text: what a version's counters look like to whoever scrapes them.

mod dialect;
pub mod text;
mod vendor;

pub use dialect::{Dialect, Exposed, Scraped, same_bound};
pub use vendor::{Part, Vendor};

use super::{GoalSums, Version};
use crate::base::Span;

/// What the service is called whose requests are counted, so that queries written for it find them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Name of the service and of the canary's deployment.
    pub app: String,
    /// Name of the ingress in front of it, where there is one.
    pub ingress: String,
}

impl Default for Service {
    fn default() -> Service {
        Service {
            namespace: "default".to_owned(),
            app: "app".to_owned(),
            ingress: "app".to_owned(),
        }
    }
}

/// One version's, route's and status' requests as a counter had them when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Which version.
    pub version: Version,
    /// Which route, by its number.
    pub route: usize,
    /// Which HTTP status.
    pub code: u16,
    /// How many.
    pub requests: u64,
    /// What they took together.
    pub took: Span,
    /// How many in each bucket, the unbounded one last; not cumulative.
    pub buckets: Vec<u64>,
}

/// What the business counted of a goal when it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct GoalReading {
    /// Which version.
    pub version: Version,
    /// On one route; `None`: on all of them. Sums by user cannot be added up from routes.
    pub route: Option<usize>,
    /// Which goal, by its number.
    pub goal: usize,
    /// The sums.
    pub sums: GoalSums,
}
