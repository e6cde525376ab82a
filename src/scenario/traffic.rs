//! The traffic section.

use super::arrivals;
use super::defaults;
use super::preset::{self, Preset};
use super::rate;
pub(super) use super::rate::{own_mean, with_mean};
use super::reader::{Table, Value};
use super::report::advice;
use super::sessions;
use crate::base::{Probability, Span};
use crate::model::traffic::{
    Activity, MOST_ROUTES, Population, Profile, Route, Traffic, UserGroup,
};

/// A population's table of activities stays below 100 MB.
const MOST_USERS: u64 = 10_000_000;
/// Shares that add up to 1 but for so much were meant to.
const TOLERANCE: f64 = 1e-6;

/// The requests and the share of them that an A/B condition selects.
pub(super) fn read(mut table: Table<'_>) -> Option<(Traffic, Probability)> {
    let preset = match table.get("preset") {
        None => Some(Preset::default()),
        Some(value) => value.choice(&preset::NAMES).map(preset::Name::preset),
    };
    // A preset that is not known is reported; the rest is read as if there were none.
    let is_known = preset.is_some();
    let preset = preset.unwrap_or_default();
    let profile = read_rate(&mut table, preset.profile, is_known);
    let arrivals = match table.get("arrivals") {
        None => Some(preset.arrivals),
        Some(value) => arrivals::read(&value),
    };
    let swing = match table.get("swing") {
        None => Some(preset.swing),
        Some(value) => arrivals::read_swing(&value).map(Some),
    };
    let cron = share_or(&mut table, "cron", Probability::ZERO);
    let crowd = read_crowd(&mut table, preset.crowd);
    let returning = share_or(&mut table, "returning", preset.returning);
    let sessions = match table.get("sessions") {
        None => Some(preset.sessions),
        Some(value) => sessions::read(&value).map(Some),
    };
    let matched = share_or(&mut table, "matched", defaults::matched());
    let routes = match table.get("routes") {
        None => Some(Vec::new()),
        Some(list) => read_routes(&list),
    };
    let groups = table.get("groups");
    table.finish();
    let groups = match groups {
        None => Some(Vec::new()),
        Some(list) => {
            // Whatever could not be read has been reported; groups are judged all the same.
            let crowd = crowd.unwrap_or(preset.crowd);
            let returning = returning.unwrap_or(preset.returning);
            read_groups(&list, crowd, returning, routes.as_deref())
        }
    };
    let traffic = Traffic {
        arrivals: arrivals?,
        swing: swing?,
        cron: cron?,
        groups: groups?,
        sessions: sessions?,
        returning: returning?,
        routes: routes?,
        ..Traffic::plain(profile?, crowd?.population())
    };
    is_known.then_some((traffic, matched?))
}

fn share_or(
    table: &mut Table<'_>,
    key: &'static str,
    otherwise: Probability,
) -> Option<Probability> {
    match table.get(key) {
        None => Some(otherwise),
        Some(value) => value.share(),
    }
}

/// The rate; beside a preset a constant one keeps the preset's shape.
fn read_rate(table: &mut Table<'_>, preset: Option<Profile>, is_known: bool) -> Option<Profile> {
    let Some(shape) = preset else {
        // An unknown preset might have had one.
        let value = match is_known {
            true => table.require("rate", rate::HELP),
            false => table.get("rate"),
        };
        return value.and_then(|value| rate::read(&value));
    };
    let Some(value) = table.get("rate") else {
        return Some(shape);
    };
    let profile = rate::read(&value)?;
    Some(match (profile, shape) {
        (Profile::Constant(base), Profile::Flash(flash)) => {
            Profile::Flash(crate::model::traffic::Flash { base, ..flash })
        }
        (Profile::Constant(mean), shape) => with_mean(&shape, mean, Span::ZERO),
        (profile, _) => profile,
    })
}

/// How many users, and how unequal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    pub(super) users: u32,
    pub(super) activity: Activity,
}

impl Crowd {
    fn population(self) -> Population {
        match self.activity {
            Activity::Zipf(exponent) => Population::zipf(self.users, exponent),
            Activity::LogNormal(sigma) => Population::log_normal(self.users, sigma),
        }
    }
}

fn read_crowd(table: &mut Table<'_>, otherwise: Crowd) -> Option<Crowd> {
    let users = match table.get("users") {
        None => Some(otherwise.users),
        Some(value) => value
            .whole(1..=MOST_USERS)
            .and_then(|users| u32::try_from(users).ok()),
    };
    let (zipf, spread) = (table.get("zipf"), table.get("spread"));
    let activity = match (zipf, spread) {
        (None, None) => Some(otherwise.activity),
        (Some(value), None) => value.number(0.0..=5.0).map(Activity::Zipf),
        (None, Some(value)) => value.number(0.0..=5.0).map(Activity::LogNormal),
        (Some(_), Some(value)) => {
            value.refuse(
                "stands beside zipf",
                "give zipf or spread: both say how unequal users are",
            );
            None
        }
    };
    Some(Crowd {
        users: users?,
        activity: activity?,
    })
}

