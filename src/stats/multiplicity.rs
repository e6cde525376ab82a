//! Several tests at once: p-values and e-values adjusted so that the error rate of all together is
//! kept.
//!
//! Each adjustment works in place: reject those that are at most the level. Bonferroni and Holm keep
//! the chance of any false rejection under any dependence, Hochberg where tests depend positively;
//! Benjamini and Hochberg keep the expected share of false ones among the rejected under the same,
//! Benjamini and Yekutieli under any.

/// Every p-value times their number.
pub fn bonferroni(p: &mut [f64]) {
    let tests = p.len() as f64;
    for value in p {
        *value = (*value * tests).min(1.0);
    }
}

/// From the smallest up: times as many as are left. (Holm 1979.)
pub fn holm(p: &mut [f64]) {
    let order = ascending(p);
    let mut left = p.len() as f64;
    let mut most = 0.0_f64;
    for place in order {
        most = most.max((p[place] * left).min(1.0));
        p[place] = most;
        left -= 1.0;
    }
}

/// From the largest down: times as many as have been seen. (Hochberg 1988.)
pub fn hochberg(p: &mut [f64]) {
    step_up(p, |_, above| above);
}

/// For the share of false rejections: times all over the rank. (Benjamini and Hochberg 1995.)
pub fn benjamini_hochberg(p: &mut [f64]) {
    let tests = p.len() as f64;
    step_up(p, |rank, _| tests / rank);
}

/// The same under any dependence. (Benjamini and Yekutieli 2001.)
pub fn benjamini_yekutieli(p: &mut [f64]) {
    let tests = p.len() as f64;
    let harmonic: f64 = (1..=p.len()).map(|rank| 1.0 / rank as f64).sum();
    step_up(p, |rank, _| harmonic * tests / rank);
}

/// From the largest p-value down, each times a factor of its rank from below and from above, and never
/// more than a larger one.
fn step_up(p: &mut [f64], factor: impl Fn(f64, f64) -> f64) {
    let order = ascending(p);
    let tests = p.len();
    let mut least = 1.0_f64;
    for (below, place) in order.into_iter().enumerate().rev() {
        least = least.min(p[place] * factor((below + 1) as f64, (tests - below) as f64));
        p[place] = least;
    }
}

/// The places of the values in ascending order.
fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    order
}

/// Which hypotheses to reject by their e-values, so that the expected share of false rejections is at
/// most `level` under any dependence: places in ascending order. (Wang and Ramdas 2022.)
pub fn e_benjamini_hochberg(e: &[f64], level: f64) -> Vec<usize> {
    let tests = e.len() as f64;
    let order = ascending(e);
    let enough = |count: usize| tests / (level * count as f64);
    // The most of the largest for which even the smallest is large enough.
    let rejected = (1..=e.len())
        .rev()
        .find(|count| e[order[e.len() - count]] >= enough(*count));
    let mut places = order[e.len() - rejected.unwrap_or(0)..].to_vec();
    places.sort_unstable();
    places
}

/// The e-value of a p-value, by the power calibrator with `kappa` between 0 and 1: kappa p^(kappa - 1).
/// Infinite at 0. (Vovk and Wang 2021.)
pub fn e_of_p(p: f64, kappa: f64) -> f64 {
    kappa * p.powf(kappa - 1.0)
}

