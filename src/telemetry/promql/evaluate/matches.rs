//! Operators between two vectors.

use super::super::AskError;
use super::super::labels::Labels;
use super::super::operators::SetOperator;
use super::super::plan::{Match, NO_GROUP, Set};
use super::{Before, Own, Work};

/// Arithmetic and comparisons.
pub(super) fn pairs(
    op: &Match,
    labels: &[Labels],
    before: Before<'_>,
    own: &mut Own<'_>,
    work: &mut Work,
) -> Result<(), AskError> {
    own.clear();
    // With nothing on a side nothing is checked on the other.
    let empty = |side| before.iter(side).next().is_none();
    if empty(op.left) || empty(op.right) {
        return Ok(());
    }
    const FREE: u32 = u32::MAX;
    let partners = &mut work.keys;
    partners.clear();
    partners.resize(op.groups, FREE);
    for (slot, _) in before.iter(op.right) {
        let group = op.right_groups[slot];
        let partner = &mut partners[group as usize];
        if *partner != FREE {
            return Err(duplicate(op, group));
        }
        *partner = slot as u32;
    }
    let met = &mut work.counts;
    met.clear();
    met.resize(if op.many { 0 } else { op.groups }, 0);
    for (slot, left) in before.iter(op.left) {
        let group = op.left_groups[slot];
        if group == NO_GROUP || partners[group as usize] == FREE {
            continue;
        }
        let partner = partners[group as usize] as usize;
        let right = before.values(op.right)[partner];
        let (a, b) = if op.swapped {
            (right, left)
        } else {
            (left, right)
        };
        // A filter keeps the value of what was written on the left.
        let value = op.operator.combine(a, b, a, op.as_bool);
        let counts = value.is_some() || op.strict;
        if counts && !op.many {
            met[group as usize] += 1;
            if met[group as usize] > 1 {
                let message = "multiple matches for labels: many-to-one matching must be explicit \
                               (group_left/group_right)";
                return Err(AskError::Execution(message.to_owned()));
            }
        }
        if value.is_some() {
            own.set((op.results[slot] + op.ranks[partner]) as usize, value);
        }
    }
    debug_assert_eq!(labels.len(), own.values.len());
    Ok(())
}

fn duplicate(op: &Match, group: u32) -> AskError {
    let side = if op.swapped { "left" } else { "right" };
    AskError::Execution(format!(
        "found duplicate series for the match group {} on the {side} hand-side of the operation; \
         many-to-many matching not allowed: matching labels must be unique on one side",
        op.keys[group as usize]
    ))
}

/// `and`, `or` and `unless`.
pub(super) fn sets(op: &Set, before: Before<'_>, own: &mut Own<'_>, work: &mut Work) {
    own.clear();
    let held = &mut work.keys;
    held.clear();
    held.resize(op.groups, 0);
    let (holder, groups) = match op.operator {
        SetOperator::Or => (op.left, &op.left_groups),
        SetOperator::And | SetOperator::Unless => (op.right, &op.right_groups),
    };
    for (slot, _) in before.iter(holder) {
        held[groups[slot] as usize] = 1;
    }
    if op.operator == SetOperator::Or {
        for (slot, value) in before.iter(op.left) {
            own.set(slot, Some(value));
        }
        for (slot, value) in before.iter(op.right) {
            if held[op.right_groups[slot] as usize] == 0 {
                own.set(op.left.count + slot, Some(value));
            }
        }
        return;
    }
    let wanted = u32::from(op.operator == SetOperator::And);
    for (slot, value) in before.iter(op.left) {
        if held[op.left_groups[slot] as usize] == wanted {
            own.set(slot, Some(value));
        }
    }
}
