//! Comparing two proportions where the trials fall into strata.

use super::Share;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
