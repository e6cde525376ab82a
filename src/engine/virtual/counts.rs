//! The counting engine: how many requests of each version ended how, per stretch of time, drawn
//! from their exact joint distribution at a cost that does not depend on the request rate.
//!
//! With Poisson arrivals, requests that end alike are independent Poisson counts (thinning), so
//! each group, and each bucket of a group, is one draw. With arrivals or a split that go evenly,
//! the number of requests is given and the groups divide it (multinomial).

use crate::model::World;
use crate::model::split::{InTurn, Split};
use crate::model::traffic::Arrivals;
use crate::stats::draw::Poisson;
use crate::telemetry::{Birth, Demand, Plan, Sampling, Status, Telemetry, Version};

use super::arms::{Arms, Item};
use super::fill::{Filler, binomial};
use super::play::{Flow, Play, Scene};

/// The counting engine of one cell; keeps its tables from trial to trial.
#[derive(Debug)]
pub struct Counts {
    demand: Demand,
    /// Whether counts of different groups are independent of one another.
    independent: bool,
    arrivals: Arrivals,
    split: Split,
    /// Whether series exist from their first scrape on, whatever was counted.
    born_at_start: bool,
    filler: Filler,
    arms: Arms,
    in_turn: InTurn,
}

impl Counts {
    /// An engine for `world`, of which only `demand` is read.
    pub fn new(world: &World, plan: &Plan, demand: Demand) -> Counts {
        Counts {
            demand,
            independent: world.traffic.arrivals == Arrivals::Poisson && world.split != Split::Even,
            arrivals: world.traffic.arrivals,
            split: world.split,
            born_at_start: plan.birth == Birth::Zero || plan.sampling == Sampling::Exact,
            filler: Filler::new(world, plan, demand),
            arms: Arms::default(),
            in_turn: InTurn::default(),
        }
    }

    /// Forgets the trial before.
    pub fn reset(&mut self) {
        self.in_turn.reset();
    }

    /// Plays one stretch.
    pub fn advance(&mut self, scene: &Scene, stretch: usize, flow: Flow, play: &mut Play) {
        if self.independent {
            for version in Version::ALL {
                if version == Version::Canary || self.demand.reads(version) {
                    self.advance_version(scene, stretch, version, flow, play);
                }
            }
        } else {
            self.divide_stretch(scene, stretch, flow, play);
        }
        let stretch = &scene.schedule.stretches[stretch];
        if stretch.edge {
            let now = scene.schedule.pieces[stretch.pieces.end - 1].to;
            self.demand.scrape(&mut play.telemetry, now);
        }
    }

    /// One version's stretch, when all counts are independent. Series that exist are counted over
    /// the whole stretch; those that do not, scrape by scrape, because what their first scrape
    /// reads matters.
    fn advance_version(
        &mut self,
        scene: &Scene,
        stretch: usize,
        version: Version,
        flow: Flow,
        play: &mut Play,
    ) {
        let stretch = &scene.schedule.stretches[stretch];
        let read = self.demand.reads(version);
        // A route's series may appear at any scrape too.
        let every = read && self.demand.routes != 0 && !self.born_at_start;
        let unborn = Status::BOTH.map(|status| {
            every || read && !self.born_at_start && !play.telemetry.is_born(version, status)
        });
        let swung = if play.luck.swings() {
            let pieces = &scene.schedule.pieces[stretch.pieces.clone()];
            let end = pieces[pieces.len() - 1].to;
            play.luck.expected(pieces[0].from, end)
        } else {
            None
        };
        let mut item = Item {
            version,
            condition: stretch.condition,
            expected: swung.unwrap_or(stretch.expected),
            frequent: stretch.frequent && swung.is_none(),
            wanted: unborn.map(|unborn| !unborn),
        };
        if unborn != [true; 2] {
            self.draw(scene, item, flow, play);
        }
        if unborn == [false; 2] {
            return;
        }
        item.wanted = unborn;
        for index in stretch.pieces.clone() {
            let piece = &scene.schedule.pieces[index];
            let swung = play.luck.expected(piece.from, piece.to);
            item.expected = swung.unwrap_or(piece.expected);
            item.frequent = piece.frequent && swung.is_none();
            self.draw(scene, item, flow, play);
            let edge = stretch.edge && index + 1 == stretch.pieces.end;
            if piece.scraped && !edge && (every || appeared(&play.telemetry, version)) {
                play.telemetry.scrape(version, piece.to);
            }
        }
    }

