//! What no single field shows: fields that contradict or defeat each other. Checked once after
//! reading and again after overrides.

use super::report::nearest;
use super::{Scenario, fleet};
use crate::base::{Severity, Span, Time};
use crate::engine::r#virtual::MOST_STRATA;
use crate::gate::Gate;
use crate::model::World;
use crate::model::fault::{Fault, FaultKind};
use crate::model::hooks::HookKind;
use crate::rollout::{HookKinds, Plan};
use crate::telemetry::Sampling;

/// More scrapes than this in one rollout are a slip of a unit.
const MOST_SCRAPES: u64 = 1_000_000;

/// Which part of a scenario a remark is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Rate,
    Canary,
    Retries,
    Fault(usize),
    Figures(usize),
    Hook(usize),
    Scrape,
    Rollout,
    Steps,
    Gate(usize),
    Rivals,
    Horizon,
}

/// Something that the combination of fields makes impossible or odd.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Remark {
    pub(super) severity: Severity,
    pub(super) subject: Subject,
    pub(super) message: String,
    pub(super) help: String,
}

/// Everything that is to be said about the combination of fields.
pub(super) fn remarks(scenario: &Scenario) -> Vec<Remark> {
    let mut remarks = remarks_without_rivals(scenario);
    for (index, rival) in scenario.rivals.iter().enumerate() {
        let taken = (scenario.rivals.iter().take(index).map(|other| &other.name))
            .chain([&scenario.rollout_name])
            .any(|name| *name == rival.name);
        if taken {
            remarks.push(error(
                Subject::Rivals,
                format!("two rollouts are called `{}`", rival.name),
                "give each a name of its own: name = \"…\"",
            ));
        }
        for remark in remarks_without_rivals(&scenario.under(rival)) {
            if !remarks.iter().any(|other| other.message == remark.message) {
                remarks.push(Remark {
                    subject: Subject::Rivals,
                    message: format!("{}: {}", rival.name, remark.message),
                    ..remark
                });
            }
        }
    }
    remarks
}

fn remarks_without_rivals(scenario: &Scenario) -> Vec<Remark> {
    let mut remarks = Vec::new();
    check_traffic(scenario, &mut remarks);
    check_faults(scenario, &mut remarks);
    check_retries(scenario, &mut remarks);
    check_steps(scenario, &mut remarks);
    check_figures(scenario, &mut remarks);
    check_hooks(scenario, &mut remarks);
    for (index, gate) in scenario.analysis.iter().enumerate() {
        if !gate.window().is_zero() {
            check_window(scenario, index, gate.window(), &mut remarks);
        }
        check_limit(scenario, index, gate, &mut remarks);
        check_baseline(scenario, index, gate, &mut remarks);
    }
    if let Sampling::Scraped { interval, .. } = scenario.telemetry.sampling
        && scenario.horizon / interval > MOST_SCRAPES
    {
        remarks.push(error(
            Subject::Scrape,
            format!(
                "a horizon of {} at a scrape every {interval} is too much",
                scenario.horizon
            ),
            format!("a rollout may have {MOST_SCRAPES} scrapes"),
        ));
    }
    remarks
}

pub(super) fn error(subject: Subject, message: String, help: impl Into<String>) -> Remark {
    Remark {
        severity: Severity::Error,
        subject,
        message,
        help: help.into(),
    }
}

pub(super) fn warning(subject: Subject, message: String, help: impl Into<String>) -> Remark {
    Remark {
        severity: Severity::Warning,
        ..error(subject, message, help)
    }
}

fn check_traffic(scenario: &Scenario, remarks: &mut Vec<Remark>) {
    let end = Time::START + scenario.horizon;
    let expected = scenario.world.traffic.profile.expected(Time::START, end);
    if expected <= 0.0 {
        remarks.push(error(
            Subject::Rate,
            format!(
                "there is not one request in the {} of the rollout",
                scenario.horizon
            ),
            "write a rate above 0/s",
        ));
    }
}

