//! Makes a plan of a query and a catalogue of series.

mod calls;
mod selectors;
mod vectors;

pub(super) use selectors::Raw;

use std::collections::BTreeMap;

use promql_parser::parser::{Expr, LabelModifier, Offset, UnaryExpr};

use super::BindError;
use super::Semantics;
use super::catalogue::Catalogue;
use super::elements::Element;
use super::labels::Labels;
use super::operators::Operator;
use super::plan::{At, Clash, Op, Operand, Plan, Shift, Step};
use crate::telemetry::Demand;

/// As many slots a plan may have.
const MOST_SLOTS: usize = 1_000_000;

/// What an expression has become.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    /// A number.
    Scalar(Operand),
    /// A vector, by the number of its step.
    Vector(usize),
}

/// What a query reads, found out on the way.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) demand: Demand,
    /// The window of every `rate` and `increase` that reads its edges only.
    pub(super) edges: Option<i64>,
    /// Whether anything else reads samples: then every scrape counts.
    pub(super) every: bool,
    /// The longest window, and how far back anything reads, in nanoseconds.
    pub(super) longest: i64,
    pub(super) reach: i64,
    /// Selectors of exported metrics that match no series.
    pub(super) unmatched: Vec<String>,
    /// How many samples are read for one answer.
    pub(super) reads: u64,
    /// What the query reads otherwise than at a window's edges, for an error.
    pub(super) beyond_edges: Option<String>,
}

/// Makes steps of expressions.
pub(super) struct Compiler<'c> {
    pub(super) catalogue: &'c Catalogue,
    pub(super) semantics: Semantics,
    pub(super) facts: Facts,
    /// Whether the query names the label `route`.
    pub(super) by_route: bool,
    /// How much further back a subquery around looks, and how often it does.
    pub(super) depth: i64,
    pub(super) times: u64,
    /// Whether selectors look from the instant asked about.
    pub(super) outermost: bool,
    pub(super) plan: Plan,
}

impl Compiler<'_> {
    /// The value of an expression that is a number or an instant vector.
    pub(super) fn value(&mut self, expr: &Expr) -> Result<Value, BindError> {
        match expr {
            Expr::Paren(paren) => self.value(&paren.expr),
            Expr::NumberLiteral(number) => self.number(number.val).map(Value::Scalar),
            Expr::Unary(unary) => self.negate(unary),
            Expr::VectorSelector(selector) => self.instant(selector, false).map(Value::Vector),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate).map(Value::Vector),
            Expr::Call(call) => self.call(call),
            Expr::StringLiteral(_)
            | Expr::MatrixSelector(_)
            | Expr::Subquery(_)
            | Expr::Extension(_) => Err(BindError::unevaluated(expr)),
        }
    }

    /// An instant vector.
    pub(super) fn vector(&mut self, expr: &Expr) -> Result<usize, BindError> {
        match self.value(expr)? {
            Value::Vector(step) => Ok(step),
            Value::Scalar(_) => Err(BindError::unevaluated(expr)),
        }
    }

    /// A number.
    pub(super) fn scalar(&mut self, expr: &Expr) -> Result<Operand, BindError> {
        match self.value(expr)? {
            Value::Scalar(operand) => Ok(operand),
            Value::Vector(_) => Err(BindError::unevaluated(expr)),
        }
    }

    pub(super) fn number(&mut self, value: f64) -> Result<Operand, BindError> {
        self.push_scalar(Op::Number(value.to_bits()))
    }

    fn negate(&mut self, unary: &UnaryExpr) -> Result<Value, BindError> {
        match self.value(&unary.expr)? {
            Value::Scalar(operand) => {
                let minus = self.number(-1.0)?;
                let op = Op::Numbers {
                    operator: Operator::Multiply,
                    left: operand,
                    right: minus,
                };
                self.push_scalar(op).map(Value::Scalar)
            }
            Value::Vector(step) => {
                let op = Op::Element {
                    element: Element::Negate,
                    input: self.operand(step),
                    numbers: [None; 2],
                };
                self.push_nameless(op, step).map(Value::Vector)
            }
        }
    }

    pub(super) fn operand(&self, step: usize) -> Operand {
        self.plan.steps[step].operand()
    }

    pub(super) fn labels(&self, step: usize) -> &[Labels] {
        &self.plan.steps[step].labels
    }

    /// Adds a step with one value that is always there.
    pub(super) fn push_scalar(&mut self, op: Op) -> Result<Operand, BindError> {
        let step = self.push(op, vec![Labels::none()])?;
        Ok(self.operand(step))
    }

    /// Adds a step with the slots of another, their names dropped.
    pub(super) fn push_nameless(&mut self, op: Op, like: usize) -> Result<usize, BindError> {
        let labels = self.labels(like).iter().map(Labels::nameless).collect();
        self.push(op, labels)
    }

    /// Adds a step, or finds the same one: what occurs twice is evaluated once.
    pub(super) fn push(&mut self, op: Op, labels: Vec<Labels>) -> Result<usize, BindError> {
        let clashes = clashes(&labels);
        self.push_with(op, labels, clashes)
    }

    pub(super) fn push_with(
        &mut self,
        op: Op,
        labels: Vec<Labels>,
        clashes: Vec<Clash>,
    ) -> Result<usize, BindError> {
        let known =
            (self.plan.steps.iter()).position(|step| step.op == op && step.labels == labels);
        if let Some(step) = known {
            return Ok(step);
        }
        let at = self.plan.slots;
        self.plan.slots += labels.len();
        if self.plan.slots > MOST_SLOTS {
            return Err(BindError::TooLarge { most: MOST_SLOTS });
        }
        let in_order = in_order(&labels);
        self.plan.steps.push(Step {
            op,
            at,
            labels,
            clashes,
            in_order,
        });
        Ok(self.plan.steps.len() - 1)
    }

    /// The plan with this step's value as the answer.
    pub(super) fn finish(&mut self, step: usize) -> Result<(), BindError> {
        if step + 1 == self.plan.steps.len() {
            return Ok(());
        }
        // Found among earlier steps: said once more at the end.
        let labels = self.labels(step).to_vec();
        let op = Op::Copy(self.operand(step));
        let at = self.plan.slots;
        self.plan.slots += labels.len();
        self.plan.steps.push(Step {
            op,
            at,
            in_order: in_order(&labels),
            labels,
            clashes: Vec::new(),
        });
        Ok(())
    }
}

