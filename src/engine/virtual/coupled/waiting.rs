//! The same play in its shortest form, for requests that have nothing in common but the workers they
//! wait for: no users, no faults, no mesh that reacts. Draws are those of the general form, one for
//! one, so that a world with a fault and the same world without meet the same luck.

use std::sync::atomic::AtomicBool;

use rand::{Rng, RngExt};

use crate::model::World;
use crate::model::service::{Admission, Discipline, Fleet};
use crate::model::split::{Rules, Split};
use crate::model::traffic::Clock;
use crate::telemetry::{Demand, Status, Version};

use super::ending::REFUSAL;
use super::ledger::Answer;
use super::{Coupled, Play};
use crate::engine::actors::fleet::Line;
use crate::engine::r#virtual::lookout::Lookout;

/// Whether this form will do for a world.
pub(super) fn is_all(world: &World, demand: Demand) -> bool {
    let simple = |fleet: &Fleet| {
        fleet.pauses.is_none()
            && fleet.placement.is_none()
            && fleet.cache.is_none()
            && (fleet.warm || fleet.warm_up.is_none())
            && (fleet.capacity).is_none_or(|capacity| capacity.discipline == Discipline::Fifo)
    };
    world.traffic.sessions.is_none()
        && world.traffic.groups.is_empty()
        && world.traffic.routes.len() <= 1
        && world.faults.is_empty()
        && world.split == Split::Random
        && world.rules == Rules::default()
        && world.affinity.is_none()
        && world.retries.is_none()
        && world.ejection.is_none()
        && simple(&world.stable.fleet)
        && simple(&world.canary.fleet)
        && !demand.goals
        && !demand.users
        && demand.routes == 0
}

impl Coupled {
    /// Plays the requests between `start` and `end`; copies are not made.
    pub(super) fn race(
        &mut self,
        start: f64,
        end: f64,
        clock: &mut Clock<'_>,
        play: &mut Play,
        stop: &AtomicBool,
    ) {
        // Kept where the loop can hold them.
        let mut arrivals = play.luck.arrivals.clone();
        let mut split = play.luck.split.clone();
        let mut answers = Version::BOTH.map(|version| play.luck.of(version).clone());
        let (canary, finder) = (self.weights.canary, self.ledger.finder());
        let reads = Version::BOTH.map(|version| self.demand.reads(version));
        let places = self.demand.latency || self.demand.sums;
        let width = finder.len();
        self.counted.clear();
        self.counted.resize(4 * width, 0);
        let mut seconds = [0.0; 4];
        let mut last = start;
        let mut met = [0_u64; 2];
        let mut lookout = Lookout::default();
        while let Some(at) = clock.advance(last, self.owed * self.per_arrival, end) {
            if lookout.sees(stop) {
                break;
            }
            last = at;
            self.owed = self.gaps.draw(&mut arrivals);
            let index = usize::from(split.random::<f64>() < canary);
            if self.idle[index] {
                continue;
            }
            let version = Version::BOTH[index];
            let answering = &self.answering[index][0];
            let stream = &mut answers[index];
            let mut failed = stream.next_u64() >> 11 < answering.errors;
            let work = answering.latency.sample(stream);
            let (place, instance) = self.pool.next_of(version);
            let mut took = match &mut instance.line {
                Line::Queue(queue) => match queue.arrive(at, work) {
                    Admission::Served { end, .. } => end - at,
                    Admission::Refused => {
                        failed = true;
                        REFUSAL
                    }
                },
                _ => work,
            };
            let patience = self.patience[index];
            if took > patience {
                failed = true;
                took = patience;
            }
            if index == 1 {
                met[0] += 1;
                met[1] += u64::from(failed || self.slower & 1 != 0);
            }
            if !reads[index] {
                continue;
            }
            let row = 2 * index + usize::from(failed);
            if at + took <= end {
                let bucket = if places { finder.index(took) } else { 0 };
                self.counted[row * width + bucket] += 1;
                seconds[row] += took;
            } else {
                let answer = Answer {
                    version,
                    route: 0,
                    instance: place as u16,
                    status: Status::BOTH[usize::from(failed)],
                    seconds: took,
                };
                self.ledger.put_off(at + took, answer);
            }
        }
        self.owed = (self.owed - clock.expected(last, end) / self.per_arrival).max(0.0);
        play.luck.arrivals = arrivals;
        play.luck.split = split;
        for (version, stream) in Version::BOTH.into_iter().zip(answers) {
            *play.luck.of(version) = stream;
        }
        play.tally.canary += met[0];
        play.tally.expose(0, met[1]);
        self.file(width, seconds, play);
    }

