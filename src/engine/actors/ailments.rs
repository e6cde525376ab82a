//! What the faults of a world do to one attempt.

use rand::RngExt;
use rand_distr::{Distribution, Exp1};

use crate::base::{Span, Stream, Time};
use crate::model::World;
use crate::model::fault::{Corruption, Fault, FaultKind, ResetPhase, Schedule};
use crate::telemetry::Version;

/// The faults of a world under way.
#[derive(Debug)]
pub(in crate::engine) struct Ailments {
    all: Vec<Ailment>,
    /// When a severity next changes, in seconds.
    change: f64,
}

#[derive(Debug)]
struct Ailment {
    fault: Fault,
    severity: f64,
    /// Good and bad spells, by version.
    spells: [Spell; 3],
    /// Routes on which it makes users do less, one bit each.
    lessens: u32,
    /// Seconds that a body takes over a narrow line, by version.
    transfer: [f64; 3],
}

/// A spell of a fault that comes in bursts.
#[derive(Debug, Clone, Copy, Default)]
struct Spell {
    bad: bool,
    until: f64,
}

/// Whom an attempt concerns.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Attempt {
    pub(in crate::engine) version: Version,
    pub(in crate::engine) route: u8,
    pub(in crate::engine) group: u8,
    /// The user's place among those whom faults reach.
    pub(in crate::engine) place: f64,
    /// The faults that the instance has, one bit each.
    pub(in crate::engine) faulty: u64,
    /// Whether the user's last answer came from another version.
    pub(in crate::engine) moved: bool,
    /// Whether the canary has written the user's data.
    pub(in crate::engine) written: bool,
    /// The canary's share of traffic.
    pub(in crate::engine) share: f64,
    pub(in crate::engine) at: f64,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) struct Effect {
    /// A server error,
    pub(in crate::engine) failed: bool,
    /// after so many seconds, if not after the usual time.
    pub(in crate::engine) failed_after: Option<f64>,
    /// Status 200 and a wrong body.
    pub(in crate::engine) wrong: Option<Corruption>,
    /// Where its connection is reset.
    pub(in crate::engine) reset: Option<ResetPhase>,
    /// No answer; the caller gives up after so many seconds.
    pub(in crate::engine) hang: Option<f64>,
    /// Factor on the time it takes,
    pub(in crate::engine) multiply: f64,
    /// and added seconds,
    pub(in crate::engine) add: f64,
    /// of which so many pass between the head of the answer and the end of its body.
    pub(in crate::engine) body: f64,
    /// Whether the user is worse off, though answered: it takes longer, or the product is worse.
    pub(in crate::engine) slowed: bool,
    /// How often it is counted,
    pub(in crate::engine) counted: u32,
    /// or not at all if it failed.
    pub(in crate::engine) hidden: bool,
    /// Factor on the reported latency.
    pub(in crate::engine) unit: f64,
}

impl Effect {
    pub(in crate::engine) const NONE: Effect = Effect {
        failed: false,
        failed_after: None,
        wrong: None,
        reset: None,
        hang: None,
        multiply: 1.0,
        add: 0.0,
        body: 0.0,
        slowed: false,
        counted: 1,
        hidden: false,
        unit: 1.0,
    };
}

impl Effect {
    fn take_longer_over_the_body(&mut self, seconds: f64) {
        self.add += seconds;
        self.body += seconds;
        self.slowed = true;
    }

    /// Whether the answer begins and breaks off.
    #[inline]
    pub(in crate::engine) fn breaks_off(&self) -> bool {
        self.reset == Some(ResetPhase::Body)
    }

    /// Whether there is no answer at all, because the connection is reset before.
    #[inline]
    pub(in crate::engine) fn is_refused(&self) -> bool {
        matches!(self.reset, Some(ResetPhase::Connect | ResetPhase::Head))
    }
}

/// Whether a fault can make a request of a version fail or take longer, or cost what it might lead
/// to.
pub(in crate::engine) fn hurts(fault: &Fault, version: Version) -> bool {
    match fault.kind {
        FaultKind::Bounce { .. } | FaultKind::Poison { .. } | FaultKind::SharedLoad { .. } => true,
        FaultKind::Business { multiply, .. } if multiply >= 1.0 => false,
        // There are no processors to burn.
        FaultKind::Cpu { .. } => false,
        _ => fault.target.is_in(version == Version::Canary),
    }
}

impl Ailments {
    pub(in crate::engine) fn new(world: &World) -> Ailments {
        let faults = world.faults.iter().cloned();
        Ailments {
            all: faults.map(|fault| Ailment::new(fault, world)).collect(),
            change: f64::NEG_INFINITY,
        }
    }

