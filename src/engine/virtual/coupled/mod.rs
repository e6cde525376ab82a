//! The engine for coupled requests: each is followed from its user through the split to an
//! instance, its answer, its retries and what the user does next.
//!
//! Users come in sessions, cookies keep them where they were, requests wait for one another,
//! instances warm up, pause, crash and are left out, and faults may depend on all of that. Time goes
//! from event to event; answers are counted when they are complete.

mod agenda;
mod ending;
mod ledger;
mod request;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::{Rng, RngExt};

use crate::base::{Purpose, Seed, Span, Time};
use crate::model::World;
use crate::model::fault::FaultKind;
use crate::model::service::{Fleet, Service};
use crate::model::split::{Budget, Memory, Request, Side, Split, Splitter, Weights};
use crate::model::traffic::{Clock, Gaps, Geometric, Path, Population, Sessions};
use crate::telemetry::{Demand, Plan, Reporter, UserSums, Version};

use super::goals::Value;
use super::lookout::Lookout;
use super::play::{Flow, Play, Scene};
use super::schedule::Piece;
use crate::engine::actors::ailments::{self, Ailments, Attempt, Effect};
use crate::engine::actors::answering::{Answering, patience};
use crate::engine::actors::crowd::{Caller, Crowd, soon};
use crate::engine::actors::pool::Pool;
use agenda::Agenda;
use ledger::Ledger;
use request::{Ask, Event, Salts, Session, Streams, UnderWay, Visit};

/// The engine of one cell for coupled requests.
#[derive(Debug)]
pub struct Coupled {
    world: Arc<World>,
    demand: Demand,
    reporter: Reporter,
    crowd: Crowd,
    splitter: Splitter,
    pool: Pool,
    ailments: Ailments,
    ledger: Ledger,
    agenda: Agenda<Event>,
    sessions: Vec<Session>,
    free: Vec<u32>,
    /// Requests that wait for another attempt.
    asks: Vec<Ask>,
    free_asks: Vec<u32>,
    /// Attempts whose end depends on those that come after.
    parked: Vec<UnderWay>,
    free_parked: Vec<u32>,
    budget: Budget,
    streams: Streams,
    path: Option<Arc<Path>>,
    horizon: Span,
    gaps: Gaps,
    /// Expected requests (or sessions) until the next one comes.
    owed: f64,
    /// Mean requests of a session.
    per_arrival: f64,
    weights: Weights,
    /// What goals are worth.
    values: Vec<Value>,
    /// Sums of goals by version, goal and user.
    user_sums: Vec<UserSums>,
    /// Requests and failures of each user on each version, where somebody asks for them.
    user_failures: Vec<UserSums>,
    salts: Salts,
    /// Versions whose answers nothing depends on.
    idle: [bool; 3],
    /// Whether requests need not be played in order: nothing is shared but what single users carry
    /// with them.
    unordered: bool,
    /// Whether the shortest form of the play will do.
    short: bool,
    /// Answers by version, status and bucket, of one piece of the shortest form.
    counted: Vec<u32>,
    /// End of the present piece.
    until: f64,
    /// How each version answers each route.
    answering: [Vec<Answering>; 3],
    /// Seconds that a caller waits for an attempt, by version.
    patience: [f64; 3],
    /// Further requests of a page.
    further: Option<Geometric>,
    /// Whether users whom the canary has answered are hurt on stable.
    harms_stable: bool,
    /// Routes on which the canary is slower by itself, one bit each.
    slower: u32,
}

