//! Power against percentage, with rivals.

use std::sync::atomic::AtomicBool;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Asker;
use crate::experiment::Options;
use crate::experiment::curve::{Contender, Curve, curve};
use crate::lab::Lab;
use crate::lab::asked::Asked;
use crate::lab::choices::{self, AS_WRITTEN};
use crate::lab::extent;
use crate::lab::refusal::Refusal;
use crate::lab::setup::{Setup, Stage};
use crate::rollout::Plan;
use crate::scenario::Scenario;

/// The most trials of a figure.
pub const MOST_TRIALS: u32 = 20_000;

/// A rival that takes many times as long as the others is played one trial of so many, so that a slider
/// does not wait for it.
const DEAR: u32 = 4;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked about.
    pub setup: Setup,
    /// Trials of every figure.
    #[serde(default = "few")]
    #[schemars(range(min = 1, max = 20_000))]
    pub trials: u32,
    /// Whether to draw other rollouts beside it: the scenario's own rivals, or else the gates of the
    /// catalog.
    #[serde(default)]
    pub rivals: bool,
}

pub(super) fn few() -> u32 {
    200
}

pub(super) fn routes() -> Router<Lab> {
    Router::new().route("/api/curve", post(draw))
}

async fn draw(
    State(lab): State<Lab>,
    Asker(page): Asker,
    Asked(question): Asked<Question>,
) -> Result<Json<Curve>, Refusal> {
    check_trials(question.trials)?;
    let drawn = lab.turns.play(page, "curve", move |stop| {
        let contenders = contenders(&question)?;
        curve(&contenders, question.trials, &options(stop))
            .map_err(|error| Refusal::Broken(error.to_string()))
    });
    drawn.await?.map(Json)
}

/// How simulations are played here.
pub(super) fn options(stop: &AtomicBool) -> Options<'_> {
    Options {
        threads: None,
        keep_trials: false,
        ledger: None,
        stop,
        progress: &|_| {},
    }
}

/// Whether so many trials are played here.
pub(super) fn check_trials(trials: u32) -> Result<(), Refusal> {
    if (1..=MOST_TRIALS).contains(&trials) {
        return Ok(());
    }
    Err(Refusal::Impossible(format!(
        "{trials} trials are not played here: ask for 1 to {MOST_TRIALS}"
    )))
}

/// The rollouts that a question is about: the scenario's own first, then its rivals or, where it has
/// none, the gates of the catalog that can be had.
///
/// # Errors
/// What is wrong with the setup.
pub fn contenders(question: &Question) -> Result<Vec<Contender>, Refusal> {
    let stage = question.setup.stage()?;
    let own = &stage.scenario;
    let mut all = vec![Contender {
        id: stage.gate.clone(),
        name: own.rollout_name.clone(),
        scenario: own.clone(),
        one_of: 1,
    }];
    if !question.rivals {
        return Ok(all);
    }
    for (at, rival) in own.rivals.iter().enumerate() {
        all.push(Contender {
            id: format!("rival-{}", at + 1),
            name: rival.name.clone(),
            scenario: own.under(rival),
            one_of: 1,
        });
    }
    if !own.rivals.is_empty() {
        return Ok(all);
    }
    for choice in choices::listed() {
        if choice.id == stage.gate {
            continue;
        }
        // A gate that cannot be had here is no rival.
        if let Ok(scenario) = rival(question, &stage, &choice.id) {
            all.push(Contender {
                id: choice.id,
                name: choice.name,
                one_of: match scenario.rollout {
                    // It asks dozens of queries where others count.
                    Plan::Spinnaker(_) => DEAR,
                    _ => 1,
                },
                scenario,
            });
        }
    }
    Ok(all)
}

/// What is shown with another gate of the catalog. Its percentages and times are those of what is shown,
/// however they were moved; whatever else was moved in a rollout concerns that rollout alone.
fn rival(question: &Question, shown: &Stage, gate: &str) -> Result<Scenario, Refusal> {
    if gate == AS_WRITTEN {
        let with = |set: Vec<String>| {
            let setup = Setup {
                gate: None,
                set,
                ..question.setup.clone()
            };
            setup.scenario()
        };
        let others = || others(&question.setup.set).cloned();
        let schedule = schedule(&question.setup.set).cloned();
        // A manifest's rollout has no such places.
        return with(others().chain(schedule).collect()).or_else(|_| with(others().collect()));
    }
    let Some(choice) = choices::find(gate) else {
        return Err(Refusal::Impossible(format!("there is no gate `{gate}`")));
    };
    let has_steps = !matches!(shown.scenario.rollout, Plan::Spinnaker(_));
    let scenario = if has_steps || shown.gate == AS_WRITTEN {
        choice
            .put_into(&shown.bundle, &shown.scenario)?
            .scenario()?
    } else {
        // A single judgement has no percentages to take over.
        let setup = Setup {
            gate: Some(gate.to_owned()),
            set: others(&question.setup.set).cloned().collect(),
            ..question.setup.clone()
        };
        setup.scenario()?
    };
    extent::check(&scenario)?;
    Ok(scenario)
}

/// Whether a change is about one of these places, or about something within it.
fn is_about(change: &str, places: &[&str]) -> bool {
    let change = change.trim_start();
    places.iter().any(|place| change.starts_with(place))
}

/// The changes that are not the rollout's.
fn others(changes: &[String]) -> impl Iterator<Item = &String> {
    const ROLLOUT: [&str; 4] = ["rollout", "flagger:", "argo:", "kayenta:"];
    changes.iter().filter(|change| !is_about(change, &ROLLOUT))
}

/// The changes of a rollout's percentages and times.
fn schedule(changes: &[String]) -> impl Iterator<Item = &String> {
    const SCHEDULE: [&str; 2] = ["rollout.steps", "rollout.interval"];
    changes.iter().filter(|change| is_about(change, &SCHEDULE))
}
