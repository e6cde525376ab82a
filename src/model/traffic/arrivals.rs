//! How single requests fall around the rate.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, Gamma, Weibull};
use statrs::function::gamma::gamma;

/// How single requests fall around the rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrivals {
    /// Independently of one another: a Poisson process.
    Poisson,
    /// Evenly: the k-th request comes when exactly k were expected.
    Even,
    /// With gaps (in expected requests) from a gamma distribution of mean 1 and this coefficient
    /// of variation: above 1 bursty, below 1 regular. Gaps are independent of one another.
    Gamma {
        /// Standard deviation of the gaps over their mean, above 0.
        cv: f64,
    },
    /// With gaps from a Weibull distribution of mean 1.
    Weibull {
        /// Shape, above 0: below 1 bursty; 0.5 has a coefficient of variation of 2.24.
        shape: f64,
    },
}

/// Draws the gaps between requests, measured in requests expected meanwhile; their mean is 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaps(Law);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Law {
    Poisson,
    Even,
    /// The gaps, their shape and scale, and the law of the gap that an instant picked at random
    /// falls into: one more in shape.
    Gamma(Gamma<f64>, Gamma<f64>),
    /// The gaps, and shape and scale; a gap to the power of the shape is exponential.
    Weibull(Weibull<f64>, Gamma<f64>, f64, f64),
}

impl Arrivals {
    /// What draws the gaps; make it once and draw often. Parameters out of range make gaps of a
    /// Poisson process.
    pub fn gaps(self) -> Gaps {
        let law = match self {
            Arrivals::Poisson => Some(Law::Poisson),
            Arrivals::Even => Some(Law::Even),
            Arrivals::Gamma { cv } => {
                let (shape, scale) = (cv.powi(-2), cv * cv);
                Gamma::new(shape, scale)
                    .and_then(|gaps| Ok(Law::Gamma(gaps, Gamma::new(shape + 1.0, scale)?)))
                    .ok()
            }
            Arrivals::Weibull { shape } => {
                let scale = 1.0 / gamma(1.0 + 1.0 / shape);
                let around = Gamma::new(1.0 + 1.0 / shape, 1.0).ok();
                let gaps = Weibull::new(scale, shape).ok();
                gaps.zip(around)
                    .map(|(gaps, around)| Law::Weibull(gaps, around, shape, scale))
            }
        };
        Gaps(law.unwrap_or(Law::Poisson))
    }

    /// Draws one gap in expected requests.
    pub fn gap(self, stream: &mut impl Rng) -> f64 {
        self.gaps().draw(stream)
    }
}

impl Gaps {
    /// Draws one gap in expected requests.
    #[inline]
    pub fn draw(&self, stream: &mut impl Rng) -> f64 {
        match &self.0 {
            Law::Poisson => Exp1.sample(stream),
            Law::Even => 1.0,
            Law::Gamma(gaps, _) => gaps.sample(stream),
            Law::Weibull(gaps, ..) => gaps.sample(stream),
        }
    }

