//! A weekly cycle by the hour.

use crate::base::{Rate, Span};

const HOUR: f64 = 3_600.0;
const HOURS: usize = 24 * 7;
const WEEK: f64 = HOUR * HOURS as f64;

/// A weekly cycle: 24 hourly figures for a working day, the same times a factor on Saturday and
/// Sunday. A figure holds in the middle of its hour; in between the rate is linear.
#[derive(Debug, Clone, PartialEq)]
pub struct Week {
    /// Requests per second in the middle of each hour, from Monday on.
    rates: Vec<f64>,
    /// Requests expected from the middle of the first hour to that of hour k, at index k; one more
    /// than there are hours.
    sums: Vec<f64>,
    /// Where the rollout starts, counted from Monday midnight.
    start: Span,
}

impl Week {
    /// Requests per minute by hour of the working days of July 1995 at the web server of the
    /// Kennedy Space Center (Internet Traffic Archive, NASA-HTTP).
    pub const NASA: [f64; 24] = [
        37.2, 30.7, 27.7, 23.5, 20.3, 20.8, 23.5, 38.9, 61.4, 73.6, 75.7, 82.7, 87.1, 88.4, 89.7,
        89.3, 85.5, 67.5, 53.6, 47.7, 45.0, 45.9, 44.6, 43.8,
    ];

    /// A week with this mean over all its hours. `hours` are relative; `start`, less than a week,
    /// is where the rollout starts, counted from Monday midnight. `None` when a figure is negative
    /// or not finite, all are zero, or `start` is too late.
    pub fn new(mean: Rate, hours: &[f64; 24], weekend: f64, start: Span) -> Option<Week> {
        let relative: Vec<f64> = (0..HOURS)
            .map(|hour| hours[hour % 24] * if hour < 5 * 24 { 1.0 } else { weekend })
            .collect();
        let possible = |rate: &f64| rate.is_finite() && *rate >= 0.0;
        let total: f64 = relative.iter().sum();
        if !relative.iter().all(possible) || total <= 0.0 || start.as_secs_f64() >= WEEK {
            return None;
        }
        // Trapezoids on an even periodic grid: the mean is that of the points.
        let factor = mean.get() * HOURS as f64 / total;
        let rates: Vec<f64> = relative.iter().map(|value| value * factor).collect();
        Some(Week::of(rates, start))
    }

    fn of(rates: Vec<f64>, start: Span) -> Week {
        let mut sum = 0.0;
        let mut sums = Vec::with_capacity(HOURS + 1);
        sums.push(sum);
        for hour in 0..HOURS {
            sum += HOUR * (rates[hour] + rates[(hour + 1) % HOURS]) / 2.0;
            sums.push(sum);
        }
        Week { rates, sums, start }
    }

    /// Mean over the week in requests per second.
    pub fn mean(&self) -> f64 {
        self.sums[HOURS] / WEEK
    }

    /// Highest rate over lowest of the week.
    pub fn peak_over_trough(&self) -> f64 {
        let lowest = self.rates.iter().copied().fold(f64::INFINITY, f64::min);
        self.highest() / lowest
    }

    /// Where the rollout starts, counted from Monday midnight.
    pub fn start(&self) -> Span {
        self.start
    }

    fn highest(&self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }

    /// Whole weeks, the point of the week and the seconds since that point, `t` seconds after the
    /// start of the rollout.
    fn place(&self, t: f64) -> (f64, usize, f64) {
        // From the middle of the first hour of the week before, so that it is not negative.
        let since = t + self.start.as_secs_f64() - HOUR / 2.0 + WEEK;
        let weeks = (since / WEEK).floor();
        let within = since - weeks * WEEK;
        let point = ((within / HOUR) as usize).min(HOURS - 1);
        (weeks, point, within - point as f64 * HOUR)
    }

    fn slope(&self, point: usize) -> f64 {
        (self.rates[(point + 1) % HOURS] - self.rates[point]) / HOUR
    }

    /// Requests per second.
    pub(super) fn rate(&self, t: f64) -> f64 {
        let (_, point, after) = self.place(t);
        self.rates[point] + self.slope(point) * after
    }

