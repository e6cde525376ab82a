//! What is wrong with a version: kind and size, whom it reaches, and when.

use crate::base::{Probability, Span, Time};

/// One thing wrong with the canary.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What goes wrong and how badly.
    pub kind: FaultKind,
    /// When it is there.
    pub schedule: Schedule,
    /// Whom it reaches.
    pub scope: Scope,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// A share of requests fails with a server error, on top of those that would fail anyway.
    Errors {
        /// Share of the reached requests that the fault makes fail.
        probability: Probability,
    },
    /// Every answer takes longer: `latency · multiply + add`.
    Latency {
        /// Factor, at least 1.
        multiply: f64,
        /// Added time.
        add: Span,
    },
    /// A few answers take much longer: `add` more, for a share of requests.
    Tail {
        /// Share of the reached requests that are slow.
        probability: Probability,
        /// Added time.
        add: Span,
    },
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
}

/// Whom a fault reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scope {
    /// Share of the users reached; a user is reached always or never within a rollout.
    pub users: Probability,
}

impl Scope {
    /// Every user.
    pub const EVERYONE: Scope = Scope {
        users: Probability::ONE,
    };
}

impl Schedule {
    /// From the start, at full size, for ever.
    pub const ALWAYS: Schedule = Schedule {
        onset: Time::START,
        ramp: Span::ZERO,
        duration: None,
    };

    /// Steps in which a ramp climbs.
    pub const STAIRS: u64 = 64;

    /// The share of full size at `now`, 0 to 1.
    pub fn severity(&self, now: Time) -> f64 {
        if now < self.onset || now >= self.end() {
            return 0.0;
        }
        if self.ramp.is_zero() {
            return 1.0;
        }
        let stair = now.since(self.onset).as_nanos() / self.stair().as_nanos();
        ((stair + 1) as f64 / Self::STAIRS as f64).min(1.0)
    }

    /// The first instant after `now` at which the severity may change; [`Time::NEVER`] when it
    /// stays.
    pub fn next_change(&self, now: Time) -> Time {
        if now < self.onset {
            return self.onset;
        }
        if now >= self.end() {
            return Time::NEVER;
        }
        let climbed = if self.ramp.is_zero() {
            Time::NEVER
        } else {
            let stair = now.since(self.onset).as_nanos() / self.stair().as_nanos();
            if stair + 1 >= Self::STAIRS {
                Time::NEVER
            } else {
                self.onset + self.stair() * (stair + 1)
            }
        };
        climbed.min(self.end())
    }

    fn stair(&self) -> Span {
        Span::from_nanos((self.ramp.as_nanos() / Self::STAIRS).max(1))
    }

    fn end(&self) -> Time {
        self.duration.map_or(Time::NEVER, |d| self.onset + d)
    }
}

impl Fault {
    /// Whether the fault can be seen in latency.
    pub fn touches_latency(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::Latency { .. } | FaultKind::Tail { .. }
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
}
