//! The rank-sum test of Mann, Whitney and Wilcoxon of one look: from samples, or from the counts of
//! two histograms. [`super::RankSum`] compares two samples at many shifts.

use super::normal_upper;

/// In how many of all pairs the first value is above the second, and what is to be expected when both
/// come from one distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which the first is above, ties by half: U of the first.
    pub above: f64,
    /// All pairs.
    pub pairs: f64,
    /// Variance of `above`, less where there are ties; 0 when all values are the same.
    pub variance: f64,
}

impl MannWhitney {
    /// Of two samples; sorts both, and copies nothing. `None` when one is empty or holds something
    /// that is not a number.
    pub fn of_samples(first: &mut [f64], second: &mut [f64]) -> Option<MannWhitney> {
        let numbers = |sample: &[f64]| !sample.iter().any(|value| value.is_nan());
        if !numbers(first) || !numbers(second) {
            return None;
        }
        first.sort_unstable_by(f64::total_cmp);
        second.sort_unstable_by(f64::total_cmp);
        let (mut i, mut j) = (0, 0);
        let groups = std::iter::from_fn(|| {
            let value = match (first.get(i), second.get(j)) {
                (None, None) => return None,
                (Some(value), None) | (None, Some(value)) => *value,
                (Some(x), Some(y)) => x.min(*y),
            };
            let begun = (i, j);
            while i < first.len() && first[i] <= value {
                i += 1;
            }
            while j < second.len() && second[j] <= value {
                j += 1;
            }
            Some(((i - begun.0) as f64, (j - begun.1) as f64))
        });
        MannWhitney::of_groups(groups)
    }

    /// Of the counts of two histograms with the same edges: values in one bin count as ties. `None`
    /// when the histograms differ in length or one is empty.
    pub fn of_counts(first: &[u64], second: &[u64]) -> Option<MannWhitney> {
        if first.len() != second.len() {
            return None;
        }
        let groups = first.iter().zip(second);
        MannWhitney::of_groups(groups.map(|(x, y)| (*x as f64, *y as f64)))
    }

    /// Of groups of equal values, in ascending order: how many of the first and of the second.
    fn of_groups(groups: impl Iterator<Item = (f64, f64)>) -> Option<MannWhitney> {
        let (mut n, mut m, mut above, mut ties) = (0.0, 0.0, 0.0, 0.0);
        for (x, y) in groups {
            above += x * (m + y / 2.0);
            n += x;
            m += y;
            let size = x + y;
            ties += size * (size * size - 1.0);
        }
        let (pairs, all): (f64, f64) = (n * m, n + m);
        let variance = pairs / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        (pairs > 0.0).then_some(MannWhitney {
            above,
            pairs,
            variance: variance.max(0.0),
        })
    }

    /// The share of pairs in which the first is above, ties by half: a half when neither tends to be.
    pub fn share_above(self) -> f64 {
        self.above / self.pairs
    }

    /// The statistic, without a correction for continuity: above zero where the first is higher.
    /// `None` when all values are the same.
    pub fn z(self) -> Option<f64> {
        self.standardised(self.excess())
    }

    /// One-sided: the chance of as many pairs or more, in the limit of large samples, with or without
    /// the correction for continuity. `None` when all values are the same. (Mann and Whitney 1947.)
    pub fn p(self, continuity: bool) -> Option<f64> {
        let z = self.standardised(self.excess() - correction(continuity))?;
        Some(normal_upper(z))
    }

    /// The same for a departure to either side.
    pub fn two_sided_p(self, continuity: bool) -> Option<f64> {
        let z = self.standardised(self.excess().abs() - correction(continuity))?;
        Some((2.0 * normal_upper(z)).min(1.0))
    }

    fn excess(self) -> f64 {
        self.above - self.pairs / 2.0
    }

    fn standardised(self, excess: f64) -> Option<f64> {
        (self.variance > 0.0).then(|| excess / self.variance.sqrt())
    }
}

fn correction(continuity: bool) -> f64 {
    if continuity { 0.5 } else { 0.0 }
}

/// Chance that the first of `n` values are above the second of `m` in `above` pairs or more, exactly,
/// if all are different and come from one distribution. `None` where that would take more than some
/// hundred million steps.
///
/// By the recursion of Mann and Whitney over the largest of all values, which is one of the first with
/// chance n/(n + m) and is then above all m.
pub fn mann_whitney_exact_p(n: usize, m: usize, above: u64) -> Option<f64> {
    const MOST_STEPS: u128 = 400_000_000;
    let (n, m) = (n.min(m), n.max(m));
    let pairs = u64::try_from(n.checked_mul(m)?).ok()?;
    if above > pairs {
        return Some(0.0);
    }
    if n == 0 {
        return Some(1.0);
    }
    // Symmetric: as likely as that many pairs or fewer are not above.
    let rest = pairs - above;
    if rest > pairs / 2 {
        let upper = mann_whitney_exact_p(n, m, rest + 1)?;
        return Some(1.0 - upper);
    }
    if n as u128 * m as u128 * u128::from(rest + 1) > MOST_STEPS {
        return None;
    }
    let most = usize::try_from(rest).ok()?;
    // chances[j][u]: of u pairs with as many of the first as there have been rounds, and j of the second.
    let mut chances: Vec<Vec<f64>> = vec![one_at_zero(most); m + 1];
    for i in 1..=n {
        chances[0] = one_at_zero(most);
        for j in 1..=m {
            let (before, from) = chances.split_at_mut(j);
            let (Some(shorter), Some(row)) = (before.last(), from.first_mut()) else {
                continue;
            };
            let all = (i + j) as f64;
            let (first, second) = (i as f64 / all, j as f64 / all);
            for u in (0..=most).rev() {
                let largest_first = if u >= j { row[u - j] } else { 0.0 };
                row[u] = first * largest_first + second * shorter[u];
            }
        }
    }
    let of = chances.last()?;
    Some(of.iter().sum::<f64>().min(1.0))
}

