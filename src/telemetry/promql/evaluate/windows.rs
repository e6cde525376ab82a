//! Steps that read samples.

use super::super::AskError;
use super::super::catalogue::Quantity;
use super::super::compile::Raw;
use super::super::labels::Labels;
use super::super::over_time;
use super::super::plan::{At, Columns, Op, Plan, Run, Shift, Window};
use super::super::samples::STALE;
use super::{Before, Moment, Own, Scratch, Source, Work, seconds};
use crate::base::{Span, Time};
use crate::telemetry::exposition::Dialect;
use crate::telemetry::store::Rows;

/// How long an instant selector takes a sample for the present: five minutes.
pub(in crate::telemetry::promql) const LOOKBACK: i64 = 300_000_000_000;

impl Shift {
    /// Where a selector looks.
    fn end(self, moment: &Moment<'_>) -> i64 {
        let base = match self.at {
            None => moment.now,
            Some(At::Start) => moment.start,
            Some(At::End) => moment.end,
            Some(At::Nanos(nanos)) => nanos,
        };
        base.saturating_sub(self.offset)
    }
}

impl Moment<'_> {
    /// The first instant of a window that ends at `end`, in nanoseconds.
    fn first(&self, end: i64, length: i64) -> i64 {
        let edge = end.saturating_sub(length);
        edge.saturating_add(i64::from(self.semantics.open_windows))
    }
}

/// Instants of the simulation; before its start there are none.
fn instant(nanos: i64) -> Time {
    Time::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

/// The newest samples, or when they were taken.
pub(super) fn newest(
    columns: &Columns,
    shift: Shift,
    times: bool,
    moment: &Moment<'_>,
    own: &mut Own<'_>,
) {
    let end = shift.end(moment);
    let first = moment.first(end, LOOKBACK);
    own.clear();
    match (columns, moment.source) {
        (Columns::Recorded(columns), Source::Recorded(samples)) => {
            for (slot, column) in columns.iter().enumerate() {
                let series = &samples.series()[*column];
                let after = series.times().partition_point(|time| *time <= end);
                let Some(place) = after.checked_sub(1) else {
                    continue;
                };
                let (time, value) = (series.times()[place], series.values()[place]);
                if time >= first && value.to_bits() != STALE {
                    own.set(slot, Some(if times { seconds(time) } else { value }));
                }
            }
        }
        (Columns::Counters(runs), Source::Simulated(..)) => {
            for run in runs {
                let Some(rows) = rows(run, first, end, moment) else {
                    continue;
                };
                let Some((last, time)) = rows.times().iter().enumerate().next_back() else {
                    continue;
                };
                let mut reader = Reader::default();
                for (quantity, slot) in &run.reads {
                    let value = match times {
                        true => seconds(nanos(*time)),
                        false => reader.read(&rows, last, *quantity),
                    };
                    own.set(*slot as usize, Some(value));
                }
            }
        }
        _ => {}
    }
}

fn nanos(time: Time) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// The rows of a run from `first` to `end`, both included.
fn rows<'a>(run: &Run, first: i64, end: i64, moment: &Moment<'a>) -> Option<Rows<'a>> {
    let Source::Simulated(telemetry, now) = moment.source else {
        return None;
    };
    let goal = matches!(run.reads.first(), Some((Quantity::Goal { .. }, _)));
    let status = (!goal).then_some(run.status);
    let times = instant(first)..instant(end.saturating_add(1));
    (end >= 0).then(|| telemetry.rows_of((run.version, run.route), status, times, now))
}

/// Reads counters of one row, buckets in order.
#[derive(Debug, Default)]
struct Reader {
    next: usize,
    below: u64,
}

impl Reader {
    fn read(&mut self, rows: &Rows<'_>, row: usize, quantity: Quantity) -> f64 {
        match quantity {
            Quantity::Requests => rows.requests(row) as f64,
            Quantity::Bucket(bucket) => {
                let buckets = rows.buckets(row);
                while self.next <= bucket {
                    self.below += buckets.get(self.next).copied().unwrap_or_default();
                    self.next += 1;
                }
                self.below as f64
            }
            Quantity::Seconds => rows.seconds(row),
            Quantity::Milliseconds => rows.seconds(row) * 1_000.0,
            Quantity::Goal { goal, sum } => {
                let name = Dialect::goal_names()[sum];
                Dialect::goal_sum(name, &mut rows.goal(row, goal)).map_or(f64::NAN, |sum| *sum)
            }
        }
    }
}

