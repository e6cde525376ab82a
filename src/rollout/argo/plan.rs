//! What a Rollout asks for: its steps, its traffic, its analysis.

use std::sync::Arc;

use super::super::{Cadence, Judgement};
use super::analysis::{Effort, RunSpec};
use super::replicas::{self, Room};
use crate::base::{Span, Time, Weight};

/// A rollout under Argo Rollouts. Cheap to clone: the settings are shared.
#[derive(Debug, Clone, PartialEq)]
pub struct ArgoPlan {
    pub(super) settings: Arc<ArgoSettings>,
}

/// The fields of a Rollout that decide, and what its surroundings are taken to be like.
#[derive(Debug, Clone, PartialEq)]
pub struct ArgoSettings {
    /// `spec.strategy.canary.steps`.
    pub steps: Vec<ArgoStep>,
    /// `spec.replicas`.
    pub replicas: u32,
    /// How requests are led to the canary.
    pub traffic: Traffic,
    /// `replicaProgressThreshold`: which available canaries will do for a step.
    pub threshold: Threshold,
    /// `spec.strategy.canary.analysis`.
    pub background: Option<Background>,
    /// `progressDeadlineSeconds` where `progressDeadlineAbort` is set: without progress for so long
    /// the rollout is aborted.
    pub deadline: Option<Span>,
    /// Time from asking for a pod to its being available: start, readiness, `minReadySeconds`.
    pub pod_start: Span,
    /// Time from writing a weight to requests following it.
    pub propagation: Span,
    /// How long people take to answer a pause without a duration or an inconclusive analysis.
    pub judgement: Judgement,
    /// What they do about an inconclusive analysis.
    pub inconclusive: Command,
    /// Whether any analysis can be inconclusive, which [`ArgoPlan::longest`] has to know.
    pub may_be_inconclusive: bool,
}

/// How requests are led to the canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// By weights written to a router.
    Router(Router),
    /// By the number of ready pods, within the bounds of a rolling update.
    Pods(Room),
}

/// What decides about weights and pods where there is a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Router {
    /// `maxTrafficWeight`: the weight that is everything; above 0.
    pub most: u32,
    /// `dynamicStableScale`: stable shrinks as the canary's weight grows.
    pub dynamic_stable: bool,
    /// `minPodsPerReplicaSet`.
    pub least_pods: u32,
    /// `scaleDownDelaySeconds`: how long the old version's pods stay after promotion.
    pub scale_down: Span,
    /// `abortScaleDownDelaySeconds` as written: how long the canary's pods stay after an abort; for
    /// ever when 0.
    pub abort_scale_down: Option<Span>,
}

impl Default for Router {
    fn default() -> Router {
        Router {
            most: 100,
            dynamic_stable: false,
            least_pods: 0,
            scale_down: Span::from_secs(30),
            abort_scale_down: None,
        }
    }
}

/// Which available canaries will do for a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// All that the step wants.
    All,
    /// So many percent of them.
    Percent(f64),
    /// So many pods.
    Pods(u32),
}

/// An analysis beside the steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    /// What it measures.
    pub run: Arc<RunSpec>,
    /// `startingStep`: the index of the step with which it begins; 0 is the first.
    pub starting_step: usize,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgoStep {
    /// `setWeight`, of the router's most or of 100.
    SetWeight(u32),
    /// `pause`; without a duration until somebody resumes.
    Pause(Option<Span>),
    /// `analysis`.
    Analysis(Arc<RunSpec>),
    /// `experiment`.
    Experiment(Arc<ArgoExperiment>),
    /// `setCanaryScale`.
    SetCanaryScale(CanaryScale),
    /// `setHeaderRoute` of the managed route with this number: set, or removed.
    SetHeaderRoute {
        /// Which of the managed routes.
        route: usize,
        /// Whether it says which requests to send.
        set: bool,
    },
    /// `setMirrorRoute` of the managed route with this number: its share, or removed.
    SetMirrorRoute {
        /// Which of the managed routes.
        route: usize,
        /// Share of stable's requests to copy, if any.
        share: Option<Weight>,
    },
    /// `plugin`: taken to succeed at once.
    Plugin,
}

