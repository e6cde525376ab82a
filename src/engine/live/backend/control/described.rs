//! Faults as JSON, read and written.

use serde_json::{Map, Value, json};

use super::fields::{Aim, COMMON, Common, How, Kind, Length, Phase, Share};

use crate::base::{Probability, Span, Time};
use crate::model::World;
use crate::model::fault::{Corruption, Fault, FaultKind, ResetPhase, Schedule, Scope, Target};

/// Names that faults may mention.
#[derive(Debug)]
pub(super) struct Names {
    routes: Vec<String>,
    groups: Vec<String>,
    goals: Vec<String>,
}

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(super) struct DescribedError {
    what: String,
}

impl DescribedError {
    fn new(what: impl Into<String>) -> DescribedError {
        DescribedError { what: what.into() }
    }

    /// Faults that would be understood.
    pub(super) fn valid(&self) -> Value {
        json!([
            { "kind": "errors", "target": "canary", "probability": 0.05 },
            { "kind": "latency", "add": "50ms", "routes": ["checkout"] },
            { "kind": "reset", "probability": "1%", "phase": "body", "duration": "30s" },
        ])
    }
}

impl Names {
    pub(super) fn of(world: &World) -> Names {
        let routes = world.traffic.routes.iter();
        let groups = world.traffic.groups.iter();
        Names {
            routes: routes.map(|route| route.name.clone()).collect(),
            groups: groups.map(|group| group.name.clone()).collect(),
            goals: world.goals.iter().map(|goal| goal.name.clone()).collect(),
        }
    }

    /// The fault that a JSON text describes. Without an onset it begins at `now`.
    ///
    /// # Errors
    /// When it is no JSON, or no fault.
    pub(super) fn read(&self, text: &[u8], now: Time) -> Result<Fault, DescribedError> {
        let mut own: Map<String, Value> =
            serde_json::from_slice(text).map_err(|error| DescribedError::new(error.to_string()))?;
        let mut common = Map::new();
        for name in COMMON {
            if let Some(value) = own.remove(name) {
                common.insert(name.to_owned(), value);
            }
        }
        let kind: Kind = parse(own)?;
        let common: Common = parse(common)?;
        let schedule = Schedule {
            onset: common.onset.map_or(now, |onset| Time::START + onset.0),
            ramp: common.ramp.map_or(Span::ZERO, |ramp| ramp.0),
            duration: common.duration.map(|duration| duration.0),
            every: common.every.map(|every| every.0),
        };
        match (schedule.duration, schedule.every) {
            (None, Some(_)) => {
                return Err(DescribedError::new(
                    "what lasts for ever does not come again: give a duration too",
                ));
            }
            (Some(duration), Some(every)) if every <= duration => {
                return Err(DescribedError::new(
                    "`every` must be longer than `duration`",
                ));
            }
            _ => {}
        }
        let share = |share: Option<Share>| share.map_or(Probability::ONE, |share| share.0);
        Ok(Fault {
            kind: self.kind(kind)?,
            target: match common.target {
                Aim::Canary => Target::Canary,
                Aim::Stable => Target::Stable,
                Aim::Both => Target::Both,
            },
            schedule,
            scope: Scope {
                users: share(common.users),
                instances: share(common.instances),
                requests: share(common.requests),
                routes: bits("route", common.routes, &self.routes)?,
                groups: bits("group", common.groups, &self.groups)?,
            },
        })
    }

