//! One rollout of a scenario for real, taken down as the simulated ones are.

use std::fs::File;
use std::sync::atomic::AtomicBool;

use super::conform::{Observation, Observer, answer, ends};
use super::summary::{LiveNote, LiveShare, LiveVersion, LookRow, TimelineRow};
use super::watch;
use crate::base::{Seed, Span};
use crate::engine::Trial;
use crate::engine::live::load::IntervalLog;
use crate::engine::live::run::{self, Outcome, Places, Pulse, RunError, Script, Sign};
use crate::engine::live::{Setting, name_of};
use crate::scenario::Scenario;
use crate::telemetry::Version;

/// How to play it.
#[derive(Debug)]
pub struct Staging<'a> {
    /// Root of all randomness.
    pub seed: Seed,
    /// Whose luck to play.
    pub replicate: u64,
    /// Whether to put a canary as good as stable in place of the faulty one.
    pub good: bool,
    /// How many times faster than the clock on the wall.
    pub speed: f64,
    /// Set to end it with what is there.
    pub stop: &'a AtomicBool,
    /// Where latencies are logged, second by second.
    pub log: Option<IntervalLog>,
    /// Where what the gate saw is written down.
    pub record: Option<File>,
}

/// What there is to see while it goes on.
#[derive(Debug)]
pub enum Scene<'a> {
    /// Everything is ready.
    Ready(&'a Places),
    /// The controller has ticked; what each gate said.
    Tick(&'a TimelineRow, &'a [LookRow]),
    /// Some time has passed.
    Pulse(&'a Pulse),
}

/// A rollout that was played for real.
#[derive(Debug)]
pub struct LiveRollout {
    /// Its ticks.
    pub rows: Vec<TimelineRow>,
    /// What each gate said at each of them.
    pub looks: Vec<LookRow>,
    /// What every engine tells of a rollout.
    pub trial: Trial,
    /// The same as a comparison of engines wants it.
    pub observation: Observation,
    /// What the run came to.
    pub outcome: Outcome,
}

/// Plays one rollout for real.
///
/// # Errors
/// When a part cannot be started. What fails later ends the rollout with what was measured.
pub fn live(
    scenario: &Scenario,
    staging: Staging<'_>,
    show: &mut dyn FnMut(Scene<'_>),
) -> Result<LiveRollout, RunError> {
    let world = if staging.good {
        scenario.world.healthy()
    } else {
        scenario.world.clone()
    };
    let setting = Setting {
        world,
        telemetry: scenario.telemetry.clone(),
        seed: staging.seed,
        replicate: staging.replicate,
    };
    let script = Script {
        setting: &setting,
        rollout: &scenario.rollout,
        analysis: &scenario.analysis,
        horizon: scenario.horizon,
        aftermath: scenario.experiment.aftermath,
        options: &scenario.live,
        speed: staging.speed,
        stop: staging.stop,
        log: staging.log,
        record: staging.record,
    };
    let answer = answer(&setting.world).as_secs_f64() * staging.speed;
    let mut observer = Observer::new(Span::from_secs_f64(answer));
    let (mut rows, mut looks) = (Vec::new(), Vec::new());
    let outcome = run::play(script, &mut |sign| match sign {
        Sign::Ready(places) => show(Scene::Ready(places)),
        Sign::Pulse(pulse) => show(Scene::Pulse(pulse)),
        Sign::Tick(tick) => {
            observer.see(tick, ends(tick));
            let row = watch::row(scenario, tick);
            let taken = watch::looks(scenario, tick);
            if watch::is_worth_showing(scenario, tick, &row, rows.last()) {
                show(Scene::Tick(&row, &taken));
                rows.push(row);
            }
            looks.extend(taken);
        }
    })?;
    Ok(LiveRollout {
        rows,
        looks,
        trial: outcome.trial,
        observation: observer.finish(&outcome.trial),
        outcome,
    })
}

/// What results tell of a live rollout that ended as `ending` says.
pub fn live_note(outcome: &Outcome, ending: String, speed: f64) -> LiveNote {
    let load = &outcome.load;
    let millis = |span: Option<Span>| span.map_or(0.0, Span::as_millis_f64);
    LiveNote {
        splitter: outcome.splitter.clone(),
        source: outcome.source.clone(),
        speed,
        wall_seconds: outcome.wall.as_secs_f64(),
        ending,
        doubts: outcome.doubts.clone(),
        due: load.counts.due,
        lost: load.counts.failed(),
        canary_requests: outcome.trial.canary_requests,
        exposed_requests: outcome.trial.exposed_requests,
        exposed_users: outcome.trial.exposed_users as u64,
        lateness_ms: [
            millis(load.lateness.quantile(0.5)),
            millis(load.lateness.quantile(0.99)),
            millis(load.lateness.max()),
        ],
        versions: Version::ALL
            .into_iter()
            .map(|version| {
                let [requests, failed] = outcome.versions[version as usize];
                let latency = &load.by_version[version as usize];
                LiveVersion {
                    version: name_of(version).to_owned(),
                    requests,
                    failed,
                    latency_ms: [0.5, 0.9, 0.99].map(|q| millis(latency.quantile(q))),
                }
            })
            .filter(|version| version.requests > 0)
            .collect(),
        shares: (outcome.shares.iter())
            .map(|share| LiveShare {
                from_seconds: share.from.as_secs_f64(),
                weight: share.asked * 100.0,
                requests: share.requests.iter().sum(),
                canary: share.requests[Version::Canary as usize],
                z: share.z(),
            })
            .collect(),
        scrapes: outcome.scrapes,
    }
}