fn check_faults(scenario: &Scenario, remarks: &mut Vec<Remark>) {
    let end = Time::START + scenario.horizon;
    for (index, fault) in scenario.world.faults.iter().enumerate() {
        let onset = fault.schedule.onset;
        if onset >= end {
            remarks.push(warning(
                Subject::Fault(index),
                format!("a fault that begins at {onset} comes after the rollout's end at {end}"),
                "begin earlier, or set a later horizon",
            ));
        }
    }
    for (index, fault) in scenario.world.faults.iter().enumerate() {
        if matches!(fault.kind, FaultKind::Cpu { .. }) {
            remarks.push(warning(
                Subject::Fault(index),
                "virtual time has no processors to burn: the fault does nothing there".to_owned(),
                "play it live, or say what it does to answers: `latency`, or `capacity` with `work`",
            ));
        }
    }
    if scenario.world.strata().len() > MOST_STRATA
        && let Some(last) = scenario.world.faults.len().checked_sub(1)
    {
        remarks.push(error(
            Subject::Fault(last),
            "the faults reach too many different shares of users".to_owned(),
            format!(
                "write at most {} different `users` below 100%",
                MOST_STRATA - 1
            ),
        ));
    }
    if is_alike(&scenario.world) {
        remarks.push(warning(
            Subject::Canary,
            "the canary is as good as stable: there is nothing to detect".to_owned(),
            "give the canary other errors, another latency or a fault",
        ));
    }
}

/// Whether nothing can tell the canary from stable: the size of answers matters on a narrow line only.
fn is_alike(world: &World) -> bool {
    let narrow = |fault: &Fault| matches!(fault.kind, FaultKind::Bandwidth { .. });
    if world.canary.body == world.stable.body || world.faults.iter().any(narrow) {
        return !world.has_fault();
    }
    let mut alike = world.clone();
    alike.canary.body = world.stable.body;
    !alike.has_fault()
}

fn check_retries(scenario: &Scenario, remarks: &mut Vec<Remark>) {
    let world = &scenario.world;
    let shared = [&world.stable, &world.canary].map(|service| fleet::is_shared(&service.fleet));
    if world.retries.is_some() && shared.contains(&true) {
        remarks.push(error(
            Subject::Retries,
            "requests that share workers cannot be tried again: when they end depends on those that come later"
                .to_owned(),
            "write discipline = \"fifo\", or take the retries out",
        ));
    }
}

fn check_steps(scenario: &Scenario, remarks: &mut Vec<Remark>) {
    let Plan::Staged(plan) = &scenario.rollout else {
        return;
    };
    let falling = plan
        .steps
        .windows(2)
        .find(|pair| pair[1].weight <= pair[0].weight);
    if let Some([before, after]) = falling {
        remarks.push(warning(
            Subject::Steps,
            format!(
                "a step of {} comes after one of {}",
                after.weight, before.weight
            ),
            "steps usually grow",
        ));
    }
    let total = plan
        .steps
        .iter()
        .fold(Span::ZERO, |sum, step| sum + step.hold);
    if scenario.horizon < total {
        remarks.push(warning(
            Subject::Horizon,
            format!(
                "the horizon of {} cuts rollouts off: their steps take {total}",
                scenario.horizon
            ),
            "leave the horizon out, or make it longer",
        ));
    }
    if scenario.analysis.is_empty() {
        remarks.push(warning(
            Subject::Rollout,
            "there are no gates: every canary is promoted".to_owned(),
            "add [[rollout.gates]]",
        ));
    }
}

/// Every question has an answer, and every answer a question.
fn check_figures(scenario: &Scenario, remarks: &mut Vec<Remark>) {
    let (written, asked) = (&scenario.figures, &scenario.questions);
    let mut missing: Vec<&str> = Vec::new();
    for name in asked.iter().map(String::as_str) {
        let known = written.iter().any(|figures| figures.name == name);
        if known || missing.contains(&name) {
            continue;
        }
        missing.push(name);
        remarks.push(error(
            Subject::Rollout,
            format!("the metric `{name}` asks a system that is not simulated"),
            format!(
                "write what it answers: [[figures]] name = \"{name}\", values = 1, and faulty = 2 for a \
                 bad canary"
            ),
        ));
    }
    for (index, figures) in written.iter().enumerate() {
        let rivals = scenario.rivals.iter().flat_map(|rival| &rival.questions);
        let valid: Vec<&str> = asked.iter().chain(rivals).map(String::as_str).collect();
        if valid.contains(&figures.name.as_str()) {
            continue;
        }
        let help = match (nearest(&figures.name, &valid), &valid[..]) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => "no metric of this rollout asks another system".to_owned(),
            (None, valid) => format!("asked are {}", valid.join(", ")),
        };
        remarks.push(warning(
            Subject::Figures(index),
            format!("no metric asks for `{}`", figures.name),
            help,
        ));
    }
}

