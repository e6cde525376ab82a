//! Queries as texts that a server would accept.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self, Expr};

use super::{Semantics, check, text};

/// A query that a real Prometheus would accept.
#[derive(Clone, PartialEq)]
pub struct Query {
    text: Arc<str>,
    pub(super) expr: Arc<Expr>,
    semantics: Semantics,
}

/// Why a text is not a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// What is wrong, with the offending text: a lower-case sentence without a full stop.
    pub message: String,
    /// What would be valid.
    pub help: Option<String>,
    /// Bytes of the query that it is about, where that can be told.
    pub span: Option<Range<usize>>,
}

impl QueryError {
    pub(super) fn new(message: impl Into<String>, span: Option<Range<usize>>) -> QueryError {
        QueryError {
            message: message.into(),
            help: None,
            span,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> QueryError {
        self.help = Some(help.into());
        self
    }
}

impl Query {
    /// Reads a query and checks all that a server checks before it evaluates: syntax, types, the
    /// numbers of arguments, matchers. What a server refuses that has no experimental features
    /// switched on is refused.
    ///
    /// # Errors
    /// When a server would answer `bad_data`, when the query is too large (some hundreds of operators,
    /// more than 11 000 steps in a subquery), or when it asks for one of the few things that are not
    /// evaluated here: `count_values` and functions of native histograms.
    pub fn parse(query: &str, semantics: Semantics) -> Result<Query, QueryError> {
        let (tokens, plain) = text::scan(query, semantics)?;
        let expr = parser::parse(&plain).map_err(|message| {
            let reads = |text: &str| {
                text::scan(text, semantics).is_ok_and(|(_, plain)| parser::parse(&plain).is_ok())
            };
            let place = text::first_misplaced(query, &tokens, reads);
            // What is wrong with an argument is about the call.
            let about_call = ["function", "aggregat"]
                .iter()
                .any(|word| message.contains(word));
            let call = place.as_ref().filter(|_| about_call);
            let call = call.and_then(|place| text::called(query, &tokens, place));
            let pattern = message.strip_prefix("illegal regex for ");
            let pattern = pattern.and_then(|pattern| text::quoted(query, &tokens, pattern));
            explain(query, &message, pattern.or(call).or(place))
        })?;
        check::check(&expr, semantics).map_err(|refusal| refusal.locate(query, &tokens))?;
        Ok(Query {
            text: query.into(),
            expr: Arc::new(expr),
            semantics,
        })
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it answers with a bare number.
    pub fn is_scalar(&self) -> bool {
        self.expr.value_type() == ValueType::Scalar
    }

    /// Whether it answers with an instant vector, and not with a number, a text or a window's
    /// samples.
    pub fn answers_vector(&self) -> bool {
        self.expr.value_type() == ValueType::Vector
    }

    /// Whose answers it gives.
    pub fn semantics(&self) -> Semantics {
        self.semantics
    }
}

/// The parser's message where a text does not follow the grammar.
const SYNTAX: &str = "invalid promql query";

/// The parser's message with the place, and what would be valid.
fn explain(query: &str, message: &str, span: Option<Range<usize>>) -> QueryError {
    let found = span.clone().map_or("", |span| &query[span]);
    if query.trim().is_empty() || message.starts_with("no expression found") {
        let help = "write a query, like sum(rate(http_requests_total[1m]))";
        return QueryError::new("there is no query", span).help(help);
    }
    if let Some(name) = message
        .strip_prefix("unknown function with name '")
        .and_then(|rest| rest.strip_suffix('\''))
    {
        let error = QueryError::new(format!("there is no function `{name}`"), span);
        return match check::nearest_function(name) {
            Some(near) => error.help(format!("did you mean `{near}`? Names are lower-case")),
            None => error.help("its functions are listed in Prometheus' documentation"),
        };
    }
    if message != SYNTAX {
        let mut error = QueryError::new(message.trim(), span);
        error.help = ADVICE
            .iter()
            .find(|(part, _)| message.contains(part))
            .map(|(_, help)| (*help).to_owned());
        return error;
    }
    match found {
        "" => QueryError::new("the query ends too early", span).help("something is missing here"),
        "$" | "[[" => QueryError::new(format!("`{found}` is not PromQL"), span)
            .help("fill in a dashboard's variables first"),
        "{" => QueryError::new("`{` does not belong here", span)
            .help("fill in template variables first; matchers follow a metric's name"),
        _ => QueryError::new(format!("`{found}` does not belong here"), span),
    }
}

/// What to do about some of the parser's messages.
const ADVICE: [(&str, &str); 10] = [
    (
        "illegal regex",
        "patterns are RE2: brackets close, and what is special is escaped",
    ),
    (
        "expected type matrix",
        "it takes a range vector, like x[1m]",
    ),
    (
        "aggregation expression, got matrix",
        "put rate(…) or the like around the window",
    ),
    ("must use BOOL", "write `bool` after the operator"),
    (
        "not allowed in binary scalar",
        "write vector(…) around the number",
    ),
    ("at least one non-empty matcher", "name a metric"),
    ("inside braces: '~'", "write =~ for a pattern"),
    (
        "inside brackets: '$'",
        "fill in a dashboard's variables first",
    ),
    (
        "inside braces",
        "matchers are like code=~\"5..\", with commas between them",
    ),
    (
        "inside brackets",
        "a window is like [5m], a subquery's like [5m:1m]",
    ),
];

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({:?})", self.text)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
