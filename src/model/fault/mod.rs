//! What is wrong with a version: kind and size, whom it reaches, and when.

use crate::base::{Probability, Span, Time};

/// One thing wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What goes wrong and how badly.
    pub kind: FaultKind,
    /// Which versions it is in.
    pub target: Target,
    /// When it is there.
    pub schedule: Schedule,
    /// Whom it reaches.
    pub scope: Scope,
}

/// Which versions a fault is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The canary: a bad release.
    Canary,
    /// Stable (and a baseline, which is stable's code).
    Stable,
    /// All versions: a shared dependency, a neighbour, the weather. It is there with a good canary
    /// too.
    Both,
}

/// What goes wrong. The numbers F1 to F28 are those of the catalogue in the documentation.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// A share of requests fails with a server error, on top of those that would fail anyway (F1,
    /// and with a scope F2 and F19; on both versions F13; during a dependency's trouble F14).
    Errors {
        /// Share of the reached requests that the fault makes fail.
        probability: Probability,
        /// How long a failed answer takes; `None`: as long as any other. A short one makes latency
        /// look better, and draws load where the least busy instance is preferred (F22 in the
        /// pitfalls, F24 here).
        latency: Option<Span>,
    },
    /// Every answer takes longer: `latency · multiply + add` (F3; on a share of instances F15).
    Latency {
        /// Factor, at least 1.
        multiply: f64,
        /// Added time.
        add: Span,
    },
    /// A few answers take much longer: `add` more, for a share of requests (F4).
    Tail {
        /// Share of the reached requests that are slow.
        probability: Probability,
        /// Added time.
        add: Span,
    },
    /// Memory is lost with every request: the collector takes more and more time, and the instance
    /// restarts when the heap is full (F5).
    MemoryLeak {
        /// Bytes lost with each request.
        per_request: f64,
        /// Bytes of the heap.
        heap: f64,
        /// Bytes in use from the start.
        live: f64,
        /// How long a restart takes, in which the instance answers nobody.
        restart: Span,
    },
    /// Instances crash and come back, later each time: 10, 20, 40 seconds, at most 5 minutes (F6).
    /// While one is down its share of requests is refused; increments that were not scraped before
    /// the crash are lost.
    CrashLoop {
        /// Mean time from start to crash (exponential).
        mean_time: Span,
    },
    /// Instances do not come up for a while after the start of the rollout: nobody is answered, and
    /// the balancer sends their share to the version's other instances, or to stable when there are
    /// none (F7).
    FailedStart {
        /// Chance for each instance.
        probability: Probability,
        /// How long it takes nevertheless; `None`: for ever.
        delay: Option<Span>,
    },
    /// A share of connections is reset: the caller sees a failure, and the server nothing of it
    /// (F8) or, once its answer has begun, a success (F25).
    Reset {
        /// Share of the reached requests.
        probability: Probability,
        /// How far the request comes.
        phase: ResetPhase,
    },
    /// A share of requests is never answered: the caller gives up after `timeout`, the server
    /// counts nothing, and a worker stays busy (F9).
    Hang {
        /// Share of the reached requests.
        probability: Probability,
        /// When the caller gives up.
        timeout: Span,
    },
    /// A share of answers is wrong, with status 200 (F10). No goal is reached after one.
    Corrupt {
        /// Share of the reached requests.
        probability: Probability,
        /// What is wrong with them. Only a live run makes a difference between the kinds.
        how: Corruption,
    },
    /// A share of answers comes drop by drop: the body in pieces, spread over a time that is added
    /// to what the answer takes anyway (F26).
    Drip {
        /// Share of the reached requests.
        probability: Probability,
        /// From the head to the end of the body.
        over: Span,
    },
    /// Bodies go out over a narrow line: each answer takes its size divided by `limit` longer (F27).
    Bandwidth {
        /// Bytes per second of one answer's body, above 0.
        limit: f64,
    },
    /// Something burns processors beside the service (F28). What that does to latencies is up to the
    /// machine: virtual time, which has no processors, leaves it out.
    Cpu {
        /// How many, above 0.
        cores: f64,
    },
    /// The version takes more work for a request, or has fewer workers (F11): `work` multiplies
    /// service times and `workers` the number of workers, which shows where there is a capacity.
    Capacity {
        /// Factor on service times, at least 1.
        work: f64,
        /// Factor on the number of workers, at most 1.
        workers: f64,
    },
    /// A share of requests fails in bursts: good and bad spells follow one another at random, and
    /// in a bad one requests fail with `probability` (F17; Gilbert-Elliott).
    Bursts {
        /// Chance of failure in a bad spell.
        probability: Probability,
        /// Mean length of a good spell.
        good: Span,
        /// Mean length of a bad spell.
        bad: Span,
    },
    /// Users do less of what the business counts; nothing else changes (F20).
    Business {
        /// The goal, an index into [`World::goals`](super::World); `None`: every goal.
        goal: Option<usize>,
        /// Factor on its probability, 0 or more.
        multiply: f64,
    },
    /// The metrics are wrong, not the service (F21): a share of failures is not counted, every
    /// request is counted `count` times, latencies are reported `unit` times too long.
    Metrics {
        /// Share of failures that are not counted.
        hidden: Probability,
        /// How often each request is counted, at least 1.
        count: u32,
        /// Factor on reported latencies, above 0.
        unit: f64,
    },
    /// Users whose last answer came from the other version meet an error: sessions or schemas do
    /// not fit (F22).
    Bounce {
        /// Chance of failure of the first request after a change of version.
        probability: Probability,
    },
    /// What the canary wrote, stable cannot read: users whom the canary has answered meet errors on
    /// stable, also after the rollback (F23).
    Poison {
        /// Chance of failure of each such request.
        probability: Probability,
    },
    /// The canary's work burdens what both versions share: all answers take longer by
    /// `1 + factor · share`, with the canary's share of traffic.
    SharedLoad {
        /// Slowdown with all traffic on the canary, above 0.
        factor: f64,
    },
}

