//! Quantiles of a sample with what is known of their error. Samples are in ascending order.

use super::beta::beta_regularised;
use super::binomial_above;

/// The estimate of Harrell and Davis of the `share`-quantile: all values, weighed by how likely each is
/// to be the quantile. `None` without values, or for a share that is not between 0 and 1.
/// (Harrell and Davis 1982.)
pub fn harrell_davis(sorted: &[f64], share: f64) -> Option<f64> {
    let n = sorted.len() as f64;
    let within = share > 0.0 && share < 1.0 && !sorted.is_empty();
    within.then(|| {
        let weights = weights(sorted, (n + 1.0) * share, (n + 1.0) * (1.0 - share));
        weights.map(|(weight, value)| weight * value).sum()
    })
}

/// The standard error of the `share`-quantile of a sample. `None` where the quantile is the first or the
/// last value. (Maritz and Jarrett 1978.)
pub fn maritz_jarrett(sorted: &[f64], share: f64) -> Option<f64> {
    let n = sorted.len() as f64;
    let rank = (n * share + 0.5).floor();
    if rank.is_nan() || rank - 1.0 <= 0.0 || n - rank <= 0.0 {
        return None;
    }
    // About some value, so that large values close together keep their digits.
    let about = sorted[(rank as usize - 1).min(sorted.len() - 1)];
    let (mut first, mut second) = (0.0, 0.0);
    for (weight, value) in weights(sorted, rank - 1.0, n - rank) {
        let off = value - about;
        first += weight * off;
        second += weight * off * off;
    }
    Some((second - first * first).max(0.0).sqrt())
}

/// Values with the chances that Beta(a, b) falls into each value's part of 0 to 1; those with hardly
/// any are left out.
fn weights(sorted: &[f64], a: f64, b: f64) -> impl Iterator<Item = (f64, f64)> {
    let n = sorted.len() as f64;
    let mean = a / (a + b);
    // Beyond, less than rounding leaves.
    let reach = 12.0 * (mean * (1.0 - mean) / (a + b + 1.0)).sqrt() + 40.0 / n;
    let place = |share: f64| ((share.clamp(0.0, 1.0) * n) as usize).min(sorted.len());
    let (start, end) = (place(mean - reach), place(mean + reach));
    let at = move |place: usize| match place {
        _ if place == start => 0.0,
        _ if place >= end => 1.0,
        _ => beta_regularised(a, b, place as f64 / n),
    };
    let mut below = 0.0;
    let weighed = (start..end).zip(&sorted[start..end]);
    weighed.map(move |(index, value)| {
        let up_to = at(index + 1);
        let weight = up_to - below;
        below = up_to;
        (weight, *value)
    })
}

/// Between which of the ordered values a quantile lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileRanks {
    /// Rank of the lower value, from 1; 0: no lower bound.
    pub lower: u64,
    /// Rank of the upper value; one more than there are values: no upper bound.
    pub upper: u64,
    /// How often such an interval holds the quantile of a continuous distribution, exactly.
    pub coverage: f64,
}

/// The ranks between which the `share`-quantile lies in at least `confidence` of all samples of `n`
/// values, with at most half of the rest on each side. Both shares lie between 0 and 1. `None` without
/// values.
pub fn quantile_ranks(n: u64, share: f64, confidence: f64) -> Option<QuantileRanks> {
    let tail = (1.0 - confidence) / 2.0;
    let up_to = |count: u64| 1.0 - binomial_above(n, count, share);
    let binomial_quantile = |q: f64| {
        let (mut low, mut high) = (0, n);
        while low < high {
            let middle = low + (high - low) / 2;
            match up_to(middle) >= q {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        low
    };
    (n > 0).then(|| {
        let (lower, upper) = (binomial_quantile(tail), binomial_quantile(1.0 - tail) + 1);
        let below = match lower {
            0 => 0.0,
            lower => up_to(lower - 1),
        };
        QuantileRanks {
            lower,
            upper,
            coverage: up_to(upper - 1) - below,
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::binomial;

    #[test]
    fn the_median_of_three_weighs_the_middle_most() {
        // Beta(2, 2): 7/27, 13/27, 7/27.
        let value = harrell_davis(&[0.0, 0.0, 27.0], 0.5).unwrap();
        assert!((value - 7.0).abs() < 1e-12);
        assert!((harrell_davis(&[0.0, 27.0, 27.0], 0.5).unwrap() - 20.0).abs() < 1e-12);
        assert_eq!(harrell_davis(&[], 0.5), None);
        assert_eq!(harrell_davis(&[1.0], 1.0), None);
        assert!((harrell_davis(&[4.0], 0.99).unwrap() - 4.0).abs() < 1e-12);
    }

    #[test]
    fn errors_of_extreme_quantiles_are_not_known() {
        assert_eq!(maritz_jarrett(&[1.0, 2.0, 3.0], 0.99), None);
        assert_eq!(maritz_jarrett(&[1.0, 2.0, 3.0], 0.01), None);
        assert_eq!(maritz_jarrett(&[], 0.5), None);
        assert_eq!(maritz_jarrett(&[5.0; 9], 0.5), Some(0.0));
        // 0 to 1: the median's error is 1/(2 sqrt(n)).
        let grid: Vec<f64> = (1..1_000).map(|k| f64::from(k) / 1_000.0).collect();
        let error = maritz_jarrett(&grid, 0.5).unwrap();
        assert!(
            (error * 2.0 * 999.0_f64.sqrt() - 1.0).abs() < 0.01,
            "{error}"
        );
    }

    #[test]
    fn large_samples_are_weighed_near_the_quantile_only() {
        let grid: Vec<f64> = (0..200_000).map(f64::from).collect();
        let value = harrell_davis(&grid, 0.99).unwrap();
        assert!((value - 198_000.0).abs() < 2.0, "{value}");
    }

    proptest! {
        #[test]
        fn ranks_cover_as_often_as_they_say(
            n in 1_u64..300, share in 0.01..0.99_f64, confidence in 0.5..0.999_f64,
        ) {
            let ranks = quantile_ranks(n, share, confidence).unwrap();
            let covered: f64 = (ranks.lower..ranks.upper).map(|k| binomial(n, k, share)).sum();
            prop_assert!((ranks.coverage - covered).abs() < 1e-9, "{ranks:?} {covered}");
            prop_assert!(ranks.coverage >= confidence - 1e-9, "{ranks:?}");
        }

        #[test]
        fn the_estimate_lies_within_the_sample(
            mut sample in prop::collection::vec(-50.0..50.0_f64, 1..60), share in 0.001..0.999_f64,
        ) {
            sample.sort_by(f64::total_cmp);
            let value = harrell_davis(&sample, share).unwrap();
            prop_assert!(sample[0] - 1e-9 <= value && value <= sample[sample.len() - 1] + 1e-9);
        }
    }
}