/// Slots in order of their labels.
fn in_order(labels: &[Labels]) -> Vec<u32> {
    let mut slots: Vec<u32> = (0..labels.len() as u32).collect();
    slots.sort_by(|a, b| labels[*a as usize].cmp(&labels[*b as usize]));
    slots
}

/// Slots with equal labels.
pub(super) fn clashes(labels: &[Labels]) -> Vec<Clash> {
    let mut by_labels: BTreeMap<&Labels, Vec<u32>> = BTreeMap::new();
    for (slot, labels) in labels.iter().enumerate() {
        by_labels.entry(labels).or_default().push(slot as u32);
    }
    let equal = by_labels.into_values().filter(|slots| slots.len() > 1);
    equal
        .map(|slots| Clash {
            slots,
            within_group: false,
        })
        .collect()
}

/// What grouping leaves of labels: those listed, or all but them and the name.
pub(super) fn grouped(labels: &Labels, grouping: Option<&LabelModifier>) -> Labels {
    match grouping {
        None => Labels::none(),
        Some(LabelModifier::Include(list)) => labels.only(&list.labels),
        Some(LabelModifier::Exclude(list)) => labels.without(&list.labels),
    }
}

/// Numbers for keys, in order of first appearance.
#[derive(Debug, Default)]
pub(super) struct Keys {
    numbers: BTreeMap<Labels, u32>,
    pub(super) list: Vec<Labels>,
}

impl Keys {
    pub(super) fn number(&mut self, key: Labels) -> u32 {
        let next = self.list.len() as u32;
        *self.numbers.entry(key).or_insert_with_key(|key| {
            self.list.push(key.clone());
            next
        })
    }
}

/// A selector's offset and `@`.
pub(super) fn shift(
    offset: Option<&Offset>,
    at: Option<&promql_parser::parser::AtModifier>,
) -> Shift {
    use promql_parser::parser::AtModifier;
    let nanos = |duration: &std::time::Duration| {
        i64::try_from(duration.as_millis())
            .map_or(i64::MAX, |millis| millis.saturating_mul(1_000_000))
    };
    Shift {
        offset: match offset {
            None => 0,
            Some(Offset::Pos(duration)) => nanos(duration),
            Some(Offset::Neg(duration)) => -nanos(duration),
        },
        at: at.map(|at| match at {
            AtModifier::Start => At::Start,
            AtModifier::End => At::End,
            AtModifier::At(time) => At::Nanos(match time.duration_since(std::time::UNIX_EPOCH) {
                Ok(after) => nanos(&after),
                Err(before) => -nanos(&before.duration()),
            }),
        }),
    }
}