    /// Rate and its slope at `t`, and until when the slope holds.
    pub(super) fn line(&self, t: f64) -> (f64, f64, f64) {
        let (weeks, point, after) = self.place(t);
        let end = (weeks - 1.0) * WEEK + (point as f64 + 1.5) * HOUR - self.start.as_secs_f64();
        let slope = self.slope(point);
        (self.rates[point] + slope * after, slope, end)
    }

    /// Requests expected from some moment to `t`; only differences mean anything.
    pub(super) fn cumulative(&self, t: f64) -> f64 {
        let (weeks, point, after) = self.place(t);
        let line = self.rates[point] * after + self.slope(point) * after * after / 2.0;
        weeks * self.sums[HOURS] + self.sums[point] + line
    }

    /// The highest rate between two instants.
    pub(super) fn bound(&self, from: f64, to: f64) -> f64 {
        if to - from >= WEEK {
            return self.highest();
        }
        let mut highest = self.rate(from).max(self.rate(to));
        let mut t = self.line(from).2;
        while t < to {
            highest = highest.max(self.rate(t));
            t += HOUR;
        }
        highest
    }

    pub(super) fn is_constant(&self) -> bool {
        self.rates.iter().all(|rate| *rate == self.rates[0])
    }

    pub(super) fn scaled(&self, factor: f64) -> Week {
        let rates = self.rates.iter().map(|rate| rate * factor).collect();
        Week::of(rates, self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(start: Span) -> Week {
        Week::new(Rate::per_second(100.0).unwrap(), &Week::NASA, 0.6, start).unwrap()
    }

    #[test]
    fn the_week_has_the_shape_that_was_measured() {
        let week = week(Span::ZERO);
        let day =
            |day: f64| week.cumulative((day + 1.0) * 86_400.0) - week.cumulative(day * 86_400.0);
        let working = (0..5).map(|d| day(f64::from(d))).sum::<f64>() / 5.0;
        let weekend = (5..7).map(|d| day(f64::from(d))).sum::<f64>() / 2.0;
        // 45,871 requests on a day of the weekend against 76,142.
        assert!(
            (weekend / working - 0.60).abs() < 0.03,
            "{}",
            weekend / working
        );
        // By the hour on a Wednesday.
        let hours: Vec<f64> = (48..72)
            .map(|hour| f64::from(hour) * HOUR)
            .map(|t| week.cumulative(t + HOUR) - week.cumulative(t))
            .collect();
        let high = hours.iter().copied().fold(0.0, f64::max);
        let low = hours.iter().copied().fold(f64::INFINITY, f64::min);
        assert!((high / low - 4.4).abs() < 0.3, "{}", high / low);
        assert!((13..=15).contains(&hours.iter().position(|hour| *hour == high).unwrap()));
    }

    #[test]
    fn a_week_repeats_and_keeps_its_mean_wherever_it_starts() {
        for start in [0, 1_000, 112 * 3_600, 604_799] {
            let week = week(Span::from_secs(start));
            for from in [0.0, 5_000.0, 604_799.5] {
                let sum = week.cumulative(from + WEEK) - week.cumulative(from);
                assert!((sum / WEEK - 100.0).abs() < 1e-9, "{start} {from}: {sum}");
                assert!((week.rate(from) - week.rate(from + WEEK)).abs() < 1e-6);
            }
        }
        assert_eq!(
            week(Span::from_secs(3_600)).rate(0.0),
            week(Span::ZERO).rate(3_600.0)
        );
    }

    #[test]
    fn impossible_weeks_are_refused() {
        let mean = Rate::per_second(1.0).unwrap();
        let week = |hours: f64, weekend, start| {
            Week::new(mean, &[hours; 24], weekend, Span::from_secs(start))
        };
        assert_eq!(week(-1.0, 1.0, 0), None);
        assert_eq!(week(0.0, 1.0, 0), None);
        assert_eq!(week(1.0, f64::NAN, 0), None);
        assert_eq!(week(1.0, 1.0, 604_800), None);
        assert!(week(1.0, 1.0, 0).unwrap().is_constant());
    }
}
