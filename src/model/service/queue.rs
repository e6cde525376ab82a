//! First come, first served: the workers of one instance and the queue before them.
//!
//! To drive it: call [`Queue::arrive`] for every request in order of time. The answer says at once
//! when the request starts and ends, because nothing that comes later can change it (the recursion
//! of Kiefer and Wolfowitz, "On the theory of queues with many servers", 1955).

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use super::Capacity;

/// Up to so many workers a look at each of them is faster than a heap.
const FEW: usize = 16;

/// The workers of one instance and the requests that wait for them. Times are seconds.
#[derive(Debug, Clone)]
pub struct Queue {
    workers: Workers,
    /// Requests that may wait.
    limit: usize,
    /// When the waiting will start, in order; those before the last arrival are taken out.
    starts: VecDeque<f64>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Admission {
    /// The queue is full.
    Refused,
    /// A worker takes it.
    Served {
        /// When, in seconds.
        start: f64,
        /// When the answer is ready, in seconds.
        end: f64,
    },
}

/// When each worker has done all that it was given.
#[derive(Debug, Clone)]
enum Workers {
    /// In order; infinite after the last.
    Few {
        free: [f64; FEW + 1],
        count: usize,
    },
    Many(BinaryHeap<Reverse<Moment>>),
}

/// Seconds, ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment(pub(super) f64);

impl Eq for Moment {}

impl Ord for Moment {
    fn cmp(&self, other: &Moment) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Moment) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Workers that are left of a capacity's when a fault takes some: at least one.
pub fn workers_left(capacity: &Capacity, factor: f64) -> u32 {
    (f64::from(capacity.workers) * factor).round().max(1.0) as u32
}

impl Queue {
    /// Idle workers and nobody waiting. `workers_factor` multiplies the number of workers, which is
    /// rounded and at least 1.
    pub fn new(capacity: &Capacity, workers_factor: f64) -> Queue {
        let count = workers_left(capacity, workers_factor) as usize;
        Queue {
            workers: Workers::idle(count),
            limit: capacity.queue.map_or(usize::MAX, |limit| limit as usize),
            starts: VecDeque::new(),
        }
    }

    /// A request comes at `at` and needs `work` seconds of one worker. Requests must come in order
    /// of time. A request for which a worker is free is never refused.
    #[inline]
    pub fn arrive(&mut self, at: f64, work: f64) -> Admission {
        while self.starts.front().is_some_and(|start| *start <= at) {
            self.starts.pop_front();
        }
        // As many wait as may: all workers are busy, or none would be waiting, unless nobody may.
        if self.starts.len() >= self.limit && (self.limit > 0 || self.workers.earliest() > at) {
            return Admission::Refused;
        }
        let (start, end) = self.workers.take(at, work);
        if start > at {
            self.starts.push_back(start);
        }
        Admission::Served { start, end }
    }

    /// Workers at work at `at`, which is not before the last arrival.
    pub fn busy(&self, at: f64) -> usize {
        match &self.workers {
            Workers::Few { free, count } => free[..*count].iter().filter(|end| **end > at).count(),
            Workers::Many(heap) => heap.iter().filter(|end| end.0.0 > at).count(),
        }
    }

    /// Requests waiting at `at`, which is not before the last arrival.
    pub fn waiting(&self, at: f64) -> usize {
        self.starts.len() - self.starts.partition_point(|start| *start <= at)
    }

    /// Requests waiting or worked on at `at`, which is not before the last arrival.
    pub fn in_flight(&self, at: f64) -> usize {
        self.busy(at) + self.waiting(at)
    }

    /// Forgets everybody: the instance has been restarted.
    pub fn reset(&mut self) {
        self.starts.clear();
        match &mut self.workers {
            Workers::Few { free, count } => free[..*count].fill(f64::NEG_INFINITY),
            Workers::Many(heap) => {
                let count = heap.len();
                heap.clear();
                heap.extend([Reverse(Moment(f64::NEG_INFINITY))].repeat(count));
            }
        }
    }
}

impl Workers {
    fn idle(count: usize) -> Workers {
        if count <= FEW {
            let mut free = [f64::INFINITY; FEW + 1];
            free[..count].fill(f64::NEG_INFINITY);
            Workers::Few { free, count }
        } else {
            let idle = Reverse(Moment(f64::NEG_INFINITY));
            Workers::Many([idle].repeat(count).into())
        }
    }

    /// When the first of them is free.
    fn earliest(&self) -> f64 {
        match self {
            Workers::Few { free, .. } => free[0],
            Workers::Many(heap) => heap.peek().map_or(f64::INFINITY, |end| end.0.0),
        }
    }

