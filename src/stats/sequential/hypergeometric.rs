//! E-processes of split counts where events are common: exact given the trials of both arms.
//!
//! Under the null hypothesis the first arm's count of the batch's events is hypergeometric. A bet
//! on the odds ratio ψ is worth ψ^y / M(ψ), with M the exact generating function. Bets on several
//! thresholds of one measurement, each of which turns it into events, are averaged: an average of
//! e-processes is an e-process however they depend on each other.

use statrs::function::factorial::ln_factorial;

use super::log_mean_exp;

/// Terms below this, relative to the largest, are left out of a sum.
const NEGLIGIBLE: f64 = 1e-18;

/// A batch as the generating function needs it.
#[derive(Debug, Clone, Copy)]
struct Margins {
    first: f64,
    second: f64,
    events: f64,
    least: f64,
    most: f64,
    /// ln first! + ln second! − ln C(first + second, events).
    log_scale: f64,
}

impl Margins {
    /// `None` where there are more events than trials.
    fn new(first: u64, second: u64, events: u64) -> Option<Margins> {
        let all = first.checked_add(second)?;
        if events > all {
            return None;
        }
        let choices = ln_factorial(all) - ln_factorial(events) - ln_factorial(all - events);
        Some(Margins {
            first: first as f64,
            second: second as f64,
            events: events as f64,
            least: events.saturating_sub(second) as f64,
            most: events.min(first) as f64,
            log_scale: ln_factorial(first) + ln_factorial(second) - choices,
        })
    }

    /// Only one count is possible.
    fn certain(&self) -> bool {
        self.least == self.most
    }

    /// ln of the null chance of `count`.
    fn log_chance(&self, count: f64) -> f64 {
        let factorials = ln_factorial(count as u64)
            + ln_factorial((self.first - count) as u64)
            + ln_factorial((self.events - count) as u64)
            + ln_factorial((self.second - self.events + count) as u64);
        self.log_scale - factorials
    }

    /// The count with the largest term of the generating function at `odds`: the smaller root of
    /// (1 − ψ) y² + b y − ψ (n₁ + 1)(k + 1) = 0 with b = (n₁ + k + 2) ψ + n₂ − k, where a term equals
    /// the one before it.
    fn mode(&self, odds: f64) -> f64 {
        let a = 1.0 - odds;
        let b = (self.first + self.events + 2.0) * odds + self.second - self.events;
        let c = odds * (self.first + 1.0) * (self.events + 1.0);
        let root = 2.0 * c / (b + (b * b + 4.0 * a * c).max(0.0).sqrt());
        root.floor().clamp(self.least, self.most)
    }

    /// ln M(ψ): the sum from its largest term outwards, to where terms no longer matter.
    fn log_mgf(&self, odds: f64, log_odds: f64) -> f64 {
        if self.certain() {
            return self.least * log_odds;
        }
        let mode = self.mode(odds);
        let (mut sum, mut term, mut count) = (1.0, 1.0, mode);
        let lacking = self.second - self.events;
        while count < self.most {
            term *= odds * (self.events - count) * (self.first - count)
                / ((count + 1.0) * (lacking + count + 1.0));
            sum += term;
            count += 1.0;
            if term < NEGLIGIBLE {
                break;
            }
        }
        (term, count) = (1.0, mode);
        while count > self.least {
            term *= count * (lacking + count)
                / (odds * (self.events - count + 1.0) * (self.first - count + 1.0));
            sum += term;
            count -= 1.0;
            if term < NEGLIGIBLE {
                break;
            }
        }
        self.log_chance(mode) + mode * log_odds + f64::ln(sum)
    }
}

/// ln of the mean of ψ^y, where y is how many of `events` the first arm has when they are drawn
/// without replacement from `first` and `second` trials. `None` where there are more events than
/// trials or `odds` is not a positive number.
pub fn hypergeometric_log_mgf(odds: f64, first: u64, second: u64, events: u64) -> Option<f64> {
    if !(odds.is_finite() && odds > 0.0) {
        return None;
    }
    Some(Margins::new(first, second, events)?.log_mgf(odds, odds.ln()))
}

