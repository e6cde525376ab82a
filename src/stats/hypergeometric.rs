//! The hypergeometric distribution: how the hits of two arms fall to the first of them when only
//! their sum is given and both hit alike.

use super::binomial::log_binomial;

/// The number of hits among `first` trials, when `hits` of all trials hit and each set of so many
/// trials is as likely as any other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hypergeometric {
    first: f64,
    second: f64,
    hits: f64,
}

/// What is left of a sum when its terms have become this small a part of it does not show.
const NEGLIGIBLE: f64 = 1e-18;

impl Hypergeometric {
    /// With so many trials in each arm and so many hits in both; at most as many as trials.
    pub(super) fn new(first: u64, second: u64, hits: u64) -> Hypergeometric {
        debug_assert!(hits <= first + second);
        Hypergeometric {
            first: first as f64,
            second: second as f64,
            hits: hits as f64,
        }
    }

    /// The fewest and the most hits that the first arm can have.
    pub(super) fn support(self) -> (f64, f64) {
        let least = (self.hits - self.second).max(0.0);
        (least, self.hits.min(self.first))
    }

    /// The chance of `x` hits, a whole number within the support.
    pub(super) fn chance(self, x: f64) -> f64 {
        let all = self.first + self.second;
        let (p, q) = (self.hits / all, (all - self.hits) / all);
        let uncertain = p > 0.0 && q > 0.0;
        if !uncertain {
            return 1.0;
        }
        // Two binomials, given their sum: none of the three is far out when x is not.
        let log = log_binomial(self.first, x, p, q)
            + log_binomial(self.second, self.hits - x, p, q)
            - log_binomial(all, self.hits, p, q);
        log.exp()
    }

    /// The chance of x + 1 over that of x.
    pub(super) fn ratio(self, x: f64) -> f64 {
        let (misses, other) = (self.first - x, self.hits - x);
        misses * other / ((x + 1.0) * (self.second - other + 1.0))
    }

    /// The most likely number of hits.
    pub(super) fn mode(self) -> f64 {
        let mode = (self.hits + 1.0) * (self.first + 1.0) / (self.first + self.second + 2.0);
        let (least, most) = self.support();
        mode.floor().clamp(least, most)
    }

    /// The chance of `x` hits or more, and of more than `x`.
    ///
    /// One chance is computed; the rest follow by the ratios of neighbours, away from the mode, until
    /// they no longer count: about as many steps as eight standard deviations of the hits.
    pub(super) fn upper(self, x: f64) -> Tail {
        let (least, most) = self.support();
        if x < least {
            return Tail::new(1.0, 1.0);
        }
        if x > most {
            return Tail::new(0.0, 0.0);
        }
        let here = self.chance(x);
        if x > self.mode() {
            let above = self.sum_above(x, here);
            return Tail::new(here + above, above);
        }
        let below = self.sum_below(x, here);
        Tail::new(1.0 - below, 1.0 - below - here)
    }

    /// The chances of all values above `x`, which is not below the mode.
    fn sum_above(self, x: f64, chance: f64) -> f64 {
        let (mut term, mut at, mut sum) = (chance, x, 0.0);
        loop {
            // Nought at the end of the support.
            term *= self.ratio(at);
            sum += term;
            at += 1.0;
            if term <= (chance + sum) * NEGLIGIBLE {
                return sum;
            }
        }
    }

    /// The chances of all values below `x`, which is not above the mode.
    fn sum_below(self, x: f64, chance: f64) -> f64 {
        let (least, _) = self.support();
        let (mut term, mut at, mut sum) = (chance, x, 0.0);
        while at > least {
            at -= 1.0;
            term /= self.ratio(at);
            sum += term;
            if term <= (chance + sum) * NEGLIGIBLE {
                break;
            }
        }
        sum
    }

