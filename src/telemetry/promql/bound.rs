//! Queries bound to the series that there are, and what they answer.

use std::sync::Arc;

use promql_parser::parser::Expr;

use super::catalogue::{Catalogue, Origin};
use super::compile::{Compiler, Facts, Value};
use super::evaluate::{Moment, Scratch, Source};
use super::functions::Function;
use super::labels::Labels;
use super::plan::{Operand, Plan};
use super::samples::Samples;
use super::{Query, Semantics};
use crate::base::{Span, Time};
use crate::telemetry::{Demand, Telemetry};

/// A query with its series found and its groups made: ready to be asked many times.
#[derive(Debug, Clone)]
pub struct Bound {
    query: Query,
    catalogue: Arc<Catalogue>,
    plan: Plan,
    root: Root,
    facts: Facts,
    /// How far before an instant it is asked for others.
    back: i64,
}

/// What a query answers with.
#[derive(Debug, Clone, PartialEq)]
enum Root {
    Text(String),
    Number(Operand),
    /// The slots of a step.
    Vector(usize, Order),
    /// The samples of a window as they are.
    Samples(Box<super::compile::Raw>),
}

/// In which order the elements of a vector come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Labels,
    Ascending,
    Descending,
}

/// What a query answers. Elements come in order of their labels, where the query does not sort them:
/// Prometheus promises none.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A number.
    Scalar(f64),
    /// A text.
    Text(String),
    /// A value per series; nothing where no series has any.
    Vector(Vec<(Labels, f64)>),
    /// Samples per series, each with its time in milliseconds.
    Matrix(Vec<(Labels, Vec<(i64, f64)>)>),
}

/// Why a query cannot be asked of a catalogue's series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// It reads a metric that nobody exports.
    #[error("no metric `{metric}` is exported; there are {}", exported.join(", "))]
    Unexported {
        /// The metric, or the selector where it names none.
        metric: String,
        /// Those that are.
        exported: Vec<String>,
    },
    /// Metrics are counted exactly, and it reads more than a rise over one window.
    #[error(
        "`{part}` reads single scrapes, and metrics are exact: there are none; without scrapes only \
         rate and increase over one window can be asked"
    )]
    NeedsScrapes {
        /// The part of the query.
        part: String,
    },
    /// It would take too much memory or time.
    #[error("the query reads more than {most} samples or makes more than {most} series")]
    TooLarge {
        /// What is allowed.
        most: usize,
    },
    /// A part is not evaluated.
    #[error("`{part}` is not evaluated here")]
    Unevaluated {
        /// The part of the query.
        part: String,
    },
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// What Prometheus would answer with status 422.
    #[error("{0}")]
    Execution(String),
    /// A metrics server answers in place of samples, and it has not been asked.
    #[error("the metrics server has not answered the query")]
    NoAnswer,
}

impl BindError {
    pub(super) fn unevaluated(expr: &Expr) -> BindError {
        BindError::Unevaluated {
            part: expr.to_string(),
        }
    }
}

impl Query {
    /// Finds the query's series. Where the service has routes and the query names the label `route`
    /// anywhere, its selectors find the series of single routes; otherwise those of whole versions.
    ///
    /// # Errors
    /// When it reads metrics that are not exported, needs scrapes where there are none, or is too
    /// large.
    pub fn bind(&self, catalogue: &Catalogue) -> Result<Bound, BindError> {
        self.bind_over(catalogue, Span::ZERO)
    }