/// Bets on odds ratios above 1, for one kind of event.
#[derive(Debug, Clone, PartialEq)]
pub struct OddsE {
    odds: Vec<f64>,
    log_odds: Vec<f64>,
    increments: Vec<f64>,
    log_bets: Vec<f64>,
}

impl OddsE {
    /// The usual bets.
    pub const USUAL_ODDS: [f64; 7] = [1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0];

    /// Bets on these odds ratios, uniformly mixed. `None` where one is not a positive number, or
    /// there is none.
    pub fn new(odds: &[f64]) -> Option<OddsE> {
        if odds.is_empty() || !odds.iter().all(|odds| odds.is_finite() && *odds > 0.0) {
            return None;
        }
        Some(OddsE {
            odds: odds.to_vec(),
            log_odds: odds.iter().map(|odds| odds.ln()).collect(),
            increments: vec![0.0; odds.len()],
            log_bets: vec![0.0; odds.len()],
        })
    }

    /// The logarithm of each bet's factor for a batch, which leaves the state as it was. `hits`
    /// and `trials` are of the first and of the second arm.
    pub fn increments(&mut self, hits: (u64, u64), trials: (u64, u64)) -> Option<&[f64]> {
        if hits.0 > trials.0 || hits.1 > trials.1 {
            return None;
        }
        let margins = Margins::new(trials.0, trials.1, hits.0.checked_add(hits.1)?)?;
        let first = hits.0 as f64;
        let bets = self.odds.iter().zip(&self.log_odds);
        for (increment, (odds, log_odds)) in self.increments.iter_mut().zip(bets) {
            *increment = if margins.certain() {
                0.0
            } else {
                first * log_odds - margins.log_mgf(*odds, *log_odds)
            };
        }
        Some(&self.increments)
    }

    /// Takes in a batch: the events and the trials of the first and of the second arm; answers
    /// ln E.
    pub fn look(&mut self, hits: (u64, u64), trials: (u64, u64)) -> Option<f64> {
        self.increments(hits, trials)?;
        for (log, increment) in self.log_bets.iter_mut().zip(&self.increments) {
            *log += increment;
        }
        Some(self.log_e())
    }

    /// ln E so far.
    pub fn log_e(&self) -> f64 {
        log_mean_exp(&self.log_bets)
    }

    /// ln E of each bet so far.
    pub fn log_bets(&self) -> &[f64] {
        &self.log_bets
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.log_bets.fill(0.0);
    }
}

/// Bets on odds ratios at several thresholds of one measurement, uniformly mixed.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdE {
    thresholds: Vec<OddsE>,
    logs: Vec<f64>,
}

impl ThresholdE {
    /// So many thresholds, each with bets on `odds`. `None` where one of these is not a positive
    /// number, or there is no threshold.
    pub fn new(thresholds: usize, odds: &[f64]) -> Option<ThresholdE> {
        if thresholds == 0 {
            return None;
        }
        Some(ThresholdE {
            thresholds: vec![OddsE::new(odds)?; thresholds],
            logs: vec![0.0; thresholds],
        })
    }

    /// Takes in a batch: per threshold how many of the first and of the second arm's trials lie
    /// above it, and the trials of both; answers ln E. `None`, and nothing has changed, where the
    /// thresholds are not as many as planned or more lie above one than there are.
    pub fn look(&mut self, above: &[(u64, u64)], trials: (u64, u64)) -> Option<f64> {
        let wrong = |hits: &(u64, u64)| hits.0 > trials.0 || hits.1 > trials.1;
        if above.len() != self.thresholds.len()
            || above.iter().any(wrong)
            || trials.0.checked_add(trials.1).is_none()
        {
            return None;
        }
        let thresholds = self.thresholds.iter_mut().zip(&mut self.logs);
        for ((threshold, log), hits) in thresholds.zip(above) {
            *log = threshold.look(*hits, trials)?;
        }
        Some(self.log_e())
    }

