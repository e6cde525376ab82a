//! Names by which one section of a scenario refers to another.

use super::reader::Value;
use super::report::nearest;
use crate::model::World;
use crate::model::traffic::Traffic;

/// What other sections may name.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) routes: Names,
    pub(super) groups: Names,
    pub(super) goals: Names,
}

impl Known {
    /// What a scenario's traffic and goals are called, as far as they could be read.
    pub(super) fn new(traffic: Option<&Traffic>, goals: Option<Vec<String>>) -> Known {
        Known {
            routes: Names::of_routes(traffic),
            groups: Names::of_groups(traffic),
            goals: Names::of_goals(goals),
        }
    }

    /// The names of a world, when it could be read.
    pub(super) fn of(world: Option<&World>) -> Known {
        let goals = world.map(|world| world.goals.iter().map(|goal| goal.name.clone()).collect());
        Known::new(world.map(|world| &world.traffic), goals)
    }
}

#[cfg(test)]
impl Known {
    /// Routes and goals of these names.
    pub(super) fn named(routes: &[&str], goals: &[&str]) -> Known {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let mut known = Known::new(None, Some(list(goals)));
        known.routes.names = Some(list(routes));
        known
    }
}

/// The names of one kind of thing.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// `route`.
    what: &'static str,
    /// `[[traffic.routes]]`.
    section: &'static str,
    /// `None` where they could not be read: then no name is wrong.
    names: Option<Vec<String>>,
}

impl Names {
    pub(super) fn of_routes(traffic: Option<&Traffic>) -> Names {
        let routes = traffic.map(|traffic| &traffic.routes);
        Names {
            what: "route",
            section: "[[traffic.routes]]",
            names: routes.map(|routes| routes.iter().map(|route| route.name.clone()).collect()),
        }
    }

    pub(super) fn of_groups(traffic: Option<&Traffic>) -> Names {
        let groups = traffic.map(|traffic| &traffic.groups);
        Names {
            what: "group",
            section: "[[traffic.groups]]",
            names: groups.map(|groups| groups.iter().map(|group| group.name.clone()).collect()),
        }
    }

    pub(super) fn of_goals(names: Option<Vec<String>>) -> Names {
        Names {
            what: "goal",
            section: "[[goals]]",
            names,
        }
    }

    /// How many there are, if that is known.
    pub(super) fn count(&self) -> Option<usize> {
        self.names.as_ref().map(Vec::len)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.names.as_ref().map_or(0, Vec::len)
    }

    /// Which of them a value names, and the name.
    pub(super) fn find_named(&self, value: &Value<'_>) -> Option<(usize, String)> {
        let index = self.find(value)?;
        let name = self.names.as_ref()?.get(index)?;
        Some((index, name.clone()))
    }

    /// Whether it is known that there are none.
    pub(super) fn are_none(&self) -> bool {
        self.names.as_ref().is_some_and(Vec::is_empty)
    }

    /// Which of them a value names.
    pub(super) fn find(&self, value: &Value<'_>) -> Option<usize> {
        let name = value.words()?;
        let Some(names) = &self.names else {
            return Some(0);
        };
        if let Some(index) = names.iter().position(|other| other == name) {
            return Some(index);
        }
        let valid: Vec<&str> = names.iter().map(String::as_str).collect();
        let help = match (nearest(name, &valid), &valid[..]) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => format!("add {} with name = \"{name}\"", self.section),
            (None, valid) => format!("there are {}", valid.join(", ")),
        };
        value.refuse(format_args!("`{name}` is no {}", self.what), help);
        None
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
