//! Always-valid tests of a normal effect: the likelihood ratio averaged over a prior of effects.
//!
//! Valid at all times where the variance is known; where it is estimated, as far as the central
//! limit theorem carries, which is not far with few events.

use crate::stats::normal_quantile;

/// ln of the mixture likelihood ratio of an estimate `effect` with the variance `variance`, when
/// effects have the normal prior of variance `prior` around 0: two-sided. `None` where a variance
/// is not a positive number.
///
/// (Robbins 1970; Johari, Koomen, Pekelis and Walsh 2017.)
pub fn mixture_sprt_log(effect: f64, variance: f64, prior: f64) -> Option<f64> {
    let sound = effect.is_finite() && positive(variance) && positive(prior);
    sound.then(|| {
        let both = variance + prior;
        0.5 * (variance / both).ln() + effect * effect * prior / (2.0 * variance * both)
    })
}

/// The radius of the confidence sequence that belongs to [`mixture_sprt_log`]: effects farther from
/// the estimate are rejected at `alpha`.
pub fn mixture_sprt_radius(variance: f64, prior: f64, alpha: f64) -> Option<f64> {
    let sound = positive(variance) && positive(prior) && level(alpha);
    sound.then(|| {
        let both = variance + prior;
        let needed = -2.0 * alpha.ln() + (both / variance).ln();
        (variance * both / prior * needed).sqrt()
    })
}

/// The boundary of the generalised always-valid inference that experimentation platforms use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gavi {
    /// The variance of the mixture.
    pub rho: f64,
    /// The two-sided critical value of z.
    pub z: f64,
}

/// The boundary after `trials` per arm when it is tuned to be tight at `tuned` (10,000 at Eppo).
/// Two-sided. `None` where a number of trials is not positive or `alpha` is not between 0 and 1.
///
/// (Howard, Ramdas, McAuliffe and Sekhon 2021, equations 14 and 21.)
pub fn gavi(trials: f64, tuned: f64, alpha: f64) -> Option<Gavi> {
    (positive(trials) && positive(tuned) && level(alpha)).then(|| {
        let twice = -2.0 * alpha.ln();
        let rho = tuned / ((1.0 + twice).ln() + twice);
        let z = ((trials + rho) / trials * ((trials + rho) / rho).ln()
            + (trials + rho) / trials * twice)
            .sqrt();
        Gavi { rho, z }
    })
}

/// ln of the Bayes factor of a t-statistic with `freedom` degrees of freedom, at any time. `size`
/// is (σ / standard error)², for two arms n m / (n + m), and `scale` the prior's. `None` where one
/// of these is not a positive number.
///
/// (Lindon, Ham, Tingley and Bojinov 2022.)
pub fn anytime_t_log(t: f64, freedom: f64, size: f64, scale: f64) -> Option<f64> {
    let sound = t.is_finite() && positive(freedom) && positive(size) && positive(scale);
    sound.then(|| {
        let r = scale / (scale + size);
        let square = t * t / freedom;
        0.5 * r.ln() + (freedom + 1.0) / 2.0 * (square.ln_1p() - (r * square).ln_1p())
    })
}

/// The radius of the confidence sequence that belongs to [`anytime_t_log`]; infinite as long as the
/// data exclude nothing.
pub fn anytime_t_radius(
    error: f64,
    freedom: f64,
    size: f64,
    scale: f64,
    alpha: f64,
) -> Option<f64> {
    let sound = positive(error) && positive(freedom) && positive(size) && positive(scale);
    (sound && level(alpha)).then(|| {
        let r = scale / (scale + size);
        let q = (r * alpha * alpha).powf(1.0 / (freedom + 1.0));
        if q <= r {
            f64::INFINITY
        } else {
            error * (freedom * (1.0 - q) / (q - r)).sqrt()
        }
    })
}

