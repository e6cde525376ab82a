//! Fisher's exact test: two shares, given how many hits both have together.
//!
//! Each arm is `(hits, trials)`, hits at most as many as trials. Without hits, or with nothing but
//! hits, there is one possible outcome, and every p-value is 1.

use super::Interval;
use super::hypergeometric::Hypergeometric;
use super::zeroin::zeroin;

/// Chance that the first arm has as many of the hits or more, if both hit alike. Exact, so the test
/// rejects too seldom rather than too often. Takes time like the square root of the hits.
/// (Fisher 1935.)
pub fn fisher_p(first: (u64, u64), second: (u64, u64)) -> f64 {
    given(first, second).upper(first.0 as f64).from
}

/// The same, with half of the chance of what was seen: not exact, but nearer to the level.
/// (Lancaster 1961.)
pub fn fisher_mid_p(first: (u64, u64), second: (u64, u64)) -> f64 {
    let tail = given(first, second).upper(first.0 as f64);
    (tail.from + tail.above) / 2.0
}

/// Chance of an outcome that is at most as likely as what was seen, on either side.
pub fn fisher_two_sided_p(first: (u64, u64), second: (u64, u64)) -> f64 {
    given(first, second).as_unlikely(first.0 as f64).min(1.0)
}

/// The odds ratio of the table, hits times misses over misses times hits: 0 or infinite at its ends,
/// `None` where it is 0/0.
pub fn odds_ratio(first: (u64, u64), second: (u64, u64)) -> Option<f64> {
    let misses = |(hits, trials): (u64, u64)| (trials - hits) as f64;
    let ratio = first.0 as f64 * misses(second) / (misses(first) * second.0 as f64);
    (!ratio.is_nan()).then_some(ratio)
}

/// How often the odds of a hit in the first arm are those in the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OddsRatio {
    /// The most likely ratio, given the sum of the hits.
    pub estimate: f64,
    /// Its exact interval; its ends may be 0 and infinite.
    pub interval: Interval,
}

/// The conditional odds ratio and its exact interval at two-sided `confidence`. `None` where the
/// hits could fall in one way only. (Fisher 1935; Cornfield 1956.)
///
/// Each of the three is searched to within `tolerance` of the ratio, or of its inverse where it is above
/// 1; 0 gives all digits. R's `fisher.test` (R 4, `src/library/stats/R/fisher.test.R`) searches in the
/// same way with [`R_TOLERANCE`], which leaves a bound of 800 off by percents.
pub fn conditional_odds_ratio(
    first: (u64, u64),
    second: (u64, u64),
    confidence: f64,
    tolerance: f64,
) -> Option<OddsRatio> {
    let of = given(first, second);
    let x = first.0 as f64;
    let (least, most) = of.support();
    if least >= most {
        return None;
    }
    let tail = (1.0 - confidence) / 2.0;
    let (at_least, at_most) = (x <= least, x >= most);
    let estimate = match (at_least, at_most) {
        (true, _) => 0.0,
        (_, true) => f64::INFINITY,
        _ => crossing(tolerance, |odds| tilted(of, x, odds).mean - x)?,
    };
    let low = match at_least {
        true => 0.0,
        false => crossing(tolerance, |odds| tilted(of, x, odds).from - tail)?,
    };
    let high = match at_most {
        true => f64::INFINITY,
        false => crossing(tolerance, |odds| tail - tilted(of, x, odds).up_to)?,
    };
    let interval = Interval { low, high };
    Some(OddsRatio { estimate, interval })
}

/// The fourth root of the distance of 1 from the next number: how exact a root is to R unless told.
pub const R_TOLERANCE: f64 = 1.0 / 8_192.0;

fn given(first: (u64, u64), second: (u64, u64)) -> Hypergeometric {
    debug_assert!(first.0 <= first.1 && second.0 <= second.1);
    Hypergeometric::new(first.1, second.1, first.0 + second.0)
}

/// Figures of the distribution at some odds ratio.
struct Tilted {
    mean: f64,
    /// Chance of x hits or more.
    from: f64,
    /// Chance of x hits or fewer.
    up_to: f64,
}

/// The distribution when the odds ratio is not 1: each chance times the ratio to the power of the
/// hits. Walks from its mode in both directions until nothing is left.
fn tilted(of: Hypergeometric, x: f64, odds: f64) -> Tilted {
    const NEGLIGIBLE: f64 = 1e-18;
    let (least, most) = of.support();
    // Chances rise as long as their ratio is above 1, and ratios fall.
    let (mut low, mut high) = (least, most);
    while low < high {
        let middle = ((low + high) / 2.0).floor();
        match of.ratio(middle) * odds > 1.0 {
            true => low = middle + 1.0,
            false => high = middle,
        }
    }
    let mode = low;
    let (mut all, mut moment, mut from, mut up_to) = (0.0, 0.0, 0.0, 0.0);
    let mut add = |at: f64, weight: f64| {
        all += weight;
        moment += weight * at;
        from += if at >= x { weight } else { 0.0 };
        up_to += if at <= x { weight } else { 0.0 };
    };
    add(mode, 1.0);
    let (mut weight, mut at) = (1.0, mode);
    while at < most && weight > NEGLIGIBLE {
        weight *= of.ratio(at) * odds;
        at += 1.0;
        add(at, weight);
    }
    (weight, at) = (1.0, mode);
    while at > least && weight > NEGLIGIBLE {
        at -= 1.0;
        weight /= of.ratio(at) * odds;
        add(at, weight);
    }
    Tilted {
        mean: moment / all,
        from: from / all,
        up_to: up_to / all,
    }
}