impl Coupled {
    /// An engine for `world`, of which only `demand` is read, up to `horizon`.
    pub fn new(world: &World, plan: &Plan, demand: Demand, horizon: Span) -> Coupled {
        let kinds: Vec<_> = (world.faults.iter())
            .map(|fault| fault.kind.clone())
            .collect();
        let sessions = world.traffic.sessions.as_ref();
        let rate = world.traffic.profile.mean(horizon).get();
        // Further requests of a page rarely wait where the order does not matter.
        let unordered = Coupled::unordered(world);
        let per_page = 1.0 + sessions.map_or(0.0, |sessions| sessions.embedded);
        let seed = Seed::DEFAULT;
        let by_user = demand.goals && demand.by_user;
        let crowd = Crowd::new(world, by_user || demand.users);
        let mean = |service: &Service, route| service.latency_of(route).mean();
        Coupled {
            user_failures: if demand.users {
                vec![UserSums::default(); 3 * crowd.users()]
            } else {
                Vec::new()
            },
            user_sums: if by_user {
                vec![UserSums::default(); 3 * world.goals.len() * crowd.users()]
            } else {
                Vec::new()
            },
            crowd,
            splitter: Splitter::new(world.split, world.rules, world.affinity, 0),
            pool: Pool::new(world),
            ailments: Ailments::new(world),
            ledger: Ledger::new(demand, plan, &kinds),
            agenda: Agenda::new(if unordered { rate / per_page } else { rate }),
            sessions: Vec::new(),
            free: Vec::new(),
            asks: Vec::new(),
            free_asks: Vec::new(),
            parked: Vec::new(),
            free_parked: Vec::new(),
            budget: Budget::new(world.retries.and_then(|retries| retries.budget)),
            streams: Streams::new(seed, 0),
            path: None,
            horizon,
            gaps: world.traffic.arrivals.gaps(),
            owed: 0.0,
            values: world
                .goals
                .iter()
                .map(|goal| Value::new(goal.value))
                .collect(),
            per_arrival: sessions.map_or(1.0, Sessions::mean_requests),
            weights: Weights::default(),
            salts: Salts::default(),
            idle: Coupled::idle(world, demand),
            unordered,
            short: waiting::is_all(world, demand),
            counted: Vec::new(),
            until: 0.0,
            answering: Version::ALL.map(|version| Answering::of(world, version)),
            patience: Version::ALL.map(|version| patience(world, version)),
            further: sessions.map(Sessions::further),
            slower: (0..world.traffic.routes.len().max(1))
                .filter(|route| mean(&world.canary, *route) > mean(&world.stable, *route))
                .fold(0, |bits, route| bits | 1 << route),
            harms_stable: world.faults.iter().any(|fault| {
                matches!(
                    fault.kind,
                    FaultKind::Bounce { .. } | FaultKind::Poison { .. }
                )
            }),
            reporter: plan.reporter,
            demand,
            world: Arc::new(world.clone()),
        }
    }

    /// Versions that nobody reads and whose answers hold nothing up.
    fn idle(world: &World, demand: Demand) -> [bool; 3] {
        let alone = world.traffic.sessions.is_none()
            && world.retries.is_none()
            && world.ejection.is_none()
            // Where all instances stand in one pool, who answers is not yet decided.
            && world.rules.replicas.is_none()
            && !world.rules.least_request;
        Version::ALL.map(|version| {
            let fleet = match version {
                Version::Canary => return false,
                _ => &world.stable.fleet,
            };
            let strikes = world
                .faults
                .iter()
                .any(|fault| ailments::hurts(fault, version));
            alone && !demand.reads(version) && !fleet.is_coupled() && !strikes
        })
    }

    /// Whether requests of different users have nothing to do with one another.
    fn unordered(world: &World) -> bool {
        let alone = |fleet: &Fleet| fleet.capacity.is_none() && fleet.pauses.is_none();
        alone(&world.stable.fleet)
            && alone(&world.canary.fleet)
            && world.ejection.is_none()
            && !matches!(world.split, Split::Even | Split::RoundRobin)
            && world.faults.iter().all(|fault| {
                !matches!(
                    fault.kind,
                    FaultKind::CrashLoop { .. }
                        | FaultKind::MemoryLeak { .. }
                        | FaultKind::Bursts { .. }
                )
            })
    }

