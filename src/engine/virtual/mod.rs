//! Virtual time: thousands of rollouts a second.
//!
//! A [`Player`] plays one cell's rollouts, each under its own luck. Time is laid out beforehand
//! (`schedule`), what each moment does to a request is worked out beforehand (`conditions`),
//! and one of three engines fills the counters in between: `counts`, at a cost independent of the
//! request rate; `requests`, request by request; or `coupled`, which follows each request from its
//! user to its answer, where requests depend on one another.

mod arms;
mod conditions;
mod counts;
mod coupled;
mod fill;
pub(in crate::engine) mod goals;
mod lookout;
mod luck;
mod one_by_one;
mod play;
mod requests;
mod route_series;
mod schedule;

pub(in crate::engine) use luck::Luck;
pub use luck::MOST_STRATA;
pub(in crate::engine) use play::Flow;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::{Purpose, Seed, Span, Time, Weight};
use crate::gate::{self, Gate, Jury, Verdict};
use crate::model::World;
use crate::rollout::{self, Routing, State, Surroundings};
use crate::telemetry::recording::{self, Row};
use crate::telemetry::{self, Demand, Telemetry, Version};

use super::actors::hooks::Callees;
use super::actors::systems::Systems;
use super::recorded::{Noted, Over};
use super::{Ending, Tick, Trial, act, decide, deciding};
use conditions::Condition;
use counts::Counts;
use coupled::Coupled;
use play::{Play, Scene, Tally};
use requests::Requests;
use schedule::Schedule;

/// What is played without anybody who might interrupt it.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Which engine fills the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Counts per stretch of time.
    Counts,
    /// Every request on its own, by one look-up where nothing changes between two scrapes.
    Requests,
    /// Every request on its own, with its own arrival, version, course and latency throughout: the
    /// obvious way, which the others are held against.
    OneByOne,
    /// Every request followed through sessions, cookies, queues, retries and faults that remember:
    /// for worlds in which requests depend on one another ([`World::coupling`]).
    Coupled,
}

/// Everything that decides how one cell's rollouts go, but luck.
#[derive(Debug, Clone)]
pub struct Setting<'a> {
    /// What happens.
    pub world: &'a World,
    /// How it is measured.
    pub telemetry: &'a telemetry::Plan,
    /// Who decides.
    pub rollout: &'a rollout::Plan,
    /// What decides.
    pub analysis: &'a [Gate],
    /// Gates that look on without a say: what they read is measured.
    pub onlookers: &'a [Gate],
    /// Where a rollout is cut off.
    pub horizon: Span,
    /// How long to go on after promotion, rollback or the horizon, to see who is hurt then.
    pub aftermath: Span,
    /// Holds the canary's share here whenever the controller gives it any.
    pub held: Option<Weight>,
    /// Which engine fills the counters.
    pub engine: Kind,
    /// Whether to measure everything a reader may want to see, not only what the gates read.
    pub observe: bool,
}

/// Plays the rollouts of one setting.
#[derive(Debug)]
pub struct Player<'a> {
    setting: Setting<'a>,
    demand: Demand,
    windows: Vec<Span>,
    scenes: Vec<(Span, Scene)>,
    engine: Engine,
    play: Play,
    jury: Jury<'a>,
    /// The looks of the present tick.
    looks: Vec<Verdict>,
    /// What came of the present tick; `None` where nobody records.
    notes: Option<Vec<Row>>,
    /// Expected distinct users by number of requests; not a number where not yet worked out.
    distinct: Vec<f64>,
}

#[derive(Debug)]
enum Engine {
    Counts(Box<Counts>),
    Requests(Box<Requests>),
    Coupled(Box<Coupled>),
}

/// How a rollout ended, and what had been met until then.
#[derive(Debug)]
struct End {
    ending: Ending,
    at: Time,
    canary: u64,
    exposed: u64,
    /// Distinct users, where they are followed.
    met: Option<u64>,
    levels: Vec<(f64, [u64; MOST_STRATA])>,
}

impl End {
    fn new(ending: Ending, at: Time, tally: &Tally, engine: &Engine) -> End {
        End {
            ending,
            at,
            canary: tally.canary,
            exposed: tally.exposed,
            met: engine.met_users(),
            levels: tally.levels.clone(),
        }
    }
}

impl Engine {
    /// Plays stretches while requests flow so; false where `stop` was set before. Counting a stretch takes
    /// no time worth a look at the flag; who follows requests looks while doing so.
    #[inline]
    fn reach(
        &mut self,
        scene: &Scene,
        stretches: Range<usize>,
        flow: Flow,
        play: &mut Play,
        stop: &AtomicBool,
    ) -> bool {
        play.tally.enter(flow.canary);
        for stretch in stretches {
            match self {
                Engine::Counts(counts) => counts.advance(scene, stretch, flow, play),
                Engine::Requests(requests) => requests.advance(scene, stretch, flow, play, stop),
                Engine::Coupled(coupled) => coupled.advance(scene, stretch, flow, play, stop),
            }
        }
        !stop.load(Ordering::Relaxed)
    }