    /// Starts a trial.
    pub(in crate::engine) fn reset(&mut self, stream: &mut Stream) {
        self.change = f64::NEG_INFINITY;
        for ailment in &mut self.all {
            ailment.severity = 0.0;
            ailment.begin_spells(0.0, stream);
        }
    }

    /// Puts a fault in a place of the list, at its end or instead of the one there, at `now`.
    pub(in crate::engine) fn set(
        &mut self,
        index: usize,
        fault: Fault,
        world: &World,
        now: f64,
        stream: &mut Stream,
    ) {
        let mut ailment = Ailment::new(fault, world);
        ailment.begin_spells(now, stream);
        match self.all.get_mut(index) {
            Some(place) => *place = ailment,
            None => self.all.push(ailment),
        }
        self.change = f64::NEG_INFINITY;
    }

    /// Takes a fault out; its place in the list stays, so that the others keep their numbers.
    pub(in crate::engine) fn remove(&mut self, index: usize) {
        if let Some(ailment) = self.all.get_mut(index) {
            ailment.fault.schedule = Schedule {
                onset: Time::NEVER,
                ..Schedule::ALWAYS
            };
            self.change = f64::NEG_INFINITY;
        }
    }

    /// When a severity next changes, in seconds.
    pub(in crate::engine) fn next_change(&self) -> f64 {
        self.change
    }

    /// The faults, with how severe each is now.
    pub(in crate::engine) fn severities(&self) -> impl Iterator<Item = (usize, &Fault, f64)> {
        (self.all.iter().enumerate())
            .map(|(index, ailment)| (index, &ailment.fault, ailment.severity))
    }

    /// Brings severities up to `now`; whether one changed.
    pub(in crate::engine) fn enter(&mut self, now: f64) -> bool {
        if now < self.change {
            return false;
        }
        let time = Time::from_nanos((now.max(0.0) * 1e9) as u64);
        let mut change = Time::NEVER;
        for ailment in &mut self.all {
            let schedule = &ailment.fault.schedule;
            ailment.severity = schedule.severity(time);
            change = change.min(schedule.next_change(time));
        }
        self.change = if change == Time::NEVER {
            f64::INFINITY
        } else {
            change.as_secs_f64()
        };
        true
    }

    /// Whether there is none.
    #[inline]
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What the faults do to an attempt, one after another.
    #[inline]
    pub(in crate::engine) fn apply(&mut self, attempt: &Attempt, stream: &mut Stream) -> Effect {
        let mut effect = Effect::NONE;
        for (index, ailment) in self.all.iter_mut().enumerate() {
            if ailment.severity > 0.0 && ailment.reaches(index, attempt, stream) {
                ailment.strike(attempt, &mut effect, stream);
            }
        }
        effect
    }

    /// What faults do to the chance of a goal after an answer.
    pub(in crate::engine) fn goal_factor(&self, attempt: &Attempt, goal: usize) -> f64 {
        let mut factor = 1.0;
        for (index, ailment) in self.all.iter().enumerate() {
            if let FaultKind::Business {
                goal: only,
                multiply,
            } = ailment.fault.kind
                && ailment.severity > 0.0
                && only.is_none_or(|only| only == goal)
                && ailment.covers(index, attempt)
            {
                // Of requests of which a share is reached, that share of the loss.
                let requests = ailment.fault.scope.requests.get();
                factor *= 1.0 + (multiply - 1.0) * ailment.severity * requests;
            }
        }
        factor
    }
}

impl Ailment {
    fn new(fault: Fault, world: &World) -> Ailment {
        Ailment {
            severity: 0.0,
            spells: [Spell::default(); 3],
            lessens: world.lessens(&fault.kind),
            transfer: match fault.kind {
                FaultKind::Bandwidth { limit } => [&world.stable, &world.canary, &world.stable]
                    .map(|service| service.transfer(limit).as_secs_f64()),
                _ => [0.0; 3],
            },
            fault,
        }
    }

    /// The spells of all versions as they are at `now`.
    fn begin_spells(&mut self, now: f64, stream: &mut Stream) {
        let FaultKind::Bursts { good, bad, .. } = self.fault.kind else {
            return;
        };
        let (good, bad) = (good.as_secs_f64(), bad.as_secs_f64());
        for spell in &mut self.spells {
            // Spells last exponentially: what is left of one has the length of a whole one.
            spell.bad = stream.random::<f64>() < bad / (good + bad);
            let left: f64 = Exp1.sample(stream);
            spell.until = now + left * if spell.bad { bad } else { good };
        }
    }

