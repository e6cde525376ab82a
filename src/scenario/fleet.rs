//! The processes that answer for a version, as the sections stable and canary give them.

use super::latency;
use super::reader::{Table, Value};
use super::traffic::positive_span;
use crate::base::Probability;
use crate::model::service::{CacheWarmUp, Capacity, Discipline, Fleet, Pauses, Placement, WarmUp};

const MOST_INSTANCES: u64 = 10_000;
const MOST_WORKERS: u64 = 10_000;
const MOST_WAITING: u64 = 1_000_000;
/// Beyond so many times slower, it is a slip of a unit.
const MOST_FACTOR: f64 = 1000.0;
const MOST_REQUESTS: f64 = 1e9;

/// Whose fleet is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Stable,
    Canary,
}

/// The fields of a fleet; what is left out is as in `base`. `base` is `None` where it could not be
/// read: then nothing is said about fields that need others.
pub(super) fn read(table: &mut Table<'_>, whose: Whose, base: Option<&Fleet>) -> Option<Fleet> {
    let inherited = base.cloned().unwrap_or_default();
    let instances = match table.get("instances") {
        None => Some((inherited.instances, inherited.scaled)),
        Some(value) if whose == Whose::Canary && value.text().is_some() => value
            .choice(&[("scaled", ())])
            .map(|()| (inherited.instances, true)),
        Some(value) => value
            .whole(1..=MOST_INSTANCES)
            .map(|count| (count as u32, false)),
    };
    let capacity = read_capacity(table, base);
    let pauses = read_or(table, "pauses", inherited.pauses, read_pauses);
    let warm_up = read_or(table, "warm_up", inherited.warm_up, read_warm_up);
    let cache = read_or(table, "cache", inherited.cache, read_cache);
    let placement = read_or(table, "placement", inherited.placement, read_placement);
    let warm = match table.get("warm") {
        None => Some(inherited.warm),
        Some(value) => value.boolean(),
    };
    let (instances, scaled) = instances?;
    Some(Fleet {
        instances,
        scaled,
        capacity: capacity?,
        pauses: pauses?,
        warm_up: warm_up?,
        cache: cache?,
        placement: placement?,
        warm: warm?,
    })
}

