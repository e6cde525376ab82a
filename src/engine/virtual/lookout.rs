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
    use crate::base::{Seed, Span, Weight};
    use crate::engine::r#virtual::tests::world_at;
    use crate::engine::r#virtual::{Kind, Player, Setting};
    use crate::scenario;

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

    /// An interruption ends a rollout at the tick at which it comes, and leaves nothing behind.
    #[test]
    fn a_rollout_ends_where_it_is_interrupted() {
        let scenario = scenario::find("low-traffic").unwrap().scenario().unwrap();
        let world = world_at(20.0);
        for engine in [Kind::Counts, Kind::Requests, Kind::OneByOne, Kind::Coupled] {
            let setting = Setting {
                world: &world,
                telemetry: &scenario.telemetry,
                rollout: &scenario.rollout,
                analysis: &scenario.analysis,
                onlookers: &[],
                horizon: scenario.horizon,
                aftermath: Span::ZERO,
                held: Weight::percent(20.0),
                engine,
                observe: false,
            };
            let (seed, never) = (Seed::DEFAULT, AtomicBool::new(false));
            let whole = Player::new(setting.clone()).play(seed, 1);
            let mut player = Player::new(setting);
            let (stop, mut ticks) = (AtomicBool::new(false), 0);
            let interrupted = player.watch_unless(&stop, seed, 0, &mut |_| {
                ticks += 1;
                stop.store(true, Ordering::Relaxed);
            });
            assert_eq!((interrupted, ticks), (None, 1), "{engine:?}");
            assert_eq!(player.play_unless(&stop, seed, 1), None, "{engine:?}");
            let after = player.play_unless(&never, seed, 1);
            assert_eq!(after, Some(whole), "{engine:?}");
        }
    }
}
