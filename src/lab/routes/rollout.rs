//! One rollout, tick by tick.

use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Asker;
use crate::base::{Span, Weight};
use crate::engine::Ending;
use crate::experiment::summary::{LookRow, TimelineRow};
use crate::experiment::{self, Patience, Unwatched, harm_after, watch_held};
use crate::lab::Lab;
use crate::lab::asked::Asked;
use crate::lab::refusal::Refusal;
use crate::lab::setup::Setup;
use crate::model::World;
use crate::model::fault::{Fault, FaultKind, Target};
use crate::model::service::Service;

/// The most rows and looks of an answer.
const MOST_ROWS: usize = 50_000;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked about.
    pub setup: Setup,
    /// Whose luck to play: that of this trial.
    #[serde(default)]
    pub replicate: u64,
    /// Whether to play a canary as good as stable in place of the faulty one.
    #[serde(default)]
    pub good: bool,
    /// Percentage at which the canary is held; null: the rollout as it is written.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub held_percent: Option<f64>,
}

/// One rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Traffic, versions and fault in one line.
    pub world: String,
    /// Controller and gates in one line.
    pub rollout: String,
    /// How it ended.
    pub ending: End,
    /// How it ended and whom it reached before, in a sentence or two.
    pub sentence: String,
    /// When it ended.
    pub ended_seconds: f64,
    /// From the moment fault and canary traffic were both there, to the rollback; null without one.
    pub detection_seconds: Option<f64>,
    /// Requests that the canary answered.
    pub canary_requests: u64,
    /// Requests that the fault failed or slowed.
    pub exposed_requests: u64,
    /// Distinct users behind them.
    pub exposed_users: f64,
    /// Where it would have been cut off.
    pub horizon_seconds: f64,
    /// Mean requests a second over both versions.
    pub rate: f64,
    /// When the first of the canary's faults begins; null where it has none.
    pub onset_seconds: Option<f64>,
    /// What the canary's requests had met by each of the ticks in `rows`, whatever its metrics showed.
    pub met: Vec<Met>,
    /// What the fault does to whom it reaches.
    pub hurts: Hurt,
    /// Share of all requests that it fails or slows once everybody has the release; 0 where it was not
    /// promoted.
    pub after_share: f64,
    /// What was seen and decided at each tick.
    pub rows: Vec<TimelineRow>,
    /// What each gate read and said at each tick.
    pub looks: Vec<Look>,
}

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum End {
    /// Rolled back.
    #[serde(rename = "rolled back")]
    RolledBack,
    /// Promoted.
    #[serde(rename = "promoted")]
    Promoted,
    /// Still under way where it was cut off.
    #[serde(rename = "unfinished")]
    Unfinished,
}

/// What the canary's requests had met by a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Met {
    /// Requests that it answered.
    pub canary_requests: u64,
    /// Those that the fault failed or slowed.
    pub exposed_requests: u64,
}

/// What becomes of the requests that count as exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hurt {
    /// It fails.
    Failed,
    /// It is answered late.
    Slowed,
    /// Some fail and some are late.
    Both,
    /// It is answered in time, and its user does less of what the business counts.
    Lessened,
}

impl Hurt {
    /// Of a world's canary: every request that the canary fails counts as exposed, and so does each
    /// that something makes late or worth less.
    pub fn of(world: &World) -> Hurt {
        let mut all: Vec<Hurt> = (world.faults.iter())
            .filter_map(|fault| Hurt::by(fault, world))
            .collect();
        let routes = 0..world.traffic.routes.len().max(1);
        let is_more = |of: &dyn Fn(&Service, usize) -> f64| {
            (routes.clone()).any(|route| of(&world.canary, route) > of(&world.stable, route))
        };
        if is_more(&|service, route| service.errors_of(route).get()) {
            all.push(Hurt::Failed);
        }
        if is_more(&|service, route| service.latency_of(route).mean()) {
            all.push(Hurt::Slowed);
        }
        let any = |hurt| all.contains(&hurt);
        match (any(Hurt::Failed), any(Hurt::Slowed), any(Hurt::Lessened)) {
            (true, true, _) => Hurt::Both,
            (false, true, _) => Hurt::Slowed,
            (false, false, true) => Hurt::Lessened,
            // Nothing at all: what the canary fails, it fails as stable does.
            (true, false, _) | (false, false, false) => Hurt::Failed,
        }
    }

