//! How fast to play a scenario on the clock on the wall, when nobody says.
//!
//! What an answer takes does not shrink with the speed: the faster a run, the larger latencies are
//! beside steps, scrapes and retries. So the speed is the least that is fast enough, not the greatest
//! that is possible.

use crate::base::{Rate, Span};

/// What a scenario asks of the clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demands {
    /// The longest that the rollout can take.
    pub longest: Span,
    /// The highest expected rate of requests.
    pub peak: Rate,
    /// Time between scrapes; `None` when nothing is scraped.
    pub scrape: Option<Span>,
    /// Time between the controller's ticks.
    pub tick: Span,
}

/// The speeds to choose from.
pub const LADDER: [f64; 13] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0,
];

/// How long a run may take on the wall.
pub const PATIENCE: Span = Span::from_secs(45);
/// The most requests a second that a run makes of its own accord.
pub const BUSIEST: f64 = 2_000.0;
/// The shortest time between two scrapes on the wall.
pub const SCRAPE: Span = Span::from_millis(50);
/// The shortest time between two ticks on the wall.
pub const TICK: Span = Span::from_millis(200);

/// The least speed of [`LADDER`] at which the longest rollout is over within [`PATIENCE`]; or, where
/// that would be too fast for the requests ([`BUSIEST`]), the scrapes ([`SCRAPE`]) or the ticks
/// ([`TICK`]), the greatest that is not. Never less than real time.
pub fn speed(demands: &Demands) -> f64 {
    let wall = |span: Span, speed: f64| span.as_secs_f64() / speed;
    let bearable = |speed: &f64| {
        demands.peak.get() * speed <= BUSIEST
            && (demands.scrape).is_none_or(|every| wall(every, *speed) >= SCRAPE.as_secs_f64())
            && wall(demands.tick, *speed) >= TICK.as_secs_f64()
    };
    let soon = |speed: &f64| wall(demands.longest, *speed) <= PATIENCE.as_secs_f64();
    let [slowest, .., fastest] = LADDER;
    let greatest = LADDER.into_iter().filter(bearable).fold(slowest, f64::max);
    LADDER
        .into_iter()
        .find(soon)
        .unwrap_or(fastest)
        .min(greatest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demands(longest: u64, peak: f64, scrape: u64, tick: u64) -> Demands {
        Demands {
            longest: Span::from_secs(longest),
            peak: Rate::per_second(peak).unwrap(),
            scrape: Some(Span::from_secs(scrape)),
            tick: Span::from_secs(tick),
        }
    }

    #[test]
    fn no_faster_than_it_takes_to_be_over_soon() {
        // 600 s in 30 s: at 10 it would be a minute.
        assert_eq!(speed(&demands(600, 20.0, 5, 60)), 20.0);
        assert_eq!(speed(&demands(900, 20.0, 5, 60)), 20.0);
        assert_eq!(speed(&demands(901, 20.0, 5, 60)), 30.0);
        assert_eq!(speed(&demands(40, 20.0, 5, 60)), 1.0);
    }

    #[test]
    fn requests_scrapes_and_ticks_hold_it_back() {
        assert_eq!(speed(&demands(3_600, 20.0, 15, 60)), 60.0, "2,400/s at 120");
        assert_eq!(speed(&demands(3_600, 1.0, 1, 60)), 20.0, "33 ms at 30");
        assert_eq!(speed(&demands(3_600, 1.0, 60, 5)), 20.0, "167 ms at 30");
        assert_eq!(speed(&demands(3_600, 5_000.0, 15, 60)), 1.0);
        let unscraped = Demands {
            scrape: None,
            ..demands(3_600, 1.0, 1, 60)
        };
        assert_eq!(speed(&unscraped), 120.0);
    }

    #[test]
    fn the_longest_of_rollouts_goes_as_fast_as_it_can() {
        assert_eq!(speed(&demands(10_000_000, 0.1, 300, 3_600)), 3_600.0);
    }
}