/// The canary's size, whatever its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryScale {
    /// `replicas`.
    Replicas(u32),
    /// `weight`: pods for so much traffic.
    Weight(u32),
    /// `matchTrafficWeight`: pods for the weight that it has.
    MatchTraffic,
}

/// Pods of either version beside the rollout, compared for a while.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArgoExperiment {
    /// `duration`, counted from the time at which all its pods are available.
    pub duration: Option<Span>,
    /// What its templates with `specRef: canary` add up to.
    pub canary: ExperimentPods,
    /// What its templates with `specRef: stable` add up to.
    pub baseline: ExperimentPods,
    /// Its analyses, and whether each is `requiredForCompletion`.
    pub analyses: Vec<(Arc<RunSpec>, bool)>,
}

/// Templates of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExperimentPods {
    /// Their pods.
    pub replicas: u32,
    /// Weight that the router takes from stable for them.
    pub weight: u32,
}

/// What people can do to a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Clears the pauses. An inconclusive analysis begins anew.
    Resume,
    /// Clears the pauses, and skips a step whose analysis or experiment is under way or inconclusive.
    Promote,
    /// Skips everything that is left.
    PromoteFull,
    /// Aborts.
    Abort,
    /// Sets the template back to stable's.
    Undo,
}

/// People are expected to have answered within this quantile of their judgement.
const SLOW: f64 = 0.99;
/// After an error a measurement is tried again so much later.
const ERROR_RETRY: Span = Span::from_secs(10);

impl Default for ArgoSettings {
    /// One pod, a router, no steps; everything else as Argo has it by default.
    fn default() -> ArgoSettings {
        ArgoSettings {
            steps: Vec::new(),
            replicas: 1,
            traffic: Traffic::Router(Router::default()),
            threshold: Threshold::All,
            background: None,
            deadline: None,
            pod_start: ArgoPlan::POD_START,
            propagation: Span::ZERO,
            judgement: Judgement::on_call(),
            inconclusive: Command::Resume,
            may_be_inconclusive: false,
        }
    }
}

impl ArgoSettings {
    /// The weight that is everything.
    pub fn most(&self) -> u32 {
        match self.traffic {
            Traffic::Router(router) => router.most.max(1),
            Traffic::Pods(_) => 100,
        }
    }

    /// Every run that the rollout may start.
    pub fn runs(&self) -> impl Iterator<Item = &Arc<RunSpec>> {
        let background = self.background.iter().map(|background| &background.run);
        let in_steps = self.steps.iter().flat_map(|step| match step {
            ArgoStep::Analysis(run) => vec![run],
            ArgoStep::Experiment(experiment) => {
                let analyses = experiment.analyses.iter();
                analyses.map(|(run, _)| run).collect()
            }
            _ => Vec::new(),
        });
        background.chain(in_steps)
    }

    /// The canary's share at a weight, in percent.
    pub(super) fn share(&self, weight: u32) -> Weight {
        let most = self.most();
        match self.traffic {
            Traffic::Router(_) => Weight::clamped(f64::from(weight) * 100.0 / f64::from(most)),
            Traffic::Pods(room) => {
                let pods = replicas::nearest(self.replicas, weight, most, room.surge);
                share_of_pods(pods.canary, pods.stable)
            }
        }
    }
}

/// The canary's share where every ready pod gets as much as any other.
pub(super) fn share_of_pods(canary: u32, others: u32) -> Weight {
    let total = u64::from(canary) + u64::from(others);
    if total == 0 {
        return Weight::ZERO;
    }
    Weight::clamped(f64::from(canary) * 100.0 / total as f64)
}

impl ArgoPlan {
    /// How long a pod takes to be available unless something else is said: a small service that
    /// starts in 10 s and is asked for its readiness every 10 s.
    pub const POD_START: Span = Span::from_secs(20);

