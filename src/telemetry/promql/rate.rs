//! `rate` and `increase`: the rise of a counter, extrapolated to the edges of its window.

use super::Semantics;
use crate::base::{Span, Time};

/// Whether what was sampled only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It does, and began at zero.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// How a rise between two samples extends to a window; made once, used for every series that has
/// the same sample times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extrapolation {
    sampled: f64,
    to_start: f64,
    to_end: f64,
    threshold: f64,
    half_spacing: f64,
    range: f64,
    kind: Kind,
    half_interval_first: bool,
}

impl Extrapolation {
    /// For `samples` (two or more) samples from `first` to `last`, in the window of length
    /// `window` that ends at `now`.
    pub fn new(first: Time, last: Time, samples: u64, now: Time, window: Span) -> Extrapolation {
        // Prometheus keeps time in whole milliseconds.
        let millis = |nanos: u64| (nanos / 1_000_000) as f64;
        let times = [first, last, now].map(|time| millis(time.as_nanos()));
        Extrapolation {
            range: window.as_secs_f64(),
            ..Extrapolation::of_millis(
                times,
                samples,
                millis(window.as_nanos()),
                Kind::Counter,
                Semantics::V3,
            )
        }
    }

    /// The same for times in milliseconds: of the first and the last sample and of the window's end.
    pub(super) fn of_millis(
        [first, last, now]: [f64; 3],
        samples: u64,
        window: f64,
        kind: Kind,
        semantics: Semantics,
    ) -> Extrapolation {
        let sampled = (last - first) / 1000.0;
        let spacing = sampled / (samples - 1) as f64;
        Extrapolation {
            sampled,
            to_start: (first - (now - window)) / 1000.0,
            to_end: (now - last) / 1000.0,
            threshold: spacing * 1.1,
            half_spacing: spacing / 2.0,
            range: window / 1000.0,
            kind,
            half_interval_first: semantics.half_interval_first,
        }
    }

    /// `rate` of a counter that read `first` and `last` and never fell between: per second.
    pub fn rate(&self, first: f64, last: f64) -> f64 {
        self.rate_of(first, last - first)
    }

    /// `rate` of a counter whose rise, resets included, is `rise`.
    pub(super) fn rate_of(&self, first: f64, rise: f64) -> f64 {
        rise * (self.factor(first, rise) / self.range)
    }

    /// `increase` of a counter whose rise, resets included, is `rise`.
    pub fn increase(&self, first: f64, rise: f64) -> f64 {
        rise * self.factor(first, rise)
    }

    fn factor(&self, first: f64, rise: f64) -> f64 {
        // Before 2.51 the zero point was looked at first.
        let half = |to_edge: f64| match to_edge >= self.threshold {
            true => self.half_spacing,
            false => to_edge,
        };
        let mut to_start = match self.half_interval_first {
            true => half(self.to_start),
            false => self.to_start,
        };
        // A counter cannot have been below zero: do not extrapolate past its zero point.
        if self.kind == Kind::Counter && rise > 0.0 && first >= 0.0 {
            let zero_point = self.sampled * (first / rise);
            if zero_point < to_start {
                to_start = zero_point;
            }
        }
        if !self.half_interval_first {
            to_start = half(to_start);
        }
        (self.sampled + to_start + half(self.to_end)) / self.sampled
    }
}

/// `rate(series[window])` at `now` over samples in order of time; those outside the window (open
/// on the left) are left out. `None` with fewer than two samples.
pub fn rate(samples: &[(Time, f64)], now: Time, window: Span) -> Option<f64> {
    let (first, rise, extrapolation) = rise(samples, now, window)?;
    Some(extrapolation.rate_of(first, rise))
}

/// `increase(series[window])` at `now`; see [`rate`].
pub fn increase(samples: &[(Time, f64)], now: Time, window: Span) -> Option<f64> {
    let (first, rise, extrapolation) = rise(samples, now, window)?;
    Some(extrapolation.increase(first, rise))
}