    fn met_users(&self) -> Option<u64> {
        match self {
            Engine::Counts(_) => None,
            Engine::Requests(requests) => requests.met_users(),
            Engine::Coupled(coupled) => coupled.met_users(),
        }
    }

    /// Gives everybody the new version, on as many instances as stable had; where requests go then.
    fn promote(&mut self, now: Time) -> Routing {
        if let Engine::Coupled(coupled) = self {
            coupled.promote(now);
        }
        Routing::weighted(Weight::FULL)
    }
}

impl<'a> Player<'a> {
    /// A player for `setting`.
    pub fn new(setting: Setting<'a>) -> Player<'a> {
        Player::with(setting, false)
    }

    /// A player whose ticks tell what a recording needs ([`Tick::notes`]): every scrape of every version is
    /// read. Luck is then dealt from scrape to scrape, so that its rollouts are others of the same law.
    pub fn recording(mut setting: Setting<'a>) -> Player<'a> {
        setting.observe = true;
        Player::with(setting, true)
    }

    /// What the recording of a replicate is about; `routes` and `goals` are the names of the world's.
    pub fn subject(
        &self,
        seed: Seed,
        replicate: u64,
        routes: Vec<String>,
        goals: Vec<String>,
    ) -> recording::Subject {
        recording::Subject {
            plan: self.setting.telemetry.clone(),
            phase: Luck::phase(seed, replicate, self.setting.telemetry.sampling),
            routes,
            goals,
            luck: Some(recording::Luck {
                gate: seed.salt(replicate, Purpose::Gate),
                patience: seed.salt(replicate, Purpose::Judgement),
            }),
        }
    }

    fn with(setting: Setting<'a>, record: bool) -> Player<'a> {
        let gates = || setting.analysis.iter().chain(setting.onlookers);
        let mut demand = gates()
            .map(Gate::demand)
            .fold(Demand::default(), Demand::union);
        demand.canary = true;
        let mut windows: Vec<Span> = gate::windows(setting.analysis).collect();
        windows.extend(gate::windows(setting.onlookers));
        let reach = gates().map(Gate::reach).max();
        if setting.observe {
            demand.stable = true;
            demand.latency = true;
            demand.baseline = setting.world.rules.baseline;
            demand.goals = !setting.world.goals.is_empty();
            if windows.is_empty() {
                windows.push(setting.rollout.cadence().period);
            }
        }
        if record {
            demand.every_scrape = true;
            demand.sums = true;
            // Nothing is forgotten before it was written down.
            windows.push(setting.rollout.cadence().period);
        }
        windows.sort();
        windows.dedup();
        let (world, plan) = (setting.world, setting.telemetry);
        let engine = match setting.engine {
            Kind::Counts => Engine::Counts(Box::new(Counts::new(world, plan, demand))),
            Kind::Coupled => {
                let horizon = setting.horizon + setting.aftermath;
                Engine::Coupled(Box::new(Coupled::new(world, plan, demand, horizon)))
            }
            kind => {
                let each = kind == Kind::OneByOne;
                Engine::Requests(Box::new(Requests::new(world, plan, demand, each)))
            }
        };
        let mut telemetry = Telemetry::new(plan, Span::ZERO);
        let longest = windows.last().copied().unwrap_or(Span::ZERO);
        telemetry.remember(longest.max(reach.unwrap_or(Span::ZERO)));
        telemetry.follow(demand.routes);
        if record {
            telemetry.go_by_samples();
        }
        Player {
            demand,
            windows,
            scenes: Vec::new(),
            engine,
            play: Play {
                luck: Luck::new(world, setting.horizon, Seed::DEFAULT),
                telemetry,
                tally: Tally::default(),
            },
            jury: Jury::new(setting.analysis),
            looks: Vec::new(),
            notes: record.then(Vec::new),
            distinct: Vec::new(),
            setting,
        }
    }

    /// Plays one rollout, up to its promotion, its rollback or the horizon.
    pub fn play(&mut self, seed: Seed, replicate: u64) -> Trial {
        self.play_watched((seed, replicate), &mut |_| {}, false, &NEVER)
    }

    /// The same; `None` once `stop` is set, at its next tick or earlier. It is meant to stay set.
    pub fn play_unless(&mut self, stop: &AtomicBool, seed: Seed, replicate: u64) -> Option<Trial> {
        let trial = self.play_watched((seed, replicate), &mut |_| {}, false, stop);
        (!stop.load(Ordering::Relaxed)).then_some(trial)
    }

    /// The same, showing every tick; goes on after promotion or rollback until the controller has
    /// finished.
    pub fn watch(
        &mut self,
        seed: Seed,
        replicate: u64,
        watch: &mut impl FnMut(&Tick<'_>),
    ) -> Trial {
        self.play_watched((seed, replicate), watch, true, &NEVER)
    }

    /// The same; `None` once `stop` is set, as with [`Player::play_unless`].
    pub fn watch_unless(
        &mut self,
        stop: &AtomicBool,
        seed: Seed,
        replicate: u64,
        watch: &mut impl FnMut(&Tick<'_>),
    ) -> Option<Trial> {
        let trial = self.play_watched((seed, replicate), watch, true, stop);
        (!stop.load(Ordering::Relaxed)).then_some(trial)
    }

    /// Plays one rollout. Once `stop` is set it ends anywhere, and what comes out means nothing.
    fn play_watched(
        &mut self,
        (seed, replicate): (Seed, u64),
        watch: &mut impl FnMut(&Tick<'_>),
        to_the_end: bool,
        stop: &AtomicBool,
    ) -> Trial {
        let scene = self.prepare(seed, replicate, stop);
        let scene = &self.scenes[scene].1;
        let setting = &self.setting;
        let held = setting.held.map(Weight::share);
        let mut controller = setting.rollout.start();
        let mut callees = Callees::new(setting.world, seed, replicate);
        let mut systems = Systems::new(setting.world, seed, replicate);
        let patience = seed.salt(replicate, Purpose::Judgement);
        let cut = Time::START + setting.horizon;
        let (mut routing, mut first_traffic) = (Routing::STABLE, None);
        let mut end: Option<End> = None;
        for (index, &now) in scene.schedule.ticks.iter().enumerate() {
            if end.is_none() && now > cut {
                end = Some(self.stopped(Ending::Horizon, cut));
            }
            let before = (index.checked_sub(1)).map(|before| scene.schedule.ticks[before]);
            let over = end.as_ref().filter(|_| !to_the_end);
            let until = over.map(|end| end.at + setting.aftermath);
            let Some(stretches) = scene.schedule.stretches_until(index, until) else {
                break;
            };
            let flow = Flow::new(routing, setting.world, held);
            if let Some(since) = before {
                self.play.telemetry.note_weights(since, flow.weights());
            }
            let play = &mut self.play;
            if !self.engine.reach(scene, stretches, flow, play, stop) {
                break;
            }
            if end.is_some() && !to_the_end {
                continue;
            }
            let surroundings = Surroundings {
                new_revision: index == 0,
                canary_requests: self.play.tally.canary,
                patience,
                hooks: callees.answers(now),
                ..Surroundings::default()
            };
            if let Some(rows) = &mut self.notes {
                rows.clear();
                self.play.telemetry.samples_since(before, rows);
            }
            decide(
                &mut controller,
                &mut self.jury,
                now,
                &surroundings,
                &mut self.play.telemetry,
                &mut Noted::new(&mut systems, self.notes.as_mut()),
                &mut self.looks,
            );
            callees.note(now, controller.asked());
            let ending = act(&mut controller, &mut routing);
            if !routing.canary.is_zero() || !routing.mirror.is_zero() {
                first_traffic.get_or_insert(now);
            }
            if let Some(rows) = &mut self.notes {
                Over {
                    now,
                    surroundings: &surroundings,
                    looks: &self.looks,
                    state: controller.state(),
                    routing,
                    ending: ending.filter(|_| end.is_none()),
                    weights: Flow::new(routing, setting.world, held).weights(),
                }
                .note(rows);
            }
            watch(&self.tick(now, routing, controller.state()));
            if let (None, Some(ending)) = (&end, ending) {
                end = Some(self.stopped(ending, now));
                if ending == Ending::Promoted && !setting.aftermath.is_zero() {
                    routing = self.engine.promote(now);
                }
            }
            let done = end.is_some() && setting.aftermath.is_zero();
            if (done && !to_the_end) || (controller.is_over() && (to_the_end || end.is_none())) {
                break;
            }
        }
        let end = end.unwrap_or_else(|| self.stopped(Ending::Horizon, cut));
        self.sum_up(end, first_traffic)
    }

    /// What there is to see of a tick. Inlined: where nobody watches, nothing of it is made.
    #[inline(always)]
    fn tick(&self, now: Time, routing: Routing, state: State) -> Tick<'_> {
        Tick {
            now,
            routing,
            state,
            verdict: deciding(&self.looks),
            looks: &self.looks,
            canary_requests: self.play.tally.canary,
            exposed_requests: self.play.tally.exposed,
            exposed_users: self.engine.met_users(),
            telemetry: &self.play.telemetry,
            notes: self.notes.as_deref().unwrap_or_default(),
        }
    }

    /// The end of a rollout that stops here.
    fn stopped(&self, ending: Ending, at: Time) -> End {
        End::new(ending, at, &self.play.tally, &self.engine)
    }

    /// What a rollout that ended so came to.
    fn sum_up(&mut self, end: End, first_traffic: Option<Time>) -> Trial {
        let detection = (end.ending == Ending::RolledBack)
            .then(|| self.setting.world.first_fault().zip(first_traffic))
            .flatten()
            .map(|(fault, traffic)| fault.max(traffic))
            .filter(|begin| *begin <= end.at)
            .map(|begin| end.at.since(begin));
        let exposed_after = self.play.tally.exposed - end.exposed;
        if exposed_after > 0 {
            self.play.tally.levels = end.levels;
        }
        // Watching goes on until the controller has finished; that is not what was asked for.
        let exposed_after = match self.setting.aftermath.is_zero() {
            true => 0,
            false => exposed_after,
        };
        Trial {
            ending: end.ending,
            ended: end.at,
            detection,
            canary_requests: end.canary,
            exposed_requests: end.exposed,
            exposed_users: match end.met {
                Some(users) => users as f64,
                None => self.expected_users(end.exposed),
            },
            exposed_after,
        }
    }

    /// Deals luck, clears what was measured, and finds (or makes) the scene of this replicate's
    /// scrape phase.
    fn prepare(&mut self, seed: Seed, replicate: u64, stop: &AtomicBool) -> usize {
        let setting = &self.setting;
        let phase = Luck::phase(seed, replicate, setting.telemetry.sampling);
        self.play.luck.deal(seed, replicate);
        let salt = seed.salt(replicate, Purpose::Scrape);
        self.play.telemetry.begin(phase, salt);
        self.jury.begin(seed.salt(replicate, Purpose::Gate));
        self.play.tally.clear();
        match &mut self.engine {
            Engine::Counts(counts) => counts.reset(),
            Engine::Requests(requests) => requests.reset(),
            Engine::Coupled(coupled) => coupled.reset(seed, replicate, &mut self.play, stop),
        }
        if let Some(index) = self.scenes.iter().position(|(other, _)| *other == phase) {
            return index;
        }
        let schedule = Schedule::new(
            setting.world,
            setting.rollout.cadence(),
            &self.windows,
            setting.telemetry,
            phase,
            (setting.horizon, setting.aftermath),
            self.demand.every_scrape,
        );
        let conditions = match self.engine {
            Engine::Coupled(_) => Vec::new(),
            _ => Condition::all(setting.world, &schedule, setting.telemetry, self.demand),
        };
        self.scenes.push((
            phase,
            Scene {
                schedule,
                conditions,
            },
        ));
        self.scenes.len() - 1
    }

    /// Distinct users expected behind exposed requests, where users are not followed.
    fn expected_users(&mut self, requests: u64) -> f64 {
        /// Up to this many requests the expectation is kept.
        const KEPT: usize = 1 << 16;
        if !self.play.luck.is_plain(Version::Canary) {
            return self.play.luck.distinct_users(&self.play.tally.levels);
        }
        let population = &self.setting.world.traffic.users;
        let exact = |n: u64| population.expected_distinct(n as f64);
        let Some(slot) = usize::try_from(requests).ok().filter(|n| *n < KEPT) else {
            return exact(requests);
        };
        if slot >= self.distinct.len() {
            self.distinct.resize(slot + 1, f64::NAN);
        }
        if self.distinct[slot].is_nan() {
            self.distinct[slot] = exact(requests);
        }
        self.distinct[slot]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::base::{Probability, Rate, Span};
    use crate::model::World;
    use crate::model::service::{Latency, Service};
    use crate::model::traffic::{Population, Profile, Traffic};

    /// A plain service at so many requests a second, with a canary that fails 1 % of them.
    pub(crate) fn world_at(rate: f64) -> World {
        let share = |p| Probability::new(p).unwrap();
        let latency =
            Latency::log_normal(Span::from_millis(40), share(0.99), Span::from_millis(250));
        let profile = Profile::Constant(Rate::per_second(rate).unwrap());
        let mut world = World::plain(
            Traffic::plain(profile, Population::zipf(1_000, 1.0)),
            Service::plain(latency.unwrap(), share(0.001)),
        );
        world.canary.errors = share(0.01);
        world
    }
}
