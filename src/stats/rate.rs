//! Comparing two rates of events that come independently: Poisson counts in exposures.
//!
//! Given both counts together, the first's is binomial with its share of the exposure, whatever the
//! rate. Events that come in clumps break all of these.

use super::{Interval, ZTest, binomial, binomial_above, clopper_pearson, normal_upper};

/// Events seen, and in how much of what they come in: seconds, requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Events {
    /// How many.
    pub count: u64,
    /// In how much; above zero.
    pub exposure: f64,
}

/// The chance that the first has as many of the events or more, if both rates are the same. Exact; 1
/// without events. (Przyborowski and Wilenski 1940.)
pub fn rate_p(first: Events, second: Events) -> f64 {
    at_least(
        first.count,
        first.count + second.count,
        share(first, second),
    )
}

/// The same, with half of the chance of what was seen: not exact, but nearer to the level.
pub fn rate_mid_p(first: Events, second: Events) -> f64 {
    let all = first.count + second.count;
    let share = share(first, second);
    let here = binomial(all, first.count, share);
    (rate_p(first, second) - here / 2.0).clamp(0.0, 1.0)
}

/// The chance of an outcome that is at most as likely as what was seen, on either side.
pub fn rate_two_sided_p(first: Events, second: Events) -> f64 {
    const SLACK: f64 = 1.0 + 1e-7;
    let (x, n) = (first.count, first.count + second.count);
    let share = share(first, second);
    let mode = (((n + 1) as f64 * share) as u64).min(n);
    let limit = binomial(n, x, share) * SLACK;
    if binomial(n, mode, share) <= limit {
        return 1.0;
    }
    // Chances fall away from the mode: those on the other side are unlikely enough from some count on.
    let unlikely = |count: u64| binomial(n, count, share) <= limit;
    let p = if x > mode {
        let fewer = partition(0, mode, unlikely);
        let below = match fewer {
            0 => 0.0,
            fewer => 1.0 - at_least(fewer, n, share),
        };
        at_least(x, n, share) + below
    } else {
        let from = partition(mode, n + 1, |count| !unlikely(count));
        let above = match from > n {
            true => 0.0,
            false => at_least(from, n, share),
        };
        1.0 - binomial_above(n, x, share) + above
    };
    p.min(1.0)
}

/// The first count from `low` up to `high` for which `holds` is false, where it is true below.
fn partition(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

/// The difference in standard errors that hold if both rates are the same. `None` without events.
pub fn rate_score(first: Events, second: Events) -> Option<ZTest> {
    let (x, y, ratio) = scaled(first, second);
    tested((x - ratio * y) / (ratio * (x + y)).sqrt())
}

/// The difference in standard errors as they are estimated. `None` without events.
pub fn rate_wald(first: Events, second: Events) -> Option<ZTest> {
    let (x, y, ratio) = scaled(first, second);
    tested((x - ratio * y) / (x + ratio * ratio * y).sqrt())
}

/// The difference of square roots, whose variance depends little on the rates.
/// (Gu, Ng, Tang and Schucany 2008.)
pub fn rate_root(first: Events, second: Events) -> Option<ZTest> {
    let (x, y, ratio) = scaled(first, second);
    let roots = (x + 0.375).sqrt() - (ratio * (y + 0.375)).sqrt();
    tested(2.0 * roots / (1.0 + ratio).sqrt())
}

/// The exact interval for the first rate over the second at two-sided `confidence`: its ends may be 0
/// and infinite.
pub fn rate_ratio(first: Events, second: Events, confidence: f64) -> Interval {
    let share = clopper_pearson(first.count, first.count + second.count, confidence);
    let ratio = |share: f64| share / (1.0 - share) * (second.exposure / first.exposure);
    Interval {
        low: ratio(share.low),
        high: ratio(share.high),
    }
}

fn share(first: Events, second: Events) -> f64 {
    debug_assert!(first.exposure > 0.0 && second.exposure > 0.0);
    first.exposure / (first.exposure + second.exposure)
}

fn at_least(count: u64, all: u64, share: f64) -> f64 {
    match count {
        0 => 1.0,
        count => binomial_above(all, count - 1, share),
    }
}

fn scaled(first: Events, second: Events) -> (f64, f64, f64) {
    let ratio = first.exposure / second.exposure;
    (first.count as f64, second.count as f64, ratio)
}

fn tested(z: f64) -> Option<ZTest> {
    z.is_finite().then(|| ZTest {
        z,
        p: normal_upper(z),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(count: u64, exposure: f64) -> Events {
        Events { count, exposure }
    }

    #[test]
    fn two_of_two_events_in_a_twentieth_of_the_time() {
        let (first, second) = (events(2, 50.0), events(0, 950.0));
        assert!((rate_p(first, second) - 0.0025).abs() < 1e-12);
        assert!((rate_mid_p(first, second) - 0.00125).abs() < 1e-12);
        assert!((rate_two_sided_p(first, second) - 0.0025).abs() < 1e-12);
        assert_eq!(rate_ratio(first, second, 0.95).high, f64::INFINITY);
    }

    #[test]
    fn no_events_say_nothing() {
        let (first, second) = (events(0, 50.0), events(0, 950.0));
        assert_eq!(
            (rate_p(first, second), rate_two_sided_p(first, second)),
            (1.0, 1.0)
        );
        assert_eq!(
            (rate_score(first, second), rate_wald(first, second)),
            (None, None)
        );
        let ratio = rate_ratio(first, second, 0.95);
        assert_eq!((ratio.low, ratio.high), (0.0, f64::INFINITY));
    }

    #[test]
    fn many_events_make_all_tests_agree() {
        let (first, second) = (events(10_300, 1.0), events(20_000, 2.0));
        let p = rate_mid_p(first, second);
        for test in [rate_score, rate_wald, rate_root] {
            assert!((test(first, second).unwrap().p - p).abs() < 1e-3);
        }
    }

    proptest! {
        #[test]
        fn two_sided_chances_are_summed_from_all_counts(
            x in 0_u64..60, y in 0_u64..60, exposure in 0.01..10.0_f64,
        ) {
            let (first, second) = (events(x, exposure), events(y, 1.0));
            let w = share(first, second);
            let here = binomial(x + y, x, w) * (1.0 + 1e-7);
            let expected: f64 =
                (0..=x + y).map(|k| binomial(x + y, k, w)).filter(|chance| *chance <= here).sum();
            let p = rate_two_sided_p(first, second);
            prop_assert!((p - expected.min(1.0)).abs() < 1e-9, "{p} {expected}");
            let mirrored = rate_two_sided_p(second, first);
            prop_assert!((p - mirrored).abs() < 1e-9, "{p} {mirrored}");
        }

        #[test]
        fn the_interval_excludes_one_exactly_where_a_tail_is_small(
            x in 0_u64..60, y in 0_u64..60, exposure in 0.01..10.0_f64,
        ) {
            let (first, second) = (events(x, exposure), events(y, 1.0));
            let p = rate_p(first, second);
            if (p - 0.025).abs() > 1e-9 {
                prop_assert_eq!(rate_ratio(first, second, 0.95).low > 1.0, p < 0.025);
            }
            prop_assert!(rate_p(events(x + 1, exposure), second) <= p + 1e-12);
        }
    }
}