fn rise(samples: &[(Time, f64)], now: Time, window: Span) -> Option<(f64, f64, Extrapolation)> {
    let after = |time: Time| time + window > now;
    let from = samples.partition_point(|(time, _)| !after(*time));
    let to = samples.partition_point(|(time, _)| *time <= now);
    let samples = samples.get(from..to)?;
    let [(start, first), .., (end, last)] = samples else {
        return None;
    };
    let mut rise = last - first;
    for pair in samples.windows(2) {
        if pair[1].1 < pair[0].1 {
            rise += pair[0].1;
        }
    }
    let extrapolation = Extrapolation::new(*start, *end, samples.len() as u64, now, window);
    Some((*first, rise, extrapolation))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples(values: &[(u64, f64)]) -> Vec<(Time, f64)> {
        let at = |&(seconds, value): &(u64, f64)| (Time::from_secs(seconds), value);
        values.iter().map(at).collect()
    }

    fn increase_at(values: &[(u64, f64)], now: u64, window: u64) -> Option<f64> {
        let window = Span::from_secs(window);
        increase(&samples(values), Time::from_secs(now), window)
    }

    #[test]
    fn a_steady_counter_is_extended_to_both_edges() {
        // 20 a second; the samples span 45 s of the window's 60.
        let steady: Vec<_> = (0..=8)
            .map(|k| (15 * k, 300.0 * k as f64 + 5_000.0))
            .collect();
        assert_eq!(increase_at(&steady, 120, 60), Some(1_200.0));
        assert_eq!(increase_at(&steady, 127, 60), Some(1_200.0));
        let rate = rate(&samples(&steady), Time::from_secs(120), Span::from_secs(60));
        assert!((rate.unwrap() - 20.0).abs() < 1e-12);
    }

    #[test]
    fn the_window_is_open_on_the_left() {
        let values = [(0, 100.0), (15, 110.0), (30, 120.0)];
        assert_eq!(
            increase_at(&values, 30, 15),
            None,
            "the sample at 15 s is outside"
        );
        assert_eq!(increase_at(&values, 30, 16), Some(10.0 * 16.0 / 15.0));
    }

    #[test]
    fn a_young_series_is_extended_by_half_an_interval_and_not_below_zero() {
        assert_eq!(increase_at(&[(45, 100.0), (60, 115.0)], 60, 60), Some(22.5));
        // It would have been at zero 5 s before its first sample.
        assert_eq!(increase_at(&[(45, 5.0), (60, 20.0)], 60, 60), Some(20.0));
        assert_eq!(increase_at(&[(45, 0.0), (60, 15.0)], 60, 60), Some(15.0));
    }

    #[test]
    fn a_series_that_stopped_is_extended_by_half_an_interval() {
        let stopped = [(75, 1_000.0), (90, 1_015.0)];
        assert_eq!(
            increase_at(&stopped, 120, 59),
            Some(15.0 * (15.0 + 7.5 + 14.0) / 15.0)
        );
    }

    #[test]
    fn what_was_counted_before_a_reset_is_not_lost() {
        let reset = [(15, 1_000.0), (30, 1_030.0), (45, 10.0), (60, 40.0)];
        // 30 before, 10 and 30 after; 45 s extended to 60.
        let increase = increase_at(&reset, 60, 60).unwrap();
        assert!((increase - 70.0 * 60.0 / 45.0).abs() < 1e-12, "{increase}");
    }

    #[test]
    fn a_crash_costs_only_what_no_scrape_saw() {
        // 20 a second; at 52 s the instance starts anew, and 7 s' worth of requests were never
        // scraped. The same without them, as a counter that never fell:
        let scraped = |t: u64| {
            if t <= 52 {
                5_000 + 20 * t
            } else {
                20 * (t - 52)
            }
        };
        let mended = |t: u64| 5_000 + 20 * t - if t <= 52 { 0 } else { 140 };
        let series = |value: &dyn Fn(u64) -> u64| -> Vec<(u64, f64)> {
            (0..=8).map(|k| (15 * k, value(15 * k) as f64)).collect()
        };
        for now in [59, 60, 67, 75, 100, 120] {
            let crashed = increase_at(&series(&scraped), now, 60).unwrap();
            let whole = increase_at(&series(&mended), now, 60).unwrap();
            assert!(
                (crashed - whole).abs() < 1e-9,
                "at {now}: {crashed} {whole}"
            );
        }
    }

    #[test]
    fn a_counter_that_restarts_above_where_it_was_hides_the_restart() {
        // 1000 before the crash and 1200 soon after: nothing fell, so 200 is all that is seen.
        let hidden = [(15, 1_000.0), (30, 1_000.0), (45, 1_200.0), (60, 1_200.0)];
        let increase = increase_at(&hidden, 60, 60).unwrap();
        assert!((increase - 200.0 * 60.0 / 45.0).abs() < 1e-9, "{increase}");
    }

    #[test]
    fn a_missing_sample_widens_the_spacing_that_decides_how_far_to_extend() {
        // 20 a second. Without the samples at 15 s and 30 s the first is 45 s into the window of
        // 60 s: beyond 1.1 times the spacing of 15 s, so half a spacing is added there.
        let late = [(45, 900.0), (60, 1_200.0)];
        assert_eq!(increase_at(&late, 60, 60), Some(450.0));
        // With the one at 45 s missing instead, the mean spacing is 22.5 s: extended to the edge.
        let gap = [(15, 5_300.0), (30, 5_600.0), (60, 6_200.0)];
        assert_eq!(increase_at(&gap, 60, 60), Some(1_200.0));
    }

    #[test]
    fn one_sample_or_none_gives_nothing() {
        assert_eq!(increase_at(&[], 60, 60), None);
        assert_eq!(increase_at(&[(30, 5.0)], 60, 60), None);
        assert_eq!(increase_at(&[(30, 5.0), (90, 9.0)], 60, 60), None);
    }

    proptest! {
        #[test]
        fn resets_are_mended(
            rises in prop::collection::vec((0_u32..50, any::<bool>()), 2..30),
            window in 20_u64..500,
        ) {
            // Beside the counter that starts anew, one that never does; both far from zero at
            // first, where an extension would stop.
            let (mut scraped, mut mended) = (1e6, 1e6);
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for (k, (rise, crash)) in rises.iter().enumerate() {
                let rise = f64::from(*rise);
                // A restart is seen only by a value that fell.
                let crash = *crash && k > 0 && rise < scraped;
                scraped = if crash { rise } else { scraped + rise };
                mended += rise;
                a.push((10 * k as u64, scraped));
                b.push((10 * k as u64, mended));
            }
            let now = 10 * (rises.len() as u64 - 1);
            // The whole series, so that the first sample is far from zero.
            let window = window.max(now + 1);
            let (a, b) = (increase_at(&a, now, window), increase_at(&b, now, window));
            prop_assert!((a.unwrap() - b.unwrap()).abs() < 1e-6, "{a:?} {b:?}");
        }
    }
}
