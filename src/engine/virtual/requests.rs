//! The request engine: every request on its own. The obvious way, beside which the counting
//! engine must stand; and the only way where users are followed one by one.
//!
//! Three kernels, from plain to fast, chosen by what the world asks for:
//! [`Requests::by_user`] follows users, [`Requests::one_by_one`] draws arrival, version, course
//! and latency of each request, and [`Requests::jointly`] chooses all but the arrival by one
//! look-up, where nothing changes within a piece of time.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::{Rng, RngExt};

use crate::base::Stream;
use crate::model::World;
use crate::model::service::{Latency, Service};
use crate::model::split::{InTurn, Split};
use crate::model::traffic::{Arrivals, Population, Profile};
use crate::stats::draw::{Alias, Halves, Poisson};
use crate::telemetry::{Buckets, Counters, Demand, Plan, Telemetry, Version};

use super::conditions::{Condition, Group};
use super::fill::{binomial, sample};
use super::goals::Goals;
use super::one_by_one::{Clock, Ways};
use super::play::{Flow, Play, Scene};
use super::schedule::Piece;

/// The request engine of one cell.
#[derive(Debug)]
pub struct Requests {
    demand: Demand,
    each: bool,
    arrivals: Arrivals,
    profile: Profile,
    split: Split,
    population: Population,
    cuts: Vec<f64>,
    /// Whether stable's users are told apart.
    divides_stable: bool,
    /// How stable, the canary and the baseline answer.
    services: [Service; 3],
    /// Whether every latency is log-normal.
    log_normal: bool,
    bounds: Buckets,
    goals: Goals,
    /// Joint tables by condition and by the shares of canary and baseline.
    joints: Vec<(usize, [u64; 2], Joint)>,
    /// Ways in which requests end, by condition.
    ways: Vec<(usize, Ways)>,
    counted: Vec<u32>,
    /// Users who met the fault in this trial, a bit each.
    met: Vec<u64>,
    met_users: u64,
    in_turn: InTurn,
}

/// One look-up chooses version, group and bucket.
#[derive(Debug)]
struct Joint {
    alias: Alias,
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    version: Version,
    /// An index into the version's groups.
    group: usize,
    bucket: usize,
}

impl Requests {
    /// An engine for `world`, of which only `demand` is read; `each` draws everything of every
    /// request even where one look-up would do.
    pub fn new(world: &World, plan: &Plan, demand: Demand, each: bool) -> Requests {
        let users = world.traffic.users.users() as usize;
        let services = [
            world.stable.clone(),
            world.canary.clone(),
            world.stable.clone(),
        ];
        let routes = world.traffic.routes.len().max(1);
        let log_normal = services.iter().all(|service| {
            (0..routes).all(|route| matches!(service.latency_of(route), Latency::LogNormal { .. }))
        });
        Requests {
            demand,
            each,
            arrivals: world.traffic.arrivals,
            profile: world.traffic.profile.clone(),
            split: world.split,
            population: world.traffic.users.clone(),
            cuts: world.strata(),
            divides_stable: world.divides_stable(),
            services,
            log_normal,
            bounds: plan.buckets.clone(),
            goals: Goals::new(world, demand),
            joints: Vec::new(),
            ways: Vec::new(),
            counted: Vec::new(),
            met: vec![0; users.div_ceil(64)],
            met_users: 0,
            in_turn: InTurn::default(),
        }
    }

    /// Forgets the trial before.
    pub fn reset(&mut self) {
        self.met.fill(0);
        self.met_users = 0;
        self.in_turn.reset();
    }

    /// Distinct users who met the fault, when users are followed.
    pub fn met_users(&self) -> Option<u64> {
        self.follows_users().then_some(self.met_users)
    }

