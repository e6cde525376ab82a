//! The rate of requests over time.

use super::access_log;
use super::defaults;
use super::interval_log;
use super::reader::{Table, Value};
use super::trace::{self, Columns, Format, TraceError};
use super::traffic::positive_span;
use crate::base::{Rate, Span, Time};
use crate::model::traffic::{Flash, Profile, Trace, Week};

/// The most MiB of a recorded file that are read.
const MOST_TRACE_MIB: u64 = 64;

pub(super) const HELP: &str =
    "write rate = \"20/s\", or a table with steps, ramp, diurnal, week, flash or trace";

/// A constant rate or one of the shapes.
pub(super) fn read(value: &Value<'_>) -> Option<Profile> {
    if !value.is_table() {
        return value.quantity().map(Profile::Constant);
    }
    let mut table = value.table()?;
    let shapes = ["steps", "ramp", "diurnal", "week", "flash", "trace"].map(|name| table.get(name));
    let options = ["format", "bin", "mean", "columns"].map(|name| table.get(name));
    table.finish();
    if shapes.iter().flatten().count() != 1 {
        value.refuse(
            format_args!("`{}` is not one shape of a rate", value.written()),
            "give exactly one of steps, ramp, diurnal, week, flash and trace",
        );
        return None;
    }
    let [steps, ramp, diurnal, week, flash, recorded] = shapes;
    if recorded.is_none() {
        for value in options.iter().flatten() {
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
    if let Some(week) = week {
        return read_week(week.table()?);
    }
    if let Some(flash) = flash {
        return read_flash(flash.table()?);
    }
    read_recorded(&recorded?, &options)
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

/// A trace with its options: format, bin, mean and columns.
fn read_recorded(file: &Value<'_>, options: &[Option<Value<'_>>; 4]) -> Option<Profile> {
    let [format, bin, mean, columns] = options;
    let columns = match columns {
        None => Some(Columns::default()),
        Some(columns) => columns.table().and_then(read_columns),
    };
    let formats = [
        ("csv", Format::Csv),
        ("access-log", Format::AccessLog),
        ("hdr", Format::Hdr),
    ];
    let format = match format {
        None => Some(None),
        Some(format) => format.choice(&formats).map(Some),
    };
    let width = match bin {
        None => Some(None),
        Some(bin) => positive_span(bin).map(Some),
    };
    let mean = match mean {
        None => Some(None),
        Some(mean) => mean.quantity::<Rate>().map(Some),
    };
    let (columns, format, width, mean) = (columns?, format?, width?, mean?);
    let (bytes, shown) = file.file(MOST_TRACE_MIB, "a CSV file or a log")?;
    let format = format.unwrap_or_else(|| Format::of(&bytes));
    if let (Format::Csv, Some(bin)) = (format, bin) {
        bin.refuse(
            "goes with logs only",
            "take it out: a CSV's rows are its bins",
        );
        return None;
    }
    match read_bytes(&bytes, format, width, &columns) {
        Ok(trace) => {
            let profile = Profile::Trace(trace);
            Some(mean.map_or(profile.clone(), |mean| {
                with_mean(&profile, mean, Span::ZERO)
            }))
        }
        Err(errors) => {
            let shown = shown.display();
            for error in errors {
                file.refuse(format_args!("{shown} {error}"), error.help());
            }
            None
        }
    }
}

fn read_bytes(
    bytes: &[u8],
    format: Format,
    bin: Option<Span>,
    columns: &Columns,
) -> Result<Trace, Vec<TraceError>> {
    match format {
        Format::Csv => trace::read(bytes, columns),
        Format::AccessLog => {
            let time = columns.time.as_deref().unwrap_or(access_log::START_TIME);
            access_log::read(bytes, bin.unwrap_or(defaults::BIN), time)
        }
        Format::Hdr => interval_log::trace(bytes, bin),
    }
}

fn read_week(mut table: Table<'_>) -> Option<Profile> {
    let mean = table
        .require("mean", "write mean = \"100/s\"")
        .and_then(|value| value.quantity());
    let list = table.get("hours");
    let hours = match &list {
        None => Some(Week::NASA),
        Some(list) => read_hours(list),
    };
    let weekend = match table.get("weekend") {
        None => Some(defaults::WEEKEND),
        Some(value) => value.number(0.0..=1_000.0),
    };
    let start = match table.get("start") {
        None => day_and_hour(defaults::WEEK_START),
        Some(value) => read_day_and_hour(&value),
    };
    table.finish();
    let week = Week::new(mean?, &hours?, weekend?, start?);
    if let (None, Some(list)) = (&week, &list) {
        list.refuse(
            "has no traffic at any hour",
            "write relative figures, some above zero",
        );
    }
    week.map(Profile::Week)
}

fn read_hours(list: &Value<'_>) -> Option<[f64; 24]> {
    let items = list.list()?;
    let figures: Vec<Option<f64>> = items.iter().map(|item| item.number(0.0..=1e9)).collect();
    let figures: Vec<f64> = figures.into_iter().collect::<Option<_>>()?;
    <[f64; 24]>::try_from(figures)
        .map_err(|figures| {
            list.refuse(
                format_args!("has {} figures", figures.len()),
                "write 24, from midnight to midnight",
            );
        })
        .ok()
}

fn read_day_and_hour(value: &Value<'_>) -> Option<Span> {
    let start = value.text().and_then(day_and_hour);
    if start.is_none() {
        value.refuse(
            format_args!("`{}` is not a day and an hour", value.written()),
            "write one like \"Fri 16:00\", with Mon, Tue, Wed, Thu, Fri, Sat or Sun",
        );
    }
    start
}

/// The time since Monday midnight of `Fri 16:00`.
pub(super) fn day_and_hour(text: &str) -> Option<Span> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let (day, time) = text.trim().split_once(' ')?;
    let day = DAYS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(day))?;
    let time: jiff::civil::Time = time.trim().parse().ok()?;
    let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60;
    Some(Span::from_secs(day as u64 * 86_400 + seconds as u64))
}

