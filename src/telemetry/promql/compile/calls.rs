//! Function calls.

use std::collections::BTreeMap;

use promql_parser::parser::{Call, Expr};

use super::super::BindError;
use super::super::elements::Element;
use super::super::functions::{self, Function};
use super::super::labels::Labels;
use super::super::over_time::OverTime;
use super::super::plan::{Histogram, Op};
use super::selectors::certain_labels;
use super::{Compiler, Value, clashes};

impl Compiler<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Result<Value, BindError> {
        let args: Vec<&Expr> = call.args.args.iter().map(|arg| &**arg).collect();
        let whole = Expr::Call(call.clone());
        let refuse = || BindError::unevaluated(&whole);
        let function = Function::named(call.func.name).ok_or_else(refuse)?;
        let step = match (function, &args[..]) {
            (Function::Time, []) => return self.push_scalar(Op::Time).map(Value::Scalar),
            (Function::Pi, []) => return self.number(std::f64::consts::PI).map(Value::Scalar),
            (Function::Scalar, [vector]) => {
                let step = self.vector(vector)?;
                let op = Op::ScalarOf(self.operand(step));
                return self.push_scalar(op).map(Value::Scalar);
            }
            (Function::Vector, [number]) => {
                let number = self.scalar(number)?;
                self.push(Op::Copy(number), vec![Labels::none()])
            }
            (Function::OverTime(OverTime::Quantile), [number, window]) => {
                let number = self.scalar(number)?;
                self.window(OverTime::Quantile, Some(number), window)
            }
            (Function::OverTime(function), [window, number]) => {
                let number = self.scalar(number)?;
                self.window(function, Some(number), window)
            }
            (Function::OverTime(function), [window]) => self.window(function, None, window),
            (Function::Element(element), [vector, numbers @ ..]) => {
                self.element(element, vector, numbers)
            }
            (Function::Date(part), args) => {
                let step = match args {
                    [vector, ..] => self.vector(vector)?,
                    [] => {
                        let time = self.push_scalar(Op::Time)?;
                        self.push(Op::Copy(time), vec![Labels::none()])?
                    }
                };
                let input = self.operand(step);
                self.push_nameless(Op::Date { part, input }, step)
            }
            (Function::HistogramQuantile, [q, vector]) => {
                let q = self.scalar(q)?;
                let step = self.vector(vector)?;
                let (labels, histograms) = histograms(self.labels(step));
                let op = Op::Quantile {
                    input: self.operand(step),
                    q,
                    histograms,
                };
                self.push(op, labels)
            }
            (Function::Timestamp, [vector]) => self.timestamp(vector),
            (Function::Absent, [vector]) => {
                let step = self.vector(vector)?;
                let op = Op::Absent(self.operand(step));
                self.push(op, vec![certain_labels(vector, self.semantics)])
            }
            (Function::AbsentOverTime, [window]) => {
                let step = self.window(OverTime::Present, None, window)?;
                let op = Op::Absent(self.operand(step));
                self.push(op, vec![certain_labels(window, self.semantics)])
            }
            (Function::LabelReplace | Function::LabelJoin, [vector, texts @ ..]) => {
                let texts: Vec<&str> = texts
                    .iter()
                    .filter_map(|arg| functions::text_of(arg))
                    .collect();
                let step = self.vector(vector)?;
                let labels = match (function, &texts[..]) {
                    (Function::LabelReplace, [target, replacement, source, pattern]) => {
                        let pattern =
                            functions::matcher(pattern, self.semantics).ok_or_else(refuse)?;
                        let replace = |labels: &Labels| match functions::expand(
                            &pattern,
                            labels.get(source),
                            replacement,
                        ) {
                            Some(value) => labels.with(target, &value),
                            None => labels.clone(),
                        };
                        self.labels(step).iter().map(replace).collect()
                    }
                    (Function::LabelJoin, [target, separator, sources @ ..]) => {
                        let join = |labels: &Labels| {
                            let values: Vec<&str> = sources.iter().map(|s| labels.get(s)).collect();
                            labels.with(target, &values.join(separator))
                        };
                        self.labels(step).iter().map(join).collect()
                    }
                    _ => return Err(refuse()),
                };
                self.push(Op::Copy(self.operand(step)), labels)
            }
            // They order an answer, and nothing else has an order.
            (Function::Sort | Function::SortDescending, [vector]) => self.vector(vector),
            _ => Err(refuse()),
        };
        step.map(Value::Vector)
    }

    fn element(
        &mut self,
        element: Element,
        vector: &Expr,
        numbers: &[&Expr],
    ) -> Result<usize, BindError> {
        let step = self.vector(vector)?;
        let mut operands = [None; 2];
        for (operand, number) in operands.iter_mut().zip(numbers) {
            *operand = Some(self.scalar(number)?);
        }
        if element == Element::Round && operands[0].is_none() {
            operands[0] = Some(self.number(1.0)?);
        }
        let op = Op::Element {
            element,
            input: self.operand(step),
            numbers: operands,
        };
        self.push_nameless(op, step)
    }

    /// When samples were taken; of a computed vector, the instant evaluated.
    fn timestamp(&mut self, vector: &Expr) -> Result<usize, BindError> {
        match vector {
            Expr::Paren(paren) => self.timestamp(&paren.expr),
            Expr::VectorSelector(selector) => self.instant(selector, true),
            _ => {
                let step = self.vector(vector)?;
                let op = Op::Now(self.operand(step));
                self.push_nameless(op, step)
            }
        }
    }
}

/// Buckets by what their labels are but for `le`, with the labels of the results.
fn histograms(labels: &[Labels]) -> (Vec<Labels>, Vec<Histogram>) {
    let mut groups: BTreeMap<Labels, Vec<(f64, u32)>> = BTreeMap::new();
    for (slot, labels) in labels.iter().enumerate() {
        let Some(bound) = bound(labels.get("le")) else {
            continue;
        };
        let group = labels.without(&["le".to_owned()]);
        groups.entry(group).or_default().push((bound, slot as u32));
    }
    let of = |mut buckets: Vec<(f64, u32)>| {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let bounds: Vec<f64> = buckets.iter().map(|(bound, _)| *bound).collect();
        let distinct = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        let plain = distinct && bounds.last() == Some(&f64::INFINITY);
        let bounds = plain.then(|| bounds[..bounds.len() - 1].to_vec());
        Histogram { buckets, bounds }
    };
    debug_assert!(clashes(&groups.keys().cloned().collect::<Vec<_>>()).is_empty());
    groups
        .into_iter()
        .map(|(labels, buckets)| (labels, of(buckets)))
        .unzip()
}

/// A bucket's bound as Go reads numbers; not a number is none.
fn bound(text: &str) -> Option<f64> {
    let bound: f64 = text.parse().ok()?;
    (!bound.is_nan()).then_some(bound)
}
