//! The traffic section.

use super::defaults;
use super::files::Files;
use super::reader::{Table, Value};
use super::trace::{self, Columns};
use crate::base::{Probability, Rate, Span, Time};
use crate::model::traffic::{Arrivals, Population, Profile, Traffic};

/// The most MiB of a trace file that are read.
const MOST_TRACE_MIB: u64 = 64;
/// A population's table of activities stays below 100 MB.
const MOST_USERS: u64 = 10_000_000;

const RATE_HELP: &str = "write rate = \"20/s\", or a table with steps, ramp, diurnal or trace";

/// The requests and the share of them that an A/B condition selects.
pub(super) fn read(mut table: Table<'_>, files: Files<'_>) -> Option<(Traffic, Probability)> {
    let rate = table.require("rate", RATE_HELP);
    let profile = rate.and_then(|rate| read_profile(&rate, files));
    let arrivals = match table.get("arrivals") {
        None => Some(Arrivals::Poisson),
        Some(value) => value.choice(&[("poisson", Arrivals::Poisson), ("even", Arrivals::Even)]),
    };
    let users = match table.get("users") {
        None => Some(u64::from(defaults::USERS)),
        Some(value) => value.whole(1..=MOST_USERS),
    };
    let zipf = match table.get("zipf") {
        None => Some(defaults::ZIPF),
        Some(value) => value.number(0.0..=5.0),
    };
    let matched = match table.get("matched") {
        None => Some(defaults::matched()),
        Some(value) => value.share(),
    };
    table.finish();
    let users = Population::zipf(u32::try_from(users?).ok()?, zipf?);
    let traffic = Traffic {
        arrivals: arrivals?,
        ..Traffic::plain(profile?, users)
    };
    Some((traffic, matched?))
}

fn read_profile(value: &Value<'_>, files: Files<'_>) -> Option<Profile> {
    if !value.is_table() {
        return value.quantity().map(Profile::Constant);
    }
    let mut table = value.table()?;
    let steps = table.get("steps");
    let ramp = table.get("ramp");
    let diurnal = table.get("diurnal");
    let recorded = table.get("trace");
    let mean = table.get("mean");
    let columns = table.get("columns");
    table.finish();
    let shapes = [&steps, &ramp, &diurnal, &recorded];
    if shapes.iter().filter(|shape| shape.is_some()).count() != 1 {
        value.refuse(
            format_args!("`{}` is not one shape of a rate", value.written()),
            "give exactly one of steps, ramp, diurnal and trace",
        );
        return None;
    }
    if recorded.is_none() {
        for value in [&mean, &columns].into_iter().flatten() {
            value.refuse("goes with a trace only", "take it out");
        }
    }
    if let Some(steps) = steps {
        return read_steps(&steps);
    }
    if let Some(ramp) = ramp {
        return read_ramp(ramp.table()?);
    }
    if let Some(diurnal) = diurnal {
        return read_diurnal(diurnal.table()?);
    }
    let columns = match columns {
        None => Columns::default(),
        Some(columns) => read_columns(columns.table()?)?,
    };
    let profile = read_trace(&recorded?, &columns, files)?;
    match mean {
        None => Some(profile),
        Some(mean) => Some(with_mean(&profile, mean.quantity()?, Span::ZERO)),
    }
}

fn read_steps(list: &Value<'_>) -> Option<Profile> {
    let items = list.list()?;
    if items.is_empty() {
        list.refuse(
            "is empty",
            "write [[\"0s\", \"10/s\"], [\"10m\", \"50/s\"]]",
        );
        return None;
    }
    let mut steps: Vec<(Time, Rate)> = Vec::new();
    let mut sound = true;
    for item in &items {
        let step = item
            .pair("a time and a rate, like [\"10m\", \"50/s\"]")
            .and_then(|[at, rate]| Some((at.quantity::<Span>()?, rate.quantity::<Rate>()?)));
        let Some((at, rate)) = step else {
            sound = false;
            continue;
        };
        let at = Time::START + at;
        match steps.last() {
            None if at > Time::START => {
                item.refuse(
                    format_args!("the first rate begins at {at}"),
                    "begin with [\"0s\", …]: there must be a rate from the start",
                );
                sound = false;
            }
            Some((before, _)) if at <= *before => {
                item.refuse(
                    format_args!("{at} is not after {before}"),
                    "write the steps in order of time",
                );
                sound = false;
            }
            _ => {}
        }
        steps.push((at, rate));
    }
    sound.then_some(Profile::Stepped(steps))
}

fn read_ramp(mut table: Table<'_>) -> Option<Profile> {
    let from = table
        .require("from", "write from = \"10/s\"")
        .and_then(|value| value.quantity());
    let to = table
        .require("to", "write to = \"50/s\"")
        .and_then(|value| value.quantity());
    let over = table
        .require("over", "write over = \"10m\"")
        .and_then(|value| positive_span(&value));
    table.finish();
    Some(Profile::Ramp {
        from: from?,
        to: to?,
        over: over?,
    })
}

fn read_diurnal(mut table: Table<'_>) -> Option<Profile> {
    let mean = table
        .require("mean", "write mean = \"20/s\"")
        .and_then(|value| value.quantity());
    let peak_over_trough = table
        .require("peak_over_trough", "write peak_over_trough = 4.4")
        .and_then(|value| value.number(1.0..=1e6));
    let peak = table
        .require(
            "peak_at",
            "write peak_at = \"3h\": counted from the start of the rollout",
        )
        .and_then(|value| value.quantity());
    let period = match table.get("period") {
        None => Some(defaults::PERIOD),
        Some(value) => positive_span(&value),
    };
    table.finish();
    Some(Profile::Diurnal {
        mean: mean?,
        peak_over_trough: peak_over_trough?,
        peak: peak?,
        period: period?,
    })
}

fn read_columns(mut table: Table<'_>) -> Option<Columns> {
    let mut name = |key| match table.get(key) {
        None => Some(None),
        Some(value) => value.words().map(|name| Some(name.to_owned())),
    };
    let (time, count) = (name("time"), name("count"));
    table.finish();
    Some(Columns {
        time: time?,
        count: count?,
    })
}

fn read_trace(value: &Value<'_>, columns: &Columns, files: Files<'_>) -> Option<Profile> {
    let name = value.words()?;
    let shown = files.path(name);
    let shown = shown.display();
    let bytes = files
        .bytes(name, MOST_TRACE_MIB)
        .map_err(|error| {
            value.refuse(
                format_args!("`{shown}` cannot be read: {error}"),
                "name a CSV file, relative to the scenario",
            );
        })
        .ok()?;
    match trace::read(&bytes, columns) {
        Ok(trace) => Some(Profile::Trace(trace)),
        Err(errors) => {
            for error in errors {
                value.refuse(format_args!("{shown} {error}"), error.help());
            }
            None
        }
    }
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

/// The same shape with another mean rate: a constant rate is replaced, a cycle and a trace get the
/// mean over their period, steps and ramps over `horizon`.
pub(super) fn with_mean(profile: &Profile, mean: Rate, horizon: Span) -> Profile {
    let present = match profile {
        Profile::Constant(_) => return Profile::Constant(mean),
        Profile::Diurnal { mean, .. } => mean.get(),
        Profile::Week(week) => week.mean(),
        Profile::Trace(trace) => trace.mean(),
        Profile::Stepped(_) | Profile::Ramp { .. } | Profile::Flash(_) => {
            profile.mean(horizon).get()
        }
    };
    if present > 0.0 {
        profile.scaled(mean.get() / present)
    } else {
        Profile::Constant(mean)
    }
}