    fn kind(&self, kind: Kind) -> Result<FaultKind, DescribedError> {
        let kind = match kind {
            Kind::Errors {
                probability,
                latency,
            } => FaultKind::Errors {
                probability: probability.0,
                latency: latency.map(|latency| latency.0),
            },
            Kind::Latency { multiply, add } => FaultKind::Latency {
                multiply: between("multiply", multiply, 1.0, 1e6)?,
                add: add.0,
            },
            Kind::Tail { probability, add } => FaultKind::Tail {
                probability: probability.0,
                add: add.0,
            },
            Kind::MemoryLeak {
                per_request,
                heap,
                live,
                restart,
            } => {
                let heap = between("heap", heap, 1.0, 1e15)?;
                FaultKind::MemoryLeak {
                    per_request: between("per_request", per_request, 1e-3, 1e12)?,
                    heap,
                    live: between("live", live, 0.0, heap * (1.0 - 1e-9))?,
                    restart: restart.0,
                }
            }
            Kind::CrashLoop { mean_time } => FaultKind::CrashLoop {
                mean_time: above_zero("mean_time", mean_time)?,
            },
            Kind::FailedStart { probability, delay } => FaultKind::FailedStart {
                probability: probability.0,
                delay: delay.map(|delay| delay.0),
            },
            Kind::Reset { probability, phase } => FaultKind::Reset {
                probability: probability.0,
                phase: match phase {
                    Phase::Connect => ResetPhase::Connect,
                    Phase::Head => ResetPhase::Head,
                    Phase::Body => ResetPhase::Body,
                },
            },
            Kind::Hang {
                probability,
                timeout,
            } => FaultKind::Hang {
                probability: probability.0,
                timeout: above_zero("timeout", timeout)?,
            },
            Kind::Corrupt { probability, how } => FaultKind::Corrupt {
                probability: probability.0,
                how: match how {
                    How::Truncated => Corruption::Truncated,
                    How::Flipped => Corruption::Flipped,
                    How::Empty => Corruption::Empty,
                },
            },
            Kind::Drip { probability, over } => FaultKind::Drip {
                probability: probability.0,
                over: above_zero("over", over)?,
            },
            Kind::Bandwidth { limit } => FaultKind::Bandwidth {
                limit: between("limit", limit, 1.0, 1e12)?,
            },
            Kind::Cpu { cores } => FaultKind::Cpu {
                cores: between("cores", cores, 1e-3, 1e3)?,
            },
            other => self.rarer(other)?,
        };
        Ok(kind)
    }

    fn rarer(&self, kind: Kind) -> Result<FaultKind, DescribedError> {
        Ok(match kind {
            Kind::Capacity { work, workers } => FaultKind::Capacity {
                work: between("work", work, 1.0, 1e3)?,
                workers: between("workers", workers, 1e-3, 1.0)?,
            },
            Kind::Bursts {
                probability,
                good,
                bad,
            } => FaultKind::Bursts {
                probability: probability.0,
                good: above_zero("good", good)?,
                bad: above_zero("bad", bad)?,
            },
            Kind::Business { goal, multiply } => FaultKind::Business {
                goal: (goal.map(|goal| index("goal", &goal, &self.goals))).transpose()?,
                multiply: between("multiply", multiply, 0.0, 1e3)?,
            },
            Kind::Metrics {
                hidden,
                count,
                unit,
            } => FaultKind::Metrics {
                hidden: hidden.0,
                count: between("count", f64::from(count), 1.0, 1e3)? as u32,
                unit: between("unit", unit, 1e-6, 1e6)?,
            },
            Kind::Bounce { probability } => FaultKind::Bounce {
                probability: probability.0,
            },
            Kind::Poison { probability } => FaultKind::Poison {
                probability: probability.0,
            },
            Kind::SharedLoad { factor } => FaultKind::SharedLoad {
                factor: between("factor", factor, 1e-3, 1e3)?,
            },
            // All others have been read before.
            _ => return Err(DescribedError::new("this kind of fault is not known")),
        })
    }

    /// A fault as JSON, with its number and how severe it is.
    pub(super) fn describe(&self, id: usize, fault: &Fault, severity: f64) -> Value {
        let Fault {
            kind,
            target,
            schedule,
            scope,
        } = fault;
        let share = |share: Probability| (share < Probability::ONE).then_some(Share(share));
        let length = |span: Span| (!span.is_zero()).then_some(Length(span));
        let common = Common {
            target: match target {
                Target::Canary => Aim::Canary,
                Target::Stable => Aim::Stable,
                Target::Both => Aim::Both,
            },
            onset: length(schedule.onset.since(Time::START)),
            ramp: length(schedule.ramp),
            duration: schedule.duration.map(Length),
            every: schedule.every.map(Length),
            users: share(scope.users),
            instances: share(scope.instances),
            requests: share(scope.requests),
            routes: named(scope.routes, &self.routes),
            groups: named(scope.groups, &self.groups),
        };
        let mut all = Map::new();
        all.insert("id".to_owned(), json!(id));
        // What is made of numbers and texts is always JSON.
        for part in [
            serde_json::to_value(self.described(kind)),
            serde_json::to_value(common),
        ] {
            if let Ok(Value::Object(part)) = part {
                all.extend(part.into_iter().filter(|(_, value)| !value.is_null()));
            }
        }
        all.insert("severity".to_owned(), json!(severity));
        Value::Object(all)
    }

