//! What becomes of each request of one thread: the world's state machines in the order in which the
//! virtual engine asks them.
//!
//! To drive it: call [`Responder::look`] when time has passed, [`Responder::attempt`] when a request
//! has been read, [`Responder::finish`] when shared work may be complete.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rand::{Rng, RngExt};
use tokio::sync::oneshot;

use super::{Setting, Shared};
use crate::base::{Purpose, Seed, Span, Stream, split_mix};
use crate::engine::actors::ailments::{Ailments, Attempt, Effect};
use crate::engine::actors::answering::Answering;
use crate::engine::actors::crowd::Crowd;
use crate::engine::actors::pool::{Place, Pool};
use crate::engine::live::clock::{Moment, WallClock};
use crate::engine::r#virtual::goals::Value;
use crate::model::World;
use crate::model::fault::{Fault, FaultKind, ResetPhase};
use crate::model::service::{Fleet, Service};
use crate::model::traffic::Population;
use crate::telemetry::Version;

/// What a request says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) route: u8,
    /// Who asks; `None`: somebody who was never here before.
    pub(super) user: Option<u32>,
    pub(super) group: u8,
    /// Whether it is a copy, which does not change what is remembered of its user.
    pub(super) shadow: bool,
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is answered.
    Answer(Answer),
    /// Its connection is reset.
    Reset(ResetPhase),
    /// Nothing is answered until then, when the connection is closed.
    Hang(Moment),
    /// Its instance is not running.
    Down,
}

/// An answer that is to be given.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: Status,
    pub(super) due: Due,
    pub(super) effect: Effect,
    /// Whether the user is worse off for the fault, though answered.
    pub(super) slowed: bool,
    /// The user's place among those whom faults reach.
    reach: f64,
}

impl Answer {
    /// There is a port, and nobody behind it.
    const NOBODY: Answer = Answer {
        status: Status::Full,
        due: Due::Now,
        effect: Effect::NONE,
        slowed: false,
        reach: 0.0,
    };
}

/// How it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Right,
    Failed,
    /// The queue is full.
    Full,
}

/// When it is answered.
#[derive(Debug)]
pub(super) enum Due {
    Now,
    At(Moment),
    /// When those who share the workers leave enough of them; an error when the instance has
    /// crashed before.
    Told(oneshot::Receiver<()>),
}

/// What this process remembers of a user: who answered last (nobody is 0, otherwise the version's
/// number and 1), and whether the canary ever answered.
const LAST: u8 = 0b11;
const WRITTEN: u8 = 0b100;

/// The memory of all users at the start: some were here before the rollout.
pub(super) fn remembered(setting: &Setting) -> Vec<AtomicU8> {
    let traffic = &setting.world.traffic;
    let salt = setting.seed.salt(setting.replicate, Purpose::Sessions);
    let groups: Vec<(u32, f64)> = if traffic.groups.is_empty() {
        vec![(traffic.users.users(), traffic.returning.get())]
    } else {
        (traffic.groups.iter())
            .map(|group| (group.users.users(), group.returning.get()))
            .collect()
    };
    let mut users = Vec::new();
    for (count, returning) in groups {
        let first = users.len() as u32;
        users.extend((first..first + count).map(|user| {
            let here = returning > 0.0 && Population::place(user, salt) < returning;
            AtomicU8::new(if here { Version::Stable as u8 + 1 } else { 0 })
        }));
    }
    users
}

