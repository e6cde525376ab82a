//! Answers by the stretch of time in which their requests were sent, so that the share of each
//! version can be held against what was ordered then. What is under way when an order is given
//! belongs to the order before, however late its answer comes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::seen::add;
use crate::engine::live::clock::Moment;
use crate::telemetry::Version;

/// Stretches that are told apart; what comes later belongs to the last.
const MOST: usize = 512;

/// Answers by stretch and version: one thread adds, another marks, any may read.
#[derive(Debug)]
pub struct Stretches {
    /// When each begins.
    begins: Vec<AtomicU64>,
    /// The present one.
    last: AtomicUsize,
    answers: Vec<[AtomicU64; 3]>,
}

impl Stretches {
    /// One stretch, which began before everything.
    pub(super) fn new() -> Stretches {
        Stretches {
            begins: (0..MOST).map(|_| AtomicU64::new(0)).collect(),
            last: AtomicUsize::new(0),
            answers: (0..MOST).map(|_| Default::default()).collect(),
        }
    }

    /// A new stretch begins. Only one thread may say so.
    pub fn mark(&self) {
        let next = self.last.load(Ordering::Relaxed) + 1;
        if next < MOST {
            self.begins[next].store(Moment::now().as_nanos(), Ordering::Relaxed);
            self.last.store(next, Ordering::Release);
        }
    }

    /// Counts an answer to a request that was sent at `sent`.
    pub(super) fn count(&self, sent: Moment, version: Version) {
        let mut index = self.last.load(Ordering::Acquire);
        while index > 0 && self.begins[index].load(Ordering::Relaxed) > sent.as_nanos() {
            index -= 1;
        }
        add(&self.answers[index][version as usize], 1);
    }

    /// Answers by version of every stretch so far.
    pub fn read(&self) -> Vec<[u64; 3]> {
        let count = self.last.load(Ordering::Acquire) + 1;
        let value = |answers: &[AtomicU64; 3]| {
            [0, 1, 2].map(|version: usize| answers[version].load(Ordering::Acquire))
        };
        self.answers[..count].iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_belongs_to_the_stretch_in_which_it_was_asked_for() {
        let stretches = Stretches::new();
        let before = Moment::now();
        stretches.mark();
        let between = Moment::now();
        stretches.mark();
        let after = Moment::now();
        stretches.count(after, Version::Canary);
        stretches.count(before, Version::Canary);
        stretches.count(between, Version::Stable);
        stretches.count(before, Version::Canary);
        assert_eq!(stretches.read(), [[0, 2, 0], [1, 0, 0], [0, 1, 0]]);
    }

    #[test]
    fn more_stretches_than_are_told_apart_lose_nothing() {
        let stretches = Stretches::new();
        for _ in 0..2 * MOST {
            stretches.mark();
            stretches.count(Moment::now(), Version::Stable);
        }
        let all = stretches.read();
        assert_eq!(all.len(), MOST);
        assert_eq!(all.iter().map(|one| one[0]).sum::<u64>(), 2 * MOST as u64);
    }
}
