//! Functions of the samples in a window (`promql/functions.go`).

use super::Semantics;
use super::rate::{Extrapolation, Kind};
use super::sums::Sum;

/// A function of a range vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OverTime {
    Avg,
    Changes,
    Count,
    Delta,
    Deriv,
    Idelta,
    Increase,
    Irate,
    Last,
    Max,
    Min,
    PredictLinear,
    Present,
    Quantile,
    Rate,
    Resets,
    Stddev,
    Stdvar,
    Sum,
}

/// A window's place, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Its end.
    pub(super) end: i64,
    /// Its length.
    pub(super) length: i64,
    /// The instant that is evaluated, which an offset sets apart from the end.
    pub(super) now: i64,
}

/// Nanoseconds in the whole milliseconds that Prometheus keeps.
pub(super) fn millis(nanos: i64) -> f64 {
    nanos.div_euclid(1_000_000) as f64
}

impl OverTime {
    /// Whether results keep the metric's name.
    pub(super) fn keeps_name(self) -> bool {
        self == OverTime::Last
    }

    /// The function's value over samples in order of time, all of them in the window; `None` where it
    /// has none. `number` is the argument of those that take one.
    pub(super) fn of(
        self,
        times: &[i64],
        values: &[f64],
        window: Span,
        number: f64,
        semantics: Semantics,
    ) -> Option<f64> {
        let last = *values.last()?;
        let count = values.len() as f64;
        Some(match self {
            OverTime::Rate => extrapolated(times, values, window, Kind::Counter, semantics)
                .map(|(rise, extrapolation)| extrapolation.rate_of(values[0], rise))?,
            OverTime::Increase => extrapolated(times, values, window, Kind::Counter, semantics)
                .map(|(rise, extrapolation)| extrapolation.increase(values[0], rise))?,
            OverTime::Delta => extrapolated(times, values, window, Kind::Gauge, semantics)
                .map(|(rise, extrapolation)| extrapolation.increase(values[0], rise))?,
            OverTime::Irate | OverTime::Idelta => return self.instant(times, values),
            OverTime::Changes => pairs(values)
                .filter(|(a, b)| a != b && !(a.is_nan() && b.is_nan()))
                .count() as f64,
            OverTime::Resets => pairs(values).filter(|(a, b)| b < a).count() as f64,
            OverTime::Count => count,
            OverTime::Present => 1.0,
            OverTime::Last => last,
            OverTime::Max => values.iter().copied().fold(values[0], |best, value| {
                if value > best || best.is_nan() {
                    value
                } else {
                    best
                }
            }),
            OverTime::Min => values.iter().copied().fold(values[0], |best, value| {
                if value < best || best.is_nan() {
                    value
                } else {
                    best
                }
            }),
            OverTime::Sum => Sum::over(values).total(),
            OverTime::Avg => average(values),
            OverTime::Quantile => quantile(number, &mut values.to_vec()),
            OverTime::Stddev => variance(values).sqrt(),
            OverTime::Stdvar => variance(values),
            OverTime::Deriv => {
                let first = *times.first()?;
                regression(times, values, first)?.0
            }
            OverTime::PredictLinear => {
                let (slope, intercept) = regression(times, values, window.now)?;
                slope * number + intercept
            }
        })
    }

    /// `irate` and `idelta`: the last two samples alone.
    fn instant(self, times: &[i64], values: &[f64]) -> Option<f64> {
        let [.., t0, t1] = times else { return None };
        let [.., v0, v1] = values else { return None };
        if self == OverTime::Idelta {
            return Some(v1 - v0).filter(|_| t0 != t1);
        }
        let rise = if v1 < v0 { *v1 } else { v1 - v0 };
        let seconds = (millis(*t1) - millis(*t0)) / 1_000.0;
        (seconds != 0.0).then(|| rise / seconds)
    }
}

fn pairs(values: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    values.windows(2).map(|pair| (pair[0], pair[1]))
}

/// How far the values rise and how that extends to the window.
fn extrapolated(
    times: &[i64],
    values: &[f64],
    window: Span,
    kind: Kind,
    semantics: Semantics,
) -> Option<(f64, Extrapolation)> {
    let ([first, .., last], [low, .., high]) = (times, values) else {
        return None;
    };
    let mut rise = high - low;
    if kind == Kind::Counter {
        for (a, b) in pairs(values) {
            if b < a {
                rise += a;
            }
        }
    }
    let extrapolation = Extrapolation::of_millis(
        [millis(*first), millis(*last), millis(window.end)],
        values.len() as u64,
        millis(window.length),
        kind,
        semantics,
    );
    Some((rise, extrapolation))
}

/// The mean, kept from overflowing.
pub(super) fn average(values: &[f64]) -> f64 {
    let total = Sum::over(values).total();
    if total.is_finite() || values.iter().any(|value| !value.is_finite()) {
        return total / values.len() as f64;
    }
    let mut mean = 0.0;
    for (place, value) in values.iter().enumerate() {
        mean += value / (place + 1) as f64 - mean / (place + 1) as f64;
    }
    mean
}

/// Between its neighbours in order, linear.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    // What is not a number comes first.
    values.sort_by(|a, b| a.is_nan().cmp(&b.is_nan()).reverse().then(a.total_cmp(b)));
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor().max(0.0) as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// Of a whole population, by Welford's method.
pub(super) fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut rest) = (Sum::default(), Sum::default());
    for (place, value) in values.iter().enumerate() {
        let delta = value - mean.total();
        mean.add(delta / (place + 1) as f64);
        rest.add(delta * (value - mean.total()));
    }
    rest.total() / values.len() as f64
}

/// Slope by seconds and value at `origin` of the line of least squares.
fn regression(times: &[i64], values: &[f64], origin: i64) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let (first, n) = (values[0], values.len() as f64);
    if values.iter().all(|value| *value == first) {
        return match first.is_infinite() {
            true => Some((f64::NAN, f64::NAN)),
            false => Some((0.0, first)),
        };
    }
    let (mut x, mut y) = (Sum::default(), Sum::default());
    let (mut xy, mut xx) = (Sum::default(), Sum::default());
    for (time, value) in times.iter().zip(values) {
        let at = (millis(*time) - millis(origin)) / 1e3;
        x.add(at);
        y.add(*value);
        xy.add(at * value);
        xx.add(at * at);
    }
    let (x, y, xy, xx) = (x.total(), y.total(), xy.total(), xx.total());
    let covariance = xy - x * y / n;
    let variance = xx - x * x / n;
    let slope = covariance / variance;
    Some((slope, y / n - slope * x / n))
}