/// Where a function of the odds, rising from below to above zero, crosses it: searched among the odds
/// up to 1, or among the inverses of those above.
fn crossing(tolerance: f64, rises: impl Fn(f64) -> f64) -> Option<f64> {
    let at_one = rises(1.0);
    if at_one > 0.0 {
        zeroin(0.0, 1.0, tolerance, |odds| Some(rises(odds)))
    } else if at_one < 0.0 {
        let inverse = zeroin(f64::EPSILON, 1.0, tolerance, |inverse| {
            Some(rises(1.0 / inverse))
        });
        inverse.map(|inverse| 1.0 / inverse)
    } else {
        Some(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::{Share, two_proportion_z};

    #[test]
    fn the_lady_tasting_tea() {
        // Three of four cups right: 17 of 70 ways are as good or better; the other side mirrors it.
        let (first, second) = ((3, 4), (1, 4));
        assert!((fisher_p(first, second) - 17.0 / 70.0).abs() < 1e-14);
        assert!((fisher_mid_p(first, second) - 9.0 / 70.0).abs() < 1e-14);
        assert!((fisher_two_sided_p(first, second) - 34.0 / 70.0).abs() < 1e-14);
        assert_eq!(odds_ratio(first, second), Some(9.0));
        let ratio = conditional_odds_ratio(first, second, 0.95, 0.0).unwrap();
        assert!((ratio.estimate - 6.408_32).abs() < 1e-4, "{ratio:?}");
        // 1, 16, 36, 16 and 1 ways to 0 to 4 hits; the upper end leaves 97.5 % to all four.
        let odds = ratio.interval.high;
        let all = 1.0 + odds * (16.0 + odds * (36.0 + odds * (16.0 + odds)));
        assert!((odds.powi(4) / all - 0.975).abs() < 1e-9, "{ratio:?}");
    }

    #[test]
    fn one_possible_outcome_says_nothing() {
        for (first, second) in [((0, 10), (0, 90)), ((10, 10), (90, 90)), ((0, 0), (3, 90))] {
            assert_eq!(fisher_p(first, second), 1.0);
            assert_eq!(fisher_two_sided_p(first, second), 1.0);
            assert_eq!(conditional_odds_ratio(first, second, 0.95, 0.0), None);
        }
        assert_eq!(odds_ratio((0, 10), (0, 90)), None);
        assert_eq!(odds_ratio((2, 10), (0, 90)), Some(f64::INFINITY));
    }

    #[test]
    fn many_hits_agree_with_the_normal_approximation() {
        for x in [50_000, 50_100, 50_300] {
            let (first, second) = ((x, 1_000_000), (50_000, 1_000_000));
            let share = |(hits, trials): (u64, u64)| Share {
                hits: hits as f64,
                trials: trials as f64,
            };
            let z = two_proportion_z(share(first), share(second)).unwrap();
            assert!((fisher_mid_p(first, second) - z.p).abs() < 1e-4, "{x}");
        }
    }

    proptest! {
        #[test]
        fn p_values_are_chances_and_fall_as_hits_move_to_the_first_arm(
            n in 1_u64..500, m in 1_u64..5_000, a in 0.0..=1.0_f64, b in 0.0..0.2_f64,
        ) {
            let (x, y) = ((a * n as f64) as u64, (b * m as f64) as u64);
            let p = fisher_p((x, n), (y, m));
            for p in [p, fisher_mid_p((x, n), (y, m)), fisher_two_sided_p((x, n), (y, m))] {
                prop_assert!((0.0..=1.0).contains(&p), "{p}");
            }
            prop_assert!(fisher_mid_p((x, n), (y, m)) <= p);
            if x < n && y > 0 {
                prop_assert!(fisher_p((x + 1, n), (y - 1, m)) <= p + 1e-13);
            }
            // Swapped arms: what is at least x for one is at most the rest for the other.
            let mirrored = fisher_p((y, m), (x, n));
            let here = p - (2.0 * fisher_mid_p((x, n), (y, m)) - p);
            prop_assert!((p + mirrored - 1.0 - here).abs() < 1e-10);
            let two = fisher_two_sided_p((x, n), (y, m));
            prop_assert!((two - fisher_two_sided_p((y, m), (x, n))).abs() < 1e-10);
        }

        #[test]
        fn the_interval_holds_the_estimate_and_one_where_the_test_does_not_reject(
            n in 2_u64..200, m in 2_u64..2_000, a in 0.0..=1.0_f64, b in 0.0..=1.0_f64,
        ) {
            let (first, second) = (((a * n as f64) as u64, n), ((b * m as f64) as u64, m));
            if let Some(ratio) = conditional_odds_ratio(first, second, 0.95, 0.0) {
                let OddsRatio { estimate, interval } = ratio;
                prop_assert!(interval.low <= estimate && estimate <= interval.high, "{ratio:?}");
                let p = fisher_p(first, second);
                if (p - 0.025).abs() > 1e-9 {
                    prop_assert_eq!(interval.low > 1.0, p < 0.025, "{:?} {}", ratio, p);
                }
            }
        }
    }
}
