//! The clock of requests: from requests expected to instants.

use super::flash::Part;
use super::{Path, Profile};
use crate::base::{Span, Time};

/// Finds the instants at which given numbers of requests are expected: it inverts the integral of
/// the rate. Times are seconds since the start of the rollout. They may be negative: before the
/// rollout the rate is that of the profile at the start, with a factor of 1.
///
/// Drive it forwards: `now = clock.advance(now, gaps.draw(stream), end)?`. It keeps the piece that
/// it is in, so that most requests cost one comparison and one division; going back is allowed, and
/// costs a search.
#[derive(Debug, Clone)]
pub struct Clock<'w> {
    profile: &'w Profile,
    path: Option<&'w Path>,
    piece: Piece,
    /// The piece of the path that `piece` lies in.
    index: usize,
}

/// A stretch of time on which the rate is one line, or one curve of the profile.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: f64,
    end: f64,
    /// Rate at the start, in requests per second.
    rate: f64,
    /// Change of the rate per second.
    slope: f64,
    /// `Some(factor)` where the rate is a curve: `factor` times the profile.
    curve: Option<f64>,
}

impl<'w> Clock<'w> {
    /// A clock for a profile and the path of a trial.
    pub fn new(profile: &'w Profile, path: Option<&'w Path>) -> Clock<'w> {
        Clock {
            profile,
            path,
            piece: Piece {
                // Finite: times a slope of zero it must be zero.
                start: f64::MIN,
                end: 0.0,
                rate: profile.rate(Time::START),
                slope: 0.0,
                curve: None,
            },
            index: 0,
        }
    }

    /// The instant after `from` until which `expected` more requests are expected; `None` when it
    /// is not before `until`.
    #[inline]
    pub fn advance(&mut self, from: f64, expected: f64, until: f64) -> Option<f64> {
        let piece = &self.piece;
        if piece.slope == 0.0 && piece.curve.is_none() && from >= piece.start {
            let at = from + expected / piece.rate;
            if at < piece.end {
                return (at < until).then_some(at);
            }
        }
        self.search(from, expected, until)
    }

    fn search(&mut self, from: f64, expected: f64, until: f64) -> Option<f64> {
        let mut now = from;
        let mut rest = expected;
        while now < until {
            self.enter(now);
            let whole = self.piece.expected(self.profile, now, self.piece.end);
            if rest <= whole && whole > 0.0 {
                let at = self.piece.invert(self.profile, now, rest);
                return (at < until).then_some(at);
            }
            rest -= whole;
            now = self.piece.end;
        }
        None
    }

    /// Requests per second at `now`.
    pub fn rate(&mut self, now: f64) -> f64 {
        self.enter(now);
        let piece = &self.piece;
        match piece.curve {
            None => piece.rate + piece.slope * (now - piece.start).max(0.0),
            Some(factor) => factor * self.profile.rate(Time::START + Span::from_secs_f64(now)),
        }
    }

    /// Requests expected from `from` to `to`.
    pub fn expected(&mut self, from: f64, to: f64) -> f64 {
        let mut now = from;
        let mut sum = 0.0;
        while now < to {
            self.enter(now);
            let end = self.piece.end.min(to);
            sum += self.piece.expected(self.profile, now, end);
            now = end;
        }
        sum
    }

    /// Makes the piece that holds `now` the current one.
    fn enter(&mut self, now: f64) {
        if now >= self.piece.start && now < self.piece.end {
            return;
        }
        if now < 0.0 {
            *self = Clock::new(self.profile, self.path);
            return;
        }
        let (factor, change) = self.factor(now);
        let (rate, slope, end) = line(self.profile, now);
        self.piece = Piece {
            start: now,
            end: end.min(change),
            rate: rate * factor,
            slope: slope.unwrap_or(0.0) * factor,
            curve: slope.is_none().then_some(factor),
        };
    }

    /// The path's factor at `now`, and until when it holds.
    fn factor(&mut self, now: f64) -> (f64, f64) {
        let Some(path) = self.path else {
            return (1.0, f64::INFINITY);
        };
        let seconds = |time: Time| match time {
            Time::NEVER => f64::INFINITY,
            time => time.as_secs_f64(),
        };
        if now < self.piece.start {
            self.index = 0;
        }
        // Mostly the same piece or the next one; else by halving. Edges are compared in seconds:
        // rounded to nanoseconds, an instant might fall back behind the edge that it has reached.
        for _ in 0..4 {
            let (factor, end) = path.piece(self.index);
            if now < seconds(end) {
                return (factor, seconds(end));
            }
            self.index += 1;
        }
        let (mut low, mut high) = (self.index, path.pieces());
        while low < high {
            let middle = low.midpoint(high);
            if now < seconds(path.piece(middle).1) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        self.index = low;
        let (factor, end) = path.piece(low);
        (factor, seconds(end))
    }
}

