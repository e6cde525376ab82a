//! Latency distributions, in seconds, with the distribution function that the counting engine
//! needs and the sampler that the request engine needs.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::erf::erfc;

use crate::base::{Probability, Span};

/// How long an answer takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Latency {
    /// Log-normal: `exp(location + scale · z)` seconds with `z` standard normal.
    LogNormal {
        /// Natural logarithm of the median in seconds.
        location: f64,
        /// Standard deviation of the logarithm.
        scale: f64,
    },
    /// A table of quantiles, linear in probability between its points.
    Empirical(Vec<(Probability, Span)>),
}

/// Why a latency distribution cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LatencyError {
    /// The upper quantile is not above the median.
    #[error("p{upper} = {value} must be longer than p50 = {median}")]
    NotIncreasing {
        /// The upper quantile in percent.
        upper: f64,
        /// Its value.
        value: Span,
        /// The median.
        median: Span,
    },
    /// Fewer than two points.
    #[error("a quantile table needs at least two points")]
    TooFewPoints,
    /// Points out of order or a zero median.
    #[error("quantiles and latencies must both increase and be above zero")]
    Disorder,
}

impl Latency {
    /// The log-normal with a median and one upper quantile.
    ///
    /// # Errors
    /// When the median is zero, or the upper quantile is not in (0.5, 1) or not longer than it.
    pub fn log_normal(
        median: Span,
        upper: Probability,
        value: Span,
    ) -> Result<Latency, LatencyError> {
        if median.is_zero() || upper.get() <= 0.5 || upper.get() >= 1.0 {
            return Err(LatencyError::Disorder);
        }
        if value <= median {
            return Err(LatencyError::NotIncreasing {
                upper: upper.get() * 100.0,
                value,
                median,
            });
        }
        let z = Normal::standard().inverse_cdf(upper.get());
        let location = median.as_secs_f64().ln();
        Ok(Latency::LogNormal {
            location,
            scale: (value.as_secs_f64().ln() - location) / z,
        })
    }

    /// A quantile table, at least two points, both columns increasing. Below the first point the
    /// latency falls linearly to zero; the last point's latency is the maximum unless its
    /// probability is below 1, in which case the last slope continues to probability 1.
    ///
    /// # Errors
    /// When there are fewer than two points or they are out of order.
    pub fn empirical(mut points: Vec<(Probability, Span)>) -> Result<Latency, LatencyError> {
        if points.len() < 2 {
            return Err(LatencyError::TooFewPoints);
        }
        let increasing = points
            .windows(2)
            .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1);
        if !increasing {
            return Err(LatencyError::Disorder);
        }
        if points[0].0 > Probability::ZERO {
            points.insert(0, (Probability::ZERO, Span::ZERO));
        }
        let [.., (p0, x0), (p1, x1)] = points[..] else {
            return Err(LatencyError::TooFewPoints);
        };
        if p1 < Probability::ONE {
            let slope = (x1.as_secs_f64() - x0.as_secs_f64()) / (p1.get() - p0.get());
            let end = x1.as_secs_f64() + slope * p1.complement();
            points.push((Probability::ONE, Span::from_secs_f64(end)));
        }
        Ok(Latency::Empirical(points))
    }

    /// Chance that an answer takes at most `seconds`.
    pub fn cdf(&self, seconds: f64) -> f64 {
        match self {
            Latency::LogNormal { location, scale } => {
                if seconds <= 0.0 {
                    0.0
                } else {
                    let z = (seconds.ln() - location) / scale;
                    0.5 * erfc(-z / std::f64::consts::SQRT_2)
                }
            }
            Latency::Empirical(points) => {
                let after = points.partition_point(|(_, x)| x.as_secs_f64() <= seconds);
                if after == 0 {
                    return 0.0;
                }
                let Some((p1, x1)) = points.get(after) else {
                    return 1.0;
                };
                let (p0, x0) = points[after - 1];
                let along = (seconds - x0.as_secs_f64()) / (x1.as_secs_f64() - x0.as_secs_f64());
                p0.get() + along * (p1.get() - p0.get())
            }
        }
    }

    /// The latency that a share `p` of answers stays within, in seconds.
    pub fn quantile(&self, p: Probability) -> f64 {
        match self {
            Latency::LogNormal { location, scale } => {
                (location + scale * Normal::standard().inverse_cdf(p.get())).exp()
            }
            Latency::Empirical(points) => interpolate(points, p.get()),
        }
    }

    /// Draws one latency, in seconds.
    pub fn sample(&self, stream: &mut impl Rng) -> f64 {
        match self {
            Latency::LogNormal { location, scale } => {
                let z: f64 = StandardNormal.sample(stream);
                (location + scale * z).exp()
            }
            Latency::Empirical(points) => interpolate(points, stream.random::<f64>()),
        }
    }

    /// Mean latency in seconds.
    pub fn mean(&self) -> f64 {
        match self {
            Latency::LogNormal { location, scale } => (location + scale * scale / 2.0).exp(),
            Latency::Empirical(points) => points
                .windows(2)
                .map(|pair| {
                    let ((p0, x0), (p1, x1)) = (pair[0], pair[1]);
                    (p1.get() - p0.get()) * (x0.as_secs_f64() + x1.as_secs_f64()) / 2.0
                })
                .sum(),
        }
    }
}