fn read_flash(mut table: Table<'_>) -> Option<Profile> {
    let base = table
        .require("base", "write base = \"50/s\"")
        .and_then(|value| value.quantity());
    let peak = table
        .require("peak", "write peak = 10: the highest rate over the base")
        .and_then(|value| value.number(1.0..=1e6));
    let at = table
        .require(
            "at",
            "write at = \"20m\": counted from the start of the rollout",
        )
        .and_then(|value| value.quantity());
    let rise = match table.get("rise") {
        None => Some(defaults::FLASH_RISE),
        Some(value) => value.quantity(),
    };
    let hold = match table.get("hold") {
        None => Some(Span::ZERO),
        Some(value) => value.quantity(),
    };
    let half_life = match table.get("half_life") {
        None => Some(defaults::FLASH_HALF_LIFE),
        Some(value) => positive_span(&value),
    };
    table.finish();
    Some(Profile::Flash(Flash {
        base: base?,
        peak: peak?,
        at: at?,
        rise: rise?,
        hold: hold?,
        half_life: half_life?,
    }))
}

/// The same shape with another mean rate: a constant rate is replaced, a cycle and a trace get the
/// mean over their period, steps and ramps over `horizon`.
pub(super) fn with_mean(profile: &Profile, mean: Rate, horizon: Span) -> Profile {
    if let Profile::Constant(_) = profile {
        return Profile::Constant(mean);
    }
    let present = own_mean(profile, horizon).get();
    if present > 0.0 {
        profile.scaled(mean.get() / present)
    } else {
        Profile::Constant(mean)
    }
}

/// The mean rate that [`with_mean`] replaces: over whole days, weeks and recordings where there are
/// any, else over the horizon.
pub(super) fn own_mean(profile: &Profile, horizon: Span) -> Rate {
    let mean = match profile {
        Profile::Constant(rate) => return *rate,
        Profile::Diurnal { mean, .. } => return *mean,
        Profile::Week(week) => week.mean(),
        Profile::Trace(trace) => trace.mean(),
        Profile::Stepped(_) | Profile::Ramp { .. } | Profile::Flash(_) => {
            return profile.mean(horizon);
        }
    };
    Rate::per_second(mean).unwrap_or(Rate::ZERO)
}
