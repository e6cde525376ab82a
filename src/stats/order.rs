//! Quantiles of samples.

/// The `q`-quantile of values with weights: the smallest value at or below which at least the
/// share `q` of the weight lies, so always one of the values. Sorts the sample. `None` when there
/// is no weight.
pub fn weighted_quantile(sample: &mut [(f64, f64)], q: f64) -> Option<f64> {
    let total: f64 = sample.iter().map(|(_, weight)| weight).sum();
    if total.is_nan() || total <= 0.0 {
        return None;
    }
    sample.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rank = q * total;
    let mut below = 0.0;
    let mut answer = None;
    for (value, weight) in sample.iter().filter(|(_, weight)| *weight > 0.0) {
        below += weight;
        answer = Some(*value);
        // The sum of the weights may miss the total by rounding, and 0.9 times 10 may exceed 9.
        if below >= rank * (1.0 - 1e-12) {
            break;
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_and_the_ends_are_values_of_the_sample() {
        let mut sample = [(30.0, 1.0), (10.0, 1.0), (20.0, 1.0), (40.0, 1.0)];
        for (q, expected) in [
            (0.0, 10.0),
            (0.5, 20.0),
            (0.51, 30.0),
            (0.9, 40.0),
            (1.0, 40.0),
        ] {
            assert_eq!(weighted_quantile(&mut sample, q), Some(expected), "{q}");
        }
        let mut ten: Vec<_> = (1..=10).map(|k| (f64::from(k), 1.0)).collect();
        assert_eq!(weighted_quantile(&mut ten, 0.9), Some(9.0));
        assert_eq!(weighted_quantile(&mut [], 0.5), None);
        assert_eq!(weighted_quantile(&mut [(1.0, 0.0)], 0.5), None);
        assert_eq!(
            weighted_quantile(&mut [(1.0, 0.0), (2.0, 3.0)], 0.0),
            Some(2.0)
        );
    }

    proptest! {
        #[test]
        fn a_weight_counts_like_as_many_copies(
            counts in prop::collection::vec((0_u32..50, 1_u32..5), 1..20), q in 0.0..=1.0_f64,
        ) {
            let mut weighted: Vec<(f64, f64)> =
                counts.iter().map(|&(value, n)| (value.into(), n.into())).collect();
            let mut copies: Vec<(f64, f64)> = counts
                .iter()
                .flat_map(|&(value, n)| (0..n).map(move |_| (value.into(), 1.0)))
                .collect();
            prop_assert_eq!(weighted_quantile(&mut weighted, q), weighted_quantile(&mut copies, q));
        }
    }
}
