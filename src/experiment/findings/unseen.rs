//! Faults that come too late, or where no check looks: known beforehand, whatever the numbers.

use super::{likeness, sight};
use crate::base::{Probability, Time};
use crate::experiment::words;
use crate::gate::Gate;
use crate::model::fault::{Fault, FaultKind, Target};
use crate::rollout::Plan;
use crate::scenario::Scenario;
use crate::telemetry::Reporter;

/// Sentences about what a gate cannot see, however many requests there are.
pub(super) fn sentences(scenario: &Scenario) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.extend(too_late(scenario));
    sentences.extend(leaking(scenario));
    sentences.extend(tried_again(scenario));
    sentences.extend(praised(scenario));
    sentences.extend(shared(scenario));
    sentences.extend(burdened_alike(scenario));
    sentences.extend(written_by_the_canary(scenario));
    sentences.extend(false_metrics(scenario));
    sentences
}

/// Whether a fault is a difference between the versions.
fn is_the_canarys(fault: &Fault) -> bool {
    fault.target != Target::Both
}

/// A fault whose callers notice failures that the server never counts, or counts as successes.
pub(super) fn is_hidden_from_servers(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Reset { .. }
            | FaultKind::Hang { .. }
            | FaultKind::CrashLoop { .. }
            | FaultKind::FailedStart { .. }
    )
}

/// Whether the scenario's metrics come from the server's side.
pub(super) fn measured_by_servers(scenario: &Scenario) -> bool {
    scenario.telemetry.reporter == Reporter::Server
}

/// A fault that begins when an undisturbed rollout is over.
fn too_late(scenario: &Scenario) -> Option<String> {
    let Plan::Staged(plan) = &scenario.rollout else {
        return None;
    };
    let end = plan.undisturbed();
    let mut canarys = scenario.world.faults.iter().filter(|f| is_the_canarys(f));
    let world = &scenario.world;
    let alone = world.canary == world.healthy().canary;
    let first = canarys.by_ref().map(|fault| fault.schedule.onset).min()?;
    (alone && first >= Time::START + end).then(|| {
        format!(
            "The fault begins at {first}, and a rollout that nothing disturbs is over at {end}: no \
             check is there to see it. Only a longer bake would be."
        )
    })
}

/// A leak that fills the memory when an undisturbed rollout is over.
fn leaking(scenario: &Scenario) -> Option<String> {
    let Plan::Staged(plan) = &scenario.rollout else {
        return None;
    };
    let (end, world) = (plan.undisturbed(), &scenario.world);
    let (per_request, free) = world.faults.iter().find_map(|fault| match fault.kind {
        FaultKind::MemoryLeak {
            per_request,
            heap,
            live,
            ..
        } if is_the_canarys(fault) => Some((per_request, heap - live)),
        _ => None,
    })?;
    let rate = likeness::rate(scenario) / f64::from(world.canary.fleet.instances.max(1));
    let fills = free / per_request / rate;
    (fills > end.as_secs_f64()).then(|| {
        format!(
            "With all of the traffic the leak fills an instance's memory in {}, and a rollout that \
             nothing disturbs is over at {end}: what shows before is the slope of memory, and no check \
             here reads it.",
            words::time(fills)
        )
    })
}

/// Failures that callers try again before anybody counts.
fn tried_again(scenario: &Scenario) -> Option<String> {
    let retries = scenario.world.retries.filter(|retries| retries.on_errors)?;
    let reads = |gate: &Gate| gate.least_success().is_some();
    let share = Probability::new(sight::steady_errors(scenario)?)?;
    let hidden = !measured_by_servers(scenario) && scenario.analysis.iter().any(reads);
    hidden.then(|| {
        format!(
            "The metrics are the callers', who try a failed request again: {} of the canary's attempts \
             fail, and {} of the requests that are counted. Count attempts, or measure at the server \
             (reporter = \"server\").",
            words::share(share.get()),
            words::share(retries.visible(share)),
        )
    })
}

/// Goals that a release lowers beside those that are checked.
fn praised(scenario: &Scenario) -> Option<String> {
    let world = &scenario.world;
    let checked = |goal: usize| {
        let reads = |gate: &Gate| matches!(gate, Gate::Business(gate) if gate.goal == goal);
        scenario.analysis.iter().any(reads)
    };
    let moved = |wanted: fn(f64) -> bool, read: bool| {
        world.faults.iter().find_map(|fault| match fault.kind {
            FaultKind::Business {
                goal: Some(goal),
                multiply,
            } if wanted(multiply) && checked(goal) == read => {
                let name = world.goals.get(goal).map(|goal| goal.name.as_str());
                Some((name?, multiply))
            }
            _ => None,
        })
    };
    let (raised, up) = moved(|by| by > 1.0, true)?;
    let (lowered, down) = moved(|by| by < 1.0, false)?;
    Some(format!(
        "The bad release raises {raised} (times {up}), which is checked, and lowers {lowered} (times \
         {down}), which is not: to these checks it is the better one. Check {lowered} too."
    ))
}

/// Trouble that both versions have alike.
fn shared(scenario: &Scenario) -> Option<String> {
    let both = (scenario.world.faults.iter()).any(|fault| fault.target == Target::Both);
    (both && has_fixed_limit(scenario)).then(|| {
        "A fault here is in both versions alike: a fixed limit can roll back a good release for it; \
         a comparison with stable sees no difference."
            .to_owned()
    })
}

/// A canary that slows what both versions use.
fn burdened_alike(scenario: &Scenario) -> Option<String> {
    let load = |fault: &Fault| matches!(fault.kind, FaultKind::SharedLoad { .. });
    let compared = !scenario.analysis.is_empty() && !has_fixed_limit(scenario);
    (compared && scenario.world.faults.iter().any(load)).then(|| {
        "This canary slows both versions alike, and nothing here has a fixed limit: a comparison \
         with stable sees no difference."
            .to_owned()
    })
}

fn has_fixed_limit(scenario: &Scenario) -> bool {
    let fixed = |gate: &Gate| gate.least_success().is_some() || gate.longest_p99().is_some();
    scenario.analysis.iter().any(fixed)
}

/// Harm that shows in stable.
fn written_by_the_canary(scenario: &Scenario) -> Option<String> {
    let poison = |fault: &Fault| matches!(fault.kind, FaultKind::Poison { .. });
    scenario.world.faults.iter().any(poison).then(|| {
        "What this canary writes makes stable fail: checks that read the canary do not see it, a \
         comparison makes the canary look better, and a rollback does not end it."
            .to_owned()
    })
}

/// Metrics that do not tell what happened.
fn false_metrics(scenario: &Scenario) -> Option<String> {
    let wrong = |fault: &Fault| matches!(fault.kind, FaultKind::Metrics { .. });
    scenario.world.faults.iter().any(wrong).then(|| {
        "The canary's metrics are wrong here, whatever it does: every check judges what they show."
            .to_owned()
    })
}
