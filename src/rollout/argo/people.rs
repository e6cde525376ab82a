//! What people do to a rollout under way, and how long they take.

use super::analysis::AnalysisPhase;
use super::controller::Argo;
use super::plan::{ArgoStep, Command};

impl Argo {
    /// Somebody does something.
    pub(super) fn obey(&mut self, command: Command) {
        self.answer = None;
        match command {
            Command::Abort => self.abort(false),
            Command::Undo => self.abort(true),
            Command::PromoteFull => {
                self.stop_runs();
                self.promoting_in_full = true;
                self.enter(self.settings.steps.len());
                self.held = false;
            }
            Command::Resume | Command::Promote => {
                let step = self.settings.steps.get(self.index);
                let skips = match step {
                    Some(ArgoStep::Pause(_)) => true,
                    Some(ArgoStep::Analysis(_) | ArgoStep::Experiment(_)) => {
                        command == Command::Promote
                    }
                    _ => false,
                };
                if self.held {
                    self.forget_inconclusive();
                }
                if skips {
                    self.stop_runs_of_step();
                    self.enter(self.index + 1);
                }
            }
        }
    }

    /// Clears the pause of an inconclusive analysis: what was inconclusive begins anew.
    fn forget_inconclusive(&mut self) {
        self.held = false;
        let is_inconclusive = |phase: AnalysisPhase| phase == AnalysisPhase::Inconclusive;
        for run in [&mut self.background, &mut self.inline] {
            if run.as_ref().is_some_and(|run| is_inconclusive(run.phase())) {
                *run = None;
            }
        }
        let experiment = self.experiment.as_ref();
        if experiment.is_some_and(|of| is_inconclusive(of.phase())) {
            self.experiment = None;
        }
    }

    fn stop_runs_of_step(&mut self) {
        let now = self.now;
        if let Some(run) = &mut self.inline {
            run.terminate(now);
        }
        if let Some(experiment) = &mut self.experiment {
            experiment.terminate(now);
        }
    }

    /// Somebody is asked, and will have answered after a delay of their own.
    pub(super) fn ask_people(&mut self) {
        let delay = self.settings.judgement.delay(self.patience, self.questions);
        self.questions += 1;
        self.answer = Some(self.now + delay);
    }
}
