//! An experiment under way: a fresh baseline and a canary beside the rollout, compared for a while.

use std::sync::Arc;

use super::analysis::AnalysisPhase;
use super::controller::Run;
use super::plan::{ArgoExperiment, ExperimentPods};
use crate::base::Time;
use crate::gate::{GateSet, Verdict};

/// One experiment.
///
/// Argo Rollouts at `9f8d111d`, `experiments/experiment.go`.
#[derive(Debug, Clone)]
pub struct Experiment {
    spec: Arc<ArgoExperiment>,
    /// When all its pods are available.
    ready: Time,
    runs: Vec<Run>,
    phase: AnalysisPhase,
}

impl ArgoExperiment {
    /// Whether only people end it, or an analysis that goes wrong.
    pub(super) fn is_unbounded(&self) -> bool {
        self.duration.is_none() && !self.analyses.iter().any(|(_, required)| *required)
    }
}

impl Experiment {
    /// One whose pods are available from `ready` on.
    pub(super) fn new(spec: &Arc<ArgoExperiment>, ready: Time) -> Experiment {
        Experiment {
            spec: Arc::clone(spec),
            ready,
            runs: Vec::new(),
            phase: AnalysisPhase::Pending,
        }
    }

    /// Its phase.
    pub(super) fn phase(&self) -> AnalysisPhase {
        self.phase
    }

    /// Pods and weight of the canary's templates and of the baseline's, while it runs.
    pub(super) fn pods(&self) -> Option<(ExperimentPods, ExperimentPods)> {
        let running = self.phase == AnalysisPhase::Running;
        running.then_some((self.spec.canary, self.spec.baseline))
    }

    /// Starts the analyses once all pods are there, and sees what they have come to; whether it
    /// created any.
    pub(super) fn advance(&mut self, now: Time) -> bool {
        if self.phase.is_complete() || now < self.ready {
            return false;
        }
        if self.phase == AnalysisPhase::Pending {
            self.phase = AnalysisPhase::Running;
            let analyses = self.spec.analyses.iter();
            self.runs = analyses.map(|(spec, _)| Run::new(spec)).collect();
            return true;
        }
        let bad = |phase: AnalysisPhase| phase.is_complete() && phase != AnalysisPhase::Successful;
        let worst = self.runs.iter().map(Run::phase).filter(|phase| bad(*phase));
        if let Some(worst) = worst.max() {
            self.end(now, worst);
            return false;
        }
        let over = (self.spec.duration).is_some_and(|duration| now >= self.ready + duration);
        let runs = self.runs.iter().zip(&self.spec.analyses);
        let mut required = runs.filter(|(_, (_, required))| *required).peekable();
        let any = required.peek().is_some();
        let all = required.all(|(run, _)| run.phase() == AnalysisPhase::Successful);
        if over || (any && all) {
            self.end(now, AnalysisPhase::Successful);
        }
        false
    }

    /// The gates that its analyses need judged at `now`.
    pub(super) fn ask(&mut self, now: Time) -> GateSet {
        let runs = self.runs.iter_mut();
        runs.map(|run| run.ask(now))
            .fold(GateSet::NONE, GateSet::union)
    }

    /// Takes the verdicts that it asked for.
    pub(super) fn take(&mut self, now: Time, looks: &[Verdict]) {
        for run in &mut self.runs {
            run.take(now, looks);
        }
    }

    /// Ends it without a judgement.
    pub(super) fn terminate(&mut self, now: Time) {
        if !self.phase.is_complete() {
            self.end(now, AnalysisPhase::Successful);
        }
    }

    /// Failed measurements of its analyses.
    pub(super) fn failures(&self) -> u32 {
        self.runs.iter().map(Run::failures).sum()
    }

    fn end(&mut self, now: Time, phase: AnalysisPhase) {
        self.phase = phase;
        for run in &mut self.runs {
            run.terminate(now);
        }
    }
}
