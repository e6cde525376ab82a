//! Many trials: the grid, replication until the intervals are narrow, the stored rows.
//!
//! [`run`] plays a scenario's grid and returns [`summary::Results`]; [`watch`] plays one rollout
//! tick by tick.
//!
#![doc = include_str!("../../docs/numbers.md")]

pub mod asked;
pub mod calibration;
pub mod catalogue;
pub mod check;
pub mod comparison;
pub mod conform;
pub mod curve;
mod ending;
mod estimate;
pub mod expectation;
mod findings;
mod grid;
pub mod ledger;
mod live;
pub mod planner;
pub mod replay;
mod replicate;
mod rivals;
mod rows;
pub mod store;
pub mod summary;
pub mod sweep;
pub mod tuning;
mod watch;
pub(crate) mod words;
mod work;

pub use ending::ending;
pub use live::{LiveRollout, Scene, Staging, live, live_note};
pub use replicate::{Options, Progress, ThreadsError};
pub use watch::{Met, Patience, Unwatched, Watched, harm_after, watch, watch_held, watch_recorded};

use std::sync::atomic::AtomicBool;

use crate::base::{Rate, Weight};
use crate::engine::r#virtual::{Kind, Setting};
use crate::gate;
use crate::model::World;
use crate::rollout;
use crate::scenario::{EngineChoice, Scenario};

use findings::Achieved;
use grid::GridCell;
use replicate::{Pair, Sample, replicate};
use summary::{Cell, EngineNote, Exposure, HeatRow, Mode, Results, ScenarioNote, Summary};
use work::Work;

/// Confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// Plays a scenario's grid: every percentage held and entered at, with the faulty canary and a good
/// one on the same luck, until the intervals are as narrow as asked; then a coarser grid over
/// request rates, and one rollout to look at.
///
/// # Errors
/// When the asked number of threads cannot be started.
pub fn run(scenario: &Scenario, options: &Options<'_>) -> Result<Results, ThreadsError> {
    let work = Work::of(scenario);
    let grid = &work.grid;
    let (engine, why) = engine(scenario);
    let seed = scenario.experiment.seed;
    // Played before the grid, so that it is there if that is interrupted.
    let first = watch::unless(options.stop, scenario, seed, 0, engine);
    let (pairs, until) = work.tables();
    let (samples, complete) = replicate(&pairs, until, seed, options)?;
    let (cells, achieved): (Vec<Cell>, Vec<Achieved>) = (grid.iter().zip(&samples))
        .filter(|(_, sample)| !sample.faulty.is_empty())
        .map(|(cell, sample)| {
            let achieved = Achieved::of(scenario, sample);
            (summarise(scenario, cell, sample), achieved)
        })
        .unzip();
    let (heat, heat_complete) = heat(scenario, &work, options)?;
    let (rivals, rivals_complete) = rivals::side_by_side(&work, seed, options)?;
    let watched = first.map(|first| typical(scenario, &cells, engine, first, options.stop));
    let (timeline, looks) = watched.map_or_else(Default::default, |one| (one.rows, one.looks));

    let mut detections = Vec::new();
    let mut trials = Vec::new();
    for (cell, sample) in grid.iter().zip(&samples) {
        detections.extend(estimate::detection_rows(cell, sample));
        if options.keep_trials {
            trials.extend(estimate::trial_rows(cell, sample));
        }
    }
    let mut findings = findings::findings(scenario, &cells, &achieved, options.stop);
    let place = findings.len().min(1);
    let compared = rivals::sentence(&rivals, scenario.world.has_fault());
    findings.splice(place..place, compared);
    Ok(Results {
        summary: Summary {
            format: summary::FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: note(scenario),
            seed: seed.to_string(),
            engine: EngineNote {
                name: engine_name(engine).to_owned(),
                why,
            },
            precision: scenario.experiment.precision,
            horizon_seconds: scenario.horizon.as_secs_f64(),
            complete: complete && heat_complete && rivals_complete,
            findings,
            warnings: scenario.warnings.clone(),
            cells,
            rivals,
            live: None,
        },
        detections,
        heat,
        timeline,
        looks,
        trials,
    })
}

/// One rollout of the bad release to look at: the first that takes as long as the median of those
/// rolled back, so that it neither ends at the first look nor stands out; `first` where there is none,
/// or no time to find one.
fn typical(
    scenario: &Scenario,
    cells: &[Cell],
    engine: Kind,
    first: Watched,
    stop: &AtomicBool,
) -> Watched {
    const LOOKED_AT: u64 = 50;
    let seed = scenario.experiment.seed;
    let written = cells.iter().find(|cell| cell.as_written);
    let median = written.and_then(|cell| cell.detection_seconds.p50);
    let Some(median) = median else {
        return first;
    };
    let as_long = |watched: &Watched| {
        let detection = watched.trial.detection;
        detection.is_some_and(|detection| detection.as_secs_f64() == median)
    };
    if as_long(&first) {
        return first;
    }
    (1..LOOKED_AT)
        .map_while(|replicate| watch::unless(stop, scenario, seed, replicate, engine))
        .find(as_long)
        .unwrap_or(first)
}

