//! What happens in a live run, numbered, for whoever watches.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Status;
use crate::engine::live::run::Pulse;
use crate::experiment::summary::{LiveNote, LookRow, TimelineRow};

/// Pulses that are kept: at five a second, those of the last half minute. What else happens is kept
/// for the whole run.
const PULSES: usize = 150;

/// Something that happened, with its number.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Event {
    /// Its number: higher than that of everything before, across runs.
    pub id: u64,
    /// What.
    #[serde(flatten)]
    pub happening: Happening,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", content = "data", rename_all = "lowercase")]
pub enum Happening {
    /// Everything has started.
    Ready(Ready),
    /// Some time has passed.
    Pulse(Pulsed),
    /// The controller has ticked.
    Tick(Ticked),
    /// A fault has come or gone by hand.
    Fault(FaultSet),
    /// The run is over.
    End(Box<Ended>),
}

/// Everything has started.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Ready {
    /// The run.
    #[serde(flatten)]
    pub status: Status,
    /// Where traffic goes.
    pub splitter: String,
}

/// How a run stands between ticks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Pulsed {
    /// The scenario's time, in seconds.
    pub seconds: f64,
    /// When the controller looks next.
    pub next_seconds: f64,
    /// The canary's percentage as last ordered.
    pub percent: f64,
    /// Requests that have ended so far: stable's, the canary's, the baseline's.
    pub requests: [u64; 3],
    /// Of these, failed ones.
    pub failed: [u64; 3],
    /// Median latency so far, in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of latency so far, in milliseconds.
    pub p99_ms: f64,
    /// 99th percentile of the generator's lateness so far, in milliseconds.
    pub lateness_p99_ms: f64,
}

/// The controller has ticked.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Ticked {
    /// What was seen and decided.
    pub row: TimelineRow,
    /// What each gate said.
    pub looks: Vec<LookRow>,
}

/// A fault has come or gone by hand.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FaultSet {
    /// Its number.
    pub id: u64,
    /// The fault as it is; absent when it has gone.
    pub fault: Option<Value>,
}

/// The run is over.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Ended {
    /// `rolled back`, `promoted`, `unfinished` or `failed`.
    pub ending: String,
    /// How it ended, and whom it reached before; or why it failed.
    pub sentence: String,
    /// What it came to; absent when it failed.
    pub note: Option<LiveNote>,
}

impl Ended {
    /// The end of a run that did not come to one of its own.
    pub(super) fn failed(why: String) -> Ended {
        Ended {
            ending: "failed".to_owned(),
            sentence: why,
            note: None,
        }
    }
}

impl Pulsed {
    pub(super) fn of(pulse: &Pulse) -> Pulsed {
        Pulsed {
            seconds: pulse.now.as_secs_f64(),
            next_seconds: pulse.next.as_secs_f64(),
            percent: pulse.weight.as_percent(),
            requests: pulse.requests.map(|[all, _]| all),
            failed: pulse.requests.map(|[_, failed]| failed),
            p50_ms: pulse.latency[0].as_millis_f64(),
            p99_ms: pulse.latency[1].as_millis_f64(),
            lateness_p99_ms: pulse.lateness.as_millis_f64(),
        }
    }
}

impl Happening {
    /// Its name in the stream.
    pub fn name(&self) -> &'static str {
        match self {
            Happening::Ready(_) => "ready",
            Happening::Pulse(_) => "pulse",
            Happening::Tick(_) => "tick",
            Happening::Fault(_) => "fault",
            Happening::End(_) => "end",
        }
    }

    /// What it tells, as JSON.
    pub fn data(&self) -> String {
        let written = match self {
            Happening::Ready(ready) => serde_json::to_string(ready),
            Happening::Pulse(pulse) => serde_json::to_string(pulse),
            Happening::Tick(tick) => serde_json::to_string(tick),
            Happening::Fault(fault) => serde_json::to_string(fault),
            Happening::End(end) => serde_json::to_string(end),
        };
        // Plain structs with text keys always can be written.
        written.unwrap_or_default()
    }
}

/// The events of one run.
#[derive(Debug, Default)]
pub(super) struct Log {
    events: VecDeque<Event>,
    pulses: usize,
    newest: u64,
}

impl Log {
    /// Forgets the run before; numbers go on.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.pulses = 0;
    }

    /// Notes what happened; returns its number.
    pub(super) fn put(&mut self, happening: Happening) -> u64 {
        let is_pulse = |happening: &Happening| matches!(happening, Happening::Pulse(_));
        if is_pulse(&happening) {
            self.pulses += 1;
            let oldest = self.events.iter().position(|one| is_pulse(&one.happening));
            if let Some(oldest) = oldest.filter(|_| self.pulses > PULSES) {
                self.events.remove(oldest);
                self.pulses -= 1;
            }
        }
        self.newest += 1;
        self.events.push_back(Event {
            id: self.newest,
            happening,
        });
        self.newest
    }

    /// What happened after the event of this number.
    pub(super) fn after(&self, number: u64) -> Vec<Event> {
        let begin = self.events.partition_point(|event| event.id <= number);
        self.events.range(begin..).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(seconds: f64) -> Happening {
        Happening::Pulse(Pulsed {
            seconds,
            next_seconds: 60.0,
            percent: 5.0,
            requests: [1, 2, 3],
            failed: [0, 1, 0],
            p50_ms: 40.0,
            p99_ms: 250.0,
            lateness_p99_ms: 0.1,
        })
    }

    fn fault(id: u64) -> Happening {
        Happening::Fault(FaultSet { id, fault: None })
    }

    #[test]
    fn old_pulses_go_and_everything_else_stays() {
        let mut log = Log::default();
        log.put(fault(7));
        for i in 0..2 * PULSES {
            log.put(pulse(i as f64));
        }
        let events = log.after(0);
        assert_eq!(events.len(), PULSES + 1);
        assert_eq!(events[0].happening, fault(7));
        assert_eq!(events[1].happening, pulse(PULSES as f64));
        assert_eq!(
            events.last().map(|event| event.id),
            Some(2 * PULSES as u64 + 1)
        );
    }

    #[test]
    fn a_reader_goes_on_where_it_was_also_in_the_next_run() {
        let mut log = Log::default();
        let first = log.put(fault(1));
        let second = log.put(fault(2));
        assert_eq!(log.after(first).len(), 1);
        log.clear();
        assert!(log.after(0).is_empty());
        let third = log.put(fault(3));
        assert!(third > second);
        assert_eq!(log.after(second)[0].happening, fault(3));
    }
}