    /// Draws the counts of the wanted statuses of one version.
    fn draw(&mut self, scene: &Scene, item: Item, flow: Flow, play: &mut Play) {
        let groups = scene.conditions[item.condition].of(item.version);
        let plain = play.luck.is_plain(item.version);
        let mirrored = flow.mirrored(item.version);
        if plain && item.frequent {
            for (share, users) in [(flow.share(item.version), true), (mirrored, false)] {
                if share > 0.0 {
                    let arm = self.arms.prepare(item, share, groups, self.filler.places());
                    self.filler.draw_prepared(item, groups, arm, users, play);
                }
            }
            return;
        }
        let shares = play.luck.shares(item.version, flow);
        self.filler.draw_directly(item, groups, shares, true, play);
        if mirrored > 0.0 {
            let shares = play.luck.everyone().map(|share| share * mirrored);
            self.filler.draw_directly(item, groups, shares, false, play);
        }
    }

    /// A stretch in which the number of requests is given, piece by piece.
    fn divide_stretch(&mut self, scene: &Scene, stretch: usize, flow: Flow, play: &mut Play) {
        let stretch = &scene.schedule.stretches[stretch];
        for index in stretch.pieces.clone() {
            let piece = &scene.schedule.pieces[index];
            let swung = play.luck.expected(piece.from, piece.to);
            let expected = swung.unwrap_or(piece.expected);
            let requests = match self.arrivals {
                Arrivals::Even => play.luck.even_arrivals(expected),
                _ => Poisson::new(expected).sample(&mut play.luck.arrivals),
            };
            let shares = play.luck.shares(Version::Canary, flow);
            let canary = match self.split {
                Split::Even => self.in_turn.take(requests, flow.canary),
                _ => binomial(requests, shares.iter().sum(), &mut play.luck.split),
            };
            let baseline = match flow.baseline {
                0.0 => 0,
                share => {
                    let others = 1.0 - flow.canary;
                    binomial(requests - canary, share / others, &mut play.luck.split)
                }
            };
            let stable = requests - canary - baseline;
            let mirrored = binomial(stable, flow.mirror, &mut play.luck.split);
            let everyone = play.luck.everyone();
            let groups = &scene.conditions[stretch.condition];
            for (version, requests) in [(Version::Stable, stable), (Version::Baseline, baseline)] {
                if self.demand.reads(version) && (version == Version::Stable || requests > 0) {
                    let whole = play.luck.within_stable(flow);
                    let groups = groups.of(version);
                    self.filler
                        .divide(version, groups, whole, requests, true, play);
                }
            }
            let groups = groups.of(Version::Canary);
            self.filler
                .divide(Version::Canary, groups, shares, canary, true, play);
            self.filler
                .divide(Version::Canary, groups, everyone, mirrored, false, play);
            let edge = stretch.edge && index + 1 == stretch.pieces.end;
            if piece.scraped && !edge {
                self.demand.scrape(&mut play.telemetry, piece.to);
            }
        }
    }
}

/// Whether a scrape now would find a series that no scrape has found before.
fn appeared(telemetry: &Telemetry, version: Version) -> bool {
    Status::BOTH.into_iter().any(|status| {
        !telemetry.is_born(version, status)
            && telemetry.counters(version).requests[status as usize] > 0
    })
}

#[cfg(test)]
mod tests;