impl Piece {
    fn expected(&self, profile: &Profile, from: f64, to: f64) -> f64 {
        if let Some(factor) = self.curve {
            if to == f64::INFINITY {
                // No curve dies out.
                return f64::INFINITY;
            }
            return factor * (profile.cumulative(to) - profile.cumulative(from));
        }
        if self.slope == 0.0 {
            return if self.rate == 0.0 {
                0.0
            } else {
                self.rate * (to - from)
            };
        }
        let length = to - from;
        let here = self.rate + self.slope * (from - self.start);
        ((here + self.slope * length / 2.0) * length).max(0.0)
    }

    /// When `expected` more are expected; they are before the end of the piece.
    fn invert(&self, profile: &Profile, from: f64, expected: f64) -> f64 {
        if let Some(factor) = self.curve {
            return invert_curve(profile, from, self.end, expected / factor);
        }
        if self.slope == 0.0 {
            return (from + expected / self.rate).min(self.end);
        }
        let here = self.rate + self.slope * (from - self.start);
        // The root of slope · x² / 2 + here · x = expected without cancellation.
        let root = (here * here + 2.0 * self.slope * expected).max(0.0).sqrt();
        (from + 2.0 * expected / (here + root)).min(self.end)
    }
}

/// The profile's rate at `now`, its slope, and until when that holds; no slope where the rate is a
/// curve.
fn line(profile: &Profile, now: f64) -> (f64, Option<f64>, f64) {
    match profile {
        Profile::Constant(rate) => (rate.get(), Some(0.0), f64::INFINITY),
        Profile::Stepped(steps) => {
            let after = steps.partition_point(|(start, _)| start.as_secs_f64() <= now);
            let end = steps
                .get(after)
                .map_or(f64::INFINITY, |(start, _)| start.as_secs_f64());
            (steps[after.saturating_sub(1)].1.get(), Some(0.0), end)
        }
        Profile::Ramp { from, to, over } => {
            let over = over.as_secs_f64();
            if now >= over {
                return (to.get(), Some(0.0), f64::INFINITY);
            }
            let slope = (to.get() - from.get()) / over;
            (from.get() + slope * now, Some(slope), over)
        }
        Profile::Trace(trace) => {
            let width = trace.bin().as_secs_f64();
            let mut bin = (now / width) as u64;
            // Division may round down to the bin whose end has been reached.
            if (bin + 1) as f64 * width <= now {
                bin += 1;
            }
            (trace.rate(bin), Some(0.0), (bin + 1) as f64 * width)
        }
        Profile::Week(week) => {
            let (rate, slope, end) = week.line(now);
            if end > now {
                return (rate, Some(slope), end);
            }
            // The same at the edges of hours.
            let (rate, slope, _) = week.line(now + 1e-6);
            (rate, Some(slope), now + 1e-3)
        }
        Profile::Flash(flash) => match flash.part(now) {
            Part::Line(rate, slope, end) => (rate, Some(slope), end),
            Part::Decay if flash.base.get() > 0.0 => (0.0, None, f64::INFINITY),
            Part::Decay => (0.0, Some(0.0), f64::INFINITY),
        },
        Profile::Diurnal { mean, .. } if mean.get() > 0.0 => (0.0, None, f64::INFINITY),
        Profile::Diurnal { .. } => (0.0, Some(0.0), f64::INFINITY),
    }
}

/// Newton's method on the integral of a profile, kept within bounds by halving.
fn invert_curve(profile: &Profile, from: f64, end: f64, expected: f64) -> f64 {
    let before = profile.cumulative(from);
    let rate = |t: f64| profile.rate(Time::START + Span::from_secs_f64(t));
    let short = |t: f64| expected - (profile.cumulative(t) - before);
    let (mut low, mut high) = (from, end);
    if high == f64::INFINITY {
        let mut reach = 2.0 * expected / rate(from).max(1e-9);
        while short(from + reach) > 0.0 {
            reach *= 2.0;
        }
        high = from + reach;
    }
    let mut t = (from + expected / rate(from)).clamp(low, high);
    for _ in 0..100 {
        let missing = short(t);
        if missing > 0.0 {
            low = t;
        } else {
            high = t;
        }
        let next = t + missing / rate(t);
        let next = if next > low && next < high {
            next
        } else {
            low.midpoint(high)
        };
        // A nanosecond is the grain of time elsewhere.
        if (next - t).abs() < 1e-10 || high - low < 1e-10 {
            return next;
        }
        t = next;
    }
    t
}

#[cfg(test)]
mod tests;