/// A table that may be left out.
fn read_or<T>(
    table: &mut Table<'_>,
    key: &'static str,
    inherited: Option<T>,
    read: impl FnOnce(&Value<'_>) -> Option<T>,
) -> Option<Option<T>> {
    match table.get(key) {
        None => Some(inherited),
        Some(value) => read(&value).map(Some),
    }
}

fn read_capacity(table: &mut Table<'_>, base: Option<&Fleet>) -> Option<Option<Capacity>> {
    let inherited = base.and_then(|fleet| fleet.capacity);
    let workers = match table.get("workers") {
        None => Some(inherited.map(|capacity| capacity.workers)),
        Some(value) => value
            .whole(1..=MOST_WORKERS)
            .map(|count| Some(count as u32)),
    };
    let discipline = table.get("discipline");
    let chosen = match &discipline {
        None => Some(inherited.map(|capacity| capacity.discipline)),
        Some(value) => {
            let choices = [("fifo", Discipline::Fifo), ("sharing", Discipline::Sharing)];
            value.choice(&choices).map(Some)
        }
    };
    let waiting = table.get("queue");
    let queue = match &waiting {
        None => Some(inherited.and_then(|capacity| capacity.queue)),
        Some(value) => value
            .whole(0..=MOST_WAITING)
            .map(|count| Some(count as u32)),
    };
    let patience = table.get("timeout");
    let timeout = match &patience {
        None => Some(inherited.and_then(|capacity| capacity.timeout)),
        Some(value) => positive_span(value).map(Some),
    };
    let (workers, chosen) = (workers?, chosen?);
    let Some(workers) = workers else {
        for value in [&discipline, &waiting, &patience].into_iter().flatten() {
            if base.is_some() {
                value.refuse(
                    "has no effect: an instance without workers takes any number of requests",
                    "add workers = 8, the requests that one instance works on at the same time",
                );
                return None;
            }
        }
        return Some(None);
    };
    let discipline = chosen.unwrap_or(Discipline::Fifo);
    let capacity = Capacity {
        workers,
        queue: queue?,
        timeout: timeout?,
        discipline,
    };
    if discipline == Discipline::Sharing
        && let Some(value) = &waiting
    {
        value.refuse(
            "has no effect: who shares the workers does not wait",
            "leave it out, or write discipline = \"fifo\"",
        );
        return None;
    }
    // A queue of stable's is of no use to a canary whose workers are shared.
    Some(Some(match discipline {
        Discipline::Sharing => Capacity {
            queue: None,
            ..capacity
        },
        Discipline::Fifo => capacity,
    }))
}

fn read_pauses(value: &Value<'_>) -> Option<Pauses> {
    let mut table = value.table()?;
    let every = table
        .require("every", "write every = \"10s\"")
        .and_then(|value| positive_span(&value));
    let length = table
        .require("length", "write length = \"p50=10ms,p99=65ms\"")
        .and_then(|value| latency::read(&value));
    table.finish();
    Some(Pauses {
        every: every?,
        length: length?,
    })
}

fn read_warm_up(value: &Value<'_>) -> Option<WarmUp> {
    let mut table = value.table()?;
    let factor = match table.get("factor") {
        None => Some(WarmUp::USUAL.factor),
        Some(value) => value.number(1.0..=MOST_FACTOR),
    };
    let requests = read_requests(&mut table, WarmUp::USUAL.requests);
    table.finish();
    Some(WarmUp {
        factor: factor?,
        requests: requests?,
    })
}

fn read_requests(table: &mut Table<'_>, usual: f64) -> Option<f64> {
    match table.get("requests") {
        None => Some(usual),
        Some(value) => value.number(1.0..=MOST_REQUESTS),
    }
}

fn read_cache(value: &Value<'_>) -> Option<CacheWarmUp> {
    let mut table = value.table()?;
    let cold = table.get("cold");
    let misses = match &cold {
        None => Some(Probability::ONE),
        Some(value) => value.share(),
    };
    let warm = match table.get("warm") {
        None => Probability::new(0.05),
        Some(value) => value.share(),
    };
    let requests = read_requests(&mut table, WarmUp::USUAL.requests);
    let decay = match table.get("decay") {
        None => Some(0.5),
        Some(value) => value.number(0.01..=10.0),
    };
    let miss = table
        .require("miss", "write miss = \"56ms\": what a miss adds")
        .and_then(|value| positive_span(&value));
    table.finish();
    let (misses, warm) = (misses?, warm?);
    if misses < warm {
        cold.as_ref().unwrap_or(value).refuse(
            format_args!("an empty cache misses {misses}, less than the {warm} of a full one"),
            "make `cold` larger than `warm`",
        );
        return None;
    }
    Some(CacheWarmUp {
        cold: misses,
        warm,
        requests: requests?,
        decay: decay?,
        miss: miss?,
    })
}

fn read_placement(value: &Value<'_>) -> Option<Placement> {
    let mut table = value.table()?;
    let spread = match table.get("spread") {
        None => Probability::new(0.07),
        Some(value) => value.share(),
    };
    let factor = table.get("second_mode");
    let second_mode = match &factor {
        None => Some(1.0),
        Some(value) => value.number(1.0 / MOST_FACTOR..=MOST_FACTOR),
    };
    let share = table.get("unlucky");
    let unlucky = match &share {
        None => Some(Probability::ZERO),
        Some(value) => value.share(),
    };
    table.finish();
    match (&factor, &share) {
        (Some(value), None) => {
            value.refuse("reaches no instance", "add unlucky = \"10%\"");
            return None;
        }
        (None, Some(value)) => {
            value.refuse("has no effect alone", "add second_mode = 1.4");
            return None;
        }
        _ => {}
    }
    Some(Placement {
        spread: spread?.get(),
        second_mode: second_mode?,
        unlucky: unlucky?,
    })
}

/// Whether requests share the workers.
pub(super) fn is_shared(fleet: &Fleet) -> bool {
    (fleet.capacity).is_some_and(|capacity| capacity.discipline == Discipline::Sharing)
}
