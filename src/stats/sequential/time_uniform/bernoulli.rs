//! Beta-binomial mixtures: for sums of bounded increments, and so for shares.

use statrs::function::gamma::ln_gamma;

use super::{crossing, level, one_sided_level, positive, tuned_rho, tuned_rho_one_sided};
use crate::stats::beta::beta_regularised;

/// The mixture for increments between −g and h with the mean 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaBinomial {
    below: f64,
    above: f64,
    r: f64,
    one_sided: bool,
    start: f64,
}

impl BetaBinomial {
    /// For increments between −`below` and `above`, tightest at V = `tuned` for the level `alpha`.
    /// `None` unless the first three are positive and `alpha` is between 0 and 1, or 1/2 where it is
    /// one-sided.
    pub fn new(
        tuned: f64,
        below: f64,
        above: f64,
        alpha: f64,
        one_sided: bool,
    ) -> Option<BetaBinomial> {
        let sound = if one_sided {
            one_sided_level(alpha)
        } else {
            level(alpha)
        };
        if !positive(tuned) || !positive(below) || !positive(above) || !sound {
            return None;
        }
        let tune = if one_sided {
            tuned_rho_one_sided
        } else {
            tuned_rho
        };
        let product = below * above;
        let mut mixture = BetaBinomial {
            below,
            above,
            r: (tune(tuned, alpha) - product).max(1e-3 * product),
            one_sided,
            start: 0.0,
        };
        mixture.start = mixture.log_beta(0.0, 0.0);
        Some(mixture)
    }

    /// ln of the incomplete beta function that the mixture comes to.
    fn log_beta(&self, s: f64, v: f64) -> f64 {
        let (g, h) = (self.below, self.above);
        let a = (self.r + v - g * s) / (g * (g + h));
        let b = (self.r + v + h * s) / (h * (g + h));
        let whole = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
        if self.one_sided {
            whole + beta_regularised(a, b, h / (g + h)).ln()
        } else {
            whole
        }
    }

    /// ln m(S, V), for V from 0 and S from −V / h to V / g; not a number outside.
    pub fn log(&self, s: f64, v: f64) -> f64 {
        let (g, h) = (self.below, self.above);
        let slack = 1e-9 * (v + g * h);
        if s.is_nan() || v + h * s < -slack || v - g * s < -slack {
            return f64::NAN;
        }
        let width = g + h;
        v / (g * h) * width.ln()
            - (v + h * s) / (h * width) * g.ln()
            - (v - g * s) / (g * width) * h.ln()
            + self.log_beta(s, v)
            - self.start
    }

    /// The boundary on S at level `alpha`; V / g, which S cannot exceed, where there is none.
    pub fn bound(&self, v: f64, alpha: f64) -> Option<f64> {
        let sound = level(alpha) && v >= 0.0 && v.is_finite();
        let most = v / self.below;
        sound
            .then(|| crossing(alpha, v.sqrt().min(most), most, |s| self.log(s, v)))
            .flatten()
    }
}

/// The shares that are credible at all times together after `hits` in `trials`, or after any
/// observations between 0 and 1 with that mean: tightest at `tuned` trials for `tuned_alpha`. From 0
/// to 1 before the first. `None` where there are more hits than trials or a level is none.
pub fn bernoulli_sequence(
    hits: f64,
    trials: f64,
    alpha: f64,
    tuned: f64,
    tuned_alpha: f64,
) -> Option<(f64, f64)> {
    let counted = hits >= 0.0 && hits <= trials && trials.is_finite();
    if !counted || !level(alpha) || !level(tuned_alpha) || !positive(tuned) {
        return None;
    }
    if trials == 0.0 {
        return Some((0.0, 1.0));
    }
    let share = hits / trials;
    let needed = -alpha.ln();
    let excess = |p: f64| {
        if p <= 0.0 || p >= 1.0 {
            // Impossible where there was a hit, or a miss.
            let possible = (p <= 0.0 && hits == 0.0) || (p >= 1.0 && hits == trials);
            return Some(if possible { -needed } else { 1e300 });
        }
        let spread = p * (1.0 - p);
        let mixture = BetaBinomial::new(spread * tuned, p, 1.0 - p, tuned_alpha, false)?;
        Some(mixture.log((share - p) * trials, spread * trials) - needed)
    };
    let edge = |from: f64, to: f64| bisect(from, to, |p| excess(p).is_none_or(|log| log >= 0.0));
    let low = if hits == 0.0 { 0.0 } else { edge(share, 0.0) };
    let high = if hits == trials {
        1.0
    } else {
        edge(share, 1.0)
    };
    Some((low, high))
}

/// Where, on the way from one number to another, `refused` begins to hold.
fn bisect(from: f64, to: f64, refused: impl Fn(f64) -> bool) -> f64 {
    let (mut inside, mut outside) = (from, to);
    for _ in 0..60 {
        let middle = (inside + outside) / 2.0;
        if refused(middle) {
            outside = middle;
        } else {
            inside = middle;
        }
    }
    (inside + outside) / 2.0
}
