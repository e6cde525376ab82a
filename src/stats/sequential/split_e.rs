//! The e-process of how events split between two arms: bets on the ratio of their rates.
//!
//! Given that an event happened, it is one of the first arm with chance w r / (w r + 1 − w), where
//! w is that arm's share of the trials and r the ratio of the rates, whatever the rates are. Each
//! event multiplies a bet on r against r₀ by its likelihood ratio; the mean over a grid of bets is
//! an e-process against all ratios on the far side of r₀. Valid with independent assignment and
//! the configured share, and for r₀ = 1 with any exchangeable split and the realised share too
//! (Hoeffding 1963, theorem 4).

use super::log_mean_exp;

/// `count` numbers from `low` to `high`, equally spaced in logarithms.
pub fn log_spaced(count: usize, low: f64, high: f64) -> Vec<f64> {
    let steps = count.saturating_sub(1).max(1) as f64;
    (0..count)
        .map(|index| low * (high / low).powf(index as f64 / steps))
        .collect()
}

/// Ratios to bet on against another, and what a batch says of each: the logarithm of its
/// likelihood ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioGrid {
    ratios: Vec<f64>,
    against: f64,
    log_ratios: Vec<f64>,
    /// ln(w r + 1 − w) − ln(w r₀ + 1 − w) at the share of the last batch.
    share: f64,
    normalisers: Vec<f64>,
    increments: Vec<f64>,
}

impl RatioGrid {
    /// Bets on `ratios` against `against`. `None` where one of them is not a positive number, or
    /// there is no bet.
    pub fn new(ratios: &[f64], against: f64) -> Option<RatioGrid> {
        let positive = |ratio: &f64| ratio.is_finite() && *ratio > 0.0;
        if ratios.is_empty() || !ratios.iter().all(positive) || !positive(&against) {
            return None;
        }
        Some(RatioGrid {
            ratios: ratios.to_vec(),
            against,
            log_ratios: ratios.iter().map(|ratio| (ratio / against).ln()).collect(),
            share: f64::NAN,
            normalisers: vec![0.0; ratios.len()],
            increments: vec![0.0; ratios.len()],
        })
    }

    /// The ratios.
    pub fn ratios(&self) -> &[f64] {
        &self.ratios
    }

    /// The logarithm of each bet's factor for a batch of `events`, of which the first arm had
    /// `first`, when its share of the trials was `share`.
    pub fn increments(&mut self, first: u64, events: u64, share: f64) -> Option<&[f64]> {
        let certain = (share == 0.0 && first > 0) || (share == 1.0 && first < events);
        if !(0.0..=1.0).contains(&share) || first > events || certain {
            return None;
        }
        if share != self.share {
            self.share = share;
            let null = (share * (self.against - 1.0)).ln_1p();
            for (normaliser, ratio) in self.normalisers.iter_mut().zip(&self.ratios) {
                *normaliser = (share * (ratio - 1.0)).ln_1p() - null;
            }
        }
        let (first, events) = (first as f64, events as f64);
        let terms = self.log_ratios.iter().zip(&self.normalisers);
        for (increment, (log_ratio, normaliser)) in self.increments.iter_mut().zip(terms) {
            *increment = first * log_ratio - events * normaliser;
        }
        Some(&self.increments)
    }
}

/// The e-process of a grid of bets, uniformly mixed.
///
/// With bets above `against` it gathers evidence that the ratio is larger, with bets below it
/// that it is smaller: the latter, against a ratio that is still tolerated, is the evidence on
/// which to promote.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitE {
    grid: RatioGrid,
    log_bets: Vec<f64>,
}

impl SplitE {
    /// Bets on `ratios` against `against`. `None` where one of them is not a positive number.
    pub fn new(ratios: &[f64], against: f64) -> Option<SplitE> {
        let grid = RatioGrid::new(ratios, against)?;
        let log_bets = vec![0.0; ratios.len()];
        Some(SplitE { grid, log_bets })
    }

    /// The usual bets: 24, from 1.05 to 50.
    pub fn usual_ratios() -> Vec<f64> {
        log_spaced(24, 1.05, 50.0)
    }

    /// Takes in a batch of `events`, of which the first arm, with the share `share` of the trials,
    /// had `first`; answers ln E.
    pub fn look(&mut self, first: u64, events: u64, share: f64) -> Option<f64> {
        if events > 0 {
            let increments = self.grid.increments(first, events, share)?;
            for (log, increment) in self.log_bets.iter_mut().zip(increments) {
                *log += increment;
            }
        } else if first > 0 || !(0.0..=1.0).contains(&share) {
            return None;
        }
        Some(self.log_e())
    }

