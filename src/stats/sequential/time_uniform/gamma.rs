//! Gamma mixtures: for sums whose increments have the tails of exponential or Poisson variables.

use statrs::function::gamma::{checked_gamma_lr, checked_gamma_ur, ln_gamma};

use super::{crossing, level, one_sided_level, positive, tuned_rho_one_sided};

/// Intrinsic time beyond this many squares of the scale is not reckoned with: the gamma functions
/// take as many steps as its root.
const LONGEST: f64 = 1e12;

/// rho, and rho in units of the squared scale. `None` unless `tuned` and `scale` are positive and
/// `alpha` is between 0 and 1/2, or where the scale is next to nothing.
fn tuning(tuned: f64, scale: f64, alpha: f64) -> Option<(f64, f64)> {
    if !positive(tuned) || !positive(scale) || !one_sided_level(alpha) {
        return None;
    }
    let rho = tuned_rho_one_sided(tuned, alpha);
    let a = rho / (scale * scale);
    (a <= LONGEST).then_some((rho, a))
}

/// The S at which `log` reaches the level `alpha`, V being `v`.
fn boundary(rho: f64, v: f64, alpha: f64, log: impl Fn(f64) -> f64) -> Option<f64> {
    let sound = level(alpha) && v >= 0.0 && v.is_finite();
    let guess = (v + rho).sqrt();
    sound
        .then(|| crossing(alpha, guess, f64::INFINITY, log))
        .flatten()
}

/// One-sided, for increments that are sub-exponential with a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaExponential {
    rho: f64,
    scale: f64,
    constant: f64,
}

impl GammaExponential {
    /// Tightest at V = `tuned` for the level `alpha`. `None` unless `tuned` and `scale` are positive
    /// and `alpha` is between 0 and 1/2, or where the scale is next to nothing.
    pub fn new(tuned: f64, scale: f64, alpha: f64) -> Option<GammaExponential> {
        let (rho, a) = tuning(tuned, scale, alpha)?;
        let constant = a * a.ln() - ln_gamma(a) - checked_gamma_lr(a, a).ok()?.ln();
        Some(GammaExponential {
            rho,
            scale,
            constant,
        })
    }

    /// ln m(S, V), for V from 0; not a number where it is not defined or too long to be computed.
    pub fn log(&self, s: f64, v: f64) -> f64 {
        let square = self.scale * self.scale;
        let (a, b) = (self.rho / square, (v + self.rho) / square);
        let u = (self.scale * s + v) / square;
        if b > LONGEST || u > LONGEST {
            return f64::NAN;
        }
        let Ok(lower) = checked_gamma_lr(b, u + a) else {
            return f64::NAN;
        };
        self.constant + ln_gamma(b) + lower.ln() - b * (u + a).ln() + u
    }

    /// The boundary on S at level `alpha`.
    pub fn bound(&self, v: f64, alpha: f64) -> Option<f64> {
        boundary(self.rho, v, alpha, |s| self.log(s, v))
    }
}

/// One-sided, for increments with the tails of a Poisson variable of a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaPoisson {
    rho: f64,
    scale: f64,
    constant: f64,
}

impl GammaPoisson {
    /// Tightest at V = `tuned` for the level `alpha`. `None` unless `tuned` and `scale` are positive
    /// and `alpha` is between 0 and 1/2, or where the scale is next to nothing.
    pub fn new(tuned: f64, scale: f64, alpha: f64) -> Option<GammaPoisson> {
        let (rho, a) = tuning(tuned, scale, alpha)?;
        let constant = a * a.ln() - ln_gamma(a) - checked_gamma_ur(a, a).ok()?.ln();
        Some(GammaPoisson {
            rho,
            scale,
            constant,
        })
    }

    /// ln m(S, V), for V from 0; not a number where it is not defined or too long to be computed.
    pub fn log(&self, s: f64, v: f64) -> f64 {
        let square = self.scale * self.scale;
        let b = (v + self.rho) / square;
        let u = s / self.scale + b;
        if b > LONGEST || u > LONGEST {
            return f64::NAN;
        }
        let Ok(upper) = checked_gamma_ur(u, b) else {
            return f64::NAN;
        };
        self.constant + ln_gamma(u) + upper.ln() - u * b.ln() + v / square
    }

    /// The boundary on S at level `alpha`.
    pub fn bound(&self, v: f64, alpha: f64) -> Option<f64> {
        boundary(self.rho, v, alpha, |s| self.log(s, v))
    }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{Discrete, Poisson};

    use super::*;

    #[test]
    fn the_poisson_mixture_is_fair_for_poisson_counts() {
        let mixture = GammaPoisson::new(20.0, 1.0, 0.05).unwrap();
        for mean in [0.5, 8.0, 60.0] {
            let law = Poisson::new(mean).unwrap();
            let fair: f64 = (0..400_u64)
                .map(|count| law.pmf(count) * mixture.log(count as f64 - mean, mean).exp())
                .filter(|term| !term.is_nan())
                .sum();
            assert!((fair - 1.0).abs() < 1e-6, "{mean}: {fair}");
        }
    }

    #[test]
    fn bounds_are_where_the_evidence_suffices() {
        let exponential = GammaExponential::new(100.0, 2.0, 0.05).unwrap();
        let poisson = GammaPoisson::new(100.0, 2.0, 0.05).unwrap();
        for v in [1.0, 100.0, 5_000.0] {
            let bound = exponential.bound(v, 0.01).unwrap();
            assert!((exponential.log(bound, v) - 100.0_f64.ln()).abs() < 1e-7);
            let bound = poisson.bound(v, 0.01).unwrap();
            assert!((poisson.log(bound, v) - 100.0_f64.ln()).abs() < 1e-7);
        }
        assert_eq!(GammaPoisson::new(100.0, 0.0, 0.05), None);
        assert_eq!(GammaExponential::new(100.0, 1.0, 0.6), None);
        assert_eq!(poisson.bound(f64::NAN, 0.05), None);
    }
}
