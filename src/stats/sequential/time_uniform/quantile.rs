//! Quantiles at all times: how far they may lie from where they are found, and whether two arms'
//! are the same.
//!
//! (Howard and Ramdas 2022.)

use statrs::function::gamma::{digamma, ln_gamma};

use super::{BetaBinomial, level, positive, tuned_rho};

/// Between which order statistics a quantile lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileRanks {
    /// By how much the share below may be less than the quantile's.
    pub lower_radius: f64,
    /// By how much it may be more.
    pub upper_radius: f64,
    /// The rank of the lower end, from 1; 0 where it is unbounded.
    pub lower: u64,
    /// The rank of the upper end; one more than there are observations where it is unbounded.
    pub upper: u64,
}

/// The ranks between which the `p`-quantile lies at all times together, after `count` observations:
/// exact for any distribution. Tightest at `tuned` observations for `tuned_alpha`. `None` where a
/// share or a level is not between 0 and 1 or there is no observation.
pub fn quantile_ranks(
    count: u64,
    p: f64,
    alpha: f64,
    tuned: f64,
    tuned_alpha: f64,
) -> Option<QuantileRanks> {
    if count == 0 || !level(p) || !level(alpha) {
        return None;
    }
    let n = count as f64;
    let spread = p * (1.0 - p);
    let radius = |below: f64, above: f64| {
        let mixture = BetaBinomial::new(spread * tuned, below, above, tuned_alpha, false)?;
        Some(mixture.bound(spread * n, alpha)? / n)
    };
    let upper_radius = radius(p, 1.0 - p)?;
    let lower_radius = radius(1.0 - p, p)?;
    // A radius at its most is no bound: nothing could have been farther.
    let bounded = |radius: f64, most: f64| radius < most * (1.0 - 1e-12);
    let lower = if bounded(lower_radius, p) {
        (n * (p - lower_radius) + 1.0).floor() as u64
    } else {
        0
    };
    let upper = if bounded(upper_radius, 1.0 - p) {
        (n * (p + upper_radius)).ceil() as u64
    } else {
        count.saturating_add(1)
    };
    Some(QuantileRanks {
        lower_radius,
        upper_radius,
        lower,
        upper,
    })
}

/// The always-valid test of equal `p`-quantiles in two arms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileTest {
    first: Arm,
    second: Arm,
    p: f64,
}

/// The log-mixture of one arm, as a function of how many of its observations count as below.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Arm {
    /// The beta prior: misses and hits.
    misses: f64,
    hits: f64,
    start: f64,
    log_miss: f64,
    log_hit: f64,
}

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileVerdict {
    /// ln of the evidence that the quantiles differ, at least 0; the p-value is e to its negative.
    pub log_e: f64,
    /// Whether the first arm's quantile lies to the right.
    pub first_is_larger: bool,
}

impl QuantileTest {
    /// A test tuned to `tuned` observations of the first and of the second arm, for `alpha`. `None`
    /// where a share or level is not between 0 and 1 or a number of observations not positive.
    pub fn new(p: f64, tuned: (f64, f64), alpha: f64) -> Option<QuantileTest> {
        let sound = level(p) && level(alpha) && positive(tuned.0) && positive(tuned.1);
        sound.then(|| QuantileTest {
            first: Arm::new(p, tuned.0, alpha),
            second: Arm::new(p, tuned.1, alpha),
            p,
        })
    }

    /// The share whose quantile is compared.
    pub fn p(&self) -> f64 {
        self.p
    }

    /// A look at both arms' counts, so far, in the cells of one histogram.
    pub fn look(&self, first: &[u64], second: &[u64]) -> Option<QuantileVerdict> {
        if first.len() != second.len() {
            return None;
        }
        let cells = first.iter().copied().zip(second.iter().copied());
        Some(self.walk(cells, first.iter().sum(), second.iter().sum()))
    }

    /// A look at both arms' observations, which are sorted.
    pub fn look_at(&self, first: &mut [f64], second: &mut [f64]) -> QuantileVerdict {
        first.sort_by(f64::total_cmp);
        second.sort_by(f64::total_cmp);
        let (mut one, mut other) = (&*first, &*second);
        let cells = std::iter::from_fn(|| {
            let least = match (one.first(), other.first()) {
                (Some(a), Some(b)) => a.min(*b),
                (Some(a), None) => *a,
                (None, Some(b)) => *b,
                (None, None) => return None,
            };
            let split = |values: &[f64]| values.partition_point(|value| *value <= least);
            let (a, b) = (split(one), split(other));
            (one, other) = (&one[a..], &other[b..]);
            Some((a as u64, b as u64))
        });
        // Not a number sorts last, and is not at most anything: it ends the walk.
        let cells = cells.take_while(|cell| *cell != (0, 0));
        self.walk(cells, first.len() as u64, second.len() as u64)
    }

