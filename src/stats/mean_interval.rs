//! An interval for the mean of a skewed sample.

use super::{Interval, mean, normal_quantile, standard_deviation};

/// Interval for the mean of the distribution that a sample comes from, at two-sided `confidence`. `None`
/// with fewer than two values. Where all are the same it is that value alone.
///
/// The studentised mean t = (x̄ - μ)/s is as skewed as the values are, which shifts the error of the
/// symmetric interval to one side. The cubic transformation g(t) = t + γt²/3 + γ²t³/27 + γ/(6n), with
/// the sample skewness γ, takes that out up to O(1/n), and is monotone, so it can be undone:
/// μ = x̄ - s·g⁻¹(±z/√n) with g⁻¹(y) = (3/γ)·((1 + γ(y - γ/(6n)))^⅓ - 1). (Hall 1992, On the removal of
/// skewness by transformation.)
pub fn mean_interval(sample: &[f64], confidence: f64) -> Option<Interval> {
    if sample.len() < 2 {
        return None;
    }
    let n = sample.len() as f64;
    let (mean, deviation) = (mean(sample), standard_deviation(sample));
    let reach = normal_quantile(0.5 + confidence / 2.0) / n.sqrt();
    let cubes: f64 = sample.iter().map(|value| (value - mean).powi(3)).sum();
    let skewness = cubes / n / deviation.powi(3);
    let back = |y: f64| {
        // Without skewness the transformation is the identity; with as little, rounding would rule.
        if skewness.is_nan() || skewness.abs() < 1e-6 {
            return y;
        }
        let inner = 1.0 + skewness * (y - skewness / (6.0 * n));
        3.0 / skewness * (inner.cbrt() - 1.0)
    };
    Some(Interval {
        low: mean - deviation * back(reach),
        high: mean - deviation * back(-reach),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn a_symmetric_sample_has_the_plain_interval() {
        let sample: Vec<f64> = (-50..=50).map(f64::from).collect();
        let interval = mean_interval(&sample, 0.95).unwrap();
        let reach = 1.959_963_985 * standard_deviation(&sample) / 101.0_f64.sqrt();
        assert!((interval.high - reach).abs() < 1e-6, "{interval:?}");
        assert!((interval.low + reach).abs() < 1e-6, "{interval:?}");
    }

    #[test]
    fn equal_values_are_their_own_interval_and_one_has_none() {
        let interval = mean_interval(&[3.0; 40], 0.99).unwrap();
        assert_eq!((interval.low, interval.high), (3.0, 3.0));
        assert_eq!(mean_interval(&[3.0], 0.99), None);
    }

    #[test]
    fn both_tails_of_a_skewed_mean_are_as_rare_as_they_say() {
        // Squares of exponential values: mean 2, skewness 6.6. 4,000 samples of 500, two tails of 2.5 %
        // each: standard error 0.25 points. The symmetric interval lies too low in 5.8 % of them.
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        let (mut below, mut above, mut plain) = (0, 0, 0);
        for _ in 0..4_000 {
            let sample: Vec<f64> = (0..500)
                .map(|_| (1.0 - random.random::<f64>()).ln().powi(2))
                .collect();
            let interval = mean_interval(&sample, 0.95).unwrap();
            below += u32::from(interval.high < 2.0);
            above += u32::from(interval.low > 2.0);
            let error = standard_deviation(&sample) / 500.0_f64.sqrt();
            plain += u32::from(mean(&sample) + 1.96 * error < 2.0);
        }
        let share = |count: u32| f64::from(count) / 4_000.0;
        assert!(share(below) < 0.045, "{}", share(below));
        assert!(share(above) < 0.035, "{}", share(above));
        assert!(share(plain) > share(below) + 0.005, "{}", share(plain));
    }

    proptest! {
        #[test]
        fn the_interval_grows_with_the_confidence(
            sample in prop::collection::vec(0.0..50.0_f64, 20..80),
        ) {
            let narrow = mean_interval(&sample, 0.9).unwrap();
            let wide = mean_interval(&sample, 0.999).unwrap();
            prop_assert!(narrow.low <= narrow.high);
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
        }
    }
}
