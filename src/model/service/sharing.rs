//! All at once: the workers of one instance shared equally among the requests in it, as in a server
//! that never makes one wait for another.
//!
//! To drive it: before anything happens at an instant, take out what ended by then with
//! [`Sharing::pop`] until it gives nothing; then call [`Sharing::arrive`]. [`Sharing::next_end`] is
//! when to look again. Each arrival moves the ends of all who are there, so no end is known before
//! it comes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::queue::Moment;

/// Requests that share the workers of one instance. Times are seconds.
#[derive(Debug, Clone)]
pub struct Sharing {
    workers: f64,
    /// The instant up to which everything is accounted for.
    now: f64,
    /// Work that each request which was there all the time has received up to `now`: a clock that
    /// runs slower the more there are.
    received: f64,
    /// When that clock reaches the end of each request; then the order of arrival, then the ticket.
    ends: BinaryHeap<Reverse<(Moment, u64, u64)>>,
    arrived: u64,
}

impl Sharing {
    /// Nobody there, and so many workers. One request can use one of them at most.
    pub fn new(workers: u32) -> Sharing {
        Sharing {
            workers: f64::from(workers),
            now: f64::NEG_INFINITY,
            received: 0.0,
            ends: BinaryHeap::new(),
            arrived: 0,
        }
    }

    /// A request comes at `at` and needs `work` seconds of one worker; `ticket` is given back when
    /// it ends. What ended up to `at` has been taken out, and nothing later has happened.
    pub fn arrive(&mut self, at: f64, work: f64, ticket: u64) {
        self.advance(at);
        let end = Moment(self.received + work);
        self.ends.push(Reverse((end, self.arrived, ticket)));
        self.arrived += 1;
    }

    /// When the next request ends if nobody comes before; `None` when nobody is there.
    pub fn next_end(&self) -> Option<f64> {
        let Reverse((end, ..)) = self.ends.peek()?;
        Some(self.now + ((end.0 - self.received) / self.speed()).max(0.0))
    }

    /// Takes out the next request that ends at or before `until`: when, and its ticket.
    pub fn pop(&mut self, until: f64) -> Option<(f64, u64)> {
        let at = self.next_end().filter(|end| *end <= until)?;
        let Reverse((end, _, ticket)) = self.ends.pop()?;
        self.now = at;
        // Exactly where it was to end: rounding must not build up.
        self.received = end.0;
        Some((at, ticket))
    }

    /// Requests that are there.
    pub fn in_flight(&self) -> usize {
        self.ends.len()
    }

    /// Forgets everybody: the instance has been restarted.
    pub fn reset(&mut self) {
        self.ends.clear();
    }

    fn advance(&mut self, at: f64) {
        if self.ends.is_empty() {
            self.received = 0.0;
        } else {
            self.received += (at - self.now).max(0.0) * self.speed();
        }
        self.now = at;
    }

    /// Work that each request receives in a second.
    fn speed(&self) -> f64 {
        (self.workers / self.ends.len() as f64).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_take_twice_as_long_and_who_is_alone_goes_on_at_full_speed() {
        let mut sharing = Sharing::new(1);
        sharing.arrive(-10.0, 4.0, 1);
        assert_eq!(sharing.next_end(), Some(-6.0));
        sharing.arrive(-8.0, 1.0, 2);
        assert_eq!(sharing.next_end(), Some(-6.0));
        assert_eq!(sharing.pop(-6.5), None);
        assert_eq!(sharing.pop(-6.0), Some((-6.0, 2)));
        assert_eq!(sharing.pop(0.0), Some((-5.0, 1)));
        assert_eq!((sharing.pop(0.0), sharing.next_end()), (None, None));
    }

    #[test]
    fn nobody_is_held_up_while_there_are_workers() {
        let mut sharing = Sharing::new(3);
        for ticket in 0..3 {
            sharing.arrive(0.0, 6.0, ticket);
        }
        assert_eq!(sharing.next_end(), Some(6.0));
        sharing.arrive(0.0, 6.0, 3);
        assert_eq!(sharing.next_end(), Some(8.0));
        assert_eq!(sharing.pop(8.0), Some((8.0, 0)), "first come, first out");
        assert_eq!(sharing.in_flight(), 3);
        sharing.reset();
        assert_eq!(sharing.next_end(), None);
    }

    proptest! {
        /// Against a small fixed step in which everybody gets their share.
        #[test]
        fn requests_end_when_they_have_received_their_work(
            workers in 1_u32..4,
            requests in proptest::collection::vec((0_u32..20, 1_u32..40), 1..12),
        ) {
            const STEP: f64 = 1.0 / 256.0;
            let mut left: Vec<(f64, f64)> = Vec::new();
            let mut at = 0.0;
            for (gap, work) in &requests {
                at += f64::from(*gap) / 8.0;
                left.push((at, f64::from(*work) / 8.0));
            }
            let mut sharing = Sharing::new(workers);
            let mut ended = vec![0.0; left.len()];
            for (ticket, (at, work)) in left.iter().enumerate() {
                while let Some((end, ticket)) = sharing.pop(*at) {
                    ended[ticket as usize] = end;
                }
                sharing.arrive(*at, *work, ticket as u64);
            }
            while let Some((end, ticket)) = sharing.pop(f64::INFINITY) {
                ended[ticket as usize] = end;
            }
            let mut now = 0.0;
            while left.iter().any(|(_, work)| *work > 0.0) {
                let there = |(at, work): &(f64, f64)| *at <= now && *work > 0.0;
                let count = left.iter().filter(|one| there(one)).count();
                let speed = (f64::from(workers) / count.max(1) as f64).min(1.0);
                now += STEP;
                for (ticket, one) in left.iter_mut().enumerate() {
                    if one.0 <= now - STEP && one.1 > 0.0 {
                        one.1 -= STEP * speed;
                        if one.1 <= 0.0 {
                            // Each end may shift the following ones by a step.
                            let allowed = STEP * (requests.len() as f64 + 1.0);
                            prop_assert!((ended[ticket] - now).abs() < allowed);
                        }
                    }
                }
            }
        }
    }
}
