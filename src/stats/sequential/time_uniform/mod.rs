//! Boundaries that a sum of centred increments stays below at all times together.
//!
//! S is the sum, V its intrinsic time: the variance that it has gathered. A mixture gives a
//! nonnegative supermartingale m(S, V) that is 1 at the start, so ln m is the evidence of an
//! e-process and the boundary at level α is the S at which m reaches 1 / α. Each is tuned to the V at
//! which the decision matters most, before any data are seen; better too small than too large.
//!
//! (Howard, Ramdas, McAuliffe and Sekhon 2021; Howard and Ramdas 2022 for quantiles.)

mod band;
mod bernoulli;
mod gamma;
mod normal;
mod quantile;
mod stitching;

pub use band::{BandTest, Separation, band_radius, dkw_radius, dkw_radius_at_all_times};
pub use bernoulli::{BetaBinomial, bernoulli_sequence};
pub use gamma::{GammaExponential, GammaPoisson};
pub use normal::NormalMixture;
pub use quantile::{QuantileRanks, QuantileTest, QuantileVerdict, quantile_ranks};
pub use stitching::{DoubleStitching, PolynomialStitching};

use crate::stats::zeroin::zeroin;

/// The variance of a mixture that makes the two-sided normal bound of level `alpha` tightest at
/// V = `tuned`.
fn tuned_rho(tuned: f64, alpha: f64) -> f64 {
    let twice = -2.0 * alpha.ln();
    tuned / (twice + twice.ln_1p())
}

/// The same for one-sided bounds.
fn tuned_rho_one_sided(tuned: f64, alpha: f64) -> f64 {
    tuned_rho(tuned, 2.0 * alpha)
}

/// Where `log`, which rises, reaches ln(1 / `alpha`) between 0 and `most`; `most` where it does not.
fn crossing(alpha: f64, guess: f64, most: f64, log: impl Fn(f64) -> f64) -> Option<f64> {
    let needed = -alpha.ln();
    let mut high = guess.min(most);
    while log(high) < needed {
        if high >= most {
            return Some(most);
        }
        high = (2.0 * high).min(most);
        if !high.is_finite() {
            return None;
        }
    }
    zeroin(0.0, high, high * 1e-13, |s| {
        let log = log(s);
        (!log.is_nan()).then_some(log - needed)
    })
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

fn level(alpha: f64) -> bool {
    alpha > 0.0 && alpha < 1.0
}

/// A level whose double is one too, as one-sided tuning needs.
fn one_sided_level(alpha: f64) -> bool {
    alpha > 0.0 && alpha < 0.5
}
