//! Everything about a rollout's time that can be known before it is played: ticks, scrapes, and
//! the stretches between them in which nothing changes.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::base::{Probability, Span, Time};
use crate::model::World;
use crate::rollout::Cadence;
use crate::telemetry::{Plan, Sampling};

/// The time line of one rollout.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// When the controller ticks.
    pub ticks: Vec<Time>,
    /// For each tick, the stretches since the tick before.
    pub until_tick: Vec<Range<usize>>,
    /// Maximal stretches without a tick, a window edge or a change of a fault inside.
    pub stretches: Vec<Stretch>,
    /// The pieces of stretches between scrapes.
    pub pieces: Vec<Piece>,
    /// Severities of the faults, one list per distinct condition.
    pub conditions: Vec<Vec<f64>>,
}

/// A time in which weight and faults stay as they are and no gate looks.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// Its pieces.
    pub pieces: Range<usize>,
    /// Which of the schedule's conditions holds.
    pub condition: usize,
    /// Requests expected in it, both versions.
    pub expected: f64,
    /// Whether a gate's window begins or ends at its end, so that counters are read there.
    pub edge: bool,
    /// Whether this number of expected requests comes often enough to make tables for.
    pub frequent: bool,
}

/// A time without a scrape inside.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Its start.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// Requests expected in it, both versions.
    pub expected: f64,
    /// Whether counters are scraped at its end.
    pub scraped: bool,
    /// As of stretches.
    pub frequent: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    tick: bool,
    scraped: bool,
    edge: bool,
    change: bool,
}

impl Schedule {
    /// Times that come at least so often share their tables.
    const FREQUENT: usize = 3;

    /// Lays out a rollout that ticks at `cadence` up to a horizon and through the aftermath of an end as
    /// late as that, whose gates look back over
    /// `windows`, measured as `plan` says and scraped at `phase`; with `every`, every single scrape is
    /// read and not only those with which a window begins or ends.
    pub fn new(
        world: &World,
        cadence: Cadence,
        windows: &[Span],
        plan: &Plan,
        phase: Span,
        (horizon, aftermath): (Span, Span),
        every: bool,
    ) -> Schedule {
        let cut = Time::START + horizon;
        let end = cut + aftermath;
        let mut ticks = Vec::new();
        let mut tick = cadence.first;
        while tick <= end {
            ticks.push(tick);
            tick += cadence.period;
        }
        let mut marks = marks(world, &ticks, windows, plan, phase, end, every);
        if !aftermath.is_zero() {
            // Time is played up to a tick.
            if ticks.last().is_some_and(|last| *last < end) {
                ticks.push(tick);
                marks.entry(tick).or_default().tick = true;
            }
            // Wherever the rollout ends, looking on ends between two stretches.
            for &ended in ticks.iter().filter(|tick| **tick < cut).chain([&cut]) {
                marks.entry(ended + aftermath).or_default().change = true;
            }
        }

        let mut schedule = Schedule {
            until_tick: Vec::with_capacity(ticks.len()),
            ticks,
            stretches: Vec::new(),
            pieces: Vec::new(),
            conditions: Vec::new(),
        };
        let mut from = Time::START;
        let mut first_piece = 0;
        let mut first_stretch = 0;
        for (to, mark) in marks {
            if to > from {
                schedule.pieces.push(Piece {
                    from,
                    to,
                    expected: world.traffic.profile.expected(from, to),
                    scraped: mark.scraped,
                    frequent: false,
                });
            }
            if (mark.tick || mark.edge || mark.change) && schedule.pieces.len() > first_piece {
                let pieces = first_piece..schedule.pieces.len();
                first_piece = pieces.end;
                schedule.push_stretch(world, pieces, mark.edge);
            }
            if mark.tick {
                schedule
                    .until_tick
                    .push(first_stretch..schedule.stretches.len());
                first_stretch = schedule.stretches.len();
            }
            from = to;
        }
        schedule.find_frequent();
        schedule
    }

    /// The stretches between the tick before and this one, as far as they begin before `end`; `None` where
    /// the tick before was as late as that.
    pub fn stretches_until(&self, tick: usize, end: Option<Time>) -> Option<Range<usize>> {
        let whole = self.until_tick[tick].clone();
        let Some(end) = end else {
            return Some(whole);
        };
        let before = tick.checked_sub(1).map(|before| self.ticks[before]);
        if before.is_some_and(|before| before >= end) {
            return None;
        }
        let begin = |stretch: &Stretch| self.pieces[stretch.pieces.start].from;
        let before = self.stretches[whole.clone()].partition_point(|one| begin(one) < end);
        Some(whole.start..whole.start + before)
    }

    fn push_stretch(&mut self, world: &World, pieces: Range<usize>, edge: bool) {
        let severities = world.severities(self.pieces[pieces.start].from);
        let known = self
            .conditions
            .iter()
            .position(|other| *other == severities);
        let condition = known.unwrap_or_else(|| {
            self.conditions.push(severities);
            self.conditions.len() - 1
        });
        let span = (
            self.pieces[pieces.start].from,
            self.pieces[pieces.end - 1].to,
        );
        self.stretches.push(Stretch {
            pieces,
            condition,
            expected: world.traffic.profile.expected(span.0, span.1),
            edge,
            frequent: false,
        });
    }

    fn find_frequent(&mut self) {
        let mut times = BTreeMap::<u64, usize>::new();
        let expected = (self.stretches.iter().map(|stretch| stretch.expected))
            .chain(self.pieces.iter().map(|piece| piece.expected));
        for expected in expected {
            *times.entry(expected.to_bits()).or_default() += 1;
        }
        let frequent = |expected: f64| times[&expected.to_bits()] >= Schedule::FREQUENT;
        for stretch in &mut self.stretches {
            stretch.frequent = frequent(stretch.expected);
        }
        for piece in &mut self.pieces {
            piece.frequent = frequent(piece.expected);
        }
    }
}

