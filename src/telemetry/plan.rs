//! How metrics are collected: what the gate's figures go through before it reads them.

use crate::base::{Probability, Rate, Span, Time};

use super::Buckets;

/// How metrics are collected.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// When counters are read.
    pub sampling: Sampling,
    /// When a series starts to exist.
    pub birth: Birth,
    /// Bounds of the latency histogram.
    pub buckets: Buckets,
    /// Who counts.
    pub reporter: Reporter,
    /// Chance that a scrape of a version fails and leaves no sample. Exact metrics miss none.
    pub missed: Probability,
    /// How long a scraped sample takes to be visible to queries: at `now` the newest is one scraped
    /// at or before `now - delay`, while windows still reach from `now` backwards. Exact metrics
    /// are visible at once.
    pub delay: Span,
    /// Health checks and the like that each version answers with success and in no time, from the
    /// start on whatever its weight. They are no user's requests, but its counters cannot tell them
    /// apart: a scrape at time t reads `floor(probes * t)` more successes. No route's.
    pub probes: Rate,
    /// How many routes have series of their own.
    pub routes: usize,
    /// How many goals the business counts.
    pub goals: usize,
}

/// Who counts requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reporter {
    /// The server: every attempt that reaches it and that it answers (Istio's
    /// `reporter="destination"`).
    #[default]
    Server,
    /// The caller's side: every request once, with the outcome after retries, refused connections
    /// and timeouts included (Istio's `reporter="source"`).
    Client,
}

impl Plan {
    /// Series from the server's side, every scrape successful and at once visible, no probes, no
    /// routes of their own and no goals.
    pub fn plain(sampling: Sampling, birth: Birth, buckets: Buckets) -> Plan {
        Plan {
            sampling,
            birth,
            buckets,
            reporter: Reporter::Server,
            missed: Probability::ZERO,
            delay: Span::ZERO,
            probes: Rate::ZERO,
            routes: 0,
            goals: 0,
        }
    }
}

/// When counters are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// Perfect metrics: every window is counted to the request. For comparison with theory.
    Exact,
    /// Prometheus: every `interval`, first at the phase; read with `rate` and `increase`.
    Scraped {
        /// Time between scrapes, at least a millisecond.
        interval: Span,
        /// When within the interval.
        phase: Phase,
    },
}

/// When within the scrape interval a target is scraped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// This long after each multiple of the interval.
    Fixed(Span),
    /// Another tenth of the interval in each trial.
    Random,
}

impl Phase {
    /// How many phases [`Phase::Random`] chooses from.
    pub const CHOICES: u64 = 10;
}

/// When a series starts to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Birth {
    /// At the first scrape after its first request, as every mesh does. What that scrape reads is
    /// never part of a `rate`: the first failures of a fresh canary are invisible.
    FirstRequest,
    /// At the first scrape, with the value zero, as carefully written applications do.
    Zero,
}

impl Sampling {
    /// The first scrape after `after` (not at it), given the phase of this trial.
    pub(crate) fn next_scrape(interval: Span, phase: Span, after: Time) -> Time {
        let (interval, phase, after) = (interval.as_nanos(), phase.as_nanos(), after.as_nanos());
        if after < phase {
            return Time::from_nanos(phase);
        }
        Time::from_nanos(phase + ((after - phase) / interval + 1) * interval)
    }

    /// The last scrape at or before `now`, if there has been one.
    pub(crate) fn last_scrape(interval: Span, phase: Span, now: Time) -> Option<Time> {
        let (interval, phase, now) = (interval.as_nanos(), phase.as_nanos(), now.as_nanos());
        (now >= phase).then(|| Time::from_nanos(phase + (now - phase) / interval * interval))
    }
}