/// How far a request comes before its connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ResetPhase {
    /// No further than the connection: it is refused.
    Connect,
    /// It is sent, and no answer begins.
    #[default]
    Head,
    /// Its answer begins and breaks off. The server has done its work and counted the status that
    /// it wrote, 200 as a rule, with the whole latency. The caller has half an answer: a failure,
    /// which a proxy that streams can no longer try again, and which outlier detection, going by
    /// the status, does not take for one.
    Body,
}

/// What is wrong with an answer whose status says that nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Corruption {
    /// Its body is shorter than it should be, and its head agrees with it: nobody on the way can
    /// tell. (A body that is shorter than its head says is [`ResetPhase::Body`].)
    Truncated,
    /// Some of its bits are others.
    #[default]
    Flipped,
    /// It has no body.
    Empty,
}

/// When a fault is there, and how much of it. Times count from the start of the rollout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// When it begins.
    pub onset: Time,
    /// How long it takes to reach full size (a slow leak has a long ramp). Zero: at once.
    ///
    /// The ramp climbs in [`Schedule::STAIRS`] equal steps, so that both engines see a constant
    /// fault between two steps and agree exactly.
    pub ramp: Span,
    /// How long it lasts, counted from the onset; `None` for ever.
    pub duration: Option<Span>,
    /// It comes again this long after each onset; longer than its duration. `None`: once.
    pub every: Option<Span>,
}

/// Whom a fault reaches: requests for which all of this holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scope {
    /// Share of the users reached; a user is reached always or never within a rollout.
    pub users: Probability,
    /// Routes reached, as a set of bits; all bits set: every route.
    pub routes: u32,
    /// Groups of users reached, as a set of bits; all bits set: every group.
    pub groups: u32,
    /// Share of the version's instances that have it, rounded up to whole instances.
    pub instances: Probability,
    /// Share of requests reached, by a header or the payload: another one each time.
    pub requests: Probability,
}

impl Scope {
    /// Every user.
    pub const EVERYONE: Scope = Scope {
        users: Probability::ONE,
        routes: u32::MAX,
        groups: u32::MAX,
        instances: Probability::ONE,
        requests: Probability::ONE,
    };
}

impl Schedule {
    /// From the start, at full size, for ever.
    pub const ALWAYS: Schedule = Schedule {
        onset: Time::START,
        ramp: Span::ZERO,
        duration: None,
        every: None,
    };

    /// Steps in which a ramp climbs.
    pub const STAIRS: u64 = 64;