/// The same averaged over kappa: (1 - p + p ln p)/(p ln² p).
pub fn e_of_p_mixed(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::INFINITY;
    }
    let log = p.ln();
    if log > -1e-3 {
        // In powers of ln p, where numerator and denominator vanish: 1/2 - x/6 + x²/24 after x = -ln p
        // is taken out of both.
        return 0.5 - log / 6.0 + log * log / 24.0 - log.powi(3) / 120.0;
    }
    (1.0 - p + p * log) / (p * log * log)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_worked_by_hand() {
        let p = [0.01, 0.04, 0.03, 0.5];
        let adjusted = |adjust: fn(&mut [f64])| {
            let mut p = p;
            adjust(&mut p);
            p.map(|value| (value * 1e9).round() / 1e9)
        };
        assert_eq!(adjusted(bonferroni), [0.04, 0.16, 0.12, 1.0]);
        assert_eq!(adjusted(holm), [0.04, 0.09, 0.09, 0.5]);
        assert_eq!(adjusted(hochberg), [0.04, 0.08, 0.08, 0.5]);
        let hochberg_rate = adjusted(benjamini_hochberg);
        assert_eq!(hochberg_rate, [0.04, 0.053_333_333, 0.053_333_333, 0.5]);
        // Times 1 + 1/2 + 1/3 + 1/4.
        let yekutieli = adjusted(benjamini_yekutieli);
        assert!((yekutieli[1] / hochberg_rate[1] - 25.0 / 12.0).abs() < 1e-7);
        assert_eq!(yekutieli[3], 1.0);
    }

    #[test]
    fn e_values_are_rejected_from_the_largest_down() {
        // Of 5 at 5 %: one needs 100, two 50, three 33.3.
        assert_eq!(
            e_benjamini_hochberg(&[120.0, 3.0, 45.0, 0.2, 18.0], 0.05),
            [0]
        );
        assert_eq!(
            e_benjamini_hochberg(&[40.0, 3.0, 45.0, 0.2, 60.0], 0.05),
            [0, 2, 4]
        );
        assert!(e_benjamini_hochberg(&[99.0, 0.0, 1.0, 1.0, 1.0], 0.05).is_empty());
        assert!(e_benjamini_hochberg(&[], 0.05).is_empty());
        assert_eq!(e_benjamini_hochberg(&[f64::INFINITY], 0.05), [0]);
    }

    #[test]
    fn calibrators_average_to_one_and_their_series_meet() {
        // Midpoints in ln p, since e-values grow without bound towards 0.
        let average = |e: &dyn Fn(f64) -> f64| -> f64 {
            let steps = 200_000;
            let width = 60.0 / f64::from(steps);
            let at = |step: i32| (-(f64::from(step) + 0.5) * width).exp();
            (0..steps).map(|step| e(at(step)) * at(step) * width).sum()
        };
        assert!((average(&|p| e_of_p(p, 0.5)) - 1.0).abs() < 1e-6);
        // The mixture's tail is heavy: what lies beyond e^-60 is worth 1/60.
        let mixed = average(&e_of_p_mixed);
        assert!((mixed + 1.0 / 60.0 - 1.0).abs() < 1e-3, "{mixed}");
        let edge = (-1e-3_f64).exp();
        assert!(
            (e_of_p_mixed(edge * (1.0 - 1e-12)) - e_of_p_mixed(edge * (1.0 + 1e-12))).abs() < 1e-9
        );
        assert_eq!((e_of_p_mixed(1.0), e_of_p_mixed(0.0)), (0.5, f64::INFINITY));
        assert_eq!((e_of_p(0.0, 0.5), e_of_p(1.0, 0.5)), (f64::INFINITY, 0.5));
    }

    proptest! {
        #[test]
        fn adjusted_values_are_ordered_as_the_methods_are_strict(
            p in prop::collection::vec(0.0..=1.0_f64, 0..12),
        ) {
            let adjusted = |adjust: fn(&mut [f64])| {
                let mut p = p.clone();
                adjust(&mut p);
                p
            };
            let strict = [bonferroni, holm, hochberg, benjamini_hochberg].map(adjusted);
            let yekutieli = adjusted(benjamini_yekutieli);
            for place in 0..p.len() {
                let at = strict.each_ref().map(|values| values[place]);
                prop_assert!(at.windows(2).all(|pair| pair[0] >= pair[1] - 1e-12), "{at:?}");
                prop_assert!(at[3] >= p[place] - 1e-12 && at[0] <= 1.0);
                prop_assert!(yekutieli[place] >= at[3] - 1e-12 && yekutieli[place] <= 1.0);
                for other in 0..p.len() {
                    if p[place] <= p[other] {
                        prop_assert!(strict.iter().all(|v| v[place] <= v[other] + 1e-12));
                    }
                }
            }
        }
    }
}