/// `rate` and `increase` from the samples at a window's edges; nothing falls between them.
pub(super) fn rise(
    runs: &[Run],
    per_second: bool,
    range: i64,
    moment: &Moment<'_>,
    own: &mut Own<'_>,
) {
    own.clear();
    let Source::Simulated(telemetry, _) = moment.source else {
        return;
    };
    let span = Span::from_nanos(range.unsigned_abs());
    for run in runs {
        let subject = (run.version, run.route);
        let Some(edges) = telemetry.edges_of(subject, run.status, instant(moment.now), span) else {
            continue;
        };
        let extrapolation = edges.extrapolation;
        let mut put = |slot: u32, low: f64, high: f64| {
            let value = match (&extrapolation, per_second) {
                (Some(extrapolation), true) => extrapolation.rate(low, high),
                (Some(extrapolation), false) => extrapolation.increase(low, high - low),
                (None, true) => (high - low) / span.as_secs_f64(),
                (None, false) => high - low,
            };
            own.values[slot as usize] = value;
            own.present[slot as usize] = true;
        };
        let (first, last) = edges.buckets();
        let (mut next, mut low, mut high) = (0, 0_u64, 0_u64);
        for (quantity, slot) in &run.reads {
            match quantity {
                Quantity::Bucket(bucket) => {
                    while next <= *bucket && next < last.len() {
                        low += first.get(next).copied().unwrap_or_default();
                        high += last[next];
                        next += 1;
                    }
                    put(*slot, low as f64, high as f64);
                }
                Quantity::Requests => {
                    let (low, high) = edges.requests();
                    put(*slot, low as f64, high as f64);
                }
                Quantity::Seconds => {
                    let (low, high) = edges.seconds();
                    put(*slot, low, high);
                }
                Quantity::Milliseconds => {
                    let (low, high) = edges.seconds();
                    put(*slot, low * 1_000.0, high * 1_000.0);
                }
                Quantity::Goal { .. } => {}
            }
        }
    }
}

/// A function of the samples in a window.
pub(super) fn window(
    columns: &Columns,
    window: &Window,
    moment: &Moment<'_>,
    before: Before<'_>,
    own: &mut Own<'_>,
    work: &mut Work,
) {
    let number = window.number.map_or(0.0, |at| before.number(at));
    let place = window.place(moment);
    own.clear();
    each_window(columns, window, moment, work, &mut |slot, times, values| {
        let value = (window.function).of(times, values, place, number, moment.semantics);
        own.set(slot, value);
    });
}

impl Window {
    fn place(&self, moment: &Moment<'_>) -> over_time::Span {
        over_time::Span {
            end: self.shift.end(moment),
            length: self.range,
            now: moment.now,
        }
    }
}

/// Hands over the samples of each slot that a window shows, staleness markers left out.
fn each_window(
    columns: &Columns,
    window: &Window,
    moment: &Moment<'_>,
    work: &mut Work,
    each: &mut impl FnMut(usize, &[i64], &[f64]),
) {
    let end = window.shift.end(moment);
    let first = moment.first(end, window.range);
    match (columns, moment.source) {
        (Columns::Recorded(columns), Source::Recorded(samples)) => {
            for (slot, column) in columns.iter().enumerate() {
                let series = &samples.series()[*column];
                let from = series.times().partition_point(|time| *time < first);
                let to = series
                    .times()
                    .partition_point(|time| *time <= end)
                    .max(from);
                let (times, values) = (&series.times()[from..to], &series.values()[from..to]);
                if values.iter().all(|value| value.to_bits() != STALE) {
                    each(slot, times, values);
                    continue;
                }
                work.times.clear();
                work.floats.clear();
                for (time, value) in times.iter().zip(values) {
                    if value.to_bits() != STALE {
                        work.times.push(*time);
                        work.floats.push(*value);
                    }
                }
                each(slot, &work.times, &work.floats);
            }
        }
        (Columns::Counters(runs), Source::Simulated(..)) => {
            for run in runs {
                let Some(rows) = rows(run, first, end, moment) else {
                    continue;
                };
                work.times.clear();
                work.times
                    .extend(rows.times().iter().map(|time| nanos(*time)));
                for (quantity, slot) in &run.reads {
                    let count = work.times.len();
                    let read = |row| Reader::default().read(&rows, row, *quantity);
                    work.floats.clear();
                    work.floats.extend((0..count).map(read));
                    each(*slot as usize, &work.times, &work.floats);
                }
            }
        }
        _ => {}
    }
}

