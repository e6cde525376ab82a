//! Change-point mixtures of many paths side by side, for tests that compare one with companions
//! drawn under the null hypothesis.

use super::{Onset, hypergeometric_log_mgf};

/// How many bets a path holds on each kind of event at most.
const BETS: usize = 8;

/// The factor by which a batch multiplies each bet.
pub type Factors = [f64; BETS];

/// Bets on odds ratios and what each count of a batch is worth to them: ψ^y / M(ψ), where y of the
/// events are the first arm's and M is the exact generating function of y. A table that is filled as
/// counts come up.
#[derive(Debug, Clone)]
pub struct OddsFactors {
    log_odds: Vec<f64>,
    odds: Vec<f64>,
    log_normalisers: Factors,
    lowest: u64,
    rows: Vec<Option<Factors>>,
}

impl OddsFactors {
    /// Beyond this logarithm a factor is no longer told from another: a product stays a number.
    const LARGEST: f64 = 230.0;

    /// Bets on these odds ratios. `None` where one is not a positive number, or there is none, or
    /// more than eight.
    pub fn new(odds: &[f64]) -> Option<OddsFactors> {
        let sound = odds.iter().all(|odds| odds.is_finite() && *odds > 0.0);
        if odds.is_empty() || odds.len() > BETS || !sound {
            return None;
        }
        Some(OddsFactors {
            log_odds: odds.iter().map(|odds| odds.ln()).collect(),
            odds: odds.to_vec(),
            log_normalisers: [0.0; BETS],
            lowest: 0,
            rows: Vec::new(),
        })
    }

    /// Prepares a batch of `events` among the trials of the first and of the second arm. `None` where
    /// there are more events than trials.
    pub fn prepare(&mut self, events: u64, trials: (u64, u64)) -> Option<()> {
        for (log, odds) in self.log_normalisers.iter_mut().zip(&self.odds) {
            *log = hypergeometric_log_mgf(*odds, trials.0, trials.1, events)?;
        }
        // What lies within twelve standard deviations of a binomial count has a place in the table.
        let share = trials.0 as f64 / (trials.0 as f64 + trials.1 as f64).max(1.0);
        let mean = events as f64 * share;
        let reach = 20.0 + 12.0 * (mean * (1.0 - share)).sqrt();
        self.lowest = (mean - reach).max(events.saturating_sub(trials.1) as f64) as u64;
        let most = (mean + reach).min(events.min(trials.0) as f64) as u64;
        self.rows.clear();
        self.rows
            .resize((most.saturating_sub(self.lowest) + 1) as usize, None);
        Some(())
    }

    /// The factors of a count; 0 for bets that are not held.
    #[inline]
    pub fn of(&mut self, count: u64) -> Factors {
        let row = count.checked_sub(self.lowest);
        let row = row.and_then(|row| usize::try_from(row).ok());
        match row.and_then(|row| self.rows.get(row)) {
            Some(Some(factors)) => *factors,
            Some(None) => {
                let factors = self.reckon(count);
                if let Some(slot) = row.and_then(|row| self.rows.get_mut(row)) {
                    *slot = Some(factors);
                }
                factors
            }
            None => self.reckon(count),
        }
    }

    fn reckon(&self, count: u64) -> Factors {
        let mut factors = [0.0; BETS];
        let bets = self.log_odds.iter().zip(&self.log_normalisers);
        for (factor, (log_odds, log_normaliser)) in factors.iter_mut().zip(bets) {
            let log = count as f64 * log_odds - log_normaliser;
            *factor = log.min(OddsFactors::LARGEST).exp();
        }
        factors
    }
}

/// The bets of many paths on several kinds of events, each with its capital spread over the batches
/// at which a change may begin (see [`ChangePoint`](super::ChangePoint)).
///
/// To drive it: for each batch call [`ChangePaths::next_batch`], then [`ChangePaths::step`] for each
/// path that is of interest.
#[derive(Debug, Clone)]
pub struct ChangePaths {
    onset: Onset,
    batch: u32,
    entering: f64,
    /// What one bet on each kind of event counts in the statistic.
    shares: Vec<f64>,
    /// What is at play: by path, kind of event and bet.
    playing: Vec<Factors>,
}

impl ChangePaths {
    /// Capital is never reckoned larger than this, so that no product is infinite.
    const LARGEST: f64 = 1e200;

    /// So many paths; `shares` says what a bet on each kind of event counts in the statistic.
    pub fn new(paths: usize, shares: &[f64], onset: Onset) -> ChangePaths {
        ChangePaths {
            onset,
            batch: 0,
            entering: 0.0,
            shares: shares.to_vec(),
            playing: vec![[0.0; BETS]; paths * shares.len()],
        }
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.batch = 0;
        self.playing.fill([0.0; BETS]);
    }

    /// A new batch begins, and with it the capital that was kept for it enters.
    pub fn next_batch(&mut self) {
        self.entering = self.onset.part(self.batch);
        self.batch = self.batch.saturating_add(1);
    }

    /// Takes in the batch for one path by the factors of each kind of event; answers its statistic:
    /// the capital at play, without what waits, which is the same for all paths.
    #[inline]
    pub fn step(&mut self, path: usize, factors: impl IntoIterator<Item = Factors>) -> f64 {
        let kinds = self.shares.len();
        let playing = &mut self.playing[path * kinds..][..kinds];
        let mut statistic = 0.0;
        for ((capital, share), factors) in playing.iter_mut().zip(&self.shares).zip(factors) {
            let mut sum = 0.0;
            for (capital, factor) in capital.iter_mut().zip(factors) {
                *capital = ((*capital + self.entering) * factor).min(ChangePaths::LARGEST);
                sum += *capital;
            }
            statistic += share * sum;
        }
        statistic
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ChangePoint, OddsE};
    use super::*;

    #[test]
    fn a_path_is_the_change_point_process_without_what_waits() {
        let odds = [1.5, 2.0, 5.0];
        let onset = Onset::HalfAtStart(5);
        let mut factors = OddsFactors::new(&odds).unwrap();
        let mut paths = ChangePaths::new(2, &[1.0 / 3.0], onset);
        let mut process = ChangePoint::new(odds.len(), onset);
        let mut bets = OddsE::new(&odds).unwrap();
        let mut waiting = 0.5;
        for (first, events) in [(1, 9), (0, 4), (3, 6), (2, 2), (0, 0)] {
            factors.prepare(events, (50, 300)).unwrap();
            paths.next_batch();
            paths.step(0, [factors.of(0)]);
            let found = paths.step(1, [factors.of(first)]);
            let increments = bets.increments((first, events - first), (50, 300)).unwrap();
            let log_e = process.step(increments);
            assert!(
                (found + waiting - log_e.exp()).abs() < 1e-9,
                "{found} {log_e}"
            );
            waiting -= 0.125;
        }
    }

    #[test]
    fn capital_stays_a_number_whatever_happens() {
        let mut factors = OddsFactors::new(&[10.0]).unwrap();
        let mut paths = ChangePaths::new(1, &[1.0], Onset::Uniform(3));
        for first in [5_000, 5_000, 0, 0, 5_000] {
            factors.prepare(5_000, (5_000, 5_000)).unwrap();
            paths.next_batch();
            let statistic = paths.step(0, [factors.of(first)]);
            assert!(statistic.is_finite(), "{statistic}");
        }
        assert!(factors.prepare(3, (1, 1)).is_none());
        assert!(OddsFactors::new(&[2.0; 9]).is_none());
        assert!(OddsFactors::new(&[0.0]).is_none());
    }
}