/// The engine that a scenario is played with, and why.
pub fn engine(scenario: &Scenario) -> (Kind, String) {
    let by_user = (scenario.analysis.iter())
        .any(|gate| gate.demand().by_user || gate.demand().users)
        .then_some("a gate judges user by user");
    if let Some(reason) = scenario.world.coupling().or(by_user) {
        return (
            Kind::Coupled,
            format!("requests depend on one another: {reason}"),
        );
    }
    let sums = scenario.analysis.iter().any(|gate| gate.demand().sums);
    match scenario.experiment.engine {
        EngineChoice::Requests => (Kind::Requests, "asked for".to_owned()),
        EngineChoice::Counts => (Kind::Counts, "asked for".to_owned()),
        EngineChoice::Auto if sums => (
            Kind::Counts,
            "requests are independent given the interval, so counts are exact; sums of more than 64 \
             latencies are drawn from their normal limit"
                .to_owned(),
        ),
        EngineChoice::Auto => (
            Kind::Counts,
            "requests are independent given the interval and the users on each version, so counts \
             are exact"
                .to_owned(),
        ),
    }
}

/// An engine's name in files and options.
pub fn engine_name(engine: Kind) -> &'static str {
    match engine {
        Kind::Counts => "counts",
        Kind::Requests | Kind::OneByOne | Kind::Coupled => "requests",
    }
}

fn setting<'a>(
    scenario: &'a Scenario,
    world: &'a World,
    plan: &'a rollout::Plan,
    held: Option<Weight>,
    engine: Kind,
) -> Setting<'a> {
    Setting {
        world,
        telemetry: &scenario.telemetry,
        rollout: plan,
        analysis: &scenario.analysis,
        onlookers: &[],
        horizon: scenario.horizon,
        aftermath: scenario.experiment.aftermath,
        held,
        engine,
        observe: false,
    }
}

/// A cell of a scenario: its rollout with the faulty canary, and with a good one in the `healthy` world.
fn pair<'a>(
    scenario: &'a Scenario,
    healthy: &'a World,
    plan: &'a rollout::Plan,
    held: Option<Weight>,
) -> Pair<'a> {
    let (engine, _) = engine(scenario);
    let in_world = |world| setting(scenario, world, plan, held, engine);
    Pair {
        faulty: in_world(&scenario.world),
        healthy: Some(in_world(healthy)),
    }
}

fn summarise(scenario: &Scenario, cell: &GridCell, sample: &Sample) -> Cell {
    let steps = grid::shares(scenario, &cell.plan);
    // Where no step routes anybody, a weight to hold never comes into force.
    let reached = if steps.is_empty() {
        Weight::ZERO
    } else {
        cell.weight
    };
    let shown = match cell.mode {
        Mode::Held => vec![cell.weight],
        Mode::Rollout => steps,
    };
    Cell {
        weight: cell.weight.as_percent(),
        mode: cell.mode,
        as_written: cell.as_written,
        steps: shown.iter().map(|weight| weight.as_percent()).collect(),
        trials: sample.faulty.len() as u64,
        power: estimate::rollback_share(&sample.faulty),
        false_rollback: estimate::rollback_share(&sample.healthy),
        detection_seconds: estimate::detection(&sample.faulty),
        exposure: Exposure {
            after: (!scenario.experiment.aftermath.is_zero())
                .then(|| estimate::exposed_after(&sample.faulty)),
            ..estimate::exposure(&sample.faulty)
        },
        requests_per_window: requests_per_window(scenario, reached),
    }
}

/// Requests that a canary at `weight` answers in the longest window of the analysis, on average.
fn requests_per_window(scenario: &Scenario, weight: Weight) -> f64 {
    let longest = gate::windows(&scenario.analysis).max();
    let window = longest.unwrap_or(scenario.rollout.cadence().period);
    mean_rate(scenario).over(window) * scenario.world.rules.share(weight.share())
}

fn mean_rate(scenario: &Scenario) -> Rate {
    scenario.world.traffic.profile.mean(scenario.horizon)
}

/// Power with the weight held, over request rates and percentages.
fn heat(
    scenario: &Scenario,
    work: &Work<'_>,
    options: &Options<'_>,
) -> Result<(Vec<HeatRow>, bool), ThreadsError> {
    let own = mean_rate(scenario).get();
    let (pairs, until) = work.heat();
    let (samples, complete) = replicate(&pairs, until, scenario.experiment.seed, options)?;
    let row = |((factor, weight), sample): ((f64, Weight), &Sample)| HeatRow {
        rate: own * factor,
        weight: weight.as_percent(),
        power: estimate::rollback_share(&sample.faulty).estimate,
        trials: sample.faulty.len() as u64,
    };
    let rows = (work.heat_points().into_iter().zip(&samples))
        .filter(|(_, sample)| !sample.faulty.is_empty());
    Ok((rows.map(row).collect(), complete))
}

/// What a scenario says of itself, for headings.
pub fn note(scenario: &Scenario) -> ScenarioNote {
    ScenarioNote {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        story: scenario.story.clone(),
        world: findings::world_line(scenario),
        rollout: findings::rollout_line(scenario),
        rate: mean_rate(scenario).get(),
        source: scenario.source.clone(),
    }
}
