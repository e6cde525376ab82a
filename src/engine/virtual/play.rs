//! What an engine needs to play a stretch: the scene, which stays, and the play, which moves.

use crate::model::World;
use crate::rollout::{Reach, Routing};
use crate::telemetry::{Telemetry, Version};

use super::conditions::{Condition, Group};
use super::luck::{Luck, MOST_STRATA};
use super::schedule::Schedule;

/// What is the same in every trial of a cell.
#[derive(Debug)]
pub struct Scene {
    /// The time line.
    pub schedule: Schedule,
    /// What each of its conditions does to a request.
    pub conditions: Vec<Condition>,
}

/// One trial under way.
#[derive(Debug)]
pub struct Play {
    /// Its luck.
    pub luck: Luck,
    /// What was measured so far.
    pub telemetry: Telemetry,
    /// What users met so far.
    pub tally: Tally,
}

/// Where requests go, as shares of all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Share meant for the canary, before rules and replicas.
    pub weight: f64,
    /// Share answered by the canary.
    pub canary: f64,
    /// Share of stable's requests copied to the canary.
    pub mirror: f64,
}

/// What users met so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    /// Users' requests that the canary answered.
    pub canary: u64,
    /// Of these, the failed or slowed ones.
    pub exposed: u64,
    /// The exposed ones by stratum of users, at each canary share that there has been.
    pub levels: Vec<(f64, [u64; MOST_STRATA])>,
}

impl Flow {
    /// The flow of a routing in `world`; `held` replaces the canary's weight while it has any.
    pub fn new(routing: Routing, world: &World, held: Option<f64>) -> Flow {
        let matched = world.matched.get();
        let canary = match (routing.canary.is_zero(), held, routing.reach) {
            (true, _, _) => 0.0,
            (false, Some(held), _) => held,
            (false, None, Reach::Everyone) => routing.canary.share(),
            (false, None, Reach::Matched) => routing.canary.share() * matched,
        };
        Flow {
            weight: canary,
            canary,
            mirror: routing.mirror.share(),
        }
    }

    /// A version's share of users' requests.
    pub fn share(self, version: Version) -> f64 {
        match version {
            Version::Stable => 1.0 - self.canary,
            Version::Canary => self.canary,
            Version::Baseline => 0.0,
        }
    }

    /// Share of all requests copied to a version.
    pub fn mirrored(self, version: Version) -> f64 {
        match version {
            Version::Stable | Version::Baseline => 0.0,
            Version::Canary => self.mirror * (1.0 - self.canary),
        }
    }
}

impl Tally {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.canary = 0;
        self.exposed = 0;
        self.levels.clear();
    }

    /// The canary's share is this from now on.
    pub fn enter(&mut self, canary: f64) {
        if self.levels.last().is_none_or(|(share, _)| *share != canary) {
            self.levels.push((canary, [0; MOST_STRATA]));
        }
    }

    /// Adds requests of a group; copies (`users` false) hurt nobody.
    #[inline]
    pub fn add(&mut self, version: Version, group: &Group, requests: u64, users: bool) {
        if version == Version::Canary && users {
            self.canary += requests;
            if group.touched {
                self.expose(group.stratum, requests);
            }
        }
    }

    /// Adds failed or slowed requests.
    #[inline]
    pub fn expose(&mut self, stratum: usize, requests: u64) {
        self.exposed += requests;
        if let Some((_, strata)) = self.levels.last_mut() {
            strata[stratum] += requests;
        }
    }
}
