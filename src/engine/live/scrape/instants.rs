//! When metrics are read.

use std::iter::Peekable;
use std::vec;

use crate::base::{Span, Time};
use crate::rollout::Cadence;
use crate::telemetry::Sampling;

/// When metrics are read, in the scenario's time.
#[derive(Debug, Clone)]
pub struct Instants {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Every { interval: Span, next: Time },
    Exact(Peekable<vec::IntoIter<Time>>),
}

impl Instants {
    /// The instants at which a plan reads, scraping at `phase` of its interval. For perfect metrics
    /// those at which a window of one of the lengths `windows` begins or ends, of a controller that
    /// ticks at `cadence` up to `horizon`.
    pub fn new(
        sampling: Sampling,
        phase: Span,
        cadence: Cadence,
        windows: &[Span],
        horizon: Span,
    ) -> Instants {
        if let Sampling::Scraped { interval, .. } = sampling {
            let next = Time::START + phase;
            return Instants {
                kind: Kind::Every { interval, next },
            };
        }
        let mut edges = Vec::new();
        let mut tick = cadence.first;
        while tick <= Time::START + horizon {
            edges.push(tick);
            edges.extend(windows.iter().map(|window| tick.saturating_sub(*window)));
            if cadence.period.is_zero() {
                break;
            }
            tick += cadence.period;
        }
        edges.sort_unstable();
        edges.dedup();
        Instants {
            kind: Kind::Exact(edges.into_iter().peekable()),
        }
    }

    /// Leaves out what could not be done in time: instants after which another has come by `now`. A
    /// sample that is taken late would say of one instant what was counted at another; a Prometheus
    /// that is too slow leaves it out too. Of perfect metrics nothing is left out.
    pub fn catch_up(&mut self, now: Time) {
        if let Kind::Every { interval, next } = &mut self.kind {
            let late = now.since(*next) / *interval;
            *next += *interval * late;
        }
    }

    /// The next, which stays the next.
    pub fn peek(&mut self) -> Option<Time> {
        match &mut self.kind {
            Kind::Every { next, .. } => Some(*next),
            Kind::Exact(edges) => edges.peek().copied(),
        }
    }

    /// How long a scrape may take where time passes `speed` times as fast as on the wall: shorter
    /// than the interval, and never so short that no answer could come.
    pub fn timeout(sampling: Sampling, speed: f64) -> Span {
        const LONGEST: Span = Span::from_secs(10);
        const SHORTEST: Span = Span::from_millis(5);
        const EXACT: Span = Span::from_secs(1);
        match sampling {
            Sampling::Exact => EXACT,
            Sampling::Scraped { interval, .. } => {
                let wall = Span::from_secs_f64(interval.as_secs_f64() / speed * 0.9);
                wall.clamp(SHORTEST, LONGEST)
            }
        }
    }
}

impl Iterator for Instants {
    type Item = Time;

    fn next(&mut self) -> Option<Time> {
        match &mut self.kind {
            Kind::Every { interval, next } => {
                let now = *next;
                *next += *interval;
                Some(now)
            }
            Kind::Exact(edges) => edges.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Phase;

    fn seconds(instants: Instants, count: usize) -> Vec<f64> {
        instants.take(count).map(Time::as_secs_f64).collect()
    }

    const CADENCE: Cadence = Cadence {
        first: Time::from_secs(60),
        period: Span::from_secs(60),
    };

    #[test]
    fn scrapes_come_at_their_phase_of_every_interval() {
        let sampling = Sampling::Scraped {
            interval: Span::from_secs(15),
            phase: Phase::Random,
        };
        let phase = Span::from_millis(4_500);
        let horizon = Span::from_secs(300);
        let instants = Instants::new(sampling, phase, CADENCE, &[], horizon);
        assert_eq!(seconds(instants.clone(), 3), [4.5, 19.5, 34.5]);
        for (now, next) in [(0, 4.5), (19, 4.5), (20, 19.5), (34, 19.5), (65, 64.5)] {
            let mut late = instants.clone();
            late.catch_up(Time::from_secs(now));
            assert_eq!(late.peek().map(Time::as_secs_f64), Some(next), "at {now}");
        }
        assert_eq!(Instants::timeout(sampling, 60.0), Span::from_millis(225));
        assert_eq!(Instants::timeout(sampling, 1.0), Span::from_secs(10));
    }

    #[test]
    fn perfect_metrics_are_read_where_windows_begin_and_end() {
        let windows = [Span::from_secs(60), Span::from_secs(90)];
        let horizon = Span::from_secs(180);
        let mut instants = Instants::new(Sampling::Exact, Span::ZERO, CADENCE, &windows, horizon);
        instants.catch_up(Time::from_secs(100));
        let expected = [0.0, 30.0, 60.0, 90.0, 120.0, 180.0];
        assert_eq!(seconds(instants, 99), expected);
    }
}
