//! Names that one section gives and another refers to.

use super::reader::Value;
use super::report::advice;
use crate::model::World;

/// The names of a world's routes and goals, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Names {
    pub(super) routes: Vec<String>,
    pub(super) goals: Vec<String>,
}

impl Names {
    /// Those of a world.
    pub(super) fn of(world: &World) -> Names {
        let routes = world.traffic.routes.iter();
        let goals = world.goals.iter();
        Names {
            routes: routes.map(|route| route.name.clone()).collect(),
            goals: goals.map(|goal| goal.name.clone()).collect(),
        }
    }
}

/// The place of the name that `value` holds among `names`; `what` they are and `how` one is given
/// when there are none.
pub(super) fn place(value: &Value<'_>, names: &[String], what: &str, how: &str) -> Option<usize> {
    let text = value.words()?;
    let found = names.iter().position(|name| name == text);
    if found.is_none() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let help = match names.is_empty() {
            true => how.to_owned(),
            false => advice(text, &names),
        };
        value.refuse(format_args!("`{text}` is no {what}"), help);
    }
    found
}
