//! What a server checks of a query that the parser lets pass: types once more, features that are
//! off by default, windows and steps.

use std::ops::Range;
use std::time::Duration;

use promql_parser::label::{MatchOp, Matchers};
use promql_parser::parser::token::{T_COUNT_VALUES, T_LIMIT_RATIO, T_LIMITK};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, SubqueryExpr, VectorMatchCardinality,
    VectorSelector,
};

use super::functions::{self, Function};
use super::text::Token;
use super::{QueryError, Semantics};

/// As many steps a range query and a subquery may have, as on a server for the first.
pub(super) const MOST_STEPS: u64 = 11_000;
/// So often the innermost part of nested subqueries may be evaluated for one answer.
const MOST_EVALUATIONS: u64 = 100_000;
/// The step of a subquery that names none: a server's evaluation interval.
pub(super) const DEFAULT_STEP: Duration = Duration::from_secs(60);

/// What is wrong, and the word that it is about.
#[derive(Debug)]
pub(super) struct Refusal {
    message: String,
    help: &'static str,
    word: String,
}

impl Refusal {
    fn new(message: impl Into<String>, help: &'static str, word: &str) -> Refusal {
        Refusal {
            message: message.into(),
            help,
            word: word.to_owned(),
        }
    }

    /// With the place of the word, where it stands once in the text.
    pub(super) fn locate(self, text: &str, tokens: &[Token]) -> QueryError {
        let spans = tokens.iter().map(|token| token.span.clone());
        let mut found = spans.filter(|span| text[span.clone()].eq_ignore_ascii_case(&self.word));
        let span: Option<Range<usize>> = found.next();
        let error = QueryError::new(self.message, span);
        match self.help {
            "" => error,
            help => error.help(help),
        }
    }
}

/// The name of a function that is spelt nearly like that.
pub(super) fn nearest_function(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let distance = |other: &str| strsim::damerau_levenshtein(&lower, other);
    let nearest = functions::names().min_by_key(|other| distance(other))?;
    (distance(nearest) <= 2).then_some(nearest)
}

pub(super) fn check(expr: &Expr, semantics: Semantics) -> Result<(), Refusal> {
    Check { semantics }.expr(expr, 1).map(|_| ())
}

struct Check {
    semantics: Semantics,
}

