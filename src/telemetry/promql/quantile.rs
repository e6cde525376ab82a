//! `histogram_quantile` over classic buckets.

/// The `q`-quantile of a classic histogram: `bounds` are the finite upper bounds in order,
/// `cumulative` the counts (or rates) at or below each, with the `+Inf` bucket's last. The slice
/// is made monotonic in place, as Prometheus does. Not a number when nothing was counted.
pub fn histogram_quantile(q: f64, bounds: &[f64], cumulative: &mut [f64]) -> f64 {
    quantile_of_buckets(q, bounds, cumulative, true)
}

/// The same; `tolerant` to counts that differ by a rounding, as since Prometheus 2.49.
pub(super) fn quantile_of_buckets(
    q: f64,
    bounds: &[f64],
    cumulative: &mut [f64],
    tolerant: bool,
) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let last = bounds.len();
    if last == 0 || cumulative.len() != last + 1 {
        return f64::NAN;
    }
    make_monotonic(cumulative, tolerant);
    let total = cumulative[last];
    if total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    let rank = q * total;
    // Prometheus looks for `count >= rank`, which what is not a number never is.
    let bucket = cumulative[..last].partition_point(|count| *count < rank || count.is_nan());
    if bucket == last {
        return bounds[last - 1];
    }
    if bucket == 0 && bounds[0] <= 0.0 {
        return bounds[0];
    }
    let below = if bucket == 0 {
        0.0
    } else {
        cumulative[bucket - 1]
    };
    interpolate(bounds, bucket, rank - below, cumulative[bucket] - below)
}

/// The same for whole counts, each request in one bucket only: `count` gives each bucket's
/// and `total` their sum.
pub(in crate::telemetry) fn quantile_of_counts(
    q: f64,
    bounds: &[f64],
    total: u64,
    count: impl Fn(usize) -> u64,
) -> f64 {
    let last = bounds.len();
    if total == 0 || !(0.0..=1.0).contains(&q) {
        return histogram_quantile(q, bounds, &mut vec![0.0; last + 1]);
    }
    let rank = q * total as f64;
    // High quantiles are the usual ones, and lie nearer to the top.
    let mut up_to = total - count(last);
    if (up_to as f64) < rank {
        return bounds[last - 1];
    }
    for bucket in (0..last).rev() {
        let inside = count(bucket);
        let below = up_to - inside;
        if bucket == 0 || (below as f64) < rank {
            return interpolate(bounds, bucket, rank - below as f64, inside as f64);
        }
        up_to = below;
    }
    bounds[0]
}

/// The value that stands `rank` requests into a bucket of `inside` requests.
fn interpolate(bounds: &[f64], bucket: usize, rank: f64, inside: f64) -> f64 {
    let start = if bucket == 0 { 0.0 } else { bounds[bucket - 1] };
    start + (bounds[bucket] - start) * (rank / inside)
}

fn make_monotonic(cumulative: &mut [f64], tolerant: bool) {
    let mut highest = cumulative[0];
    for count in &mut cumulative[1..] {
        if *count < highest || tolerant && almost_equal(*count, highest) {
            *count = highest;
        } else {
            highest = *count;
        }
    }
}

/// Prometheus's `almost.Equal` with its tolerance for bucket counts, 1e-12.
fn almost_equal(a: f64, b: f64) -> bool {
    const TOLERANCE: f64 = 1e-12;
    if a == b {
        return true;
    }
    let difference = (a - b).abs();
    let sum = a.abs() + b.abs();
    // Far apart beyond any rounding of the division below, which is slow.
    if difference > 2.0 * TOLERANCE * sum && a != 0.0 && b != 0.0 && sum > f64::MIN_POSITIVE {
        return false;
    }
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_interpolates_inside_its_bucket() {
        let mut counts = [10.0, 90.0, 99.0, 100.0];
        let bounds = [50.0, 100.0, 250.0];
        assert_eq!(histogram_quantile(0.5, &bounds, &mut counts), 75.0);
        assert_eq!(histogram_quantile(0.99, &bounds, &mut counts), 250.0);
        assert_eq!(histogram_quantile(0.999, &bounds, &mut counts), 250.0);
        assert!(histogram_quantile(0.5, &bounds, &mut [0.0; 4]).is_nan());
    }

    #[test]
    fn a_bucket_that_is_not_a_number_holds_no_quantile() {
        let quantile = histogram_quantile(0.05, &[1.0, 2.0], &mut [0.0, f64::NAN, 10.0]);
        assert_eq!(quantile, 2.0);
    }

    #[test]
    fn whole_counts_have_the_same_quantile_as_their_sums() {
        let bounds = [50.0, 100.0, 250.0];
        for counts in [
            [10, 80, 9, 1],
            [0, 0, 5, 0],
            [0, 0, 0, 7],
            [1, 0, 0, 0],
            [0; 4],
        ] {
            let mut below = 0;
            let mut cumulative = counts.map(|count| {
                below += count;
                below as f64
            });
            for q in [0.0, 0.01, 0.5, 0.99, 1.0, 1.5, -1.0] {
                let sums = histogram_quantile(q, &bounds, &mut cumulative);
                let whole = quantile_of_counts(q, &bounds, below, |bucket| counts[bucket]);
                assert_eq!(
                    sums.to_bits(),
                    whole.to_bits(),
                    "{counts:?} at {q}: {sums} {whole}"
                );
            }
        }
    }

    #[test]
    fn a_p99_above_a_bound_means_more_than_one_percent_lie_above_it() {
        // With the limit on a bound, interpolation cannot cross it.
        for slow in 0..=20_u32 {
            let mut counts = [f64::from(1_000 - slow), 1_000.0, 1_000.0];
            let p99 = histogram_quantile(0.99, &[250.0, 500.0], &mut counts);
            assert_eq!(p99 > 250.0, slow > 10, "{slow} slow of 1000");
        }
    }
}
