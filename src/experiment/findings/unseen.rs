//! Faults that come too late, or where no check looks: known beforehand, whatever the numbers.

use crate::base::Time;
use crate::gate::Gate;
use crate::model::fault::{Fault, FaultKind, Target};
use crate::rollout::Plan;
use crate::scenario::Scenario;
use crate::telemetry::Reporter;

/// Sentences about what a gate cannot see, however many requests there are.
pub(super) fn sentences(scenario: &Scenario) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.extend(too_late(scenario));
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

/// A fault whose callers notice failures that the server never counts.
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
    let alone = scenario.world.canary == scenario.world.stable;
    let first = canarys.by_ref().map(|fault| fault.schedule.onset).min()?;
    (alone && first >= Time::START + end).then(|| {
        format!(
            "The fault begins at {first}, and a rollout that nothing disturbs is over at {end}: no \
             check is there to see it. Only a longer bake would be."
        )
    })
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
