//! What a Prometheus answers, and what can be wrong with it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::question::{BAD, BUCKET, COUNT, FIGURE, GOOD, SECONDS, SO_FAR, WITHIN, WITHIN_SUMS};
use crate::engine::live::fetch::{FetchError, Fetched};
use crate::telemetry::exposition::{Dialect, same_bound};
use crate::telemetry::{Figures, GoalSums};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There was none.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It was refused.
    #[error("it answered {status}: {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said, or the beginning of that.
        reason: String,
    },
    /// It makes no sense.
    #[error("its answer makes no sense: {0}")]
    Senseless(String),
}

impl AskError {
    /// Its kind, by which failures are counted.
    pub fn kind(&self) -> &'static str {
        match self {
            AskError::Fetch(FetchError::Unreachable(_)) => "no connection",
            AskError::Fetch(FetchError::Broken(_)) => "connection broke",
            AskError::Fetch(FetchError::Late(_)) => "too late",
            AskError::Fetch(FetchError::TooLong(_)) => "too long",
            AskError::Fetch(FetchError::NotHttp(_)) => "not HTTP",
            AskError::Refused { .. } => "refused",
            AskError::Senseless(_) => "senseless",
        }
    }

    /// Whether another question would fare no better.
    pub(super) fn is_about_the_server(&self) -> bool {
        matches!(
            self,
            AskError::Fetch(_) | AskError::Refused { status: 500.., .. }
        )
    }
}

#[derive(Deserialize)]
struct Reply {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Vec<Element>,
}

/// One series of an instant vector: when, and a number as text.
#[derive(Deserialize)]
pub(super) struct Element {
    pub(super) metric: BTreeMap<String, String>,
    value: (f64, String),
}

impl Element {
    pub(super) fn label(&self, name: &str) -> &str {
        self.metric.get(name).map_or("", String::as_str)
    }

    pub(super) fn value(&self) -> Result<f64, AskError> {
        let text = &self.value.1;
        let value = text.parse();
        value.map_err(|_| AskError::Senseless(format!("`{text}` is not a number")))
    }
}

/// An error where an answer is a refusal.
pub(super) fn refused(fetched: &Fetched) -> Result<(), AskError> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    if fetched.status == 200 {
        return Ok(());
    }
    let reply: Result<Refusal, _> = serde_json::from_slice(&fetched.body);
    let reason = match reply {
        Ok(reply) if !reply.error.is_empty() => reply.error,
        _ => beginning(&fetched.body),
    };
    let status = fetched.status;
    Err(AskError::Refused { status, reason })
}

/// The instant vector of an answer.
pub(super) fn vector(fetched: &Fetched) -> Result<Vec<Element>, AskError> {
    refused(fetched)?;
    let reply: Result<Reply, _> = serde_json::from_slice(&fetched.body);
    let senseless = |what: String| Err(AskError::Senseless(what));
    match reply {
        Err(error) => senseless(error.to_string()),
        Ok(reply) if reply.status != "success" => {
            senseless(format!("its status is `{}`, {}", reply.status, reply.error))
        }
        Ok(Reply { data: None, .. }) => senseless("there is no data".to_owned()),
        Ok(Reply {
            data: Some(data), ..
        }) => match data.result_type.as_str() {
            "vector" => Ok(data.result),
            other => senseless(format!("a {other} is not a vector")),
        },
    }
}

fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(100).collect()
}

/// The figures of a window from the elements of an answer. `whole` windows reach back to the start.
pub(super) fn figures(
    elements: &[Element],
    dialect: &Dialect,
    whole: bool,
) -> Result<Figures, AskError> {
    let mut figures = Figures::default();
    let mut bounds = dialect.bounds();
    bounds.push(f64::INFINITY);
    let mut buckets: Vec<Option<f64>> = vec![None; bounds.len()];
    let mut goals = [vec![], vec![]];
    for element in elements {
        let value = element.value()?;
        match element.label(FIGURE) {
            GOOD => figures.requests[0] = Some(value),
            BAD => figures.requests[1] = Some(value),
            SECONDS => figures.seconds = Some(value / dialect.vendor.unit().per_second()),
            COUNT => figures.latencies = Some(value),
            BUCKET => {
                let le = element.label("le");
                let place = (le.parse().ok())
                    .and_then(|le: f64| bounds.iter().position(|bound| same_bound(*bound, le)));
                let Some(place) = place else {
                    let what = format!("the run has no bucket up to `{le}`");
                    return Err(AskError::Senseless(what));
                };
                buckets[place] = Some(value);
            }
            goal => take_goal(&mut goals, dialect, goal, element.label("goal"), value)?,
        }
    }
    if buckets.iter().any(Option::is_some) {
        let all: Option<Vec<f64>> = buckets.into_iter().collect();
        figures.buckets = all.ok_or_else(|| {
            AskError::Senseless("some of the run's buckets are missing".to_owned())
        })?;
    }
    [figures.goals, figures.goals_so_far] = goals;
    if whole {
        let window = |sums: &GoalSums| GoalSums {
            opportunities: sums.opportunities,
            sum: sums.sum,
            squares: sums.squares,
            ..GoalSums::default()
        };
        figures.goals = figures.goals_so_far.iter().map(window).collect();
    }
    Ok(figures)
}

fn take_goal(
    goals: &mut [Vec<GoalSums>; 2],
    dialect: &Dialect,
    figure: &str,
    goal: &str,
    value: f64,
) -> Result<(), AskError> {
    let (place, name) = match (figure.strip_prefix(WITHIN), figure.strip_prefix(SO_FAR)) {
        (Some(name), _) => (0, name),
        (_, Some(name)) => (1, name),
        _ => {
            let what = format!("nobody asked for `{figure}`");
            return Err(AskError::Senseless(what));
        }
    };
    let index = dialect.goals.iter().position(|known| known == goal);
    let Some(index) = index else {
        return Ok(());
    };
    let list = &mut goals[place];
    list.resize(dialect.goals.len(), GoalSums::default());
    let known = Dialect::goal_sum(name, &mut list[index]);
    if let Some(sum) = known.filter(|_| place == 1 || index_of(name) < WITHIN_SUMS) {
        *sum = value;
    }
    Ok(())
}

fn index_of(name: &str) -> usize {
    let names = Dialect::goal_names();
    names
        .iter()
        .position(|other| *other == name)
        .unwrap_or(names.len())
}