    /// The share of full size at `now`, 0 to 1.
    pub fn severity(&self, now: Time) -> f64 {
        let onset = self.latest_onset(now);
        if now < onset || now >= self.end(onset) {
            return 0.0;
        }
        if self.ramp.is_zero() {
            return 1.0;
        }
        let stair = now.since(onset).as_nanos() / self.stair().as_nanos();
        ((stair + 1) as f64 / Self::STAIRS as f64).min(1.0)
    }

    /// The first instant after `now` at which the severity may change; [`Time::NEVER`] when it
    /// stays.
    pub fn next_change(&self, now: Time) -> Time {
        let onset = self.latest_onset(now);
        if now < onset {
            return onset;
        }
        let again = self.every.map_or(Time::NEVER, |every| onset + every);
        if now >= self.end(onset) {
            return again;
        }
        let climbed = if self.ramp.is_zero() {
            Time::NEVER
        } else {
            let stair = now.since(onset).as_nanos() / self.stair().as_nanos();
            if stair + 1 >= Self::STAIRS {
                Time::NEVER
            } else {
                onset + self.stair() * (stair + 1)
            }
        };
        climbed.min(self.end(onset)).min(again)
    }

    /// The last onset at or before `now`; the first, when none has come.
    fn latest_onset(&self, now: Time) -> Time {
        match self.every {
            Some(every) if now >= self.onset => {
                self.onset + every * (now.since(self.onset) / every)
            }
            _ => self.onset,
        }
    }

    fn stair(&self) -> Span {
        Span::from_nanos((self.ramp.as_nanos() / Self::STAIRS).max(1))
    }

    fn end(&self, onset: Time) -> Time {
        self.duration.map_or(Time::NEVER, |d| onset + d)
    }
}

impl Fault {
    /// Whether the fault can be seen in latency.
    pub fn touches_latency(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::Latency { .. }
                | FaultKind::Tail { .. }
                | FaultKind::Drip { .. }
                | FaultKind::Bandwidth { .. }
                | FaultKind::Hang { .. }
                | FaultKind::MemoryLeak { .. }
                | FaultKind::Capacity { .. }
                | FaultKind::SharedLoad { .. }
                | FaultKind::Errors {
                    latency: Some(_),
                    ..
                }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_climbs_in_equal_stairs_and_ends() {
        let leak = Schedule {
            onset: Time::from_secs(100),
            ramp: Span::from_secs(64),
            duration: Some(Span::from_secs(200)),
            every: None,
        };
        assert_eq!(leak.severity(Time::from_secs(99)), 0.0);
        assert_eq!(leak.severity(Time::from_secs(100)), 1.0 / 64.0);
        assert_eq!(leak.severity(Time::from_secs(163)), 1.0);
        assert_eq!(leak.severity(Time::from_secs(299)), 1.0);
        assert_eq!(leak.severity(Time::from_secs(300)), 0.0);
    }

    #[test]
    fn severity_is_constant_between_announced_changes() {
        let leak = Schedule {
            onset: Time::from_secs(7),
            ramp: Span::from_secs(31),
            duration: Some(Span::from_secs(60)),
            every: None,
        };
        let mut now = Time::START;
        while leak.next_change(now) != Time::NEVER {
            let next = leak.next_change(now);
            assert!(next > now);
            let last = Time::from_nanos(next.as_nanos() - 1);
            assert_eq!(leak.severity(now), leak.severity(last), "{now} to {next}");
            now = next;
        }
        assert_eq!(leak.severity(now), 0.0);
    }

    #[test]
    fn a_repeated_fault_comes_and_goes() {
        let hourly = Schedule {
            onset: Time::from_secs(600),
            duration: Some(Span::from_secs(60)),
            every: Some(Span::from_secs(3600)),
            ..Schedule::ALWAYS
        };
        for (second, severity) in [(0, 0.0), (600, 1.0), (660, 0.0), (4199, 0.0), (4200, 1.0)] {
            assert_eq!(
                hourly.severity(Time::from_secs(second)),
                severity,
                "{second}"
            );
        }
        let mut changes = Vec::new();
        let mut now = Time::START;
        while changes.len() < 4 {
            now = hourly.next_change(now);
            changes.push(now);
        }
        assert_eq!(changes, [600, 660, 4200, 4260].map(Time::from_secs));
    }
}
