//! The laws of latencies: distribution function, quantiles, draws and moments.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, StandardNormal};
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::erf::erfc;
use statrs::function::gamma::{gamma, gamma_lr};

use super::Latency;
use crate::base::{Probability, Span};

impl Latency {
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
            Latency::Empirical(points) => shares_within(points, seconds),
            Latency::Fixed(value) => f64::from(seconds >= value.as_secs_f64()),
            Latency::Gamma { shape, scale } => incomplete_gamma(*shape, seconds / scale),
            Latency::Weibull { shape, scale } => {
                -(-(seconds.max(0.0) / scale).powf(*shape)).exp_m1()
            }
            Latency::Tailed {
                body,
                from,
                joint,
                alpha,
            } => {
                if seconds < *joint {
                    body.cdf(seconds) * (from.get() / body.cdf(*joint))
                } else {
                    1.0 - from.complement() * (seconds / joint).powf(-alpha)
                }
            }
            Latency::Mixture(parts) => parts
                .iter()
                .map(|(share, part)| share.get() * part.cdf(seconds))
                .sum(),
        }
    }

    /// The latency that a share `p` of answers stays within, in seconds.
    pub fn quantile(&self, p: Probability) -> f64 {
        match self {
            Latency::LogNormal { location, scale } => {
                (location + scale * Normal::standard().inverse_cdf(p.get())).exp()
            }
            Latency::Empirical(points) => interpolate(points, p.get()),
            Latency::Fixed(value) => value.as_secs_f64(),
            Latency::Gamma { shape, scale } => {
                if p == Probability::ONE {
                    return f64::INFINITY;
                }
                let mut high = shape * scale;
                while self.cdf(high) < p.get() {
                    high *= 2.0;
                }
                self.bisect(p, 0.0, high)
            }
            Latency::Weibull { shape, scale } => scale * (-(-p.get()).ln_1p()).powf(1.0 / shape),
            Latency::Tailed {
                body,
                from,
                joint,
                alpha,
            } => {
                if p < *from {
                    let inside = p.get() * (body.cdf(*joint) / from.get());
                    body.quantile(Probability::new(inside).unwrap_or(*from))
                } else {
                    joint * (from.complement() / p.complement()).powf(1.0 / alpha)
                }
            }
            Latency::Mixture(parts) => {
                let each = || {
                    let present = parts.iter().filter(|(share, _)| *share > Probability::ZERO);
                    present.map(|(_, part)| part.quantile(p))
                };
                let (low, high) = (
                    each().fold(f64::INFINITY, f64::min),
                    each().fold(0.0, f64::max),
                );
                if low == high || high.is_infinite() {
                    return high;
                }
                self.bisect(p, low, high)
            }
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
            Latency::Fixed(value) => value.as_secs_f64(),
            Latency::Gamma { shape, scale } => match rand_distr::Gamma::new(*shape, *scale) {
                Ok(gamma) => gamma.sample(stream),
                // Only for parameters that no constructor of this type lets through.
                Err(_) => shape * scale,
            },
            Latency::Weibull { shape, scale } => {
                let hazard: f64 = Exp1.sample(stream);
                scale * hazard.powf(1.0 / shape)
            }
            Latency::Tailed {
                body,
                from,
                joint,
                alpha,
            } => {
                if stream.random::<f64>() >= from.get() {
                    let hazard: f64 = Exp1.sample(stream);
                    return joint * (hazard / alpha).exp();
                }
                // At least half of the body lies below the joint.
                loop {
                    let seconds = body.sample(stream);
                    if seconds <= *joint {
                        return seconds;
                    }
                }
            }
            Latency::Mixture(parts) => {
                let mut left = stream.random::<f64>();
                let chosen = parts.iter().find(|(share, _)| {
                    left -= share.get();
                    left < 0.0
                });
                // The last takes what rounding leaves over.
                let chosen = chosen.or(parts.last());
                chosen.map_or(0.0, |(_, part)| part.sample(stream))
            }
        }
    }

    /// Mean latency in seconds.
    pub fn mean(&self) -> f64 {
        self.moment_within(1, f64::INFINITY)
    }

    /// Mean of the square, in seconds squared; infinite with a tail whose alpha is 2 or less.
    pub fn second_moment(&self) -> f64 {
        self.moment_within(2, f64::INFINITY)
    }

    /// Variance over the mean squared; infinite with a tail whose alpha is 2 or less.
    pub fn squared_cv(&self) -> f64 {
        let mean = self.mean();
        (self.second_moment() / (mean * mean) - 1.0).max(0.0)
    }

    /// Mean of the `power`-th power (1 or 2) over the answers of at most `limit` seconds, others
    /// counting as zero.
    fn moment_within(&self, power: i32, limit: f64) -> f64 {
        let n = f64::from(power);
        match self {
            Latency::LogNormal { location, scale } => {
                let whole = (n * location + n * n * (scale * scale) / 2.0).exp();
                let z = (limit.ln() - location) / scale - n * scale;
                whole * (0.5 * erfc(-z / std::f64::consts::SQRT_2))
            }
            Latency::Empirical(points) => points
                .windows(2)
                .map(|pair| piece_within(pair[0], pair[1], power, limit))
                .sum(),
            Latency::Fixed(value) => {
                let seconds = value.as_secs_f64();
                f64::from(seconds <= limit) * seconds.powi(power)
            }
            Latency::Gamma { shape, scale } => {
                let whole = match power {
                    1 => shape * scale,
                    _ => shape * (shape + 1.0) * scale * scale,
                };
                whole * incomplete_gamma(shape + n, limit / scale)
            }
            Latency::Weibull { shape, scale } => {
                let order = 1.0 + n / shape;
                let within = incomplete_gamma(order, (limit / scale).powf(*shape));
                scale.powi(power) * gamma(order) * within
            }
            Latency::Tailed {
                body,
                from,
                joint,
                alpha,
            } => {
                let kept = from.get() / body.cdf(*joint);
                let inside = kept * body.moment_within(power, limit.min(*joint));
                if limit <= *joint {
                    return inside;
                }
                let tail = if *alpha > n {
                    let all = joint.powi(power) * alpha / (alpha - n);
                    all * (1.0 - (limit / joint).powf(n - alpha))
                } else if limit.is_infinite() {
                    f64::INFINITY
                } else if *alpha == n {
                    joint.powi(power) * alpha * (limit / joint).ln()
                } else {
                    let all = joint.powi(power) * alpha / (n - alpha);
                    all * ((limit / joint).powf(n - alpha) - 1.0)
                };
                inside + from.complement() * tail
            }
            Latency::Mixture(parts) => parts
                .iter()
                .filter(|(share, _)| *share > Probability::ZERO)
                .map(|(share, part)| share.get() * part.moment_within(power, limit))
                .sum(),
        }
    }

    /// The least latency between `low` and `high` that a share `p` stays within, as exactly as
    /// numbers allow.
    fn bisect(&self, p: Probability, mut low: f64, mut high: f64) -> f64 {
        if self.cdf(low) >= p.get() {
            return low;
        }
        loop {
            let middle = low + (high - low) / 2.0;
            if middle <= low || middle >= high {
                return high;
            }
            if self.cdf(middle) < p.get() {
                low = middle;
            } else {
                high = middle;
            }
        }
    }
}

