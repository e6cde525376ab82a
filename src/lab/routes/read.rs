//! What a setup is understood as.

use axum::routing::post;
use axum::{Extension, Json, Router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Aside;
use crate::base::place;
use crate::experiment;
use crate::lab::asked::Asked;
use crate::lab::knobs::{self, Knob};
use crate::lab::refusal::Refusal;
use crate::lab::setup::{OwnFile, Setup, Stage};
use crate::lab::{Lab, book};
use crate::manifest::Fate;
use crate::rollout::Plan;

/// A setup alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked about.
    pub setup: Setup,
}

/// What a setup is understood as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Understood {
    /// Its short name.
    pub name: String,
    /// One line.
    pub title: String,
    /// The heading under which it is listed.
    pub subject: String,
    /// What it teaches, as HTML that is safe to show.
    pub story_html: String,
    /// Traffic, versions and fault in one line.
    pub world: String,
    /// Controller and gates in one line.
    pub rollout: String,
    /// Who decides: `staged`, `flagger`, `argo` or `spinnaker`.
    pub controller: String,
    /// The gate that was chosen.
    pub gate: String,
    /// Whether something is wrong with the canary, so that there is power to speak of.
    pub has_fault: bool,
    /// Which engine plays it.
    pub engine: Engine,
    /// Where a rollout is cut off.
    pub horizon_seconds: f64,
    /// Root of all randomness, as a decimal text.
    pub seed: String,
    /// Canary percentages to try.
    pub percentages: Vec<f64>,
    /// Percentages that an undisturbed canary goes through.
    pub written_steps: Vec<f64>,
    /// What was understood differently from what may be meant, or ignored.
    pub warnings: Vec<String>,
    /// What can be moved.
    pub knobs: Vec<Knob>,
    /// Every text that the scenario is made of, as it is played; its own first.
    pub texts: Vec<OwnFile>,
    /// What became of every field of own manifests.
    pub account: Vec<Accounted>,
}

/// Which engine plays it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// `counts` or `requests`.
    pub name: String,
    /// Why this one.
    pub why: String,
}

/// What became of a field of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accounted {
    /// The file.
    pub file: String,
    /// What the resource calls itself.
    pub resource: String,
    /// The field, from the root of its document; empty for the resource as a whole.
    pub field: String,
    /// Its line, from 1.
    pub line: Option<usize>,
    /// `used`, `ignored`, or `unread` of a whole resource.
    pub outcome: String,
    /// Why it decides nothing here; empty where it does.
    pub note: String,
}

pub(super) fn routes() -> Router<Lab> {
    Router::new().route("/api/read", post(read))
}

async fn read(
    Extension(aside): Extension<Aside>,
    Asked(question): Asked<Question>,
) -> Result<Json<Understood>, Refusal> {
    let read = aside.make(move || understood(&question.setup));
    read.await.map(Json)
}

fn understood(setup: &Setup) -> Result<Understood, Refusal> {
    let stage = setup.stage()?;
    let scenario = &stage.scenario;
    let note = experiment::note(scenario);
    let (engine, why) = experiment::engine(scenario);
    Ok(Understood {
        name: note.name,
        title: note.title,
        subject: scenario.subject.clone(),
        story_html: book::html(&note.story),
        world: note.world,
        rollout: note.rollout,
        controller: controller(&scenario.rollout).to_owned(),
        gate: stage.gate.clone(),
        has_fault: scenario.world.has_fault(),
        engine: Engine {
            name: experiment::engine_name(engine).to_owned(),
            why,
        },
        horizon_seconds: scenario.horizon.as_secs_f64(),
        seed: scenario.experiment.seed.to_string(),
        percentages: percents(&scenario.experiment.weights),
        written_steps: percents(&scenario.rollout.steps()),
        warnings: stage.warnings.clone(),
        knobs: knobs::of(&stage),
        texts: stage.texts(),
        account: account(&stage),
    })
}

fn percents(weights: &[crate::base::Weight]) -> Vec<f64> {
    weights.iter().map(|weight| weight.as_percent()).collect()
}

fn controller(plan: &Plan) -> &'static str {
    match plan {
        Plan::Staged(_) => "staged",
        Plan::Flagger(_) => "flagger",
        Plan::Argo(_) => "argo",
        Plan::Spinnaker(_) => "spinnaker",
    }
}

fn account(stage: &Stage) -> Vec<Accounted> {
    let mut all = Vec::new();
    for (path, account) in &stage.accounts {
        let text = stage.bundle.texts.get(path).map(Vec::as_slice);
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        let text = text.unwrap_or_default();
        let file = path.display().to_string();
        let of = |field: String, line, outcome: &str, note: String| Accounted {
            file: file.clone(),
            resource: account.title.clone(),
            field,
            line,
            outcome: outcome.to_owned(),
            note,
        };
        if let Some(why) = &account.unread {
            all.push(of(String::new(), None, "unread", why.clone()));
        }
        all.extend(account.fields.iter().map(|field| {
            let line = field.span.as_ref().map(|span| place(text, span.start).0);
            let (outcome, note) = match &field.fate {
                Fate::Used => ("used", String::new()),
                Fate::Ignored(why) => ("ignored", why.clone()),
            };
            of(field.path.clone(), line, outcome, note)
        }));
    }
    all
}
