//! Comparing two proportions.

use super::normal_upper;

/// How many of the trials hit. Not whole numbers where the counts were estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Trials that hit.
    pub hits: f64,
    /// All trials.
    pub trials: f64,
}

/// What a z test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZTest {
    /// Difference in standard errors, first minus second.
    pub z: f64,
    /// Chance of a `z` at least as large when both hit equally often.
    pub p: f64,
}

/// One-sided z test with pooled variance: is the first share larger than the second? `None` when
/// it is not defined: an arm without trials, no hit in either or nothing but hits.
///
/// Asymptotic: wants five expected hits or more in the smaller arm, and rejects too often below.
/// (Pearson 1900; Fleiss, Statistical Methods for Rates and Proportions.)
pub fn two_proportion_z(first: Share, second: Share) -> Option<ZTest> {
    let pooled = (first.hits + second.hits) / (first.trials + second.trials);
    let spread = pooled * (1.0 - pooled) * (1.0 / first.trials + 1.0 / second.trials);
    let z = (first.hits / first.trials - second.hits / second.trials) / spread.sqrt();
    // Every degenerate case divides by zero or takes the root of nothing.
    let defined = spread > 0.0 && z.is_finite();
    defined.then(|| ZTest {
        z,
        p: normal_upper(z),
    })
}

/// The same with each share's own variance: for shares that may differ, so rather for intervals than
/// for the question whether they are the same. `None` when it is not defined: an arm without trials,
/// or both shares at an end. (Wald.)
pub fn two_proportion_z_unpooled(first: Share, second: Share) -> Option<ZTest> {
    let [(p, v), (q, w)] = [first, second].map(|of| {
        let share = of.hits / of.trials;
        (share, share * (1.0 - share) / of.trials)
    });
    let z = (p - q) / (v + w).sqrt();
    let defined = v + w > 0.0 && z.is_finite();
    defined.then(|| ZTest {
        z,
        p: normal_upper(z),
    })
}

/// What a chi-square test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// The statistic.
    pub statistic: f64,
    /// Chance of one as large when both hit equally often.
    pub p: f64,
}

/// Chi-square test of a table of two shares with the correction for continuity, two-sided: very
/// conservative. `None` where [`two_proportion_z`] is. (Yates 1934.)
pub fn chi_square_yates(first: Share, second: Share) -> Option<ChiSquare> {
    let all = first.trials + second.trials;
    let hits = first.hits + second.hits;
    // All four cells are as far from what is expected of them; none is moved beyond it.
    let off = (first.hits - first.trials * hits / all).abs();
    let off = off - off.min(0.5);
    let misses = all - hits;
    let scale = 1.0 / first.trials + 1.0 / second.trials;
    let statistic = off * off * scale * all * all / (hits * misses);
    let defined = hits > 0.0 && misses > 0.0 && statistic.is_finite();
    defined.then(|| ChiSquare {
        statistic,
        p: 2.0 * normal_upper(statistic.sqrt()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(hits: f64, trials: f64) -> Share {
        Share { hits, trials }
    }

    #[test]
    fn what_is_not_defined_is_not_a_result() {
        for (first, second) in [
            (share(0.0, 100.0), share(0.0, 900.0)),
            (share(100.0, 100.0), share(900.0, 900.0)),
            (share(0.0, 0.0), share(3.0, 900.0)),
            (share(3.0, 100.0), share(0.0, 0.0)),
            (share(f64::NAN, 100.0), share(1.0, 900.0)),
        ] {
            assert_eq!(
                two_proportion_z(first, second),
                None,
                "{first:?} {second:?}"
            );
        }
    }

    #[test]
    fn the_other_forms_agree_where_counts_are_large_and_are_undefined_where_it_is() {
        let (first, second) = (share(5_200.0, 50_000.0), share(15_000.0, 150_000.0));
        let pooled = two_proportion_z(first, second).unwrap();
        let unpooled = two_proportion_z_unpooled(first, second).unwrap();
        assert!((pooled.z / unpooled.z - 1.0).abs() < 0.02);
        let yates = chi_square_yates(first, second).unwrap();
        assert!((yates.statistic / (pooled.z * pooled.z) - 1.0).abs() < 0.02);
        assert!(yates.p > 2.0 * pooled.p);
        let none = (share(0.0, 100.0), share(0.0, 900.0));
        assert_eq!(two_proportion_z_unpooled(none.0, none.1), None);
        assert_eq!(chi_square_yates(none.0, none.1), None);
        assert_eq!(chi_square_yates(share(0.0, 0.0), share(3.0, 9.0)), None);
        // Nearer to what is expected than a half: nothing is left.
        assert_eq!(
            chi_square_yates(share(1.0, 10.0), share(9.0, 91.0))
                .unwrap()
                .statistic,
            0.0
        );
    }

    #[test]
    fn equal_shares_lie_in_the_middle_and_arms_swap_the_sign() {
        let even = two_proportion_z(share(1.0, 100.0), share(9.0, 900.0)).unwrap();
        assert!(even.z.abs() < 1e-12 && (even.p - 0.5).abs() < 1e-12);
        let (a, b) = (share(9.0, 100.0), share(9.0, 900.0));
        let (worse, better) = (
            two_proportion_z(a, b).unwrap(),
            two_proportion_z(b, a).unwrap(),
        );
        assert!(worse.z > 0.0 && (worse.z + better.z).abs() < 1e-12);
        assert!((worse.p + better.p - 1.0).abs() < 1e-12);
    }
}