    fn described(&self, kind: &FaultKind) -> Kind {
        match *kind {
            FaultKind::Errors {
                probability,
                latency,
            } => Kind::Errors {
                probability: Share(probability),
                latency: latency.map(Length),
            },
            FaultKind::Latency { multiply, add } => Kind::Latency {
                multiply,
                add: Length(add),
            },
            FaultKind::Tail { probability, add } => Kind::Tail {
                probability: Share(probability),
                add: Length(add),
            },
            FaultKind::MemoryLeak {
                per_request,
                heap,
                live,
                restart,
            } => Kind::MemoryLeak {
                per_request,
                heap,
                live,
                restart: Length(restart),
            },
            FaultKind::CrashLoop { mean_time } => Kind::CrashLoop {
                mean_time: Length(mean_time),
            },
            FaultKind::FailedStart { probability, delay } => Kind::FailedStart {
                probability: Share(probability),
                delay: delay.map(Length),
            },
            FaultKind::Reset { probability, phase } => Kind::Reset {
                probability: Share(probability),
                phase: match phase {
                    ResetPhase::Connect => Phase::Connect,
                    ResetPhase::Head => Phase::Head,
                    ResetPhase::Body => Phase::Body,
                },
            },
            FaultKind::Hang {
                probability,
                timeout,
            } => Kind::Hang {
                probability: Share(probability),
                timeout: Length(timeout),
            },
            FaultKind::Corrupt { probability, how } => Kind::Corrupt {
                probability: Share(probability),
                how: match how {
                    Corruption::Truncated => How::Truncated,
                    Corruption::Flipped => How::Flipped,
                    Corruption::Empty => How::Empty,
                },
            },
            FaultKind::Drip { probability, over } => Kind::Drip {
                probability: Share(probability),
                over: Length(over),
            },
            FaultKind::Bandwidth { limit } => Kind::Bandwidth { limit },
            FaultKind::Cpu { cores } => Kind::Cpu { cores },
            FaultKind::Capacity { work, workers } => Kind::Capacity { work, workers },
            FaultKind::Bursts {
                probability,
                good,
                bad,
            } => Kind::Bursts {
                probability: Share(probability),
                good: Length(good),
                bad: Length(bad),
            },
            FaultKind::Business { goal, multiply } => Kind::Business {
                goal: goal.and_then(|goal| self.goals.get(goal).cloned()),
                multiply,
            },
            FaultKind::Metrics {
                hidden,
                count,
                unit,
            } => Kind::Metrics {
                hidden: Share(hidden),
                count,
                unit,
            },
            FaultKind::Bounce { probability } => Kind::Bounce {
                probability: Share(probability),
            },
            FaultKind::Poison { probability } => Kind::Poison {
                probability: Share(probability),
            },
            FaultKind::SharedLoad { factor } => Kind::SharedLoad { factor },
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(map: Map<String, Value>) -> Result<T, DescribedError> {
    T::deserialize(Value::Object(map)).map_err(|error| DescribedError::new(error.to_string()))
}

fn between(name: &str, value: f64, least: f64, most: f64) -> Result<f64, DescribedError> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    let what = format!("`{name}` must be from {least} to {most}, not {value}");
    Err(DescribedError::new(what))
}

fn above_zero(name: &str, length: Length) -> Result<Span, DescribedError> {
    if length.0.is_zero() {
        return Err(DescribedError::new(format!("`{name}` must be above 0s")));
    }
    Ok(length.0)
}

fn index(what: &str, name: &str, names: &[String]) -> Result<usize, DescribedError> {
    names.iter().position(|other| other == name).ok_or_else(|| {
        let known = names.join(", ");
        DescribedError::new(format!("there is no {what} `{name}`; there are: {known}"))
    })
}

fn bits(what: &str, chosen: Option<Vec<String>>, names: &[String]) -> Result<u32, DescribedError> {
    let Some(chosen) = chosen else {
        return Ok(u32::MAX);
    };
    chosen
        .iter()
        .try_fold(0, |bits, name| Ok(bits | 1 << index(what, name, names)?))
}

fn named(bits: u32, names: &[String]) -> Option<Vec<String>> {
    let chosen = (names.iter().enumerate()).filter(|(index, _)| bits & (1 << index) != 0);
    (bits != u32::MAX).then(|| chosen.map(|(_, name)| name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            routes: vec!["home".to_owned(), "checkout".to_owned()],
            groups: Vec::new(),
            goals: vec!["order".to_owned()],
        }
    }

    fn read(text: &str) -> Result<Fault, String> {
        let now = Time::from_secs(40);
        names()
            .read(text.as_bytes(), now)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_is_read_back_as_it_was_described() {
        for text in [
            r#"{"kind":"errors","probability":0.05,"latency":"5ms"}"#,
            r#"{"kind":"latency","multiply":1.5,"add":"50ms","routes":["checkout"]}"#,
            r#"{"kind":"tail","probability":"1%","add":2}"#,
            r#"{"kind":"memory-leak"}"#,
            r#"{"kind":"crash-loop","mean_time":"10s"}"#,
            r#"{"kind":"failed-start"}"#,
            r#"{"kind":"reset","probability":0.1,"phase":"connect"}"#,
            r#"{"kind":"hang","probability":0.1}"#,
            r#"{"kind":"corrupt","probability":0.1,"how":"flipped","target":"both"}"#,
            r#"{"kind":"drip","probability":0.1,"over":"1s"}"#,
            r#"{"kind":"bandwidth","limit":1000}"#,
            r#"{"kind":"cpu","cores":0.5,"duration":"1m","every":"2m","ramp":"10s"}"#,
            r#"{"kind":"capacity","work":1.5}"#,
            r#"{"kind":"bursts","probability":0.3}"#,
            r#"{"kind":"business","goal":"order","multiply":0.97,"users":0.5}"#,
            r#"{"kind":"metrics","hidden":"30%","count":2}"#,
            r#"{"kind":"bounce","probability":0.5,"instances":"50%"}"#,
            r#"{"kind":"poison","probability":0.5,"requests":0.25}"#,
            r#"{"kind":"shared-load","factor":2,"target":"stable"}"#,
        ] {
            let fault = read(text).unwrap();
            assert_eq!(fault.schedule.onset, Time::from_secs(40), "{text}");
            let Value::Object(mut described) = names().describe(3, &fault, 0.5) else {
                panic!("{text}");
            };
            assert_eq!(described.remove("id"), Some(json!(3)));
            assert_eq!(described.remove("severity"), Some(json!(0.5)));
            let again = Value::Object(described).to_string();
            assert_eq!(read(&again).unwrap(), fault, "{text}");
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_what_would_be_valid() {
        for (text, reason) in [
            ("", "EOF"),
            ("[]", "expected a map"),
            ("{}", "missing field `kind`"),
            (r#"{"kind":"gremlins"}"#, "`crash-loop`"),
            (r#"{"kind":"errors"}"#, "missing field `probability`"),
            (
                r#"{"kind":"errors","probability":5}"#,
                "a number from 0 to 1",
            ),
            (
                r#"{"kind":"errors","probability":"lots"}"#,
                "`lots` is not a share",
            ),
            (
                r#"{"kind":"errors","probability":0.1,"add":"1s"}"#,
                "unknown field `add`, expected `probability` or `latency`",
            ),
            (
                r#"{"kind":"hang","probability":0.1,"timeout":0}"#,
                "above 0s",
            ),
            (r#"{"kind":"tail","probability":0.1,"add":"9"}"#, "30s, 5m"),
            (
                r#"{"kind":"bandwidth","limit":0}"#,
                "`limit` must be from 1",
            ),
            (r#"{"kind":"latency","multiply":0.5}"#, "from 1 to"),
            (r#"{"kind":"memory-leak","live":1e9,"heap":1e9}"#, "`live`"),
            (
                r#"{"kind":"cpu","cores":1,"every":"1m"}"#,
                "give a duration",
            ),
            (
                r#"{"kind":"cpu","cores":1,"routes":["nowhere"]}"#,
                "there is no route `nowhere`; there are: home, checkout",
            ),
            (
                r#"{"kind":"cpu","cores":1,"target":"moon"}"#,
                "`canary`, `stable`",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
