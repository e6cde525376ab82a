//! Which request is due when: the arrivals of the model, made ahead of time.
//!
//! Arrivals depend on the seed alone, and no answer delays them. They are those of the virtual
//! engine: same streams, same purposes, same instants, and the same users. What a session does after
//! its first page (how many pages, which routes, how long its user thinks) comes from a stream of
//! its own, so that it too depends on the seed alone; only when its next page is due depends on the
//! answer to the page before.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rand::{Rng, RngExt, SeedableRng};

use crate::base::{Probability, Purpose, Seed, Span, Stream, Time};
use crate::engine::actors::crowd::{Caller, Crowd, User, soon};
use crate::engine::live::Setting;
use crate::model::split::{Affinity, Memory, Side};
use crate::model::traffic::{Clock, Gaps, Path, Profile, Sessions};

/// A request that a user sends.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Ask {
    /// When, in the scenario.
    pub(in crate::engine) at: Time,
    pub(in crate::engine) caller: Caller,
    pub(in crate::engine) route: u8,
    /// Whether it has what the split's match rule looks for.
    pub(in crate::engine) matched: bool,
    /// Whether its user opens a connection for it.
    pub(in crate::engine) opens: bool,
    /// The session whose next page follows the answer.
    pub(in crate::engine) session: Option<u32>,
}

/// Gives the requests of a world in the order in which they are due.
///
/// To drive it: [`Schedule::next`] says when a request is due, [`Schedule::pop`] takes it out;
/// tell [`Schedule::answered`] when a request that belongs to a session has its answer.
#[derive(Debug)]
pub(in crate::engine) struct Schedule {
    pub(super) crowd: Crowd,
    profile: Profile,
    path: Option<Path>,
    gaps: Gaps,
    sessions: Option<Sessions>,
    affinity: Option<Affinity>,
    matched: Option<Probability>,
    arrivals: Stream,
    users: Stream,
    /// Opens the sessions' own streams; where there are none, draws routes.
    drawn: Stream,
    returning: u64,
    /// Expected arrivals until the next one.
    owed: f64,
    /// Mean requests of a session.
    per_arrival: f64,
    /// Seconds at which the last arrival made came.
    last: f64,
    end: Time,
    /// Whether all arrivals have been made.
    over: bool,
    made: VecDeque<Ask>,
    later: BinaryHeap<Reverse<Later>>,
    entered: u64,
    visits: Vec<Visit>,
    free: Vec<u32>,
}

/// A session that has pages to come.
#[derive(Debug)]
struct Visit {
    caller: Caller,
    pages: u32,
    stream: Stream,
}

/// What follows an arrival, by time and then in the order in which it was entered.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Later {
    at: Time,
    order: u64,
    event: Event,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The next page of a session.
    Page(u32),
    /// A further request of a page: user, group, route, matched.
    Extra(u32, u8, u8, bool),
}

/// Arrivals that are made at a time.
const AHEAD: usize = 32;

impl Schedule {
    /// The requests of a setting's world until `horizon`.
    pub(in crate::engine) fn new(setting: &Setting, horizon: Span) -> Schedule {
        let Setting {
            world,
            seed,
            replicate,
            ..
        } = setting;
        let (seed, replicate): (Seed, u64) = (*seed, *replicate);
        let stream = |purpose| seed.stream(replicate, purpose);
        let traffic = &world.traffic;
        let gaps = traffic.arrivals.gaps();
        let mut arrivals = stream(Purpose::Arrivals);
        let mut crowd = Crowd::new(world, true);
        crowd.reset();
        let mut schedule = Schedule {
            crowd,
            path: Path::draw(traffic, horizon, &mut stream(Purpose::Swing)),
            profile: traffic.profile.clone(),
            owed: gaps.first(&mut arrivals),
            gaps,
            per_arrival: traffic
                .sessions
                .as_ref()
                .map_or(1.0, Sessions::mean_requests),
            sessions: traffic.sessions.clone(),
            affinity: world.affinity,
            matched: world.rules.matched,
            arrivals,
            users: stream(Purpose::Users),
            drawn: stream(Purpose::Sessions),
            returning: seed.salt(replicate, Purpose::Sessions),
            last: 0.0,
            end: Time::START + horizon,
            over: false,
            made: VecDeque::with_capacity(AHEAD),
            later: BinaryHeap::new(),
            entered: 0,
            visits: Vec::new(),
            free: Vec::new(),
        };
        schedule.run_up();
        schedule
    }

