//! Whether somebody interrupts, asked now and then in a loop that has no time to ask.

use std::sync::atomic::{AtomicBool, Ordering};

/// Counts events, and looks at a flag once in so many.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    events: u32,
}

impl Lookout {
    /// Some thousand events last about a millisecond.
    const EVERY: u32 = 1 << 12;

    /// Whether the flag was set when it was last looked at; called once for each event.
    #[inline]
    pub(super) fn sees(&mut self, stop: &AtomicBool) -> bool {
        self.events = self.events.wrapping_add(1);
        self.events.is_multiple_of(Lookout::EVERY) && stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_once_in_so_many_events() {
        let (mut lookout, stop) = (Lookout::default(), AtomicBool::new(true));
        for _ in 0..3 {
            for _ in 1..Lookout::EVERY {
                assert!(!lookout.sees(&stop));
            }
            assert!(lookout.sees(&stop));
        }
        stop.store(false, Ordering::Relaxed);
        assert!((0..2 * Lookout::EVERY).all(|_| !lookout.sees(&stop)));
    }
}
