//! A scenario's gates and controller on recorded data, tick by tick, beside what was recorded.

mod resample;
mod split;
mod words;

pub use resample::{Parts, ResampleError, Resampled};
pub use split::{SplitError, split};

use std::path::Path;

use serde::Serialize;

use super::summary::{LookRow, TimelineRow};
use super::watch;
use crate::base::{Problems, Seed, Span, Time};
use crate::engine::Ending;
use crate::engine::recorded::{self, Outcome, Setting, Tick};
use crate::scenario::{Holdings, Scenario};
use crate::telemetry::promql::Answer;
use crate::telemetry::recording::{Recording, Row};
use crate::telemetry::{Version, Window};

/// One tick of a replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayRow {
    /// What was seen and decided; its weight is what the controller wants.
    #[serde(flatten)]
    pub row: TimelineRow,
    /// The time of day in RFC 3339, where the recording knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The canary's percentage that was asked for when this was measured; absent where nobody says.
    pub held: Option<f64>,
    /// The canary's percentage of the requests that its window showed; absent where stable was not
    /// measured, or nobody asked for anything.
    pub share: Option<f64>,
    /// What was decided then: `pass`, `fail`, `inconclusive`, or empty; absent where nobody says.
    pub then: Option<String>,
    /// Whether gates and controller say now what they said then; absent where nobody says.
    pub agrees: Option<bool>,
}

/// A replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Its ticks.
    pub rows: Vec<ReplayRow>,
    /// What each gate said at each of them.
    pub looks: Vec<LookRow>,
    /// How it ended.
    pub outcome: Outcome,
    /// Ticks that the recording has too, and those of them that say the same.
    pub agreement: Option<Agreement>,
    /// From the first request of the canary, in seconds since the start.
    pub first_canary: Option<f64>,
}

/// How a replay compares with what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Ticks that both have.
    pub ticks: u64,
    /// Those at which gates and controller say the same.
    pub same: u64,
}

/// What was measured elsewhere, ready to be replayed.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The series.
    pub recording: Recording,
    /// The time of day at the start, in nanoseconds since 1970.
    pub begun: Option<i128>,
}

impl Measured {
    /// What there is to read.
    pub fn holdings(&self) -> Holdings {
        let rows = &self.recording.rows;
        let has = |version: &Version| {
            rows.iter().any(|row| match row {
                Row::Scrape { version: of, .. } | Row::Answer { version: of, .. } => of == version,
                _ => false,
            })
        };
        Holdings {
            versions: Version::ALL.into_iter().filter(has).collect(),
            latencies: rows.iter().any(|row| match row {
                Row::Scrape { counters, .. } => counters.buckets.iter().any(|count| *count > 0),
                Row::Answer { figures, .. } => !figures.buckets.is_empty(),
                _ => false,
            }),
            users: rows.iter().any(|row| match row {
                Row::Scrape { counters, .. } => counters.failures.sums.opportunities > 0.0,
                _ => false,
            }),
        }
    }

    /// A scenario whose gates read this; see [`Scenario::measured_as`].
    ///
    /// # Errors
    /// When they read what was not measured.
    pub fn scenario(
        &self,
        scenario: Scenario,
        leave_out: bool,
        file: &Path,
    ) -> Result<Scenario, Problems> {
        scenario.measured_as(&self.recording.subject, &self.holdings(), leave_out, file)
    }

    /// When a controller ticks while this goes on.
    pub fn ticks(&self, scenario: &Scenario) -> Vec<Time> {
        let cadence = scenario.rollout.cadence();
        let last = recorded::last_tick(&self.recording).min(Time::START + scenario.horizon);
        let mut ticks = Vec::new();
        let mut tick = cadence.first;
        while tick <= last && !cadence.period.is_zero() {
            ticks.push(tick);
            tick += cadence.period;
        }
        ticks
    }

    /// The time of day of an instant in milliseconds since 1970, where the recording knows it.
    pub fn millis(&self, at: Time) -> Option<i64> {
        let nanos = self.begun? + i128::from(at.as_nanos());
        i64::try_from(nanos.div_euclid(1_000_000)).ok()
    }

    /// Adds what a metrics server answered to a query at such a tick.
    pub fn add_answer(&mut self, at: Time, query: &str, answer: Answer) {
        self.recording.rows.push(Row::Query {
            at,
            text: query.to_owned(),
            answer,
        });
        (self.recording.rows).sort_by_key(|row| (row.at(), row.is_decision()));
    }

