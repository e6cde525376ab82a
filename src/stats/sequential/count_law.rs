//! How many of a batch's events fall to the first of two arms when nothing distinguishes them.

/// The law by which events fall to the first arm under the null hypothesis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SplitLaw {
    /// Each event for itself, with this chance: the first arm's share of trials that are assigned
    /// independently. The number of events of the first arm is binomial.
    Share(f64),
    /// Events are drawn without replacement from the trials of both arms: exact under any split
    /// that is exchangeable within the batch, and when events are common too. Hypergeometric.
    Trials {
        /// Trials of the first arm.
        first: u64,
        /// Trials of the second arm.
        second: u64,
    },
}

impl SplitLaw {
    /// The least and the most of `events` that the first arm can have; `None` where the law cannot
    /// have produced as many events, or is none.
    pub fn range(self, events: u64) -> Option<(u64, u64)> {
        match self {
            SplitLaw::Share(share) if !(0.0..=1.0).contains(&share) => None,
            SplitLaw::Share(0.0) => Some((0, 0)),
            SplitLaw::Share(1.0) => Some((events, events)),
            SplitLaw::Share(_) => Some((0, events)),
            SplitLaw::Trials { first, second } => {
                let all = first.checked_add(second)?;
                (events <= all).then(|| (events.saturating_sub(second), events.min(first)))
            }
        }
    }

    /// The likeliest count, within `range`.
    fn mode(self, events: u64, (least, most): (u64, u64)) -> u64 {
        let mode = match self {
            SplitLaw::Share(share) => (events as f64 + 1.0) * share,
            SplitLaw::Trials { first, second } => {
                let (n, m, k) = (first as f64, second as f64, events as f64);
                (n + 1.0) * (k + 1.0) / (n + m + 2.0)
            }
        };
        (mode as u64).clamp(least, most)
    }

    /// The chance of `count + 1` relative to that of `count`.
    #[inline]
    fn step_up(self, events: f64, count: f64) -> f64 {
        match self {
            SplitLaw::Share(share) => (events - count) * share / ((count + 1.0) * (1.0 - share)),
            SplitLaw::Trials { first, second } => {
                (events - count) * (first as f64 - count)
                    / ((count + 1.0) * (second as f64 - events + count + 1.0))
            }
        }
    }
}

/// Chances of the counts that a law can draw: all but a share of 10⁻¹⁸ or so. The buffer is kept
/// from one batch to the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CountLaw {
    lowest: u64,
    chances: Vec<f64>,
}

/// Chances below this, relative to the likeliest count, are left out.
const NEGLIGIBLE: f64 = 1e-18;

impl CountLaw {
    /// Computes the chances of the first arm's share in `events`. By recursion from the likeliest
    /// count outwards, so that nothing underflows; their sum scales them. `None` where there is no
    /// such law; the chances are then those of before.
    pub fn fill(&mut self, law: SplitLaw, events: u64) -> Option<()> {
        let (least, most) = law.range(events)?;
        let mode = law.mode(events, (least, most));
        let all = events as f64;
        self.chances.clear();
        self.chances.push(1.0);
        let (mut count, mut chance, mut sum) = (mode, 1.0, 1.0);
        while count > least {
            count -= 1;
            chance /= law.step_up(all, count as f64);
            if chance < NEGLIGIBLE {
                count += 1;
                break;
            }
            self.chances.push(chance);
            sum += chance;
        }
        self.lowest = count;
        self.chances.reverse();
        (count, chance) = (mode, 1.0);
        while count < most {
            chance *= law.step_up(all, count as f64);
            if chance < NEGLIGIBLE {
                break;
            }
            count += 1;
            self.chances.push(chance);
            sum += chance;
        }
        let scale = 1.0 / sum;
        for chance in &mut self.chances {
            *chance *= scale;
        }
        Some(())
    }

    /// The smallest count that has a chance.
    pub fn lowest(&self) -> u64 {
        self.lowest
    }

    /// The chances of the counts from [`CountLaw::lowest`] on.
    pub fn chances(&self) -> &[f64] {
        &self.chances
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{Binomial, Discrete};
    use statrs::function::factorial::ln_binomial;

    use super::*;

    fn chances(law: SplitLaw, events: u64) -> CountLaw {
        let mut filled = CountLaw::default();
        filled.fill(law, events).unwrap();
        filled
    }

    #[test]
    fn laws_at_their_ends_are_certain() {
        for (law, events, certain) in [
            (SplitLaw::Share(0.0), 9, 0),
            (SplitLaw::Share(1.0), 9, 9),
            (SplitLaw::Share(0.3), 0, 0),
            (
                SplitLaw::Trials {
                    first: 0,
                    second: 20,
                },
                9,
                0,
            ),
            (
                SplitLaw::Trials {
                    first: 20,
                    second: 0,
                },
                9,
                9,
            ),
            (
                SplitLaw::Trials {
                    first: 5,
                    second: 7,
                },
                12,
                5,
            ),
        ] {
            let law = chances(law, events);
            assert_eq!((law.lowest(), law.chances()), (certain, &[1.0][..]));
        }
    }

    #[test]
    fn what_is_no_law_is_refused() {
        let mut law = CountLaw::default();
        for (wrong, events) in [
            (SplitLaw::Share(-0.1), 1),
            (SplitLaw::Share(1.1), 1),
            (SplitLaw::Share(f64::NAN), 1),
            (
                SplitLaw::Trials {
                    first: 3,
                    second: 4,
                },
                8,
            ),
            (
                SplitLaw::Trials {
                    first: u64::MAX,
                    second: 4,
                },
                8,
            ),
        ] {
            assert_eq!(law.fill(wrong, events), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn shares_are_binomial(events in 0_u64..3_000, share in 0.0..=1.0_f64) {
            let law = chances(SplitLaw::Share(share), events);
            let exact = Binomial::new(share, events).unwrap();
            let mut seen = 0.0;
            for (index, chance) in law.chances().iter().enumerate() {
                let expected = exact.pmf(law.lowest() + index as u64);
                prop_assert!((chance - expected).abs() < 1e-9 * expected + 1e-15);
                seen += chance;
            }
            prop_assert!((seen - 1.0_f64).abs() < 1e-12);
        }

        #[test]
        fn trials_are_hypergeometric(
            first in 0_u64..2_000, second in 0_u64..9_000, part in 0.0..=1.0_f64,
        ) {
            let events = ((first + second) as f64 * part) as u64;
            let law = chances(SplitLaw::Trials { first, second }, events);
            for (index, chance) in law.chances().iter().enumerate() {
                let count = law.lowest() + index as u64;
                let ways = ln_binomial(first, count) + ln_binomial(second, events - count);
                let expected = (ways - ln_binomial(first + second, events)).exp();
                prop_assert!((chance - expected).abs() < 1e-9 * expected + 1e-15);
            }
        }
    }
}
