//! Values rather than events: quantiles, ranks, means.

use super::super::normal_quantile;
use super::{Risks, inside};

/// A log-normal quantile and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormalQuantile {
    /// The quantile.
    pub value: f64,
    /// Density there.
    pub density: f64,
    /// Standard error of the estimate: sqrt(p(1 - p)/n) over the density.
    pub standard_error: f64,
}

/// The `p`-quantile of exp(`mu` + `sigma` · z) estimated from `n` values, asymptotically. `None`
/// unless p is inside (0, 1), and sigma and n are above 0.
pub fn log_normal_quantile(p: f64, mu: f64, sigma: f64, n: f64) -> Option<LogNormalQuantile> {
    if !(inside(p) && mu.is_finite() && sigma > 0.0 && n > 0.0) {
        return None;
    }
    let z = normal_quantile(p);
    let value = (mu + sigma * z).exp();
    let density = normal_density(z) / (sigma * value);
    Some(LogNormalQuantile {
        value,
        density,
        standard_error: (p * (1.0 - p) / n).sqrt() / density,
    })
}

/// Values of both arms that show the `p`-quantile of log-normal values with this `sigma` grown by
/// `factor` in the first: (z_a + z_b)² (c · sigma / ln factor)² / (w(1 - w)), where
/// c = sqrt(p(1 - p))/phi(z_p).
pub fn quantile_growth(p: f64, sigma: f64, factor: f64, share: f64, risks: Risks) -> Option<f64> {
    let grows = factor > 0.0 && factor.is_finite() && factor != 1.0;
    if !(inside(p) && inside(share) && sigma > 0.0 && grows) {
        return None;
    }
    let one = risks.distance() * spread_of_quantile(p) * sigma / factor.ln();
    Some(one * one / (share * (1.0 - share)))
}

/// The factor that `total` values show: the inverse of [`quantile_growth`].
pub fn quantile_growth_seen(
    p: f64,
    sigma: f64,
    total: f64,
    share: f64,
    risks: Risks,
) -> Option<f64> {
    if !(inside(p) && inside(share) && sigma > 0.0 && total > 0.0) {
        return None;
    }
    let one = risks.distance() * spread_of_quantile(p) * sigma;
    Some((one / (total * share * (1.0 - share)).sqrt()).exp())
}

/// Values of both arms for the rank-sum test, where a value of the first arm exceeds one of the
/// second with chance `exceeds`. (Noether, Sample size determination for some common nonparametric
/// tests, 1987.)
pub fn rank_sum(exceeds: f64, share: f64, risks: Risks) -> Option<f64> {
    if !(inside(exceeds) && inside(share)) || exceeds == 0.5 {
        return None;
    }
    let one = risks.distance() / (exceeds - 0.5);
    Some(one * one / (12.0 * share * (1.0 - share)))
}

/// Values of both arms for Welch's t test on means that differ by `difference`, with variance
/// `first` and `second` in the arms.
pub fn welch(first: f64, second: f64, difference: f64, share: f64, risks: Risks) -> Option<f64> {
    let spread = first + second * share / (1.0 - share);
    if !(inside(share) && spread > 0.0 && spread.is_finite() && difference.is_finite())
        || difference == 0.0
    {
        return None;
    }
    let one = risks.distance() / difference;
    Some(one * one * spread / share)
}

/// Standard deviation of a quantile of one value, in standard deviations of the logarithm.
fn spread_of_quantile(p: f64) -> f64 {
    (p * (1.0 - p)).sqrt() / normal_density(normal_quantile(p))
}

fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::normal_upper;

    fn risks() -> Risks {
        Risks::new(0.05, 0.8).unwrap()
    }

    #[test]
    fn quantiles_grow_visibly_after_as_many_values_as_tables_say() {
        // Values of the first arm at sigma 0.5 where its share is small, for +10 % and +25 %.
        for (p, tenth, quarter) in [
            (0.5, 267.0, 49.0),
            (0.9, 497.0, 91.0),
            (0.95, 760.0, 139.0),
            (0.99, 2_371.0, 433.0),
            (0.999, 14_993.0, 2_735.0),
        ] {
            for (factor, expected) in [(1.1, tenth), (1.25, quarter)] {
                let share = 1e-9;
                let total = quantile_growth(p, 0.5, factor, share, risks()).unwrap();
                assert!(
                    (total * share - expected).abs() <= 0.5 + 1e-3,
                    "{p} {factor}"
                );
                let seen = quantile_growth_seen(p, 0.5, total, share, risks()).unwrap();
                assert!((seen - factor).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_shift_is_seen_by_ranks() {
        let exceeds = 1.0 - normal_upper(1.1_f64.ln() / (0.5 * 2_f64.sqrt()));
        assert!((exceeds - 0.5536).abs() < 5e-5);
        let total = rank_sum(exceeds, 0.05, risks()).unwrap();
        assert!((total - 3_774.0).abs() < 1.0, "{total}");
        assert_eq!(rank_sum(0.5, 0.05, risks()), None);
    }

    #[test]
    fn means_of_equal_spread_need_what_the_z_test_does() {
        // 2 (z_a + z_b)² values an arm for a difference of one standard deviation.
        let total = welch(1.0, 1.0, 1.0, 0.5, risks()).unwrap();
        assert!((total - 4.0 * 6.182_557_231_991_22).abs() < 1e-9, "{total}");
        assert_eq!(welch(1.0, 1.0, 0.0, 0.5, risks()), None);
    }
}
