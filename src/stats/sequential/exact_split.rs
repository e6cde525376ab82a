//! Exact alpha spending on how events split between two arms.
//!
//! At each look the number of all events is given, and under the null hypothesis only chance
//! decides how many of them the first arm had. So the law of the first arm's count is known
//! exactly, whatever the rate of events was and however it drifted, and so is the boundary that
//! spends no more than the plan allows: the exact group-sequential binomial test with a spending
//! function, its share free to change from batch to batch.
//!
//! (Lin, Wei and DeMets 1991; Jennison and Turnbull 2000, chapter 12; Silva and Kulldorff 2015.)

use super::{CountLaw, SplitLaw};

/// The state of an exact test: start with [`ExactSplit::default`], give each batch to
/// [`ExactSplit::look`], stop at the first look that rejects.
///
/// One-sided: it rejects when the first arm has too many of the events. A look costs the number of
/// counts still possible times the number of counts that the batch adds.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactSplit {
    /// Chances that the count so far is `lowest`, `lowest + 1`, … and no look has rejected.
    living: Vec<f64>,
    lowest: u64,
    /// The most that the first arm could have had without being rejected.
    highest: u64,
    spent: f64,
    observed: u64,
    rejected: bool,
    batch: CountLaw,
    grown: Vec<f64>,
}

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExactLook {
    /// The smallest count of the first arm, over all batches, that is rejected at this look. One
    /// more than is possible where nothing can be.
    pub boundary: u64,
    /// The count of the first arm over all batches.
    pub observed: u64,
    /// Whether this look or one before it rejected.
    pub rejected: bool,
    /// The error probability spent, this look included; at most the largest target.
    pub spent: f64,
    /// The smallest target with which this look would have rejected.
    pub alpha_needed: f64,
}

/// Counts with a smaller chance than this at the lower end are given up.
const NEGLIGIBLE: f64 = 1e-18;

impl Default for ExactSplit {
    fn default() -> ExactSplit {
        ExactSplit {
            living: vec![1.0],
            lowest: 0,
            highest: 0,
            spent: 0.0,
            observed: 0,
            rejected: false,
            batch: CountLaw::default(),
            grown: Vec::new(),
        }
    }
}

impl ExactSplit {
    /// Starts anew and keeps the buffers.
    pub fn reset(&mut self) {
        self.living.clear();
        self.living.push(1.0);
        (self.lowest, self.highest, self.observed) = (0, 0, 0);
        self.spent = 0.0;
        self.rejected = false;
    }

    /// Takes in a batch of `events`, of which the first arm had `first`. `target` is what may have
    /// been spent by now, this look included: [`Spending::spent`](super::Spending::spent) of a
    /// clock that knows nothing of `first`. What a look leaves unspent stays for later ones.
    pub fn look(
        &mut self,
        first: u64,
        events: u64,
        law: SplitLaw,
        target: f64,
    ) -> Option<ExactLook> {
        let (least, most) = law.range(events)?;
        if first < least || first > most || target.is_nan() {
            return None;
        }
        self.observed = self.observed.checked_add(first)?;
        let possible = self.highest.checked_add(most)?;
        self.batch.fill(law, events)?;
        self.convolve();
        let lowest = self.lowest + self.batch.lowest();

        // From the largest count down, as far as the target reaches.
        let before = self.spent;
        let mut boundary = self.grown.len();
        let mut tail = 0.0;
        while boundary > 0 && before + tail + self.grown[boundary - 1] <= target {
            boundary -= 1;
            tail += self.grown[boundary];
        }
        let beyond: f64 = match self.observed.checked_sub(lowest) {
            Some(index) => self.grown.iter().skip(index as usize).rev().sum(),
            None => self.grown.iter().sum(),
        };
        let smallest = if boundary < self.grown.len() {
            lowest + boundary as u64
        } else {
            possible + 1
        };
        self.spent += tail;
        self.rejected |= self.observed >= smallest;
        self.highest = possible.min(smallest.saturating_sub(1));

        let kept = &self.grown[..boundary];
        let start = kept
            .iter()
            .take_while(|chance| **chance < NEGLIGIBLE)
            .count();
        self.living.clear();
        self.living.extend_from_slice(&kept[start..]);
        self.lowest = lowest + start as u64;
        Some(ExactLook {
            boundary: smallest,
            observed: self.observed,
            rejected: self.rejected,
            spent: self.spent,
            alpha_needed: (before + beyond).min(1.0),
        })
    }