/// The series that a window shows, with times in milliseconds.
type Collected = Vec<(Labels, Vec<(i64, f64)>)>;

impl Raw {
    /// The samples, in order of labels.
    pub(in crate::telemetry::promql) fn collect(
        &self,
        moment: &Moment<'_>,
        scratch: &mut Scratch,
    ) -> Result<Collected, AskError> {
        let mut collected: Collected = Vec::new();
        let mut keep = |slot: usize, times: &[i64], values: &[f64]| {
            if !times.is_empty() {
                let millis = times.iter().map(|time| time.div_euclid(1_000_000));
                let samples = millis.zip(values.iter().copied());
                collected.push((self.labels[slot].clone(), samples.collect()));
            }
        };
        match &self.op {
            Op::Window { columns, window } => {
                each_window(columns, window, moment, &mut scratch.work, &mut keep);
            }
            Op::Subquery { plan, step, window } => {
                let inner = scratch.inner.get_or_insert_default();
                points(plan, *step, window, moment, &mut scratch.work, inner)?;
                let series = &scratch.work.series[..plan.root().count];
                for (slot, (times, values)) in series.iter().enumerate() {
                    keep(slot, times, values);
                }
            }
            _ => {}
        }
        collected.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(collected)
    }
}

/// A function of the values that a plan gives at every step.
#[expect(clippy::too_many_arguments, reason = "all that an evaluation has")]
pub(super) fn subquery(
    plan: &Plan,
    step: i64,
    window: &Window,
    moment: &Moment<'_>,
    before: Before<'_>,
    own: &mut Own<'_>,
    work: &mut Work,
    inner: &mut Scratch,
) -> Result<(), AskError> {
    let number = window.number.map_or(0.0, |at| before.number(at));
    points(plan, step, window, moment, work, inner)?;
    let place = window.place(moment);
    let series = &work.series[..plan.root().count];
    for (slot, (times, values)) in series.iter().enumerate() {
        let value = (window.function).of(times, values, place, number, moment.semantics);
        own.set(slot, value);
    }
    Ok(())
}

/// The values of a plan at every step of a window, slot by slot.
fn points(
    plan: &Plan,
    step: i64,
    window: &Window,
    moment: &Moment<'_>,
    work: &mut Work,
    inner: &mut Scratch,
) -> Result<(), AskError> {
    let end = window.shift.end(moment);
    let first = moment.first(end, window.range);
    let root = plan.root();
    let series = &mut work.series;
    if series.len() < root.count {
        series.resize_with(root.count, Default::default);
    }
    for (times, values) in series.iter_mut() {
        times.clear();
        values.clear();
    }
    // Multiples of the step, whatever the instant evaluated.
    let mut now = first.div_euclid(step).saturating_mul(step);
    if now < first {
        now = now.saturating_add(step);
    }
    while now <= end && now < i64::MAX {
        let moment = Moment { now, ..*moment };
        plan.evaluate(&moment, inner)?;
        let slots = &inner.slots;
        for (slot, (times, values)) in series[..root.count].iter_mut().enumerate() {
            if slots.present[root.at + slot] {
                times.push(now);
                values.push(slots.values[root.at + slot]);
            }
        }
        now = now.saturating_add(step);
    }
    Ok(())
}
