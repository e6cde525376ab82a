//! Fills counters: how many requests of each group, in which buckets, with which sum of latencies.

use rand::{Rng, RngExt};
use rand_distr::{Binomial, Distribution, StandardNormal};

use crate::base::Stream;
use crate::model::World;
use crate::model::service::Service;
use crate::stats::draw::{Halves, Poisson};
use crate::telemetry::{Buckets, Counters, Demand, Plan, Telemetry, Version};

use super::arms::{Arm, Item, SPARSE};
use super::conditions::Group;
use super::goals::Goals;
use super::luck::Shares;
use super::play::Play;
use super::route_series::Addition;

/// Fills the counters of all versions.
#[derive(Debug)]
pub struct Filler {
    demand: Demand,
    /// How stable, the canary and the baseline answer.
    services: [Service; 3],
    bounds: Buckets,
    before: Vec<u64>,
    goals: Goals,
    /// How many requests of which group were drawn; kept while goals are read.
    drawn: Vec<(usize, u64)>,
    of_route: Addition,
}

/// Up to this many requests, latencies are drawn and summed one by one; above, their sum is drawn
/// from the normal distribution with the exact mean and variance of its buckets.
const SUMMED: u64 = 64;

impl Filler {
    /// A filler for what `demand` reads.
    pub fn new(world: &World, plan: &Plan, demand: Demand) -> Filler {
        Filler {
            demand,
            services: [
                world.stable.clone(),
                world.canary.clone(),
                world.stable.clone(),
            ],
            bounds: plan.buckets.clone(),
            before: Vec::new(),
            goals: Goals::new(world, demand),
            drawn: Vec::new(),
            of_route: Addition::default(),
        }
    }

    /// Whether buckets are filled at all.
    pub fn places(&self) -> bool {
        self.demand.latency || self.demand.sums
    }

    /// Independent Poisson counts, prepared.
    pub fn draw_prepared(
        &mut self,
        item: Item,
        groups: &[Group],
        arm: &Arm,
        users: bool,
        play: &mut Play,
    ) {
        let mut halves = Halves::new(play.luck.of(item.version));
        for (index, (group, prepared)) in groups.iter().zip(&arm.groups).enumerate() {
            if !item.wanted[group.status as usize] {
                continue;
            }
            let counters = play.telemetry.counters_mut(item.version);
            self.begin(group, counters);
            let count = match &prepared.buckets {
                None => {
                    let count = prepared.total.draw(&mut halves);
                    self.place_each(item.version, group, count, counters, &mut halves);
                    count
                }
                Some(buckets) => {
                    self.remember(group, counters);
                    let row = counters.row_mut(group.status);
                    let total = buckets.add_to(row, halves.stream());
                    counters.requests[group.status as usize] += total;
                    self.sum_normally(group, counters, halves.stream());
                    total
                }
            };
            self.end(item.version, index, group, count, &mut play.telemetry);
            play.tally.add(item.version, group, count, users);
        }
        if self.goals.are_read() {
            self.reach_goals(item.version, groups, users, play);
        }
    }

    /// Independent Poisson counts, with shares that differ from trial to trial.
    pub fn draw_directly(
        &mut self,
        item: Item,
        groups: &[Group],
        shares: Shares,
        users: bool,
        play: &mut Play,
    ) {
        let stream = play.luck.of(item.version);
        for (index, group) in groups.iter().enumerate() {
            let mean = item.expected * shares[group.stratum] * group.probability;
            if !item.wanted[group.status as usize] || mean <= 0.0 {
                continue;
            }
            let counters = play.telemetry.counters_mut(item.version);
            self.begin(group, counters);
            let dense =
                group.counted && self.places() && mean > SPARSE * group.buckets.len() as f64;
            let count = if dense {
                self.remember(group, counters);
                let mut total = 0;
                let row = counters.row_mut(group.status);
                for (cell, share) in row.iter_mut().zip(&group.buckets) {
                    let drawn = Poisson::new(mean * share).sample(stream);
                    *cell += drawn;
                    total += drawn;
                }
                counters.requests[group.status as usize] += total;
                self.sum_normally(group, counters, stream);
                total
            } else {
                let count = Poisson::new(mean).sample(stream);
                self.place_each(
                    item.version,
                    group,
                    count,
                    counters,
                    &mut Halves::new(stream),
                );
                count
            };
            self.end(item.version, index, group, count, &mut play.telemetry);
            play.tally.add(item.version, group, count, users);
        }
        if self.goals.are_read() {
            self.reach_goals(item.version, groups, users, play);
        }
    }

    /// Divides a given number of requests among groups and buckets.
    pub fn divide(
        &mut self,
        version: Version,
        groups: &[Group],
        shares: Shares,
        requests: u64,
        users: bool,
        play: &mut Play,
    ) {
        if requests == 0 {
            return;
        }
        let stream = play.luck.of(version);
        let (mut left, mut rest) = (requests, shares.iter().sum::<f64>());
        for (index, group) in groups.iter().enumerate() {
            let counters = play.telemetry.counters_mut(version);
            self.begin(group, counters);
            let share = shares[group.stratum] * group.probability;
            let count = binomial(left, share / rest, stream);
            left -= count;
            rest -= share;
            let few = count as f64 <= 8.0 * group.buckets.len() as f64;
            if few || !self.places() || !group.counted {
                self.place_each(version, group, count, counters, &mut Halves::new(stream));
            } else {
                self.place_divided(group, count, counters, stream);
            }
            self.end(version, index, group, count, &mut play.telemetry);
            play.tally.add(version, group, count, users);
        }
        self.reach_goals(version, groups, users, play);
    }

