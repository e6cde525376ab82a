//! Do two samples, or a sample and a distribution, agree?

use statrs::function::gamma::gamma_ur;

/// What a two-sample Kolmogorov–Smirnov test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ks {
    /// Largest distance between the two distribution functions.
    pub distance: f64,
    /// Chance of such a distance or more between samples of one continuous distribution, in the
    /// limit of large samples. Where values repeat it is too large, so the test rejects too seldom.
    pub p: f64,
}

/// Two-sample Kolmogorov–Smirnov test, two-sided. Sorts both samples. `None` when one is empty or
/// holds something that is not a number. (Kolmogorov 1933; Smirnov 1939.)
pub fn ks_two_sample(first: &mut [f64], second: &mut [f64]) -> Option<Ks> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    if first
        .iter()
        .chain(second.iter())
        .any(|value| value.is_nan())
    {
        return None;
    }
    first.sort_by(f64::total_cmp);
    second.sort_by(f64::total_cmp);
    let (n, m) = (first.len() as f64, second.len() as f64);
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while i < first.len() && j < second.len() {
        // Both functions jump at a shared value before they are compared.
        let value = first[i].min(second[j]);
        i += first[i..].partition_point(|x| *x <= value);
        j += second[j..].partition_point(|x| *x <= value);
        distance = distance.max((i as f64 / n - j as f64 / m).abs());
    }
    let p = kolmogorov_upper((n * m / (n + m)).sqrt() * distance);
    Some(Ks { distance, p })
}

/// The same from the counts of two histograms with the same edges, without a copy. The distance is
/// taken at the edges, so it is at most that of the values, and the test rejects too seldom. `None`
/// when the histograms differ in length or one is empty.
pub fn ks_counts(first: &[u64], second: &[u64]) -> Option<Ks> {
    let (n, m) = sizes(first, second)?;
    let distance = gaps(first, second).fold(0.0_f64, |most, gap| most.max(gap.abs()));
    let p = kolmogorov_upper((n * m / (n + m)).sqrt() * distance);
    Some(Ks { distance, p })
}

/// Do the values of the first histogram lie above those of the second? The largest distance by which
/// the first's distribution function lies below the second's, with its one-sided p-value, in the
/// limit of large samples. `None` as for [`ks_counts`]. (Smirnov 1939.)
pub fn ks_counts_above(first: &[u64], second: &[u64]) -> Option<Ks> {
    let (n, m) = sizes(first, second)?;
    let distance = gaps(first, second).fold(0.0_f64, f64::max);
    let p = (-2.0 * n * m / (n + m) * distance * distance).exp();
    Some(Ks { distance, p })
}

fn sizes(first: &[u64], second: &[u64]) -> Option<(f64, f64)> {
    let [n, m] = [first, second].map(|counts| counts.iter().sum::<u64>() as f64);
    (first.len() == second.len() && n > 0.0 && m > 0.0).then_some((n, m))
}

/// By how much the second distribution function exceeds the first at each edge.
fn gaps(first: &[u64], second: &[u64]) -> impl Iterator<Item = f64> {
    let [n, m] = [first, second].map(|counts| counts.iter().sum::<u64>() as f64);
    let counts = first.iter().zip(second);
    counts.scan((0, 0), move |below, (x, y)| {
        *below = (below.0 + x, below.1 + y);
        Some(below.1 as f64 / m - below.0 as f64 / n)
    })
}

/// Chance that two samples of `n` and `m` values of one continuous distribution lie as far apart as
/// `distance` or farther, exactly; `None` where that would take more than some hundred million steps.
///
/// Orders of the values are paths over a grid, each as likely as any other. They are followed from the
/// corner and taken out where they first lie that far apart, so that only positive numbers are added.
/// (Hodges 1958.)
pub fn ks_exact_p(n: usize, m: usize, distance: f64) -> Option<f64> {
    const MOST_STEPS: usize = 400_000_000;
    if n == 0 || m == 0 || distance.is_nan() || n.checked_mul(m)? > MOST_STEPS {
        return None;
    }
    let (long, short) = (n.max(m), n.min(m));
    let (rows, columns) = (long as f64, short as f64);
    // Distances are multiples of 1/nm; what was divided may be off in its last digit.
    let limit = (distance * rows * columns - 0.5).ceil();
    let mut chances = vec![0.0; short + 1];
    let mut out = 0.0;
    for row in 0..=long {
        let mut from_left = 0.0;
        for (column, chance) in chances.iter_mut().enumerate() {
            let (i, j) = (row as f64, column as f64);
            let left = rows + columns - i - j;
            let here = match (row, column) {
                (0, 0) => 1.0,
                _ => {
                    let from_above = *chance * (rows - i + 1.0);
                    let beside = from_left * (columns - j + 1.0);
                    (from_above + beside) / (left + 1.0)
                }
            };
            let far = (i * columns - j * rows).abs() >= limit;
            if far {
                out += here;
            }
            from_left = if far { 0.0 } else { here };
            *chance = from_left;
        }
    }
    Some(out.min(1.0))
}