    /// Where the schedule ends.
    pub(super) fn end(&self) -> Time {
        self.end
    }

    /// When the next request is due; `None` when none is before the end, as far as is known.
    pub(in crate::engine) fn next(&mut self) -> Option<Time> {
        self.make();
        let arrival = self.made.front().map(|ask| ask.at);
        let later = self.later.peek().map(|Reverse(later)| later.at);
        match (arrival, later) {
            (Some(arrival), Some(later)) => Some(arrival.min(later)),
            (arrival, later) => arrival.or(later),
        }
    }

    /// Takes out the next request if it is due at `now`.
    pub(in crate::engine) fn pop(&mut self, now: Time) -> Option<Ask> {
        let next = self.next()?;
        if next > now {
            return None;
        }
        if self.made.front().is_some_and(|ask| ask.at == next) {
            let ask = self.made.pop_front()?;
            return Some(self.arrive(ask));
        }
        let Reverse(later) = self.later.pop()?;
        Some(match later.event {
            Event::Extra(user, group, route, matched) => Ask {
                at: later.at,
                caller: Caller { user, group },
                route,
                matched,
                opens: false,
                session: None,
            },
            Event::Page(index) => {
                let visit = &mut self.visits[index as usize];
                visit.pages -= 1;
                let goes_on = visit.pages > 0;
                let mut stream = visit.stream.clone();
                let caller = visit.caller;
                let ask = self.page(later.at, caller, goes_on.then_some(index), &mut stream);
                if goes_on {
                    self.visits[index as usize].stream = stream;
                } else {
                    self.free.push(index);
                }
                ask
            }
        })
    }

    /// A session's request has been answered, or has failed, at `at`: its user thinks, and asks for
    /// the next page. Whether a request has become due before those that were known.
    pub(in crate::engine) fn answered(&mut self, session: u32, at: Time) -> bool {
        let Some(sessions) = &self.sessions else {
            return false;
        };
        let think = sessions.think(&mut self.visits[session as usize].stream);
        let before = self.next();
        let page = at + Span::from_secs_f64(think);
        if page >= self.end {
            self.free.push(session);
            return false;
        }
        self.enter(page, Event::Page(session));
        before.is_none_or(|before| page < before)
    }

    /// What befell a user so far, and what a user who was here before remembers.
    pub(super) fn user(&mut self, caller: Caller) -> &mut User {
        let affinity = self.affinity;
        self.crowd.user(caller, self.returning, |share| {
            affinity.map_or_else(Memory::default, |affinity| {
                let age = share * affinity.lifetime.as_secs_f64();
                Memory::returning(Side::Stable, age, &affinity)
            })
        })
    }

    /// Makes the next arrivals when none are left.
    fn make(&mut self) {
        if self.over || !self.made.is_empty() {
            return;
        }
        let end = self.end.as_secs_f64();
        let mut clock = Clock::new(&self.profile, self.path.as_ref());
        while self.made.len() < AHEAD {
            let Some(at) = clock.advance(self.last, self.owed * self.per_arrival, end) else {
                self.over = true;
                return;
            };
            self.last = at;
            self.owed = self.gaps.draw(&mut self.arrivals);
            let caller = self.crowd.caller(&mut self.users);
            let (route, matched) = match &self.sessions {
                Some(_) => (0, false),
                None => {
                    let route = self.crowd.route(caller, &mut self.drawn);
                    let matched = matches(&self.crowd, self.matched, caller, &mut self.users);
                    (route, matched)
                }
            };
            self.made.push_back(Ask {
                at: Time::START + Span::from_secs_f64(at),
                caller,
                route,
                matched,
                opens: false,
                session: None,
            });
        }
    }

