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
