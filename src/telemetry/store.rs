//! The scrapes taken of counters, and the windows through which gates look at them.

mod answers;
mod series;
mod totals;
mod window;

use answers::Answers;
pub use answers::Figures;
pub(super) use series::Rows;
pub use totals::{Totals, Weights};
pub use window::Window;

use std::cell::RefCell;

use super::promql::{self, Scratch};
use crate::base::{Probability, Rate, Span, Time, split_mix};

use super::{
    Birth, Buckets, Counters, Figure, GoalSums, Plan, Sampling, Status, Supplied, UserFailures,
    Version,
};

/// Everything scraped so far in one trial.
///
/// To drive it: add to [`Telemetry::counters_mut`] (and [`Telemetry::route_counters_mut`]) as
/// requests are answered, call [`Telemetry::scrape`] at each scrape (or window edge) in order of
/// time, read with [`Telemetry::window`]; [`Telemetry::begin`] starts the next trial in the same
/// memory.
///
/// Where scrapes may fail ([`Plan::missed`]), [`Telemetry::scrape`] must be called at every single
/// one; otherwise those suffice at which a window begins or ends or a series appears.
///
/// Where scrapes are real ones ([`Telemetry::go_by_samples`]), any of them may be left out, and
/// windows show those that there were. Where somebody else keeps the figures
/// ([`Telemetry::go_by_answers`]), nothing is scraped: hand over what each window shows
/// ([`Telemetry::answer`]) before it is read.
#[derive(Debug, Clone)]
pub struct Telemetry {
    sampling: Sampling,
    phase: Span,
    /// Which scrapes fail.
    salt: u64,
    missed: Probability,
    basis: Basis,
    answers: Answers,
    supplied: Supplied,
    /// The weights asked for, with the time from which they held; see [`Telemetry::note_weights`].
    weights: Vec<(Time, Option<Weights>)>,
    delay: Span,
    probes: Rate,
    /// How far back windows look; older rows are forgotten.
    memory: Option<Span>,
    buckets: Buckets,
    tracks: [Track; 3],
    /// A track for each route of each version, the versions one after another.
    routes: Vec<Track>,
    /// Routes whose tracks are scraped, as a set of bits.
    followed: u32,
    /// Memory in which queries are evaluated.
    scratch: RefCell<Scratch>,
}

/// What windows go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// The schedule: every scrape was taken, and those that matter were recorded.
    Schedule,
    /// The samples that there are.
    Samples,
    /// What somebody else says that the window shows.
    Answers,
}

/// The counters of a version or of one of its routes, and what was scraped of them.
#[derive(Debug, Clone)]
struct Track {
    live: Counters,
    times: Vec<Time>,
    requests: Vec<[u64; 2]>,
    seconds: Vec<[f64; 2]>,
    buckets: Vec<u64>,
    goals: Vec<GoalSums>,
    /// Short of rows as long as nobody counted any.
    failures: Vec<UserFailures>,
    born: [Option<Time>; 2],
    /// Whether a status' series exists before its first request.
    from_start: [bool; 2],
}

impl Track {
    fn new(plan: &Plan, probed: bool) -> Track {
        let zero = plan.birth == Birth::Zero;
        Track {
            live: Counters::new(plan.buckets.len(), plan.goals),
            times: Vec::new(),
            requests: Vec::new(),
            seconds: Vec::new(),
            buckets: Vec::new(),
            goals: Vec::new(),
            failures: Vec::new(),
            born: [None; 2],
            from_start: [zero || probed, zero],
        }
    }

    fn clear(&mut self) {
        self.live.clear();
        self.times.clear();
        self.requests.clear();
        self.seconds.clear();
        self.buckets.clear();
        self.goals.clear();
        self.failures.clear();
        self.born = [None; 2];
    }

    fn scrape(&mut self, now: Time, memory: Option<Span>) {
        debug_assert!(self.times.last().is_none_or(|last| *last < now));
        for status in Status::BOTH {
            let s = status as usize;
            let exists = self.from_start[s] || self.live.requests[s] > 0;
            if exists && self.born[s].is_none() {
                self.born[s] = Some(now);
            }
        }
        self.times.push(now);
        self.requests.push(self.live.requests);
        self.seconds.push(self.live.seconds);
        self.buckets.extend_from_slice(&self.live.buckets);
        if !self.live.goals.is_empty() {
            self.goals.extend_from_slice(&self.live.goals);
        }
        if self.live.failures.sums.opportunities > 0.0 {
            let before = self.times.len() - 1;
            self.failures.resize(before, UserFailures::default());
            self.failures.push(self.live.failures);
        }
        if let Some(memory) = memory {
            self.forget_before(now.saturating_sub(memory));
        }
    }

    /// Adds successes to what was just scraped, all in the fastest bucket.
    fn add_probes(&mut self, probes: u64) {
        if let Some(requests) = self.requests.last_mut() {
            requests[Status::Success as usize] += probes;
            let row = self.buckets.len() - self.live.buckets.len();
            self.buckets[row] += probes;
        }
    }

