//! The rank-sum test of Mann, Whitney and Wilcoxon and the shift between two samples that follows
//! from it, by the normal approximation with corrections for ties and continuity at every size:
//! R's `wilcox.test(x, y, conf.int = TRUE, exact = FALSE, correct = TRUE)`, except that the estimate
//! keeps the continuity correction that R leaves out there.

use std::cmp::Ordering;

use super::zeroin::zeroin;

/// How far a root may be off: an absolute distance in the unit of the samples.
const TOLERANCE: f64 = 1e-4;

/// Two samples, ready to be compared at any shift.
#[derive(Debug, Clone)]
pub struct RankSum {
    /// In ascending order, not a number last.
    x: Vec<f64>,
    y: Vec<f64>,
}

/// By how much `x` lies above `y`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end; a search that stops early can leave it below the other.
    pub upper: f64,
    /// In effect the estimate of Hodges and Lehmann, the median of all differences.
    pub estimate: f64,
}

/// Ranks of `x` among both samples.
#[derive(Debug, Clone, Copy)]
struct Ranks {
    /// Their sum, of average ranks.
    sum: f64,
    /// Σ(t³ - t) over the groups of t equal values.
    ties: f64,
}

impl RankSum {
    /// Compares `x` with `y`. `None` when either is empty.
    pub fn new(x: &[f64], y: &[f64]) -> Option<RankSum> {
        let sorted = |sample: &[f64]| {
            let mut sorted: Vec<f64> = sample.iter().copied().map(last_if_nan).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            sorted
        };
        (!x.is_empty() && !y.is_empty()).then(|| RankSum {
            x: sorted(x),
            y: sorted(y),
        })
    }

    /// The test statistic of `x - shift` against `y`: above zero where `x` is higher. `None` when all
    /// values are the same.
    pub fn z(&self, shift: f64) -> Option<f64> {
        self.statistic(shift, 0.5)
    }

    /// The same with a correction for continuity of this many pairs.
    fn statistic(&self, shift: f64, continuity: f64) -> Option<f64> {
        let (n, m) = self.sizes();
        let ranks = self.ranks(shift);
        let deviation = ranks.sum - n * (n + 1.0) / 2.0 - n * m / 2.0;
        let correction = match deviation.partial_cmp(&0.0) {
            Some(Ordering::Greater) => continuity,
            Some(Ordering::Less) => -continuity,
            _ => 0.0,
        };
        let all = n + m;
        let variance = (n * m / 12.0) * ((all + 1.0) - ranks.ties / (all * (all - 1.0)));
        let sigma = variance.sqrt();
        (sigma > 0.0).then(|| (deviation - correction) / sigma)
    }

    /// The interval of shifts at which the statistic lies within `quantile` of zero, and the shift at
    /// which it is zero. The statistic is a step function, so each of the three is where the search
    /// stopped: see [`super::zeroin`]. `None` when at some shift all values are the same.
    pub fn shift(&self, quantile: f64) -> Option<Shift> {
        let (low, high) = self.reach();
        let (at_low, at_high) = (self.z(low)?, self.z(high)?);
        let root =
            |target: f64| zeroin(low, high, TOLERANCE, |shift| Some(self.z(shift)? - target));
        let bound = |target: f64| {
            if at_low - target <= 0.0 {
                Some(low)
            } else if at_high - target >= 0.0 {
                Some(high)
            } else {
                root(target)
            }
        };
        Some(Shift {
            lower: bound(quantile)?,
            upper: bound(-quantile)?,
            estimate: root(0.0)?,
        })
    }

    /// The estimate as R has it: where the statistic without a correction for continuity is zero.
    /// `None` when at some shift all values are the same.
    pub fn hodges_lehmann(&self) -> Option<f64> {
        let (low, high) = self.reach();
        zeroin(low, high, TOLERANCE, |shift| self.statistic(shift, 0.0))
    }

    /// The share of pairs in which `x` is above `y`, ties by half: the common language effect size
    /// (McGraw and Wong 1992).
    pub fn share_above(&self) -> f64 {
        let (n, m) = self.sizes();
        (2.0 * self.ranks(0.0).sum - n * (n + 1.0)) / (2.0 * n * m)
    }

    fn sizes(&self) -> (f64, f64) {
        (self.x.len() as f64, self.y.len() as f64)
    }

    /// The least and the largest difference.
    fn reach(&self) -> (f64, f64) {
        let ends = |sample: &[f64]| match sample {
            [only] => (*only, *only),
            [first, .., last] => (*first, *last),
            [] => (f64::NAN, f64::NAN),
        };
        let ((x_min, x_max), (y_min, y_max)) = (ends(&self.x), ends(&self.y));
        (x_min - y_max, x_max - y_min)
    }

    /// Subtracting the same number from sorted values leaves them sorted, so both samples are merged
    /// rather than sorted anew.
    fn ranks(&self, shift: f64) -> Ranks {
        let moved = |index: usize| self.x.get(index).map(|value| last_if_nan(value - shift));
        let (mut sum, mut ties, mut ranked) = (0.0, 0.0, 0.0);
        let (mut i, mut j) = (0, 0);
        loop {
            let (x, y) = (moved(i), self.y.get(j).copied());
            let least = match (x, y) {
                (None, None) => return Ranks { sum, ties },
                (Some(value), None) | (None, Some(value)) => value,
                (Some(x), Some(y)) => match x.total_cmp(&y) {
                    Ordering::Greater => y,
                    _ => x,
                },
            };
            let equal = |value: &f64| value.total_cmp(&least) == Ordering::Equal;
            let (mut of_x, mut of_y) = (0.0, 0.0);
            while moved(i).is_some_and(|value| equal(&value)) {
                (i, of_x) = (i + 1, of_x + 1.0);
            }
            while self.y.get(j).is_some_and(equal) {
                (j, of_y) = (j + 1, of_y + 1.0);
            }
            let size = of_x + of_y;
            sum += of_x * (ranked + (size + 1.0) / 2.0);
            ties += size * size * size - size;
            ranked += size;
        }
    }
}

