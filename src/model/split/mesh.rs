//! What the mesh does with a request that fails: tries again, and takes instances out.

use crate::base::{Probability, Span};

/// Retries by the caller's proxy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retries {
    /// Attempts after the first.
    pub attempts: u32,
    /// Whether answers with a server error are tried again.
    pub on_errors: bool,
    /// Whether refused and cut connections are tried again.
    pub on_resets: bool,
    /// After this long without an answer an attempt counts as failed; `None`: never.
    pub per_try_timeout: Option<Span>,
    /// Pause before each attempt after the first.
    pub backoff: Span,
    /// Retries may be at most this share of requests; `None`: any number.
    pub budget: Option<Probability>,
}

/// Outlier detection: an instance that fails several times in a row is left out for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ejection {
    /// Server errors in a row that lead to it.
    pub consecutive: u32,
    /// How long it lasts the first time; the n-th time n times as long.
    pub base: Span,
    /// How often instances are looked at.
    pub interval: Span,
    /// At most this share of the pool is left out at a time, but always one.
    pub most: Probability,
}