    /// Starts a trial.
    pub fn reset(&mut self, seed: Seed, replicate: u64, play: &mut Play, stop: &AtomicBool) {
        self.streams = Streams::new(seed, replicate);
        self.salts = Salts {
            scope: seed.salt(replicate, Purpose::Users),
            version: seed.salt(replicate, Purpose::Split),
            returning: seed.salt(replicate, Purpose::Sessions),
        };
        self.crowd.reset();
        self.splitter.reset(self.salts.version);
        self.ledger.reset();
        self.ailments.reset(&mut self.streams.faults);
        self.budget.reset();
        self.user_sums.fill(UserSums::default());
        self.user_failures.fill(UserSums::default());
        self.sessions.clear();
        self.free.clear();
        self.asks.clear();
        self.free_asks.clear();
        self.parked.clear();
        self.free_parked.clear();
        self.weights = Weights::default();
        let path = Path::draw(&self.world.traffic, self.horizon, &mut self.streams.swing);
        self.path = path.map(Arc::new);
        self.owed = self.gaps.first(&mut play.luck.arrivals);
        self.pool.reset(&mut self.streams.fleet);
        self.agenda.reset(0.0);
        self.run_up(play, stop);
    }

    /// Distinct users who met the fault, when users are followed.
    pub fn met_users(&self) -> Option<u64> {
        self.crowd.followed.then_some(self.crowd.met)
    }

    /// The canary is everywhere now: its fleet is as large as stable's was.
    pub fn promote(&mut self, now: Time) {
        self.pool
            .promote(now.as_secs_f64(), &mut self.streams.fleet);
    }

    /// Sessions under way at the start: their pages are followed from some time before, and nothing
    /// is answered until then.
    fn run_up(&mut self, play: &mut Play, stop: &AtomicBool) {
        let Some(sessions) = self.world.traffic.sessions.clone() else {
            return;
        };
        let before = sessions.run_up();
        let rate = self.world.traffic.profile.rate(Time::START) / self.per_arrival;
        if rate <= 0.0 {
            return;
        }
        self.agenda.reset(0.0);
        let mut now = -before;
        let mut lookout = Lookout::default();
        while !lookout.sees(stop) {
            now += self.owed / rate;
            self.owed = self.gaps.draw(&mut play.luck.arrivals);
            if now >= 0.0 {
                break;
            }
            let caller = self.crowd.caller(&mut play.luck.users);
            let pages = sessions.pages(&mut self.streams.sessions);
            let mut page = now;
            let (mut left, mut seen) = (pages - 1, false);
            while left > 0 {
                page += sessions.think(&mut self.streams.sessions);
                if page >= 0.0 {
                    seen = true;
                    break;
                }
                left -= 1;
            }
            if seen {
                let session = self.open(caller, left);
                self.agenda.push(page, Event::Page(session));
                self.settle(caller, now);
            }
        }
    }

    /// A user whose session began before the rollout has been on stable, and may hold its cookie.
    fn settle(&mut self, caller: Caller, since: f64) {
        let affinity = self.world.affinity;
        let user = self
            .crowd
            .user(caller, self.salts.returning, |_| Memory::default());
        user.last = 1;
        if let Some(affinity) = &affinity
            && user.memory == Memory::default()
        {
            user.memory = Memory::returning(Side::Stable, -since, affinity);
        }
    }

    fn open(&mut self, caller: Caller, pages: u32) -> u32 {
        let session = Session { caller, pages };
        match self.free.pop() {
            Some(index) => {
                self.sessions[index as usize] = session;
                index
            }
            None => {
                self.sessions.push(session);
                (self.sessions.len() - 1) as u32
            }
        }
    }

