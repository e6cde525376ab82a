//! Exact tests of two shares that are given no more than the trials: the worst p-value over all
//! chances to hit that both arms may share.
//!
//! Each arm is `(hits, trials)`, hits at most as many as trials. What is at least as extreme as what
//! was seen is a staircase, because both statistics rise with the hits of the first arm and fall with
//! those of the second: so a chance takes time like the square root of the trials, not their product.

use std::f64::consts::FRAC_PI_2;

use super::binomial::log_binomial;
use super::{Share, fisher_p, two_proportion_z};

/// What an unconditional test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unconditional {
    /// By which outcomes are ordered.
    pub statistic: f64,
    /// The largest chance of an outcome at least as extreme, over all common chances to hit.
    pub p: f64,
}

/// Statistics that differ by less than this part are the same.
const SLACK: f64 = 1e-10;

/// Trials of both arms together, beyond which no test is made: some seconds.
pub const MOST_TRIALS: u64 = 400_000;

/// Barnard's test by the pooled z, one-sided: does the first arm hit more often? `None` where z is not
/// defined, or beyond [`MOST_TRIALS`]. (Barnard 1945; Suissa and Shuster 1985.)
pub fn barnard(first: (u64, u64), second: (u64, u64)) -> Option<Unconditional> {
    let pooled_z = |x: u64, y: u64| -> Option<f64> {
        let share = |hits: u64, trials: u64| Share {
            hits: hits as f64,
            trials: trials as f64,
        };
        two_proportion_z(share(x, first.1), share(y, second.1)).map(|test| test.z)
    };
    let seen = pooled_z(first.0, second.0)?;
    let least = seen - SLACK * seen.abs();
    // No hits at all, and nothing but hits, show no difference.
    worst(first.1, second.1, |x, y| {
        pooled_z(x, y).unwrap_or(0.0) >= least
    })
    .map(|p| Unconditional { statistic: seen, p })
}

/// Boschloo's test, one-sided: Fisher's p-value as the statistic, so never less powerful than Fisher's
/// own test. `None` beyond [`MOST_TRIALS`], or without trials in an arm. (Boschloo 1970.)
pub fn boschloo(first: (u64, u64), second: (u64, u64)) -> Option<Unconditional> {
    let seen = fisher_p(first, second);
    let most = seen * (1.0 + SLACK);
    worst(first.1, second.1, |x, y| {
        fisher_p((x, first.1), (y, second.1)) <= most
    })
    .map(|p| Unconditional { statistic: seen, p })
}

/// The largest chance, over all common chances to hit, of the outcomes that are `extreme`.
fn worst(n: u64, m: u64, extreme: impl Fn(u64, u64) -> bool) -> Option<f64> {
    if n == 0 || m == 0 || n + m > MOST_TRIALS {
        return None;
    }
    let stairs = stairs(n, m, extreme);
    // In the angle whose sine is the root of the chance, what is seen varies as much everywhere.
    let chance = |angle: f64| {
        let root = angle.sin();
        extreme_chance(&stairs, n as f64, m as f64, root * root)
    };
    let steps = 256 + (16.0 * (n.max(m) as f64).sqrt()) as u32;
    let width = FRAC_PI_2 / f64::from(steps);
    let grid: Vec<f64> = (0..=steps)
        .map(|step| chance(f64::from(step) * width))
        .collect();
    let peak = |at: usize| {
        let around = &grid[at.saturating_sub(1)..(at + 2).min(grid.len())];
        around.iter().all(|value| *value <= grid[at])
    };
    let mut peaks: Vec<usize> = (0..grid.len()).filter(|at| peak(*at)).collect();
    peaks.sort_by(|a, b| grid[*b].total_cmp(&grid[*a]));
    peaks.truncate(8);
    let refined = peaks.into_iter().map(|at| {
        let middle = at as f64 * width;
        let (low, high) = ((middle - width).max(0.0), (middle + width).min(FRAC_PI_2));
        grid[at].max(highest(low, high, chance))
    });
    refined.reduce(f64::max).map(|p| p.min(1.0))
}

/// For each number of hits of the first arm, how many numbers of hits of the second, from 0, are
/// extreme.
fn stairs(n: u64, m: u64, extreme: impl Fn(u64, u64) -> bool) -> Vec<u64> {
    let mut reach = 0;
    let steps = (0..=n).map(|x| {
        while reach <= m && extreme(x, reach) {
            reach += 1;
        }
        reach
    });
    steps.collect()
}