    /// What one fault does to requests that count as the canary's doing; `None`: nothing that users
    /// notice.
    fn by(fault: &Fault, world: &World) -> Option<Hurt> {
        let reaches = match fault.kind {
            // They strike where they do, whatever their target.
            FaultKind::Bounce { .. } | FaultKind::Poison { .. } | FaultKind::SharedLoad { .. } => {
                true
            }
            _ => fault.target != Target::Stable,
        };
        let hurt = match fault.kind {
            FaultKind::Errors { .. }
            | FaultKind::CrashLoop { .. }
            | FaultKind::FailedStart { .. }
            | FaultKind::Reset { .. }
            | FaultKind::Hang { .. }
            | FaultKind::Corrupt { .. }
            | FaultKind::Bursts { .. }
            | FaultKind::Bounce { .. }
            | FaultKind::Poison { .. }
            // Who waits for the collector does not count as exposed, who is refused does.
            | FaultKind::MemoryLeak { .. } => Some(Hurt::Failed),
            FaultKind::Latency { .. }
            | FaultKind::Tail { .. }
            | FaultKind::Drip { .. }
            | FaultKind::Bandwidth { .. }
            | FaultKind::SharedLoad { .. } => Some(Hurt::Slowed),
            FaultKind::Capacity { work, .. } if work > 1.0 => Some(Hurt::Slowed),
            // Only who is turned away by fewer workers counts as exposed.
            FaultKind::Capacity { .. } => Some(Hurt::Failed),
            FaultKind::Business { .. } => {
                (world.lessens(&fault.kind) != 0).then_some(Hurt::Lessened)
            }
            // Wrong figures hurt nobody, and there are no processors to burn.
            FaultKind::Metrics { .. } | FaultKind::Cpu { .. } => None,
        };
        hurt.filter(|_| reaches)
    }
}

/// What a gate read and said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// The row of `looks.csv`.
    #[serde(flatten)]
    pub row: LookRow,
    /// Why it said so, in a sentence.
    pub reason: String,
}

pub(super) fn routes() -> Router<Lab> {
    Router::new().route("/api/rollout", post(play))
}

async fn play(
    State(lab): State<Lab>,
    Asker(page): Asker,
    Asked(question): Asked<Question>,
) -> Result<Response, Refusal> {
    let held = match question.held_percent.map(Weight::percent) {
        None => None,
        Some(Some(weight)) if !weight.is_zero() => Some(weight),
        Some(_) => {
            return Err(Refusal::Impossible(
                "held_percent is no percentage: write a number above 0, up to 100".to_owned(),
            ));
        }
    };
    let played = lab.turns.play(page, "rollout", move |stop| {
        let rollout = played(&question, held, stop)?;
        // Written here: it is long, and the threads of the runtime have others to wait for.
        serde_json::to_vec(&rollout).map_err(|error| Refusal::Broken(error.to_string()))
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, played.await??).into_response())
}

fn played(
    question: &Question,
    held: Option<Weight>,
    stop: &AtomicBool,
) -> Result<Rollout, Refusal> {
    let scenario = question.setup.stage()?.scenario;
    let note = experiment::note(&scenario);
    let (engine, _) = experiment::engine(&scenario);
    let luck = (scenario.experiment.seed, question.replicate);
    let good = question.good;
    let patience = Patience {
        stop,
        most_rows: MOST_ROWS,
    };
    let watched = watch_held(&scenario, held, luck, good, engine, patience);
    let watched = watched.map_err(|why| match why {
        Unwatched::Interrupted => Refusal::Unfinished,
        Unwatched::TooMuch(_) => Refusal::Impossible(format!(
            "one rollout is too long to show here: {why}; check less often (rollout.interval) or with \
             fewer gates, or shorten it"
        )),
    })?;
    let trial = &watched.trial;
    let faults = scenario.world.faults.iter();
    let onset = faults
        .filter(|fault| fault.target == Target::Canary && !good)
        .map(|fault| fault.schedule.onset)
        .min();
    let after_share = match (good, trial.ending) {
        (false, Ending::Promoted) => {
            harm_after(&scenario, held, luck, engine, stop).ok_or(Refusal::Unfinished)?
        }
        _ => 0.0,
    };
    Ok(Rollout {
        world: note.world,
        rollout: note.rollout,
        ending: match trial.ending {
            Ending::RolledBack => End::RolledBack,
            Ending::Promoted => End::Promoted,
            Ending::Horizon => End::Unfinished,
        },
        sentence: experiment::ending(&scenario, trial, &watched.rows, good, true),
        ended_seconds: trial.ended.as_secs_f64(),
        detection_seconds: trial.detection.map(Span::as_secs_f64),
        canary_requests: trial.canary_requests,
        exposed_requests: trial.exposed_requests,
        exposed_users: trial.exposed_users,
        horizon_seconds: scenario.horizon.as_secs_f64(),
        rate: note.rate,
        onset_seconds: onset.map(crate::base::Time::as_secs_f64),
        met: watched.met.iter().map(met).collect(),
        hurts: match good {
            true => Hurt::of(&scenario.world.healthy()),
            false => Hurt::of(&scenario.world),
        },
        after_share,
        rows: watched.rows,
        looks: watched.looks.into_iter().map(look).collect(),
    })
}

fn met(met: &experiment::Met) -> Met {
    Met {
        canary_requests: met.canary_requests,
        exposed_requests: met.exposed_requests,
    }
}

/// A look with its reason.
pub(in crate::lab) fn look(row: LookRow) -> Look {
    let requests = match row.requests {
        Some(1.0) => " of 1 request".to_owned(),
        Some(requests) => format!(" of {} requests", requests.round()),
        None => String::new(),
    };
    let figure = match row.value.as_str() {
        "" => "no figure".to_owned(),
        value => format!("{value}{requests}"),
    };
    let reason = format!("{}: {figure}; {}", row.verdict, row.rule);
    Look { row, reason }
}