    /// An arrival's request: where there are sessions, one begins.
    fn arrive(&mut self, ask: Ask) -> Ask {
        let Some(sessions) = &self.sessions else {
            return ask;
        };
        let mut stream = Stream::seed_from_u64(self.drawn.next_u64());
        let pages = sessions.pages(&mut stream);
        let session = (pages > 1).then(|| self.open(ask.caller, pages - 1, &stream));
        let first = self.page(ask.at, ask.caller, session, &mut stream);
        if let Some(session) = session {
            self.visits[session as usize].stream = stream;
        }
        Ask {
            opens: true,
            ..first
        }
    }

    /// The request of a page; its further requests follow within a second.
    fn page(&mut self, at: Time, caller: Caller, session: Option<u32>, stream: &mut Stream) -> Ask {
        let (route, matched) = self.content(caller, stream);
        let further = self.sessions.as_ref().map(Sessions::further);
        for _ in 0..further.map_or(0, |further| further.draw(stream)) {
            let soon = at + Span::from_secs_f64(soon(stream));
            let (route, matched) = self.content(caller, stream);
            self.enter(
                soon,
                Event::Extra(caller.user, caller.group, route, matched),
            );
        }
        Ask {
            at,
            caller,
            route,
            matched,
            opens: false,
            session,
        }
    }

    fn content(&self, caller: Caller, stream: &mut Stream) -> (u8, bool) {
        let route = self.crowd.route(caller, stream);
        (route, matches(&self.crowd, self.matched, caller, stream))
    }

    fn enter(&mut self, at: Time, event: Event) {
        if at < self.end {
            self.entered += 1;
            let order = self.entered;
            self.later.push(Reverse(Later { at, order, event }));
        }
    }

    fn open(&mut self, caller: Caller, pages: u32, stream: &Stream) -> u32 {
        let visit = Visit {
            caller,
            pages,
            stream: stream.clone(),
        };
        match self.free.pop() {
            Some(index) => {
                self.visits[index as usize] = visit;
                index
            }
            None => {
                self.visits.push(visit);
                (self.visits.len() - 1) as u32
            }
        }
    }

    /// Sessions under way at the start, as in the virtual engine.
    fn run_up(&mut self) {
        let Some(sessions) = self.sessions.clone() else {
            return;
        };
        let rate = self.profile.rate(Time::START) / self.per_arrival;
        if rate <= 0.0 {
            return;
        }
        let mut now = -sessions.run_up();
        loop {
            now += self.owed / rate;
            self.owed = self.gaps.draw(&mut self.arrivals);
            if now >= 0.0 {
                return;
            }
            let caller = self.crowd.caller(&mut self.users);
            let mut stream = Stream::seed_from_u64(self.drawn.next_u64());
            let mut left = sessions.pages(&mut stream) - 1;
            let mut page = now;
            while left > 0 {
                page += sessions.think(&mut stream);
                if page >= 0.0 {
                    let session = self.open(caller, left, &stream);
                    let at = Time::START + Span::from_secs_f64(page);
                    if at < self.end {
                        self.enter(at, Event::Page(session));
                    } else {
                        self.free.push(session);
                    }
                    self.settle(caller, now);
                    break;
                }
                left -= 1;
            }
        }
    }

    /// A user whose session began before the rollout has been on stable, and may hold its cookie.
    fn settle(&mut self, caller: Caller, since: f64) {
        let affinity = self.affinity;
        let user = (self.crowd).user(caller, self.returning, |_| Memory::default());
        user.last = 1;
        if let Some(affinity) = &affinity
            && user.memory == Memory::default()
        {
            user.memory = Memory::returning(Side::Stable, -since, affinity);
        }
    }
}

/// Whether a request has the header or cookie that a match rule looks for.
fn matches(crowd: &Crowd, share: Option<Probability>, caller: Caller, stream: &mut Stream) -> bool {
    match (share, crowd.matches(caller)) {
        (None, None) => false,
        (_, Some(matched)) => matched,
        (Some(share), None) => stream.random::<f64>() < share.get(),
    }
}
