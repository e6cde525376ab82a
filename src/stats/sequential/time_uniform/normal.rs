//! Normal mixtures: for sums whose increments have sub-Gaussian tails.

use super::{crossing, level, one_sided_level, positive, tuned_rho, tuned_rho_one_sided};
use crate::stats::normal_upper;

/// A normal mixture over the effect, or the half of one that is above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormalMixture {
    rho: f64,
    one_sided: bool,
}

impl NormalMixture {
    /// Tightest at V = `tuned` for the level `alpha`. `None` unless `tuned` is positive and `alpha`
    /// between 0 and 1, or 1/2 where it is one-sided.
    pub fn new(tuned: f64, alpha: f64, one_sided: bool) -> Option<NormalMixture> {
        let sound = if one_sided {
            one_sided_level(alpha)
        } else {
            level(alpha)
        };
        let tune = if one_sided {
            tuned_rho_one_sided
        } else {
            tuned_rho
        };
        (positive(tuned) && sound).then(|| NormalMixture {
            rho: tune(tuned, alpha),
            one_sided,
        })
    }

    /// ln m(S, V), for V from 0.
    pub fn log(&self, s: f64, v: f64) -> f64 {
        let spread = v + self.rho;
        let square = s * s / (2.0 * spread);
        if self.one_sided {
            let below = normal_upper(-s / spread.sqrt());
            0.5 * (4.0 * self.rho / spread).ln() + square + below.ln()
        } else {
            0.5 * (self.rho / spread).ln() + square
        }
    }

    /// The boundary on S at level `alpha`.
    pub fn bound(&self, v: f64, alpha: f64) -> Option<f64> {
        if !(level(alpha) && v >= 0.0 && v.is_finite()) {
            return None;
        }
        let spread = v + self.rho;
        let two_sided = (spread * ((v / self.rho).ln_1p() - 2.0 * alpha.ln())).sqrt();
        if !self.one_sided {
            return Some(two_sided);
        }
        crossing(alpha, two_sided, f64::INFINITY, |s| self.log(s, v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_one_at_every_time_and_the_bound_is_where_the_evidence_suffices() {
        for one_sided in [false, true] {
            let mixture = NormalMixture::new(100.0, 0.05, one_sided).unwrap();
            for v in [1.0, 30.0, 400.0_f64] {
                // Trapezoids over S ~ N(0, V); the integrand has the tail of the wider normal.
                let (step, deviation) = (0.01, v.sqrt());
                let wide = (v + mixture.rho) / mixture.rho;
                let reach = (12.0 * wide.sqrt() / step) as i32;
                let mean: f64 = (-reach..=reach)
                    .map(|at| {
                        let x = f64::from(at) * step;
                        let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
                        let log = mixture.log(x * deviation, v);
                        if density > 0.0 {
                            step * (log - 0.5 * x * x).exp() * density / (-0.5 * x * x).exp()
                        } else {
                            0.0
                        }
                    })
                    .sum();
                assert!((mean - 1.0).abs() < 1e-8, "{v}: {mean}");
                let bound = mixture.bound(v, 0.05).unwrap();
                assert!((mixture.log(bound, v) - 20.0_f64.ln()).abs() < 1e-9);
            }
        }
        assert_eq!(NormalMixture::new(100.0, 0.5, true), None);
        assert_eq!(NormalMixture::new(0.0, 0.05, false), None);
        let mixture = NormalMixture::new(100.0, 0.05, true).unwrap();
        assert_eq!(mixture.bound(-1.0, 0.05), None);
    }
}