/// Where a thread's randomness comes from.
#[derive(Debug)]
struct Streams {
    versions: [Stream; 3],
    fleet: Stream,
    faults: Stream,
    goals: Stream,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Responder {
    world: World,
    clock: WallClock,
    /// Seconds on the wall count from here.
    origin: Moment,
    shared: Arc<Shared>,
    pool: Pool,
    ailments: Ailments,
    answering: [Vec<Answering>; 3],
    streams: Streams,
    /// Routes on which the canary is slower by itself, one bit each.
    slower: u32,
    /// Places users among those whom faults reach.
    salt: u64,
    values: Vec<Value>,
    /// Where users differ in what they do.
    crowd: Option<Crowd>,
    /// The canary's share of requests, as last looked at.
    share: Option<f32>,
    /// Work that shares workers, by ticket.
    parked: BTreeMap<u64, (Place, oneshot::Sender<()>)>,
    tickets: u64,
}

impl Responder {
    /// One that plays `setting`; `number` is that of its thread.
    pub(super) fn new(
        setting: &Setting,
        clock: WallClock,
        shared: Arc<Shared>,
        number: usize,
    ) -> Responder {
        let world = quickened(&setting.world, clock.speed());
        let seed = match number {
            0 => setting.seed,
            number => Seed(setting.seed.0 ^ split_mix(number as u64)),
        };
        let stream = |purpose| seed.stream(setting.replicate, purpose);
        let mut streams = Streams {
            versions: [Purpose::Stable, Purpose::Canary, Purpose::Baseline].map(stream),
            fleet: stream(Purpose::Fleet),
            faults: stream(Purpose::Faults),
            goals: stream(Purpose::Goals),
        };
        let mut pool = Pool::new(&world);
        pool.reset(&mut streams.fleet);
        let mut ailments = Ailments::new(&world);
        ailments.reset(&mut streams.faults);
        let mean = |service: &Service, route| service.latency_of(route).mean();
        let spread = world.goals.iter().any(|goal| goal.spread > 0.0);
        Responder {
            clock,
            origin: Moment::now(),
            shared,
            pool,
            ailments,
            answering: Version::ALL.map(|version| Answering::of(&world, version)),
            streams,
            slower: (0..world.traffic.routes.len().max(1))
                .filter(|route| mean(&world.canary, *route) > mean(&world.stable, *route))
                .fold(0, |bits, route| bits | 1 << route),
            salt: setting.seed.salt(setting.replicate, Purpose::Users),
            values: (world.goals.iter())
                .map(|goal| Value::new(goal.value))
                .collect(),
            crowd: spread.then(|| Crowd::new(&world, false)),
            share: None,
            parked: BTreeMap::new(),
            tickets: 0,
            world,
        }
    }

    fn scenario(&self, moment: Moment) -> f64 {
        self.clock.time_of(moment).as_secs_f64()
    }

    /// Seconds on the wall.
    fn wall(&self, moment: Moment) -> f64 {
        moment.since(self.origin).as_secs_f64()
    }

    fn moment(&self, wall: f64) -> Moment {
        self.origin + Span::from_secs_f64(wall)
    }

    /// Faults come and go and versions are scaled, as far as it is time.
    #[inline]
    pub(super) fn look(&mut self, at: Moment) {
        let now = self.scenario(at);
        if self.ailments.enter(now) {
            (self.pool).afflict(&self.ailments, now, &mut self.streams.fleet);
        }
        let share = self.shared.steering.shares().canary;
        if self.share != Some(share) {
            self.share = Some(share);
            self.pool.adjust(exact(share), now, &mut self.streams.fleet);
        }
    }

    /// What becomes of a request that an instance has read at `at`.
    pub(super) fn attempt(&mut self, place: Place, ask: &Ask, at: Moment) -> Fate {
        self.look(at);
        let now = self.scenario(at);
        if !self.is_running(place, at) {
            return Fate::Down;
        }
        if !self.pool.has(place) {
            return Fate::Answer(Answer::NOBODY);
        }
        let (moved, written) = self.remember(place.version, ask);
        let (effect, reach) = if self.ailments.is_empty() {
            (Effect::NONE, 0.0)
        } else {
            let reach = match ask.user {
                Some(user) => Population::place(user, self.salt),
                None => self.streams.faults.random(),
            };
            let attempt = Attempt {
                version: place.version,
                route: ask.route,
                group: ask.group,
                place: reach,
                faulty: self.pool.instance(place).faulty,
                moved,
                written,
                share: self.share.map_or(0.0, exact),
                at: now,
            };
            (
                self.ailments.apply(&attempt, &mut self.streams.faults),
                reach,
            )
        };
        if let Some(phase) = effect.reset {
            return Fate::Reset(phase);
        }
        let answering = &self.answering[place.version as usize][usize::from(ask.route)];
        let stream = &mut self.streams.versions[place.version as usize];
        let failed = stream.next_u64() >> 11 < answering.errors || effect.failed;
        // The body's own time passes after the answer has begun.
        let add = effect.add - effect.body;
        let usual = answering.latency.sample(stream) * effect.multiply + add;
        let asked_work = match effect.failed_after {
            Some(after) if effect.failed => after,
            _ => usual,
        };
        let work = match effect.hang {
            Some(timeout) => timeout,
            None => (self.pool).work(place, asked_work, &mut self.streams.fleet),
        };
        if self.pool.leak(place, now) {
            return Fate::Down;
        }
        let due = self.enqueue(place, at, now, work);
        match (due, effect.hang) {
            (Some(_), Some(timeout)) => Fate::Hang(at + Span::from_secs_f64(10.0 * timeout)),
            (due, _) => Fate::Answer(Answer {
                status: match &due {
                    None => Status::Full,
                    Some(_) if failed => Status::Failed,
                    Some(_) => Status::Right,
                },
                due: due.unwrap_or(Due::Now),
                effect,
                slowed: effect.slowed
                    || (place.version == Version::Canary && self.slower & (1 << ask.route) != 0),
                reach,
            }),
        }
    }

