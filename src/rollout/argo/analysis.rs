//! An AnalysisRun: which metrics are measured when, and what their measurements make of the run.
//!
//! Replayed is `analysis/analysis.go` (`reconcileAnalysisRun`, `generateMetricTasks`,
//! `assessMetricStatus`, `assessRunStatus`, `calculateNextReconcileTime`) and
//! `utils/analysis/helpers.go` (`ValidateMetrics`).

mod metric;
mod spec;

#[cfg(test)]
mod tests;

pub use metric::Counts;
pub use spec::{AnalysisMetric, Effort, RunSpec};

use std::fmt;
use std::sync::Arc;

use self::metric::Progress;
use crate::base::{Span, Time};
use crate::gate::{GateSet, Verdict};

/// Phase of a run, of a metric or of one measurement, from best to worst as Argo ranks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnalysisPhase {
    /// All is well, or it was ended before anything was wrong.
    Successful,
    /// Under way.
    Running,
    /// Not begun.
    Pending,
    /// Neither the success condition nor the failure condition held too often.
    Inconclusive,
    /// Figures could not be had too often, or the run is not valid.
    Error,
    /// Too many measurements failed.
    Failed,
}

impl AnalysisPhase {
    /// Whether nothing changes it any more.
    pub fn is_complete(self) -> bool {
        !matches!(self, AnalysisPhase::Running | AnalysisPhase::Pending)
    }

    /// Whether it ends the run that a metric of this phase belongs to.
    fn is_bad(self) -> bool {
        self.is_complete() && self != AnalysisPhase::Successful
    }
}

impl fmt::Display for AnalysisPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            AnalysisPhase::Successful => "Successful",
            AnalysisPhase::Running => "Running",
            AnalysisPhase::Pending => "Pending",
            AnalysisPhase::Inconclusive => "Inconclusive",
            AnalysisPhase::Error => "Error",
            AnalysisPhase::Failed => "Failed",
        })
    }
}

/// One AnalysisRun.
///
/// To drive it: at its start and at each [`AnalysisRun::next`] call [`AnalysisRun::due`]; when that
/// names gates, judge each of them at the same instant and hand the verdicts to
/// [`AnalysisRun::take`]. Read [`AnalysisRun::phase`] after either. Calls at other times do no harm;
/// time never goes backwards.
#[derive(Debug, Clone)]
pub struct AnalysisRun {
    spec: Arc<RunSpec>,
    progress: Vec<Progress>,
    phase: AnalysisPhase,
    /// When the first look at the metrics was over, in whole seconds.
    started: Option<Time>,
    /// Whether somebody asked for an end.
    terminate: bool,
    /// The look under way: since when, and when the last of its measurements is there.
    look: Option<Look>,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    /// Whether the run was terminating when it began.
    terminating: bool,
    /// When it is over; unknown until the verdicts are there.
    over: Option<Time>,
}

impl AnalysisRun {
    /// A run that has not begun.
    pub fn new(spec: &Arc<RunSpec>) -> AnalysisRun {
        AnalysisRun {
            spec: Arc::clone(spec),
            progress: vec![Progress::default(); spec.metrics().len()],
            phase: AnalysisPhase::Pending,
            started: None,
            terminate: false,
            look: None,
        }
    }

    /// Looks at the metrics, and names the gates to judge at `now`; [`AnalysisRun::take`] must follow
    /// when there are any.
    pub fn due(&mut self, now: Time) -> GateSet {
        loop {
            if let Some(look) = self.look {
                match look.over {
                    Some(over) if over <= now => self.settle(over, look.terminating),
                    _ => return GateSet::NONE,
                }
            }
            if self.phase.is_complete() {
                return GateSet::NONE;
            }
            if !self.spec.problems().is_empty() {
                self.phase = AnalysisPhase::Error;
                return GateSet::NONE;
            }
            let terminating = self.is_terminating();
            let gates = self.begin(now, terminating);
            let over = gates.is_empty().then_some(now);
            self.look = Some(Look { terminating, over });
            if !gates.is_empty() {
                return gates;
            }
            self.settle(now, terminating);
            if self.is_terminating() == terminating {
                return GateSet::NONE;
            }
        }
    }