    /// Gives `work` to the worker that is free first; when it starts and when it ends.
    #[inline]
    fn take(&mut self, at: f64, work: f64) -> (f64, f64) {
        match self {
            Workers::Few { free, count } => {
                let start = free[0].max(at);
                let end = start + work;
                match *count {
                    1 => free[0] = end,
                    2..=4 => replace_first::<4>(free, end),
                    5..=8 => replace_first::<8>(free, end),
                    _ => replace_first::<FEW>(free, end),
                }
                (start, end)
            }
            Workers::Many(heap) => {
                let Some(mut first) = heap.peek_mut() else {
                    return (at, at + work);
                };
                let start = first.0.0.max(at);
                *first = Reverse(Moment(start + work));
                (start, start + work)
            }
        }
    }
}

/// Takes the first of the instants out and puts `end`, which is not before it, where it belongs
/// among the first `N`. Every place is the middle one of its own, the next and the new, so nothing
/// depends on a comparison that the processor would have to guess.
#[inline]
fn replace_first<const N: usize>(free: &mut [f64; FEW + 1], end: f64) {
    let mut next = [0.0; N];
    next.copy_from_slice(&free[1..=N]);
    for (place, next) in free.iter_mut().zip(next) {
        let next = if next < end { next } else { end };
        *place = if *place > next { *place } else { next };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::service::Discipline;

    fn capacity(workers: u32, queue: Option<u32>) -> Capacity {
        Capacity {
            workers,
            queue,
            timeout: None,
            discipline: Discipline::Fifo,
        }
    }

    /// The same by brute force: every request that was ever admitted, with its start and end.
    struct Ledger {
        workers: usize,
        limit: usize,
        served: Vec<(f64, f64)>,
    }

    impl Ledger {
        fn arrive(&mut self, at: f64, work: f64) -> Admission {
            let (busy, waiting) = self.count(at);
            if busy >= self.workers && waiting >= self.limit {
                return Admission::Refused;
            }
            // The first instant at which fewer are unfinished, of those before, than there are workers.
            let unfinished = |when: f64| self.served.iter().filter(|(_, end)| *end > when).count();
            let mut instants: Vec<f64> = self.served.iter().map(|(_, end)| *end).collect();
            instants.push(at);
            instants.sort_by(f64::total_cmp);
            let start = (instants.into_iter())
                .find(|when| *when >= at && unfinished(*when) < self.workers)
                .unwrap();
            self.served.push((start, start + work));
            Admission::Served {
                start,
                end: start + work,
            }
        }

        fn count(&self, at: f64) -> (usize, usize) {
            let busy = |(start, end): &&(f64, f64)| *start <= at && *end > at;
            let waiting = |(start, _): &&(f64, f64)| *start > at;
            (
                self.served.iter().filter(busy).count(),
                self.served.iter().filter(waiting).count(),
            )
        }
    }

    proptest! {
        #[test]
        fn every_request_fares_as_when_all_are_written_down(
            workers in prop_oneof![1_u32..5, 15_u32..20],
            queue in proptest::option::of(0_u32..4),
            requests in proptest::collection::vec((0_u32..3, 1_u32..60), 1..120),
        ) {
            let mut queue_under_test = Queue::new(&capacity(workers, queue), 1.0);
            let mut ledger = Ledger {
                workers: workers as usize,
                limit: queue.map_or(usize::MAX, |limit| limit as usize),
                served: Vec::new(),
            };
            let mut at = -20.0;
            for (gap, work) in requests {
                at += f64::from(gap);
                let work = f64::from(work);
                prop_assert_eq!(queue_under_test.arrive(at, work), ledger.arrive(at, work));
                let (busy, waiting) = ledger.count(at + 0.5);
                prop_assert_eq!(queue_under_test.busy(at + 0.5), busy);
                prop_assert_eq!(queue_under_test.in_flight(at + 0.5), busy + waiting);
            }
        }
    }

    #[test]
    fn a_full_queue_refuses_until_somebody_starts() {
        let mut queue = Queue::new(&capacity(1, Some(1)), 1.0);
        let served = |start, end| Admission::Served { start, end };
        assert_eq!(queue.arrive(0.0, 10.0), served(0.0, 10.0));
        assert_eq!(queue.arrive(1.0, 10.0), served(10.0, 20.0));
        assert_eq!(queue.arrive(9.0, 10.0), Admission::Refused);
        assert_eq!(queue.arrive(10.0, 10.0), served(20.0, 30.0));
        assert_eq!((queue.busy(10.0), queue.in_flight(10.0)), (1, 2));
        queue.reset();
        assert_eq!(queue.in_flight(10.0), 0);
        assert_eq!(queue.arrive(11.0, 1.0), served(11.0, 12.0));
    }

    #[test]
    fn a_fault_takes_workers_but_never_the_last() {
        for (factor, left) in [(1.0, 8), (0.5, 4), (0.3, 2), (0.0, 1)] {
            assert_eq!(workers_left(&capacity(8, None), factor), left, "{factor}");
        }
        let mut queue = Queue::new(&capacity(64, Some(0)), 0.5);
        let served = (0..64).filter(|_| queue.arrive(0.0, 1.0) != Admission::Refused);
        assert_eq!(served.count(), 32);
        queue.reset();
        assert_eq!(queue.in_flight(0.0), 0);
        assert!(queue.arrive(0.0, 1.0) != Admission::Refused);
    }
}
