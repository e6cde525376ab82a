//! Evaluates plans: numbers in, numbers out, in memory that is used again.

mod aggregates;
mod matches;
mod windows;

pub(super) use windows::LOOKBACK;

use super::plan::{Clash, Op, Operand, Plan, Step};
use super::samples::Samples;
use super::sums::Sum;
use super::{AskError, Semantics};
use crate::base::Time;
use crate::telemetry::Telemetry;

/// Where samples come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    Recorded(&'a Samples),
    /// Telemetry as it can be seen at an instant.
    Simulated(&'a Telemetry, Time),
}

/// What is evaluated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) source: Source<'a>,
    pub(super) semantics: Semantics,
    /// The instant, in nanoseconds.
    pub(super) now: i64,
    /// First and last instant of the whole question.
    pub(super) start: i64,
    pub(super) end: i64,
}

/// Memory of evaluations.
#[derive(Debug, Clone, Default)]
pub(in crate::telemetry) struct Scratch {
    pub(super) slots: Slots,
    work: Work,
    /// Of a subquery's plan.
    inner: Option<Box<Scratch>>,
}

/// Values of all slots, and which of them there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    pub(super) values: Vec<f64>,
    pub(super) present: Vec<bool>,
}

/// What single steps work with.
#[derive(Debug, Clone, Default)]
pub(super) struct Work {
    keys: Vec<u32>,
    sums: Vec<Sum>,
    counts: Vec<u32>,
    floats: Vec<f64>,
    order: Vec<u32>,
    times: Vec<i64>,
    /// Samples of each slot of a subquery.
    series: Vec<(Vec<i64>, Vec<f64>)>,
}

/// Slots of earlier steps, to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    values: &'a [f64],
    present: &'a [bool],
}

/// The slots of the step that is evaluated.
#[derive(Debug)]
pub(super) struct Own<'a> {
    values: &'a mut [f64],
    present: &'a mut [bool],
}

impl<'a> Before<'a> {
    fn values(&self, operand: Operand) -> &'a [f64] {
        &self.values[operand.at..][..operand.count]
    }

    fn present(&self, operand: Operand) -> &'a [bool] {
        &self.present[operand.at..][..operand.count]
    }

    /// The value of a number.
    fn number(&self, operand: Operand) -> f64 {
        self.values[operand.at]
    }

    /// The values that there are, with their slots.
    fn iter(&self, operand: Operand) -> impl Iterator<Item = (usize, f64)> + use<'a> {
        let slots = self.values(operand).iter().zip(self.present(operand));
        (slots.enumerate()).filter_map(|(slot, (value, present))| present.then_some((slot, *value)))
    }
}

impl Own<'_> {
    fn set(&mut self, slot: usize, value: Option<f64>) {
        self.present[slot] = value.is_some();
        self.values[slot] = value.unwrap_or_default();
    }

    fn clear(&mut self) {
        self.present.fill(false);
    }
}

impl Plan {
    /// Evaluates every step; the answer is then in the slots of the last.
    pub(super) fn evaluate(
        &self,
        moment: &Moment<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), AskError> {
        let slots = &mut scratch.slots;
        if slots.values.len() < self.slots {
            slots.values.resize(self.slots, 0.0);
            slots.present.resize(self.slots, false);
        }
        for step in &self.steps {
            let (before_values, values) = scratch.slots.values.split_at_mut(step.at);
            let (before_present, present) = scratch.slots.present.split_at_mut(step.at);
            let before = Before {
                values: before_values,
                present: before_present,
            };
            let count = step.labels.len();
            let mut own = Own {
                values: &mut values[..count],
                present: &mut present[..count],
            };
            let inner = &mut scratch.inner;
            step.evaluate(moment, before, &mut own, &mut scratch.work, inner)?;
            if !step.clashes.is_empty() {
                step.check_labels(own.present)?;
            }
        }
        Ok(())
    }
}

impl Step {
    fn evaluate(
        &self,
        moment: &Moment<'_>,
        before: Before<'_>,
        own: &mut Own<'_>,
        work: &mut Work,
        inner: &mut Option<Box<Scratch>>,
    ) -> Result<(), AskError> {
        match &self.op {
            Op::Instant {
                columns,
                shift,
                times,
            } => windows::newest(columns, *shift, *times, moment, own),
            Op::Rise {
                runs,
                per_second,
                range,
            } => windows::rise(runs, *per_second, *range, moment, own),
            Op::Window { columns, window } => {
                windows::window(columns, window, moment, before, own, work);
            }
            Op::Subquery { plan, step, window } => {
                let inner = inner.get_or_insert_default();
                return windows::subquery(plan, *step, window, moment, before, own, work, inner);
            }
            Op::Match(_)
            | Op::Set(_)
            | Op::Aggregate { .. }
            | Op::Rank { .. }
            | Op::Quantile { .. } => {
                return self.combine(moment, before, own, work);
            }
            _ => self.compute(moment, before, own),
        }
        Ok(())
    }

