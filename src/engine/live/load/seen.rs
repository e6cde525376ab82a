//! What a load has seen so far, for others to read while it runs: one thread adds, any may look.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::base::Span;
use crate::engine::live::tally::Tally;
use crate::telemetry::{Buckets, GoalSums, Version};

/// Why a request got no answer, or half of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Failure {
    /// Nobody listens there.
    Refused = 0,
    /// The connection ended before an answer came.
    Reset = 1,
    /// No answer came in time.
    Timeout = 2,
    /// The connection ended in the middle of the body.
    Truncated = 3,
    /// What came was not HTTP.
    Malformed = 4,
    /// The host or its network cannot be reached.
    Unreachable = 5,
    /// This machine had no descriptor or port left for another connection.
    Exhausted = 6,
}

impl Failure {
    /// All, in the order of their numbers.
    pub const ALL: [Failure; 7] = [
        Failure::Refused,
        Failure::Reset,
        Failure::Timeout,
        Failure::Truncated,
        Failure::Malformed,
        Failure::Unreachable,
        Failure::Exhausted,
    ];

    /// As a summary has it.
    pub fn name(self) -> &'static str {
        match self {
            Failure::Refused => "refused",
            Failure::Reset => "reset",
            Failure::Timeout => "timeout",
            Failure::Truncated => "truncated",
            Failure::Malformed => "malformed",
            Failure::Unreachable => "unreachable",
            Failure::Exhausted => "exhausted",
        }
    }
}

/// Live counters of a load.
#[derive(Debug)]
pub struct Seen {
    /// Answers that name their version: by version, route and status, with their latencies from the
    /// scheduled instants.
    pub tally: Tally,
    pub(super) due: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) answered: AtomicU64,
    pub(super) server_errors: AtomicU64,
    pub(super) ended: AtomicU64,
    pub(super) failures: [AtomicU64; 7],
    pub(super) waiting: AtomicU64,
    pub(super) most_waiting: AtomicU64,
    pub(super) waited: AtomicU64,
    pub(super) given_up: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) moved: AtomicU64,
    pub(super) canary: AtomicU64,
    pub(super) exposed: AtomicU64,
    pub(super) exposed_users: AtomicU64,
    pub(super) p50: AtomicU64,
    pub(super) p99: AtomicU64,
    pub(super) lateness_p99: AtomicU64,
    /// By version: what the business counted, goal by goal.
    pub(super) goals: Mutex<[Vec<GoalSums>; 3]>,
}

/// Counters of a load as they were when read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests whose scheduled instant had come.
    pub due: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were answered with any status.
    pub answered: u64,
    /// Of these, those answered with a server error (5xx).
    pub server_errors: u64,
    /// Requests that got no answer or half of one, by kind in the order of [`Failure::ALL`].
    pub failures: [u64; 7],
    /// Requests that are on their way.
    pub in_flight: u64,
    /// Requests that wait for a connection.
    pub waiting: u64,
    /// The most that ever waited for a connection at once.
    pub most_waiting: u64,
    /// Requests that had to wait for a connection, because as many as allowed were in use.
    pub waited: u64,
    /// Requests given up while they waited, and so never sent; they are among the timeouts.
    pub given_up: u64,
    /// Connections opened.
    pub opened: u64,
    /// Connections taken from one user for another, where each has one.
    pub moved: u64,
    /// Requests that the canary answered.
    pub canary: u64,
    /// Of these, the failed, wrong or slowed ones, and those that a canary's trace spoiled later.
    pub exposed: u64,
    /// Distinct users behind those.
    pub exposed_users: u64,
}

impl Counts {
    /// Requests that got no answer or half of one.
    pub fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// Requests that have ended.
    pub fn ended(&self) -> u64 {
        self.answered + self.failed()
    }

    /// Share of the ended requests that failed or were answered with a server error.
    pub fn error_share(&self) -> Option<f64> {
        let ended = self.ended();
        (ended > 0).then(|| (self.failed() + self.server_errors) as f64 / ended as f64)
    }
}

/// Quantiles as last published, about twice a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Published {
    /// Median latency.
    pub p50: Span,
    /// 99th percentile of latencies.
    pub p99: Span,
    /// 99th percentile of the lateness of sends.
    pub lateness_p99: Span,
}

impl Seen {
    /// Nothing seen, for so many routes and goals.
    pub(super) fn new(routes: usize, goals: usize, buckets: &Buckets) -> Seen {
        let none = || AtomicU64::new(0);
        Seen {
            tally: Tally::new(routes, buckets),
            due: none(),
            sent: none(),
            answered: none(),
            server_errors: none(),
            ended: none(),
            failures: std::array::from_fn(|_| none()),
            waiting: none(),
            most_waiting: none(),
            waited: none(),
            given_up: none(),
            opened: none(),
            moved: none(),
            canary: none(),
            exposed: none(),
            exposed_users: none(),
            p50: none(),
            p99: none(),
            lateness_p99: none(),
            goals: Mutex::new(std::array::from_fn(|_| vec![GoalSums::default(); goals])),
        }
    }

    /// The counters now.
    pub fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        // In this order, so that nothing has ended that was not yet sent.
        let ended = of(&self.ended);
        let waiting = of(&self.waiting);
        let due = of(&self.due);
        Counts {
            due,
            sent: of(&self.sent),
            answered: of(&self.answered),
            server_errors: of(&self.server_errors),
            failures: std::array::from_fn(|kind| of(&self.failures[kind])),
            in_flight: due.saturating_sub(ended).saturating_sub(waiting),
            waiting,
            most_waiting: of(&self.most_waiting),
            waited: of(&self.waited),
            given_up: of(&self.given_up),
            opened: of(&self.opened),
            moved: of(&self.moved),
            canary: of(&self.canary),
            exposed: of(&self.exposed),
            exposed_users: of(&self.exposed_users),
        }
    }

    /// Quantiles as last published.
    pub fn published(&self) -> Published {
        let of = |counter: &AtomicU64| Span::from_nanos(counter.load(Ordering::Relaxed));
        Published {
            p50: of(&self.p50),
            p99: of(&self.p99),
            lateness_p99: of(&self.lateness_p99),
        }
    }

    /// What the business counted of a version's answers, goal by goal.
    pub fn goals(&self, version: Version) -> Vec<GoalSums> {
        let goals = self.goals.lock().unwrap_or_else(PoisonError::into_inner);
        goals[version as usize].clone()
    }
}

/// Adds without a bus lock: nobody else adds.
#[inline]
pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Release);
}