    /// The smallest sum of the arms' evidence over all values that both quantiles might have.
    fn walk(&self, cells: impl Iterator<Item = (u64, u64)>, n: u64, m: u64) -> QuantileVerdict {
        let nothing = QuantileVerdict {
            log_e: 0.0,
            first_is_larger: false,
        };
        if n == 0 || m == 0 {
            return nothing;
        }
        let (n, m) = (n as f64, m as f64);
        // Each arm's evidence falls up to where it has the likeliest count below, and rises after.
        let (least_first, least_second) = (self.first.minimiser(n), self.second.minimiser(m));
        let (mut a, mut b) = (0.0, 0.0);
        let mut smallest = f64::INFINITY;
        let (mut found_first, mut found_second) = (None, None);
        for (index, (one, other)) in cells.enumerate() {
            let (from_a, from_b) = (a, b);
            a += one as f64;
            b += other as f64;
            if found_first.is_none() && a >= least_first {
                found_first = Some(index);
            }
            if found_second.is_none() && b >= least_second {
                found_second = Some(index);
            }
            if a < least_first && b < least_second {
                continue;
            }
            let sum = self.first.log(least_first.clamp(from_a, a), n)
                + self.second.log(least_second.clamp(from_b, b), m);
            smallest = smallest.min(sum);
            if from_a > least_first && from_b > least_second {
                break;
            }
        }
        if !smallest.is_finite() {
            return nothing;
        }
        QuantileVerdict {
            log_e: smallest.max(0.0),
            first_is_larger: found_first > found_second,
        }
    }
}

impl Arm {
    fn new(p: f64, tuned: f64, alpha: f64) -> Arm {
        let spread = p * (1.0 - p);
        let r = (tuned_rho(spread * tuned, alpha) - spread).max(1e-3 * spread);
        let (misses, hits) = (r / p, r / (1.0 - p));
        Arm {
            misses,
            hits,
            start: log_beta(misses, hits),
            log_miss: (-p).ln_1p(),
            log_hit: p.ln(),
        }
    }

    /// ln m where `below` of `count` observations are below.
    fn log(&self, below: f64, count: f64) -> f64 {
        let above = count - below;
        log_beta(self.misses + above, self.hits + below)
            - self.start
            - below * self.log_hit
            - above * self.log_miss
    }

    /// The number below at which the evidence is smallest: about p of them.
    fn minimiser(&self, count: f64) -> f64 {
        let odds = self.log_hit - self.log_miss;
        let slope =
            |below: f64| digamma(self.hits + below) - digamma(self.misses + count - below) - odds;
        let (mut low, mut high) = (0.0, count);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if slope(middle) < 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low + high) / 2.0
    }
}

fn log_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_apart_are_told_apart_and_in_which_direction() {
        let test = QuantileTest::new(0.9, (500.0, 500.0), 0.05).unwrap();
        let slow = [100_u64, 500, 200, 200, 0];
        let fast = [300_u64, 600, 90, 10, 0];
        let found = test.look(&slow, &fast).unwrap();
        assert!(found.log_e > 20.0_f64.ln() && found.first_is_larger);
        let found = test.look(&fast, &slow).unwrap();
        assert!(found.log_e > 20.0_f64.ln() && !found.first_is_larger);
        assert_eq!(test.look(&slow, &slow).unwrap().log_e, 0.0);
    }

    #[test]
    fn what_cannot_be_compared_says_nothing_or_is_refused() {
        let test = QuantileTest::new(0.5, (100.0, 100.0), 0.05).unwrap();
        assert_eq!(test.look(&[0, 0], &[4, 5]).unwrap().log_e, 0.0);
        assert_eq!(test.look(&[1], &[4, 5]), None);
        assert_eq!(test.look_at(&mut [], &mut [1.0]).log_e, 0.0);
        let all_alike = test.look_at(&mut [3.0; 500], &mut [3.0; 400]);
        assert_eq!(all_alike.log_e, 0.0);
        let found = test.look_at(&mut [f64::NAN, 1.0], &mut [f64::INFINITY, 2.0]);
        assert!(found.log_e.is_finite());
        assert_eq!(QuantileTest::new(1.0, (100.0, 100.0), 0.05), None);
        assert_eq!(quantile_ranks(0, 0.5, 0.05, 100.0, 0.05), None);
        let ranks = quantile_ranks(1, 0.5, 0.05, 100.0, 0.05).unwrap();
        assert_eq!((ranks.lower, ranks.upper), (0, 2));
    }

    proptest! {
        #[test]
        fn a_walk_finds_the_smallest_sum_over_all_values(
            first in prop::collection::vec(0_u64..60, 8), second in prop::collection::vec(0_u64..90, 8),
            p in 0.02..0.98_f64,
        ) {
            let test = QuantileTest::new(p, (100.0, 200.0), 0.05).unwrap();
            let (n, m): (u64, u64) = (first.iter().sum(), second.iter().sum());
            prop_assume!(n > 0 && m > 0);
            let (n, m) = (n as f64, m as f64);
            let nearest = |arm: &Arm, low: f64, high: f64, all: f64| {
                (0..=4_000)
                    .map(|at| arm.log(low + (high - low) * f64::from(at) / 4_000.0, all))
                    .fold(f64::INFINITY, f64::min)
            };
            let (mut a, mut b) = (0.0, 0.0);
            let mut smallest = f64::INFINITY;
            for (one, other) in first.iter().zip(&second) {
                let (to_a, to_b) = (a + *one as f64, b + *other as f64);
                let sum = nearest(&test.first, a, to_a, n) + nearest(&test.second, b, to_b, m);
                smallest = smallest.min(sum);
                (a, b) = (to_a, to_b);
            }
            let found = test.look(&first, &second).unwrap().log_e;
            prop_assert!((found - smallest.max(0.0)).abs() < 1e-3, "{found} {smallest}");
            // The same from the observations themselves.
            let spread = |counts: &[u64]| -> Vec<f64> {
                let cells = counts.iter().enumerate();
                cells.flat_map(|(cell, count)| vec![cell as f64; *count as usize]).rev().collect()
            };
            let at = test.look_at(&mut spread(&first), &mut spread(&second)).log_e;
            prop_assert!((at - found).abs() < 1e-9);
        }
    }
}