    /// When work is done that comes to a place; `None` when it is refused.
    fn enqueue(&mut self, place: Place, at: Moment, now: f64, work: f64) -> Option<Due> {
        let wall = self.wall(at);
        if self.pool.shares(place.version) {
            self.finish(place, at);
            self.tickets += 1;
            self.pool.join(place, wall, work, self.tickets);
            let (done, told) = oneshot::channel();
            self.parked.insert(self.tickets, (place, done));
            return Some(Due::Told(told));
        }
        // Pauses last as long as the scenario says; work waits on the wall.
        let released = self.pool.release(place, now, &mut self.streams.fleet);
        let begin = wall + (released - now).max(0.0) / self.clock.speed();
        let end = self.pool.admit(place, begin, work)?;
        Some(if end > wall {
            Due::At(self.moment(end))
        } else {
            Due::Now
        })
    }

    /// What is remembered of the one who asks: whether another version answered last, and whether
    /// the canary ever did. The answer is remembered too.
    fn remember(&self, version: Version, ask: &Ask) -> (bool, bool) {
        let Some(user) = ask
            .user
            .and_then(|user| self.shared.users.get(user as usize))
        else {
            return (false, false);
        };
        let before = user.load(Ordering::Relaxed);
        let (last, canary) = (before & LAST, version == Version::Canary);
        let written = before & WRITTEN != 0;
        if !ask.shadow {
            let writes = if canary { WRITTEN } else { before & WRITTEN };
            user.store((version as u8 + 1) | writes, Ordering::Relaxed);
        }
        (
            last != 0 && (last == Version::Canary as u8 + 1) != canary,
            written,
        )
    }

    /// Whether an instance answers at `at`; a crash that is due happens. One that has never been put
    /// to use listens, so that it is there when it is.
    pub(super) fn is_running(&mut self, place: Place, at: Moment) -> bool {
        let now = self.scenario(at);
        !self.pool.has(place)
            || !self.pool.live(place, now, &mut self.streams.fleet)
                && self.pool.instance(place).is_up(now)
                && self.pool.instance(place).is_ready(now)
    }

    /// Whether a balancer sends requests to an instance: it does not look whether it is up.
    pub(super) fn is_ready(&mut self, place: Place, at: Moment) -> bool {
        let now = self.scenario(at);
        !self.pool.has(place) || self.pool.instance(place).is_ready(now)
    }

    /// Shared work at a place that is complete at `at` is over.
    pub(super) fn finish(&mut self, place: Place, at: Moment) {
        let wall = self.wall(at);
        while let Some((_, ticket)) = self.pool.leave(place, wall) {
            if let Some((_, done)) = self.parked.remove(&ticket) {
                // Who hangs does not listen.
                let _ = done.send(());
            }
        }
    }

    /// When shared work at a place is next complete, if nothing comes before.
    pub(super) fn next_end(&mut self, place: Place) -> Option<Moment> {
        if !self.pool.has(place) {
            return None;
        }
        let wall = self.pool.next_end(place)?;
        // Up to the next nanosecond, lest it be a little too early for ever.
        Some(self.moment(wall) + Span::from_nanos(1))
    }

    /// An instance has crashed: nobody waits there any more.
    pub(super) fn forget(&mut self, place: Place) {
        self.parked.retain(|_, (other, _)| *other != place);
    }

    /// The memory that a place has lost, in bytes.
    pub(super) fn lost(&mut self, place: Place) -> f64 {
        if self.pool.has(place) {
            self.pool.lost(place)
        } else {
            0.0
        }
    }

    /// Writes what the business counts of an answer: a value for each goal.
    pub(super) fn write_goals(
        &mut self,
        place: Place,
        ask: &Ask,
        answer: &Answer,
        output: &mut Vec<u8>,
    ) {
        if self.values.is_empty() {
            return;
        }
        output.extend_from_slice(b"x-goals: ");
        for index in 0..self.values.len() {
            if index > 0 {
                output.push(b',');
            }
            let value = self.goal(index, place, ask, answer);
            if value == 0.0 {
                output.push(b'0');
            } else {
                // Writing to memory does not fail.
                let _ = write!(output, "{value}");
            }
        }
        output.extend_from_slice(b"\r\n");
    }