    /// The time of day of an instant in RFC 3339.
    pub fn time_of_day(&self, at: Time) -> Option<String> {
        let nanos = self.begun? + i128::from(at.as_nanos());
        let time = jiff::Timestamp::from_nanosecond(nanos).ok()?;
        Some(time.to_string())
    }
}

/// Replays what was measured under a scenario that reads it ([`Measured::scenario`]); `seed` decides
/// what is drawn where the recording does not say what was.
pub fn replay(scenario: &Scenario, measured: &Measured, seed: Seed) -> Replay {
    let setting = setting(scenario, &measured.recording, seed, 0);
    let (mut rows, mut looks): (Vec<ReplayRow>, Vec<LookRow>) = (Vec::new(), Vec::new());
    let mut agreement: Option<Agreement> = None;
    let outcome = recorded::replay(&setting, &mut |tick| {
        let row = watch::row(scenario, &tick.tick);
        let agrees = tick.agrees();
        if let Some(same) = agrees {
            let sum = agreement.get_or_insert(Agreement { ticks: 0, same: 0 });
            sum.ticks += 1;
            sum.same += u64::from(same);
        }
        let before = rows.last().map(|row| &row.row);
        let shows = watch::is_worth_showing(scenario, &tick.tick, &row, before);
        if shows || agrees == Some(false) {
            rows.push(ReplayRow {
                time: measured.time_of_day(tick.tick.now),
                held: tick.held.map(|weights| weights.canary.as_percent()),
                share: share(scenario, tick),
                then: tick.then.map(|_| then(tick)),
                agrees,
                row,
            });
        }
        looks.extend(watch::looks(scenario, &tick.tick));
    });
    Replay {
        rows,
        looks,
        outcome,
        agreement,
        first_canary: first_canary(&measured.recording).map(Time::as_secs_f64),
    }
}

fn setting<'a>(
    scenario: &'a Scenario,
    recording: &'a Recording,
    seed: Seed,
    replicate: u64,
) -> Setting<'a> {
    Setting {
        recording,
        world: &scenario.world,
        rollout: &scenario.rollout,
        analysis: &scenario.analysis,
        horizon: scenario.horizon,
        seed,
        replicate,
    }
}

/// When the canary was first seen to have answered a request of the rollout.
fn first_canary(recording: &Recording) -> Option<Time> {
    let mut older = None;
    recording.rows.iter().find_map(|row| match row {
        Row::Scrape {
            at,
            version: Version::Canary,
            route: None,
            counters,
        } => {
            let count: u64 = counters.requests.iter().sum();
            let before = *older.get_or_insert(match *at {
                Time::START => count,
                _ => 0,
            });
            (count > before).then_some(*at)
        }
        Row::Answer {
            at,
            version: Version::Canary,
            figures,
            ..
        } if figures.requests.iter().flatten().any(|count| *count > 0.0) => Some(*at),
        _ => None,
    })
}

/// The verdict that fell then: that of the look which decided, as [`crate::gate::decisive`] chooses it.
fn then(tick: &Tick<'_>) -> String {
    let of = |outcome: &str| tick.looks.iter().any(|look| look.outcome == outcome);
    let decided = ["fail", "inconclusive"].into_iter().find(|word| of(word));
    match (decided, tick.looks.last()) {
        (Some(word), _) => word.to_owned(),
        (None, Some(last)) => last.outcome.clone(),
        (None, None) => String::new(),
    }
}

/// The canary's percentage of what the window shows of all versions.
fn share(scenario: &Scenario, tick: &Tick<'_>) -> Option<f64> {
    let span = watch::shown_window(scenario);
    let of = |version| {
        let window: Window<'_> = tick.tick.telemetry.window(version, tick.tick.now, span);
        window.requests()
    };
    let [stable, canary, baseline] = Version::ALL.map(of);
    let all = stable + canary + baseline;
    (stable + baseline > 0.0).then(|| canary / all * 100.0)
}

/// How a replay ended, in a sentence: `Would have been rolled back at …`.
pub fn sentence(scenario: &Scenario, measured: &Measured, replay: &Replay) -> String {
    words::ending(scenario, measured, replay)
}

/// What a reader must know of a replay to believe it no further than it goes, one sentence each.
pub fn cautions(scenario: &Scenario, measured: &Measured, replay: &Replay) -> Vec<String> {
    words::cautions(scenario, measured, replay)
}

/// How long a recording is.
pub fn length(recording: &Recording) -> Span {
    recorded::end(recording).since(Time::START)
}

/// How an end is called in rows.
pub fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::RolledBack => "rolled_back",
        Ending::Promoted => "promoted",
        Ending::Horizon => "horizon",
    }
}