    /// Plays one stretch, or a part of it once `stop` is set.
    pub fn advance(
        &mut self,
        scene: &Scene,
        stretch: usize,
        flow: Flow,
        play: &mut Play,
        stop: &AtomicBool,
    ) {
        let stretch = &scene.schedule.stretches[stretch];
        let condition = &scene.conditions[stretch.condition];
        for index in stretch.pieces.clone() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let piece = &scene.schedule.pieces[index];
            if self.follows_users() {
                self.by_user(piece, condition, flow, play, stop);
            } else if self.each
                || self.demand.sums
                || !(play.luck.swings() || self.profile.is_constant(piece.from, piece.to))
            {
                self.one_by_one(piece, stretch.condition, condition, flow, play);
            } else {
                self.jointly(piece, stretch.condition, condition, flow, play);
            }
            self.mirror(piece, condition, flow, play);
            let edge = stretch.edge && index + 1 == stretch.pieces.end;
            if piece.scraped || edge {
                self.demand.scrape(&mut play.telemetry, piece.to);
            }
        }
    }

    fn follows_users(&self) -> bool {
        self.split == Split::UserHash || self.cuts.len() > 1
    }

    /// Every request has a user, and the user decides the version or whether the fault reaches.
    fn by_user(
        &mut self,
        piece: &Piece,
        condition: &Condition,
        flow: Flow,
        play: &mut Play,
        stop: &AtomicBool,
    ) {
        /// So many users are looked up at once: the memory that tells who they are is slow, and
        /// looks that do not wait for one another are fast.
        const AT_ONCE: u64 = 64;
        let mut users = [0; AT_ONCE as usize];
        let mut left = self.arrivals_in(piece, play);
        while left > 0 && !stop.load(Ordering::Relaxed) {
            let some = &mut users[..left.min(AT_ONCE) as usize];
            left -= some.len() as u64;
            for user in some.iter_mut() {
                *user = self.population.sample(&mut play.luck.users);
            }
            for user in some {
                self.ask(*user, condition, flow, play);
            }
        }
    }

    /// A user sends a request.
    #[inline]
    fn ask(&mut self, user: u32, condition: &Condition, flow: Flow, play: &mut Play) {
        let version = match (self.split, play.luck.version_salt) {
            (Split::UserHash, Some(salt)) => {
                Version::BOTH[usize::from(Population::place(user, salt) < flow.canary)]
            }
            (Split::Even, _) => Version::BOTH[usize::from(self.in_turn.next(flow.canary))],
            _ => flow.choose(play.luck.split.random::<f64>()),
        };
        if version != Version::Canary && !self.demand.reads(version) {
            return;
        }
        let divides = version == Version::Canary || self.divides_stable;
        let stratum = if divides && self.cuts.len() > 1 {
            let place = Population::place(user, play.luck.scope_salt);
            self.cuts.partition_point(|cut| *cut <= place)
        } else {
            0
        };
        let group = choose(condition.of(version), stratum, play.luck.of(version));
        self.answer(version, group, true, play);
        play.tally.add(version, group, 1, true);
        if version == Version::Canary && group.touched {
            let (word, bit) = (user as usize / 64, 1_u64 << (user % 64));
            self.met_users += u64::from(self.met[word] & bit == 0);
            self.met[word] |= bit;
        }
    }

    /// Counts one request of a group; copies (`users` false) reach no goals.
    #[inline]
    fn answer(&mut self, version: Version, group: &Group, users: bool, play: &mut Play) {
        if self.demand.sums || group.route.is_some() || self.goals.are_read() {
            self.answer_wholly(version, group, users, play);
            return;
        }
        let bucket =
            (self.demand.latency).then(|| group.alias.cell(play.luck.of(version).next_u32()));
        if group.counted {
            let counters = play.telemetry.counters_mut(version);
            counters.requests[group.status as usize] += 1;
            if let Some(bucket) = bucket {
                counters.row_mut(group.status)[bucket] += 1;
            }
        }
    }

    /// The same where more than requests and buckets is counted.
    fn answer_wholly(&mut self, version: Version, group: &Group, users: bool, play: &mut Play) {
        let stream = play.luck.of(version);
        let (bucket, seconds) = if self.demand.sums {
            let seconds = sample(group, &self.services[version as usize], stream);
            (Some(self.bounds.index(seconds)), seconds)
        } else if self.demand.latency {
            (Some(group.alias.cell(stream.next_u32())), 0.0)
        } else {
            (None, 0.0)
        };
        count_each(&mut play.telemetry, version, group, |counters| {
            counters.requests[group.status as usize] += 1;
            counters.seconds[group.status as usize] += seconds;
            if let Some(bucket) = bucket {
                counters.row_mut(group.status)[bucket] += 1;
            }
        });
        if users && self.goals.are_read() {
            self.reach_goals(version, group, 1, play);
        }
    }

    /// What the users of so many requests of a group do.
    fn reach_goals(&mut self, version: Version, group: &Group, count: u64, play: &mut Play) {
        if self.goals.are_read() {
            self.goals.draw(group, count, &mut play.luck.goals);
            let goals = &self.goals;
            count_each(&mut play.telemetry, version, group, |counters| {
                goals.add_to(counters);
            });
        }
    }

    /// Every request draws its gap, its version, its course and its latency.
    fn one_by_one(
        &mut self,
        piece: &Piece,
        condition_index: usize,
        condition: &Condition,
        flow: Flow,
        play: &mut Play,
    ) {
        let known = self
            .ways
            .iter()
            .position(|(index, _)| *index == condition_index);
        let at = known.unwrap_or_else(|| {
            let ways = Ways::new(condition, &self.services, &self.bounds);
            self.ways.push((condition_index, ways));
            self.ways.len() - 1
        });
        let ways = &self.ways[at].1;
        self.counted.clear();
        self.counted.resize(ways.ways.len() * self.bounds.len(), 0);
        let mut clock = Clock::new(self.arrivals, &self.profile, piece, play);
        if self.log_normal
            && !self.demand.sums
            && self.split == Split::Random
            && flow.baseline == 0.0
            && clock.is_steady()
        {
            ways.race(&mut clock, flow.canary, play, &mut self.counted);
        } else {
            self.walk(at, condition, &mut clock, flow, play);
        }
        let width = self.bounds.len();
        for index in 0..self.ways[at].1.ways.len() {
            let way = &self.ways[at].1.ways[index];
            let (version, group) = (way.version, &condition.of(way.version)[way.group]);
            let counted = &self.counted[index * width..][..width];
            let total: u64 = counted.iter().map(|count| u64::from(*count)).sum();
            count_each(&mut play.telemetry, version, group, |counters| {
                for (cell, count) in counters.row_mut(group.status).iter_mut().zip(counted) {
                    *cell += u64::from(*count);
                }
                counters.requests[group.status as usize] += total;
            });
            play.tally.add(version, group, total, true);
            self.reach_goals(version, group, total, play);
        }
    }

    /// The general form of [`Ways::race`].
    fn walk(
        &mut self,
        ways: usize,
        condition: &Condition,
        clock: &mut Clock,
        flow: Flow,
        play: &mut Play,
    ) {
        let width = self.bounds.len();
        while clock.next(&self.profile, &mut play.luck.arrivals) {
            let bits = play.luck.split.next_u64();
            let version = match self.split {
                Split::Even => Version::BOTH[usize::from(self.in_turn.next(flow.canary))],
                _ => flow.choose(share_of(bits as u32)),
            };
            let ways = &self.ways[ways].1;
            let index = ways.choose(version, (bits >> 32) as u32);
            let way = &ways.ways[index];
            let latency = self.services[version as usize].latency_of(way.route);
            let stream = play.luck.of(version);
            let seconds = latency.sample(stream) * way.multiply + way.add;
            if self.demand.sums {
                let group = &condition.of(version)[way.group];
                count_each(&mut play.telemetry, version, group, |counters| {
                    counters.seconds[group.status as usize] += seconds;
                });
            }
            self.counted[index * width + self.bounds.index(seconds)] += 1;
        }
    }

    /// Every request is one look-up in the joint distribution of version, course and bucket.
    fn jointly(
        &mut self,
        piece: &Piece,
        condition_index: usize,
        condition: &Condition,
        flow: Flow,
        play: &mut Play,
    ) {
        let requests = self.arrivals_in(piece, play);
        match self.split {
            Split::Even => {
                let canary = (0..requests)
                    .filter(|_| self.in_turn.next(flow.canary))
                    .count() as u64;
                let only = |canary| Flow {
                    canary,
                    ..Flow::default()
                };
                self.look_up(condition_index, condition, only(1.0), canary, play);
                self.look_up(
                    condition_index,
                    condition,
                    only(0.0),
                    requests - canary,
                    play,
                );
            }
            _ => self.look_up(condition_index, condition, flow, requests, play),
        }
    }

    fn look_up(
        &mut self,
        condition_index: usize,
        condition: &Condition,
        flow: Flow,
        requests: u64,
        play: &mut Play,
    ) {
        let shares = [flow.canary.to_bits(), flow.baseline.to_bits()];
        let known = self
            .joints
            .iter()
            .position(|(index, bits, _)| (*index, *bits) == (condition_index, shares));
        let at = known.unwrap_or_else(|| {
            let joint = Joint::new(condition, flow);
            self.joints.push((condition_index, shares, joint));
            self.joints.len() - 1
        });
        let joint = &self.joints[at].2;
        self.counted.clear();
        self.counted.resize(joint.cells.len(), 0);
        joint.count(requests, &mut play.luck.split, &mut self.counted);
        for (cell, count) in joint.cells.iter().zip(&self.counted) {
            if *count == 0 {
                continue;
            }
            let count = u64::from(*count);
            let group = &condition.of(cell.version)[cell.group];
            count_each(&mut play.telemetry, cell.version, group, |counters| {
                counters.requests[group.status as usize] += count;
                counters.row_mut(group.status)[cell.bucket] += count;
            });
            play.tally.add(cell.version, group, count, true);
        }
        if self.goals.are_read() {
            self.reach_goals_of_cells(at, condition, play);
        }
    }

    /// What users do after the requests counted last, group after group.
    fn reach_goals_of_cells(&mut self, joint: usize, condition: &Condition, play: &mut Play) {
        let mut first = 0;
        while let Some(cell) = self.joints[joint].2.cells.get(first).copied() {
            let cells = &self.joints[joint].2.cells[first..];
            let same = |other: &&Cell| (other.version, other.group) == (cell.version, cell.group);
            let width = cells.iter().take_while(same).count();
            let counted = &self.counted[first..first + width];
            let count = counted.iter().map(|count| u64::from(*count)).sum();
            let group = &condition.of(cell.version)[cell.group];
            self.reach_goals(cell.version, group, count, play);
            first += width;
        }
    }

    /// Copies of stable's requests, answered by the canary and discarded.
    fn mirror(&mut self, piece: &Piece, condition: &Condition, flow: Flow, play: &mut Play) {
        let share = flow.mirrored(Version::Canary);
        if share == 0.0 {
            return;
        }
        let swung = play.luck.expected(piece.from, piece.to);
        let expected = swung.unwrap_or(piece.expected);
        let copies = match self.arrivals {
            Arrivals::Even => binomial(expected.round() as u64, share, &mut play.luck.split),
            _ => Poisson::new(expected * share).sample(&mut play.luck.split),
        };
        for _ in 0..copies {
            let stream = play.luck.of(Version::Canary);
            let stratum = match self.cuts.len() {
                1 => 0,
                _ => {
                    let place: f64 = stream.random();
                    self.cuts.partition_point(|cut| *cut <= place)
                }
            };
            let group = choose(condition.of(Version::Canary), stratum, stream);
            self.answer(Version::Canary, group, false, play);
        }
    }

    fn arrivals_in(&self, piece: &Piece, play: &mut Play) -> u64 {
        let swung = play.luck.expected(piece.from, piece.to);
        let expected = swung.unwrap_or(piece.expected);
        match self.arrivals {
            Arrivals::Even => play.luck.even_arrivals(expected),
            _ => Poisson::new(expected).sample(&mut play.luck.arrivals),
        }
    }
}