/// The items of a list, each read whatever is wrong with others.
fn read_all<T>(list: &Value<'_>, read: impl Fn(Table<'_>) -> Option<T>) -> Option<Vec<T>> {
    let items = list.list()?;
    let items: Vec<Option<T>> = items.iter().map(|item| read(item.table()?)).collect();
    items.into_iter().collect()
}

/// Refuses shares that do not add up to all.
pub(super) fn add_up(list: &Value<'_>, shares: impl Iterator<Item = f64>) -> Option<()> {
    let sum: f64 = shares.sum();
    if (sum - 1.0).abs() <= TOLERANCE {
        return Some(());
    }
    let percent = (sum * 1e6).round() / 1e4;
    list.refuse(
        format_args!("the shares add up to {percent}%"),
        "make them add up to 100%",
    );
    None
}

fn unique<'n>(list: &Value<'_>, names: impl Iterator<Item = &'n str>) -> Option<()> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            list.refuse(
                format_args!("`{name}` stands there twice"),
                "give each its own name",
            );
            return None;
        }
    }
    Some(())
}

fn read_routes(list: &Value<'_>) -> Option<Vec<Route>> {
    let routes = read_all(list, |mut table| {
        let name = table
            .require("name", "write name = \"checkout\"")
            .and_then(|value| value.words().map(str::to_owned));
        let share = table
            .require("share", "write share = \"10%\"")
            .and_then(|value| value.share());
        table.finish();
        Some(Route {
            name: name?,
            share: share?,
        })
    })?;
    if routes.is_empty() || routes.len() > MOST_ROUTES {
        list.refuse(
            format_args!("has {} routes", routes.len()),
            format_args!("write 1 to {MOST_ROUTES}"),
        );
        return None;
    }
    unique(list, routes.iter().map(|route| route.name.as_str()))?;
    add_up(list, routes.iter().map(|route| route.share.get()))?;
    Some(routes)
}

fn read_groups(
    list: &Value<'_>,
    crowd: Crowd,
    returning: Probability,
    routes: Option<&[Route]>,
) -> Option<Vec<UserGroup>> {
    let groups = read_all(list, |table| read_group(table, crowd, returning, routes))?;
    if groups.is_empty() {
        list.refuse(
            "is empty",
            "write [[traffic.groups]] with name and share, or take it out",
        );
        return None;
    }
    unique(list, groups.iter().map(|group| group.name.as_str()))?;
    add_up(list, groups.iter().map(|group| group.share.get()))?;
    Some(groups)
}

fn read_group(
    mut table: Table<'_>,
    crowd: Crowd,
    returning: Probability,
    routes: Option<&[Route]>,
) -> Option<UserGroup> {
    let name = table
        .require("name", "write name = \"bots\"")
        .and_then(|value| value.words().map(str::to_owned));
    let share = table
        .require("share", "write share = \"20%\"")
        .and_then(|value| value.share());
    let crowd = read_crowd(&mut table, crowd);
    let choices = [(true, "cookies"), (false, "matched")];
    let [cookies, matched] = choices.map(|(otherwise, key)| match table.get(key) {
        None => Some(otherwise),
        Some(value) => value.boolean(),
    });
    let returning = share_or(&mut table, "returning", returning);
    let mix = match table.get("mix") {
        None => Some(Vec::new()),
        Some(value) => read_mix(&value, routes),
    };
    table.finish();
    Some(UserGroup {
        name: name?,
        share: share?,
        users: crowd?.population(),
        cookies: cookies?,
        returning: returning?,
        mix: mix?,
        matched: matched?,
    })
}

/// Shares by route; routes left out are not requested. Nothing without knowing the routes.
fn read_mix(value: &Value<'_>, routes: Option<&[Route]>) -> Option<Vec<f64>> {
    let routes = routes?;
    let names: Vec<&str> = routes.iter().map(|route| route.name.as_str()).collect();
    let mut mix = vec![0.0; routes.len()];
    let mut sound = true;
    for (name, share) in value.entries()? {
        match names.iter().position(|route| *route == name) {
            Some(index) => match share.share() {
                Some(share) => mix[index] = share.get(),
                None => sound = false,
            },
            None => {
                let help = match names.is_empty() {
                    true => "write [[traffic.routes]] first".to_owned(),
                    false => advice(name, &names),
                };
                share.refuse(format_args!("`{name}` is not a route"), help);
                sound = false;
            }
        }
    }
    if !sound {
        return None;
    }
    add_up(value, mix.iter().copied())?;
    Some(mix)
}

/// A length of time above zero.
pub(super) fn positive_span(value: &Value<'_>) -> Option<Span> {
    let span: Span = value.quantity()?;
    if span.is_zero() {
        value.refuse(
            format_args!("`{}` is no time at all", value.written()),
            "write a length of time above zero, like 5m",
        );
        return None;
    }
    Some(span)
}