fn marks(
    world: &World,
    ticks: &[Time],
    windows: &[Span],
    plan: &Plan,
    phase: Span,
    end: Time,
    every: bool,
) -> BTreeMap<Time, Mark> {
    let mut marks = BTreeMap::<Time, Mark>::new();
    for &tick in ticks {
        marks.entry(tick).or_default().tick = true;
        for &window in windows {
            let start = tick.saturating_sub(window);
            match plan.sampling {
                Sampling::Exact => {
                    for edge in [start, tick] {
                        if edge > Time::START {
                            let mark = marks.entry(edge).or_default();
                            mark.edge = true;
                            mark.scraped = true;
                        }
                    }
                }
                Sampling::Scraped { interval, .. } => {
                    let first = if tick.as_nanos() < window.as_nanos() {
                        Time::START + phase
                    } else {
                        Sampling::next_scrape(interval, phase, start)
                    };
                    // What was scraped later is not visible yet; before the delay nothing is.
                    let last = (tick.as_nanos() >= plan.delay.as_nanos())
                        .then(|| tick.saturating_sub(plan.delay))
                        .and_then(|visible| Sampling::last_scrape(interval, phase, visible));
                    if let Some(last) = last.filter(|last| *last >= first) {
                        marks.entry(first).or_default().edge = true;
                        marks.entry(last).or_default().edge = true;
                    }
                }
            }
        }
    }
    let last_tick = ticks.last().copied().unwrap_or(Time::START);
    if let Sampling::Scraped { interval, .. } = plan.sampling {
        // Which sample a window begins and ends with is not known when some are missed.
        let every = every || plan.missed > Probability::ZERO;
        let mut scrape = Time::START + phase;
        while scrape <= last_tick {
            let mark = marks.entry(scrape).or_default();
            mark.scraped = true;
            mark.edge |= every;
            scrape += interval;
        }
    }
    let mut change = world.next_change(Time::START);
    while change < end && change < last_tick {
        marks.entry(change).or_default().change = true;
        change = world.next_change(change);
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::r#virtual::tests::world_at;
    use crate::telemetry::{Birth, Buckets, Phase};

    fn schedule(sampling: Sampling, window: Span) -> Schedule {
        let plan = Plan::plain(sampling, Birth::FirstRequest, Buckets::istio());
        measured(&plan, window)
    }

    fn measured(plan: &Plan, window: Span) -> Schedule {
        let cadence = Cadence {
            first: Time::START,
            period: Span::from_secs(60),
        };
        let horizon = Span::from_secs(600);
        Schedule::new(
            &world_at(20.0),
            cadence,
            &[window],
            plan,
            Span::from_secs(2),
            (horizon, Span::ZERO),
            false,
        )
    }

    #[test]
    fn the_pieces_cover_all_time_once() {
        let scraped = Sampling::Scraped {
            interval: Span::from_secs(5),
            phase: Phase::Fixed(Span::from_secs(2)),
        };
        for sampling in [Sampling::Exact, scraped] {
            let schedule = schedule(sampling, Span::from_secs(90));
            let mut now = Time::START;
            for piece in &schedule.pieces {
                assert_eq!(piece.from, now);
                now = piece.to;
            }
            assert_eq!(now, Time::from_secs(600));
            let expected: f64 = schedule.stretches.iter().map(|s| s.expected).sum();
            assert!((expected - 12_000.0).abs() < 1e-6);
            assert_eq!(schedule.until_tick.len(), schedule.ticks.len());
            assert_eq!(
                schedule.until_tick.last().unwrap().end,
                schedule.stretches.len()
            );
        }
    }

    #[test]
    fn a_window_of_one_interval_needs_two_readings_a_tick() {
        let scraped = Sampling::Scraped {
            interval: Span::from_secs(5),
            phase: Phase::Fixed(Span::from_secs(2)),
        };
        let schedule = schedule(scraped, Span::from_secs(60));
        let edges = schedule.stretches.iter().filter(|s| s.edge).count();
        assert_eq!(edges, 20);
    }

    #[test]
    fn late_windows_end_earlier_and_missed_scrapes_make_an_edge_of_each() {
        let scraped = Sampling::Scraped {
            interval: Span::from_secs(5),
            phase: Phase::Fixed(Span::from_secs(2)),
        };
        let plain = Plan::plain(scraped, Birth::FirstRequest, Buckets::istio());
        let late = Plan {
            delay: Span::from_secs(14),
            ..plain.clone()
        };
        let edges = |plan: &Plan| -> Vec<u64> {
            let schedule = measured(plan, Span::from_secs(60));
            let edges = schedule.stretches.iter().filter(|s| s.edge);
            let ends = edges.map(|s| schedule.pieces[s.pieces.end - 1].to);
            ends.map(|end| end.as_nanos() / 1_000_000_000).collect()
        };
        // Ticks come every minute: the window at 120 s shows 62 s to 117 s, or to 102 s when late.
        assert_eq!(edges(&plain)[..4], [2, 57, 62, 117]);
        assert_eq!(edges(&late)[..4], [2, 42, 62, 102]);
        let gaps = Plan {
            missed: Probability::new(0.1).unwrap(),
            ..plain
        };
        let every: Vec<u64> = (0..120).map(|scrape| 2 + 5 * scrape).collect();
        assert_eq!(edges(&gaps), every);
    }
}
