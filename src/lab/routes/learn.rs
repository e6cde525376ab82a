//! Lessons and pages of the book.

use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Weight;
use crate::lab::lessons::{self, Lesson, LessonError, Prediction};
use crate::lab::refusal::Refusal;
use crate::lab::{Lab, book};
use crate::scenario::Change;
use crate::scenario::change::shown;

/// A lesson. Texts are HTML that is safe to show; changes and clauses are written as in its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Taught {
    /// Its name in requests and links.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The scenario that it plays.
    pub scenario: String,
    /// What it changes in that, as a setup takes it.
    pub set: Vec<String>,
    /// Whether it is about a release as good as stable: that one is played then.
    pub good: bool,
    /// Percentage at which the canary is held to play what is asked; null: the rollout as it is written.
    pub held_percent: Option<f64>,
    /// How long one looks on after the end; 0: not at all.
    pub aftermath_seconds: f64,
    /// The situation.
    pub text_html: String,
    /// What the reader is asked.
    pub question: String,
    /// How the reader commits to an answer.
    pub prediction: Predicted,
    /// What the run shows and why.
    pub answer_html: String,
    /// Clauses on which the answer relies.
    pub expect: Vec<String>,
    /// What to do in production.
    pub production_html: String,
    /// Settings to try next.
    #[serde(rename = "try")]
    pub tries: Vec<Tried>,
}

/// How the reader commits to an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Predicted {
    /// A figure, picked with a slider.
    Number {
        /// The figure, as `/api/measure` takes it.
        asks: String,
        /// What the slider counts in: `%`, `min`, `requests` or `users`.
        unit: String,
        /// The slider's left end.
        min: f64,
        /// Its right end.
        max: f64,
        /// Its step.
        step: f64,
    },
    /// A share at each percentage held, drawn as a curve.
    Curve {
        /// The figure.
        asks: String,
    },
    /// One of several answers.
    Choice {
        /// The answers.
        options: Vec<String>,
        /// Which of them is right, from 1.
        right: usize,
        /// Clauses that make it so.
        proof: Vec<String>,
    },
}

/// A setting to try next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// What it is, in a few words.
    pub label: String,
    /// What it changes, beside the lesson's own changes.
    pub set: Vec<String>,
    /// What comes of it.
    pub expect: Vec<String>,
}

/// A page of the book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Its name in requests and links.
    pub subject: String,
    /// Its title.
    pub title: String,
    /// The page, as HTML that is safe to show.
    pub html: String,
}

pub(super) fn routes() -> Router<Lab> {
    Router::new()
        .route("/api/lessons/{id}", get(lesson))
        .route("/api/book/{subject}", get(page))
}

async fn lesson(Path(id): Path<String>) -> Result<Json<Taught>, Refusal> {
    let all = lessons::all().map_err(|error| Refusal::Broken(error.to_string()))?;
    let names: Vec<String> = all.iter().map(|lesson| lesson.name.clone()).collect();
    let found = all.into_iter().find(|lesson| lesson.name == id);
    let missing = || {
        let id = id.escape_debug();
        Refusal::Missing(format!("there is no lesson `{id}`: {}", names.join(", ")))
    };
    let taught = taught(&found.ok_or_else(missing)?);
    let taught = taught.map_err(|error| Refusal::Broken(error.to_string()))?;
    Ok(Json(taught))
}

async fn page(Path(subject): Path<String>) -> Result<Json<Page>, Refusal> {
    let page = book::find(&subject).map_err(|error| Refusal::Missing(error.to_string()))?;
    Ok(Json(Page {
        subject: page.subject.to_owned(),
        title: page.title(),
        html: page.html(),
    }))
}

fn texts<T: ToString>(of: &[T]) -> Vec<String> {
    of.iter().map(ToString::to_string).collect()
}

/// Changes as a setup takes them.
fn changes(of: &[Change]) -> Vec<String> {
    let change = |change: &Change| format!("{}={}", change.place, shown(&change.value));
    of.iter().map(change).collect()
}

/// A lesson as a page takes it.
///
/// # Errors
/// When what it plays is no scenario.
pub(in crate::lab) fn taught(lesson: &Lesson) -> Result<Taught, LessonError> {
    let (_, scenario) = lesson.scenario(&[])?;
    Ok(Taught {
        id: lesson.name.clone(),
        title: lesson.title.clone(),
        scenario: lesson.scenario.clone(),
        set: changes(&lesson.set),
        good: lesson.good,
        held_percent: lesson.held().map(Weight::as_percent),
        aftermath_seconds: scenario.experiment.aftermath.as_secs_f64(),
        text_html: book::html(&lesson.text),
        question: lesson.question.clone(),
        prediction: predicted(&lesson.prediction),
        answer_html: book::html(&lesson.answer.text),
        expect: texts(&lesson.answer.expect),
        production_html: book::html(&lesson.production.text),
        tries: (lesson.tries.iter())
            .map(|one| Tried {
                label: one.label.clone(),
                set: changes(&one.set),
                expect: texts(&one.expect),
            })
            .collect(),
    })
}

fn predicted(prediction: &Prediction) -> Predicted {
    match prediction {
        Prediction::Number {
            asks,
            unit,
            min,
            max,
            step,
        } => Predicted::Number {
            asks: asks.to_string(),
            unit: unit.sign().to_owned(),
            min: *min,
            max: *max,
            step: *step,
        },
        Prediction::Curve { asks } => Predicted::Curve {
            asks: asks.to_string(),
        },
        Prediction::Choice {
            options,
            right,
            proof,
        } => Predicted::Choice {
            options: options.clone(),
            right: *right,
            proof: texts(proof),
        },
    }
}