    /// The living counts after the batch, before any is rejected.
    fn convolve(&mut self) {
        let (living, batch) = (&self.living, self.batch.chances());
        self.grown.clear();
        self.grown
            .resize((living.len() + batch.len()).saturating_sub(1), 0.0);
        let (short, long) = if living.len() < batch.len() {
            (living.as_slice(), batch)
        } else {
            (batch, living.as_slice())
        };
        for (shift, chance) in short.iter().enumerate() {
            for (grown, other) in self.grown[shift..].iter_mut().zip(long) {
                *grown += chance * other;
            }
        }
    }

    /// The error probability spent so far.
    pub fn spent(&self) -> f64 {
        self.spent
    }

    /// The count of the first arm so far.
    pub fn observed(&self) -> u64 {
        self.observed
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spending;
    use super::*;

    /// The chance to be rejected at any look, by enumerating every path.
    fn level(looks: &[(u64, SplitLaw, f64)]) -> f64 {
        fn walk(state: &ExactSplit, looks: &[(u64, SplitLaw, f64)]) -> f64 {
            let Some(((events, law, target), rest)) = looks.split_first() else {
                return 0.0;
            };
            let mut counts = CountLaw::default();
            counts.fill(*law, *events).unwrap();
            (counts.chances().iter().enumerate())
                .map(|(index, chance)| {
                    let mut state = state.clone();
                    let first = counts.lowest() + index as u64;
                    let look = state.look(first, *events, *law, *target).unwrap();
                    let later = if look.rejected {
                        1.0
                    } else {
                        walk(&state, rest)
                    };
                    chance * later
                })
                .sum()
        }
        walk(&ExactSplit::default(), looks)
    }

    #[test]
    fn all_paths_together_are_rejected_with_the_alpha_spent_and_no_more_than_the_plan() {
        let shares = [0.05, 0.2, 0.5, 0.1, 0.3];
        for spending in [
            Spending::Pocock,
            Spending::OBrienFleming,
            Spending::Power(0.5),
        ] {
            for events in [[3, 0, 4, 2, 5], [1, 1, 1, 1, 1], [6, 5, 4, 3, 2]] {
                for exact in [false, true] {
                    let looks: Vec<_> = (0..5)
                        .map(|look| {
                            let law = if exact {
                                SplitLaw::Trials {
                                    first: 4,
                                    second: 12 + look as u64,
                                }
                            } else {
                                SplitLaw::Share(shares[look])
                            };
                            let t = (look as f64 + 1.0) / 5.0;
                            (events[look], law, spending.spent(0.2, t))
                        })
                        .collect();
                    let mut state = ExactSplit::default();
                    for (events, law, target) in &looks {
                        let least = law.range(*events).unwrap().0;
                        state.look(least, *events, *law, *target).unwrap();
                    }
                    let level = level(&looks);
                    assert!(
                        (level - state.spent()).abs() < 1e-12,
                        "{level} {}",
                        state.spent()
                    );
                    assert!(level <= 0.2 + 1e-12);
                }
            }
        }
    }

    #[test]
    fn the_alpha_needed_is_where_the_verdict_turns() {
        let law = SplitLaw::Share(0.1);
        let mut state = ExactSplit::default();
        state.look(1, 8, law, 0.01).unwrap();
        let needed = state.clone().look(3, 9, law, 0.02).unwrap().alpha_needed;
        let rejected = |target| state.clone().look(3, 9, law, target).unwrap().rejected;
        assert!(needed > 0.01 && needed < 0.5);
        assert!(rejected(needed + 1e-12));
        assert!(!rejected(needed - 1e-12));
    }

    #[test]
    fn nothing_to_spend_rejects_nothing_and_resetting_forgets() {
        let law = SplitLaw::Share(0.05);
        let mut state = ExactSplit::default();
        let look = state.look(60, 60, law, 0.0).unwrap();
        assert!(!look.rejected);
        assert_eq!((look.boundary, look.spent), (61, 0.0));
        assert!(state.look(60, 60, law, 0.05).unwrap().rejected);
        // A verdict stands.
        assert!(state.look(0, 60, law, 0.05).unwrap().rejected);
        state.reset();
        assert_eq!(state.look(0, 0, law, 0.05).unwrap().boundary, 1);
        assert!(!state.rejected);
    }

    #[test]
    fn contradictions_leave_the_state_as_it_was() {
        let mut state = ExactSplit::default();
        state.look(1, 9, SplitLaw::Share(0.1), 0.01).unwrap();
        let before = state.clone();
        assert_eq!(state.look(10, 9, SplitLaw::Share(0.1), 0.02), None);
        assert_eq!(state.look(1, 9, SplitLaw::Share(2.0), 0.02), None);
        assert_eq!(state.look(1, 9, SplitLaw::Share(0.1), f64::NAN), None);
        let few = SplitLaw::Trials {
            first: 2,
            second: 2,
        };
        assert_eq!(state.look(1, 9, few, 0.02), None);
        assert_eq!(state, before);
    }
}