    fn goal(&mut self, index: usize, place: Place, ask: &Ask, answer: &Answer) -> f64 {
        let goal = &self.world.goals[index];
        if goal.routes & (1 << ask.route) == 0 {
            return 0.0;
        }
        let attempt = Attempt {
            version: place.version,
            route: ask.route,
            group: ask.group,
            place: answer.reach,
            faulty: 0,
            moved: false,
            written: false,
            share: 0.0,
            at: 0.0,
        };
        let own = match (&self.crowd, ask.user) {
            (Some(crowd), Some(user)) => crowd.factor(user, index),
            _ => 1.0,
        };
        let uniform: f64 = self.streams.goals.random();
        let chance = goal.probability.get() * own * self.ailments.goal_factor(&attempt, index);
        let right = answer.status == Status::Right && answer.effect.wrong.is_none();
        if right && uniform < chance {
            self.values[index].sums(1, &mut self.streams.goals).0
        } else {
            0.0
        }
    }

    /// Whether requests share the workers of a version's instances.
    #[inline]
    pub(super) fn shares(&self, version: Version) -> bool {
        self.pool.shares(version)
    }

    /// Instances of each version in use.
    pub(super) fn counts(&self) -> [usize; 3] {
        self.pool.counts()
    }

    /// The next moment after `at` at which something happens by itself: a fault comes or goes, or
    /// one of `places` crashes, comes back or becomes ready.
    pub(super) fn next_turn(&mut self, places: impl Iterator<Item = Place>, at: Moment) -> Moment {
        let now = self.scenario(at);
        let mut next = self.ailments.next_change();
        for place in places {
            if self.pool.has(place) {
                next = next.min(self.pool.instance(place).next_turn(now));
            }
        }
        if next < 1e9 {
            // A nanosecond more, so that rounding does not make it too early.
            let time = crate::base::Time::from_nanos((next.max(0.0) * 1e9) as u64 + 1);
            self.clock.moment_of(time) + Span::from_nanos(1)
        } else {
            Moment::NEVER
        }
    }

    /// The canary is everywhere now.
    pub(super) fn promote(&mut self, at: Moment) {
        let now = self.scenario(at);
        self.pool.promote(now, &mut self.streams.fleet);
    }

    /// Puts a fault in a place of the list.
    pub(super) fn set_fault(&mut self, index: usize, fault: Fault, at: Moment) {
        let now = self.scenario(at);
        (self.ailments).set(index, fault, &self.world, now, &mut self.streams.faults);
    }

    /// Takes the fault in a place of the list out.
    pub(super) fn remove_fault(&mut self, index: usize) {
        self.ailments.remove(index);
    }

    /// How severe each fault of the list is now, 0 to 1.
    pub(super) fn severities(&self) -> impl Iterator<Item = (usize, f64)> {
        (self.ailments.severities()).map(|(index, _, severity)| (index, severity))
    }

    /// Processors that faults burn now.
    pub(super) fn burning(&self) -> f64 {
        let counts = self.pool.counts();
        (self.ailments.severities())
            .filter(|(_, fault, _)| {
                let has = |version: &Version| fault.target.is_in(*version == Version::Canary);
                Version::ALL
                    .iter()
                    .any(|version| has(version) && counts[*version as usize] > 0)
            })
            .map(|(_, fault, severity)| match fault.kind {
                FaultKind::Cpu { cores } => cores * severity,
                _ => 0.0,
            })
            .sum()
    }

    /// The world that is played.
    pub(super) fn world(&self) -> &World {
        &self.world
    }
}

/// A share of requests without the dust of its short form: a share of 5 % must not ask for a sliver
/// more than one instance of twenty.
fn exact(share: f32) -> f64 {
    (f64::from(share) * 1e6).round() / 1e6
}

/// A world whose instances take as many requests at once as come at `speed` times the rate.
fn quickened(world: &World, speed: f64) -> World {
    let quicken = |fleet: &mut Fleet| {
        if let Some(capacity) = &mut fleet.capacity {
            let times = |count: u32| (f64::from(count) * speed).round() as u32;
            capacity.workers = times(capacity.workers).max(1);
            capacity.queue = capacity.queue.map(times);
        }
    };
    let mut world = world.clone();
    quicken(&mut world.stable.fleet);
    quicken(&mut world.canary.fleet);
    world
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_loses_the_dust_of_its_short_form() {
        for percent in 0..=1000_u32 {
            let share = f64::from(percent) / 1000.0;
            assert_eq!(exact(share as f32), share);
        }
    }
}
