//! What single kinds of fault say about themselves.

use super::fault::{NOBODY, read_share_above_zero};
use super::names::Names;
use super::reader::{Table, Value};
use super::traffic::positive_span;
use crate::base::{Bytes, Probability, Span, Throughput};
use crate::model::fault::{Corruption, FaultKind, ResetPhase};

/// Kinds of fault in the file; `leak` is a latency fault that must have a ramp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Errors,
    Latency,
    Tail,
    Leak,
    MemoryLeak,
    CrashLoop,
    FailedStart,
    Reset,
    Corrupt,
    Drip,
    Bandwidth,
    Cpu,
    Hang,
    Capacity,
    Bursts,
    Business,
    Metrics,
    Bounce,
    Poison,
    SharedLoad,
}

pub(super) const KINDS: [(&str, Kind); 20] = [
    ("errors", Kind::Errors),
    ("latency", Kind::Latency),
    ("tail", Kind::Tail),
    ("leak", Kind::Leak),
    ("memory-leak", Kind::MemoryLeak),
    ("crash-loop", Kind::CrashLoop),
    ("failed-start", Kind::FailedStart),
    ("reset", Kind::Reset),
    ("corrupt", Kind::Corrupt),
    ("drip", Kind::Drip),
    ("bandwidth", Kind::Bandwidth),
    ("cpu", Kind::Cpu),
    ("hang", Kind::Hang),
    ("capacity", Kind::Capacity),
    ("bursts", Kind::Bursts),
    ("business", Kind::Business),
    ("metrics", Kind::Metrics),
    ("bounce", Kind::Bounce),
    ("poison", Kind::Poison),
    ("shared-load", Kind::SharedLoad),
];

/// The fields of one kind.
pub(super) fn read(kind: Kind, table: &mut Table<'_>, goals: &Names) -> Option<FaultKind> {
    match kind {
        Kind::Errors => read_errors(table),
        Kind::Latency | Kind::Leak => read_slowness(table),
        Kind::Tail => read_tail(table),
        Kind::MemoryLeak => read_memory_leak(table),
        Kind::CrashLoop => {
            let mean_time = span_or(table, "mean_time", Span::from_secs(60))?;
            Some(FaultKind::CrashLoop { mean_time })
        }
        Kind::FailedStart => read_failed_start(table),
        Kind::Reset => {
            let probability = read_probability(table);
            let phase = choice_or_default(table, "phase", &PHASES);
            Some(FaultKind::Reset {
                probability: probability?,
                phase: phase?,
            })
        }
        Kind::Corrupt => {
            let probability = read_probability(table);
            let how = choice_or_default(table, "how", &CORRUPTIONS);
            Some(FaultKind::Corrupt {
                probability: probability?,
                how: how?,
            })
        }
        Kind::Drip => {
            let probability = read_probability(table);
            let over = table.require("over", "write over = \"2s\"");
            let over = over.and_then(|value| positive_span(&value));
            Some(FaultKind::Drip {
                probability: probability?,
                over: over?,
            })
        }
        Kind::Bandwidth => {
            let limit = table.require("limit", "write limit = \"64KiB/s\"")?;
            let limit: Throughput = limit.quantity()?;
            Some(FaultKind::Bandwidth { limit: limit.get() })
        }
        Kind::Cpu => {
            let cores = table.require("cores", "write cores = 0.5: half a processor")?;
            let cores = cores.number(0.01..=1_024.0)?;
            Some(FaultKind::Cpu { cores })
        }
        Kind::Hang => {
            let probability = read_probability(table);
            let timeout = span_or(table, "timeout", Span::from_secs(10));
            Some(FaultKind::Hang {
                probability: probability?,
                timeout: timeout?,
            })
        }
        Kind::Capacity => read_capacity(table),
        Kind::Bursts => {
            let probability = read_probability(table);
            let good = span_or(table, "good", Span::from_secs(500));
            let bad = span_or(table, "bad", Span::from_secs(10));
            Some(FaultKind::Bursts {
                probability: probability?,
                good: good?,
                bad: bad?,
            })
        }
        Kind::Business => read_business(table, goals),
        Kind::Metrics => read_metrics(table),
        Kind::Bounce => {
            read_probability(table).map(|probability| FaultKind::Bounce { probability })
        }
        Kind::Poison => {
            read_probability(table).map(|probability| FaultKind::Poison { probability })
        }
        Kind::SharedLoad => {
            let factor = table
                .require(
                    "factor",
                    "write factor = 2: latency with all traffic is 1 + 2 times as long",
                )?
                .number(0.001..=1e3)?;
            Some(FaultKind::SharedLoad { factor })
        }
    }
}