    /// The same for a query that is also asked for instants up to `back` before the one at hand,
    /// with [`Bound::ask_range`].
    ///
    /// # Errors
    /// As [`Query::bind`].
    pub fn bind_over(&self, catalogue: &Catalogue, back: Span) -> Result<Bound, BindError> {
        let back = i64::try_from(back.as_nanos()).unwrap_or(i64::MAX);
        let mut compiler = Compiler {
            catalogue,
            semantics: self.semantics(),
            facts: Facts::default(),
            by_route: catalogue.has_routes() && names_route(self.text()),
            depth: back,
            times: 1,
            outermost: back == 0,
            plan: Plan::default(),
        };
        let (root, order) = unsorted(&self.expr, Order::Labels);
        let root = match root {
            Expr::StringLiteral(text) => Root::Text(text.val.clone()),
            Expr::MatrixSelector(_) | Expr::Subquery(_) => {
                Root::Samples(Box::new(compiler.raw(root)?))
            }
            _ => match compiler.value(root)? {
                Value::Scalar(operand) => Root::Number(operand),
                Value::Vector(step) => Root::Vector(step, order),
            },
        };
        let Compiler { facts, plan, .. } = compiler;
        let exact = catalogue.origin() == Origin::Simulated { scraped: false };
        if exact && facts.every {
            let part = facts.beyond_edges.unwrap_or_else(|| self.text().to_owned());
            return Err(BindError::NeedsScrapes { part });
        }
        Ok(Bound {
            query: self.clone(),
            catalogue: Arc::new(catalogue.clone()),
            plan,
            root,
            facts,
            back,
        })
    }
}

/// Whether a query names the label `route` outside of texts.
fn names_route(text: &str) -> bool {
    super::text::words(text).any(|word| word == "route")
}

/// What is sorted, and how.
fn unsorted(expr: &Expr, order: Order) -> (&Expr, Order) {
    match expr {
        Expr::Paren(paren) => unsorted(&paren.expr, order),
        Expr::Call(call) => {
            let order = match Function::named(call.func.name) {
                Some(Function::Sort) => Order::Ascending,
                Some(Function::SortDescending) => Order::Descending,
                _ => return (expr, order),
            };
            (expr, order)
        }
        _ => (expr, order),
    }
}

impl Bound {
    /// The query as written.
    pub fn text(&self) -> &str {
        self.query.text()
    }

    /// The length of the window that its figures are about: that of its `rate`s where all have one,
    /// and the longest of its windows otherwise; never zero.
    pub fn window(&self) -> Span {
        let nanos = match (self.facts.edges, self.facts.every) {
            (Some(range), false) => range,
            (edges, _) => edges.unwrap_or(0).max(self.facts.longest),
        };
        Span::from_nanos(nanos.unsigned_abs().max(1_000_000))
    }

    /// How far back it reads samples.
    pub fn reach(&self) -> Span {
        let reach = Span::from_nanos(self.facts.reach.unsigned_abs());
        reach.max(self.window())
    }

    /// What has to be counted for it, and whether every scrape has to be recorded.
    pub fn demand(&self) -> Demand {
        Demand {
            every_scrape: self.facts.every,
            ..self.facts.demand
        }
    }

    /// Selectors of exported metrics that match no series, and so never will.
    pub fn unmatched(&self) -> &[String] {
        &self.facts.unmatched
    }

    /// Whose answers it gives.
    pub fn semantics(&self) -> Semantics {
        self.query.semantics()
    }

    /// The answer at `now`.
    ///
    /// # Errors
    /// When Prometheus would answer with an error, as for two partners in a match, and when a metrics
    /// server that answers instead has not done so ([`Telemetry::answer_query`]).
    pub fn ask(&self, now: Time, telemetry: &Telemetry) -> Result<Answer, AskError> {
        if let Some(answer) = self.looked_up(now, telemetry) {
            return answer;
        }
        let nanos = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let moment = self.moment(Source::Simulated(telemetry, now), nanos);
        telemetry.with_scratch(|scratch| self.answer(&moment, scratch))
    }