/// The lower incomplete gamma function over the complete one, also at and beyond its ends.
fn incomplete_gamma(order: f64, x: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if x.is_infinite() {
        1.0
    } else {
        gamma_lr(order, x)
    }
}

fn shares_within(points: &[(Probability, Span)], seconds: f64) -> f64 {
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

fn interpolate(points: &[(Probability, Span)], p: f64) -> f64 {
    let after = points
        .partition_point(|(q, _)| q.get() <= p)
        .clamp(1, points.len() - 1);
    let ((p0, x0), (p1, x1)) = (points[after - 1], points[after]);
    let along = (p - p0.get()) / (p1.get() - p0.get());
    x0.as_secs_f64() + along * (x1.as_secs_f64() - x0.as_secs_f64())
}

/// What one piece of a table, uniform between its points, adds to a moment.
fn piece_within(
    (p0, x0): (Probability, Span),
    (p1, x1): (Probability, Span),
    power: i32,
    limit: f64,
) -> f64 {
    let (x0, x1) = (x0.as_secs_f64(), x1.as_secs_f64());
    let mut share = p1.get() - p0.get();
    let mut end = x1;
    if limit < x1 {
        end = limit.max(x0);
        share *= (end - x0) / (x1 - x0);
    }
    match power {
        1 => share * (x0 + end) / 2.0,
        _ => share * (x0 * x0 + x0 * end + end * end) / 3.0,
    }
}
