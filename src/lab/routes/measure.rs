//! Single figures, each with its interval.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Asker;
use super::curve::{check_trials, few, options};
use crate::experiment::asked::measured;
use crate::experiment::expectation::Measured;
use crate::lab::Lab;
use crate::lab::asked::Asked;
use crate::lab::refusal::Refusal;
use crate::lab::setup::Setup;
use crate::scenario::{self, Metric};

/// The most figures of a question.
const MOST_FIGURES: usize = 50;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked about.
    pub setup: Setup,
    /// Figures as clauses name them, perhaps at a percentage that is held.
    #[schemars(length(min = 1, max = 50), extend("examples" = [["power at 1%", "detection_p90"]]))]
    pub asks: Vec<String>,
    /// Trials of every figure.
    #[serde(default = "few")]
    #[schemars(range(min = 1, max = 20_000))]
    pub trials: u32,
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Trials asked for.
    pub trials: u32,
    /// False when time was up before all of them were played.
    pub complete: bool,
    /// In the order in which they were asked for.
    pub answers: Vec<Answer>,
}

/// A figure with its 95 % interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What was asked.
    pub asks: String,
    /// What it is counted in.
    pub unit: Unit,
    /// The figure; null for a time that never came, or where time was up.
    pub estimate: Option<f64>,
    /// Lower end of the interval; null where nothing is known.
    pub low: Option<f64>,
    /// Upper end; null where the trials set none.
    pub high: Option<f64>,
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A share of rollouts, 0 to 1.
    Share,
    /// Seconds.
    Time,
    /// Requests or users.
    Count,
}

pub(super) fn routes() -> Router<Lab> {
    Router::new().route("/api/measure", post(answer))
}

async fn answer(
    State(lab): State<Lab>,
    Asker(page): Asker,
    Asked(question): Asked<Question>,
) -> Result<Json<Answers>, Refusal> {
    check_trials(question.trials)?;
    let asked = read(&question.asks)?;
    let answered = lab.turns.play(page, "measure", move |stop| {
        let scenario = question.setup.stage()?.scenario;
        let looks_on = !scenario.experiment.aftermath.is_zero();
        let after = asked.iter().any(|one| one.metric == Metric::ExposedAfter);
        if after && !looks_on {
            return Err(Refusal::Impossible(
                "exposure.after: nobody looks on after the end; set experiment.aftermath, like 1h"
                    .to_owned(),
            ));
        }
        let (figures, complete) = measured(&scenario, &asked, question.trials, &options(stop))
            .map_err(|error| Refusal::Broken(error.to_string()))?;
        let answers = question.asks.iter().zip(&asked).zip(figures);
        Ok(Answers {
            trials: question.trials,
            complete,
            answers: answers
                .map(|((asks, read), figure)| told(asks, read.metric, figure))
                .collect(),
        })
    });
    answered.await?.map(Json)
}

fn read(asks: &[String]) -> Result<Vec<scenario::Asked>, Refusal> {
    if !(1..=MOST_FIGURES).contains(&asks.len()) {
        return Err(Refusal::Impossible(format!(
            "{} figures cannot be asked for at once: ask for 1 to {MOST_FIGURES}",
            asks.len()
        )));
    }
    let read = asks.iter().map(|text| {
        let read = text.parse::<scenario::Asked>();
        read.map_err(|error| Refusal::Impossible(format!("asks: {error}")))
    });
    read.collect()
}

fn told(asks: &str, metric: Metric, figure: Option<Measured>) -> Answer {
    let finite = |of: fn(&Measured) -> f64| {
        let number = figure.as_ref().map(of);
        number.filter(|number| number.is_finite())
    };
    Answer {
        asks: asks.to_owned(),
        unit: match metric.unit() {
            scenario::Unit::Share => Unit::Share,
            scenario::Unit::Time => Unit::Time,
            scenario::Unit::Count => Unit::Count,
        },
        estimate: finite(|figure| figure.estimate),
        low: finite(|figure| figure.low),
        high: finite(|figure| figure.high),
    }
}