fn read_probability(table: &mut Table<'_>) -> Option<Probability> {
    let value = table.require("probability", "write probability = \"1%\"")?;
    read_share_above_zero(&value, NOBODY)
}

const PHASES: [(&str, ResetPhase); 3] = [
    ("connect", ResetPhase::Connect),
    ("head", ResetPhase::Head),
    ("body", ResetPhase::Body),
];

const CORRUPTIONS: [(&str, Corruption); 3] = [
    ("truncated", Corruption::Truncated),
    ("flipped", Corruption::Flipped),
    ("empty", Corruption::Empty),
];

fn choice_or_default<T: Copy + Default>(
    table: &mut Table<'_>,
    key: &'static str,
    choices: &[(&str, T)],
) -> Option<T> {
    match table.get(key) {
        None => Some(T::default()),
        Some(value) => value.choice(choices),
    }
}

fn span_or(table: &mut Table<'_>, key: &'static str, default: Span) -> Option<Span> {
    match table.get(key) {
        None => Some(default),
        Some(value) => positive_span(&value),
    }
}

fn read_errors(table: &mut Table<'_>) -> Option<FaultKind> {
    let probability = read_probability(table);
    let latency = match table.get("latency") {
        None => Some(None),
        Some(value) => positive_span(&value).map(Some),
    };
    Some(FaultKind::Errors {
        probability: probability?,
        latency: latency?,
    })
}

fn read_tail(table: &mut Table<'_>) -> Option<FaultKind> {
    let probability = read_probability(table);
    let add = table
        .require("add", "write add = \"2s\"")
        .and_then(|value| positive_span(&value));
    Some(FaultKind::Tail {
        probability: probability?,
        add: add?,
    })
}

fn read_slowness(table: &mut Table<'_>) -> Option<FaultKind> {
    let multiply = table.get("multiply");
    let add = table.get("add");
    if multiply.is_none() && add.is_none() {
        table.require("add", "write add = \"50ms\", or multiply = 1.3, or both");
        return None;
    }
    let factor = match &multiply {
        None => Some(1.0),
        Some(value) => value.number(1.0..=1e6),
    };
    let added = match &add {
        None => Some(Span::ZERO),
        Some(value) => value.quantity(),
    };
    let (multiply_by, added) = (factor?, added?);
    if multiply_by == 1.0 && added.is_zero() {
        return changes_nothing(
            add.or(multiply),
            "add some time, or multiply by more than 1",
        );
    }
    Some(FaultKind::Latency {
        multiply: multiply_by,
        add: added,
    })
}

fn changes_nothing(value: Option<Value<'_>>, help: &str) -> Option<FaultKind> {
    if let Some(value) = value {
        value.refuse("the fault changes nothing", help);
    }
    None
}