    /// The answers at every `step` from `start` on up to `end`, as seen at `now`: of a scalar or a
    /// vector a matrix. At most 11 000 steps are taken.
    ///
    /// # Errors
    /// As [`Bound::ask`].
    pub fn ask_range(
        &self,
        now: Time,
        (start, end): (Time, Time),
        step: Span,
        telemetry: &Telemetry,
    ) -> Result<Answer, AskError> {
        if let Some(answer) = self.looked_up(now, telemetry) {
            return answer;
        }
        let nanos = |time: Time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let step = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX);
        let moment = self.moment(Source::Simulated(telemetry, now), nanos(now));
        let range = (nanos(start), nanos(end));
        telemetry.with_scratch(|scratch| self.answers(&moment, range, step, scratch))
    }

    /// The values of the answer at `now`, in order of labels, without those: nothing is allocated
    /// once `values` is large enough.
    ///
    /// # Errors
    /// As [`Bound::ask`].
    pub fn ask_values(
        &self,
        now: Time,
        telemetry: &Telemetry,
        values: &mut Vec<f64>,
    ) -> Result<(), AskError> {
        values.clear();
        let (Root::Number(_) | Root::Vector(_, Order::Labels)) = &self.root else {
            *values = self.ask(now, telemetry)?.values();
            return Ok(());
        };
        if let Some(answer) = self.looked_up(now, telemetry) {
            *values = answer?.values();
            return Ok(());
        }
        let nanos = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let moment = self.moment(Source::Simulated(telemetry, now), nanos);
        telemetry.with_scratch(|scratch| {
            self.plan.evaluate(&moment, scratch)?;
            let slots = &scratch.slots;
            match &self.root {
                Root::Number(operand) => values.push(slots.values[operand.at]),
                Root::Vector(step, _) => {
                    let step = &self.plan.steps[*step];
                    let present = step.in_order.iter().map(|slot| step.at + *slot as usize);
                    let present = present.filter(|slot| slots.present[*slot]);
                    values.extend(present.map(|slot| slots.values[slot]));
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// What a metrics server has answered; `None` where there are samples to evaluate instead.
    fn looked_up(&self, now: Time, telemetry: &Telemetry) -> Option<Result<Answer, AskError>> {
        let answer = telemetry.answered(now, self.text());
        match answer {
            Some(answer) => Some(Ok(answer.clone())),
            None if telemetry.has_samples() => None,
            None => Some(Err(AskError::NoAnswer)),
        }
    }

    /// The answer at an instant in milliseconds, of recorded samples that the query was bound to.
    ///
    /// # Errors
    /// When Prometheus would answer with an error.
    pub fn ask_samples(&self, millis: i64, samples: &Samples) -> Result<Answer, AskError> {
        let now = millis.saturating_mul(1_000_000);
        let moment = self.moment(Source::Recorded(samples), now);
        self.answer(&moment, &mut Scratch::default())
    }

    /// The answers at every `step` milliseconds between two instants, both included.
    ///
    /// # Errors
    /// As [`Bound::ask_samples`].
    pub fn ask_samples_range(
        &self,
        (start, end): (i64, i64),
        step: i64,
        samples: &Samples,
    ) -> Result<Answer, AskError> {
        let nanos = |millis: i64| millis.saturating_mul(1_000_000);
        let moment = self.moment(Source::Recorded(samples), nanos(end));
        let range = (nanos(start), nanos(end));
        self.answers(&moment, range, nanos(step), &mut Scratch::default())
    }

    fn moment<'a>(&self, source: Source<'a>, now: i64) -> Moment<'a> {
        Moment {
            source,
            semantics: self.query.semantics(),
            now,
            start: now,
            end: now,
        }
    }

    fn answer(&self, moment: &Moment<'_>, scratch: &mut Scratch) -> Result<Answer, AskError> {
        self.plan.evaluate(moment, scratch)?;
        Ok(match &self.root {
            Root::Text(text) => Answer::Text(text.clone()),
            Root::Number(operand) => Answer::Scalar(scratch.slots.values[operand.at]),
            Root::Vector(step, order) => Answer::Vector(self.elements(*step, *order, scratch)),
            Root::Samples(raw) => Answer::Matrix(raw.collect(moment, scratch)?),
        })
    }

    fn elements(&self, step: usize, order: Order, scratch: &Scratch) -> Vec<(Labels, f64)> {
        let step = &self.plan.steps[step];
        let slots = &scratch.slots;
        let element = |slot: &u32| {
            let at = step.at + *slot as usize;
            let labels = &step.labels[*slot as usize];
            slots.present[at].then(|| (labels.clone(), slots.values[at]))
        };
        let mut elements: Vec<(Labels, f64)> = step.in_order.iter().filter_map(element).collect();
        // What is not a number comes last either way.
        let rank = |value: f64| match order {
            Order::Descending => -value,
            _ => value,
        };
        if order != Order::Labels {
            elements.sort_by(|(_, a), (_, b)| {
                let values = rank(*a).partial_cmp(&rank(*b));
                a.is_nan()
                    .cmp(&b.is_nan())
                    .then(values.unwrap_or(std::cmp::Ordering::Equal))
            });
        }
        elements
    }

    fn answers(
        &self,
        moment: &Moment<'_>,
        (start, end): (i64, i64),
        step: i64,
        scratch: &mut Scratch,
    ) -> Result<Answer, AskError> {
        let mut series: Vec<(Labels, Vec<(i64, f64)>)> = match &self.root {
            Root::Number(_) => vec![(Labels::none(), Vec::new())],
            Root::Vector(step, _) => {
                let step = &self.plan.steps[*step];
                let labels = step
                    .in_order
                    .iter()
                    .map(|slot| step.labels[*slot as usize].clone());
                labels.map(|labels| (labels, Vec::new())).collect()
            }
            Root::Text(_) | Root::Samples(_) => {
                let message = "a range is made of numbers and instant vectors alone";
                return Err(AskError::Execution(message.to_owned()));
            }
        };
        let mut now = start;
        let mut steps = 0;
        while now <= end && steps <= super::check::MOST_STEPS {
            let moment = Moment {
                now,
                start,
                end,
                ..*moment
            };
            self.plan.evaluate(&moment, scratch)?;
            let slots = &scratch.slots;
            let millis = now.div_euclid(1_000_000);
            match &self.root {
                Root::Vector(step, _) => {
                    let step = &self.plan.steps[*step];
                    for ((_, samples), slot) in series.iter_mut().zip(&step.in_order) {
                        let at = step.at + *slot as usize;
                        if slots.present[at] {
                            samples.push((millis, slots.values[at]));
                        }
                    }
                }
                Root::Number(operand) => series[0].1.push((millis, slots.values[operand.at])),
                _ => {}
            }
            steps += 1;
            match now.checked_add(step.max(1)) {
                Some(next) => now = next,
                None => break,
            }
        }
        series.retain(|(_, samples)| !samples.is_empty());
        Ok(Answer::Matrix(merged(series)))
    }
}

/// Series of equal labels as one: they took turns.
fn merged(series: Vec<(Labels, Vec<(i64, f64)>)>) -> Vec<(Labels, Vec<(i64, f64)>)> {
    let mut all: Vec<(Labels, Vec<(i64, f64)>)> = Vec::with_capacity(series.len());
    for (labels, samples) in series {
        match all.last_mut() {
            Some((before, list)) if *before == labels => {
                list.extend(samples);
                list.sort_by_key(|(millis, _)| *millis);
            }
            _ => all.push((labels, samples)),
        }
    }
    all
}

impl Answer {
    /// Its numbers in order: those of all series one after another; none of a text.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Answer::Scalar(value) => vec![*value],
            Answer::Text(_) => Vec::new(),
            Answer::Vector(elements) => elements.iter().map(|(_, value)| *value).collect(),
            Answer::Matrix(series) => {
                let samples = series.iter().flat_map(|(_, samples)| samples);
                samples.map(|(_, value)| *value).collect()
            }
        }
    }
}

/// Bound queries are equal when the query and what it was bound to are.
impl PartialEq for Bound {
    fn eq(&self, other: &Bound) -> bool {
        self.query == other.query && self.back == other.back && self.catalogue == other.catalogue
    }
}
