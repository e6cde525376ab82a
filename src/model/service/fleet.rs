//! The processes that answer for a version.

use crate::base::{Probability, Span};

use super::{Capacity, Latency};

/// The processes that answer for a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    /// Instances, at least one; requests go to them in turn.
    pub instances: u32,
    /// How much one instance can take; `None`: anything.
    pub capacity: Option<Capacity>,
    /// Pauses of an instance in which it answers nobody (garbage collection).
    pub pauses: Option<Pauses>,
    /// How an instance is slow at first.
    pub warm_up: Option<WarmUp>,
    /// How an instance's cache fills.
    pub cache: Option<CacheWarmUp>,
    /// How instances differ by where they run.
    pub placement: Option<Placement>,
    /// Whether there are as many instances as the version's share of stable's, at least one, and not
    /// a number of its own.
    pub scaled: bool,
    /// Whether the instances have long been running when the rollout begins.
    pub warm: bool,
}

impl Default for Fleet {
    fn default() -> Fleet {
        Fleet {
            instances: 1,
            capacity: None,
            pauses: None,
            warm_up: None,
            cache: None,
            placement: None,
            scaled: false,
            warm: true,
        }
    }
}

impl Fleet {
    /// Whether what happens to one request depends on the others or on its instance.
    pub fn is_coupled(&self) -> bool {
        self.capacity.is_some()
            || self.pauses.is_some()
            || self.placement.is_some()
            || self.cache.is_some()
            || (!self.warm && self.warm_up.is_some())
    }
}

/// Pauses of an instance: it answers nobody for a while, and everybody afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Pauses {
    /// Mean time from the end of one to the begin of the next (exponential).
    pub every: Span,
    /// How long one lasts.
    pub length: Latency,
}

/// `latency · (1 + (factor - 1) · exp(-answered / requests))`, with `answered` counted by instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmUp {
    /// How many times slower the first request is.
    pub factor: f64,
    /// Requests after which the excess has fallen to 1/e.
    pub requests: f64,
}

impl WarmUp {
    /// In the middle of what is told of runtimes that compile as they go.
    pub const USUAL: WarmUp = WarmUp {
        factor: 5.0,
        requests: 2000.0,
    };
}

/// A share of requests misses the cache and takes longer than the latency, which is that of hits:
/// `warm + (cold - warm) · (1 + answered / requests)^-decay`, with `answered` counted by instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CacheWarmUp {
    /// Share of misses of an empty cache.
    pub cold: Probability,
    /// Share of misses of a full one.
    pub warm: Probability,
    /// Requests on the scale of which it fills.
    pub requests: f64,
    /// How fast it fills.
    pub decay: f64,
    /// What a miss adds.
    pub miss: Span,
}

/// A factor on an instance's latency that stays for its life: `exp(spread · z)`, times `second_mode`
/// for a share of instances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Standard deviation of the factor's logarithm.
    pub spread: f64,
    /// Another factor, of unlucky instances.
    pub second_mode: f64,
    /// Share of unlucky instances.
    pub unlucky: Probability,
}