    /// Whether all that does not change from request to request lets the fault reach it.
    #[inline]
    fn covers(&self, index: usize, attempt: &Attempt) -> bool {
        let scope = &self.fault.scope;
        let version = match self.fault.kind {
            // What the canary's users bring with them strikes whoever answers.
            FaultKind::Bounce { .. } | FaultKind::SharedLoad { .. } => true,
            FaultKind::Poison { .. } => attempt.version != Version::Canary,
            _ => self.fault.target.is_in(attempt.version == Version::Canary),
        };
        version
            && scope.routes & (1 << attempt.route) != 0
            && scope.groups & (1 << attempt.group) != 0
            && attempt.place < scope.users.get()
            && (scope.instances.get() >= 1.0 || attempt.faulty & (1 << index) != 0)
    }

    #[inline]
    fn reaches(&self, index: usize, attempt: &Attempt, stream: &mut Stream) -> bool {
        let requests = self.fault.scope.requests.get();
        self.covers(index, attempt) && (requests >= 1.0 || stream.random::<f64>() < requests)
    }

    #[inline]
    fn strike(&mut self, attempt: &Attempt, effect: &mut Effect, stream: &mut Stream) {
        let severity = self.severity;
        let happens = |p: f64, stream: &mut Stream| {
            p * severity >= 1.0 || stream.random::<f64>() < p * severity
        };
        match self.fault.kind {
            FaultKind::Errors {
                probability,
                latency,
            } => {
                if happens(probability.get(), stream) {
                    effect.failed = true;
                    effect.failed_after = latency.map(Span::as_secs_f64);
                }
            }
            FaultKind::Latency { multiply, add } => {
                let factor = 1.0 + (multiply - 1.0) * severity;
                effect.multiply *= factor;
                effect.add = effect.add * factor + add.as_secs_f64() * severity;
                effect.body *= factor;
                effect.slowed = true;
            }
            FaultKind::Tail { probability, add } => {
                if happens(probability.get(), stream) {
                    effect.add += add.as_secs_f64();
                    effect.slowed = true;
                }
            }
            FaultKind::Drip { probability, over } => {
                if happens(probability.get(), stream) {
                    effect.take_longer_over_the_body(over.as_secs_f64());
                }
            }
            FaultKind::Bandwidth { .. } => {
                let transfer = self.transfer[attempt.version as usize];
                effect.take_longer_over_the_body(transfer * severity);
            }
            FaultKind::Reset { probability, phase } => {
                if happens(probability.get(), stream) {
                    effect.reset = Some(effect.reset.map_or(phase, |other| other.min(phase)));
                }
            }
            FaultKind::Hang {
                probability,
                timeout,
            } => {
                if happens(probability.get(), stream) {
                    effect.hang = Some(timeout.as_secs_f64());
                }
            }
            FaultKind::Corrupt { probability, how } => {
                if happens(probability.get(), stream) {
                    effect.wrong = Some(how);
                }
            }
            FaultKind::Capacity { work, .. } => {
                effect.multiply *= 1.0 + (work - 1.0) * severity;
                effect.slowed |= work > 1.0;
            }
            FaultKind::Bursts {
                probability,
                good,
                bad,
            } => {
                let spell = &mut self.spells[attempt.version as usize];
                while spell.until <= attempt.at {
                    spell.bad = !spell.bad;
                    let length: f64 = Exp1.sample(stream);
                    let mean = if spell.bad { bad } else { good };
                    spell.until += length * mean.as_secs_f64();
                }
                effect.failed |= spell.bad && happens(probability.get(), stream);
            }
            FaultKind::Metrics {
                hidden,
                count,
                unit,
            } => {
                effect.counted = count;
                effect.unit *= unit;
                effect.hidden |= happens(hidden.get(), stream);
            }
            FaultKind::Bounce { probability } => {
                effect.failed |= attempt.moved && happens(probability.get(), stream);
            }
            FaultKind::Poison { probability } => {
                effect.failed |= attempt.written && happens(probability.get(), stream);
            }
            FaultKind::SharedLoad { factor } => {
                let factor = 1.0 + factor * attempt.share * severity;
                effect.multiply *= factor;
                effect.add *= factor;
                effect.body *= factor;
                effect.slowed |= attempt.share > 0.0;
            }
            FaultKind::Business { .. } => {
                effect.slowed |= self.lessens & (1 << attempt.route) != 0;
            }
            // These strike instances, or machines.
            FaultKind::Cpu { .. }
            | FaultKind::MemoryLeak { .. }
            | FaultKind::CrashLoop { .. }
            | FaultKind::FailedStart { .. } => {}
        }
    }
}
