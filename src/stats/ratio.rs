//! Means, their standard errors, and the ratio of two of them.

use super::{ZTest, normal_upper};

/// An estimated mean and the variance of the estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The estimate.
    pub value: f64,
    /// Its variance: a standard error squared.
    pub variance: f64,
}

/// Sums over clusters of like trials, such as those of one user: of a cluster with n trials whose
/// values add up to x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clusters {
    /// Clusters.
    pub clusters: f64,
    /// Sum of n.
    pub trials: f64,
    /// Sum of x.
    pub sum: f64,
    /// Sum of n².
    pub trials_squared: f64,
    /// Sum of n · x.
    pub cross: f64,
    /// Sum of x².
    pub sum_squared: f64,
}

impl Mean {
    /// Of so many independent trials with this sum of values and of squared values. `None` below
    /// two trials.
    pub fn of_independent(trials: f64, sum: f64, squares: f64) -> Option<Mean> {
        let value = sum / trials;
        // Rounding may leave a little less than nothing.
        let spread = (squares - sum * value).max(0.0) / (trials - 1.0);
        (trials > 1.0).then(|| Mean {
            value,
            variance: spread / trials,
        })
    }

    /// Of trials that are independent only between clusters: the ratio estimator Σx/Σn with its
    /// linearised variance, U/(U - 1) · Σ(x - value · n)² / (Σn)² over U clusters. `None` below two
    /// clusters. (Cochran, *Sampling Techniques*, 2.11 and 9A.)
    pub fn of_clusters(of: Clusters) -> Option<Mean> {
        let value = of.sum / of.trials;
        let residuals = of.sum_squared - 2.0 * value * of.cross + value * value * of.trials_squared;
        let unbiased = of.clusters / (of.clusters - 1.0);
        (of.clusters > 1.0 && of.trials > 0.0).then(|| Mean {
            value,
            variance: unbiased * residuals.max(0.0) / (of.trials * of.trials),
        })
    }

    /// This mean divided by another, independent one, by the delta method: the variance is
    /// (v₁ + r²·v₂) / m₂². `None` when the other is not above zero.
    pub fn over(self, other: Mean) -> Option<Mean> {
        let value = self.value / other.value;
        let variance =
            (self.variance + value * value * other.variance) / (other.value * other.value);
        (other.value > 0.0).then_some(Mean { value, variance })
    }
}

/// Are two independent means the same? `None` where neither has an error.
pub fn mean_difference_z(first: Mean, second: Mean) -> Option<ZTest> {
    let z = (first.value - second.value) / (first.variance + second.variance).sqrt();
    z.is_finite().then(|| ZTest {
        z,
        p: normal_upper(z),
    })
}

/// By how much trials that come in clusters of `size` with this correlation within inflate the variance
/// of their mean; divide a z by its root. Where sizes differ, the size is Σm²/Σm. (Kish 1965.)
pub fn design_effect(size: f64, correlation: f64) -> f64 {
    1.0 + (size - 1.0) * correlation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_independent_values() {
        // 1, 2, 3, 6: mean 3, variance 14/3, of the mean 14/12.
        let mean = Mean::of_independent(4.0, 12.0, 50.0).unwrap();
        assert_eq!(mean.value, 3.0);
        assert!((mean.variance - 14.0 / 12.0).abs() < 1e-12);
        assert_eq!(Mean::of_independent(1.0, 3.0, 9.0), None);
        assert_eq!(Mean::of_independent(0.0, 0.0, 0.0), None);
    }

    #[test]
    fn clusters_of_one_trial_are_independent_trials() {
        let single = Clusters {
            clusters: 4.0,
            trials: 4.0,
            sum: 12.0,
            trials_squared: 4.0,
            cross: 12.0,
            sum_squared: 50.0,
        };
        let (a, b) = (
            Mean::of_clusters(single).unwrap(),
            Mean::of_independent(4.0, 12.0, 50.0).unwrap(),
        );
        assert_eq!(a.value, b.value);
        assert!((a.variance - b.variance).abs() < 1e-12);
    }

    #[test]
    fn clusters_of_equal_values_count_as_one_trial_each() {
        // The same four values, each ten times over by one user: ten times the trials, the same
        // knowledge.
        let repeated = Clusters {
            clusters: 4.0,
            trials: 40.0,
            sum: 120.0,
            trials_squared: 400.0,
            cross: 1_200.0,
            sum_squared: 5_000.0,
        };
        let mean = Mean::of_clusters(repeated).unwrap();
        assert_eq!(mean.value, 3.0);
        assert!((mean.variance - 14.0 / 12.0).abs() < 1e-12);
    }

    #[test]
    fn clusters_that_agree_within_count_as_one_trial_each() {
        assert_eq!(design_effect(20.0, 0.0), 1.0);
        assert_eq!(design_effect(20.0, 1.0), 20.0);
        assert_eq!(design_effect(1.0, 0.7), 1.0);
        let of = |value, variance| Mean { value, variance };
        let test = mean_difference_z(of(3.0, 0.09), of(2.0, 0.16)).unwrap();
        assert!((test.z - 2.0).abs() < 1e-12);
        assert_eq!(mean_difference_z(of(3.0, 0.0), of(2.0, 0.0)), None);
    }

    #[test]
    fn a_ratio_carries_both_errors() {
        let (first, second) = (
            Mean {
                value: 3.0,
                variance: 0.09,
            },
            Mean {
                value: 2.0,
                variance: 0.01,
            },
        );
        let ratio = first.over(second).unwrap();
        assert_eq!(ratio.value, 1.5);
        // Relative: 1/100 + 1/400, of 2.25.
        assert!((ratio.variance - 2.25 * 0.0125).abs() < 1e-12);
        assert_eq!(
            first.over(Mean {
                value: 0.0,
                variance: 0.0
            }),
            None
        );
    }
}
