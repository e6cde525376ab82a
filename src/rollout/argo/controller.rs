//! The controller of one rollout under Argo Rollouts.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::{Action, Need, Phase, Reach, Readiness, Routing, State, Surroundings};
use super::analysis::{AnalysisPhase, AnalysisRun, RunSpec};
use super::experiment::Experiment;
use super::plan::{ArgoPlan, ArgoSettings, ArgoStep, Command, Traffic};
use super::pods::Pods;
use crate::base::{Span, Time, Weight};
use crate::gate::{GateSet, Verdict};

/// Argo Rollouts, one rollout of a new version over a running one: driven like every
/// [`Controller`](super::super::Controller).
///
/// The real controller reconciles whenever something changes, within milliseconds; here everything
/// that follows from what is known at a tick happens at that tick, in the order of
/// `rollout/canary.go` (`rolloutCanary`), reconcile after reconcile until nothing changes. Of several
/// weights at one instant the last is told.
///
/// [`Action::Promote`] leaves when the canary's version becomes stable, [`Action::RollBack`] when an
/// aborted rollout has no traffic on it any more, which takes a while where stable's pods have to
/// come back first; until then routes are told. [`Surroundings::new_revision`] after the first tick
/// tells of a third version. After the end it can be ticked on; only its pods change then.
#[derive(Debug, Clone)]
pub struct Argo {
    pub(super) settings: Arc<ArgoSettings>,
    pub(super) now: Time,
    pub(super) index: usize,
    pub(super) canary: Pods,
    pub(super) stable: Pods,
    pub(super) canary_ready: bool,
    pub(super) stable_ready: bool,
    /// The weight last written to the router.
    pub(super) weight: u32,
    /// Managed header routes that are set.
    pub(super) headers: Vec<usize>,
    /// Managed mirror routes that are set.
    pub(super) mirrors: Vec<(usize, Weight)>,
    pub(super) experiment: Option<Experiment>,
    pub(super) background: Option<Run>,
    pub(super) inline: Option<Run>,
    pub(super) stage: Stage,
    /// Since when the present pause step pauses.
    pub(super) pausing: Option<Time>,
    /// Whether an inconclusive analysis pauses the rollout.
    pub(super) held: bool,
    pub(super) promoting_in_full: bool,
    /// When somebody will have answered.
    pub(super) answer: Option<Time>,
    pub(super) questions: u32,
    pub(super) patience: u64,
    pub(super) progressed: Time,
    /// Pods and step at the last look for progress.
    pub(super) progress: (u32, u32, usize),
    /// Since when the pods that the end leaves behind are waiting to go.
    pub(super) leaving: Option<Time>,
    pub(super) route: Routing,
    pub(super) actions: VecDeque<(Time, Action)>,
}

/// Where a rollout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before the first tick.
    Idle,
    /// Under way.
    Updating,
    /// On the way back, because it failed or (`undone`) because stable's template was set again.
    Returning { undone: bool },
    /// The canary has become stable.
    Promoted,
    /// Everything is back.
    Returned { undone: bool },
}

/// A run and whether verdicts are on their way to it.
#[derive(Debug, Clone)]
pub(super) struct Run {
    run: AnalysisRun,
    asked: bool,
}

impl Run {
    pub(super) fn new(spec: &Arc<RunSpec>) -> Run {
        Run {
            run: AnalysisRun::new(spec),
            asked: false,
        }
    }

    /// The gates that it needs judged at `now`.
    pub(super) fn ask(&mut self, now: Time) -> GateSet {
        let gates = self.run.due(now);
        self.asked = !gates.is_empty();
        gates
    }

    /// Takes the verdicts if it asked for any.
    pub(super) fn take(&mut self, now: Time, looks: &[Verdict]) {
        if std::mem::take(&mut self.asked) {
            self.run.take(now, looks);
        }
    }

    pub(super) fn terminate(&mut self, now: Time) {
        self.run.terminate(now);
    }

    pub(super) fn phase(&self) -> AnalysisPhase {
        self.run.phase()
    }

    pub(super) fn failures(&self) -> u32 {
        self.run.failures()
    }
}

impl Argo {
    /// More reconciles at one instant than any settings need.
    const MOST_ROUNDS: usize = 100_000;

