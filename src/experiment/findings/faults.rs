//! What is wrong with a version, in a phrase for each fault.

use crate::base::{Bytes, Probability, Span};
use crate::experiment::words::{self, exact_share};
use crate::model::World;
use crate::model::fault::{Corruption, Fault, FaultKind, ResetPhase, Schedule, Scope, Target};

/// A phrase for each fault in these versions.
pub(super) fn of(world: &World, target: Target) -> Vec<String> {
    (world.faults.iter())
        .filter(|fault| fault.target == target)
        .map(|fault| {
            format!(
                "{}{}{}",
                kind(world, &fault.kind),
                when(fault),
                whom(world, fault)
            )
        })
        .collect()
}

fn kind(world: &World, kind: &FaultKind) -> String {
    let slower = |add: Span| words::latency(add.as_secs_f64());
    match *kind {
        FaultKind::Errors {
            probability,
            latency,
        } => {
            let within =
                latency.map_or(String::new(), |latency| format!(" in {}", slower(latency)));
            format!("{} more errors{within}", exact_share(probability.get()))
        }
        FaultKind::Latency { multiply, add } => match (multiply, add.is_zero()) {
            (1.0, _) => format!("{} slower", slower(add)),
            (_, true) => format!("{multiply} times slower"),
            (_, false) => format!("{multiply} times and {} slower", slower(add)),
        },
        FaultKind::Tail { probability, add } => format!(
            "{} of answers {} slower",
            exact_share(probability.get()),
            slower(add)
        ),
        FaultKind::MemoryLeak {
            per_request,
            heap,
            live,
            ..
        } => format!(
            "leaking {} per request with {} free",
            memory(per_request),
            memory(heap - live)
        ),
        FaultKind::CrashLoop { mean_time } => format!("crashing after {mean_time} on average"),
        FaultKind::FailedStart { probability, delay } => {
            let late = delay.map_or("not starting".to_owned(), |delay| {
                format!("starting {delay} late")
            });
            format!("{} of instances {late}", exact_share(probability.get()))
        }
        FaultKind::Reset { probability, phase } => {
            let what = match phase {
                ResetPhase::Connect | ResetPhase::Head => "requests refused",
                ResetPhase::Body => "answers broken off",
            };
            format!("{} of {what}", exact_share(probability.get()))
        }
        FaultKind::Hang {
            probability,
            timeout,
        } => format!(
            "{} of requests hanging for {timeout}",
            exact_share(probability.get())
        ),
        FaultKind::Corrupt { probability, how } => {
            let what = match how {
                Corruption::Flipped => "wrong",
                Corruption::Truncated => "cut short",
                Corruption::Empty => "empty",
            };
            format!("{} of answers {what}", exact_share(probability.get()))
        }
        FaultKind::Drip { probability, over } => format!(
            "{} of answers dripping over {over}",
            exact_share(probability.get())
        ),
        FaultKind::Bandwidth { limit } => format!("bodies at {}/s", memory(limit)),
        FaultKind::Cpu { cores } => format!("{cores} processors burning beside it"),
        FaultKind::Capacity { work, workers } => match (work, workers) {
            (_, 1.0) => format!("{work} times the work"),
            (1.0, _) => format!("{} of the workers", exact_share(workers)),
            _ => format!(
                "{work} times the work for {} of the workers",
                exact_share(workers)
            ),
        },
        FaultKind::Bursts {
            probability,
            good,
            bad,
        } => format!(
            "{} errors in bursts of {bad} after {good}",
            exact_share(probability.get())
        ),
        FaultKind::Business { goal, multiply } => {
            let goal = goal.and_then(|goal| world.goals.get(goal));
            let goal = goal.map_or("every goal", |goal| goal.name.as_str());
            format!("{goal} times {multiply}")
        }
        FaultKind::Metrics {
            hidden,
            count,
            unit,
        } => metrics(hidden, count, unit),
        FaultKind::Bounce { probability } => format!(
            "{} errors after a change of version",
            exact_share(probability.get())
        ),
        FaultKind::Poison { probability } => format!(
            "{} errors on stable for its users",
            exact_share(probability.get())
        ),
        FaultKind::SharedLoad { factor } => {
            format!("slowing both up to {} times", 1.0 + factor)
        }
    }
}

