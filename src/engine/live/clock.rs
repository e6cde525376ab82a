//! The clock on the wall, and the only place that reads it.
//!
//! A run may go faster than its scenario: at speed 60 a minute of the scenario passes in a second.
//! Arrivals, steps, scrapes, faults and cookies keep the scenario's [`Time`]; what an answer takes
//! does not shrink and is counted in [`Moment`]s.

use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};

use crate::base::{Span, Time};

/// An instant on the monotonic clock of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// Later than every instant that comes.
    pub const NEVER: Moment = Moment(u64::MAX);

    /// This instant.
    #[inline]
    pub fn now() -> Moment {
        #[expect(
            clippy::disallowed_methods,
            reason = "a live run plays on the clock on the wall"
        )]
        let time = clock_gettime(ClockId::Monotonic);
        Moment(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }

    /// The time of day (since 1970, UTC) at which the monotonic clock showed zero: what to add to a
    /// moment to name it to a server that keeps its samples by the time of day.
    pub fn epoch() -> Span {
        #[expect(
            clippy::disallowed_methods,
            reason = "a server must be told of which instant it is asked"
        )]
        let day = clock_gettime(ClockId::Realtime);
        let day = day.tv_sec as u64 * 1_000_000_000 + day.tv_nsec as u64;
        Span::from_nanos(day) - Span::from_nanos(Moment::now().0)
    }

    /// Nanoseconds on the monotonic clock.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// From `earlier` to this; zero when it is not earlier.
    #[inline]
    pub fn since(self, earlier: Moment) -> Span {
        Span::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Moment {
    type Output = Moment;
    fn add(self, span: Span) -> Moment {
        Moment(self.0.saturating_add(span.as_nanos()))
    }
}

impl Sub<Span> for Moment {
    type Output = Moment;
    fn sub(self, span: Span) -> Moment {
        Moment(self.0.saturating_sub(span.as_nanos()))
    }
}

/// Tells what time it is in a run's scenario. Clones tell the same.
#[derive(Debug, Clone)]
pub struct WallClock {
    /// [`Moment::NEVER`] until the scenario begins.
    start: Arc<AtomicU64>,
    speed: f64,
}

impl WallClock {
    /// A clock that shows [`Time::START`] at `start` and then runs `speed` times as fast as the one
    /// on the wall.
    pub fn new(start: Moment, speed: f64) -> WallClock {
        WallClock {
            start: Arc::new(AtomicU64::new(start.0)),
            speed,
        }
    }

    /// A clock that shows [`Time::START`] until it is told to begin.
    pub fn waiting(speed: f64) -> WallClock {
        WallClock::new(Moment::NEVER, speed)
    }

    /// The scenario begins at `start`.
    pub fn begin(&self, start: Moment) {
        self.start.store(start.0, Ordering::Release);
    }

    /// When the scenario begins.
    #[inline]
    pub fn start(&self) -> Moment {
        Moment(self.start.load(Ordering::Acquire))
    }

    /// How many times faster than the clock on the wall.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// The scenario's time now.
    #[inline]
    pub fn now(&self) -> Time {
        self.time_of(Moment::now())
    }

    /// The scenario's time at a moment; its start for every moment before.
    #[inline]
    pub fn time_of(&self, moment: Moment) -> Time {
        let passed = moment.since(self.start()).as_nanos();
        Time::from_nanos((passed as f64 * self.speed) as u64)
    }

    /// The moment at which the scenario's time comes.
    #[inline]
    pub fn moment_of(&self, time: Time) -> Moment {
        if time == Time::NEVER {
            return Moment::NEVER;
        }
        self.start() + Span::from_nanos((time.as_nanos() as f64 / self.speed) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_passes_in_a_second_at_speed_sixty() {
        let start = Moment::now();
        let clock = WallClock::new(start, 60.0);
        let second = start + Span::from_secs(1);
        assert_eq!(clock.time_of(second), Time::from_secs(60));
        assert_eq!(clock.moment_of(Time::from_secs(60)), second);
        assert_eq!(clock.time_of(start - Span::from_secs(5)), Time::START);
        assert_eq!(clock.moment_of(Time::NEVER), Moment::NEVER);
    }

    #[test]
    fn before_the_beginning_it_is_the_start() {
        let clock = WallClock::waiting(2.0);
        assert_eq!(clock.now(), Time::START);
        assert_eq!(clock.moment_of(Time::from_secs(1)), Moment::NEVER);
        let begun = Moment::now() - Span::from_secs(3);
        clock.clone().begin(begun);
        assert!(clock.now() >= Time::from_secs(6));
        assert_eq!(
            clock.moment_of(Time::from_secs(6)),
            begun + Span::from_secs(3)
        );
    }
}