    /// Before the first tick: all pods of stable up, none of the canary.
    pub fn new(plan: &ArgoPlan) -> Argo {
        let settings = Arc::clone(&plan.settings);
        Argo {
            stable: Pods::available(settings.replicas),
            settings,
            now: Time::START,
            index: 0,
            canary: Pods::default(),
            canary_ready: true,
            stable_ready: true,
            weight: 0,
            headers: Vec::new(),
            mirrors: Vec::new(),
            experiment: None,
            background: None,
            inline: None,
            stage: Stage::Idle,
            pausing: None,
            held: false,
            promoting_in_full: false,
            answer: None,
            questions: 0,
            patience: 0,
            progressed: Time::START,
            progress: (0, 0, 0),
            leaving: None,
            route: Routing::STABLE,
            actions: VecDeque::new(),
        }
    }

    /// A tick has come. Needs each gate whose measurement is due.
    pub fn handle_tick(&mut self, now: Time, surroundings: &Surroundings) -> Need {
        self.now = now;
        self.patience = surroundings.patience;
        self.canary_ready = surroundings.canary == Readiness::Ready;
        self.stable_ready = surroundings.primary == Readiness::Ready;
        match self.stage {
            Stage::Idle => {
                self.stage = Stage::Updating;
                self.progressed = now;
            }
            Stage::Updating if surroundings.new_revision => self.restart(),
            Stage::Updating | Stage::Returning { .. } => {}
            Stage::Promoted | Stage::Returned { .. } => {
                self.clear_away();
                return Need::Nothing;
            }
        }
        if self.answer.is_some_and(|answer| now >= answer) {
            let command = if self.held {
                self.settings.inconclusive
            } else {
                Command::Promote
            };
            self.obey(command);
        }
        self.settle()
    }

    /// The verdicts that were needed at `now`.
    pub fn handle_verdicts(&mut self, now: Time, looks: &[Verdict]) -> Need {
        self.now = now;
        for run in self.background.iter_mut().chain(&mut self.inline) {
            run.take(now, looks);
        }
        if let Some(experiment) = &mut self.experiment {
            experiment.take(now, looks);
        }
        self.settle()
    }

    /// Somebody does something at `now`, between two ticks or at one before it; it takes effect with
    /// the next.
    pub fn handle_command(&mut self, now: Time, command: Command) {
        self.now = now;
        if matches!(self.stage, Stage::Updating) {
            self.obey(command);
        }
    }

    /// The next thing to do: a route before the end of the same tick.
    pub fn poll_action(&mut self) -> Option<Action> {
        let due = self.actions.front().is_some_and(|(at, _)| *at <= self.now);
        let (_, action) = due.then(|| self.actions.pop_front()).flatten()?;
        Some(action)
    }

    /// Whether nothing more will happen to the traffic.
    pub fn is_over(&self) -> bool {
        let ended = matches!(self.stage, Stage::Promoted | Stage::Returned { .. });
        ended && self.actions.is_empty()
    }

    /// What it looks like from outside; failures are those of the runs under way.
    pub fn state(&self) -> State {
        let phase = match self.stage {
            Stage::Idle | Stage::Promoted => Phase::Healthy,
            Stage::Updating if self.held || self.pausing.is_some() => Phase::Paused,
            Stage::Updating => Phase::Progressing,
            Stage::Returning { undone: true } => Phase::Progressing,
            Stage::Returned { undone: true } => Phase::Healthy,
            Stage::Returning { undone: false } | Stage::Returned { undone: false } => {
                Phase::Degraded
            }
        };
        let runs = self.background.iter().chain(&self.inline);
        let in_experiment = self.experiment.iter().map(Experiment::failures);
        State {
            phase,
            failures: runs.map(Run::failures).chain(in_experiment).sum(),
        }
    }

    /// `status.currentStepIndex`: the number of steps once all are done.
    pub fn current_step(&self) -> usize {
        self.index
    }

    /// Pods asked for: the canary's, then stable's.
    pub fn pods(&self) -> (u32, u32) {
        (self.canary.wanted(), self.stable.wanted())
    }

    pub(super) fn is_returning(&self) -> bool {
        matches!(self.stage, Stage::Returning { .. })
    }

    /// Reconciles until nothing changes or a run needs verdicts.
    fn settle(&mut self) -> Need {
        for _ in 0..Argo::MOST_ROUNDS {
            let gates = self.ask();
            if !gates.is_empty() {
                return Need::Each(gates);
            }
            if !self.reconcile() {
                break;
            }
        }
        self.publish();
        Need::Nothing
    }

