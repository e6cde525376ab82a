//! The published schedules: which weight a rollout has when, and what ends it.

use std::sync::Arc;

use super::super::{Action, Judgement, Need, Phase, Readiness, Surroundings};
use super::*;
use crate::base::{Span, Time, Weight};
use crate::gate::{Outcome, Rule, Verdict};

mod laws;
mod schedules;
mod walks;

pub(super) fn secs(seconds: u64) -> Span {
    Span::from_secs(seconds)
}

/// What a measurement finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    Good,
    Bad,
    Unclear,
    Down,
}

impl Finding {
    fn verdict(self, gate: usize) -> Verdict {
        let (outcome, rule) = match self {
            Finding::Good => (Outcome::Pass, Rule::WithinLimits),
            Finding::Bad => (Outcome::Fail, Rule::BelowMinimum),
            Finding::Unclear => (Outcome::Inconclusive, Rule::NoData),
            Finding::Down => (Outcome::Inconclusive, Rule::NotEvaluated),
        };
        Verdict {
            outcome,
            gate,
            value: f64::NAN,
            threshold: f64::NAN,
            samples: 0.0,
            rule,
        }
    }
}

/// One rollout driven second by second.
pub(super) struct Drive<'a> {
    pub(super) plan: ArgoPlan,
    /// What a measurement finds at a second.
    pub(super) finds: &'a dyn Fn(u64) -> Finding,
    /// Whether the canary's pods are ready at a second.
    pub(super) ready: &'a dyn Fn(u64) -> bool,
    /// What people do when.
    pub(super) commands: &'a [(u64, Command)],
    pub(super) until: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// Percentages by the second from which they held.
    pub(super) weights: Vec<(u64, f64)>,
    pub(super) measured: Vec<u64>,
    pub(super) end: Option<(u64, Action)>,
    /// Pods asked for, canary and stable, by the second from which they were.
    pub(super) pods: Vec<(u64, (u32, u32))>,
    pub(super) phases: Vec<(u64, Phase)>,
    pub(super) steps: Vec<usize>,
}

impl Drive<'_> {
    pub(super) fn run(&self) -> Course {
        let period = self.plan.cadence().period.as_secs_f64() as u64;
        let mut argo = Argo::new(&self.plan);
        let mut course = Course::default();
        let mut commands = self.commands.iter().peekable();
        for second in (0..=self.until).step_by(period as usize) {
            let now = Time::START + secs(second);
            while let Some((_, command)) = commands.next_if(|(at, _)| *at <= second) {
                argo.handle_command(now, *command);
            }
            let ready = (self.ready)(second);
            let surroundings = Surroundings {
                new_revision: second == 0,
                canary: if ready {
                    Readiness::Ready
                } else {
                    Readiness::Waiting
                },
                ..Surroundings::default()
            };
            let mut need = argo.handle_tick(now, &surroundings);
            while let Need::Each(gates) = need {
                course.measured.push(second);
                let finding = (self.finds)(second);
                let looks: Vec<Verdict> = gates.iter().map(|gate| finding.verdict(gate)).collect();
                need = argo.handle_verdicts(now, &looks);
            }
            while let Some(action) = argo.poll_action() {
                match action {
                    Action::Route(routing) => {
                        course.weights.push((second, routing.canary.as_percent()));
                    }
                    end => {
                        assert_eq!(course.end, None, "a rollout ends once");
                        course.end = Some((second, end));
                    }
                }
            }
            if course.pods.last().map(|(_, pods)| *pods) != Some(argo.pods()) {
                course.pods.push((second, argo.pods()));
            }
            let phase = argo.state().phase;
            if course.phases.last().map(|(_, phase)| *phase) != Some(phase) {
                course.phases.push((second, phase));
            }
            if course.steps.last() != Some(&argo.current_step()) {
                course.steps.push(argo.current_step());
            }
        }
        course
    }

    /// The timeline in words: `20 @20, 50 @100, promoted @180`.
    pub(super) fn timeline(&self) -> String {
        let course = self.run();
        let mut parts: Vec<String> = Vec::new();
        for (second, weight) in &course.weights {
            parts.push(format!("{} @{second}", (weight * 100.0).round() / 100.0));
        }
        match course.end {
            Some((second, Action::Promote)) => parts.push(format!("promoted @{second}")),
            Some((second, _)) => parts.push(format!("back @{second}")),
            None => {}
        }
        parts.join(", ")
    }
}

/// Nobody ever answers.
pub(super) fn nobody() -> Judgement {
    Judgement::from_quantiles(secs(1_000_000_000), 0.9, secs(1_000_000_001)).unwrap()
}

pub(super) fn metric(interval: Option<u64>, count: i64, failure_limit: i64) -> AnalysisMetric {
    AnalysisMetric {
        interval: interval.map(secs),
        count,
        failure_limit,
        ..AnalysisMetric::new("success-rate", 0)
    }
}

pub(super) fn run_of(metric: AnalysisMetric) -> Arc<RunSpec> {
    Arc::new(RunSpec::new(vec![metric]))
}

/// Ten pods behind a router that take 20 s to start, and nobody there. The deadline, which is never
/// met, makes for ticks every 10 s.
pub(super) fn settings(steps: &[ArgoStep]) -> ArgoSettings {
    ArgoSettings {
        steps: steps.to_vec(),
        replicas: 10,
        pod_start: secs(20),
        judgement: nobody(),
        deadline: Some(secs(100_010)),
        ..ArgoSettings::default()
    }
}

pub(super) fn weight(percent: u32) -> ArgoStep {
    ArgoStep::SetWeight(percent)
}

pub(super) fn pause(seconds: u64) -> ArgoStep {
    ArgoStep::Pause(Some(secs(seconds)))
}

pub(super) fn beside(run: Arc<RunSpec>, starting_step: usize) -> Option<Background> {
    Some(Background { run, starting_step })
}

pub(super) fn drive<'a>(settings: ArgoSettings) -> Drive<'a> {
    Drive {
        plan: ArgoPlan::new(settings),
        finds: &|_| Finding::Good,
        ready: &|_| true,
        commands: &[],
        until: 2_000,
    }
}
