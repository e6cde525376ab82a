//! The safe test of two shares in blocks of fixed size.
//!
//! (Turner, Ly and Grünwald 2024.)

/// The e-process: each block is bet on by the shares that the blocks before it suggest. Two-sided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SafeBlocks {
    first: Arm,
    second: Arm,
    log_e: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Arm {
    size: f64,
    hits: f64,
    misses: f64,
    prior: (f64, f64),
}

impl SafeBlocks {
    /// The parameter of the usual beta prior.
    pub const USUAL_PRIOR: f64 = 0.18;

    /// Blocks of so many trials of the first and of the second arm, and the beta priors of the
    /// shares. `None` where a number is not positive.
    pub fn new(sizes: (u64, u64), first: (f64, f64), second: (f64, f64)) -> Option<SafeBlocks> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let priors = [first.0, first.1, second.0, second.1];
        if sizes.0 == 0 || sizes.1 == 0 || !priors.into_iter().all(positive) {
            return None;
        }
        let arm = |size: u64, prior| Arm {
            size: size as f64,
            hits: 0.0,
            misses: 0.0,
            prior,
        };
        Some(SafeBlocks {
            first: arm(sizes.0, first),
            second: arm(sizes.1, second),
            log_e: 0.0,
        })
    }

    /// The usual priors; the second arm's is scaled by the ratio of the sizes.
    pub fn usual(sizes: (u64, u64)) -> Option<SafeBlocks> {
        let prior = SafeBlocks::USUAL_PRIOR;
        let scaled = prior * sizes.1 as f64 / sizes.0.max(1) as f64;
        SafeBlocks::new(sizes, (prior, prior), (scaled, scaled))
    }

    /// Takes in a block by the hits of the first and of the second arm; answers ln E. `None` where
    /// there are more than trials.
    pub fn look(&mut self, first: u64, second: u64) -> Option<f64> {
        let (a, b) = (first as f64, second as f64);
        if a > self.first.size || b > self.second.size {
            return None;
        }
        let (share_a, share_b) = (self.first.share(), self.second.share());
        let sizes = self.first.size + self.second.size;
        let null = (self.first.size * share_a + self.second.size * share_b) / sizes;
        self.log_e += self.first.bet(a, share_a, null) + self.second.bet(b, share_b, null);
        self.first.add(a);
        self.second.add(b);
        Some(self.log_e)
    }

    /// ln E so far.
    pub fn log_e(&self) -> f64 {
        self.log_e
    }
}

impl Arm {
    fn share(&self) -> f64 {
        let (hits, misses) = (self.prior.0 + self.hits, self.prior.1 + self.misses);
        hits / (hits + misses)
    }

    fn bet(&self, hits: f64, share: f64, null: f64) -> f64 {
        hits * (share / null).ln() + (self.size - hits) * ((1.0 - share) / (1.0 - null)).ln()
    }

    fn add(&mut self, hits: f64) {
        self.hits += hits;
        self.misses += self.size - hits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::binomial;

    /// The mean of E over all ways in which so many more blocks of two and one trials may go.
    fn mean(test: &SafeBlocks, share: f64, blocks: u32) -> f64 {
        if blocks == 0 {
            return test.log_e().exp();
        }
        let mut sum = 0.0;
        for first in 0..=2 {
            for second in 0..=1 {
                let mut next = *test;
                next.look(first, second).unwrap();
                let chance = binomial(2, first, share) * binomial(1, second, share);
                sum += chance * mean(&next, share, blocks - 1);
            }
        }
        sum
    }

    #[test]
    fn the_mean_is_at_most_one_at_every_common_share() {
        for share in [0.02, 0.3, 0.5, 0.9] {
            let mean = mean(&SafeBlocks::usual((2, 1)).unwrap(), share, 4);
            assert!(mean <= 1.0 + 1e-12 && mean > 0.1, "{share}: {mean}");
        }
    }

    #[test]
    fn blocks_that_cannot_be_are_refused() {
        assert_eq!(SafeBlocks::usual((0, 1)), None);
        assert_eq!(SafeBlocks::new((1, 1), (0.0, 1.0), (1.0, 1.0)), None);
        let mut test = SafeBlocks::usual((2, 1)).unwrap();
        assert_eq!(test.look(3, 0), None);
        assert_eq!(test.log_e(), 0.0);
    }
}