    /// The gates that runs need judged now.
    fn ask(&mut self) -> GateSet {
        let now = self.now;
        let runs = self.background.iter_mut().chain(&mut self.inline);
        let of_runs = runs
            .map(|run| run.ask(now))
            .fold(GateSet::NONE, GateSet::union);
        let of_experiment = self
            .experiment
            .as_mut()
            .map(|experiment| experiment.ask(now));
        of_runs.union(of_experiment.unwrap_or(GateSet::NONE))
    }

    /// One reconcile, in the order of `rolloutCanary`; whether it changed anything.
    fn reconcile(&mut self) -> bool {
        self.write_weight();
        if self.stage == Stage::Updating {
            if self.run_experiment() || self.analyse() {
                return true;
            }
            if self.held {
                return false;
            }
        }
        self.scale() || self.conclude()
    }

    /// Creates the experiment of the present step and draws its consequences; whether they end this
    /// reconcile.
    fn run_experiment(&mut self) -> bool {
        let step = self.settings.steps.get(self.index);
        if let (Some(ArgoStep::Experiment(spec)), None, false) = (step, &self.experiment, self.held)
        {
            let ready = self.now + self.settings.pod_start;
            let unbounded = spec.is_unbounded();
            self.experiment = Some(Experiment::new(spec, ready));
            if unbounded {
                self.ask_people();
            }
        }
        let now = self.now;
        let Some(experiment) = &mut self.experiment else {
            return false;
        };
        let created = experiment.advance(now);
        let phase = experiment.phase();
        created || self.heed(phase)
    }

    /// Creates the runs that are due and draws their consequences; whether that ends this reconcile.
    ///
    /// `reconcileBackgroundAnalysisRun`, `reconcileStepBasedAnalysisRun`.
    fn analyse(&mut self) -> bool {
        let mut created = false;
        if !self.held && !self.promoting_in_full {
            if let (Some(background), None) = (&self.settings.background, &self.background)
                && self.index >= background.starting_step
            {
                self.background = Some(Run::new(&background.run));
                created = true;
            }
            let step = self.settings.steps.get(self.index);
            if let (Some(ArgoStep::Analysis(spec)), None) = (step, &self.inline) {
                self.inline = Some(Run::new(spec));
                created = true;
            }
        }
        if created {
            return true;
        }
        let runs = self.background.iter().chain(&self.inline);
        let phases: Vec<AnalysisPhase> = runs.map(Run::phase).collect();
        phases.into_iter().any(|phase| self.heed(phase))
    }

    /// What the phase of a run or an experiment does to the rollout; whether it does anything new.
    fn heed(&mut self, phase: AnalysisPhase) -> bool {
        match phase {
            AnalysisPhase::Failed | AnalysisPhase::Error => {
                self.abort(false);
                true
            }
            AnalysisPhase::Inconclusive if !self.held => {
                self.held = true;
                self.ask_people();
                true
            }
            _ => false,
        }
    }

    /// Aborted rollouts end when the canary is without traffic; others are promoted, or their step
    /// is complete. Whether anything was.
    ///
    /// `rollout/canary.go`, `syncRolloutStatusCanary`, `completedCurrentCanaryStep`.
    fn conclude(&mut self) -> bool {
        if let Stage::Returning { undone } = self.stage {
            if self.has_no_traffic() {
                self.stage = Stage::Returned { undone };
                self.leaving = None;
                self.route = Routing::STABLE;
                self.act(Action::RollBack);
                self.clear_away();
            }
            return false;
        }
        if self.stage != Stage::Updating {
            return false;
        }
        let steps = self.settings.steps.len();
        let up = self.canary_count().available;
        if (self.index >= steps || self.promoting_in_full) && up == self.settings.replicas {
            self.promote();
            return false;
        }
        let complete = match self.settings.steps.get(self.index) {
            None => false,
            Some(ArgoStep::SetWeight(_) | ArgoStep::SetCanaryScale(_)) => {
                self.is_at_desired_count()
            }
            Some(ArgoStep::Pause(duration)) => {
                let duration = *duration;
                let since = match self.pausing {
                    Some(since) => since,
                    None => {
                        self.pausing = Some(self.now);
                        if duration.is_none() {
                            self.ask_people();
                        }
                        self.now
                    }
                };
                duration.is_some_and(|duration| self.now >= since + duration)
            }
            Some(ArgoStep::Analysis(_)) => {
                let run = self.inline.as_ref();
                run.is_some_and(|run| run.phase() == AnalysisPhase::Successful)
            }
            Some(ArgoStep::Experiment(_)) => {
                let experiment = self.experiment.as_ref();
                experiment.is_some_and(|of| of.phase() == AnalysisPhase::Successful)
            }
            Some(ArgoStep::SetHeaderRoute { .. } | ArgoStep::SetMirrorRoute { .. }) => true,
            Some(ArgoStep::Plugin) => true,
        };
        if complete && !self.promoting_in_full {
            self.enter(self.index + 1);
        }
        complete || self.is_late()
    }