impl Check {
    /// The type of an expression that is evaluated so many times for one answer.
    fn expr(&self, expr: &Expr, times: u64) -> Result<ValueType, Refusal> {
        Ok(match expr {
            Expr::NumberLiteral(_) => ValueType::Scalar,
            Expr::StringLiteral(_) => ValueType::String,
            Expr::Paren(paren) => self.expr(&paren.expr, times)?,
            Expr::Unary(unary) => match self.expr(&unary.expr, times)? {
                kind @ (ValueType::Scalar | ValueType::Vector) => kind,
                kind => {
                    let message = format!("a sign before {}", describe(kind));
                    return Err(Refusal::new(
                        message,
                        "only numbers and instant vectors have one",
                        "-",
                    ));
                }
            },
            Expr::VectorSelector(selector) => {
                self.selector(selector)?;
                ValueType::Vector
            }
            Expr::MatrixSelector(selector) => {
                self.selector(&selector.vs)?;
                if selector.range.as_millis() == 0 {
                    return Err(Refusal::new(
                        "a window of no length",
                        "write one like [1m]",
                        "[",
                    ));
                }
                ValueType::Matrix
            }
            Expr::Subquery(subquery) => self.subquery(subquery, times)?,
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, times)?,
            Expr::Binary(binary) => self.binary(binary, times)?,
            Expr::Call(call) => self.call(call, times)?,
            Expr::Extension(_) => return Err(Refusal::new("is not PromQL", "", "")),
        })
    }

    fn selector(&self, selector: &VectorSelector) -> Result<(), Refusal> {
        if !selector.matchers.or_matchers.is_empty() {
            return Err(Refusal::new(
                "`or` between matchers",
                "write `or` between selectors",
                "or",
            ));
        }
        let named = selector.name.as_ref().is_some_and(|name| !name.is_empty());
        if !named && all_empty(&selector.matchers) {
            let message = "a selector of everything: all its matchers match the empty text";
            return Err(Refusal::new(message, "name a metric", "{"));
        }
        Ok(())
    }

    fn subquery(&self, subquery: &SubqueryExpr, times: u64) -> Result<ValueType, Refusal> {
        let step = subquery.step.unwrap_or(DEFAULT_STEP).as_millis();
        if step == 0 || subquery.range.as_millis() == 0 {
            return Err(Refusal::new(
                "a subquery over or by no time",
                "write one like [5m:1m]",
                "[",
            ));
        }
        let steps = u64::try_from(subquery.range.as_millis() / step).unwrap_or(u64::MAX);
        let all = times.saturating_mul(steps.max(1));
        if steps > MOST_STEPS || all > MOST_EVALUATIONS {
            let message = format!("a subquery of {} steps", all.max(steps));
            let help = "take a longer step: 11000 for one and 100000 in all are the most";
            return Err(Refusal::new(message, help, ":"));
        }
        match self.expr(&subquery.expr, all)? {
            ValueType::Vector => Ok(ValueType::Matrix),
            kind => {
                let message = format!("a subquery of {}", describe(kind));
                Err(Refusal::new(message, "only instant vectors have one", "["))
            }
        }
    }

    fn aggregate(&self, aggregate: &AggregateExpr, times: u64) -> Result<ValueType, Refusal> {
        let name = aggregate.op.to_string();
        if matches!(aggregate.op.id(), T_LIMITK | T_LIMIT_RATIO) {
            let message = format!("`{name}` is experimental: a server refuses it by default");
            return Err(Refusal::new(
                message,
                "topk and bottomk take some of many",
                &name,
            ));
        }
        if aggregate.op.id() == T_COUNT_VALUES {
            let message = "`count_values` is not evaluated: it makes labels of values";
            return Err(Refusal::new(message, "compare with == and count", &name));
        }
        if let Some(param) = &aggregate.param {
            let kind = self.expr(param, times)?;
            if kind != ValueType::Scalar {
                let message = format!("`{name}` by {}", describe(kind));
                return Err(Refusal::new(
                    message,
                    "its first argument is a number",
                    &name,
                ));
            }
        }
        match self.expr(&aggregate.expr, times)? {
            ValueType::Vector => Ok(ValueType::Vector),
            kind => {
                let message = format!("`{name}` of {}", describe(kind));
                Err(Refusal::new(message, "it takes an instant vector", &name))
            }
        }
    }

    fn binary(&self, binary: &BinaryExpr, times: u64) -> Result<ValueType, Refusal> {
        let name = binary.op.to_string();
        let left = self.expr(&binary.lhs, times)?;
        let right = self.expr(&binary.rhs, times)?;
        for kind in [left, right] {
            if !matches!(kind, ValueType::Scalar | ValueType::Vector) {
                let message = format!("`{name}` beside {}", describe(kind));
                let help = "operators take numbers and instant vectors";
                return Err(Refusal::new(message, help, &name));
            }
        }
        let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
        let any_scalar = left == ValueType::Scalar || right == ValueType::Scalar;
        if binary.op.is_set_operator() && any_scalar {
            let message = format!("`{name}` beside a number");
            return Err(Refusal::new(
                message,
                "write vector(…) around the number",
                &name,
            ));
        }
        let modifier = binary.modifier.as_ref();
        let by_bool = modifier.is_some_and(|modifier| modifier.return_bool);
        if by_bool && !binary.op.is_comparison_operator() {
            return Err(Refusal::new(
                format!("`{name} bool`"),
                "only comparisons have it",
                "bool",
            ));
        }
        if scalars && binary.op.is_comparison_operator() && !by_bool {
            let message = format!("`{name}` between numbers filters nothing");
            return Err(Refusal::new(message, "write `bool` after it", &name));
        }
        let Some(modifier) = modifier else {
            return Ok(if scalars {
                ValueType::Scalar
            } else {
                ValueType::Vector
            });
        };
        let fill = &modifier.fill_values;
        if fill.lhs.is_some() || fill.rhs.is_some() {
            let message = "`fill` is experimental: a server refuses it by default";
            return Err(Refusal::new(
                message,
                "write `or` with what shall be filled in",
                "fill",
            ));
        }
        let grouping = match &modifier.card {
            VectorMatchCardinality::ManyToOne(labels) => Some(("group_left", labels)),
            VectorMatchCardinality::OneToMany(labels) => Some(("group_right", labels)),
            _ => None,
        };
        if let Some((word, labels)) = grouping {
            if binary.op.is_set_operator() {
                return Err(Refusal::new(
                    format!("`{word}` with `{name}`"),
                    "leave it out",
                    word,
                ));
            }
            if let Some(LabelModifier::Include(on)) = &modifier.matching
                && let Some(twice) = labels.labels.iter().find(|label| on.labels.contains(label))
            {
                let message = format!("`{twice}` is in on() and in {word}()");
                return Err(Refusal::new(message, "name it once", word));
            }
        }
        let listed = (modifier.matching.as_ref()).is_some_and(|m| !m.labels().is_empty());
        if any_scalar && (listed || grouping.is_some_and(|(_, labels)| !labels.is_empty())) {
            let message = "labels to match between vectors, and one side is a number";
            return Err(Refusal::new(message, "leave them out", &name));
        }
        Ok(if scalars {
            ValueType::Scalar
        } else {
            ValueType::Vector
        })
    }

    fn call(&self, call: &Call, times: u64) -> Result<ValueType, Refusal> {
        let name = call.func.name;
        if call.func.experimental {
            let message = format!("`{name}` is experimental: a server refuses it by default");
            return Err(Refusal::new(message, "", name));
        }
        if Function::named(name).is_none() {
            let message = format!("`{name}` is not evaluated");
            return Err(Refusal::new(message, "it is for native histograms", name));
        }
        for (place, arg) in call.args.args.iter().enumerate() {
            let last = call.func.arg_types.len().saturating_sub(1);
            let wanted = call.func.arg_types.get(place.min(last)).copied();
            let kind = self.expr(arg, times)?;
            if Some(kind) != wanted {
                let message = format!("`{name}` of {}", describe(kind));
                let help = match wanted {
                    Some(ValueType::Matrix) => "it takes a range vector, like x[1m]",
                    Some(ValueType::Vector) => "it takes an instant vector",
                    Some(ValueType::Scalar) => "it takes a number",
                    _ => "it takes a text",
                };
                return Err(Refusal::new(message, help, name));
            }
        }
        if name == "label_replace" || name == "label_join" {
            functions::check_relabelling(call, self.semantics)
                .map_err(|message| Refusal::new(message, "", name))?;
        }
        Ok(call.func.return_type)
    }
}

/// Whether every matcher matches the empty text.
fn all_empty(matchers: &Matchers) -> bool {
    (matchers.matchers.iter()).all(|matcher| match &matcher.op {
        MatchOp::Equal => matcher.value.is_empty(),
        _ => matcher.is_match(""),
    })
}

fn describe(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "a number",
        ValueType::String => "a text",
        ValueType::Vector => "an instant vector",
        ValueType::Matrix => "a range vector",
    }
}