    /// Drops rows older than `oldest`, once they are many and the greater part.
    fn forget_before(&mut self, oldest: Time) {
        const MANY: usize = 16;
        if self.times.len() < MANY {
            return;
        }
        let stale = self.times.partition_point(|time| *time < oldest);
        if stale <= self.times.len() / 2 {
            return;
        }
        self.times.drain(..stale);
        self.requests.drain(..stale);
        self.seconds.drain(..stale);
        self.buckets.drain(..stale * self.live.buckets.len());
        self.goals.drain(..stale * self.live.goals.len());
        let failures = stale.min(self.failures.len());
        self.failures.drain(..failures);
    }

    fn row_at(&self, time: Time) -> Option<usize> {
        self.times.binary_search(&time).ok()
    }

    /// When the newest sample at or before `time` was taken.
    fn newest_at(&self, time: Time) -> Option<Time> {
        let count = self.times.partition_point(|other| *other <= time);
        self.times[..count].last().copied()
    }
}

impl Telemetry {
    /// Empty telemetry; `phase` is when within the scrape interval this trial scrapes.
    pub fn new(plan: &Plan, phase: Span) -> Telemetry {
        let track = Track::new(plan, plan.probes > Rate::ZERO);
        // Health checks ask for a path of their own, not for a route that users ask for.
        let routes = vec![Track::new(plan, false); Version::ALL.len() * plan.routes];
        Telemetry {
            sampling: plan.sampling,
            phase,
            salt: 0,
            missed: plan.missed,
            basis: match plan.missed == Probability::ZERO {
                true => Basis::Schedule,
                false => Basis::Samples,
            },
            answers: Answers::default(),
            supplied: Supplied::default(),
            weights: Vec::new(),
            delay: plan.delay,
            probes: plan.probes,
            memory: None,
            buckets: plan.buckets.clone(),
            tracks: [track.clone(), track.clone(), track],
            routes,
            followed: u32::MAX,
            scratch: RefCell::default(),
        }
    }

    /// Forgets what no window of at most `span` that ends at the newest scrape or later can show:
    /// a long rollout then reads and writes the same small memory all the time.
    pub fn remember(&mut self, span: Span) {
        self.memory = Some(span);
    }

    /// Scrapes only these routes (a set of bits, [`Demand::routes`](super::Demand::routes)) beside
    /// the versions; at first all of them.
    pub fn follow(&mut self, routes: u32) {
        self.followed = routes;
    }

    /// Windows show the samples that were taken, however many of the scheduled ones they are. Exact
    /// windows begin and end with the newest sample at or before their edge.
    pub fn go_by_samples(&mut self) {
        self.basis = Basis::Samples;
    }

    /// Windows show what [`Telemetry::answer`] says and nothing else.
    pub fn go_by_answers(&mut self) {
        self.basis = Basis::Answers;
    }

    /// What the window of length `span` that ends at `now` shows of a version, or of one of its
    /// routes. It is kept until the answers for another `now` come.
    pub fn answer(
        &mut self,
        version: Version,
        route: Option<usize>,
        now: Time,
        span: Span,
        figures: Figures,
    ) {
        self.answers.add(now, (version, route, span), figures);
    }

    /// What a metrics server answered to a query at `now`, kept as [`Telemetry::answer`] keeps what
    /// windows show: a query that has been answered is looked up, and not evaluated.
    pub fn answer_query(&mut self, now: Time, text: &str, answer: promql::Answer) {
        self.answers.add_query(now, text, answer);
    }

    /// What another system answers to a question, until its next answer.
    pub fn supply(&mut self, question: usize, figure: Figure) {
        self.supplied.set(question, figure);
    }

    /// What another system has answered to a question; an error where it has not.
    pub fn supplied(&self, question: usize) -> Figure {
        self.supplied.get(question)
    }

    /// The next answer to a question that is asked once a step from the start on.
    pub fn supply_next(&mut self, question: usize, figure: Figure) {
        self.supplied.push(question, figure);
    }

    /// All answers to such a question so far, the first given at the start.
    pub fn supplied_series(&self, question: usize) -> &[Figure] {
        self.supplied.series(question)
    }

    /// Forgets everything and starts a new trial in the same memory.
    pub fn reset(&mut self, phase: Span) {
        self.begin(phase, 0);
    }

    /// The same; `salt` decides which scrapes of the trial fail.
    pub fn begin(&mut self, phase: Span, salt: u64) {
        self.phase = phase;
        self.salt = salt;
        self.answers.clear();
        self.supplied.clear();
        self.weights.clear();
        for track in self.tracks.iter_mut().chain(&mut self.routes) {
            track.clear();
        }
    }

