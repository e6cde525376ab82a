//! Whether events, or trials, fall to the arms in the proportions they should: the always-valid
//! test of counts against a Dirichlet mixture.
//!
//! Two-sided: it also rejects when an arm has too little. (Lindon and Malek 2022.)

use statrs::function::gamma::ln_gamma;

/// The state of the test. The null proportions may change from batch to batch; the mixture is the
/// one of the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Multinomial {
    prior: Vec<f64>,
    counts: Vec<f64>,
    /// ln of the null chance of what was counted, up to the number of orders.
    log_null: f64,
}

impl Multinomial {
    /// A mixture around `proportions`, the tighter the larger `concentration`. `None` where the
    /// proportions are not positive numbers with the sum 1 or the concentration is not positive.
    pub fn new(proportions: &[f64], concentration: f64) -> Option<Multinomial> {
        if !(proper(proportions) && concentration.is_finite() && concentration > 0.0) {
            return None;
        }
        Some(Multinomial {
            prior: proportions
                .iter()
                .map(|share| share * concentration)
                .collect(),
            counts: vec![0.0; proportions.len()],
            log_null: 0.0,
        })
    }

    /// Takes in a batch: how many fell to each arm, and the proportions in which they should have;
    /// answers ln of the Bayes factor.
    pub fn look(&mut self, counts: &[u64], proportions: &[f64]) -> Option<f64> {
        if counts.len() != self.counts.len()
            || proportions.len() != counts.len()
            || !proper(proportions)
        {
            return None;
        }
        for (sum, (count, share)) in self.counts.iter_mut().zip(counts.iter().zip(proportions)) {
            *sum += *count as f64;
            self.log_null += *count as f64 * share.ln();
        }
        Some(self.log_e())
    }

    /// ln of the Bayes factor so far.
    pub fn log_e(&self) -> f64 {
        let arms = self.prior.iter().zip(&self.counts);
        let (mut log, mut before, mut after) = (-self.log_null, 0.0, 0.0);
        for (prior, count) in arms {
            log += ln_gamma(prior + count) - ln_gamma(*prior);
            before += prior;
            after += prior + count;
        }
        log - ln_gamma(after) + ln_gamma(before)
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.counts.fill(0.0);
        self.log_null = 0.0;
    }
}

/// ln of the Bayes factor of `counts` against `proportions`, in one batch.
pub fn multinomial_log(counts: &[u64], proportions: &[f64], concentration: f64) -> Option<f64> {
    Multinomial::new(proportions, concentration)?.look(counts, proportions)
}

/// The concentration whose mixture is as wide as the effect of a `ratio` between the rates of two
/// arms, the first with the share `share`: w (1 − w) / (θ − w)², θ = w r / (w r + 1 − w). Around it the
/// test sees such effects soonest; much larger ones keep the mixture too close to the null.
pub fn concentration_for(share: f64, ratio: f64) -> Option<f64> {
    let sound = share > 0.0 && share < 1.0 && ratio > 0.0 && ratio.is_finite() && ratio != 1.0;
    sound.then(|| {
        let shifted = share * ratio / (share * ratio + 1.0 - share);
        share * (1.0 - share) / ((shifted - share) * (shifted - share))
    })
}

fn proper(proportions: &[f64]) -> bool {
    let sum: f64 = proportions.iter().sum();
    proportions.iter().all(|share| *share > 0.0) && (sum - 1.0).abs() < 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::binomial;

    #[test]
    fn the_mean_is_one_also_while_the_shares_change() {
        let (events, shares) = ([3_u64, 5, 2], [0.05, 0.25, 0.5]);
        let mut mean = 0.0;
        for a in 0..=events[0] {
            for b in 0..=events[1] {
                for c in 0..=events[2] {
                    let mut test = Multinomial::new(&[0.05, 0.95], 20.0).unwrap();
                    let mut chance = 1.0;
                    for ((first, events), share) in [a, b, c].into_iter().zip(events).zip(shares) {
                        chance *= binomial(events, first, share);
                        test.look(&[first, events - first], &[share, 1.0 - share])
                            .unwrap();
                    }
                    mean += chance * test.log_e().exp();
                }
            }
        }
        assert!((mean - 1.0).abs() < 1e-10, "{mean}");
    }

    #[test]
    fn the_concentration_is_that_of_the_reference_and_nonsense_is_refused() {
        assert!((concentration_for(0.25, 2.0).unwrap() - 8.33).abs() < 0.01);
        assert!((concentration_for(0.05, 2.0).unwrap() - 23.2).abs() < 0.1);
        assert_eq!(concentration_for(0.05, 1.0), None);
        assert_eq!(Multinomial::new(&[0.5, 0.6], 10.0), None);
        assert_eq!(Multinomial::new(&[0.0, 1.0], 10.0), None);
        assert_eq!(Multinomial::new(&[0.5, 0.5], 0.0), None);
        let mut test = Multinomial::new(&[0.5, 0.5], 10.0).unwrap();
        assert_eq!(test.look(&[1], &[0.5, 0.5]), None);
        assert_eq!(test.look(&[1, 2], &[f64::NAN, 0.5]), None);
        assert_eq!(test.log_e(), 0.0);
    }
}
