//! Smooth weighted round robin between two versions, as a credit.

/// Smooth weighted round robin: with every request the canary earns its share, and it answers when
/// a whole request is owed. Over any stretch at one share the canary gets that share to within one
/// request.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct InTurn {
    /// Share of a request that is owed.
    credit: f64,
}

impl InTurn {
    /// Whether the next request is the canary's, whose share (0 to 1) is `share`.
    #[inline]
    pub fn next(&mut self, share: f64) -> bool {
        self.credit += share;
        // Float dust must not hold a request back.
        let turn = self.credit >= 1.0 - 1e-9;
        self.credit -= f64::from(u8::from(turn));
        turn
    }

    /// How many of the next `requests` are the canary's, whose share (0 to 1) is `share`.
    pub fn take(&mut self, requests: u64, share: f64) -> u64 {
        self.credit += requests as f64 * share;
        // Float dust must not hold a request back.
        let whole = (self.credit + 1e-7).floor();
        self.credit -= whole;
        whole as u64
    }

    /// Owes nothing any more.
    pub fn reset(&mut self) {
        self.credit = 0.0;
    }
}