fn one_at_zero(most: usize) -> Vec<f64> {
    let mut row = vec![0.0; most + 1];
    row[0] = 1.0;
    row
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::RankSum;

    /// Chances of each number of pairs, by all orders of the values.
    fn enumerated(n: u32, m: u32) -> Vec<f64> {
        let mut ways = vec![0.0; (n * m + 1) as usize];
        for order in 0_u32..1 << (n + m) {
            if order.count_ones() == n {
                let above = (0..n + m).filter(|place| order >> place & 1 == 1);
                let pairs: u32 = above
                    .map(|place| place - (order & ((1 << place) - 1)).count_ones())
                    .sum();
                ways[pairs as usize] += 1.0;
            }
        }
        let all: f64 = ways.iter().sum();
        ways.into_iter().map(|ways| ways / all).collect()
    }

    #[test]
    fn exact_chances_are_those_of_all_orders() {
        for (n, m) in [(1, 1), (1, 5), (3, 4), (5, 5), (6, 2)] {
            let chances = enumerated(n, m);
            for above in 0..=n * m + 1 {
                let expected: f64 = chances.iter().skip(above as usize).sum();
                let got = mann_whitney_exact_p(n as usize, m as usize, above.into()).unwrap();
                assert!(
                    (got - expected).abs() < 1e-14,
                    "{n} {m} {above}: {got} {expected}"
                );
            }
        }
    }

    #[test]
    fn exact_chances_of_large_samples_are_near_the_normal_ones() {
        let test = MannWhitney {
            above: 900.0,
            pairs: 1_600.0,
            variance: 1_600.0 / 12.0 * 81.0,
        };
        let exact = mann_whitney_exact_p(40, 40, 900).unwrap();
        assert!((exact - test.p(true).unwrap()).abs() < 1e-3, "{exact}");
        assert_eq!(mann_whitney_exact_p(10_000, 10_000, 50_000_000), None);
    }

    #[test]
    fn equal_values_and_empty_samples_have_no_result() {
        let same = MannWhitney::of_samples(&mut [1.0; 5], &mut [1.0; 3]).unwrap();
        assert_eq!(
            (same.z(), same.p(true), same.share_above()),
            (None, None, 0.5)
        );
        assert_eq!(MannWhitney::of_samples(&mut [], &mut [1.0]), None);
        assert_eq!(MannWhitney::of_samples(&mut [f64::NAN], &mut [1.0]), None);
        assert_eq!(MannWhitney::of_counts(&[1, 2], &[1]), None);
        assert_eq!(MannWhitney::of_counts(&[0, 0], &[1, 3]), None);
        let one = MannWhitney::of_samples(&mut [2.0], &mut [1.0]).unwrap();
        assert_eq!((one.above, one.pairs), (1.0, 1.0));
        let infinite = MannWhitney::of_samples(&mut [f64::INFINITY, -0.0], &mut [0.0]).unwrap();
        assert_eq!(infinite.above, 1.5);
    }

    proptest! {
        #[test]
        fn samples_histograms_and_ranks_agree(
            x in prop::collection::vec(0_u8..12, 1..40), y in prop::collection::vec(0_u8..12, 1..40),
        ) {
            let floats = |of: &[u8]| -> Vec<f64> { of.iter().copied().map(f64::from).collect() };
            let counts = |of: &[u8]| -> Vec<u64> {
                (0..12).map(|bin| of.iter().filter(|value| **value == bin).count() as u64).collect()
            };
            let ranks = RankSum::new(&floats(&x), &floats(&y)).unwrap();
            let test = MannWhitney::of_samples(&mut floats(&x), &mut floats(&y)).unwrap();
            let counted = MannWhitney::of_counts(&counts(&x), &counts(&y)).unwrap();
            prop_assert!((test.share_above() - ranks.share_above()).abs() < 1e-12);
            prop_assert!((test.variance - counted.variance).abs() < 1e-9 * (1.0 + test.variance));
            prop_assert_eq!((test.above, test.pairs), (counted.above, counted.pairs));
            if let Some(z) = ranks.z(0.0) {
                let correction = if test.excess() == 0.0 { 0.0 } else { 0.5 * test.excess().signum() };
                let mine = test.standardised(test.excess() - correction).unwrap();
                prop_assert!((mine - z).abs() < 1e-9);
            }
        }

        #[test]
        fn arms_swap_the_sign_and_p_values_are_chances(
            x in prop::collection::vec(0.0..9.0_f64, 1..40), y in prop::collection::vec(0.0..9.0_f64, 1..40),
        ) {
            let test = MannWhitney::of_samples(&mut x.clone(), &mut y.clone()).unwrap();
            let swapped = MannWhitney::of_samples(&mut y.clone(), &mut x.clone()).unwrap();
            prop_assert_eq!(test.above + swapped.above, test.pairs);
            prop_assert!((test.z().unwrap() + swapped.z().unwrap()).abs() < 1e-9);
            for continuity in [true, false] {
                let (p, two) = (test.p(continuity).unwrap(), test.two_sided_p(continuity).unwrap());
                prop_assert!((0.0..=1.0).contains(&p) && (0.0..=1.0).contains(&two));
                prop_assert!((two - swapped.two_sided_p(continuity).unwrap()).abs() < 1e-9);
            }
        }
    }
}