    /// Plays one stretch, or a part of it once `stop` is set, while shares of requests `weights` are
    /// meant for the versions.
    pub fn advance(
        &mut self,
        scene: &Scene,
        stretch: usize,
        flow: Flow,
        play: &mut Play,
        stop: &AtomicBool,
    ) {
        let stretch = &scene.schedule.stretches[stretch];
        self.weights = Weights::of(flow.weight, &self.world.rules);
        for index in stretch.pieces.clone() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let piece = &scene.schedule.pieces[index];
            self.play_piece(piece, flow, play, stop);
            let edge = stretch.edge && index + 1 == stretch.pieces.end;
            if piece.scraped || edge {
                self.demand.scrape(&mut play.telemetry, piece.to);
                self.ledger.scraped(piece.to, &play.telemetry);
            }
        }
    }

    fn play_piece(&mut self, piece: &Piece, flow: Flow, play: &mut Play, stop: &AtomicBool) {
        let (start, end) = (piece.from.as_secs_f64(), piece.to.as_secs_f64());
        self.until = end;
        self.ledger.enter(end, &mut play.telemetry);
        if self.ailments.enter(start) {
            (self.pool).afflict(&self.ailments, start, &mut self.streams.fleet);
        }
        (self.pool).adjust(self.weights.canary, start, &mut self.streams.fleet);
        let (world, path) = (Arc::clone(&self.world), self.path.clone());
        let mut clock = Clock::new(&world.traffic.profile, path.as_deref());
        if self.short && flow.mirror == 0.0 {
            self.race(start, end, &mut clock, play, stop);
            return;
        }
        let mut last = start;
        let mut arrival = clock.advance(last, self.owed * self.per_arrival, end);
        let mut lookout = Lookout::default();
        while !lookout.sees(stop) {
            let event = self.agenda.next();
            let next = arrival.unwrap_or(f64::INFINITY);
            if event.min(next) >= end {
                break;
            }
            if next <= event {
                last = next;
                self.arrive(next, flow, play);
                self.owed = self.gaps.draw(&mut play.luck.arrivals);
                arrival = clock.advance(last, self.owed * self.per_arrival, end);
            } else if let Some((at, event)) = self.agenda.pop() {
                self.handle(at.max(start), event, flow, play);
            }
        }
        let passed = clock.expected(last, end) / self.per_arrival;
        self.owed = (self.owed - passed).max(0.0);
        self.live(end, play);
    }

    fn arrive(&mut self, at: f64, flow: Flow, play: &mut Play) {
        let caller = self.crowd.caller(&mut play.luck.users);
        let session = match &self.world.traffic.sessions {
            None => None,
            Some(sessions) => {
                let pages = sessions.pages(&mut self.streams.sessions);
                (pages > 1).then(|| self.open(caller, pages - 1))
            }
        };
        let visit = Visit {
            caller,
            session,
            opens: self.world.traffic.sessions.is_some(),
        };
        self.ask(at, visit, flow, play);
        self.follow_page(at, caller, flow, play);
    }

    /// The further requests of a page.
    fn follow_page(&mut self, at: f64, caller: Caller, flow: Flow, play: &mut Play) {
        let Some(further) = self.further else {
            return;
        };
        for _ in 0..further.draw(&mut self.streams.sessions) {
            let soon = at + soon(&mut self.streams.sessions);
            if self.unordered && soon < self.until {
                self.ask(soon, Visit::again(caller, None), flow, play);
            } else {
                self.agenda.push(soon, Event::Extra(caller));
            }
        }
    }

    fn handle(&mut self, at: f64, event: Event, flow: Flow, play: &mut Play) {
        match event {
            Event::Extra(caller) => self.ask(at, Visit::again(caller, None), flow, play),
            Event::Page(index) => {
                let session = &mut self.sessions[index as usize];
                session.pages -= 1;
                let Session { caller, pages } = *session;
                let next = (pages > 0).then_some(index);
                if next.is_none() {
                    self.free.push(index);
                }
                self.ask(at, Visit::again(caller, next), flow, play);
                self.follow_page(at, caller, flow, play);
            }
            Event::Retry(index) => {
                let ask = self.asks[index as usize];
                self.free_asks.push(index);
                self.attempt(at, ask, play);
            }
            Event::Done(place) => self.look(at, place, play),
        }
    }

    /// A user asks for something.
    fn ask(&mut self, at: f64, visit: Visit, flow: Flow, play: &mut Play) {
        let Visit {
            caller,
            session,
            opens,
        } = visit;
        let route = self.crowd.route(caller, &mut self.streams.sessions);
        let matched = match (self.world.rules.matched, self.crowd.matches(caller)) {
            (None, None) => false,
            (_, Some(matched)) => matched,
            (Some(share), None) => play.luck.users.random::<f64>() < share.get(),
        };
        let request = Request {
            user: caller.user,
            place: if self.world.split == Split::UserHash {
                Population::place(caller.user, self.salts.version)
            } else {
                0.0
            },
            cookies: self.crowd.keeps_cookies(caller),
            matched,
            opens,
        };
        let affinity = self.world.affinity;
        let user = self.crowd.user(caller, self.salts.returning, |share| {
            affinity.map_or_else(Memory::default, |affinity| {
                let age = share * affinity.lifetime.as_secs_f64();
                Memory::returning(Side::Stable, age, &affinity)
            })
        });
        let side = self.splitter.choose(
            &request,
            &self.weights,
            at,
            &mut user.memory,
            &mut play.luck.split,
        );
        let version = version_of(side);
        let mut ask = Ask {
            caller,
            route,
            version,
            attempts: 0,
            slowed: false,
            moved: user.last != 0 && (user.last == 2) != (version == Version::Canary),
            written: user.written,
            shadow: false,
            session,
            asked: at,
            place: if self.ailments.is_empty() {
                0.0
            } else {
                Population::place(caller.user, self.salts.scope)
            },
        };
        user.last = version as u8 + 1;
        user.written |= version == Version::Canary;
        self.budget.request();
        if flow.mirror > 0.0
            && version == Version::Stable
            && play.luck.split.random::<f64>() < flow.mirror
        {
            self.attempt(
                at,
                Ask {
                    version: Version::Canary,
                    shadow: true,
                    session: None,
                    ..ask
                },
                play,
            );
        }
        if self.idle[version as usize] {
            return;
        }
        ask.attempts = 0;
        self.attempt(at, ask, play);
    }

    /// One attempt, from the choice of an instance to its answer.
    fn attempt(&mut self, at: f64, mut ask: Ask, play: &mut Play) {
        let Some(place) = self.pool.choose(ask.version, at, &mut self.streams.fleet) else {
            self.refused(at, ask, None, play);
            return;
        };
        ask.version = place.version;
        if self.pool.live(place, at, &mut self.streams.fleet) {
            self.fall(at, place, play);
        }
        if !self.pool.instance(place).is_up(at) {
            self.refused(at, ask, Some(place), play);
            return;
        }
        let attempt = Attempt {
            version: ask.version,
            route: ask.route,
            group: ask.caller.group,
            place: ask.place,
            faulty: self.pool.instance(place).faulty,
            moved: ask.moved,
            written: ask.written,
            share: self.weights.canary,
            at,
        };
        let effect = if self.ailments.is_empty() {
            Effect::NONE
        } else {
            self.ailments.apply(&attempt, &mut self.streams.faults)
        };
        ask.slowed |= effect.slowed;
        if effect.is_refused() {
            self.refused(at, ask, Some(place), play);
            return;
        }
        let answering = &self.answering[ask.version as usize][usize::from(ask.route)];
        let stream = match ask.version {
            Version::Baseline => &mut self.streams.baseline,
            version => play.luck.of(version),
        };
        let failed = stream.next_u64() >> 11 < answering.errors || effect.failed;
        let base = answering.latency.sample(stream);
        let usual = base * effect.multiply + effect.add;
        let asked_work = match effect.failed_after {
            Some(after) if effect.failed => after,
            _ => usual,
        };
        let work = match effect.hang {
            Some(timeout) => timeout,
            None => (self.pool).work(place, asked_work, &mut self.streams.fleet),
        };
        if self.pool.leak(place, at) {
            self.fall(at, place, play);
        }
        let under_way = UnderWay {
            ask,
            place,
            effect,
            failed,
            begun: at,
        };
        if self.pool.shares(place.version) {
            self.park(at, work, under_way, play);
            return;
        }
        match self.pool.serve(place, at, work, &mut self.streams.fleet) {
            Some(end) => self.answered(end, &under_way, play),
            None => self.turned_away(at, &under_way, play),
        }
    }
}

fn version_of(side: Side) -> Version {
    match side {
        Side::Stable => Version::Stable,
        Side::Canary => Version::Canary,
        Side::Baseline => Version::Baseline,
    }
}
