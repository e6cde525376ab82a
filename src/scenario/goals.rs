//! The goals of a scenario: what the business counts.

use super::fault::read_share_above_zero;
use super::names::Names;
use super::reader::{Table, Value};
use crate::model::service::{Goal, GoalValue};

/// More goals than this are nobody's.
const MOST_GOALS: usize = 32;

/// The goals of a list.
pub(super) fn read(list: &Value<'_>, routes: &Names) -> Option<Vec<Goal>> {
    let values = list.list()?;
    if values.len() > MOST_GOALS {
        list.refuse(
            format_args!("{} goals are too many", values.len()),
            format_args!("write at most {MOST_GOALS}"),
        );
    }
    let mut names: Vec<String> = Vec::new();
    let mut goals = Vec::new();
    for value in &values {
        let goal = value
            .table()
            .and_then(|table| read_goal(table, routes, &mut names));
        goals.push(goal);
    }
    goals.into_iter().collect()
}

fn read_goal(mut table: Table<'_>, routes: &Names, names: &mut Vec<String>) -> Option<Goal> {
    let name = table
        .require("name", "write name = \"conversion\"")
        .and_then(|value| {
            let name = value.words()?.to_owned();
            if names.contains(&name) {
                value.refuse(
                    format_args!("`{name}` is the name of another goal"),
                    "give each goal a name of its own",
                );
                return None;
            }
            names.push(name.clone());
            Some(name)
        });
    let probability = table
        .require("probability", "write probability = \"3%\"")
        .and_then(|value| read_share_above_zero(&value, "is a goal that nobody reaches"));
    let worth = match table.get("value") {
        None => Some(GoalValue::One),
        Some(value) => value.table().and_then(read_value),
    };
    let reached = table.get("routes");
    let bits = routes.bits(reached.as_ref());
    let spread = match table.get("spread") {
        None => Some(0.0),
        Some(value) => value.number(0.0..=5.0),
    };
    table.finish();
    Some(Goal {
        name: name?,
        probability: probability?,
        value: worth?,
        routes: bits?,
        spread: spread?,
    })
}

fn read_value(mut table: Table<'_>) -> Option<GoalValue> {
    let mean = table
        .require("mean", "write value = { mean = 40, cv = 1.2 }")
        .and_then(|value| value.number(1e-6..=1e9));
    let cv = match table.get("cv") {
        None => Some(0.0),
        Some(value) => value.number(0.0..=100.0),
    };
    table.finish();
    Some(GoalValue::Spread {
        mean: mean?,
        cv: cv?,
    })
}
