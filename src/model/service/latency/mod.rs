//! Latency distributions, in seconds, with the distribution function that the counting engine
//! needs and the sampler that the request engine needs.

mod law;
#[cfg(test)]
mod tests;

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::gamma;

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
    /// Always the same.
    Fixed(Span),
    /// Gamma: the sum of `shape` exponential stages, where that is a whole number.
    Gamma {
        /// Shape; 1 is exponential, more is narrower.
        shape: f64,
        /// Scale in seconds.
        scale: f64,
    },
    /// Weibull: `P(longer than x) = exp(-(x / scale)^shape)`.
    Weibull {
        /// Shape; 1 is exponential, less has a longer tail.
        shape: f64,
        /// Scale in seconds.
        scale: f64,
    },
    /// Any distribution up to one of its quantiles, and a Pareto tail from there.
    Tailed {
        /// The distribution below the joint. What it has above is not used.
        body: Box<Latency>,
        /// Share of answers below the joint.
        from: Probability,
        /// Where the tail begins, in seconds: the body's quantile of `from`.
        joint: f64,
        /// Exponent of the tail, above 1: `P(longer than x)` falls like `x^-alpha`.
        alpha: f64,
    },
    /// One of several, with the share of each; the shares add up to 1.
    Mixture(Vec<(Probability, Latency)>),
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
    /// Something that must be above zero is not.
    #[error("a latency must be longer than zero, and its shape above zero")]
    NotPositive,
    /// A tail so heavy that there is no mean.
    #[error("a tail with an alpha of {0} has no mean")]
    NoMean(f64),
    /// The tail begins at or above everything, or has more than half of the answers.
    #[error("a tail has a share above 0% and up to 50%")]
    TailShare,
    /// The shares of a mixture do not add up to 1.
    #[error("the shares of a mixture add up to 100%, not to {0}%")]
    Shares(f64),
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

    /// Always `value`.
    ///
    /// # Errors
    /// When that is no time at all.
    pub fn fixed(value: Span) -> Result<Latency, LatencyError> {
        if value.is_zero() {
            return Err(LatencyError::NotPositive);
        }
        Ok(Latency::Fixed(value))
    }

    /// The exponential distribution with a mean.
    ///
    /// # Errors
    /// When the mean is zero.
    pub fn exponential(mean: Span) -> Result<Latency, LatencyError> {
        Latency::gamma(mean, 1.0)
    }

    /// The gamma distribution with a mean and a shape.
    ///
    /// # Errors
    /// When the mean is zero, or the shape is not a finite number above 0.
    pub fn gamma(mean: Span, shape: f64) -> Result<Latency, LatencyError> {
        if mean.is_zero() || !shape.is_finite() || shape <= 0.0 {
            return Err(LatencyError::NotPositive);
        }
        Ok(Latency::Gamma {
            shape,
            scale: mean.as_secs_f64() / shape,
        })
    }

    /// The Weibull distribution with a mean and a shape.
    ///
    /// # Errors
    /// When the mean is zero, or the shape is not a finite number above 0.
    pub fn weibull(mean: Span, shape: f64) -> Result<Latency, LatencyError> {
        if mean.is_zero() || !shape.is_finite() || shape <= 0.0 {
            return Err(LatencyError::NotPositive);
        }
        Ok(Latency::Weibull {
            shape,
            scale: mean.as_secs_f64() / gamma(1.0 + 1.0 / shape),
        })
    }

    /// `body` with a Pareto tail in place of its longest `share` of answers.
    ///
    /// # Errors
    /// When the share is zero or above a half, or the tail has no mean.
    pub fn tailed(body: Latency, share: Probability, alpha: f64) -> Result<Latency, LatencyError> {
        // Not `alpha <= 1.0`: that would let what is not a number pass.
        if !(alpha > 1.0 && alpha.is_finite()) {
            return Err(LatencyError::NoMean(alpha));
        }
        let from = Probability::new(share.complement())
            .filter(|from| *from < Probability::ONE && from.get() >= 0.5)
            .ok_or(LatencyError::TailShare)?;
        let joint = body.quantile(from);
        if !(joint > 0.0 && joint.is_finite()) {
            return Err(LatencyError::NotPositive);
        }
        Ok(Latency::Tailed {
            body: Box::new(body),
            from,
            joint,
            alpha,
        })
    }

    /// One of several distributions, each for a share of the answers.
    ///
    /// # Errors
    /// When the shares do not add up to 1, to nine digits.
    pub fn mixture(parts: Vec<(Probability, Latency)>) -> Result<Latency, LatencyError> {
        let sum: f64 = parts.iter().map(|(share, _)| share.get()).sum();
        if (sum - 1.0).abs() > 1e-9 {
            return Err(LatencyError::Shares((sum * 1e11).round() / 1e9));
        }
        Ok(Latency::Mixture(parts))
    }
}
