//! Names that one section gives and another refers to.

use super::reader::Value;
use super::report::advice;
use crate::model::World;
use crate::model::traffic::Traffic;

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

/// The names of one kind of thing.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    /// `route`.
    what: &'static str,
    /// `[[traffic.routes]]`.
    section: &'static str,
    /// `None` where they could not be read: then no name is wrong.
    names: Option<Vec<String>>,
}

impl Labels {
    pub(super) fn of_routes(traffic: Option<&Traffic>) -> Labels {
        let routes = traffic.map(|traffic| &traffic.routes);
        Labels {
            what: "route",
            section: "[[traffic.routes]]",
            names: routes.map(|routes| routes.iter().map(|route| route.name.clone()).collect()),
        }
    }

    pub(super) fn of_groups(traffic: Option<&Traffic>) -> Labels {
        let groups = traffic.map(|traffic| &traffic.groups);
        Labels {
            what: "group",
            section: "[[traffic.groups]]",
            names: groups.map(|groups| groups.iter().map(|group| group.name.clone()).collect()),
        }
    }

    pub(super) fn of_goals(names: Option<Vec<String>>) -> Labels {
        Labels {
            what: "goal",
            section: "[[goals]]",
            names,
        }
    }

    /// Whether it is known that there are none.
    pub(super) fn are_none(&self) -> bool {
        self.names.as_ref().is_some_and(Vec::is_empty)
    }

    /// Which of them a value names.
    pub(super) fn find(&self, value: &Value<'_>) -> Option<usize> {
        let Some(names) = &self.names else {
            return value.words().map(|_| 0);
        };
        let how = format!("add {} with this name", self.section);
        place(value, names, self.what, &how)
    }

    /// Those that a list names, as a set of bits; all bits set where there is no list.
    pub(super) fn bits(&self, list: Option<&Value<'_>>) -> Option<u32> {
        let Some(list) = list else {
            return Some(u32::MAX);
        };
        let items = list.list()?;
        if items.is_empty() {
            list.refuse(
                "an empty list reaches nobody",
                format_args!("name a {}, or leave the list out", self.what),
            );
            return None;
        }
        // Look at every one before giving up, so that all problems are found.
        let places: Vec<Option<usize>> = items.iter().map(|item| self.find(item)).collect();
        let places: Option<Vec<usize>> = places.into_iter().collect();
        Some(places?.into_iter().fold(0, |bits, place| {
            bits | 1_u32.checked_shl(place as u32).unwrap_or(0)
        }))
    }
}
