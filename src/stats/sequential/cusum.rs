//! Watching for a change without an end: cumulative sums and the sums of Shiryaev and Roberts.
//!
//! Each step takes the log-likelihood ratio of a batch. What they promise is not a level but a
//! mean time between false alarms: e^h batches for a cumulative sum that alarms at h (Lorden
//! 1971), A batches for a Shiryaev-Roberts sum that alarms at A. For a plan of T batches and a
//! false alarm with chance `alpha`, h = ln(T / alpha) and A = T / alpha suffice.

use super::{RatioGrid, log_add, log_mean_exp};

/// Page's cumulative sum in its likelihood form: it forgets what lies below 0 before each step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cusum {
    value: f64,
}

impl Cusum {
    /// Takes in a batch; answers the sum, which may be below 0.
    pub fn step(&mut self, increment: f64) -> f64 {
        self.value = self.value.max(0.0) + increment;
        self.value
    }

    /// The sum so far.
    pub fn value(&self) -> f64 {
        self.value
    }
}

/// The sum of Shiryaev and Roberts: of the likelihood ratios of a change at each batch so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiryaevRoberts {
    log: f64,
}

impl Default for ShiryaevRoberts {
    fn default() -> ShiryaevRoberts {
        ShiryaevRoberts {
            log: f64::NEG_INFINITY,
        }
    }
}

impl ShiryaevRoberts {
    /// Takes in a batch; answers ln R.
    pub fn step(&mut self, increment: f64) -> f64 {
        self.log = log_add(0.0, self.log) + increment;
        self.log
    }

    /// ln R so far, minus infinity at the start.
    pub fn log(&self) -> f64 {
        self.log
    }
}

/// The mean of the Shiryaev-Roberts sums of how events split between two arms, over a grid of
/// ratios of their rates: an e-detector, which need not know the ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitShiryaevRoberts {
    grid: RatioGrid,
    logs: Vec<f64>,
}

impl SplitShiryaevRoberts {
    /// Bets on `ratios` against equal rates. `None` where one of them is not a positive number.
    pub fn new(ratios: &[f64]) -> Option<SplitShiryaevRoberts> {
        Some(SplitShiryaevRoberts {
            grid: RatioGrid::new(ratios, 1.0)?,
            logs: vec![f64::NEG_INFINITY; ratios.len()],
        })
    }

    /// Takes in a batch of `events`, of which the first arm, with the share `share` of the trials,
    /// had `first`; answers ln of the mean R.
    pub fn look(&mut self, first: u64, events: u64, share: f64) -> Option<f64> {
        let increments = self.grid.increments(first, events, share)?;
        for (log, increment) in self.logs.iter_mut().zip(increments) {
            *log = log_add(0.0, *log) + increment;
        }
        Some(log_mean_exp(&self.logs))
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.logs.fill(f64::NEG_INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_forget_and_accumulate() {
        let mut cusum = Cusum::default();
        let path: Vec<f64> = [0.5, -2.0, 1.0]
            .into_iter()
            .map(|x| cusum.step(x))
            .collect();
        assert_eq!(path, [0.5, -1.5, 1.0]);
        let mut sum = ShiryaevRoberts::default();
        assert_eq!(sum.step(0.0), 0.0);
        assert!((sum.step(0.0) - 2.0_f64.ln()).abs() < 1e-15);
        assert!((sum.step(3.0_f64.ln()) - 9.0_f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn the_mixed_sum_less_the_number_of_batches_is_fair() {
        // Three batches of three events with share 0.3: the mean of R is 3 under the null.
        let mut mean = 0.0;
        for counts in 0..64_u64 {
            let mut sum = SplitShiryaevRoberts::new(&[1.5, 4.0]).unwrap();
            let (mut chance, mut log) = (1.0, 0.0);
            for batch in 0..3 {
                let first = counts >> (2 * batch) & 3;
                chance *= crate::stats::binomial(3, first, 0.3);
                log = sum.look(first, 3, 0.3).unwrap();
            }
            mean += chance * log.exp();
        }
        assert!((mean - 3.0).abs() < 1e-12, "{mean}");
    }
}