    /// ln E so far.
    pub fn log_e(&self) -> f64 {
        log_mean_exp(&self.log_bets)
    }

    /// ln E of each bet so far, in the order of the ratios.
    pub fn log_bets(&self) -> &[f64] {
        &self.log_bets
    }

    /// The bet with the most evidence: its ratio and its ln E.
    pub fn best(&self) -> (f64, f64) {
        let bets = self.grid.ratios.iter().zip(&self.log_bets);
        bets.fold((1.0, f64::NEG_INFINITY), |best, (ratio, log)| {
            if *log > best.1 { (*ratio, *log) } else { best }
        })
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.log_bets.fill(0.0);
    }
}

/// What is needed to say, at any time, which ratios of rates are still credible.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RatioSequence {
    /// Events by share of the first arm.
    batches: Vec<(f64, f64)>,
    first: f64,
}

impl RatioSequence {
    /// Takes in a batch.
    pub fn add(&mut self, first: u64, events: u64, share: f64) -> Option<()> {
        let certain = (share == 0.0 && first > 0) || (share == 1.0 && first < events);
        if !(0.0..=1.0).contains(&share) || first > events || certain {
            return None;
        }
        match self.batches.last_mut() {
            Some((last, sum)) if *last == share => *sum += events as f64,
            _ => self.batches.push((share, events as f64)),
        }
        self.first += first as f64;
        Some(())
    }

    /// The ratios of rates that neither of two e-processes rejects at `alpha / 2`: one bets on the
    /// usual multiples of a ratio, the other on the usual fractions of it. Covers the true ratio at
    /// all times together with probability `1 - alpha`. From 0 to infinity before there are data.
    pub fn interval(&self, alpha: f64) -> (f64, f64) {
        let multiples = SplitE::usual_ratios();
        let needed = (2.0 / alpha).ln();
        let refused = |against: f64, multiples: &[f64]| {
            let logs: Vec<f64> = (multiples.iter())
                .map(|multiple| {
                    let spent: f64 = (self.batches.iter())
                        .map(|(share, events)| {
                            let bet = (share * (against * multiple - 1.0)).ln_1p();
                            events * (bet - (share * (against - 1.0)).ln_1p())
                        })
                        .sum();
                    self.first * multiple.ln() - spent
                })
                .collect();
            log_mean_exp(&logs) >= needed
        };
        // The evidence that the ratio is larger falls with the ratio it is larger than; so there is
        // one place to find, and bisection finds it.
        let fractions: Vec<f64> = multiples.iter().map(|multiple| 1.0 / multiple).collect();
        let low = bisect(|against| refused(against, &multiples));
        let high = bisect(|against| !refused(against, &fractions));
        (low, high)
    }
}