    /// Numbers, and vectors value by value.
    fn compute(&self, moment: &Moment<'_>, before: Before<'_>, own: &mut Own<'_>) {
        match &self.op {
            Op::Number(bits) => own.set(0, Some(f64::from_bits(*bits))),
            Op::Time => own.set(0, Some(seconds(moment.now))),
            Op::ScalarOf(vector) => {
                let mut values = before.iter(*vector);
                let only = values.next().filter(|_| values.next().is_none());
                own.set(0, Some(only.map_or(f64::NAN, |(_, value)| value)));
            }
            Op::Numbers {
                operator,
                left,
                right,
            } => {
                let value = operator.number(before.number(*left), before.number(*right));
                own.set(0, Some(value));
            }
            Op::Element {
                element,
                input,
                numbers,
            } => {
                let numbers = numbers.map(|number| number.map_or(0.0, |at| before.number(at)));
                own.clear();
                for (slot, value) in before.iter(*input) {
                    own.set(slot, element.of(value, numbers));
                }
            }
            Op::Date { part, input } => {
                own.clear();
                for (slot, value) in before.iter(*input) {
                    own.set(slot, Some(part.of(value)));
                }
            }
            Op::Now(input) => {
                own.present.copy_from_slice(before.present(*input));
                own.values.fill(seconds(moment.now));
            }
            Op::Side {
                operator,
                as_bool,
                vector,
                number,
                number_left,
            } => {
                let number = before.number(*number);
                own.clear();
                for (slot, value) in before.iter(*vector) {
                    let (a, b) = match number_left {
                        true => (number, value),
                        false => (value, number),
                    };
                    own.set(slot, operator.combine(a, b, value, *as_bool));
                }
            }
            Op::Copy(input) => {
                own.values.copy_from_slice(before.values(*input));
                own.present.copy_from_slice(before.present(*input));
            }
            Op::Absent(input) => {
                let absent = before.iter(*input).next().is_none();
                own.set(0, absent.then_some(1.0));
            }
            _ => {}
        }
    }

    /// Steps in which values of several slots meet.
    fn combine(
        &self,
        moment: &Moment<'_>,
        before: Before<'_>,
        own: &mut Own<'_>,
        work: &mut Work,
    ) -> Result<(), AskError> {
        match &self.op {
            Op::Match(op) => return matches::pairs(op, &self.labels, before, own, work),
            Op::Set(op) => matches::sets(op, before, own, work),
            Op::Aggregate {
                rule,
                input,
                groups,
                number,
            } => {
                let number = number.map_or(0.0, |at| before.number(at));
                let input = aggregates::Input {
                    slots: *input,
                    groups,
                };
                aggregates::aggregate(*rule, input, number, moment.semantics, before, own, work);
            }
            Op::Rank {
                smallest,
                input,
                groups,
                number,
            } => {
                let count = before.number(*number);
                let input = aggregates::Input {
                    slots: *input,
                    groups,
                };
                aggregates::rank(*smallest, input, count, before, own, work);
            }
            Op::Quantile {
                input,
                q,
                histograms,
            } => {
                let q = before.number(*q);
                aggregates::quantiles(q, *input, histograms, moment.semantics, before, own, work);
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses two values with equal labels.
    fn check_labels(&self, present: &[bool]) -> Result<(), AskError> {
        for Clash {
            slots,
            within_group,
        } in &self.clashes
        {
            let held = slots.iter().filter(|slot| present[**slot as usize]).count();
            if held > 1 {
                let message = match within_group {
                    true => {
                        "multiple matches for labels: grouping labels must ensure unique matches"
                    }
                    false => "vector cannot contain metrics with the same labelset",
                };
                return Err(AskError::Execution(message.to_owned()));
            }
        }
        Ok(())
    }
}

/// Nanoseconds as the seconds that queries see: whole milliseconds.
fn seconds(nanos: i64) -> f64 {
    super::over_time::millis(nanos) / 1_000.0
}
