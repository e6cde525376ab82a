//! The share of requests that the canary answers, where it is not the one that was configured.

use crate::base::Time;
use crate::engine::Trial;
use crate::experiment::replicate::Sample;
use crate::experiment::summary::{Cell, Mode};
use crate::experiment::words::{exact_share, share};
use crate::model::World;
use crate::model::fault::{FaultKind, ResetPhase};
use crate::model::split::{Precedence, Split};
use crate::rollout::Plan;
use crate::scenario::Scenario;

/// Below these the configured share is close enough.
const NOTABLE: (f64, f64) = (0.8, 1.2);
/// With fewer trials their spread says little.
const FEWEST_TRIALS: usize = 10;

/// Shares of all requests that a cell's canaries answered, until the rollout ended.
#[derive(Debug, Clone, Copy)]
pub(in crate::experiment) struct Achieved {
    bad: Answered,
    good: Answered,
}

/// A share with its standard error.
#[derive(Debug, Clone, Copy)]
struct Answered {
    share: f64,
    error: f64,
    trials: usize,
}

impl Achieved {
    /// Counts them.
    pub(in crate::experiment) fn of(scenario: &Scenario, sample: &Sample) -> Achieved {
        Achieved {
            bad: Answered::of(scenario, &sample.faulty),
            good: Answered::of(scenario, &sample.healthy),
        }
    }
}

impl Answered {
    fn of(scenario: &Scenario, trials: &[Trial]) -> Answered {
        let profile = &scenario.world.traffic.profile;
        let sent = |trial: &Trial| profile.expected(Time::START, trial.ended);
        let answered = |trial: &Trial| trial.canary_requests as f64;
        let all: f64 = trials.iter().map(sent).sum();
        let share = trials.iter().map(answered).sum::<f64>() / all.max(f64::MIN_POSITIVE);
        let square = |trial: &Trial| (answered(trial) - share * sent(trial)).powi(2);
        Answered {
            share,
            error: trials.iter().map(square).sum::<f64>().sqrt() / all.max(f64::MIN_POSITIVE),
            trials: trials.len(),
        }
    }

    /// The share over the configured one, where it differs notably and not by chance.
    fn factor(self, configured: f64) -> Option<f64> {
        let factor = self.share / configured;
        let notable = factor < NOTABLE.0 || factor > NOTABLE.1;
        let certain = (self.share - configured).abs() > 4.0 * self.error;
        (notable && certain && self.trials >= FEWEST_TRIALS).then_some(factor)
    }
}

/// What a good canary that is held answers, over what it was configured to; 1 where these are close
/// or cannot be compared.
pub(super) fn factor(scenario: &Scenario, cell: &Cell, achieved: &Achieved) -> f64 {
    let comparable = cell.mode == Mode::Held && is_comparable(scenario);
    let factor = achieved.good.factor(cell.weight / 100.0);
    factor.filter(|_| comparable).unwrap_or(1.0)
}

/// Whether a held canary has its percentage from the first moment on.
fn is_comparable(scenario: &Scenario) -> bool {
    matches!(&scenario.rollout, Plan::Staged(plan)
        if plan.office_hours.is_none() && plan.steps.iter().all(|step| !step.weight.is_zero()))
}

/// Says so of the percentage with which the rollout begins, where the share differs by more than a
/// fifth.
pub(super) fn sentence(
    scenario: &Scenario,
    cells: &[Cell],
    achieved: &[Achieved],
) -> Option<String> {
    if !is_comparable(scenario) {
        return None;
    }
    let first = scenario.rollout.steps().first()?.as_percent();
    let held = || (cells.iter().zip(achieved)).filter(|(cell, _)| cell.mode == Mode::Held);
    let (cell, achieved) = held()
        .find(|(cell, _)| cell.weight == first)
        .or_else(|| held().next())?;
    let configured = cell.weight / 100.0;
    let far = |answered: Answered| {
        let factor = answered.factor(configured);
        factor.map_or(0.0, |factor| factor.max(1e-6).ln().abs())
    };
    let (bad, good) = (far(achieved.bad), far(achieved.good));
    if bad.max(good) <= 0.0 {
        return None;
    }
    let (whose, answered) = if (bad - good).abs() < 0.1 {
        ("the canary", achieved.good)
    } else if bad > good {
        ("a bad canary", achieved.bad)
    } else {
        ("a good canary", achieved.good)
    };
    let got = match answered.share {
        0.0 => "none".to_owned(),
        some => share(some),
    };
    let why = cause(
        &scenario.world,
        answered.share < configured,
        bad > good + 0.1,
    );
    Some(format!(
        "Held at {}, {whose} answers {got} of the requests, not {}{}.",
        exact_share(configured),
        exact_share(configured),
        why.map_or(String::new(), |why| format!(": {why}")),
    ))
}

/// Why the canary gets less, or more; with `bad` because of its fault.
fn cause(world: &World, less: bool, bad: bool) -> Option<&'static str> {
    let has = |wanted: fn(&FaultKind) -> bool| world.faults.iter().any(|fault| wanted(&fault.kind));
    if less && bad {
        if world.ejection.is_some() {
            return Some("outlier detection takes its instances out, and there is little to judge");
        }
        if has(|kind| matches!(kind, FaultKind::FailedStart { .. })) {
            return Some("its instances do not start, and others answer for them");
        }
        let down = |kind: &FaultKind| match kind {
            FaultKind::CrashLoop { .. } => true,
            FaultKind::Reset { phase, .. } => *phase != ResetPhase::Body,
            _ => false,
        };
        return has(down).then_some("it is often down, and others answer for it");
    }
    if world.rules.replicas.is_some() {
        return Some("its share is that of whole replicas");
    }
    let alike = |split| split == Split::SplitClients;
    let cookieless = world.traffic.groups.iter().any(|group| !group.cookies);
    if alike(world.split) && cookieless {
        return Some(if less {
            "requests without a cookie all fall into stable's bucket"
        } else {
            "requests without a cookie all fall into the canary's bucket"
        });
    }
    let precedence = world.affinity.map(|affinity| affinity.precedence);
    match (precedence, less) {
        (Some(Precedence::Both | Precedence::AffinityFirst), true) => {
            Some("cookies keep those on stable who were there before")
        }
        (Some(Precedence::CanaryOnly), false) => {
            Some("who meets it once stays with it, so that its share only grows")
        }
        (Some(_), _) => Some("cookies keep users where they are"),
        (None, false) if world.rules.matched.is_some() => {
            Some("requests that match a rule go to it at any percentage")
        }
        (None, false) if world.retries.is_some() => Some("callers try again what fails"),
        (None, _) => None,
    }
}
