//! What a splitter counts beside answers.

use std::iter::Sum;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one worker: it adds, others read.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) clients: Counter,
    pub(super) decided: [Counter; 3],
    pub(super) attempts: Counter,
    pub(super) retries: Counter,
    pub(super) connects: Counter,
    pub(super) reconnects: Counter,
    pub(super) ejections: Counter,
    pub(super) mirrored: Counter,
    pub(super) unmirrored: Counter,
    pub(super) malformed: Counter,
    pub(super) client_gone: Counter,
    pub(super) cut: Counter,
}

/// A number that one thread adds to.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Adds one, without a bus lock: nobody else adds.
    #[inline]
    pub(super) fn count(&self) {
        let value = self.0.load(Ordering::Relaxed) + 1;
        self.0.store(value, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a splitter has counted beside answers, by all workers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections that clients opened.
    pub clients: u64,
    /// Decisions by number of the version, before any instance was looked for.
    pub decided: [u64; 3],
    /// Attempts that went to an instance, copies left out.
    pub attempts: u64,
    /// Attempts after a request's first.
    pub retries: u64,
    /// Connections opened to instances.
    pub connects: u64,
    /// Of these, such as took the place of one that its instance had closed before a request came.
    pub reconnects: u64,
    /// How often an instance was left out.
    pub ejections: u64,
    /// Requests copied to the canary.
    pub mirrored: u64,
    /// Requests that should have been copied and were not: their body is too large, or too many
    /// copies are under way.
    pub unmirrored: u64,
    /// Requests that were not taken: malformed, too large or too slow.
    pub malformed: u64,
    /// Requests whose client left before the answer; they count as status 499.
    pub client_gone: u64,
    /// Answers that were cut off after their head had been passed on; they count as status 502, or
    /// 504 where they took too long.
    pub cut: u64,
}

impl Counters {
    pub(super) fn read(&self) -> Counts {
        Counts {
            clients: self.clients.get(),
            decided: [0, 1, 2].map(|version: usize| self.decided[version].get()),
            attempts: self.attempts.get(),
            retries: self.retries.get(),
            connects: self.connects.get(),
            reconnects: self.reconnects.get(),
            ejections: self.ejections.get(),
            mirrored: self.mirrored.get(),
            unmirrored: self.unmirrored.get(),
            malformed: self.malformed.get(),
            client_gone: self.client_gone.get(),
            cut: self.cut.get(),
        }
    }
}

impl Add for Counts {
    type Output = Counts;
    fn add(self, other: Counts) -> Counts {
        Counts {
            clients: self.clients + other.clients,
            decided: [0, 1, 2].map(|version: usize| self.decided[version] + other.decided[version]),
            attempts: self.attempts + other.attempts,
            retries: self.retries + other.retries,
            connects: self.connects + other.connects,
            reconnects: self.reconnects + other.reconnects,
            ejections: self.ejections + other.ejections,
            mirrored: self.mirrored + other.mirrored,
            unmirrored: self.unmirrored + other.unmirrored,
            malformed: self.malformed + other.malformed,
            client_gone: self.client_gone + other.client_gone,
            cut: self.cut + other.cut,
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(counts: I) -> Counts {
        counts.fold(Counts::default(), Add::add)
    }
}