    /// Before requests of a group are counted.
    #[inline]
    fn begin(&mut self, group: &Group, counters: &mut Counters) {
        if group.route.is_some() {
            self.of_route.begin(counters, group.status);
        }
    }

    /// After `count` requests of a group have been counted.
    #[inline]
    fn end(
        &mut self,
        version: Version,
        index: usize,
        group: &Group,
        count: u64,
        telemetry: &mut Telemetry,
    ) {
        if let Some(route) = group.route {
            self.of_route
                .end(telemetry.counters_mut(version), group.status);
            let counters = telemetry.route_counters_mut(version, route);
            self.of_route.add_to(counters, group.status);
        }
        if self.goals.are_read() {
            self.drawn.push((index, count));
        }
    }

    /// What the users of the requests drawn last do. Copies have no users.
    fn reach_goals(&mut self, version: Version, groups: &[Group], users: bool, play: &mut Play) {
        for (index, count) in self.drawn.drain(..) {
            if users {
                let group = &groups[index];
                self.goals.draw(group, count, &mut play.luck.goals);
                self.goals.add_to(play.telemetry.counters_mut(version));
                if let Some(route) = group.route {
                    let counters = play.telemetry.route_counters_mut(version, route);
                    self.goals.add_to(counters);
                }
            }
        }
    }

    fn place_each(
        &mut self,
        version: Version,
        group: &Group,
        count: u64,
        counters: &mut Counters,
        halves: &mut Halves<'_, Stream>,
    ) {
        if !group.counted {
            return;
        }
        counters.requests[group.status as usize] += count;
        if !self.places() {
            return;
        }
        if self.demand.sums && count <= SUMMED {
            for _ in 0..count {
                let service = &self.services[version as usize];
                let seconds = sample(group, service, halves.stream());
                counters.row_mut(group.status)[self.bounds.index(seconds)] += 1;
                counters.seconds[group.status as usize] += seconds;
            }
            return;
        }
        self.remember(group, counters);
        let row = counters.row_mut(group.status);
        // One random number serves two requests.
        for _ in 0..count / 2 {
            let bits = halves.stream().next_u64();
            row[group.alias.cell(bits as u32)] += 1;
            row[group.alias.cell((bits >> 32) as u32)] += 1;
        }
        if count % 2 == 1 {
            row[group.alias.cell(halves.take())] += 1;
        }
        self.sum_normally(group, counters, halves.stream());
    }

    fn place_divided(
        &mut self,
        group: &Group,
        count: u64,
        counters: &mut Counters,
        stream: &mut Stream,
    ) {
        counters.requests[group.status as usize] += count;
        self.remember(group, counters);
        let (mut left, mut rest) = (count, 1.0);
        for (cell, share) in counters
            .row_mut(group.status)
            .iter_mut()
            .zip(&group.buckets)
        {
            let placed = binomial(left, share / rest, stream);
            *cell += placed;
            left -= placed;
            rest -= share;
        }
        self.sum_normally(group, counters, stream);
    }

    /// Keeps a row as it is before a draw, so that the draw can be read off afterwards.
    fn remember(&mut self, group: &Group, counters: &mut Counters) {
        if self.demand.sums {
            self.before.clear();
            self.before
                .extend_from_slice(counters.row_mut(group.status));
        }
    }

    /// Draws the sum of the latencies of the requests placed since [`Filler::remember`].
    fn sum_normally(&self, group: &Group, counters: &mut Counters, stream: &mut Stream) {
        if !self.demand.sums {
            return;
        }
        let (mut mean, mut variance) = (0.0, 0.0);
        let row = counters.row_mut(group.status);
        for ((now, before), (first, second)) in row.iter().zip(&self.before).zip(&group.moments) {
            // The moments of a bucket that is practically never reached may be infinite.
            if now == before {
                continue;
            }
            let placed = (now - before) as f64;
            mean += placed * first;
            variance += placed * second;
        }
        let z: f64 = StandardNormal.sample(stream);
        counters.seconds[group.status as usize] += (mean + z * variance.sqrt()).max(0.0);
    }
}

/// Draws the latency of one request of a group, in seconds.
pub fn sample(group: &Group, service: &Service, stream: &mut Stream) -> f64 {
    let course = match group.courses.as_slice() {
        [(_, only)] => only,
        courses => {
            let uniform: f64 = stream.random();
            let index = courses.partition_point(|(below, _)| *below <= uniform);
            &courses[index.min(courses.len() - 1)].1
        }
    };
    service.latency_of(course.route).sample(stream) * course.multiply + course.add
}

/// Draws how many of `trials` succeed with probability `p`.
pub fn binomial(trials: u64, p: f64, stream: &mut impl Rng) -> u64 {
    if trials == 0 || p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return trials;
    }
    // The distribution refuses only probabilities outside 0 to 1, which are dealt with above.
    Binomial::new(trials, p).map_or(0, |binomial| binomial.sample(stream))
}
