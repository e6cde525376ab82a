//! The hooks of a rollout: how the people and systems answer that a Canary's webhooks ask.

use super::fault::read_share_above_zero;
use super::latency;
use super::reader::{Table, Value};
use crate::base::{Probability, Span};
use crate::model::hooks::{Hook, HookKind};
use crate::model::service::Latency;

/// More hooks than this are nobody's.
const MOST_HOOKS: usize = 100;

/// The hooks of a list.
pub(super) fn read(list: &Value<'_>) -> Option<Vec<Hook>> {
    let items = list.list()?;
    if items.len() > MOST_HOOKS {
        list.refuse(
            format_args!("{} hooks are too many", items.len()),
            format_args!("write at most {MOST_HOOKS}"),
        );
        return None;
    }
    let hooks: Vec<Option<Hook>> = items
        .iter()
        .map(|value| read_hook(value.table()?))
        .collect();
    hooks.into_iter().collect()
}

fn read_hook(mut table: Table<'_>) -> Option<Hook> {
    let kind = table
        .require("type", "write type = \"confirm-promotion\"")
        .and_then(|value| value.choice(&HookKind::NAMES));
    let yes_or_no = |value: Value<'_>| value.choice(&[("yes", true), ("no", false)]);
    let answer = table
        .require("answer", "write answer = \"yes\" or answer = \"no\"")
        .and_then(yes_or_no);
    let delay = match table.get("after") {
        None => Some(None),
        Some(value) => read_delay(&value).map(Some),
    };
    let faulty = match table.get("faulty") {
        None => Some(None),
        Some(value) => yes_or_no(value).map(Some),
    };
    let failing = match table.get("failing") {
        None => Some(Probability::ZERO),
        Some(value) => read_share_above_zero(&value, "is never"),
    };
    table.finish();
    Some(Hook {
        kind: kind?,
        answer: answer?,
        delay: delay?,
        faulty: faulty?,
        failing: failing?,
    })
}

/// `30m`, or two quantiles.
fn read_delay(value: &Value<'_>) -> Option<Latency> {
    let is_law = value.text().is_some_and(|text| text.contains('='));
    if is_law {
        return latency::read(value);
    }
    value.quantity().map(Latency::Fixed)
}

/// How long a rollout may wait for its hooks.
pub(super) fn longest(hooks: &[Hook]) -> Span {
    let waits = hooks.iter().filter(|hook| hook.answer);
    waits.fold(Span::ZERO, |sum, hook| sum + hook.longest())
}
