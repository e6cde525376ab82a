//! What an engine needs to play a stretch: the scene, which stays, and the play, which moves.

use crate::base::Weight;
use crate::model::World;
use crate::model::split::Rules;
use crate::rollout::{Reach, Routing};
use crate::telemetry::{Telemetry, Version, Weights};

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
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Flow {
    /// Share meant for the canary, before rules and replicas.
    pub weight: f64,
    /// Share answered by the canary.
    pub canary: f64,
    /// Share answered by the baseline.
    pub baseline: f64,
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
        let (weight, by_weight) = match (routing.canary.is_zero(), held, routing.reach) {
            (true, _, _) => (0.0, true),
            (false, Some(held), _) => (held, true),
            (false, None, Reach::Everyone) => (routing.canary.share(), true),
            (false, None, Reach::Matched) => (routing.canary.share() * world.matched.get(), false),
            (false, None, Reach::EveryoneAndMatched) => {
                let matched = world.matched.get();
                let others = share_of(routing.canary.share(), &world.rules);
                (matched + (1.0 - matched) * others, false)
            }
        };
        let canary = if weight > 0.0 && by_weight {
            share_of(weight, &world.rules)
        } else {
            weight
        };
        Flow {
            weight,
            canary,
            // As much as the canary, but never more than what stable has.
            baseline: if world.rules.baseline {
                canary.min(1.0 - canary)
            } else {
                0.0
            },
            mirror: routing.mirror.share(),
        }
    }

    /// The weights that the splitter is asked for, where they tell what counters show.
    pub fn weights(self) -> Option<Weights> {
        (self.mirror == 0.0).then(|| Weights {
            canary: Weight::clamped(self.weight * 100.0),
            baseline: Weight::clamped(self.baseline * 100.0),
        })
    }

    /// A version's share of users' requests.
    pub fn share(self, version: Version) -> f64 {
        match version {
            Version::Stable => 1.0 - self.canary - self.baseline,
            Version::Canary => self.canary,
            Version::Baseline => self.baseline,
        }
    }

    /// The version of a request that draws this number from 0 to 1.
    #[inline]
    pub fn choose(self, uniform: f64) -> Version {
        if uniform < self.canary {
            Version::Canary
        } else if uniform >= 1.0 - self.baseline {
            Version::Baseline
        } else {
            Version::Stable
        }
    }

    /// Share of all requests copied to a version.
    pub fn mirrored(self, version: Version) -> f64 {
        match version {
            Version::Stable | Version::Baseline => 0.0,
            Version::Canary => self.mirror * self.share(Version::Stable),
        }
    }
}

/// The share of requests that a weight leads to the canary.
fn share_of(weight: f64, rules: &Rules) -> f64 {
    let share = rules.share(weight);
    match rules.matched {
        Some(matched) => matched.get() + (1.0 - matched.get()) * share,
        None => share,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Probability, Weight};
    use crate::engine::r#virtual::tests::world_at;

    fn flow(percent: f64, rules: Rules) -> Flow {
        let routing = Routing {
            canary: Weight::percent(percent).unwrap(),
            ..Routing::STABLE
        };
        let world = World {
            rules,
            ..world_at(1.0)
        };
        Flow::new(routing, &world, None)
    }

    #[test]
    fn replicas_round_a_weight_up_to_whole_pods() {
        let pods = |pods| Rules {
            replicas: Some(pods),
            ..Rules::default()
        };
        for (percent, replicas, canary) in [
            (10.0, 6, 1.0 / 7.0),
            (10.0, 1, 0.5),
            (50.0, 6, 0.5),
            (10.0, 10, 0.1),
            (100.0, 6, 1.0),
            (0.0, 6, 0.0),
        ] {
            let share = flow(percent, pods(replicas)).canary;
            assert!((share - canary).abs() < 1e-12, "{percent} % of {replicas}");
        }
    }

    #[test]
    fn matching_requests_go_to_the_canary_while_it_has_any_weight() {
        let rules = Rules {
            matched: Probability::new(0.05),
            ..Rules::default()
        };
        assert!((flow(10.0, rules).canary - (0.05 + 0.95 * 0.1)).abs() < 1e-12);
        assert_eq!(flow(0.0, rules).canary, 0.0);
    }

    #[test]
    fn a_baseline_gets_as_much_as_the_canary_while_there_is_enough() {
        let rules = Rules {
            baseline: true,
            ..Rules::default()
        };
        for (percent, baseline) in [(0.0, 0.0), (10.0, 0.1), (50.0, 0.5), (80.0, 0.2)] {
            let flow = flow(percent, rules);
            assert!((flow.baseline - baseline).abs() < 1e-12, "{percent}");
            let all: f64 = Version::ALL.map(|version| flow.share(version)).iter().sum();
            assert!((all - 1.0).abs() < 1e-12 && flow.share(Version::Stable) > -1e-12);
        }
    }
}
