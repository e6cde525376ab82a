//! What is still to come, in order of time: pages of sessions, further requests of a page, retries.
//!
//! A calendar queue: near events lie in slots of equal width, each sorted when its turn comes; far
//! ones wait in a heap. Equal times leave in the order in which they entered.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Events by time, in seconds since the start of the rollout.
#[derive(Debug)]
pub(super) struct Agenda<E> {
    /// Slots in a second.
    pace: f64,
    slots: Vec<Vec<Entry<E>>>,
    /// A bit for each slot that holds something.
    filled: Vec<u64>,
    /// Number of the current slot, counted from time zero; its entries are in order, last first.
    current: i64,
    far: BinaryHeap<Entry<E>>,
    entered: u32,
    len: usize,
    near: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry<E> {
    at: f64,
    order: u32,
    event: E,
}

/// Slots of the calendar, a power of two.
const SLOTS: usize = 4096;

impl<E: Copy> Agenda<E> {
    /// An empty agenda for about so many events a second.
    pub(super) fn new(per_second: f64) -> Agenda<E> {
        Agenda {
            // A few events to a slot; never so wide that a page's requests fill one.
            pace: (per_second / 2.0).clamp(2.0, 10_000.0),
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            filled: vec![0; SLOTS / 64],
            current: 0,
            far: BinaryHeap::new(),
            entered: 0,
            len: 0,
            near: 0,
        }
    }

    /// Empties it; the next events come after `start`.
    pub(super) fn reset(&mut self, start: f64) {
        if self.near > 0 {
            for slot in &mut self.slots {
                slot.clear();
            }
        }
        self.filled.fill(0);
        self.far.clear();
        self.current = self.slot_of(start);
        self.entered = 0;
        self.len = 0;
        self.near = 0;
    }

    fn slot_of(&self, at: f64) -> i64 {
        // Towards zero is down: nothing comes before the start.
        (at * self.pace) as i64
    }

    fn index(slot: i64) -> usize {
        slot.rem_euclid(SLOTS as i64) as usize
    }

    /// Adds an event at `at`, not before the last one taken out.
    pub(super) fn push(&mut self, at: f64, event: E) {
        let entry = Entry {
            at,
            order: self.entered,
            event,
        };
        self.entered += 1;
        self.len += 1;
        self.file(entry);
    }

    fn file(&mut self, entry: Entry<E>) {
        let slot = self.slot_of(entry.at).max(self.current);
        if slot >= self.current + SLOTS as i64 {
            self.far.push(entry);
            return;
        }
        self.near += 1;
        let index = Agenda::<E>::index(slot);
        self.filled[index / 64] |= 1 << (index % 64);
        let events = &mut self.slots[index];
        if slot == self.current {
            // The current slot is kept in order, last first.
            let place = events.partition_point(|other| other.is_after(&entry));
            events.insert(place, entry);
        } else {
            events.push(entry);
        }
    }

    /// The time of the next event; infinite when there is none.
    #[inline]
    pub(super) fn next(&mut self) -> f64 {
        if self.len == 0 {
            return f64::INFINITY;
        }
        if let Some(entry) = self.slots[Agenda::<E>::index(self.current)].last() {
            return entry.at;
        }
        self.turn();
        self.slots[Agenda::<E>::index(self.current)]
            .last()
            .map_or(f64::INFINITY, |entry| entry.at)
    }

    /// Takes the next event out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<(f64, E)> {
        if self.next() == f64::INFINITY {
            return None;
        }
        let index = Agenda::<E>::index(self.current);
        let entry = self.slots[index].pop()?;
        if self.slots[index].is_empty() {
            self.filled[index / 64] &= !(1 << (index % 64));
        }
        self.len -= 1;
        self.near -= 1;
        Some((entry.at, entry.event))
    }

    /// Moves on to the next slot that holds something.
    fn turn(&mut self) {
        if self.near == 0 {
            if let Some(first) = self.far.peek() {
                self.current = self.slot_of(first.at);
            }
        } else {
            self.current = self.next_filled();
        }
        // What has come near enough leaves the heap.
        while let Some(first) = self.far.peek() {
            if self.slot_of(first.at) >= self.current + SLOTS as i64 {
                break;
            }
            if let Some(entry) = self.far.pop() {
                self.file(entry);
            }
        }
        let index = Agenda::<E>::index(self.current);
        self.slots[index].sort_unstable_by(|a, b| b.order_of(a));
    }

    fn next_filled(&self) -> i64 {
        let start = Agenda::<E>::index(self.current);
        let words = self.filled.len();
        let first = self.filled[start / 64] & (u64::MAX << (start % 64));
        let (mut word, mut bits) = (start / 64, first);
        for _ in 0..=words {
            if bits != 0 {
                let found = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (found + SLOTS - start) % SLOTS;
                return self.current + ahead as i64;
            }
            word = (word + 1) % words;
            bits = self.filled[word];
        }
        self.current
    }
}

impl<E> Entry<E> {
    fn order_of(&self, other: &Entry<E>) -> Ordering {
        (self.at.total_cmp(&other.at)).then(self.order.cmp(&other.order))
    }

    fn is_after(&self, other: &Entry<E>) -> bool {
        self.order_of(other) == Ordering::Greater
    }
}

/// The heap gives its greatest entry: the earliest.
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Entry<E>) -> Ordering {
        other.order_of(self)
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Entry<E>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Entry<E>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::base::Stream;

    #[test]
    fn events_leave_in_order_of_time_and_of_entry() {
        let mut stream = Stream::seed_from_u64(5);
        for per_second in [0.1, 30.0, 5_000.0] {
            let mut agenda = Agenda::new(per_second);
            agenda.reset(0.0);
            let mut now = 0.0;
            let (mut entered, mut left) = (0_u32, 0_u32);
            let mut last = (f64::NEG_INFINITY, 0);
            for _ in 0..20_000 {
                if stream.random::<f64>() < 0.5 {
                    // Now and then far away, often at the very same time.
                    let ahead = match stream.random::<f64>() {
                        u if u < 0.1 => 10_000.0 * u,
                        u if u < 0.3 => 0.0,
                        u => u,
                    };
                    agenda.push(now + ahead, entered);
                    entered += 1;
                } else if let Some((at, event)) = agenda.pop() {
                    assert!(
                        at > last.0 || (at == last.0 && event > last.1),
                        "{at} {event}"
                    );
                    last = (at, event);
                    now = at;
                    left += 1;
                }
            }
            while let Some((at, _)) = agenda.pop() {
                assert!(at >= now);
                now = at;
                left += 1;
            }
            assert_eq!(entered, left);
            assert_eq!(agenda.next(), f64::INFINITY);
        }
    }
}
