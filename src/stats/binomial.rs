//! Binomial and negative binomial chances.

use statrs::function::factorial::ln_binomial;

use super::beta::beta_regularised;

/// Chance of exactly `hits` in `trials` independent trials that hit with chance `p`.
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
    let log =
        ln_binomial(trials, hits) + hits as f64 * p.ln() + (trials - hits) as f64 * (-p).ln_1p();
    log.exp()
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