/// Chance that Kolmogorov's limiting distribution exceeds `x`.
fn kolmogorov_upper(x: f64) -> f64 {
    use std::f64::consts::PI;
    // Two series for one function; each converges within a few terms on its side.
    if x <= 0.0 {
        1.0
    } else if x < 1.0 {
        let sum: f64 = (1..=5)
            .map(|k| (-(f64::from(2 * k - 1) * PI / x).powi(2) / 8.0).exp())
            .sum();
        1.0 - (2.0 * PI).sqrt() / x * sum
    } else {
        let term = |k: i32| (-2.0 * (f64::from(k) * x).powi(2)).exp();
        2.0 * (1..=8)
            .map(|k| if k % 2 == 1 { term(k) } else { -term(k) })
            .sum::<f64>()
    }
}

/// Chance that counts stray at least this far from what is expected (Pearson's chi-square), when
/// the expectation, which must have the same total, is true. Neighbouring cells are merged until
/// each expects five or more; not a number when fewer than two are left.
pub fn chi_square_fit(observed: &[u64], expected: &[f64]) -> f64 {
    const ENOUGH: f64 = 5.0;
    debug_assert_eq!(observed.len(), expected.len());
    let mut cells: Vec<(f64, f64)> = Vec::with_capacity(observed.len());
    let (mut seen, mut hoped) = (0.0, 0.0);
    for (count, expectation) in observed.iter().zip(expected) {
        seen += *count as f64;
        hoped += expectation;
        if hoped >= ENOUGH {
            cells.push((seen, hoped));
            (seen, hoped) = (0.0, 0.0);
        }
    }
    if let Some(last) = cells.last_mut() {
        last.0 += seen;
        last.1 += hoped;
    }
    if cells.len() < 2 {
        return f64::NAN;
    }
    let statistic: f64 = cells.iter().map(|(o, e)| (o - e).powi(2) / e).sum();
    if statistic == 0.0 {
        return 1.0;
    }
    gamma_ur((cells.len() - 1) as f64 / 2.0, statistic / 2.0)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::base::{Purpose, Seed};

    #[test]
    fn distance_is_taken_after_shared_values() {
        let ks = ks_two_sample(&mut [1.0, 1.0, 2.0], &mut [1.0, 1.0, 2.0]).unwrap();
        assert_eq!((ks.distance, ks.p), (0.0, 1.0));
        let ks = ks_two_sample(&mut [1.0, 2.0], &mut [3.0, 4.0, 5.0]).unwrap();
        assert_eq!(ks.distance, 1.0);
        assert_eq!(ks_two_sample(&mut [], &mut [1.0]), None);
        assert_eq!(ks_two_sample(&mut [f64::NAN], &mut [1.0]), None);
    }

    #[test]
    fn both_series_of_kolmogorov_meet() {
        // 0.963945... at 0.5, 0.27 at 1.0 and 0.0222 at 1.5 are printed in tables.
        assert!((kolmogorov_upper(1.0 - 1e-12) - kolmogorov_upper(1.0)).abs() < 1e-11);
        assert!((kolmogorov_upper(0.5) - 0.963_945_243_664_875).abs() < 1e-12);
        assert!((kolmogorov_upper(1.5) - 0.022_217_962_616_526).abs() < 1e-12);
    }

    #[test]
    fn samples_of_one_distribution_are_rejected_as_often_as_the_level_says() {
        // 400 pairs at 5 %: 20 expected, 20 ± 17 is four standard deviations. Rounding makes ties,
        // which may only lower the number.
        let mut stream = Seed(11).stream(0, Purpose::Users);
        let (mut smooth, mut tied) = (0, 0);
        for _ in 0..400 {
            let mut draw = |n: usize| -> Vec<f64> { (0..n).map(|_| stream.random()).collect() };
            let (mut a, mut b) = (draw(200), draw(300));
            smooth += u32::from(ks_two_sample(&mut a, &mut b).unwrap().p < 0.05);
            let coarse =
                |values: &mut Vec<f64>| values.iter_mut().for_each(|x| *x = (*x * 5.0).floor());
            coarse(&mut a);
            coarse(&mut b);
            tied += u32::from(ks_two_sample(&mut a, &mut b).unwrap().p < 0.05);
        }
        assert!((3..=37).contains(&smooth), "{smooth} of 400");
        assert!(tied <= smooth, "{tied} with ties, {smooth} without");
    }

    #[test]
    fn histograms_say_what_their_values_say() {
        let (first, second): ([u64; 4], [u64; 4]) = ([1, 0, 4, 7], [3, 5, 5, 0]);
        let values = |counts: &[u64]| -> Vec<f64> {
            let of = (0_u8..).zip(counts);
            of.flat_map(|(bin, count)| vec![f64::from(bin); *count as usize])
                .collect()
        };
        let counted = ks_counts(&first, &second).unwrap();
        let sampled = ks_two_sample(&mut values(&first), &mut values(&second)).unwrap();
        assert_eq!(counted, sampled);
        let above = ks_counts_above(&first, &second).unwrap();
        assert_eq!(above.distance, counted.distance);
        assert!(above.p < counted.p);
        assert_eq!(ks_counts_above(&second, &first).unwrap().distance, 0.0);
        assert_eq!(ks_counts(&first, &second[..3]), None);
        assert_eq!(ks_counts(&first, &[0; 4]), None);
    }

    #[test]
    fn exact_chances_of_distances_are_counted_paths() {
        // Two and two: of 6 orders, 2 part the samples; 4 have a distance of a half or more... all.
        assert!((ks_exact_p(2, 2, 1.0).unwrap() - 2.0 / 6.0).abs() < 1e-15);
        assert!((ks_exact_p(2, 2, 0.5).unwrap() - 1.0).abs() < 1e-15);
        // Three and two: 10 orders; only aaabb and bbaaa are 1 apart.
        assert!((ks_exact_p(3, 2, 1.0).unwrap() - 0.2).abs() < 1e-15);
        assert!((ks_exact_p(2, 3, 1.0).unwrap() - 0.2).abs() < 1e-15);
        assert_eq!(ks_exact_p(5, 9, 0.0), Some(1.0));
        assert_eq!(ks_exact_p(0, 9, 0.5), None);
        assert_eq!(ks_exact_p(5, 9, 1.5), Some(0.0));
    }

    #[test]
    fn large_samples_follow_the_limit() {
        let (n, m) = (900, 1_100);
        let scale = (900.0 * 1_100.0 / 2_000.0_f64).sqrt();
        for x in [0.8, 1.2, 1.6] {
            let (exact, limit) = (ks_exact_p(n, m, x / scale).unwrap(), kolmogorov_upper(x));
            assert!((exact / limit - 1.0).abs() < 0.08, "{x}: {exact} {limit}");
        }
    }

    #[test]
    fn counts_far_from_the_expectation_do_not_fit() {
        // 12 in three cells: chi-square 2 with 2 degrees of freedom is exp(-1).
        let p = chi_square_fit(&[12, 8, 16], &[12.0, 12.0, 12.0]);
        assert!((p - (-32.0_f64 / 24.0).exp()).abs() < 1e-12, "{p}");
        assert!(chi_square_fit(&[0, 30], &[15.0, 15.0]) < 1e-6);
        // The last two expect too little alone and join their neighbour.
        let merged = chi_square_fit(&[10, 7, 2, 1], &[10.0, 6.0, 2.0, 2.0]);
        assert!((merged - chi_square_fit(&[10, 10], &[10.0, 10.0])).abs() < 1e-12);
        assert!(chi_square_fit(&[3], &[3.0]).is_nan());
    }
}
