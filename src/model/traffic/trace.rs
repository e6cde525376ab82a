//! Rates that somebody recorded.

use crate::base::{Span, Time};

/// Recorded counts in bins of equal width, scaled to a mean rate. Within a bin the rate is constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    bin: Span,
    rates: Vec<f64>,
    /// Requests expected from the start of the trace to the end of bin k, at index k + 1.
    sums: Vec<f64>,
}

impl Trace {
    /// A trace of `rates` in requests per second, one for each `bin`; `None` when there are none,
    /// one is negative or not finite, or a bin has no length.
    pub fn new(bin: Span, rates: Vec<f64>) -> Option<Trace> {
        let possible = |rate: &f64| rate.is_finite() && *rate >= 0.0;
        if bin.is_zero() || rates.is_empty() || !rates.iter().all(possible) {
            return None;
        }
        let width = bin.as_secs_f64();
        let mut total = 0.0;
        let mut sums = Vec::with_capacity(rates.len() + 1);
        sums.push(total);
        for rate in &rates {
            total += rate * width;
            sums.push(total);
        }
        Some(Trace { bin, rates, sums })
    }

    /// Width of a bin.
    pub fn bin(&self) -> Span {
        self.bin
    }

    /// Requests per second in each bin.
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// Mean over the whole trace in requests per second.
    pub fn mean(&self) -> f64 {
        self.sums[self.rates.len()] / (self.bin.as_secs_f64() * self.rates.len() as f64)
    }

    /// The same trace with every rate multiplied.
    pub(super) fn scaled(&self, factor: f64) -> Trace {
        let scale = |values: &[f64]| values.iter().map(|value| value * factor).collect();
        Trace {
            bin: self.bin,
            rates: scale(&self.rates),
            sums: scale(&self.sums),
        }
    }

    pub(super) fn rate(&self, bin: u64) -> f64 {
        self.rates[(bin % self.rates.len() as u64) as usize]
    }

    /// Requests expected in whole bins: from the start of bin `from` to the start of bin `to`,
    /// counted over repetitions.
    fn whole_bins(&self, from: u64, to: u64) -> f64 {
        let length = self.rates.len() as u64;
        let before = |bin: u64| self.sums[(bin % length) as usize];
        let repeats = (to / length - from / length) as f64;
        before(to) - before(from) + repeats * self.sums[self.rates.len()]
    }

    /// Requests expected from `from` to `to`.
    pub(super) fn expected(&self, from: Time, to: Time) -> f64 {
        let width = self.bin.as_nanos();
        let (first, last) = (from.as_nanos() / width, to.as_nanos() / width);
        if first == last {
            return self.rate(first) * to.since(from).as_secs_f64();
        }
        let head = Span::from_nanos((first + 1) * width - from.as_nanos());
        let tail = Span::from_nanos(to.as_nanos() - last * width);
        self.rate(first) * head.as_secs_f64()
            + self.whole_bins(first + 1, last)
            + self.rate(last) * tail.as_secs_f64()
    }
}
