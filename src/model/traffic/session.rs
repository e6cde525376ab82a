//! How a user's requests follow one another.

use crate::base::Probability;
use crate::model::service::Latency;

/// Visits of a user: pages with thinking in between, and further requests with each page.
///
/// A session has one page with probability `single`, otherwise two or more (geometric), `pages` on
/// average over all sessions. The next page is asked for when the answer to the page before it and
/// the thinking time are over (half-open).
#[derive(Debug, Clone, PartialEq)]
pub struct Sessions {
    /// Share of sessions of a single page.
    pub single: Probability,
    /// Mean number of pages.
    pub pages: f64,
    /// Mean number of further requests within a second of each page (geometric, from 0).
    pub embedded: f64,
    /// Thinking time between pages.
    pub think: Latency,
}
