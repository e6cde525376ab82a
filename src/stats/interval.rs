//! Intervals of proportions and of their differences.

use super::beta::beta_regularised;
use super::normal_quantile;

/// A range of plausible values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end, not below the lower.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies in it, ends included.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether it shares a value with `other`.
    pub fn overlaps(self, other: Interval) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// Half of its length.
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

const ANYTHING: Interval = Interval {
    low: 0.0,
    high: 1.0,
};

/// Wilson's score interval for a proportion, `hits` out of `trials`, at two-sided `confidence`.
/// Without trials it is 0 to 1. (Wilson 1927.)
pub fn wilson(hits: u64, trials: u64, confidence: f64) -> Interval {
    debug_assert!(hits <= trials);
    if trials == 0 {
        return ANYTHING;
    }
    let n = trials as f64;
    let p = hits as f64 / n;
    let z = critical(confidence);
    let z2 = z * z;
    let centre = p + z2 / (2.0 * n);
    let reach = z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // At the ends the formula gives 0 and 1 only up to rounding.
    Interval {
        low: if hits == 0 {
            0.0
        } else {
            (centre - reach) / scale
        },
        high: if hits == trials {
            1.0
        } else {
            (centre + reach) / scale
        },
    }
}

/// The exact interval for a proportion: covers the truth at least as often as `confidence` says.
/// Without trials it is 0 to 1. (Clopper and Pearson 1934.)
pub fn clopper_pearson(hits: u64, trials: u64, confidence: f64) -> Interval {
    debug_assert!(hits <= trials);
    let tail = (1.0 - confidence) / 2.0;
    let (x, n) = (hits as f64, trials as f64);
    Interval {
        low: if hits == 0 {
            0.0
        } else {
            beta_quantile(x, n - x + 1.0, tail)
        },
        high: if hits == trials {
            1.0
        } else {
            beta_quantile(x + 1.0, n - x, 1.0 - tail)
        },
    }
}

/// The simple interval about a proportion that is moved towards a half. Without trials it is 0 to 1.
/// (Agresti and Coull 1998.)
pub fn agresti_coull(hits: u64, trials: u64, confidence: f64) -> Interval {
    debug_assert!(hits <= trials);
    let z = critical(confidence);
    let n = trials as f64 + z * z;
    let p = (hits as f64 + z * z / 2.0) / n;
    let reach = z * (p * (1.0 - p) / n).sqrt();
    Interval {
        low: (p - reach).max(0.0),
        high: (p + reach).min(1.0),
    }
}

/// What a prior that does not depend on the scale leaves of a proportion: quantiles of Beta(hits + 1/2,
/// misses + 1/2), so neither 0 nor 1. (Jeffreys.)
pub fn jeffreys(hits: u64, trials: u64, confidence: f64) -> Interval {
    debug_assert!(hits <= trials);
    let tail = (1.0 - confidence) / 2.0;
    let (a, b) = (hits as f64 + 0.5, (trials - hits) as f64 + 0.5);
    Interval {
        low: beta_quantile(a, b, tail),
        high: beta_quantile(a, b, 1.0 - tail),
    }
}

/// Interval for the difference of two proportions, first minus second, each `(hits, trials)`, at
/// two-sided `confidence`: the score intervals of both, combined. (Newcombe 1998, method 10.)
pub fn newcombe(first: (u64, u64), second: (u64, u64), confidence: f64) -> Interval {
    let [a, b] = [first, second].map(|(hits, trials)| wilson(hits, trials, confidence));
    let share = |(hits, trials): (u64, u64)| match trials {
        0 => 0.5,
        _ => hits as f64 / trials as f64,
    };
    let (p, q) = (share(first), share(second));
    Interval {
        low: p - q - (p - a.low).hypot(b.high - q),
        high: p - q + (a.high - p).hypot(q - b.low),
    }
}

fn critical(confidence: f64) -> f64 {
    normal_quantile(0.5 + confidence / 2.0)
}

/// By bisection: exact intervals are not made in a hurry.
fn beta_quantile(a: f64, b: f64, q: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if beta_regularised(a, b, middle) < q {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::binomial;

    #[test]
    fn nothing_seen_says_nothing() {
        assert_eq!(wilson(0, 0, 0.95), ANYTHING);
        assert_eq!(clopper_pearson(0, 0, 0.95), ANYTHING);
        let difference = newcombe((0, 0), (0, 0), 0.95);
        assert!(difference.low < -0.7 && difference.high > 0.7);
    }

    #[test]
    fn zero_hits_follow_the_rule_of_three() {
        // The exact upper 95 % bound of 0 in n is 1 - 0.05^(1/n), near 3/n.
        let upper = clopper_pearson(0, 300, 0.90).high;
        assert!((upper - (1.0 - 0.05_f64.powf(1.0 / 300.0))).abs() < 1e-12);
    }

    #[test]
    fn the_exact_interval_covers_at_least_as_often_as_it_says() {
        // Summed over all outcomes, so without sampling error.
        for p in [0.001, 0.01, 0.2, 0.5] {
            let covered: f64 = (0..=80)
                .filter(|hits| clopper_pearson(*hits, 80, 0.95).contains(p))
                .map(|hits| binomial(80, hits, p))
                .sum();
            assert!(covered >= 0.95, "{covered} at {p}");
        }
    }

    proptest! {
        #[test]
        fn every_interval_holds_its_estimate_and_stays_within_0_and_1(
            trials in 1_u64..100_000, share in 0.0..=1.0_f64,
        ) {
            let hits = (share * trials as f64) as u64;
            for interval in [wilson, clopper_pearson, agresti_coull] {
                let interval = interval(hits, trials, 0.95);
                prop_assert!(interval.contains(hits as f64 / trials as f64));
                prop_assert!(interval.low >= 0.0 && interval.high <= 1.0);
            }
            // Never wider than the exact one, whose tails hold half of a chance more.
            let (bayes, exact) = (jeffreys(hits, trials, 0.95), clopper_pearson(hits, trials, 0.95));
            prop_assert!(bayes.low > 0.0 && bayes.high < 1.0);
            prop_assert!(hits == 0 || bayes.low >= exact.low - 1e-9);
            prop_assert!(hits == trials || bayes.high <= exact.high + 1e-9);
        }

        #[test]
        fn more_trials_narrow_the_interval(trials in 10_u64..10_000, share in 0.0..=1.0_f64) {
            let hits = (share * trials as f64) as u64;
            let few = wilson(hits, trials, 0.95).half_width();
            prop_assert!(wilson(hits * 4, trials * 4, 0.95).half_width() < few);
        }
    }
}
