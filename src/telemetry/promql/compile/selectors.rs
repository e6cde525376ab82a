//! Selectors and the functions that read their windows.

use std::collections::BTreeMap;

use promql_parser::parser::{Expr, MatrixSelector, SubqueryExpr, VectorSelector};

use super::super::BindError;
use super::super::catalogue::{Column, Counter, Entry, Matchers, Origin, Quantity};
use super::super::check::DEFAULT_STEP;
use super::super::evaluate::LOOKBACK;
use super::super::labels::{Labels, NAME};
use super::super::over_time::OverTime;
use super::super::plan::{At, Columns, Op, Operand, Plan, Run, Shift, Window};
use super::{Compiler, shift};
use crate::telemetry::{Demand, Status, Version};

/// So many samples may be read for one answer, each as often as it is.
const MOST_READS: u64 = 50_000_000;

impl Compiler<'_> {
    /// An instant selector: the newest samples, or their times.
    pub(super) fn instant(
        &mut self,
        selector: &VectorSelector,
        times: bool,
    ) -> Result<usize, BindError> {
        let shift = shift(selector.offset.as_ref(), selector.at.as_ref());
        let (columns, labels, _) = self.columns(selector)?;
        self.read(shift, LOOKBACK, labels.len())?;
        self.reads_every(|| selector.to_string());
        let labels = match times {
            true => labels.iter().map(Labels::nameless).collect(),
            false => labels,
        };
        let op = Op::Instant {
            columns,
            shift,
            times,
        };
        self.push(op, labels)
    }

    /// A function of the samples in the window of a range selector or a subquery.
    pub(super) fn window(
        &mut self,
        function: OverTime,
        number: Option<Operand>,
        expr: &Expr,
    ) -> Result<usize, BindError> {
        match expr {
            Expr::Paren(paren) => self.window(function, number, &paren.expr),
            Expr::MatrixSelector(selector) => self.samples(function, number, selector),
            Expr::Subquery(subquery) => self.subquery(function, number, subquery),
            _ => Err(BindError::unevaluated(expr)),
        }
    }

    /// The samples of a window as they are.
    pub(in crate::telemetry::promql) fn raw(&mut self, expr: &Expr) -> Result<Raw, BindError> {
        let step = self.window(OverTime::Last, None, expr)?;
        let step = &self.plan.steps[step];
        Ok(Raw {
            labels: step.labels.clone(),
            op: step.op.clone(),
        })
    }

    fn samples(
        &mut self,
        function: OverTime,
        number: Option<Operand>,
        selector: &MatrixSelector,
    ) -> Result<usize, BindError> {
        let shift = shift(selector.vs.offset.as_ref(), selector.vs.at.as_ref());
        let range = nanos(selector.range.as_millis());
        let (columns, labels, samples) = self.columns(&selector.vs)?;
        self.read(shift, range, samples.max(labels.len()))?;
        self.facts.longest = self.facts.longest.max(range);
        let labels = match function.keeps_name() {
            true => labels,
            false => labels.iter().map(Labels::nameless).collect(),
        };
        if let Some(runs) = self.edges_only(function, shift, &columns) {
            let same = self.facts.edges.is_none_or(|other| other == range);
            self.facts.edges = Some(range);
            // Windows of other lengths begin at scrapes of their own.
            self.facts.every |= !same;
            let op = Op::Rise {
                runs,
                per_second: function == OverTime::Rate,
                range,
            };
            return self.push(op, labels);
        }
        self.reads_every(|| selector.to_string());
        let window = Window {
            function,
            shift,
            range,
            number,
        };
        self.push(Op::Window { columns, window }, labels)
    }

    /// Whether only the first and the last sample of the window that ends now matter.
    fn edges_only(&self, function: OverTime, shift: Shift, columns: &Columns) -> Option<Vec<Run>> {
        let Columns::Counters(runs) = columns else {
            return None;
        };
        let rises = matches!(function, OverTime::Rate | OverTime::Increase);
        let new = self.semantics.open_windows && self.semantics.half_interval_first;
        let goals = (runs.iter().flat_map(|run| &run.reads))
            .any(|(quantity, _)| matches!(quantity, Quantity::Goal { .. }));
        let plain = rises && new && self.outermost && shift == Shift::default() && !goals;
        plain.then(|| runs.clone())
    }

    fn subquery(
        &mut self,
        function: OverTime,
        number: Option<Operand>,
        subquery: &SubqueryExpr,
    ) -> Result<usize, BindError> {
        let shift = shift(subquery.offset.as_ref(), subquery.at.as_ref());
        let range = nanos(subquery.range.as_millis());
        let step = nanos(subquery.step.unwrap_or(DEFAULT_STEP).as_millis()).max(1);
        let steps = (range / step).unsigned_abs() + 1;
        let back = range.saturating_add(shift.offset.max(0));
        let outer = Outer {
            plan: std::mem::take(&mut self.plan),
            depth: self.depth,
            times: self.times,
            outermost: self.outermost,
        };
        self.depth = self.depth.saturating_add(back);
        if shift.at.is_some() {
            self.depth = i64::MAX;
        }
        self.times = self.times.saturating_mul(steps);
        self.outermost = false;
        let inner = self
            .vector(&subquery.expr)
            .and_then(|step| self.finish(step));
        let plan = std::mem::replace(&mut self.plan, outer.plan);
        self.depth = outer.depth;
        self.times = outer.times;
        self.outermost = outer.outermost;
        inner?;
        let labels: Vec<Labels> = plan.steps.last().map_or(Vec::new(), |root| {
            let labels = root.labels.iter();
            match function.keeps_name() {
                true => labels.cloned().collect(),
                false => labels.map(Labels::nameless).collect(),
            }
        });
        let window = Window {
            function,
            shift,
            range,
            number,
        };
        let op = Op::Subquery {
            plan: Box::new(plan),
            step,
            window,
        };
        self.push(op, labels)
    }

    /// Notes how far back is read, and refuses what reads too much.
    fn read(&mut self, shift: Shift, length: i64, samples: usize) -> Result<(), BindError> {
        let back = length.saturating_add(shift.offset.max(0));
        let reach = match shift.at {
            None => self.depth.saturating_add(back),
            // The whole past, from the start of the rollout.
            Some(At::Start | At::End | At::Nanos(_)) => i64::MAX,
        };
        self.facts.reach = self.facts.reach.max(reach);
        self.facts.longest = self.facts.longest.max(length.min(LOOKBACK));
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        let reads = self.times.saturating_mul(samples);
        self.facts.reads = self.facts.reads.saturating_add(reads);
        if self.facts.reads > MOST_READS {
            return Err(BindError::TooLarge {
                most: MOST_READS as usize,
            });
        }
        Ok(())
    }

    fn reads_every(&mut self, text: impl FnOnce() -> String) {
        self.facts.every = true;
        self.facts.beyond_edges.get_or_insert_with(text);
    }

    /// The series that a selector finds, their labels, and how many samples they have.
    fn columns(
        &mut self,
        selector: &VectorSelector,
    ) -> Result<(Columns, Vec<Labels>, usize), BindError> {
        let matchers = &selector.matchers.matchers;
        let matchers = Matchers::new(selector.name.as_deref(), matchers, self.semantics);
        let found: Vec<&Entry> = (self.catalogue.entries().iter())
            .filter(|entry| self.is_shown(entry) && matchers.match_labels(&entry.labels))
            .collect();
        let labels: Vec<Labels> = found.iter().map(|entry| entry.labels.clone()).collect();
        let columns = match self.catalogue.origin() {
            Origin::Recorded => {
                Columns::Recorded(found.iter().filter_map(|e| e.recorded()).collect())
            }
            Origin::Simulated { .. } => {
                if found.is_empty() {
                    self.note_missing(selector, &matchers)?;
                }
                let counters = found.iter().filter_map(|entry| entry.counter());
                Columns::Counters(self.runs(counters))
            }
        };
        let samples = found.iter().map(|entry| entry.samples).sum();
        Ok((columns, labels, samples))
    }

    /// Whether a query sees a series: those of routes where it names the label `route`, those of
    /// whole versions where it does not.
    fn is_shown(&self, entry: &Entry) -> bool {
        match entry.counter() {
            Some(counter) if !matches!(counter.quantity, Quantity::Goal { .. }) => {
                counter.route.is_some() == self.by_route
            }
            _ => true,
        }
    }

    fn note_missing(
        &mut self,
        selector: &VectorSelector,
        matchers: &Matchers,
    ) -> Result<(), BindError> {
        let names = self.catalogue.metrics();
        if names.iter().any(|name| matchers.match_name(name)) {
            self.facts.unmatched.push(selector.to_string());
            return Ok(());
        }
        Err(BindError::Unexported {
            metric: matchers
                .metric()
                .map_or_else(|| selector.to_string(), str::to_owned),
            exported: names.into_iter().map(str::to_owned).collect(),
        })
    }

    /// Counters by what is scraped together; `counters` come slot by slot.
    fn runs(&mut self, counters: impl Iterator<Item = Counter>) -> Vec<Run> {
        type Key = (Version, Option<usize>, Status);
        let mut runs: BTreeMap<Key, Vec<(Quantity, u32)>> = BTreeMap::new();
        for (slot, counter) in counters.enumerate() {
            let demand = &mut self.facts.demand;
            *demand = demand.union(demand_of(counter));
            let key = (counter.version, counter.route, counter.status);
            runs.entry(key)
                .or_default()
                .push((counter.quantity, slot as u32));
        }
        let run = |((version, route, status), mut reads): (Key, Vec<(Quantity, u32)>)| {
            reads.sort_unstable();
            Run {
                version,
                route,
                status,
                reads,
            }
        };
        runs.into_iter().map(run).collect()
    }
}

