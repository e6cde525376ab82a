//! Binomial and negative binomial chances.

use std::f64::consts::TAU;

use statrs::function::gamma::ln_gamma;

use super::beta::beta_regularised;

/// Chance of exactly `hits` in `trials` independent trials that hit with chance `p`, to twelve digits
/// or more, also where it is tiny.
pub fn binomial(trials: u64, hits: u64, p: f64) -> f64 {
    if hits > trials {
        return 0.0;
    }
    if p <= 0.0 {
        return f64::from(u8::from(hits == 0));
    }
    if p >= 1.0 {
        return f64::from(u8::from(hits == trials));
    }
    log_binomial(trials as f64, hits as f64, p, 1.0 - p).exp()
}

/// The logarithm of the chance of `hits` in `trials`, for a `p` that is neither 0 nor 1 and `q`, its
/// complement to 1.
///
/// By the deviance of the two shares from their expectations, so that large logarithms do not have
/// to cancel. (Loader 2000, *Fast and Accurate Computation of Binomial Probabilities*.)
pub(super) fn log_binomial(trials: f64, hits: f64, p: f64, q: f64) -> f64 {
    let misses = trials - hits;
    if hits <= 0.0 {
        return log_power(trials, q, p);
    }
    if misses <= 0.0 {
        return log_power(trials, p, q);
    }
    let tails = stirling_error(trials) - stirling_error(hits) - stirling_error(misses);
    let deviances = deviance(hits, trials * p) + deviance(misses, trials * q);
    tails - deviances + 0.5 * (trials / (TAU * hits * misses)).ln()
}

/// The logarithm of `share` to the power of `trials`; `rest` is its complement to 1.
fn log_power(trials: f64, share: f64, rest: f64) -> f64 {
    match rest < 0.5 {
        true => trials * (-rest).ln_1p(),
        false => trials * share.ln(),
    }
}

/// x ln(x/m) + m - x, exact to the last digits also where x is near m.
fn deviance(x: f64, m: f64) -> f64 {
    let (off, sum) = (x - m, x + m);
    if off.abs() >= 0.1 * sum {
        return x * (x / m).ln() + m - x;
    }
    // ln((1 + v)/(1 - v)) in its series, v = off/sum: the terms of first order cancel by hand.
    let v = off / sum;
    let (mut total, mut power) = (off * v, 2.0 * x * v);
    for step in 1..100 {
        power *= v * v;
        let next = total + power / f64::from(2 * step + 1);
        if next == total {
            break;
        }
        total = next;
    }
    total
}

/// By how much Stirling's formula for ln n! is too small.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        return ln_gamma(n + 1.0) - (n + 0.5) * n.ln() + n - 0.5 * TAU.ln();
    }
    let inverse = 1.0 / (n * n);
    let far = (1.0 / 1_680.0 - inverse / 1_188.0) * inverse;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1_260.0 - far) * inverse) * inverse) / n
}

/// Chance of more than `hits` in `trials` independent trials that hit with chance `p`.
pub fn binomial_above(trials: u64, hits: u64, p: f64) -> f64 {
    if hits >= trials {
        return 0.0;
    }
    beta_regularised(hits as f64 + 1.0, (trials - hits) as f64, p)
}