/// Not a number ranks as infinity does.
fn last_if_nan(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// z by ranking all values from scratch, as a book would have it.
    fn slow_z(x: &[f64], y: &[f64], shift: f64) -> Option<f64> {
        let pooled: Vec<f64> = (x.iter().map(|value| value - shift))
            .chain(y.iter().copied())
            .collect();
        let rank = |value: f64| {
            let below = pooled.iter().filter(|other| **other < value).count() as f64;
            let equal = pooled.iter().filter(|other| **other == value).count() as f64;
            below + (equal + 1.0) / 2.0
        };
        let (n, m) = (x.len() as f64, y.len() as f64);
        let sum: f64 = pooled[..x.len()].iter().map(|value| rank(*value)).sum();
        // Σ(t³ - t) over groups is Σ(t² - 1) over their members.
        let ties: f64 = (pooled.iter())
            .map(|value| {
                let equal = pooled.iter().filter(|other| *other == value).count() as f64;
                equal * equal - 1.0
            })
            .sum();
        let deviation = sum - n * (n + 1.0) / 2.0 - n * m / 2.0;
        let correction = if deviation == 0.0 {
            0.0
        } else {
            0.5 * deviation.signum()
        };
        let all = n + m;
        let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        (variance > 0.0).then(|| (deviation - correction) / variance.sqrt())
    }

    #[test]
    fn separated_samples_reach_from_end_to_end() {
        let test = RankSum::new(&[13.0, 12.0, 11.0], &[1.0, 3.0, 2.0]).unwrap();
        let shift = test.shift(2.326_347_874_040_841).unwrap();
        // Three against three never reach the level: the bounds are the extreme differences.
        assert_eq!((shift.lower, shift.upper), (8.0, 12.0));
        assert!((shift.estimate - 10.0).abs() < 1e-4);
        assert!((test.hodges_lehmann().unwrap() - 10.0).abs() < 1e-4);
        assert_eq!(test.share_above(), 1.0);
    }

    #[test]
    fn values_that_are_all_the_same_have_no_statistic() {
        let test = RankSum::new(&[1.0, 1.0], &[1.0]).unwrap();
        assert_eq!(test.z(0.0), None);
        assert_eq!((test.shift(2.3), test.hodges_lehmann()), (None, None));
        assert!(RankSum::new(&[], &[1.0]).is_none() && RankSum::new(&[1.0], &[]).is_none());
        // One against one is the same at the only shift between them.
        assert_eq!(RankSum::new(&[2.0], &[1.0]).unwrap().shift(2.3), None);
    }

    #[test]
    fn minus_zero_ranks_below_zero_and_not_a_number_as_infinity() {
        let zeros = RankSum::new(&[0.0, 0.0], &[-0.0, -0.0]).unwrap();
        assert_eq!(zeros.share_above(), 1.0);
        let infinite = RankSum::new(&[f64::NAN, 1.0], &[f64::INFINITY, 1.0]).unwrap();
        assert_eq!(infinite.share_above(), 0.5);
        // An infinite sample ends in infinite bounds, not in a search without end.
        let shift = RankSum::new(&[f64::INFINITY, 1.0, 2.0, 3.0], &[1.0, 2.0, 2.5])
            .unwrap()
            .shift(2.3);
        assert!(
            shift.is_none_or(|shift| shift.upper.is_infinite()),
            "{shift:?}"
        );
    }

    proptest! {
        #[test]
        fn merging_ranks_like_sorting(
            x in prop::collection::vec(-4_i32..9, 1..20),
            y in prop::collection::vec(-4_i32..9, 1..20),
            shift in -3_i32..4,
        ) {
            let x: Vec<f64> = x.into_iter().map(f64::from).collect();
            let y: Vec<f64> = y.into_iter().map(f64::from).collect();
            let test = RankSum::new(&x, &y).unwrap();
            prop_assert_eq!(test.z(shift.into()), slow_z(&x, &y, shift.into()));
        }

        #[test]
        fn the_interval_holds_the_estimate_and_moves_with_the_samples(
            x in prop::collection::vec(0.0..100.0_f64, 5..30),
            y in prop::collection::vec(0.0..100.0_f64, 5..30),
        ) {
            let test = RankSum::new(&x, &y).unwrap();
            let shift = test.shift(1.96).unwrap();
            prop_assert!(shift.lower <= shift.estimate + 1e-3 && shift.estimate <= shift.upper + 1e-3);
            let moved: Vec<f64> = x.iter().map(|value| value + 50.0).collect();
            let further = RankSum::new(&moved, &y).unwrap().shift(1.96).unwrap();
            // The estimate may lie anywhere on a level stretch, the bounds lie at steps.
            prop_assert!((further.lower - shift.lower - 50.0).abs() < 1e-3);
            prop_assert!((further.upper - shift.upper - 50.0).abs() < 1e-3);
        }
    }
}
