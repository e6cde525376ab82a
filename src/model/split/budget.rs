//! How many retries are left.

use crate::base::Probability;

/// A retry budget: retries so far may be at most a share of the requests so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    share: Option<f64>,
    requests: u64,
    retries: u64,
}

impl Budget {
    /// Nothing has been asked yet; without a share any number of retries is granted.
    pub fn new(share: Option<Probability>) -> Budget {
        Budget {
            share: share.map(Probability::get),
            requests: 0,
            retries: 0,
        }
    }

    /// Counts a request (not its retries).
    #[inline]
    pub fn request(&mut self) {
        self.requests += 1;
    }

    /// Whether one more retry is granted; then it is counted.
    #[inline]
    pub fn try_retry(&mut self) -> bool {
        let granted = match self.share {
            None => true,
            Some(share) => (self.retries + 1) as f64 <= share * self.requests as f64 + 1e-9,
        };
        self.retries += u64::from(granted);
        granted
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.requests = 0;
        self.retries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_stay_below_their_share_of_requests() {
        let mut budget = Budget::new(Probability::new(0.2));
        let mut retries = 0_u32;
        for request in 1..=100_u32 {
            budget.request();
            // Every request wants two more attempts.
            for _ in 0..2 {
                retries += u32::from(budget.try_retry());
            }
            assert_eq!(retries, request / 5);
        }
        budget.reset();
        assert!(!budget.try_retry());
    }

    #[test]
    fn without_a_share_there_is_no_end() {
        let mut budget = Budget::new(None);
        assert!((0..1_000).all(|_| budget.try_retry()));
    }
}
