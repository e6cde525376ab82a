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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_many_at_once_agree() {
        for share in [0.0, 0.01, 0.05, 0.1, 1.0 / 3.0, 0.7, 1.0] {
            let (mut single, mut many) = (InTurn::default(), InTurn::default());
            let (mut singles, mut taken) = (0, 0);
            for stretch in [1, 2, 7, 40, 1_000, 3, 3] {
                singles += (0..stretch).filter(|_| single.next(share)).count() as u64;
                taken += many.take(stretch, share);
                assert_eq!(singles, taken, "{share}");
            }
        }
    }

    #[test]
    fn a_tenth_is_every_tenth() {
        let mut turn = InTurn::default();
        for number in 1..=1_000 {
            assert_eq!(turn.next(0.1), number % 10 == 0, "{number}");
        }
        turn.next(0.5);
        turn.reset();
        assert_eq!(turn, InTurn::default());
    }
}
