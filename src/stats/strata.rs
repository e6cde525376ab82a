//! Comparing two proportions where the trials fall into strata.

use super::{Share, ZTest, normal_upper};

/// The two shares as if both arms had the same mix of strata, by the weights of Mantel and
/// Haenszel: a stratum with n trials of the first and m of the second arm weighs n·m/(n+m). The
/// quotient of the two is their common risk ratio, Σ a·m/N over Σ c·n/N with a and c hits and
/// N = n + m; the difference is the common risk difference in the same weights. Strata without
/// trials of both arms say nothing. `None` when all are such.
///
/// (Mantel and Haenszel 1959; Greenland and Robins 1985, *Biometrics* 41:55.)
pub fn mantel_haenszel(strata: impl Iterator<Item = (Share, Share)>) -> Option<(f64, f64)> {
    let (mut first, mut second, mut weights) = (0.0, 0.0, 0.0);
    for (one, other) in strata {
        if one.trials > 0.0 && other.trials > 0.0 {
            let all = one.trials + other.trials;
            first += one.hits * other.trials / all;
            second += other.hits * one.trials / all;
            weights += one.trials * other.trials / all;
        }
    }
    (weights > 0.0).then(|| (first / weights, second / weights))
}

/// Sums over strata for the test of Cochran, Mantel and Haenszel: does the first arm hit more often
/// than the second within strata? Where the mix of strata differs between the arms, pooled counts
/// show a difference that is none, and this does not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stratified {
    /// Hits of the first arm beyond those expected from both, U.
    pub excess: f64,
    /// Variance of the excess given each stratum's sums, V: the information that is in.
    pub variance: f64,
    /// Hits of the first times misses of the second arm, each over all trials of its stratum.
    hits_first: f64,
    /// Hits of the second times misses of the first.
    hits_second: f64,
}

impl Stratified {
    /// Adds a stratum. One without trials in either arm adds nothing.
    pub fn add(&mut self, first: Share, second: Share) {
        let (trials, hits) = (first.trials + second.trials, first.hits + second.hits);
        let both = first.trials > 0.0 && second.trials > 0.0;
        if !both || trials <= 1.0 {
            return;
        }
        self.excess += first.hits - hits * first.trials / trials;
        self.variance += hits
            * (first.trials / trials)
            * (second.trials / trials)
            * ((trials - hits) / (trials - 1.0));
        self.hits_first += first.hits * (second.trials - second.hits) / trials;
        self.hits_second += second.hits * (first.trials - first.hits) / trials;
    }

    /// The test, one-sided, without a correction for continuity. `None` where nothing could have
    /// fallen differently: no hit in any stratum, say.
    ///
    /// (Cochran 1954; Mantel and Haenszel 1959.)
    pub fn test(self) -> Option<ZTest> {
        let z = self.excess / self.variance.sqrt();
        let defined = self.variance > 0.0 && z.is_finite();
        defined.then(|| ZTest {
            z,
            p: normal_upper(z),
        })
    }

    /// The odds ratio that all strata share; infinite when only the first arm hits. `None` where it
    /// is 0/0.
    pub fn odds_ratio(self) -> Option<f64> {
        let ratio = self.hits_first / self.hits_second;
        (!ratio.is_nan()).then_some(ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::two_proportion_z;

    fn share(hits: f64, trials: f64) -> Share {
        Share { hits, trials }
    }

    #[test]
    fn a_table_of_three_strata_worked_by_hand() {
        // a/n against c/m: 8/100 : 45/900, 3/200 : 6/800, 5/50 : 19/950. N is 1000 each time.
        let strata = [
            (share(8.0, 100.0), share(45.0, 900.0)),
            (share(3.0, 200.0), share(6.0, 800.0)),
            (share(5.0, 50.0), share(19.0, 950.0)),
        ];
        // Σ a·m/N = 7.2 + 2.4 + 4.75, Σ c·n/N = 4.5 + 1.2 + 0.95, Σ n·m/N = 90 + 160 + 47.5.
        let (first, second) = mantel_haenszel(strata.into_iter()).unwrap();
        assert!((first / second - 14.35 / 6.65).abs() < 1e-12);
        assert!((first - second - 7.7 / 297.5).abs() < 1e-12);
    }

    #[test]
    fn a_mix_that_differs_is_no_difference() {
        // Both arms hit alike within each stratum; taken together they seem to differ.
        let strata = [
            (share(1.0, 100.0), share(90.0, 9_000.0)),
            (share(90.0, 900.0), share(100.0, 1_000.0)),
        ];
        let together = (91.0 / 1_000.0) / (190.0 / 10_000.0);
        assert!(together > 4.0);
        let (first, second) = mantel_haenszel(strata.into_iter()).unwrap();
        assert!((first / second - 1.0).abs() < 1e-12 && (first - second).abs() < 1e-12);
    }

    #[test]
    fn one_stratum_is_the_plain_comparison_and_empty_ones_count_for_nothing() {
        let only = (share(3.0, 60.0), share(8.0, 400.0));
        let empty = (share(0.0, 0.0), share(5.0, 10.0));
        let (first, second) = mantel_haenszel([empty, only].into_iter()).unwrap();
        assert!((first - 0.05).abs() < 1e-12 && (second - 0.02).abs() < 1e-12);
        assert_eq!(mantel_haenszel([empty].into_iter()), None);
    }

    #[test]
    fn a_ramp_in_which_errors_rise_fools_pooled_counts_only() {
        // Equal arms: a weight of 1 % at 0.5 % hits, then of 50 % at 2 %.
        let strata = [
            (share(1.0, 100.0), share(49.0, 9_900.0)),
            (share(100.0, 5_000.0), share(100.0, 5_000.0)),
        ];
        let pooled = two_proportion_z(share(101.0, 5_100.0), share(149.0, 14_900.0)).unwrap();
        assert!(pooled.z > 5.0);
        let mut stratified = Stratified::default();
        for (first, second) in strata {
            stratified.add(first, second);
        }
        assert!(stratified.test().unwrap().z.abs() < 0.1);
        assert!((stratified.odds_ratio().unwrap() - 1.0).abs() < 0.02);
    }

    #[test]
    fn one_stratum_is_the_pooled_test_but_for_one_trial() {
        let (first, second) = (share(9.0, 400.0), share(20.0, 1_600.0));
        let mut one = Stratified::default();
        one.add(first, second);
        one.add(share(0.0, 0.0), share(3.0, 100.0));
        let (stratified, pooled) = (
            one.test().unwrap(),
            two_proportion_z(first, second).unwrap(),
        );
        let trials: f64 = 2_000.0;
        let expected = pooled.z * ((trials - 1.0) / trials).sqrt();
        assert!((stratified.z - expected).abs() < 1e-12);
        assert!((one.odds_ratio().unwrap() - 9.0 * 1_580.0 / (20.0 * 391.0)).abs() < 1e-12);
    }

    #[test]
    fn strata_without_hits_have_no_test() {
        let mut none = Stratified::default();
        assert_eq!(none.test(), None);
        none.add(share(0.0, 100.0), share(0.0, 900.0));
        none.add(share(1.0, 1.0), share(0.0, 0.0));
        assert_eq!((none.test(), none.odds_ratio()), (None, None));
        none.add(share(2.0, 100.0), share(0.0, 900.0));
        assert_eq!(none.odds_ratio(), Some(f64::INFINITY));
    }
}