/// The parameter of the asymptotic confidence sequence that is tightest at `tuned` observations:
/// tuned ρ² = −W₋₁(−α² / e) − 1.
pub fn asymptotic_rho(tuned: f64, alpha: f64) -> Option<f64> {
    (positive(tuned) && level(alpha)).then(|| {
        // x = −W solves x − ln x = 1 − 2 ln α above 1. Newton's steps from above settle.
        let target = 1.0 - 2.0 * alpha.ln();
        let mut x = target + 2.0 * target.ln().max(0.0) + 1.0;
        for _ in 0..60 {
            x -= (x - x.ln() - target) / (1.0 - 1.0 / x);
        }
        ((x - 1.0).max(0.0) / tuned).sqrt()
    })
}

/// The radius of the asymptotic confidence sequence of a mean after `count` observations with the
/// standard deviation `deviation`. `None` where one of these is not a positive number.
///
/// (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024.)
pub fn asymptotic_radius(count: f64, deviation: f64, rho: f64, alpha: f64) -> Option<f64> {
    let sound = positive(count) && positive(rho) && deviation >= 0.0 && deviation.is_finite();
    (sound && level(alpha)).then(|| {
        let grown = count * rho * rho + 1.0;
        let log = 0.5 * grown.ln() - alpha.ln();
        deviation * (2.0 * grown / (count * count * rho * rho) * log).sqrt()
    })
}

/// The constant boundary on a sum whose variance at the planned end will be `variance`, one-sided:
/// by Lévy's inequality a sum of symmetric increments is ever above it with chance `alpha` at most.
/// `None` where the variance is not a positive number or `alpha` is not between 0 and 1.
///
/// (Kurennoy, Dodin, Gurbanov and Peleteiro Ramallo 2025, "YEAST".)
pub fn yeast_boundary(variance: f64, alpha: f64) -> Option<f64> {
    (positive(variance) && level(alpha))
        .then(|| normal_quantile(1.0 - alpha / 2.0) * variance.sqrt())
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

fn level(alpha: f64) -> bool {
    alpha > 0.0 && alpha < 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_radius_is_where_its_test_rejects() {
        let (variance, prior, alpha) = (2.1e-5, 1e-4, 0.05);
        let radius = mixture_sprt_radius(variance, prior, alpha).unwrap();
        let log = mixture_sprt_log(radius, variance, prior).unwrap();
        assert!((log + alpha.ln()).abs() < 1e-12);
        let (freedom, size, scale, error) = (198.0, 50.0, 100.0, 0.12);
        let radius = anytime_t_radius(error, freedom, size, scale, alpha).unwrap();
        let log = anytime_t_log(radius / error, freedom, size, scale).unwrap();
        assert!((log + alpha.ln()).abs() < 1e-9, "{log}");
        // Two degrees of freedom exclude nothing at such a level.
        assert_eq!(
            anytime_t_radius(0.1, 2.0, 1.0, 9.0, 0.01),
            Some(f64::INFINITY)
        );
    }

    #[test]
    fn the_asymptotic_radius_is_smallest_relative_to_its_kind_where_it_is_tuned() {
        let alpha = 0.05;
        let rho = asymptotic_rho(500.0, alpha).unwrap();
        let at = |rho| asymptotic_radius(500.0, 1.0, rho, alpha).unwrap();
        assert!(at(rho) < at(rho * 1.01) && at(rho) < at(rho * 0.99));
        for alpha in [1e-6, 0.3, 0.9] {
            let rho = asymptotic_rho(100.0, alpha).unwrap();
            let x = 100.0 * rho * rho + 1.0;
            assert!((x - x.ln() - 1.0 + 2.0 * alpha.ln()).abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_no_variance_or_level_is_refused() {
        assert_eq!(mixture_sprt_log(0.1, 0.0, 1.0), None);
        assert_eq!(mixture_sprt_log(f64::NAN, 1.0, 1.0), None);
        assert_eq!(mixture_sprt_radius(1.0, 1.0, 0.0), None);
        assert_eq!(gavi(0.0, 10.0, 0.05), None);
        assert_eq!(yeast_boundary(-1.0, 0.05), None);
        assert_eq!(asymptotic_radius(10.0, f64::NAN, 0.1, 0.05), None);
    }
}
