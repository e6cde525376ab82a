//! Whether two samples come from one distribution, asked by exchanging who belongs to which.
//!
//! Exact in level whatever the distribution, also with few values and many ties (Fisher 1935;
//! Phipson and Smyth 2010 for the count of rounds that cannot give a p-value of zero).

use rand::{Rng, RngExt};

/// The chance of a statistic at least as large as the one found, when who belongs to the first
/// sample is drawn at random. `first` says for each of the pooled values whether it does, in the
/// order that `statistic` expects; `rounds` exchanges are drawn from `stream`. The least answer is
/// `1 / (rounds + 1)`.
pub fn permutation_p(
    first: &[bool],
    rounds: u32,
    stream: &mut impl Rng,
    mut statistic: impl FnMut(&[bool]) -> f64,
) -> f64 {
    // Rounding must not make an equal statistic look smaller.
    let found = statistic(first) * (1.0 - 1e-12);
    let mut exchanged = first.to_vec();
    let mut as_large = 1_u32;
    for _ in 0..rounds {
        for index in (1..exchanged.len()).rev() {
            exchanged.swap(index, stream.random_range(0..=index));
        }
        as_large += u32::from(statistic(&exchanged) >= found);
    }
    f64::from(as_large) / (f64::from(rounds) + 1.0)
}

/// The p-value of a difference between two means, two-sided, of which `margin` is allowed for: 1
/// where they differ by no more than that.
pub fn mean_difference_p(
    first: &[f64],
    second: &[f64],
    margin: f64,
    rounds: u32,
    stream: &mut impl Rng,
) -> f64 {
    let gap = mean(first) - mean(second);
    if gap.abs() <= margin {
        return 1.0;
    }
    let shift = margin.copysign(gap);
    let pooled: Vec<f64> = (first.iter().map(|value| value - shift))
        .chain(second.iter().copied())
        .collect();
    let all: f64 = pooled.iter().sum();
    let (n, m) = (first.len() as f64, second.len() as f64);
    permutation_p(
        &labels(first.len(), pooled.len()),
        rounds,
        stream,
        |of_first| {
            let sum = (pooled.iter().zip(of_first))
                .filter(|(_, of_first)| **of_first)
                .map(|(value, _)| value)
                .sum::<f64>();
            (sum / n - (all - sum) / m).abs()
        },
    )
}

/// The p-value of the largest gap between two empirical distributions (Kolmogorov and Smirnov),
/// which holds with ties and infinities too.
pub fn distribution_p(first: &[f64], second: &[f64], rounds: u32, stream: &mut impl Rng) -> f64 {
    let mut pooled: Vec<(f64, bool)> = (first.iter().map(|value| (*value, true)))
        .chain(second.iter().map(|value| (*value, false)))
        .collect();
    pooled.sort_by(|a, b| a.0.total_cmp(&b.0));
    let of_first: Vec<bool> = pooled.iter().map(|(_, of_first)| *of_first).collect();
    let (n, m) = (first.len() as f64, second.len() as f64);
    permutation_p(&of_first, rounds, stream, |of_first| {
        let (mut a, mut b, mut gap) = (0.0, 0.0, 0.0_f64);
        for (index, of_first) in of_first.iter().enumerate() {
            if *of_first {
                a += 1.0;
            } else {
                b += 1.0;
            }
            // Equal values come together.
            if pooled
                .get(index + 1)
                .is_none_or(|next| next.0 != pooled[index].0)
            {
                gap = gap.max((a / n - b / m).abs());
            }
        }
        gap
    })
}

/// The p-value of two lists of categories: the statistic is chi-square's.
pub fn categories_p<T: Ord>(first: &[T], second: &[T], rounds: u32, stream: &mut impl Rng) -> f64 {
    let mut names: Vec<&T> = first.iter().chain(second).collect();
    names.sort();
    names.dedup();
    let index = |value: &T| names.binary_search(&value).unwrap_or(0);
    let pooled: Vec<usize> = first.iter().chain(second).map(index).collect();
    let mut totals = vec![0.0; names.len()];
    for category in &pooled {
        totals[*category] += 1.0;
    }
    let share = first.len() as f64 / pooled.len() as f64;
    let mut counts = vec![0.0; names.len()];
    permutation_p(
        &labels(first.len(), pooled.len()),
        rounds,
        stream,
        |of_first| {
            counts.fill(0.0);
            for (category, of_first) in pooled.iter().zip(of_first) {
                counts[*category] += f64::from(u8::from(*of_first));
            }
            (counts.iter().zip(&totals))
                .map(|(count, total)| (count - share * total).powi(2) / total)
                .sum()
        },
    )
}

fn labels(first: usize, all: usize) -> Vec<bool> {
    (0..all).map(|index| index < first).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::base::Stream;

    const ROUNDS: u32 = 1_999;

    fn stream() -> Stream {
        Stream::seed_from_u64(11)
    }

    #[test]
    fn all_exchanges_of_few_values_give_the_p_value_that_counting_gives() {
        // Of the 20 ways to choose three of six, two are as extreme as the lowest three.
        let p = mean_difference_p(
            &[1.0, 2.0, 3.0],
            &[4.0, 5.0, 6.0],
            0.0,
            ROUNDS,
            &mut stream(),
        );
        // One standard error is 0.0067.
        assert!((p - 0.1).abs() < 0.03, "{p}");
        let p = distribution_p(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], ROUNDS, &mut stream());
        assert!((p - 0.1).abs() < 0.03, "{p}");
        let p = categories_p(&["a"; 3], &["b"; 3], ROUNDS, &mut stream());
        assert!((p - 0.1).abs() < 0.03, "{p}");
    }

    #[test]
    fn samples_of_one_distribution_fail_as_often_as_the_level_says() {
        let mut stream = stream();
        let mut low = [0_u32; 3];
        const TRIALS: u32 = 400;
        for _ in 0..TRIALS {
            // Few values and ties, as of detection times.
            let mut draw = |count: usize| -> Vec<f64> {
                (0..count)
                    .map(|_| f64::from(stream.random_range(0..5_u32)))
                    .collect()
            };
            let (a, b) = (draw(10), draw(60));
            let whole = |values: &[f64]| -> Vec<u64> { values.iter().map(|x| *x as u64).collect() };
            let p = [
                mean_difference_p(&a, &b, 0.0, 199, &mut stream),
                distribution_p(&a, &b, 199, &mut stream),
                categories_p(&whole(&a), &whole(&b), 199, &mut stream),
            ];
            for (low, p) in low.iter_mut().zip(p) {
                *low += u32::from(p <= 0.05);
            }
        }
        // 5 % of 400 with a standard error of 4.4; ties make the tests a little careful. Bounds at
        // four of them.
        assert!(low.iter().all(|low| (2..=38).contains(low)), "{low:?}");
    }

    #[test]
    fn a_margin_is_allowed_for_and_no_more() {
        let (a, b) = ([10.5; 8], [10.0; 80]);
        let p = |margin| mean_difference_p(&a, &b, margin, ROUNDS, &mut stream());
        assert_eq!(p(0.5), 1.0);
        assert!(p(0.2) < 0.01);
        assert!(p(0.0) < 0.01);
    }
}
