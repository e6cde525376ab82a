//! Why a request is not answered, as a page and a program can read it.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, place};

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The body is not what is asked for.
    #[error("{0}")]
    Malformed(String),
    /// Whoever asks may not.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// There is such a thing, but this cannot be done with it.
    #[error("this address takes {0}")]
    Method(&'static str),
    /// It came too slowly.
    #[error("the request took too long to come")]
    Slow,
    /// It does not go with how things stand.
    #[error("{0}")]
    Conflict(String),
    /// It is too large.
    #[error("the request is larger than {0} bytes, which is the most that is read")]
    TooLarge(usize),
    /// It is not JSON.
    #[error("send the request as application/json")]
    Type,
    /// It was understood, and makes no scenario.
    #[error("{}", first(.0))]
    Problems(Box<Problems>),
    /// Something else in it is impossible.
    #[error("{0}")]
    Impossible(String),
    /// Too many wait already.
    #[error("the lab is busy: {0} others wait already")]
    Busy(usize),
    /// Something here is broken.
    #[error("{0}")]
    Broken(String),
}

fn first(problems: &Problems) -> String {
    let all = problems.count();
    let first = problems.texts().find_map(|of| of.problems.first());
    let first = first.map_or("", |problem| problem.message.as_str());
    match all {
        0 | 1 => first.to_owned(),
        all => format!("{first}; and {} more", all - 1),
    }
}

impl From<Problems> for Refusal {
    fn from(problems: Problems) -> Refusal {
        Refusal::Problems(Box::new(problems))
    }
}

/// Why a request is not answered, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// What is wrong, in a sentence.
    pub error: String,
    /// Everything that is wrong with the texts; empty where it is not about a text.
    pub problems: Vec<Trouble>,
}

/// One thing wrong with a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// The file, or `command line` for what was asked beside the texts.
    pub file: String,
    /// Its line, from 1; null where it is about the text as a whole.
    pub line: Option<usize>,
    /// That line.
    pub text: Option<String>,
    /// `error` or `warning`.
    pub severity: String,
    /// What is wrong.
    pub message: String,
    /// What would be valid.
    pub help: Option<String>,
}

impl Trouble {
    /// Everything wrong in these texts.
    pub fn all(problems: &Problems) -> Vec<Trouble> {
        let of_text = |of: &Problems| {
            let troubles = of.problems.iter().map(|problem| {
                let line = (problem.span.as_ref()).map(|span| place(&of.text, span.start).0);
                Trouble {
                    file: of.file.display().to_string(),
                    text: line.and_then(|line| of.text.lines().nth(line - 1).map(str::to_owned)),
                    line,
                    severity: format!("{:?}", problem.severity).to_lowercase(),
                    message: problem.message.clone(),
                    help: problem.help.clone(),
                }
            });
            troubles.collect::<Vec<Trouble>>()
        };
        problems.texts().flat_map(of_text).collect()
    }
}

impl Refusal {
    /// The status that says so.
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
            Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
            Refusal::Missing(_) => StatusCode::NOT_FOUND,
            Refusal::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Slow => StatusCode::REQUEST_TIMEOUT,
            Refusal::Conflict(_) => StatusCode::CONFLICT,
            Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Type => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Problems(_) | Refusal::Impossible(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problems = match &self {
            Refusal::Problems(problems) => Trouble::all(problems),
            _ => Vec::new(),
        };
        let body = Json(Refused {
            error: self.to_string(),
            problems,
        });
        match self {
            Refusal::Method(allowed) => {
                (self.status(), [(header::ALLOW, allowed)], body).into_response()
            }
            Refusal::Busy(_) => (self.status(), [(header::RETRY_AFTER, "1")], body).into_response(),
            _ => (self.status(), body).into_response(),
        }
    }
}