/// Samples that are answered as they are.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::telemetry::promql) struct Raw {
    pub(in crate::telemetry::promql) labels: Vec<Labels>,
    /// A window or a subquery, whose function does not matter.
    pub(in crate::telemetry::promql) op: Op,
}

/// What surrounds a subquery while its inside is compiled.
struct Outer {
    plan: Plan,
    depth: i64,
    times: u64,
    outermost: bool,
}

fn nanos(millis: u128) -> i64 {
    i64::try_from(millis).map_or(i64::MAX, |millis| millis.saturating_mul(1_000_000))
}

fn demand_of(counter: Counter) -> Demand {
    Demand {
        stable: counter.version == Version::Stable,
        canary: counter.version == Version::Canary,
        baseline: counter.version == Version::Baseline,
        latency: matches!(counter.quantity, Quantity::Bucket(_)),
        sums: matches!(counter.quantity, Quantity::Seconds | Quantity::Milliseconds),
        routes: counter
            .route
            .map_or(0, |route| 1_u32.checked_shl(route as u32).unwrap_or(0)),
        goals: matches!(counter.quantity, Quantity::Goal { .. }),
        // The sums that are kept by user come after the first three.
        by_user: matches!(counter.quantity, Quantity::Goal { sum: 3.., .. }),
        users: false,
        every_scrape: false,
    }
}

impl Entry {
    fn recorded(&self) -> Option<usize> {
        match self.column {
            Column::Recorded(place) => Some(place),
            Column::Counter(_) => None,
        }
    }

    fn counter(&self) -> Option<Counter> {
        match self.column {
            Column::Recorded(_) => None,
            Column::Counter(counter) => Some(counter),
        }
    }
}

/// The labels that `absent` gives for an argument: what its matchers say for sure.
pub(super) fn certain_labels(expr: &Expr, semantics: super::Semantics) -> Labels {
    let selector = match expr {
        Expr::Paren(paren) => return certain_labels(&paren.expr, semantics),
        Expr::VectorSelector(selector) => selector,
        Expr::MatrixSelector(selector) => &selector.vs,
        _ => return Labels::none(),
    };
    let matchers = &selector.matchers.matchers;
    let labels = Matchers::new(selector.name.as_deref(), matchers, semantics).certain();
    debug_assert!(labels.get(NAME).is_empty());
    labels
}
