//! Intervals of the difference of two shares, first minus second. Each arm is `(hits, trials)`, with at
//! least one trial.

use super::{Interval, normal_quantile};

/// The simple interval after a hit and a miss have been added to each arm. (Agresti and Caffo 2000.)
pub fn agresti_caffo(first: (u64, u64), second: (u64, u64), confidence: f64) -> Interval {
    let [(p, v), (q, w)] = [first, second].map(|(hits, trials)| {
        let trials = trials as f64 + 2.0;
        let share = (hits as f64 + 1.0) / trials;
        (share, share * (1.0 - share) / trials)
    });
    let reach = normal_quantile(0.5 + confidence / 2.0) * (v + w).sqrt();
    Interval {
        low: (p - q - reach).max(-1.0),
        high: (p - q + reach).min(1.0),
    }
}

/// All differences that the score test does not reject: the best of the closed forms where counts are
/// small. `None` without trials in an arm. (Miettinen and Nurminen 1985.)
pub fn miettinen_nurminen(
    first: (u64, u64),
    second: (u64, u64),
    confidence: f64,
) -> Option<Interval> {
    if first.1 == 0 || second.1 == 0 {
        return None;
    }
    let [p, q] = [first, second].map(|(hits, trials)| hits as f64 / trials as f64);
    let limit = normal_quantile(0.5 + confidence / 2.0);
    let kept = |difference: f64| {
        let off = p - q - difference;
        off * off <= limit * limit * restricted_variance(first, second, difference)
    };
    // From the estimate, which is kept, to each end, which may be.
    let edge = |end: f64| {
        if kept(end) {
            return end;
        }
        let (mut inside, mut outside) = (p - q, end);
        loop {
            let middle = inside + (outside - inside) / 2.0;
            if middle == inside || middle == outside {
                return inside;
            }
            match kept(middle) {
                true => inside = middle,
                false => outside = middle,
            }
        }
    };
    Some(Interval {
        low: edge(-1.0),
        high: edge(1.0),
    })
}

/// The variance of the difference of two observed shares when the true ones, the likeliest of those
/// that differ by `difference`, are as they are.
fn restricted_variance(first: (u64, u64), second: (u64, u64), difference: f64) -> f64 {
    let [(x, n), (y, m)] = [first, second].map(|(hits, trials)| (hits as f64, trials as f64));
    let all = n + m;
    let share = likeliest_second(x, n, y, m, difference);
    let [q, p] = [share, share + difference].map(|share| share.clamp(0.0, 1.0));
    (p * (1.0 - p) / n + q * (1.0 - q) / m) * all / (all - 1.0)
}

/// The likeliest share of the second arm when that of the first is larger by `d`: a root of a cubic.
fn likeliest_second(x: f64, n: f64, y: f64, m: f64, d: f64) -> f64 {
    let all = n + m;
    let cubic = [
        y * d * (1.0 - d),
        (m * d - all - 2.0 * y) * d + x + y,
        (n + 2.0 * m) * d - all - x - y,
        all,
    ];
    let third = cubic[2] / (3.0 * cubic[3]);
    let q = third.powi(3) - cubic[1] * cubic[2] / (6.0 * cubic[3] * cubic[3])
        + cubic[0] / (2.0 * cubic[3]);
    let square = third * third - cubic[1] / (3.0 * cubic[3]);
    let p = square.max(0.0).sqrt() * if q < 0.0 { -1.0 } else { 1.0 };
    if p == 0.0 {
        return -third;
    }
    let angle = (std::f64::consts::PI + (q / p.powi(3)).clamp(-1.0, 1.0).acos()) / 3.0;
    2.0 * p * angle.cos() - third
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::newcombe;

    fn likelihood(x: f64, n: f64, p: f64) -> f64 {
        let term = |count: f64, share: f64| {
            if count == 0.0 {
                0.0
            } else {
                count * share.ln()
            }
        };
        term(x, p) + term(n - x, 1.0 - p)
    }

    #[test]
    fn the_score_interval_of_a_small_arm_beside_a_large_one() {
        // Shares by maximising the likelihood itself, ends by bisection, in other code.
        let interval = miettinen_nurminen((11, 500), (95, 9_500), 0.95).unwrap();
        assert!((interval.low - 0.002_057_905).abs() < 1e-8, "{interval:?}");
        assert!((interval.high - 0.029_046_851).abs() < 1e-8, "{interval:?}");
    }

    #[test]
    fn every_difference_is_possible_where_little_was_tried() {
        let interval = miettinen_nurminen((0, 1), (1, 1), 0.99).unwrap();
        assert_eq!(interval.low, -1.0);
        assert!(interval.high > 0.5 && interval.high <= 1.0);
        assert_eq!(miettinen_nurminen((0, 0), (1, 1), 0.99), None);
    }

    proptest! {
        #[test]
        fn the_cubic_finds_the_likeliest_shares(
            n in 1_u64..200, m in 1_u64..200, x in 0.0..=1.0_f64, y in 0.0..=1.0_f64,
            d in -0.99..0.99_f64,
        ) {
            let (n, m) = (n as f64, m as f64);
            let (x, y) = ((x * n).floor(), (y * m).floor());
            let at = |q: f64| likelihood(x, n, q + d) + likelihood(y, m, q);
            let (low, high) = ((-d).max(0.0), (1.0 - d).min(1.0));
            let found = likeliest_second(x, n, y, m, d).clamp(low, high);
            let best = (1..1_000)
                .map(|step| at(low + (high - low) * f64::from(step) / 1_000.0))
                .fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(at(found) >= best - 1e-6, "{found} {} {best}", at(found));
        }

        #[test]
        fn intervals_hold_the_estimate_mirror_and_agree_where_counts_are_large(
            n in 500_u64..5_000, m in 500_u64..5_000, x in 0.2..0.8_f64, y in 0.2..0.8_f64,
        ) {
            let (first, second) = (((x * n as f64) as u64, n), ((y * m as f64) as u64, m));
            let score = miettinen_nurminen(first, second, 0.95).unwrap();
            let estimate = first.0 as f64 / n as f64 - second.0 as f64 / m as f64;
            prop_assert!(score.contains(estimate));
            let mirrored = miettinen_nurminen(second, first, 0.95).unwrap();
            prop_assert!((score.low + mirrored.high).abs() < 1e-9, "{score:?} {mirrored:?}");
            for other in [agresti_caffo(first, second, 0.95), newcombe(first, second, 0.95)] {
                prop_assert!((other.low - score.low).abs() < 2e-3, "{other:?} {score:?}");
                prop_assert!((other.high - score.high).abs() < 2e-3, "{other:?} {score:?}");
            }
        }
    }
}