    /// A rollout with these settings.
    pub fn new(settings: ArgoSettings) -> ArgoPlan {
        ArgoPlan {
            settings: Arc::new(settings),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &ArgoSettings {
        &self.settings
    }

    /// When it has to be ticked: whenever something can be due, so at a period that divides every
    /// duration that it knows; a second at least.
    pub fn cadence(&self) -> Cadence {
        let settings = &self.settings;
        let mut beat = settings.pod_start.as_nanos();
        let mut divide = |span: Span| beat = divisor(beat, span.as_nanos());
        divide(settings.propagation);
        for run in settings.runs() {
            divide(run.beat());
        }
        for step in &settings.steps {
            match step {
                ArgoStep::Pause(Some(duration)) => divide(*duration),
                ArgoStep::Experiment(experiment) => {
                    divide(experiment.duration.unwrap_or(Span::ZERO));
                }
                _ => {}
            }
        }
        if let Some(deadline) = settings.deadline {
            divide(deadline);
        }
        let longest = Span::from_secs(60);
        let period = match beat {
            0 => longest,
            beat => Span::from_nanos(beat).max(Span::from_secs(1)),
        };
        Cadence {
            first: Time::START,
            // People answer at any time.
            period: if period > longest { longest } else { period },
        }
    }

    /// The canary's shares in an undisturbed rollout, in order: those that its steps ask for, as the
    /// router or the pods can give them.
    pub fn steps(&self) -> Vec<Weight> {
        let mut shares: Vec<Weight> = Vec::new();
        for step in &self.settings.steps {
            let ArgoStep::SetWeight(weight) = step else {
                continue;
            };
            let share = self.settings.share(*weight);
            if !share.is_zero() && shares.last() != Some(&share) {
                shares.push(share);
            }
        }
        shares
    }

    /// Whether requests of stable are copied to the canary at any time.
    pub fn mirrors(&self) -> bool {
        let mirrors =
            |step: &ArgoStep| matches!(step, ArgoStep::SetMirrorRoute { share: Some(_), .. });
        self.settings.steps.iter().any(mirrors)
    }

    /// The same rollout entered at `weight`: its first weight is this one, then come its own above
    /// it, each with the steps that follow it. What follows the entry is what follows the step of
    /// that weight, or the first where there is none. Argo knows whole weights only, so `weight` is
    /// rounded to one. A rollout without weights stays as it is.
    pub fn entering_at(&self, weight: Weight) -> ArgoPlan {
        let settings = &self.settings;
        let is_weight = |step: &ArgoStep| matches!(step, ArgoStep::SetWeight(_));
        let Some(first) = settings.steps.iter().position(is_weight) else {
            return self.clone();
        };
        let entry = (weight.share() * f64::from(settings.most()))
            .round()
            .max(1.0) as u32;
        let mut blocks: Vec<(usize, u32, &[ArgoStep])> = Vec::new();
        let mut from = first;
        while let Some(ArgoStep::SetWeight(own)) = settings.steps.get(from) {
            let rest = &settings.steps[from + 1..];
            let until = rest.iter().position(is_weight).unwrap_or(rest.len());
            blocks.push((from, *own, &rest[..until]));
            from += until + 1;
        }
        let like = blocks
            .iter()
            .position(|(_, own, _)| *own == entry)
            .unwrap_or(0);
        let above = (0..blocks.len()).filter(|index| blocks[*index].1 > entry);

        let mut steps: Vec<ArgoStep> = settings.steps[..first].to_vec();
        // Where each block has gone to; those below the entry are the entry now.
        let mut places = vec![steps.len(); blocks.len()];
        steps.push(ArgoStep::SetWeight(entry));
        steps.extend_from_slice(blocks[like].2);
        for index in above {
            let (_, own, others) = blocks[index];
            // What belongs to the first weight belongs to the entry, even when both are there.
            if index > 0 {
                places[index] = steps.len();
            }
            steps.push(ArgoStep::SetWeight(own));
            steps.extend_from_slice(others);
        }
        let moved = |asked: usize| {
            let block = blocks.iter().rposition(|(from, ..)| *from <= asked);
            let block = block.filter(|_| asked < settings.steps.len());
            match block {
                None if asked < first => asked,
                None => steps.len(),
                Some(block) => places[block] + (asked - blocks[block].0),
            }
        };
        let starting_step = settings.background.as_ref();
        let starting_step = starting_step.map(|background| moved(background.starting_step));
        let background = settings.background.as_ref().zip(starting_step);
        ArgoPlan::new(ArgoSettings {
            steps,
            background: background.map(|(background, starting_step)| Background {
                run: Arc::clone(&background.run),
                starting_step,
            }),
            ..ArgoSettings::clone(settings)
        })
    }

    /// The longest that a rollout can take until promotion or rollback: all pauses and analyses one
    /// after the other, pods that start at every step, people as slow as one in a hundred at each
    /// pause without a duration. Where an analysis can be inconclusive, which may happen again and
    /// again, at least four times as long as without, which is a convention.
    pub fn longest(&self) -> Span {
        let settings = &self.settings;
        let slow = settings.judgement.quantile(SLOW);
        let start = settings.pod_start + settings.propagation;
        // One more for the promotion, and as many to go back as a careful rolling update takes.
        let mut total = start * 2 + self.way_back();
        for step in &settings.steps {
            total = total
                + match step {
                    ArgoStep::SetWeight(_) => self.way(),
                    ArgoStep::SetCanaryScale(_) => settings.pod_start,
                    ArgoStep::Pause(Some(duration)) => *duration,
                    ArgoStep::Pause(None) => slow,
                    ArgoStep::Analysis(run) => longest(run),
                    ArgoStep::Experiment(experiment) => experiment.longest(settings, slow),
                    ArgoStep::SetHeaderRoute { .. }
                    | ArgoStep::SetMirrorRoute { .. }
                    | ArgoStep::Plugin => Span::ZERO,
                };
        }
        if settings.may_be_inconclusive {
            total = (total * 4).max(total + slow);
        }
        let period = self.cadence().period;
        period * (total.as_nanos().div_ceil(period.as_nanos()) + 1)
    }

    /// How long the pods of one step can take.
    fn way(&self) -> Span {
        let settings = &self.settings;
        let rounds = match settings.traffic {
            Traffic::Router(_) => 1,
            Traffic::Pods(room) => {
                let at_once = room.surge.saturating_add(room.unavailable).max(1);
                u64::from(settings.replicas.div_ceil(at_once)).max(1)
            }
        };
        settings.pod_start * rounds
    }

    /// How long an abort can take.
    fn way_back(&self) -> Span {
        let settings = &self.settings;
        match settings.traffic {
            Traffic::Router(router) if router.dynamic_stable => {
                settings.pod_start * (self.steps().len() as u64 + 1)
            }
            Traffic::Router(_) => Span::ZERO,
            Traffic::Pods(_) => self.way() * 2,
        }
    }
}

impl ArgoExperiment {
    fn longest(&self, settings: &ArgoSettings, slow: Span) -> Span {
        let analyses = self.analyses.iter();
        let required = analyses.filter(|(_, required)| *required);
        let required = required.map(|(run, _)| longest(run)).max();
        let until = match (self.duration, required) {
            (Some(duration), Some(required)) => duration.max(required),
            (Some(one), None) | (None, Some(one)) => one,
            // Somebody has to end it.
            (None, None) => slow,
        };
        settings.pod_start + until
    }
}

/// The longest that a run whose metrics end takes: all its measurements, and between two of them as
/// many errors as are tolerated.
fn longest(run: &RunSpec) -> Span {
    let lengths = run.metrics().iter().map(|metric| {
        let gaps = u64::from(metric.effective_count().unwrap_or(1) - 1);
        let errors = u64::try_from(metric.consecutive_error_limit).unwrap_or(0);
        let takes = match metric.effort {
            Effort::Query(takes) | Effort::Job(takes) | Effort::Judgement(takes) => takes,
        };
        let between = metric.interval.unwrap_or(Span::ZERO);
        let first = metric.initial_delay.unwrap_or(Span::ZERO);
        first + between * gaps + takes * (gaps + 1) + ERROR_RETRY * errors
    });
    lengths.max().unwrap_or(Span::ZERO)
}

/// The greatest common divisor.
fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}
