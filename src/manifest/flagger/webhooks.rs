//! `spec.analysis.webhooks`: which kinds of hook there are. Nobody is called here: how hooks answer is
//! for the scenario to say.
//!
//! Flagger 1.44.0, `pkg/controller/scheduler_hooks.go`.

use super::super::findings::{Field, Fields, Findings};
use crate::rollout::HookKinds;

/// Why a hook that starts load decides nothing.
const LOAD: &str = "it starts load, and the traffic is the scenario's";
/// Why one that nobody waits for decides nothing.
const UNHEARD: &str = "nobody waits for its answer";
/// Why whom a hook calls decides nothing.
const UNCALLED: &str = "hooks are not called: the scenario says how they answer";

/// Reads which hooks there are that decide something, and warns once how they are taken to answer.
pub(super) fn read(findings: &mut Findings, analysis: &Fields<'_>) -> HookKinds {
    let mut kinds = HookKinds::default();
    let Some(field) = analysis.get("webhooks") else {
        return kinds;
    };
    let (mut agreeing, mut silent) = (Vec::new(), Vec::new());
    for item in findings.list(&field) {
        let Some(hook) = findings.map(&item) else {
            continue;
        };
        let name = findings.text(&hook, "name").map(|(name, _)| name);
        for key in ["name", "url"] {
            if !hook.has(key) {
                let help = "give every hook a name and a url";
                findings.error(
                    &hook.path_of(key),
                    "is missing",
                    item.key_span.clone(),
                    help,
                );
            }
        }
        let name = name.unwrap_or_default().to_owned();
        let kind = findings.text(&hook, "type");
        match kind.as_ref().map_or("", |(kind, _)| kind) {
            "" | "rollout" => kinds.rollout = true,
            "confirm-rollout" => kinds.confirm_rollout = true,
            "pre-rollout" => kinds.pre_rollout = true,
            "confirm-traffic-increase" => kinds.confirm_traffic_increase = true,
            "confirm-promotion" => kinds.confirm_promotion = true,
            "rollback" => {
                kinds.rollback = true;
                ignore_the_call(findings, &hook);
                silent.push(name);
                continue;
            }
            "post-rollout" | "event" => {
                findings.mark_ignored(&item.path, UNHEARD);
                continue;
            }
            other => {
                if let Some((_, place)) = &kind {
                    report_unknown(findings, other, &place.path, place.place());
                }
                continue;
            }
        }
        if starts_load(&hook) {
            findings.mark_ignored(&item.path, LOAD);
            continue;
        }
        ignore_the_call(findings, &hook);
        agreeing.push(name);
    }
    report_answers(findings, &field, &agreeing, &silent);
    kinds
}

fn report_answers(
    findings: &mut Findings,
    field: &Field<'_>,
    agreeing: &[String],
    silent: &[String],
) {
    let mut answers = Vec::new();
    if !agreeing.is_empty() {
        answers.push(format!("taken to succeed at once: {}", agreeing.join(", ")));
    }
    if !silent.is_empty() {
        answers.push(format!(
            "taken to ask for no rollback: {}",
            silent.join(", ")
        ));
    }
    if !answers.is_empty() {
        let message = format!(
            "hooks are not called; unless [[rollout.hooks]] of a scenario says otherwise, {}",
            answers.join("; ")
        );
        findings.warn(&field.path, &message, field.key_span.clone());
    }
}

fn ignore_the_call(findings: &mut Findings, hook: &Fields<'_>) {
    for key in ["url", "timeout", "retries", "metadata", "disableTLS"] {
        if hook.has(key) {
            findings.mark_ignored(&hook.path_of(key), UNCALLED);
        }
    }
}

/// Whether a hook's command is one of the usual generators of load. Such a hook answers as soon as
/// the load has started, whatever becomes of it.
fn starts_load(hook: &Fields<'_>) -> bool {
    const GENERATORS: [&str; 11] = [
        "hey",
        "wrk",
        "wrk2",
        "ghz",
        "k6",
        "ab",
        "vegeta",
        "fortio",
        "oha",
        "bombardier",
        "nghttp",
    ];
    let command = hook.get("metadata");
    let command = command.and_then(|field| field.node.get("cmd")?.text());
    let program = command.and_then(|command| command.split_whitespace().next());
    program.is_some_and(|program| {
        let name = program.rsplit('/').next().unwrap_or(program);
        GENERATORS.contains(&name)
    })
}

fn report_unknown(findings: &mut Findings, kind: &str, path: &str, place: std::ops::Range<usize>) {
    let message = format!("`{kind}` is no kind of hook: Flagger never calls it");
    findings.warn(path, &message, place);
}
