//! The stationary bootstrap: a series drawn anew from blocks of itself, so that what hangs together in
//! time stays together.
//!
//! Politis and Romano, "The stationary bootstrap", JASA 89 (1994): blocks begin anywhere and have
//! geometric lengths; the series is closed to a ring. The mean length comes from Politis and White,
//! "Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23 (2004), as
//! corrected by Patton, Politis and White, Econometric Reviews 28 (2009).

use rand::{Rng, RngExt};

/// Draws `count` places of a series of `length` (at least 1) in blocks of `mean` places on average (at
/// least 1): each draw follows the one before, or begins a new block with probability 1 / `mean`.
pub fn stationary_indices(
    length: usize,
    count: usize,
    mean: f64,
    stream: &mut impl Rng,
) -> Vec<usize> {
    let length = length.max(1);
    let begins = 1.0 / mean.max(1.0);
    let mut places = Vec::with_capacity(count);
    let mut place = 0;
    for index in 0..count {
        place = match index == 0 || stream.random::<f64>() < begins {
            true => stream.random_range(0..length),
            false => (place + 1) % length,
        };
        places.push(place);
    }
    places
}

/// The mean block length that makes the variance of the mean of such a series best known, at least 1
/// and at most a third of the series and `3 √n`. A series without any spread has length 1.
pub fn block_length(series: &[f64]) -> f64 {
    let n = series.len();
    if n < 4 {
        return 1.0;
    }
    let count = n as f64;
    let mean = series.iter().sum::<f64>() / count;
    let covariance = |lag: usize| {
        let pairs = series[..n - lag].iter().zip(&series[lag..]);
        pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / count
    };
    let variance = covariance(0);
    if variance <= 0.0 {
        return 1.0;
    }
    // The smallest lag after which so many in a row are as small as chance makes them.
    let run = (count.log10().sqrt().ceil() as usize).max(5);
    let most = (count.sqrt().ceil() as usize + run).min(n - 1);
    let limit = 2.0 * (count.log10() / count).sqrt();
    let correlations: Vec<f64> = (0..=most).map(|lag| covariance(lag) / variance).collect();
    let small = |lag: usize| correlations.get(lag).is_none_or(|r| r.abs() < limit);
    let quiet = (1..=most).find(|lag| (0..run).all(|more| small(lag + more)));
    let reach = match quiet {
        Some(first) => 2 * (first - 1).max(1),
        None => 2 * (1..=most).rfind(|lag| !small(*lag)).unwrap_or(1),
    };
    let reach = reach.min(most);
    // The flat-top window.
    let window = |lag: usize| (2.0 * (1.0 - lag as f64 / reach as f64)).clamp(0.0, 1.0);
    let (mut spectrum, mut slope) = (variance, 0.0);
    for lag in 1..=reach {
        let weighed = 2.0 * window(lag) * covariance(lag);
        spectrum += weighed;
        slope += weighed * lag as f64;
    }
    let denominator = 2.0 * spectrum * spectrum;
    if denominator <= 0.0 {
        return 1.0;
    }
    let length = (2.0 * slope * slope / denominator).cbrt() * count.cbrt();
    length.clamp(1.0, (3.0 * count.sqrt()).min(count / 3.0).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Purpose, Seed};

    fn stream(replicate: u64) -> crate::base::Stream {
        Seed::DEFAULT.stream(replicate, Purpose::Resampling)
    }

    /// `x[t] = rho · x[t-1] + noise`, the noise uniform.
    fn autoregressive(rho: f64, n: usize, replicate: u64) -> Vec<f64> {
        let (mut stream, mut x) = (stream(replicate), 0.0);
        (0..n)
            .map(|_| {
                x = rho * x + stream.random::<f64>() - 0.5;
                x
            })
            .collect()
    }

    #[test]
    fn every_place_is_drawn_as_often_as_any_other_and_blocks_are_as_long_as_asked() {
        let (length, count, mean) = (40, 400_000, 8.0);
        let places = stationary_indices(length, count, mean, &mut stream(1));
        let mut times = vec![0_u32; length];
        places.iter().for_each(|place| times[*place] += 1);
        let expected = count as f64 / length as f64;
        // Draws of one place come in blocks; five times a generous standard error.
        let error = 5.0 * (2.0 * expected).sqrt();
        for (place, times) in times.iter().enumerate() {
            let off = f64::from(*times) - expected;
            assert!(off.abs() < error, "{place}: {times} of {expected}");
        }
        let breaks = places
            .windows(2)
            .filter(|pair| pair[1] != (pair[0] + 1) % length)
            .count();
        // A new block begins where the old one would go on once in `length`.
        let rate = breaks as f64 / (count - 1) as f64;
        let wanted = 1.0 / mean * (1.0 - 1.0 / length as f64);
        let error = 5.0 * (wanted * (1.0 - wanted) / count as f64).sqrt();
        assert!((rate - wanted).abs() < error, "{rate} {wanted}");
    }

    #[test]
    fn the_mean_of_resampled_series_is_that_of_the_series() {
        let series = autoregressive(0.7, 300, 3);
        let mean = series.iter().sum::<f64>() / 300.0;
        let means: Vec<f64> = (0..2_000)
            .map(|replicate| {
                let places = stationary_indices(300, 300, 10.0, &mut stream(100 + replicate));
                places.iter().map(|place| series[*place]).sum::<f64>() / 300.0
            })
            .collect();
        let of_means = means.iter().sum::<f64>() / 2_000.0;
        let spread = means.iter().map(|m| (m - of_means).powi(2)).sum::<f64>() / 1_999.0;
        let error = 5.0 * (spread / 2_000.0).sqrt();
        assert!((of_means - mean).abs() < error, "{of_means} {mean}");
        // Neighbours that are alike make the mean less certain than independent ones would.
        let variance = series.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 300.0;
        assert!(spread > 2.0 * variance / 300.0, "{spread} {variance}");
    }

    #[test]
    fn blocks_are_longer_where_neighbours_are_more_alike() {
        let of = |rho: f64| {
            let all = (0..20).map(|replicate| block_length(&autoregressive(rho, 1_000, replicate)));
            all.sum::<f64>() / 20.0
        };
        let lengths = [0.0, 0.5, 0.9].map(of);
        assert!(lengths[0] < 5.0, "{lengths:?}");
        assert!(
            lengths[0] < lengths[1] && lengths[1] < lengths[2],
            "{lengths:?}"
        );
        // Theory: (2 G² / D)^(1/3) n^(1/3) with G/g = 2 rho / (1 - rho²) for an AR(1): 12.1 at 0.5.
        assert!((8.0..20.0).contains(&lengths[1]), "{lengths:?}");
        assert_eq!(block_length(&[1.0; 50]), 1.0);
        assert_eq!(block_length(&[1.0, 2.0]), 1.0);
    }
}
