//! What a Prometheus remembers: the samples of series, and answers to queries as of then.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::runtime::{Builder, LocalOptions};

use super::answer::{AskError, refused};
use super::question::percent_encoded;
use crate::base::Span;
use crate::engine::live::fetch::Client;
use crate::telemetry::promql::{Answer, Labels, Samples};

/// Bytes of an answer at most.
const LONGEST: usize = 256 * 1024 * 1024;

/// Why there is no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A question has no answer.
    #[error("{query}: {cause}")]
    Ask {
        /// What was asked.
        query: String,
        /// Why not.
        #[source]
        cause: AskError,
    },
    /// The operating system refused a runtime.
    #[error("cannot wait for an answer: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Which samples are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// The first instant, in milliseconds since 1970.
    pub from: i64,
    /// The last.
    pub to: i64,
    /// Time between samples; `None`: those that were scraped, at their own times.
    pub step: Option<Span>,
}

/// A Prometheus that is asked about the past.
#[derive(Debug)]
pub struct History {
    address: SocketAddr,
    timeout: Span,
}

impl History {
    /// That at this address; an answer may take so long.
    pub fn new(address: SocketAddr, timeout: Span) -> History {
        History { address, timeout }
    }

    /// The samples of the series that each selector finds. Series that nobody has are none.
    ///
    /// # Errors
    /// When a question has no answer.
    pub fn samples(&self, selectors: &[String], past: Past) -> Result<Vec<Samples>, HistoryError> {
        let questions = selectors.iter().map(|selector| {
            let target = match past.step {
                // Open on the left since Prometheus 3.
                None => {
                    let millis = past.to - past.from + 1;
                    let query = percent_encoded(&format!("{selector}[{millis}ms]"));
                    format!("/api/v1/query?query={query}&time={}", seconds(past.to))
                }
                Some(step) => format!(
                    "/api/v1/query_range?query={}&start={}&end={}&step={}",
                    percent_encoded(selector),
                    seconds(past.from),
                    seconds(past.to),
                    step.as_secs_f64()
                ),
            };
            (selector.clone(), target)
        });
        let bodies = self.ask(questions.collect())?;
        let mut all = Vec::new();
        for (query, body) in bodies {
            let senseless = |what: String| HistoryError::Ask {
                query: query.clone(),
                cause: AskError::Senseless(what),
            };
            let text = String::from_utf8(body).map_err(|error| senseless(error.to_string()))?;
            if is_empty(&text) {
                continue;
            }
            all.push(Samples::from_json(&text).map_err(|error| senseless(error.what))?);
        }
        Ok(all)
    }

    /// What each query answered at each of these instants, in milliseconds since 1970, or why not.
    ///
    /// # Errors
    /// When there is no runtime to wait in, or nobody answers at all.
    pub fn answers(
        &self,
        query: &str,
        instants: &[i64],
    ) -> Result<Vec<Result<Answer, AskError>>, HistoryError> {
        let encoded = percent_encoded(query);
        let question = |millis: &i64| {
            let target = format!("/api/v1/query?query={encoded}&time={}", seconds(*millis));
            (query.to_owned(), target)
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        runtime.block_on(async {
            let mut client = Client::new(self.address);
            let mut answers = Vec::with_capacity(instants.len());
            for (query, target) in instants.iter().map(question) {
                let fetched = client.get(&target, self.timeout, LONGEST).await;
                let fetched = fetched.map_err(|cause| HistoryError::Ask {
                    query,
                    cause: cause.into(),
                })?;
                answers.push(refused(&fetched).and_then(|()| answer(&fetched.body)));
            }
            Ok(answers)
        })
    }

    fn ask(
        &self,
        questions: Vec<(String, String)>,
    ) -> Result<Vec<(String, Vec<u8>)>, HistoryError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        runtime.block_on(async {
            let mut client = Client::new(self.address);
            let mut bodies = Vec::with_capacity(questions.len());
            for (query, target) in questions {
                let fetched = client.get(&target, self.timeout, LONGEST).await;
                let fetched = fetched.map_err(AskError::from);
                let body = fetched.and_then(|fetched| refused(&fetched).map(|()| fetched.body));
                match body {
                    Ok(body) => bodies.push((query, body)),
                    Err(cause) => return Err(HistoryError::Ask { query, cause }),
                }
            }
            Ok(bodies)
        })
    }
}

fn seconds(millis: i64) -> String {
    format!(
        "{}.{:03}",
        millis.div_euclid(1_000),
        millis.rem_euclid(1_000)
    )
}

/// Whether an answer has no series.
fn is_empty(text: &str) -> bool {
    let json: Result<Value, _> = serde_json::from_str(text);
    let result = json
        .ok()
        .and_then(|json| json["data"]["result"].as_array().cloned());
    result.is_some_and(|list| list.is_empty())
}

/// The answer to an instant query.
fn answer(body: &[u8]) -> Result<Answer, AskError> {
    let senseless = |what: &str| AskError::Senseless(what.to_owned());
    let json: Value =
        serde_json::from_slice(body).map_err(|error| senseless(&error.to_string()))?;
    let data = &json["data"];
    let pair = |pair: &Value| -> Option<f64> { pair.get(1)?.as_str()?.parse().ok() };
    let labels = |element: &Value| {
        let object = element["metric"].as_object();
        let all = object.into_iter().flatten();
        Labels::new(
            all.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))),
        )
    };
    let broken = || senseless("a value is not a time and a number in quotes");
    match data["resultType"].as_str() {
        Some("scalar") => pair(&data["result"]).map(Answer::Scalar).ok_or_else(broken),
        Some("string") => {
            let text = data["result"].get(1).and_then(Value::as_str);
            text.map(|text| Answer::Text(text.to_owned()))
                .ok_or_else(broken)
        }
        Some("vector") => {
            let all = data["result"].as_array().into_iter().flatten();
            let elements: Option<Vec<(Labels, f64)>> = all
                .map(|element| Some((labels(element), pair(&element["value"])?)))
                .collect();
            let mut elements = elements.ok_or_else(broken)?;
            elements.sort_by(|a, b| a.0.cmp(&b.0));
            Ok(Answer::Vector(elements))
        }
        Some(other) => Err(senseless(&format!("a {other} is not what a gate reads"))),
        None => Err(senseless("there is no result")),
    }
}