fn extreme_chance(stairs: &[u64], n: f64, m: f64, p: f64) -> f64 {
    let (first, second) = (Chances::new(n, p), Chances::new(m, p));
    let mut below = Vec::with_capacity(second.chances.len() + 1);
    let mut sum = 0.0;
    below.push(sum);
    for chance in &second.chances {
        sum += chance;
        below.push(sum);
    }
    let fewer_than = |hits: u64| {
        let place = (hits as usize).saturating_sub(second.start);
        below.get(place).copied().unwrap_or(sum)
    };
    let terms = stairs[first.start..].iter().zip(&first.chances);
    terms
        .map(|(reach, chance)| chance * fewer_than(*reach))
        .sum()
}

/// Binomial chances of `start` hits and more, as many as count.
struct Chances {
    start: usize,
    chances: Vec<f64>,
}

impl Chances {
    fn new(trials: f64, p: f64) -> Chances {
        const NEGLIGIBLE: f64 = 1e-40;
        let q = 1.0 - p;
        if p <= 0.0 || q <= 0.0 {
            let start = if p <= 0.0 { 0 } else { trials as usize };
            return Chances {
                start,
                chances: vec![1.0],
            };
        }
        let mode = ((trials + 1.0) * p).floor().min(trials);
        let peak = log_binomial(trials, mode, p, q).exp();
        let mut chances = vec![peak];
        let (mut at, mut chance) = (mode, peak);
        while at > 0.0 && chance > NEGLIGIBLE {
            chance *= at / (trials - at + 1.0) * (q / p);
            at -= 1.0;
            chances.push(chance);
        }
        chances.reverse();
        let start = at as usize;
        (at, chance) = (mode, peak);
        while at < trials && chance > NEGLIGIBLE {
            chance *= (trials - at) / (at + 1.0) * (p / q);
            at += 1.0;
            chances.push(chance);
        }
        Chances { start, chances }
    }
}

/// The highest value of a function with one peak between two ends, by golden sections.
fn highest(mut low: f64, mut high: f64, function: impl Fn(f64) -> f64) -> f64 {
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let place = |low: f64, high: f64| high - golden * (high - low);
    let (mut left, mut right) = (place(low, high), low + golden * (high - low));
    let (mut at_left, mut at_right) = (function(left), function(right));
    for _ in 0..40 {
        if at_left > at_right {
            (high, right, at_right) = (right, left, at_left);
            left = place(low, high);
            at_left = function(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + golden * (high - low);
            at_right = function(right);
        }
    }
    at_left.max(at_right)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::binomial;

    #[test]
    fn a_small_table_worked_by_hand() {
        // Two of two against none of two is the most extreme outcome: p²(1-p)², at most 1/16.
        let (first, second) = ((2, 2), (0, 2));
        assert!((barnard(first, second).unwrap().p - 0.0625).abs() < 1e-12);
        let boschloo = boschloo(first, second).unwrap();
        assert!((boschloo.p - 0.0625).abs() < 1e-12);
        assert!((boschloo.statistic - 1.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn undefined_and_too_large_tables_have_no_result() {
        assert_eq!(barnard((0, 5), (0, 9)), None);
        assert_eq!(barnard((5, 5), (9, 9)), None);
        assert_eq!(boschloo((0, 5), (0, 9)).unwrap().p, 1.0);
        assert_eq!(boschloo((0, 0), (1, 9)), None);
        assert_eq!(boschloo((10, MOST_TRIALS), (1, 9)), None);
    }

    #[test]
    fn large_tables_agree_with_the_normal_approximation() {
        let test = barnard((60, 2_000), (40, 2_000)).unwrap();
        let p = crate::stats::normal_upper(test.statistic);
        assert!((test.p / p - 1.0).abs() < 0.15, "{test:?} {p}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_worst_chance_is_that_of_a_fine_grid_and_never_above_fishers(
            n in 1_u64..25, m in 1_u64..25, x in 0.0..=1.0_f64, y in 0.0..=1.0_f64,
        ) {
            let (first, second) = (((x * n as f64) as u64, n), ((y * m as f64) as u64, m));
            let test = boschloo(first, second).unwrap();
            prop_assert!(test.p <= test.statistic * (1.0 + 1e-9), "{test:?}");
            let most = test.statistic * (1.0 + SLACK);
            let extreme = |i, j| fisher_p((i, n), (j, m)) <= most;
            let chance = |p: f64| -> f64 {
                let all = (0..=n).flat_map(|i| (0..=m).map(move |j| (i, j)));
                all.filter(|(i, j)| extreme(*i, *j))
                    .map(|(i, j)| binomial(n, i, p) * binomial(m, j, p))
                    .sum()
            };
            let grid = (0..=400).map(|step| chance(f64::from(step) / 400.0)).fold(0.0, f64::max);
            prop_assert!(test.p >= grid - 1e-9 && test.p <= grid + 0.01, "{test:?} {grid}");
        }
    }
}
