//! The exact conditional binomial test, one number of events after another.

use super::super::{binomial, binomial_above};

/// At a number of events in all: how many in the first arm reject, and how likely that is with and
/// without a difference. [`RejectionRegion::next`] goes on to one event more in constant time.
#[derive(Debug, Clone, Copy)]
pub(super) struct RejectionRegion {
    alpha: f64,
    events: u64,
    /// The fewest events of the first arm at which the test rejects; one more than `events` where
    /// it cannot.
    critical: u64,
    null: Tail,
    alternative: Tail,
}

/// The upper tail of a binomial distribution.
#[derive(Debug, Clone, Copy)]
struct Tail {
    chance: f64,
    /// Of the critical count or more.
    above: f64,
    /// Of exactly one less.
    at: f64,
}

impl RejectionRegion {
    /// After `events` events, each in the first arm with chance `null` if nothing differs, and with
    /// chance `alternative` if something does.
    pub(super) fn at(events: u64, alpha: f64, null: f64, alternative: f64) -> RejectionRegion {
        // The tail falls with the critical count: bisect for the first at or below the level.
        let (mut low, mut high) = (0, events + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if at_least(events, middle, null) <= alpha {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        // Of no event at all there is no rejecting, however high the level.
        let critical = low.max(1);
        let tail = |chance| Tail {
            chance,
            above: at_least(events, critical, chance),
            at: binomial(events, critical - 1, chance),
        };
        RejectionRegion {
            alpha,
            events,
            critical,
            null: tail(null),
            alternative: tail(alternative),
        }
    }

    /// Chance to reject when something differs.
    pub(super) fn power(&self) -> f64 {
        self.alternative.above.clamp(0.0, 1.0)
    }

    /// One event more.
    pub(super) fn next(&mut self) {
        self.events += 1;
        for tail in [&mut self.null, &mut self.alternative] {
            tail.one_event_more(self.events, self.critical);
        }
        if self.null.above > self.alpha {
            for tail in [&mut self.null, &mut self.alternative] {
                tail.one_further(self.events, self.critical);
            }
            self.critical += 1;
        }
    }
}

impl Tail {
    /// The same critical count after one event more, which makes `events`.
    fn one_event_more(&mut self, events: u64, critical: u64) {
        self.above += self.chance * self.at;
        let others = (events + 1 - critical) as f64;
        self.at *= events as f64 * (1.0 - self.chance) / others;
    }

    /// One critical count further among the same events.
    fn one_further(&mut self, events: u64, critical: u64) {
        let others = (events + 1 - critical) as f64;
        self.at *= others * self.chance / (critical as f64 * (1.0 - self.chance));
        self.above -= self.at;
    }
}

/// Chance of `hits` or more.
fn at_least(trials: u64, hits: u64, chance: f64) -> f64 {
    match hits.checked_sub(1) {
        Some(below) => binomial_above(trials, below, chance),
        None => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walking_arrives_where_looking_up_does() {
        for (alpha, null, alternative) in [
            (0.05, 0.01, 0.05),
            (0.05, 0.5, 0.8),
            (0.001, 0.1, 0.15),
            (0.2, 0.05, 0.0954),
        ] {
            let mut walked = RejectionRegion::at(0, alpha, null, alternative);
            for events in 1..=3_000 {
                walked.next();
                if events % 37 != 0 {
                    continue;
                }
                let direct = RejectionRegion::at(events, alpha, null, alternative);
                assert_eq!(walked.critical, direct.critical, "{events} {null}");
                assert!((walked.power() - direct.power()).abs() < 1e-9, "{events}");
                assert!(walked.null.above <= alpha);
            }
        }
    }

    #[test]
    fn few_events_cannot_reject() {
        // Of two events both in an arm with half of the trials: one chance in four.
        let region = RejectionRegion::at(2, 0.05, 0.5, 0.9);
        assert_eq!((region.critical, region.power()), (3, 0.0));
        let five = RejectionRegion::at(5, 0.05, 0.5, 0.9);
        assert_eq!(five.critical, 5);
        assert!((five.power() - 0.9_f64.powi(5)).abs() < 1e-12);
    }
}
