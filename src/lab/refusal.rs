//! Why a request is not answered, as a page and a program can read it.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, Severity, place};

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
    /// It was stopped before its end, and half of it is no answer.
    #[error(
        "it was stopped before its end: time was up, or the page asked something newer; ask again, or \
         for less"
    )]
    Unfinished,
    /// Something here is broken.
    #[error("{0}")]
    Broken(String),
}

/// The most problems of an answer.
const MOST_PROBLEMS: usize = 100;
/// The most bytes of a line that are shown with a problem.
const MOST_OF_A_LINE: usize = 200;

fn first(problems: &Problems) -> String {
    let all = problems.count();
    let first = problems.texts().find_map(|of| of.problems.first());
    let first = first.map_or("", |problem| problem.message.as_str());
    match all {
        0 | 1 => first.to_owned(),
        2..=MOST_PROBLEMS => format!("{first}; and {} more", all - 1),
        _ => format!(
            "{first}; and {} more, of which {} are listed",
            all - 1,
            MOST_PROBLEMS - 1
        ),
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
    /// What is wrong with the texts, the first hundred of it; empty where it is not about a text.
    pub problems: Vec<Trouble>,
}

/// One thing wrong with a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// The file, or `request` for what was asked beside the texts.
    pub file: String,
    /// Its line, from 1; null where it is about the text as a whole.
    pub line: Option<usize>,
    /// That line; of a long one the part around the problem, with `…` for what is left out.
    pub text: Option<String>,
    /// `error` or `warning`.
    pub severity: String,
    /// What is wrong.
    pub message: String,
    /// What would be valid.
    pub help: Option<String>,
}

impl Trouble {
    /// What is wrong in these texts, as much of it as an answer holds.
    pub fn all(problems: &Problems) -> Vec<Trouble> {
        let each = problems
            .texts()
            .flat_map(|of| of.problems.iter().map(move |problem| (of, problem)));
        let told = each.take(MOST_PROBLEMS).map(|(of, problem)| {
            let start = problem.span.as_ref().map(|span| span.start);
            Trouble {
                file: of.file.display().to_string(),
                line: start.map(|start| place(&of.text, start).0),
                text: start.map(|start| around(&of.text, start)),
                severity: match problem.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                }
                .to_owned(),
                message: problem.message.clone(),
                help: problem.help.clone(),
            }
        });
        told.collect()
    }
}

/// The line of a text in which this byte stands, or the part of it around there.
fn around(text: &str, offset: usize) -> String {
    let offset = text.floor_char_boundary(offset.min(text.len()));
    let begin = text[..offset].rfind('\n').map_or(0, |end| end + 1);
    let end = text[offset..]
        .find('\n')
        .map_or(text.len(), |length| offset + length);
    let line = text[begin..end].trim_end_matches('\r');
    if line.len() <= MOST_OF_A_LINE {
        return line.to_owned();
    }
    let before = (offset - begin).saturating_sub(MOST_OF_A_LINE / 2);
    let from = line.floor_char_boundary(before.min(line.len() - MOST_OF_A_LINE));
    let to = line.floor_char_boundary(from + MOST_OF_A_LINE);
    let dots = |cut: bool| if cut { "…" } else { "" };
    format!(
        "{}{}{}",
        dots(from > 0),
        &line[from..to],
        dots(to < line.len())
    )
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
            Refusal::Problems(_) | Refusal::Impossible(_) | Refusal::Unfinished => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Problem;
    use std::path::PathBuf;

    fn problems(text: &str, places: impl Iterator<Item = usize>) -> Problems {
        let problem = |at: usize| Problem::error(format!("at {at}"), Some(at..at + 1));
        Problems {
            file: PathBuf::from("own.toml"),
            text: text.to_owned(),
            problems: places.map(problem).collect(),
            also: Vec::new(),
        }
    }

    #[test]
    fn an_answer_does_not_grow_with_the_square_of_what_is_wrong() {
        let line = "\u{e4}x%,".repeat(10_000);
        let text = format!("first\n{line}\r\nlast\n");
        let many = problems(&text, (6..text.len() - 8).step_by(5));
        let all = many.count();
        assert!(all > 9_000);
        let troubles = Trouble::all(&many);
        assert_eq!(troubles.len(), MOST_PROBLEMS);
        for (trouble, problem) in troubles.iter().zip(&many.problems) {
            assert_eq!(trouble.line, Some(2));
            let shown = trouble.text.as_deref().unwrap();
            assert!(shown.len() <= MOST_OF_A_LINE + 6, "{shown}");
            let start = problem.span.as_ref().unwrap().start;
            assert!(shown.contains(&text[start..start + 4]), "{shown}");
        }
        let said = Refusal::from(many).to_string();
        let expected = format!("at 6; and {} more, of which 99 are listed", all - 1);
        assert_eq!(said, expected);
    }

    #[test]
    fn a_line_is_cut_around_the_place() {
        let long: String = (0..100).map(|n| format!("[{n:03}]")).collect();
        let text = format!("short\r\n{long}");
        assert_eq!(around(&text, 2), "short");
        assert_eq!(around(&text, 5), "short");
        let shown = |place: usize| around(&text, 7 + place);
        assert!(shown(0).starts_with("[000]") && shown(0).ends_with("[039]…"));
        assert!(shown(250).starts_with("…[030]") && shown(250).ends_with("[069]…"));
        assert!(shown(499).starts_with("…[060]") && shown(499).ends_with("[099]"));
        assert!(shown(9_999).ends_with("[099]"));
        assert_eq!(around("", 0), "");
    }
}
