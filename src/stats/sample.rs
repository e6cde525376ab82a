//! Figures of one sample.

/// The mean in two passes: the sum over the count, corrected by the mean deviation from it. Not a
/// number when there are none.
pub fn mean(sample: &[f64]) -> f64 {
    let count = sample.len() as f64;
    let first = sample.iter().sum::<f64>() / count;
    first + sample.iter().map(|value| value - first).sum::<f64>() / count
}

/// The standard deviation with one less than the count as divisor; 0 of fewer than two values.
pub fn standard_deviation(sample: &[f64]) -> f64 {
    if sample.len() < 2 {
        return 0.0;
    }
    let mean = mean(sample);
    let (mut squares, mut rest) = (0.0, 0.0);
    for value in sample {
        let deviation = value - mean;
        squares += deviation * deviation;
        rest += deviation;
    }
    let count = sample.len() as f64;
    ((squares - rest * rest / count) / (count - 1.0)).sqrt()
}

/// The `share`-quantile of values in ascending order, interpolated between neighbours: R's type 7.
/// `None` when there are none.
pub fn interpolated_quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.last()?;
    // Counted from 1, as the type is defined: the part between two values keeps its last digit.
    let place = 1.0 + (sorted.len() - 1) as f64 * share;
    let below = place.floor();
    let at = below as usize;
    Some(match (sorted.get(at.wrapping_sub(1)), sorted.get(at)) {
        (Some(low), Some(high)) => low + (place - below) * (high - low),
        _ => *last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_of_small_samples() {
        assert_eq!(mean(&[1.0, 2.0, 3.0, 6.0]), 3.0);
        assert!(
            (standard_deviation(&[1.0, 2.0, 3.0, 6.0]) - (14.0_f64 / 3.0).sqrt()).abs() < 1e-15
        );
        assert_eq!(standard_deviation(&[5.0]), 0.0);
        assert!(mean(&[]).is_nan());
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        let sorted = [10.0, 20.0, 30.0, 40.0];
        for (share, expected) in [(0.0, 10.0), (0.25, 17.5), (0.5, 25.0), (1.0, 40.0)] {
            assert_eq!(
                interpolated_quantile(&sorted, share),
                Some(expected),
                "{share}"
            );
        }
        assert_eq!(interpolated_quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(interpolated_quantile(&[], 0.5), None);
    }
}
