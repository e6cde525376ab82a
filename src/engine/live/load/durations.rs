//! Histograms of lengths of time, to three digits from 64 ns to an hour.

use hdrhistogram::{CreationError, Histogram};

use crate::base::Span;

/// How long things took.
#[derive(Debug, Clone)]
pub struct Durations(Histogram<u64>);

/// Nanoseconds: what lies below is told apart no more, what lies above counts as this.
const SHORTEST: u64 = 64;
const LONGEST: u64 = 3_600_000_000_000;

impl Durations {
    /// None so far. All memory is taken here: recording takes none.
    ///
    /// # Errors
    /// Never, while the bounds are what they are.
    pub fn new() -> Result<Durations, CreationError> {
        Histogram::new_with_bounds(SHORTEST, LONGEST, 3).map(Durations)
    }

    /// Counts one; more than an hour counts as an hour.
    #[inline]
    pub fn record(&mut self, took: Span) {
        self.0.saturating_record(took.as_nanos());
    }

    /// How many were counted.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value that a share (0 to 1) of them does not exceed, to three digits; `None` when nothing
    /// was counted.
    pub fn quantile(&self, share: f64) -> Option<Span> {
        (!self.0.is_empty()).then(|| Span::from_nanos(self.0.value_at_quantile(share)))
    }

    /// The longest, to three digits.
    pub fn max(&self) -> Option<Span> {
        (!self.0.is_empty()).then(|| Span::from_nanos(self.0.max()))
    }

    /// The mean, to three digits.
    pub fn mean(&self) -> Option<Span> {
        (!self.0.is_empty()).then(|| Span::from_secs_f64(self.0.mean() / 1e9))
    }

    /// Forgets everything, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.0.reset();
    }

    /// What is written to logs: values are nanoseconds.
    pub(super) fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_three_digits() {
        let mut durations = Durations::new().unwrap();
        assert_eq!(durations.quantile(0.5), None);
        for micros in 1..=10_000_u64 {
            durations.record(Span::from_nanos(micros * 1_000));
        }
        durations.record(Span::from_secs(100_000));
        assert_eq!(durations.len(), 10_001);
        for (share, micros) in [(0.5, 5_000.0), (0.99, 9_900.0), (0.999, 9_990.0)] {
            let found = durations.quantile(share).unwrap().as_secs_f64() * 1e6;
            assert!((found / micros - 1.0_f64).abs() < 2e-3, "{share}: {found}");
        }
        let max = durations.max().unwrap().as_secs_f64();
        assert!((max / 3_600.0 - 1.0).abs() < 2e-3, "{max}");
        durations.clear();
        assert!(durations.is_empty());
    }
}