/// What is wrong with the metrics.
fn metrics(hidden: Probability, count: u32, unit: f64) -> String {
    let mut wrong = Vec::new();
    if hidden > Probability::ZERO {
        wrong.push(format!("{} of failures hidden", exact_share(hidden.get())));
    }
    if count > 1 {
        wrong.push(format!("requests counted {count} times"));
    }
    if unit != 1.0 {
        wrong.push(format!("latency reported {unit} times"));
    }
    wrong.join(" and ")
}

fn memory(bytes: f64) -> String {
    Bytes::new(bytes).unwrap_or_default().to_string()
}

fn when(fault: &Fault) -> String {
    let Schedule {
        onset,
        ramp,
        duration,
        every,
    } = fault.schedule;
    let mut text = String::new();
    if onset.as_nanos() > 0 {
        text.push_str(&format!(" from {onset}"));
    }
    if !ramp.is_zero() {
        text.push_str(&format!(" growing over {ramp}"));
    }
    if let Some(duration) = duration {
        text.push_str(&format!(" for {duration}"));
    }
    if let Some(every) = every {
        text.push_str(&format!(" every {every}"));
    }
    text
}

fn whom(world: &World, fault: &Fault) -> String {
    let Scope {
        users,
        routes,
        groups,
        instances,
        requests,
    } = fault.scope;
    let mut text = String::new();
    let traffic = &world.traffic;
    if routes != u32::MAX {
        let names = traffic.routes.iter().map(|route| route.name.as_str());
        text.push_str(&format!(" on {}", named(names, routes)));
    }
    if groups != u32::MAX {
        let names = traffic.groups.iter().map(|group| group.name.as_str());
        text.push_str(&format!(" for {}", named(names, groups)));
    }
    for (share, of) in [
        (users, "users"),
        (instances, "instances"),
        (requests, "requests"),
    ] {
        if share.get() < 1.0 {
            text.push_str(&format!(" for {} of {of}", exact_share(share.get())));
        }
    }
    text
}

/// The names whose bits are set.
fn named<'a>(names: impl Iterator<Item = &'a str>, bits: u32) -> String {
    let chosen: Vec<&str> = (names.take(32).enumerate())
        .filter(|(place, _)| bits >> place & 1 == 1)
        .map(|(_, name)| name)
        .collect();
    chosen.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_phrase_says_what_when_and_whom() {
        let text = r#"
[traffic]
rate = "20/s"
[[traffic.routes]]
name = "browse"
share = "70%"
[[traffic.routes]]
name = "checkout"
share = "30%"
[[goals]]
name = "conversion"
probability = "3%"
[rollout]
steps = [{ weight = "5%", hold = "5m" }]
[[rollout.gates]]
kind = "success-ratio"
min = "99%"
[[canary.faults]]
kind = "memory-leak"
[[canary.faults]]
kind = "hang"
probability = "1%"
routes = ["checkout"]
requests = "5%"
[[canary.faults]]
kind = "business"
multiply = 0.97
onset = "5m"
duration = "1m"
every = "10m"
[[canary.faults]]
kind = "metrics"
hidden = "30%"
unit = 1000
"#;
        let scenario = crate::scenario::parse(text, Path::new("test.toml"), None).unwrap();
        let phrases = of(&scenario.world, Target::Canary);
        let wanted = [
            "leaking 2KiB per request with 332MiB free",
            "1 % of requests hanging for 10s on checkout for 5 % of requests",
            "every goal times 0.97 from 5m for 1m every 10m",
            "30 % of failures hidden and latency reported 1000 times",
        ];
        let spaced: Vec<String> = (phrases.iter())
            .map(|phrase| words::spaced(phrase))
            .collect();
        assert_eq!(spaced, wanted.map(words::spaced));
    }
}
