//! What there is to play, to learn and to read.

use axum::routing::get;
use axum::{Json, Router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lab::choices::{self, Listed};
use crate::lab::refusal::Refusal;
use crate::lab::{Lab, asked, book, lessons, setup, turns};
use crate::scenario;

/// What there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// Version of the program.
    pub version: String,
    /// Scenarios that the program carries, the default first.
    pub scenarios: Vec<ScenarioListed>,
    /// Lessons in order.
    pub lessons: Vec<LessonListed>,
    /// Gates to choose from, the scenario's own first.
    pub gates: Vec<Listed>,
    /// Pages of the book.
    pub book: Vec<PageListed>,
    /// What is too much.
    pub limits: Limits,
}

/// A scenario of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioListed {
    /// Its name in requests.
    pub name: String,
    /// One line.
    pub title: String,
    /// The heading under which it is listed.
    pub subject: String,
}

/// A lesson of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LessonListed {
    /// Its name in requests.
    pub id: String,
    /// One line.
    pub title: String,
    /// What the reader is asked.
    pub question: String,
    /// The scenario that it plays.
    pub scenario: String,
}

/// A page of the book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageListed {
    /// Its name in requests.
    pub subject: String,
    /// Its title.
    pub title: String,
    /// What it tells, in one line.
    pub line: String,
}

/// What is too much.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request.
    pub upload_bytes: usize,
    /// Files of a request.
    pub files: usize,
    /// Trials of a figure.
    pub trials: u32,
    /// Seconds of a simulation.
    pub seconds: u64,
}

pub(super) fn routes() -> Router<Lab> {
    Router::new().route("/api/catalog", get(catalog))
}

async fn catalog() -> Result<Json<Catalog>, Refusal> {
    let lessons = lessons::all().map_err(|error| Refusal::Broken(error.to_string()))?;
    Ok(Json(Catalog {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenarios: scenario::builtin().iter().map(listed).collect(),
        lessons: (lessons.into_iter())
            .map(|lesson| LessonListed {
                id: lesson.name,
                title: lesson.title,
                question: lesson.question,
                scenario: lesson.scenario,
            })
            .collect(),
        gates: choices::listed(),
        book: (book::pages().iter())
            .map(|page| PageListed {
                subject: page.subject.to_owned(),
                title: page.title(),
                line: page.line.to_owned(),
            })
            .collect(),
        limits: Limits {
            upload_bytes: asked::MOST_BYTES,
            files: setup::MOST_FILES,
            trials: super::curve::MOST_TRIALS,
            seconds: turns::TIME.as_secs(),
        },
    }))
}

fn listed(builtin: &scenario::Builtin) -> ScenarioListed {
    // Every text that the program carries can be read; a test reads them.
    let table: toml::Table = builtin.text.parse().unwrap_or_default();
    let words = |key: &str| {
        let words = table.get(key).and_then(toml::Value::as_str);
        words.map(|words| words.trim().to_owned())
    };
    ScenarioListed {
        name: builtin.name.to_owned(),
        title: words("title").unwrap_or_else(|| builtin.name.to_owned()),
        subject: words("subject").unwrap_or_default(),
    }
}