    /// Adds what was counted apart to the counters.
    fn file(&self, width: usize, seconds: [f64; 4], play: &mut Play) {
        let rows = self.counted.chunks(width).zip(seconds).enumerate();
        for (row, (counted, seconds)) in rows {
            let (version, status) = (Version::BOTH[row / 2], Status::BOTH[row % 2]);
            let counters = play.telemetry.counters_mut(version);
            let total: u64 = counted.iter().map(|count| u64::from(*count)).sum();
            counters.requests[status as usize] += total;
            if self.demand.sums {
                counters.seconds[status as usize] += seconds;
            }
            if self.demand.latency || self.demand.sums {
                for (cell, count) in counters.row_mut(status).iter_mut().zip(counted) {
                    *cell += u64::from(*count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::base::{Probability, Seed, Span, Time, Weight};
    use crate::engine::r#virtual::tests::world_at;
    use crate::engine::r#virtual::{Kind, Player, Setting};
    use crate::gate::{Gate, LatencyQuantile};
    use crate::model::World;
    use crate::model::fault::{Corruption, Fault, FaultKind, Schedule, Scope, Target};
    use crate::model::service::{Capacity, Discipline};
    use crate::rollout::{self, StagedPlan, Step};
    use crate::telemetry::{Birth, Buckets, Phase, Plan, Sampling, Version};

    /// Everything measured in one rollout, tick by tick.
    fn measured(world: &World) -> Vec<String> {
        let plan = Plan::plain(
            Sampling::Scraped {
                interval: Span::from_secs(15),
                phase: Phase::Fixed(Span::from_secs(7)),
            },
            Birth::Zero,
            Buckets::istio(),
        );
        let step = Step {
            weight: Weight::clamped(20.0),
            hold: Span::from_secs(600),
            mirror: Weight::ZERO,
            pause: false,
        };
        let rollout = rollout::Plan::Staged(StagedPlan::new([step], Span::from_secs(60)));
        let analysis = [Gate::LatencyQuantile(LatencyQuantile {
            route: None,
            window: Span::from_secs(60),
            quantile: Probability::new(0.99).unwrap(),
            max: Span::from_secs(3_600),
            min_requests: 0,
        })];
        let mut player = Player::new(Setting {
            world,
            telemetry: &plan,
            rollout: &rollout,
            analysis: &analysis,
            onlookers: &[],
            horizon: Span::from_secs(600),
            aftermath: Span::ZERO,
            held: None,
            engine: Kind::Coupled,
            observe: true,
        });
        let mut seen = Vec::new();
        let trial = player.watch(Seed::DEFAULT, 3, &mut |tick| {
            let counters = Version::BOTH.map(|version| tick.telemetry.counters(version).clone());
            seen.push(format!("{counters:?}"));
        });
        seen.push(format!("{trial:?}"));
        seen
    }

    #[test]
    fn the_shortest_form_plays_what_the_general_form_plays() {
        let mut world = world_at(118.0);
        // Nearly all of the requests of a busy hour: some are turned away, some given up.
        let capacity = Capacity {
            workers: 6,
            queue: Some(20),
            timeout: Some(Span::from_millis(400)),
            discipline: Discipline::Fifo,
        };
        world.stable.fleet.capacity = Some(capacity);
        world.canary.fleet.capacity = Some(capacity);
        // A fault that never comes sends the same world through the general form.
        let mut long = world.clone();
        long.faults.push(Fault {
            kind: FaultKind::Corrupt {
                probability: Probability::ONE,
                how: Corruption::default(),
            },
            target: Target::Canary,
            schedule: Schedule {
                onset: Time::from_secs(1_000_000),
                ..Schedule::ALWAYS
            },
            scope: Scope::EVERYONE,
        });
        let (short, long) = (measured(&world), measured(&long));
        assert!(short.len() > 10);
        assert_eq!(short, long);
    }
}