/// Chance that `failures_allowed` failures come before `passes_needed` passes, when each trial
/// fails independently with chance `p`.
///
/// It is the negative binomial sum over k < `passes_needed` of C(T-1+k, k) p^T (1-p)^k with T =
/// `failures_allowed`, in its closed form: within the first N+T-1 trials the race is over, and the
/// failures have won it exactly when there are T of them among these.
pub fn race(p: f64, passes_needed: u32, failures_allowed: u32) -> f64 {
    if failures_allowed == 0 {
        return 1.0;
    }
    if passes_needed == 0 {
        return 0.0;
    }
    beta_regularised(f64::from(failures_allowed), f64::from(passes_needed), p)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::function::factorial::ln_binomial;

    use super::*;

    /// The sum as it is written, term by term in logarithms.
    fn race_summed(p: f64, passes: u32, failures: u32) -> f64 {
        let t = u64::from(failures);
        (0..u64::from(passes))
            .map(|k| {
                let log = ln_binomial(t - 1 + k, k) + t as f64 * p.ln() + k as f64 * (-p).ln_1p();
                log.exp()
            })
            .sum()
    }

    #[test]
    fn the_race_gives_its_exact_values() {
        // n requests per window, true error ratio, chances to lose for T = 1, 2, 5 and N = 10; a
        // check fails when more than 1 % of the requests do. Evaluated in exact fractions.
        for (n, e, fail, expected) in [
            (
                20,
                0.001,
                0.019811135170,
                [0.181351170521, 0.019167544342, 5.261022208e-6],
            ),
            (
                50,
                0.001,
                0.048794371803,
                [0.393621055139, 0.097742258248, 0.000381835133],
            ),
            (
                50,
                0.002,
                0.095253181996,
                [0.632488745143, 0.282422580698, 0.007517036952],
            ),
            (
                99,
                0.002,
                0.179792780873,
                [0.862204233642, 0.614457393381, 0.090331712163],
            ),
            (
                100,
                0.002,
                0.017391751486,
                [0.160918675580, 0.014987736870, 2.793925810e-6],
            ),
            (
                60,
                0.02,
                0.702446857308,
                [0.999994559417, 0.999956342215, 0.998446704274],
            ),
        ] {
            let p = binomial_above(n, n / 100, e);
            assert!((p - fail).abs() < 1e-11, "{p} at n = {n}");
            for (failures, expected) in [1, 2, 5].into_iter().zip(expected) {
                let lost = race(p, 10, failures);
                assert!(
                    (lost - expected).abs() < 1e-11,
                    "{lost} at n = {n}, T = {failures}"
                );
            }
        }
    }

    #[test]
    fn tiny_chances_and_many_trials_keep_their_digits() {
        // Evaluated in 40 digits.
        for (trials, hits, p, expected) in [
            (10, 0, 0.3, 2.824_752_49e-2),
            (10, 10, 0.3, 5.904899999999998e-6),
            (60, 2, 0.02, 2.193540452165988e-1),
            (1000, 997, 0.999, 6.128250938984075e-2),
            (20000, 150, 0.01, 3.257990063133313e-5),
            (20000, 10000, 0.5, 5.641_825_312_220_42e-3),
            (5000, 40, 0.001, 6.668799353588572e-23),
            (100000, 1000, 0.0101, 1.205_773_908_034_21e-2),
        ] {
            let chance = binomial(trials, hits, p);
            assert!(
                (chance / expected - 1.0_f64).abs() < 1e-12,
                "{trials} {hits} {p}: {chance}"
            );
        }
    }

    #[test]
    fn a_race_that_cannot_be_run_is_decided() {
        assert_eq!(race(0.5, 10, 0), 1.0);
        assert_eq!(race(0.5, 0, 3), 0.0);
        assert_eq!(race(0.0, 10, 3), 0.0);
        assert_eq!(race(1.0, 10, 3), 1.0);
    }

    #[test]
    fn more_than_a_number_is_the_sum_of_what_lies_above() {
        for (n, k, p) in [
            (20, 3, 0.1),
            (500, 5, 0.01),
            (60, 0, 0.02),
            (7, 7, 0.9),
            (300_000, 3_000, 0.01),
            (300_000, 150_000, 0.5),
        ] {
            let summed: f64 = (k + 1..=n).map(|hits| binomial(n, hits, p)).sum();
            let tail = binomial_above(n, k, p);
            assert!((tail - summed).abs() < 1e-8, "{n} {k} {p}: {tail} {summed}");
        }
        assert_eq!(binomial(5, 0, 0.0), 1.0);
        assert_eq!(binomial(5, 5, 1.0), 1.0);
        assert_eq!(binomial(5, 6, 0.5), 0.0);
    }

    proptest! {
        #[test]
        fn the_closed_form_of_the_race_is_its_sum(
            p in 1e-4..0.9999_f64, passes in 1_u32..400, failures in 1_u32..400,
        ) {
            let (closed, summed) = (race(p, passes, failures), race_summed(p, passes, failures));
            // 800 terms of relative error 1e-13 or so each.
            prop_assert!((closed - summed).abs() <= 1e-10 * summed + 1e-300, "{closed} {summed}");
        }
    }
}
