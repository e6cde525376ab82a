//! Whether counts fall to the arms in their shares, from weight to weight.

use crate::stats::sequential::Multinomial;

/// The Bayes factor of counts of the canary and of the other arm against their shares. At each new
/// weight a new mixture starts around it; the product of the factors is an e-value all the same.
#[derive(Debug)]
pub(super) struct Shares {
    concentration: f64,
    /// Of the weights before.
    before: f64,
    /// The weight now, with its test.
    now: Option<(f64, Multinomial)>,
}

impl Shares {
    pub(super) fn new(concentration: f64) -> Shares {
        Shares {
            concentration,
            before: 0.0,
            now: None,
        }
    }

    pub(super) fn clear(&mut self) {
        (self.before, self.now) = (0.0, None);
    }

    /// Takes in counts of the canary and of the other arm of which `share` should be the canary's;
    /// the logarithm of the Bayes factor so far. Where no single `weight` tells what the splitter
    /// was asked for, the one before stands. Nothing is learned where the share is 0 or 1.
    pub(super) fn look(&mut self, counts: [u64; 2], share: f64, weight: Option<f64>) -> f64 {
        let open = |share: f64| share > 0.0 && share < 1.0;
        let before = self.now.as_ref().map(|(weight, _)| *weight);
        let around = weight
            .filter(|weight| open(*weight))
            .or(before)
            .unwrap_or(share);
        if open(share) {
            let same = |(weight, _): &(f64, Multinomial)| *weight == around;
            if !self.now.as_ref().is_some_and(same) {
                self.before = self.log_e();
                let test = Multinomial::new(&[around, 1.0 - around], self.concentration);
                self.now = test.map(|test| (around, test));
            }
            if let Some((_, test)) = &mut self.now {
                test.look(&counts, &[share, 1.0 - share]);
            }
        }
        self.log_e()
    }

    /// The logarithm of the Bayes factor so far.
    pub(super) fn log_e(&self) -> f64 {
        self.before + self.now.as_ref().map_or(0.0, |(_, test)| test.log_e())
    }
}