    /// Draws the wait for the first request from a moment that has nothing to do with requests: the
    /// rest of the gap that it falls into. Requests from then on are stationary.
    pub fn first(&self, stream: &mut impl Rng) -> f64 {
        let whole: f64 = match &self.0 {
            Law::Poisson => return Exp1.sample(stream),
            Law::Even => 1.0,
            Law::Gamma(_, around) => around.sample(stream),
            Law::Weibull(_, around, shape, scale) => {
                let power: f64 = around.sample(stream);
                scale * power.powf(1.0 / shape)
            }
        };
        whole * stream.random::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use statrs::distribution::{ContinuousCDF, Gamma as ExactGamma, Weibull as ExactWeibull};

    use super::*;
    use crate::base::Stream;

    const DRAWS: usize = 20_000;

    /// A distribution function.
    type Cdf = Box<dyn Fn(f64) -> f64>;

    /// Largest distance between the draws' distribution function and the exact one.
    fn distance(mut draws: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
        draws.sort_by(f64::total_cmp);
        let n = draws.len() as f64;
        (draws.iter().enumerate())
            .map(|(i, x)| (cdf(*x) - (i as f64 + 0.5) / n).abs())
            .fold(0.0, f64::max)
    }

    /// The laws of tests with their exact distribution functions.
    fn laws() -> Vec<(Arrivals, Cdf)> {
        let gamma_law = |cv: f64| {
            let exact = ExactGamma::new(cv.powi(-2), cv.powi(-2)).unwrap();
            Box::new(move |x| exact.cdf(x)) as Cdf
        };
        let weibull = |shape: f64| {
            let exact = ExactWeibull::new(shape, 1.0 / gamma(1.0 + 1.0 / shape)).unwrap();
            Box::new(move |x| exact.cdf(x)) as Cdf
        };
        vec![
            (Arrivals::Poisson, Box::new(|x: f64| -(-x).exp_m1())),
            (Arrivals::Gamma { cv: 3.0 }, gamma_law(3.0)),
            (Arrivals::Gamma { cv: 1.09 }, gamma_law(1.09)),
            (Arrivals::Gamma { cv: 0.4 }, gamma_law(0.4)),
            (Arrivals::Weibull { shape: 0.5 }, weibull(0.5)),
            (Arrivals::Weibull { shape: 1.7 }, weibull(1.7)),
        ]
    }

    #[test]
    fn gaps_follow_their_law_and_have_mean_one() {
        for (index, (arrivals, cdf)) in laws().into_iter().enumerate() {
            let mut stream = Stream::seed_from_u64(40 + index as u64);
            let gaps = arrivals.gaps();
            let draws: Vec<f64> = (0..DRAWS).map(|_| gaps.draw(&mut stream)).collect();
            let mean = draws.iter().sum::<f64>() / DRAWS as f64;
            // Five standard errors of the widest law, whose coefficient of variation is 3.
            assert!(
                (mean - 1.0).abs() < 15.0 / (DRAWS as f64).sqrt(),
                "{arrivals:?}: {mean}"
            );
            // Kolmogorov-Smirnov at level 0.001: 1.949 / sqrt(n).
            let worst = distance(draws, cdf);
            assert!(
                worst < 1.949 / (DRAWS as f64).sqrt(),
                "{arrivals:?}: {worst}"
            );
        }
        assert_eq!(Arrivals::Even.gap(&mut Stream::seed_from_u64(1)), 1.0);
    }

    #[test]
    fn a_weibull_gap_of_shape_one_half_varies_as_published() {
        // Var = Γ(1 + 2/k) / Γ(1 + 1/k)² - 1, the square of 2.24.
        let squared = gamma(5.0) / gamma(3.0).powi(2) - 1.0;
        assert!((squared.sqrt() - 2.24).abs() < 0.01);
        let mut stream = Stream::seed_from_u64(4);
        let gaps = Arrivals::Weibull { shape: 0.5 }.gaps();
        let n = 200_000;
        let variance = (0..n)
            .map(|_| (gaps.draw(&mut stream) - 1.0).powi(2))
            .sum::<f64>()
            / f64::from(n);
        // The fourth moment of the law puts the standard error near 2.3 % of it.
        assert!((variance / squared - 1.0).abs() < 0.12, "{variance}");
    }

    #[test]
    fn the_first_request_comes_after_the_rest_of_a_gap() {
        // The rest of a gap has distribution function ∫ (1 - F): here summed in small slices.
        for (index, (arrivals, cdf)) in laws().into_iter().enumerate() {
            let mut stream = Stream::seed_from_u64(60 + index as u64);
            let gaps = arrivals.gaps();
            let draws: Vec<f64> = (0..DRAWS).map(|_| gaps.first(&mut stream)).collect();
            let (mut sum, mut x, mut table) = (0.0, 0.0, vec![(0.0, 0.0)]);
            while x < 400.0 {
                let width = (x * 0.01_f64).max(1e-4);
                sum += (1.0 - cdf(x + width / 2.0)) * width;
                x += width;
                table.push((x, sum));
            }
            assert!((sum - 1.0).abs() < 1e-3, "{arrivals:?}: {sum}");
            let rest = |x: f64| {
                table[table
                    .partition_point(|(edge, _)| *edge < x)
                    .min(table.len() - 1)]
                .1
            };
            let worst = distance(draws, rest);
            // As above, and 0.006 for the slices.
            assert!(
                worst < 1.949 / (DRAWS as f64).sqrt() + 0.006,
                "{arrivals:?}: {worst}"
            );
        }
    }
}