    /// Aborts when there was no progress for too long; whether it did.
    fn is_late(&mut self) -> bool {
        let Some(deadline) = self.settings.deadline else {
            return false;
        };
        let (canary, stable) = (self.canary_count(), self.stable_count());
        let progress = (canary.available, stable.wanted, self.index);
        let waits = matches!(
            self.settings.steps.get(self.index),
            Some(ArgoStep::Pause(_) | ArgoStep::Analysis(_) | ArgoStep::Experiment(_))
        );
        if waits || progress != self.progress {
            (self.progress, self.progressed) = (progress, self.now);
        }
        let late = self.now >= self.progressed + deadline;
        if late {
            self.abort(false);
        }
        late
    }

    fn promote(&mut self) {
        self.stop_runs();
        self.headers.clear();
        self.mirrors.clear();
        self.experiment = None;
        self.stage = Stage::Promoted;
        self.leaving = Some(self.now);
        self.publish();
        self.act(Action::Promote);
    }

    /// Goes to a step: what belonged to the one before is over.
    pub(super) fn enter(&mut self, index: usize) {
        self.index = index;
        self.pausing = None;
        self.answer = None;
        self.inline = None;
        self.experiment = None;
        self.progressed = self.now;
    }

    pub(super) fn abort(&mut self, undone: bool) {
        self.stop_runs();
        self.enter(0);
        self.held = false;
        self.stage = Stage::Returning { undone };
    }

    pub(super) fn stop_runs(&mut self) {
        let now = self.now;
        for run in self.background.iter_mut().chain(&mut self.inline) {
            run.terminate(now);
        }
        if let Some(experiment) = &mut self.experiment {
            experiment.terminate(now);
        }
    }

    /// A third version: its canary starts from nothing against the same stable.
    fn restart(&mut self) {
        self.enter(0);
        self.background = None;
        self.held = false;
        self.promoting_in_full = false;
        self.canary = Pods::default();
        self.weight = 0;
        self.headers.clear();
        self.mirrors.clear();
    }

    /// Scales down what the end left behind: the old version after a promotion, the canary after an
    /// abort.
    fn clear_away(&mut self) {
        let now = self.now;
        let start_up = self.settings.pod_start;
        let promoted = self.stage == Stage::Promoted;
        let delay = match self.settings.traffic {
            Traffic::Pods(_) => Some(Span::ZERO),
            Traffic::Router(router) if promoted && router.dynamic_stable => Some(Span::ZERO),
            Traffic::Router(router) if promoted => Some(router.scale_down),
            Traffic::Router(router) => match router.abort_scale_down {
                None => Some(Span::from_secs(30)),
                Some(Span::ZERO) => None,
                Some(delay) => Some(delay),
            },
        };
        if !promoted && self.stable_count().available < self.settings.replicas {
            return;
        }
        let since = *self.leaving.get_or_insert(now);
        if delay.is_some_and(|delay| now >= since + delay) {
            let leaving = if promoted {
                &mut self.stable
            } else {
                &mut self.canary
            };
            leaving.scale(0, now, start_up);
        }
    }

    /// Tells of the route in force if it has changed.
    fn publish(&mut self) {
        let share = self.share();
        let (canary, reach) = match (self.headers.is_empty(), share.is_zero()) {
            (true, _) => (share, Reach::Everyone),
            (false, true) => (Weight::FULL, Reach::Matched),
            (false, false) => (share, Reach::EveryoneAndMatched),
        };
        let route = Routing {
            canary,
            reach,
            mirror: self.mirrored(),
        };
        if route != self.route && !matches!(self.stage, Stage::Returned { .. }) {
            self.route = route;
            self.act(Action::Route(route));
        }
    }

    fn act(&mut self, action: Action) {
        let at = self.now + self.settings.propagation;
        self.actions.push_back((at, action));
    }
}
