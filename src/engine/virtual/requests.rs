//! The request engine: every request on its own. The obvious way, beside which the counting
//! engine must stand; and the only way where users are followed one by one.
//!
//! Three kernels, from plain to fast, chosen by what the world asks for:
//! [`Requests::by_user`] follows users, [`Requests::one_by_one`] draws arrival, version, course
//! and latency of each request, and [`Requests::jointly`] chooses all but the arrival by one
//! look-up, where nothing changes within a piece of time.

use rand::{Rng, RngExt};

use crate::base::Stream;
use crate::model::World;
use crate::model::service::Latency;
use crate::model::split::{InTurn, Split};
use crate::model::traffic::{Arrivals, Population, Profile};
use crate::stats::draw::{Alias, Halves, Poisson};
use crate::telemetry::{Buckets, Counters, Demand, Plan, Status, Version};

use super::conditions::{Condition, Group};
use super::fill::{binomial, sample};
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
    latencies: [Latency; 2],
    bounds: Buckets,
    /// Joint tables by condition and canary share.
    joints: Vec<(usize, u64, Joint)>,
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
    status: Status,
    touched: bool,
    bucket: usize,
}

impl Requests {
    /// An engine for `world`, of which only `demand` is read; `each` draws everything of every
    /// request even where one look-up would do.
    pub fn new(world: &World, plan: &Plan, demand: Demand, each: bool) -> Requests {
        let users = world.traffic.users.users() as usize;
        Requests {
            demand,
            each,
            arrivals: world.traffic.arrivals,
            profile: world.traffic.profile.clone(),
            split: world.split,
            population: world.traffic.users.clone(),
            cuts: world.strata(),
            latencies: [world.stable.latency.clone(), world.canary.latency.clone()],
            bounds: plan.buckets.clone(),
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

    /// Plays one stretch.
    pub fn advance(&mut self, scene: &Scene, stretch: usize, flow: Flow, play: &mut Play) {
        let stretch = &scene.schedule.stretches[stretch];
        let condition = &scene.conditions[stretch.condition];
        for index in stretch.pieces.clone() {
            let piece = &scene.schedule.pieces[index];
            if self.follows_users() {
                self.by_user(piece, condition, flow, play);
            } else if self.each
                || self.demand.sums
                || !self.profile.is_constant(piece.from, piece.to)
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
    fn by_user(&mut self, piece: &Piece, condition: &Condition, flow: Flow, play: &mut Play) {
        let requests = self.arrivals_in(piece, play);
        for _ in 0..requests {
            let user = self.population.sample(&mut play.luck.users);
            let canary = match (self.split, play.luck.version_salt) {
                (Split::UserHash, Some(salt)) => Population::place(user, salt) < flow.canary,
                (Split::Even, _) => self.in_turn.next(flow.canary),
                _ => play.luck.split.random::<f64>() < flow.canary,
            };
            let (version, stratum) = if canary {
                let place = match self.cuts.len() {
                    1 => 0.0,
                    _ => Population::place(user, play.luck.scope_salt),
                };
                (
                    Version::Canary,
                    self.cuts.partition_point(|cut| *cut <= place),
                )
            } else {
                (Version::Stable, 0)
            };
            if version == Version::Stable && !self.demand.stable {
                continue;
            }
            let stream = play.luck.of(version);
            let group = choose(condition.of(version), stratum, stream);
            let counters = play.telemetry.counters_mut(version);
            self.answer(version, group, counters, stream);
            play.tally.add(version, group, 1, true);
            if canary && group.touched {
                let (word, bit) = (user as usize / 64, 1_u64 << (user % 64));
                self.met_users += u64::from(self.met[word] & bit == 0);
                self.met[word] |= bit;
            }
        }
    }

    /// Counts one request of a group.
    fn answer(
        &self,
        version: Version,
        group: &Group,
        counters: &mut Counters,
        stream: &mut Stream,
    ) {
        counters.requests[group.status as usize] += 1;
        if self.demand.sums {
            let seconds = sample(group, &self.latencies[version as usize], stream);
            counters.row_mut(group.status)[self.bounds.index(seconds)] += 1;
            counters.seconds[group.status as usize] += seconds;
        } else if self.demand.latency {
            counters.row_mut(group.status)[group.alias.cell(stream.next_u32())] += 1;
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
            let ways = Ways::new(condition, &self.latencies, &self.bounds);
            self.ways.push((condition_index, ways));
            self.ways.len() - 1
        });
        let ways = &self.ways[at].1;
        self.counted.clear();
        self.counted.resize(ways.ways.len() * self.bounds.len(), 0);
        let mut clock = Clock::new(self.arrivals, &self.profile, piece, play);
        let log_normal = (self.latencies.iter()).all(|l| matches!(l, Latency::LogNormal { .. }));
        if log_normal && !self.demand.sums && self.split == Split::Random && clock.is_steady() {
            ways.race(&mut clock, flow.canary, play, &mut self.counted);
        } else {
            self.walk(at, &mut clock, flow, play);
        }
        let width = self.bounds.len();
        for (way, counted) in self.ways[at].1.ways.iter().zip(self.counted.chunks(width)) {
            let counters = play.telemetry.counters_mut(way.version);
            let mut total = 0;
            for (cell, count) in counters.row_mut(way.status).iter_mut().zip(counted) {
                *cell += u64::from(*count);
                total += u64::from(*count);
            }
            counters.requests[way.status as usize] += total;
            if way.version == Version::Canary {
                play.tally.canary += total;
                if way.touched {
                    play.tally.expose(0, total);
                }
            }
        }
    }

    /// The general form of [`Ways::race`].
    fn walk(&mut self, ways: usize, clock: &mut Clock, flow: Flow, play: &mut Play) {
        let width = self.bounds.len();
        while clock.next(&self.profile, &mut play.luck.arrivals) {
            let bits = play.luck.split.next_u64();
            let canary = match self.split {
                Split::Even => self.in_turn.next(flow.canary),
                _ => share_of(bits as u32) < flow.canary,
            };
            let version = Version::BOTH[usize::from(canary)];
            let ways = &self.ways[ways].1;
            let index = ways.choose(canary, (bits >> 32) as u32);
            let way = &ways.ways[index];
            let latency = &self.latencies[version as usize];
            let stream = play.luck.of(version);
            let seconds = latency.sample(stream) * way.multiply + way.add;
            if self.demand.sums {
                let counters = play.telemetry.counters_mut(version);
                counters.seconds[way.status as usize] += seconds;
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
        let (canary, share) = match self.split {
            Split::Even => {
                let canary = (0..requests)
                    .filter(|_| self.in_turn.next(flow.canary))
                    .count() as u64;
                (Some(canary), 1.0)
            }
            _ => (None, flow.canary),
        };
        match canary {
            None => self.look_up(condition_index, condition, share, requests, play),
            Some(canary) => {
                self.look_up(condition_index, condition, 1.0, canary, play);
                self.look_up(condition_index, condition, 0.0, requests - canary, play);
            }
        }
    }

    fn look_up(
        &mut self,
        condition_index: usize,
        condition: &Condition,
        share: f64,
        requests: u64,
        play: &mut Play,
    ) {
        let key = (condition_index, share.to_bits());
        let known = self
            .joints
            .iter()
            .position(|(index, bits, _)| (*index, *bits) == key);
        let at = known.unwrap_or_else(|| {
            self.joints
                .push((key.0, key.1, Joint::new(condition, share)));
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
            let counters = play.telemetry.counters_mut(cell.version);
            counters.requests[cell.status as usize] += count;
            counters.row_mut(cell.status)[cell.bucket] += count;
            if cell.version == Version::Canary {
                play.tally.canary += count;
                if cell.touched {
                    play.tally.expose(0, count);
                }
            }
        }
    }

    /// Copies of stable's requests, answered by the canary and discarded.
    fn mirror(&mut self, piece: &Piece, condition: &Condition, flow: Flow, play: &mut Play) {
        let share = flow.mirrored(Version::Canary);
        if share == 0.0 {
            return;
        }
        let copies = match self.arrivals {
            Arrivals::Even => binomial(piece.expected.round() as u64, share, &mut play.luck.split),
            _ => Poisson::new(piece.expected * share).sample(&mut play.luck.split),
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
            let counters = play.telemetry.counters_mut(Version::Canary);
            self.answer(Version::Canary, group, counters, stream);
        }
    }

    fn arrivals_in(&self, piece: &Piece, play: &mut Play) -> u64 {
        match self.arrivals {
            Arrivals::Even => play.luck.even_arrivals(piece.expected),
            _ => Poisson::new(piece.expected).sample(&mut play.luck.arrivals),
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

impl Joint {
    fn new(condition: &Condition, canary: f64) -> Joint {
        let mut cells = Vec::new();
        let mut weights = Vec::new();
        for version in Version::BOTH {
            let share = match version {
                Version::Stable => 1.0 - canary,
                Version::Canary => canary,
                Version::Baseline => 0.0,
            };
            for group in condition.of(version) {
                for (bucket, probability) in group.buckets.iter().enumerate() {
                    let weight = share * group.probability * probability;
                    if weight > 0.0 {
                        weights.push(weight);
                        cells.push(Cell {
                            version,
                            status: group.status,
                            touched: group.touched,
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