fn read_memory_leak(table: &mut Table<'_>) -> Option<FaultKind> {
    let mut bytes = |key, default| match table.get(key) {
        None => Some((default, None)),
        Some(value) => {
            let bytes: Bytes = value.quantity()?;
            if bytes.get() <= 0.0 {
                value.refuse(
                    format_args!("`{}` is no memory at all", value.written()),
                    "write more than 0B",
                );
                return None;
            }
            Some((bytes.get(), Some(value)))
        }
    };
    const MIB: f64 = 1_048_576.0;
    let per_request = bytes("per_request", 2048.0);
    let heap = bytes("heap", 512.0 * MIB);
    let live = bytes("live", 180.0 * MIB);
    let restart = span_or(table, "restart", Span::from_secs(30));
    let ((per_request, _), (heap, of_heap), (live, of_live)) = (per_request?, heap?, live?);
    if live >= heap {
        if let Some(value) = of_live.or(of_heap) {
            value.refuse(
                "the heap is full from the start",
                "make `live` smaller than `heap`",
            );
        }
        return None;
    }
    Some(FaultKind::MemoryLeak {
        per_request,
        heap,
        live,
        restart: restart?,
    })
}

fn read_failed_start(table: &mut Table<'_>) -> Option<FaultKind> {
    let probability = match table.get("probability") {
        None => Some(Probability::ONE),
        Some(value) => read_share_above_zero(&value, NOBODY),
    };
    let delay = match table.get("delay") {
        None => Some(None),
        Some(value) => positive_span(&value).map(Some),
    };
    Some(FaultKind::FailedStart {
        probability: probability?,
        delay: delay?,
    })
}

fn read_capacity(table: &mut Table<'_>) -> Option<FaultKind> {
    let (work, workers) = (table.get("work"), table.get("workers"));
    if work.is_none() && workers.is_none() {
        table.require("work", "write work = 1.5, or workers = 0.5, or both");
        return None;
    }
    let more = match &work {
        None => Some(1.0),
        Some(value) => value.number(1.0..=1e3),
    };
    let fewer = match &workers {
        None => Some(1.0),
        Some(value) => value.number(0.001..=1.0),
    };
    let (more, fewer) = (more?, fewer?);
    if more == 1.0 && fewer == 1.0 {
        return changes_nothing(work.or(workers), "write work above 1, or workers below 1");
    }
    Some(FaultKind::Capacity {
        work: more,
        workers: fewer,
    })
}

fn read_business(table: &mut Table<'_>, goals: &Names) -> Option<FaultKind> {
    let goal = match table.get("goal") {
        None => Some(None),
        Some(value) => goals.find(&value).map(Some),
    };
    let multiply = table
        .require("multiply", "write multiply = 0.97")
        .and_then(|value| {
            let factor = value.number(0.0..=1e3)?;
            if factor == 1.0 {
                changes_nothing(Some(value), "write a factor other than 1")?;
                return None;
            }
            Some(factor)
        });
    let (goal, multiply) = (goal?, multiply?);
    if goals.are_none() {
        table.refuse(
            "there is no goal that it could touch",
            "add [[goals]] with name = \"conversion\" and probability = \"3%\"",
        );
        return None;
    }
    Some(FaultKind::Business { goal, multiply })
}

fn read_metrics(table: &mut Table<'_>) -> Option<FaultKind> {
    let (hidden, count, unit) = (table.get("hidden"), table.get("count"), table.get("unit"));
    if hidden.is_none() && count.is_none() && unit.is_none() {
        table.require("hidden", "write hidden = \"30%\", count = 2 or unit = 1000");
        return None;
    }
    let lost = match &hidden {
        None => Some(Probability::ZERO),
        Some(value) => value.share(),
    };
    let times = match &count {
        None => Some(1),
        Some(value) => value.whole(1..=1000),
    };
    let factor = match &unit {
        None => Some(1.0),
        Some(value) => value.number(1e-6..=1e6),
    };
    let (lost, times, factor) = (lost?, u32::try_from(times?).ok()?, factor?);
    if (lost, times, factor) == (Probability::ZERO, 1, 1.0) {
        return changes_nothing(
            hidden.or(count).or(unit),
            "hide some failures, count more than once, or change the unit",
        );
    }
    Some(FaultKind::Metrics {
        hidden: lost,
        count: times,
        unit: factor,
    })
}