    /// Takes the verdicts of the gates that were due at `now`, and names the gates that are due
    /// thereupon, at the same instant.
    pub fn take(&mut self, now: Time, verdicts: &[Verdict]) -> GateSet {
        let mut over = now;
        let metrics = self.spec.metrics().iter().zip(&mut self.progress);
        for (metric, progress) in metrics.filter(|(_, progress)| progress.is_asked()) {
            let verdict = verdicts.iter().find(|verdict| verdict.gate == metric.gate);
            over = over.max(progress.answer(metric, now, verdict));
        }
        if let Some(look) = &mut self.look {
            look.over = Some(over);
        }
        self.due(now)
    }

    /// Ends the run: nothing new is measured, and what has not broken a limit is Successful. Answers
    /// that are on their way are waited for.
    pub fn terminate(&mut self, now: Time) {
        self.terminate = true;
        self.due(now);
    }

    /// Its phase.
    pub fn phase(&self) -> AnalysisPhase {
        self.phase
    }

    /// What led to its phase, in words; none while it is under way or when all is well.
    pub fn message(&self) -> Option<String> {
        if let (AnalysisPhase::Error, Some(problem)) = (self.phase, self.spec.problems().first()) {
            return Some(format!("the run is not valid: {problem}"));
        }
        if self.phase == AnalysisPhase::Successful && self.terminate {
            return Some("the run was terminated".to_owned());
        }
        let mut metrics = self.spec.metrics().iter().zip(&self.progress);
        let decided = |progress: &Progress| self.phase.is_bad() && progress.phase() == self.phase;
        let (metric, progress) =
            metrics.find(|(metric, progress)| !metric.dry_run && decided(progress))?;
        let reason = progress.reason(metric);
        Some(format!(
            "metric `{}` is {}: {reason}",
            metric.name, self.phase
        ))
    }

    /// When to look next, unless it is over.
    pub fn next(&self) -> Option<Time> {
        if self.phase.is_complete() {
            return None;
        }
        if let Some(over) = self.look.and_then(|look| look.over) {
            return Some(over);
        }
        let metrics = self.spec.metrics().iter().zip(&self.progress);
        metrics
            .filter_map(|(metric, progress)| progress.next(metric, self.started))
            .min()
    }

    /// What the measurements of a metric add up to.
    pub fn counts(&self, metric: usize) -> Counts {
        self.progress[metric].counts()
    }

    /// The phase of a metric.
    pub fn metric_phase(&self, metric: usize) -> AnalysisPhase {
        self.progress[metric].phase()
    }

    /// Failed measurements of all metrics that count.
    pub fn failures(&self) -> u32 {
        let metrics = self.spec.metrics().iter().zip(&self.progress);
        metrics
            .filter(|(metric, _)| !metric.dry_run)
            .map(|(_, progress)| progress.counts().failed)
            .sum()
    }

    fn is_terminating(&self) -> bool {
        let metrics = self.spec.metrics().iter().zip(&self.progress);
        self.terminate
            || metrics
                .filter(|(metric, _)| !metric.dry_run)
                .any(|(_, progress)| progress.phase().is_bad())
    }

    /// Starts what is due, and says which gates must be judged for it.
    fn begin(&mut self, now: Time, terminating: bool) -> GateSet {
        let mut gates = GateSet::NONE;
        let metrics = self.spec.metrics().iter().zip(&mut self.progress);
        for (metric, progress) in metrics {
            if progress.begin(metric, now, self.started, terminating) {
                gates = gates.with(metric.gate);
            }
        }
        gates
    }

    /// Ends the look under way at `over`.
    fn settle(&mut self, over: Time, terminating: bool) {
        self.look = None;
        let metrics = self.spec.metrics().iter().zip(&mut self.progress);
        for (metric, progress) in metrics {
            progress.settle(metric, terminating);
        }
        self.started.get_or_insert(whole_seconds(over));
        self.phase = self.assess(terminating);
    }

    /// `assessRunStatus`: the worst phase of the metrics that count, once all are over or the run is
    /// being ended.
    fn assess(&self, terminating: bool) -> AnalysisPhase {
        let mut worst = AnalysisPhase::Successful;
        let mut everything_over = true;
        for (metric, progress) in self.spec.metrics().iter().zip(&self.progress) {
            let phase = progress.phase();
            if !phase.is_complete() {
                everything_over = false;
            } else if !metric.dry_run {
                worst = worst.max(phase);
            }
        }
        if terminating || everything_over {
            worst
        } else {
            AnalysisPhase::Running
        }
    }
}

/// Stored times have no fractions of a second.
fn whole_seconds(time: Time) -> Time {
    let second = Span::from_secs(1).as_nanos();
    Time::from_nanos(time.as_nanos() / second * second)
}
