//! What the controller wants, where a splitter can see it at once.

use std::sync::atomic::{AtomicU64, Ordering};

/// The shares of requests that are meant for the canary, as last ordered. One store changes both, so
/// no decision ever sees half of an order.
#[derive(Debug, Default)]
pub struct Steering {
    shares: AtomicU64,
}

/// Shares of requests, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shares {
    /// Share of requests that the canary answers.
    pub canary: f32,
    /// Share of stable's requests that are copied to the canary.
    pub mirror: f32,
}

impl Steering {
    /// Orders new shares: the next decision obeys.
    pub fn set(&self, shares: Shares) {
        let packed = u64::from(shares.canary.to_bits()) << 32 | u64::from(shares.mirror.to_bits());
        self.shares.store(packed, Ordering::Release);
    }

    /// The shares as last ordered.
    #[inline]
    pub fn shares(&self) -> Shares {
        let packed = self.shares.load(Ordering::Acquire);
        Shares {
            canary: f32::from_bits((packed >> 32) as u32),
            mirror: f32::from_bits(packed as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_back_whole() {
        let steering = Steering::default();
        assert_eq!(steering.shares(), Shares::default());
        let shares = Shares {
            canary: 0.05,
            mirror: 0.25,
        };
        steering.set(shares);
        assert_eq!(steering.shares(), shares);
    }
}