/// The largest ratio up to which `holds`, or 0, or infinity.
fn bisect(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (-30.0_f64, 30.0_f64);
    if !holds(low.exp()) {
        return 0.0;
    }
    if holds(high.exp()) {
        return f64::INFINITY;
    }
    while high - low > 1e-12 {
        let middle = (low + high) / 2.0;
        if holds(middle.exp()) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low.exp()
}

#[cfg(test)]
mod tests {
    use super::super::{ChangePoint, Onset, SplitChangePoint};
    use super::*;
    use crate::stats::binomial;

    /// The mean of exp(ln E) over all ways in which events fall to the first arm with `ratio`
    /// between the rates.
    fn mean(events: &[u64], shares: &[f64], ratio: f64, e: &mut dyn FnMut(&[u64]) -> f64) -> f64 {
        fn walk(
            counts: &mut Vec<u64>,
            rest: &[(u64, f64)],
            e: &mut dyn FnMut(&[u64]) -> f64,
        ) -> f64 {
            let Some(((events, chance), rest)) = rest.split_first() else {
                return e(counts).exp();
            };
            let mut sum = 0.0;
            for first in 0..=*events {
                counts.push(first);
                sum += binomial(*events, first, *chance) * walk(counts, rest, e);
                counts.pop();
            }
            sum
        }
        let chances = shares.iter().map(|w| w * ratio / (w * ratio + 1.0 - w));
        let batches: Vec<_> = events.iter().copied().zip(chances).collect();
        walk(&mut Vec::new(), &batches, e)
    }

    const EVENTS: [u64; 4] = [4, 0, 3, 6];
    const SHARES: [f64; 4] = [0.05, 0.2, 0.2, 0.5];

    #[test]
    fn the_mean_is_one_at_the_ratio_bet_against_and_less_beyond_it() {
        for (ratios, against, beyond) in [
            (SplitE::usual_ratios(), 1.0, 0.7),
            (vec![2.0, 3.0], 1.5, 0.9),
            (vec![0.5, 0.75, 1.0], 2.0, 3.0),
        ] {
            let mut walk = |counts: &[u64]| {
                let mut e = SplitE::new(&ratios, against).unwrap();
                for ((first, events), share) in counts.iter().zip(EVENTS).zip(SHARES) {
                    e.look(*first, events, share).unwrap();
                }
                e.log_e()
            };
            let at = mean(&EVENTS, &SHARES, against, &mut walk);
            assert!((at - 1.0).abs() < 1e-12, "{at}");
            assert!(mean(&EVENTS, &SHARES, beyond, &mut walk) < 1.0);
        }
    }

    #[test]
    fn a_change_point_is_fair_however_its_capital_is_spread() {
        for onset in [
            Onset::Uniform(9),
            Onset::Uniform(3),
            Onset::Uniform(0),
            Onset::HalfAtStart(6),
            Onset::HalfAtStart(1),
        ] {
            let mut walk = |counts: &[u64]| {
                let mut e = SplitChangePoint::new(&[1.5, 4.0], 1.0, onset).unwrap();
                for ((first, events), share) in counts.iter().zip(EVENTS).zip(SHARES) {
                    e.look(*first, events, share).unwrap();
                }
                e.log_e()
            };
            let at = mean(&EVENTS, &SHARES, 1.0, &mut walk);
            assert!((at - 1.0).abs() < 1e-12, "{onset:?}: {at}");
        }
    }

    #[test]
    fn capital_that_waits_is_not_lost_and_all_at_the_start_is_the_plain_e_process() {
        let mut waits = ChangePoint::new(1, Onset::HalfAtStart(11));
        for _ in 0..5 {
            waits.step(&[-100.0]);
        }
        assert!((waits.log_e().exp() - 0.3).abs() < 1e-12);
        let mut plain = SplitE::new(&[2.0, 3.0], 1.0).unwrap();
        let mut start = SplitChangePoint::new(&[2.0, 3.0], 1.0, Onset::HalfAtStart(1)).unwrap();
        for (first, events) in [(1, 5), (0, 2), (4, 9)] {
            let (a, b) = (
                plain.look(first, events, 0.3),
                start.look(first, events, 0.3),
            );
            assert!((a.unwrap() - b.unwrap()).abs() < 1e-12);
        }
    }

    #[test]
    fn the_credible_ratios_are_those_that_no_bet_refuses() {
        let mut sequence = RatioSequence::default();
        assert_eq!(sequence.interval(0.05), (0.0, f64::INFINITY));
        let mut batches = Vec::new();
        for batch in 0..40_u64 {
            let (first, events, share) = (1 + batch % 3, 12, if batch < 20 { 0.05 } else { 0.1 });
            sequence.add(first, events, share).unwrap();
            batches.push((first, events, share));
        }
        let (low, high) = sequence.interval(0.05);
        // 80 of 480 with shares of 5 and 10 %: the ratio is near 2.4.
        assert!(
            low > 1.2 && low < 2.4 && high > 2.4 && high < 5.0,
            "{low} {high}"
        );
        for (against, rejected) in [(low * 0.99, true), (low * 1.01, false)] {
            let bets: Vec<f64> = SplitE::usual_ratios().iter().map(|m| m * against).collect();
            let mut e = SplitE::new(&bets, against).unwrap();
            for (first, events, share) in &batches {
                e.look(*first, *events, *share).unwrap();
            }
            assert_eq!(e.log_e() >= 40.0_f64.ln(), rejected);
        }
    }

    #[test]
    fn contradictions_leave_the_state_as_it_was() {
        assert_eq!(SplitE::new(&[], 1.0), None);
        assert_eq!(SplitE::new(&[2.0, -1.0], 1.0), None);
        assert_eq!(SplitE::new(&[2.0], f64::NAN), None);
        let mut e = SplitE::new(&[2.0], 1.0).unwrap();
        for (first, events, share) in [(2, 1, 0.5), (1, 1, 0.0), (0, 1, 1.0), (1, 2, f64::NAN)] {
            assert_eq!(e.look(first, events, share), None);
        }
        assert_eq!(e.log_e(), 0.0);
        // Shares at the ends say nothing, and are no error.
        assert_eq!(e.look(0, 5, 0.0), Some(0.0));
        assert_eq!(e.look(5, 5, 1.0), Some(0.0));
    }
}
