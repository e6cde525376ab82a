//! Memory that is really lost: pages that are touched and kept.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are taken at a time.
const PIECE: usize = 256 * 1024;

/// What one instance has lost. All instances together lose no more than a limit.
#[derive(Debug, Default)]
pub(super) struct Ballast {
    pieces: Vec<Box<[u8]>>,
}

impl Ballast {
    /// Takes memory until so many bytes are lost, in whole pieces, while `taken` by all stays within
    /// `limit`.
    pub(super) fn grow(&mut self, lost: f64, taken: &AtomicU64, limit: u64) {
        let wanted = (lost / PIECE as f64) as usize;
        while self.pieces.len() < wanted {
            // Others take too: what is too much is given back at once.
            if taken.fetch_add(PIECE as u64, Ordering::Relaxed) + PIECE as u64 > limit {
                taken.fetch_sub(PIECE as u64, Ordering::Relaxed);
                return;
            }
            // Zeros would be promised by the kernel and not taken.
            self.pieces.push(vec![1; PIECE].into_boxed_slice());
        }
    }

    /// Gives everything back: the process has ended.
    pub(super) fn clear(&mut self, taken: &AtomicU64) {
        let bytes = self.pieces.len() * PIECE;
        taken.fetch_sub(bytes as u64, Ordering::Relaxed);
        self.pieces = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_the_limit_allows_and_all_is_given_back() {
        let taken = AtomicU64::new(0);
        let limit = 3 * PIECE as u64;
        let (mut one, mut other) = (Ballast::default(), Ballast::default());
        one.grow(2.5 * PIECE as f64, &taken, limit);
        assert_eq!(taken.load(Ordering::Relaxed), 2 * PIECE as u64);
        other.grow(1e12, &taken, limit);
        assert_eq!(taken.load(Ordering::Relaxed), limit);
        assert_eq!(other.pieces.len(), 1);
        one.clear(&taken);
        other.grow(1e12, &taken, limit);
        assert_eq!(other.pieces.len(), 3);
        other.clear(&taken);
        assert_eq!(taken.load(Ordering::Relaxed), 0);
    }
}
