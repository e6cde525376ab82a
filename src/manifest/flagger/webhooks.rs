//! `spec.analysis.webhooks`: which kinds of hook there are. Nobody calls them here.

use super::super::findings::{Fields, Findings};
use crate::rollout::flagger::HookKinds;

/// Reads which hooks there are, and warns once how they are taken to answer.
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
                silent.push(name);
                continue;
            }
            "post-rollout" | "event" => continue,
            other => {
                if let Some((_, place)) = &kind {
                    report_unknown(findings, other, &place.path, place.place());
                }
                continue;
            }
        }
        agreeing.push(name);
    }
    let mut answers = Vec::new();
    if !agreeing.is_empty() {
        answers.push(format!("taken to succeed: {}", agreeing.join(", ")));
    }
    if !silent.is_empty() {
        answers.push(format!(
            "taken to ask for no rollback: {}",
            silent.join(", ")
        ));
    }
    if !answers.is_empty() {
        let message = format!("hooks are not called; {}", answers.join("; "));
        findings.warn(&field.path, &message, field.key_span.clone());
    }
    kinds
}

fn report_unknown(findings: &mut Findings, kind: &str, path: &str, place: std::ops::Range<usize>) {
    let message = format!("`{kind}` is no kind of hook: Flagger never calls it");
    findings.warn(path, &message, place);
}
