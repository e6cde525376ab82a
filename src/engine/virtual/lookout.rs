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