    /// ln E so far.
    pub fn log_e(&self) -> f64 {
        log_mean_exp(&self.logs)
    }

    /// ln E of each threshold by itself.
    pub fn by_threshold(&self) -> &[f64] {
        &self.logs
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.thresholds.iter_mut().for_each(OddsE::reset);
        self.logs.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{CountLaw, SplitLaw};
    use super::*;

    #[test]
    fn an_average_over_thresholds_has_mean_one_whatever_joins_them() {
        // Five trials of three sizes in each of two batches, two of the five in the first arm, all
        // ten ways to choose these: thresholds above the small and above the middle.
        let sizes = [[0, 1, 1, 2, 2], [0, 0, 1, 1, 2]];
        let pairs: Vec<(usize, usize)> = (0..5)
            .flat_map(|a| (a + 1..5).map(move |b| (a, b)))
            .collect();
        let above = |batch: usize, (a, b): (usize, usize)| {
            [1, 2].map(|least| {
                let count = |of_first: bool| {
                    let all = sizes[batch].iter().enumerate();
                    all.filter(|(at, size)| **size >= least && (*at == a || *at == b) == of_first)
                        .count() as u64
                };
                (count(true), count(false))
            })
        };
        let mut mean = 0.0;
        for one in &pairs {
            for other in &pairs {
                let mut e = ThresholdE::new(2, &OddsE::USUAL_ODDS).unwrap();
                e.look(&above(0, *one), (2, 3)).unwrap();
                mean += e.look(&above(1, *other), (2, 3)).unwrap().exp() / 100.0;
            }
        }
        assert!((mean - 1.0).abs() < 1e-12, "{mean}");
    }

    #[test]
    fn where_all_or_none_are_events_nothing_is_said() {
        let mut e = OddsE::new(&[2.0, 10.0]).unwrap();
        assert_eq!(e.look((0, 0), (100, 1_900)), Some(0.0));
        assert_eq!(e.look((100, 1_900), (100, 1_900)), Some(0.0));
        assert_eq!(e.look((0, 7), (0, 1_900)), Some(0.0));
        assert_eq!(e.look((0, 0), (0, 0)), Some(0.0));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(hypergeometric_log_mgf(2.0, 3, 4, 8), None);
        assert_eq!(hypergeometric_log_mgf(-1.0, 3, 4, 2), None);
        assert_eq!(hypergeometric_log_mgf(f64::NAN, 3, 4, 2), None);
        assert_eq!(hypergeometric_log_mgf(2.0, u64::MAX, 4, 2), None);
        let mut e = ThresholdE::new(2, &[2.0]).unwrap();
        assert_eq!(e.look(&[(1, 1)], (3, 3)), None);
        assert_eq!(e.look(&[(1, 1), (4, 1)], (3, 3)), None);
        assert_eq!(e.log_e(), 0.0);
    }

    proptest! {
        #[test]
        fn the_generating_function_is_the_sum_over_all_counts(
            first in 0_u64..400, second in 0_u64..900, part in 0.0..=1.0_f64, log_odds in -4.0..4.0_f64,
        ) {
            let events = ((first + second) as f64 * part) as u64;
            let margins = Margins::new(first, second, events).unwrap();
            let logs: Vec<f64> = (margins.least as u64..=margins.most as u64)
                .map(|count| margins.log_chance(count as f64) + count as f64 * log_odds)
                .collect();
            let summed = log_mean_exp(&logs) + (logs.len() as f64).ln();
            let walked = hypergeometric_log_mgf(log_odds.exp(), first, second, events).unwrap();
            prop_assert!((walked - summed).abs() < 1e-9 * summed.abs().max(1.0), "{walked} {summed}");
            // The chances themselves are those of the law.
            let mut law = CountLaw::default();
            law.fill(SplitLaw::Trials { first, second }, events).unwrap();
            for (index, chance) in law.chances().iter().enumerate() {
                let log = margins.log_chance((law.lowest() + index as u64) as f64);
                prop_assert!((log.exp() - chance).abs() < 1e-9 * chance + 1e-15);
            }
        }
    }
}