fn interpolate(points: &[(Probability, Span)], p: f64) -> f64 {
    let after = points
        .partition_point(|(q, _)| q.get() <= p)
        .clamp(1, points.len() - 1);
    let ((p0, x0), (p1, x1)) = (points[after - 1], points[after]);
    let along = (p - p0.get()) / (p1.get() - p0.get());
    x0.as_secs_f64() + along * (x1.as_secs_f64() - x0.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::base::Stream;

    fn api() -> Latency {
        let p99 = Probability::new(0.99).unwrap();
        Latency::log_normal(Span::from_millis(40), p99, Span::from_millis(250)).unwrap()
    }

    #[test]
    fn a_log_normal_keeps_the_quantiles_it_was_given() {
        assert!((api().cdf(0.040) - 0.5).abs() < 1e-12);
        assert!((api().cdf(0.250) - 0.99).abs() < 1e-10);
        assert!((api().quantile(Probability::new(0.99).unwrap()) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn samples_follow_the_distribution_function() {
        // Kolmogorov-Smirnov at level 0.001 for 20,000 draws: 1.949 / sqrt(n).
        let table = Latency::empirical(vec![
            (Probability::new(0.5).unwrap(), Span::from_millis(20)),
            (Probability::new(0.9).unwrap(), Span::from_millis(80)),
            (Probability::new(0.99).unwrap(), Span::from_millis(400)),
        ])
        .unwrap();
        for latency in [api(), table] {
            let mut stream = Stream::seed_from_u64(11);
            let mut draws: Vec<f64> = (0..20_000).map(|_| latency.sample(&mut stream)).collect();
            draws.sort_by(f64::total_cmp);
            let n = draws.len() as f64;
            let worst = draws
                .iter()
                .enumerate()
                .map(|(i, x)| (latency.cdf(*x) - (i as f64 + 0.5) / n).abs())
                .fold(0.0, f64::max);
            assert!(worst < 1.949 / n.sqrt(), "{worst}");
            let mean = draws.iter().sum::<f64>() / n;
            assert!((mean / latency.mean() - 1.0).abs() < 0.03);
        }
    }

    #[test]
    fn tables_out_of_order_are_refused() {
        let point = |p, ms| (Probability::new(p).unwrap(), Span::from_millis(ms));
        assert!(Latency::empirical(vec![point(0.5, 20)]).is_err());
        assert!(Latency::empirical(vec![point(0.9, 20), point(0.5, 30)]).is_err());
        assert!(Latency::empirical(vec![point(0.5, 30), point(0.9, 30)]).is_err());
    }
}