    /// The chance of every value that is at most as likely as `x`, `x` itself among them; those that
    /// are as likely up to rounding count.
    pub(super) fn as_unlikely(self, x: f64) -> f64 {
        const SLACK: f64 = 1.0 + 1e-7;
        let (least, most) = self.support();
        let mode = self.mode();
        let here = self.chance(x);
        if here * SLACK >= self.chance(mode) {
            return 1.0;
        }
        let limit = here * SLACK;
        if x > mode {
            let upper = here + self.sum_above(x, here);
            let (mut low, mut high) = (least - 1.0, mode);
            // The last value below the mode that is unlikely enough.
            while high - low > 1.0 {
                let middle = ((low + high) / 2.0).floor();
                match self.chance(middle) <= limit {
                    true => low = middle,
                    false => high = middle,
                }
            }
            return match low < least {
                true => upper,
                false => {
                    let edge = self.chance(low);
                    upper + edge + self.sum_below(low, edge)
                }
            };
        }
        let lower = here + self.sum_below(x, here);
        let (mut low, mut high) = (mode, most + 1.0);
        while high - low > 1.0 {
            let middle = ((low + high) / 2.0).floor();
            match self.chance(middle) <= limit {
                true => high = middle,
                false => low = middle,
            }
        }
        match high > most {
            true => lower,
            false => {
                let edge = self.chance(high);
                lower + edge + self.sum_above(high, edge)
            }
        }
    }
}

/// Chances of an upper tail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tail {
    /// Of so many or more.
    pub(super) from: f64,
    /// Of more.
    pub(super) above: f64,
}

impl Tail {
    fn new(from: f64, above: f64) -> Tail {
        let clamp = |chance: f64| chance.clamp(0.0, 1.0);
        Tail {
            from: clamp(from),
            above: clamp(above),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::function::factorial::ln_binomial;

    use super::*;

    fn direct(first: u64, second: u64, hits: u64, x: u64) -> f64 {
        let log = ln_binomial(first, x) + ln_binomial(second, hits - x)
            - ln_binomial(first + second, hits);
        log.exp()
    }

    proptest! {
        #[test]
        fn tails_are_the_sums_of_chances(
            first in 1_u64..60, second in 1_u64..200, share in 0.0..=1.0_f64, place in 0.0..=1.0_f64,
        ) {
            let hits = (share * (first + second) as f64) as u64;
            let of = Hypergeometric::new(first, second, hits);
            let (least, most) = of.support();
            let x = least + (place * (most - least)).floor();
            let all = || (least as u64..=most as u64).map(|y| (y, direct(first, second, hits, y)));
            prop_assert!((of.chance(x) - direct(first, second, hits, x as u64)).abs() < 1e-11);
            let from: f64 = all().filter(|(y, _)| *y as f64 >= x).map(|(_, chance)| chance).sum();
            let tail = of.upper(x);
            prop_assert!((tail.from - from).abs() < 1e-11, "{tail:?} {from}");
            prop_assert!((tail.from - tail.above - of.chance(x)).abs() < 1e-11);
            let here = direct(first, second, hits, x as u64);
            let unlikely: f64 =
                all().map(|(_, chance)| chance).filter(|chance| *chance <= here * (1.0 + 1e-7)).sum();
            prop_assert!((of.as_unlikely(x) - unlikely).abs() < 1e-11, "{unlikely}");
        }
    }

    #[test]
    fn a_distribution_of_one_value_is_certain() {
        for (first, second, hits) in [(5, 7, 0), (5, 7, 12), (0, 7, 3), (0, 0, 0)] {
            let of = Hypergeometric::new(first, second, hits);
            let (least, most) = of.support();
            assert_eq!(least, most);
            assert_eq!(of.upper(least).from, 1.0);
            assert!(of.upper(least).above.abs() < 1e-12);
            assert_eq!(of.as_unlikely(least), 1.0);
        }
    }

    #[test]
    fn millions_of_trials_are_summed_from_the_middle_out() {
        // Half above, half below, and the middle between.
        let of = Hypergeometric::new(2_000_000, 2_000_000, 1_000_000);
        let tail = of.upper(500_000.0);
        assert!((tail.from + tail.above - 1.0).abs() < 1e-9, "{tail:?}");
    }
}