/// Hooks that nobody asks.
fn check_hooks(scenario: &Scenario, remarks: &mut Vec<Remark>) {
    let asked = match &scenario.rollout {
        Plan::Flagger(plan) => plan.settings().hooks,
        _ => HookKinds::default(),
    };
    for (index, hook) in scenario.world.hooks.iter().enumerate() {
        let is_asked = match hook.kind {
            HookKind::ConfirmRollout => asked.confirm_rollout,
            HookKind::PreRollout => asked.pre_rollout,
            HookKind::Rollout => asked.rollout,
            HookKind::ConfirmTrafficIncrease => asked.confirm_traffic_increase,
            HookKind::ConfirmPromotion => asked.confirm_promotion,
            HookKind::Rollback => asked.rollback,
        };
        if !is_asked {
            remarks.push(warning(
                Subject::Hook(index),
                format!("the rollout asks no hook of type {}", hook.kind.name()),
                "take it out, or add a webhook of this type to the Canary",
            ));
        }
    }
}

fn check_window(scenario: &Scenario, index: usize, window: Span, remarks: &mut Vec<Remark>) {
    let subject = Subject::Gate(index);
    let horizon = scenario.horizon;
    if window > horizon {
        let message = format!("a window of {window} is longer than the horizon of {horizon}");
        let help = "shorten the window";
        // A Canary with such a window runs all the same, on the part of it that there is.
        remarks.push(match scenario.rollout {
            Plan::Staged(_) => error(subject, message, help),
            Plan::Flagger(_) | Plan::Argo(_) | Plan::Spinnaker(_) => {
                warning(subject, message, help)
            }
        });
    }
    let Sampling::Scraped { interval, .. } = scenario.telemetry.sampling else {
        return;
    };
    let delay = scenario.telemetry.delay;
    if window <= delay {
        remarks.push(warning(
            subject,
            format!("a window of {window} shows nothing: figures are {delay} late"),
            format!("make the window {} or longer", delay + interval * 2),
        ));
        return;
    }
    // A rate needs two samples of its series within the window.
    if window < interval * 2 {
        let how_often = if window <= interval {
            "never"
        } else {
            "not always"
        };
        remarks.push(warning(
            subject,
            format!(
                "a window of {window} {how_often} holds the two scrapes that a rate needs, at one \
                 every {interval}"
            ),
            format!(
                "make the window {} or longer, or scrape more often",
                interval * 2
            ),
        ));
    }
}

fn check_baseline(scenario: &Scenario, index: usize, gate: &Gate, remarks: &mut Vec<Remark>) {
    if gate.demand().baseline && !scenario.world.rules.baseline {
        remarks.push(error(
            Subject::Gate(index),
            "there is no baseline to compare with".to_owned(),
            "add baseline = true to [split], or compare with stable",
        ));
    }
}

fn check_limit(scenario: &Scenario, index: usize, gate: &Gate, remarks: &mut Vec<Remark>) {
    let (Gate::LatencyQuantile(gate), Sampling::Scraped { .. }) =
        (gate, scenario.telemetry.sampling)
    else {
        return;
    };
    let buckets = &scenario.telemetry.buckets;
    let highest = buckets.bound_seconds(buckets.bounds().len() - 1);
    // A quantile in the unbounded bucket reads as the highest finite bound.
    if gate.max.as_secs_f64() >= highest {
        remarks.push(warning(
            Subject::Gate(index),
            format!(
                "a limit of {} can never be broken: the histogram ends at {}",
                gate.max,
                Span::from_secs_f64(highest)
            ),
            "lower the limit, or give [telemetry] more buckets",
        ));
    }
}
