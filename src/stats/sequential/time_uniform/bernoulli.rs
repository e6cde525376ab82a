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

#[cfg(test)]
mod tests {
    use statrs::function::factorial::ln_binomial;

    use super::*;

    #[test]
    fn the_mixture_is_fair_for_coins_of_any_bias() {
        for one_sided in [false, true] {
            for p in [0.01, 0.5, 0.9] {
                let spread = p * (1.0 - p);
                let mixture =
                    BetaBinomial::new(50.0 * spread, p, 1.0 - p, 0.05, one_sided).unwrap();
                for trials in [1_u64, 20, 300] {
                    let n = trials as f64;
                    let fair: f64 = (0..=trials)
                        .map(|hits| {
                            let log = mixture.log(hits as f64 - p * n, spread * n);
                            let ways = ln_binomial(trials, hits);
                            let misses = (trials - hits) as f64;
                            (ways + hits as f64 * p.ln() + misses * (1.0 - p).ln() + log).exp()
                        })
                        .sum();
                    assert!(
                        (fair - 1.0).abs() < 1e-6,
                        "{one_sided} {p} {trials}: {fair}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_sequence_covers_at_all_times_together() {
        // The chance that any of 25 looks excludes p, by going through all counts.
        for p in [0.05, 0.4] {
            let mut living = vec![1.0];
            let mut excluded = 0.0;
            for trials in 1..=25_u32 {
                living.push(0.0);
                for hits in (0..living.len()).rev() {
                    let before = if hits > 0 { living[hits - 1] } else { 0.0 };
                    living[hits] = living[hits] * (1.0 - p) + before * p;
                    let hit = hits as f64;
                    let (low, high) =
                        bernoulli_sequence(hit, trials.into(), 0.2, 10.0, 0.2).unwrap();
                    assert!(low <= hit / f64::from(trials) && high >= hit / f64::from(trials));
                    if p < low || p > high {
                        excluded += living[hits];
                        living[hits] = 0.0;
                    }
                }
            }
            assert!(excluded > 0.0 && excluded <= 0.2, "{p}: {excluded}");
        }
    }

    #[test]
    fn ends_and_nonsense_have_defined_results() {
        assert_eq!(
            bernoulli_sequence(0.0, 0.0, 0.05, 50.0, 0.05),
            Some((0.0, 1.0))
        );
        let (low, high) = bernoulli_sequence(0.0, 50.0, 0.05, 50.0, 0.05).unwrap();
        assert!(low == 0.0 && high > 0.05 && high < 0.3);
        let (low, high) = bernoulli_sequence(50.0, 50.0, 0.05, 50.0, 0.05).unwrap();
        assert!(high == 1.0 && low < 0.95);
        assert_eq!(bernoulli_sequence(3.0, 2.0, 0.05, 50.0, 0.05), None);
        assert_eq!(bernoulli_sequence(f64::NAN, 2.0, 0.05, 50.0, 0.05), None);
        let mixture = BetaBinomial::new(10.0, 0.2, 0.8, 0.05, false).unwrap();
        // One trial cannot say anything: S stays at its most.
        assert_eq!(mixture.bound(0.16, 0.05), Some(0.16 / 0.2));
        assert!(mixture.log(9.0, 0.16).is_nan());
    }
}
