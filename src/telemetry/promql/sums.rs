//! Sums that keep what rounding loses.

/// Kahan's sum as Neumaier improved it (`promql/functions.go`, `kahanSumInc`).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    /// The sum of these.
    pub(super) fn over(values: &[f64]) -> Sum {
        let mut sum = Sum::default();
        for value in values {
            sum.add(*value);
        }
        sum
    }

    /// Adds a value.
    pub(super) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if sum.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += self.sum - sum + value;
        } else {
            self.lost += value - sum + self.sum;
        }
        self.sum = sum;
    }

    /// What the values come to.
    pub(super) fn total(self) -> f64 {
        if self.sum.is_infinite() {
            return self.sum;
        }
        self.sum + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounding_loses_is_kept() {
        assert_eq!(Sum::over(&[1.0, 1e100, 1.0, -1e100]).total(), 2.0);
        assert_eq!(Sum::over(&[f64::INFINITY, 1.0]).total(), f64::INFINITY);
        assert!(
            Sum::over(&[f64::INFINITY, f64::NEG_INFINITY])
                .total()
                .is_nan()
        );
    }
}