/// Chooses among the groups of a stratum.
fn choose<'a>(groups: &'a [Group], stratum: usize, stream: &mut Stream) -> &'a Group {
    let mut uniform: f64 = stream.random();
    let of_stratum = || groups.iter().filter(move |group| group.stratum == stratum);
    for group in of_stratum() {
        uniform -= group.probability;
        if uniform < 0.0 {
            return group;
        }
    }
    // Float dust: the shares of a stratum's groups add up to 1.
    of_stratum().next_back().unwrap_or(&groups[0])
}

/// Counts something in all the series that show a group.
#[inline]
fn count_each(
    telemetry: &mut Telemetry,
    version: Version,
    group: &Group,
    count: impl Fn(&mut Counters),
) {
    if !group.counted {
        return;
    }
    count(telemetry.counters_mut(version));
    if let Some(route) = group.route {
        count(telemetry.route_counters_mut(version, route));
    }
}

impl Joint {
    fn new(condition: &Condition, flow: Flow) -> Joint {
        let mut cells = Vec::new();
        let mut weights = Vec::new();
        for version in Version::ALL {
            let share = flow.share(version);
            for (index, group) in condition.of(version).iter().enumerate() {
                for (bucket, probability) in group.buckets.iter().enumerate() {
                    let weight = share * group.probability * probability;
                    if weight > 0.0 {
                        weights.push(weight);
                        cells.push(Cell {
                            version,
                            group: index,
                            bucket,
                        });
                    }
                }
            }
        }
        Joint {
            alias: Alias::new(&weights),
            cells,
        }
    }

    /// Kept apart, so that the loop has the registers to itself.
    #[inline(never)]
    fn count(&self, requests: u64, stream: &mut Stream, counted: &mut [u32]) {
        let mut halves = Halves::new(stream);
        for _ in 0..requests {
            counted[self.alias.cell(halves.take())] += 1;
        }
    }
}

/// 32 bits as a number from 0 to 1.
fn share_of(bits: u32) -> f64 {
    f64::from(bits) / 2.0_f64.powi(32)
}