    /// A version's running counters, for the engine to add to.
    pub fn counters_mut(&mut self, version: Version) -> &mut Counters {
        &mut self.tracks[version as usize].live
    }

    /// A version's running counters.
    pub fn counters(&self, version: Version) -> &Counters {
        &self.tracks[version as usize].live
    }

    /// The running counters of one route of a version, below [`Plan::routes`]. What is added here
    /// must be added to the version's own counters too.
    pub fn route_counters_mut(&mut self, version: Version, route: usize) -> &mut Counters {
        let place = self.place(version, route);
        &mut self.routes[place].live
    }

    /// The running counters of one route of a version.
    pub fn route_counters(&self, version: Version, route: usize) -> &Counters {
        &self.routes[self.place(version, route)].live
    }

    fn place(&self, version: Version, route: usize) -> usize {
        let each = self.route_count();
        debug_assert!(route < each, "no route {route}");
        version as usize * each + route
    }

    /// How many routes have series of their own.
    pub fn route_count(&self) -> usize {
        self.routes.len() / Version::ALL.len()
    }

    /// The histogram's bounds.
    pub fn bounds(&self) -> &Buckets {
        &self.buckets
    }

    /// Whether a version's series of one status exists in any scrape taken so far.
    pub fn is_born(&self, version: Version, status: Status) -> bool {
        self.tracks[version as usize].born[status as usize].is_some()
    }

    /// The same of one of its routes.
    pub fn is_route_born(&self, version: Version, route: usize, status: Status) -> bool {
        self.routes[self.place(version, route)].born[status as usize].is_some()
    }

    /// Whether a scrape of a version at `now` fails: decided by the salt of the trial and the
    /// number of the scrape alone, so that no other luck shifts.
    pub fn misses(&self, version: Version, now: Time) -> bool {
        if self.missed == Probability::ZERO {
            return false;
        }
        let Sampling::Scraped { interval, .. } = self.sampling else {
            return false;
        };
        let index = now.saturating_sub(self.phase).as_nanos() / interval.as_nanos();
        let hash = split_mix(split_mix(split_mix(self.salt) ^ version as u64) ^ index);
        // Its upper 53 bits as a number from 0 to 1.
        let place = (hash >> 11) as f64 / (1_u64 << 53) as f64;
        place < self.missed.get()
    }

    /// Reads a version's counters at `now`, later than every earlier scrape of it, and those of its
    /// routes that are followed. A scrape that fails leaves nothing.
    pub fn scrape(&mut self, version: Version, now: Time) {
        if self.misses(version, now) {
            return;
        }
        let track = &mut self.tracks[version as usize];
        track.scrape(now, self.memory);
        if self.probes > Rate::ZERO {
            track.add_probes(self.probes.over(now.since(Time::START)).floor() as u64);
        }
        let each = self.route_count();
        for route in 0..each {
            if self.followed >> route & 1 == 1 {
                self.routes[version as usize * each + route].scrape(now, self.memory);
            }
        }
    }

    /// The window of length `span` that ends at `now`, as PromQL's `[span]` would see it.
    pub fn window(&self, version: Version, now: Time, span: Span) -> Window<'_> {
        self.look((version, None), now, span)
    }

    /// The same onto the series of one route, which has to be followed.
    pub fn route_window(
        &self,
        version: Version,
        route: usize,
        now: Time,
        span: Span,
    ) -> Window<'_> {
        debug_assert!(
            self.followed >> route & 1 == 1,
            "route {route} not followed"
        );
        self.look((version, Some(route)), now, span)
    }

    /// The samples that a window shows: times of the first and the last.
    fn edges(&self, track: &Track, now: Time, span: Span) -> Option<(Time, Time)> {
        let start = now.saturating_sub(span);
        let Sampling::Scraped { interval, .. } = self.sampling else {
            return match self.basis {
                Basis::Schedule => Some((start, now)),
                // A track that begins later began at zero.
                _ => Some((
                    track.newest_at(start).unwrap_or_default(),
                    track.newest_at(now)?,
                )),
            };
        };
        // What was scraped later is not visible yet.
        if now.as_nanos() < self.delay.as_nanos() {
            return None;
        }
        let visible = now.saturating_sub(self.delay);
        // The window is open on the left; at the very start nothing lies before it.
        let whole = now.as_nanos() < span.as_nanos();
        if self.basis == Basis::Samples {
            let times = &track.times;
            let first = match whole {
                true => 0,
                false => times.partition_point(|time| *time <= start),
            };
            let shown = &times[first..times.partition_point(|time| *time <= visible).max(first)];
            return Some((*shown.first()?, *shown.last()?));
        }
        let first = if whole {
            Time::from_nanos(self.phase.as_nanos())
        } else {
            Sampling::next_scrape(interval, self.phase, start)
        };
        Sampling::last_scrape(interval, self.phase, visible)
            .filter(|last| *last >= first)
            .map(|last| (first, last))
    }
}

#[cfg(test)]
mod tests;
