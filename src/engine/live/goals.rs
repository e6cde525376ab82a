//! What the business counts of a run: the load generator adds, others read.
//!
//! As in virtual time, every request of a user on one of a goal's routes is an opportunity, however
//! it was answered, and its value is what the answer says. Only who makes the requests can add up by
//! user, because a user's visits go to many instances.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::service::Goal;
use crate::telemetry::exposition::GoalReading;
use crate::telemetry::{GoalSums, UserSums, Version};

/// Sums of goals by version and route. One [`GoalCounter`] adds, anybody reads.
#[derive(Debug)]
pub struct GoalTally {
    routes: usize,
    goals: usize,
    /// By version, by route (all of them first), by goal: seven sums as bits of numbers.
    cells: Box<[AtomicU64]>,
}

/// Adds to a [`GoalTally`].
#[derive(Debug)]
pub struct GoalCounter {
    tally: Arc<GoalTally>,
    /// Routes of each goal, as a set of bits.
    routes: Vec<u32>,
    /// Sums by user, goal, version and route, where anybody reads them.
    users: Option<BTreeMap<(u32, usize, Version, usize), UserSums>>,
}

/// Numbers of a [`GoalSums`].
const SUMS: usize = 7;

impl GoalTally {
    /// Nothing counted, for so many routes and goals.
    pub fn new(routes: usize, goals: usize) -> GoalTally {
        let cells = Version::ALL.len() * (routes + 1) * goals * SUMS;
        GoalTally {
            routes,
            goals,
            cells: (0..cells).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn cell(&self, version: Version, place: usize, goal: usize) -> &[AtomicU64] {
        let index = (version as usize * (self.routes + 1) + place) * self.goals + goal;
        &self.cells[index * SUMS..][..SUMS]
    }

    fn sums(&self, version: Version, place: usize, goal: usize) -> GoalSums {
        let cell = self.cell(version, place, goal);
        let value = |index: usize| f64::from_bits(cell[index].load(Ordering::Acquire));
        GoalSums {
            opportunities: value(0),
            sum: value(1),
            squares: value(2),
            cross: value(3),
            counts: value(4),
            users: value(5),
            values: value(6),
        }
    }

    fn store(&self, version: Version, place: usize, goal: usize, sums: GoalSums) {
        let values = [
            sums.opportunities,
            sums.sum,
            sums.squares,
            sums.cross,
            sums.counts,
            sums.users,
            sums.values,
        ];
        for (cell, value) in self.cell(version, place, goal).iter().zip(values) {
            cell.store(value.to_bits(), Ordering::Release);
        }
    }

    /// Everything counted so far, of which nothing was counted left out. What is counted meanwhile
    /// may be in some sums and not yet in others.
    pub fn read(&self) -> Vec<GoalReading> {
        let mut readings = Vec::new();
        for version in Version::ALL {
            for place in 0..=self.routes {
                for goal in 0..self.goals {
                    let sums = self.sums(version, place, goal);
                    if sums.opportunities > 0.0 {
                        readings.push(GoalReading {
                            version,
                            route: place.checked_sub(1),
                            goal,
                            sums,
                        });
                    }
                }
            }
        }
        readings
    }
}

impl GoalCounter {
    /// A counter of these goals into a tally for as many; `by_user` keeps sums by user, which takes
    /// memory for each.
    pub fn new(tally: Arc<GoalTally>, goals: &[Goal], by_user: bool) -> GoalCounter {
        GoalCounter {
            tally,
            routes: goals.iter().map(|goal| goal.routes).collect(),
            users: by_user.then(BTreeMap::new),
        }
    }

    /// Counts a user's request on a route that a version answered or failed to; `values` are what
    /// the answer says, one for each goal, and empty where there was none.
    pub fn count(&mut self, version: Version, route: usize, user: u32, values: &[f64]) {
        let GoalCounter {
            tally,
            routes,
            users,
        } = self;
        for (goal, on) in routes.iter().enumerate().take(tally.goals) {
            if on >> (route as u32).min(31) & 1 == 0 {
                continue;
            }
            let value = values.get(goal).copied().unwrap_or(0.0);
            // Once among all routes, once for its own.
            for place in [0, route + 1] {
                if place > tally.routes {
                    continue;
                }
                let mut sums = tally.sums(version, place, goal);
                match users {
                    None => sums.add(value),
                    Some(users) => {
                        let key = (user, goal, version, place);
                        sums.add_of_user(users.entry(key).or_default(), value);
                    }
                }
                tally.store(version, place, goal, sums);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Probability;
    use crate::model::service::GoalValue;

    fn goal(routes: u32) -> Goal {
        Goal {
            name: "conversion".to_owned(),
            probability: Probability::ONE,
            value: GoalValue::One,
            routes,
            spread: 0.0,
        }
    }

    #[test]
    fn sums_are_by_version_and_route_and_know_users_across_routes() {
        let tally = Arc::new(GoalTally::new(2, 2));
        // The second goal only after the second route.
        let goals = [goal(u32::MAX), goal(0b10)];
        let mut counter = GoalCounter::new(Arc::clone(&tally), &goals, true);
        counter.count(Version::Canary, 0, 7, &[1.0, 9.0]);
        counter.count(Version::Canary, 1, 7, &[0.0, 2.5]);
        counter.count(Version::Canary, 1, 8, &[]);
        let readings = tally.read();
        let of = |route, goal| {
            let reading = (readings.iter())
                .find(|reading| reading.route == route && reading.goal == goal)
                .unwrap();
            assert_eq!(reading.version, Version::Canary);
            reading.sums
        };
        assert_eq!(readings.len(), 5);
        let all = of(None, 0);
        assert_eq!((all.opportunities, all.sum, all.users), (3.0, 1.0, 2.0));
        // User 7: n = 2, x = 1; user 8: n = 1, x = 0.
        assert_eq!((all.counts, all.cross, all.values), (5.0, 2.0, 1.0));
        assert_eq!(of(Some(0), 0).opportunities, 1.0);
        assert_eq!(of(Some(1), 0).users, 2.0);
        let second = of(None, 1);
        assert_eq!((second.opportunities, second.sum), (2.0, 2.5));
        assert_eq!(of(Some(1), 1), second);
    }

    #[test]
    fn without_users_there_are_no_sums_by_user() {
        let tally = Arc::new(GoalTally::new(1, 1));
        let mut counter = GoalCounter::new(Arc::clone(&tally), &[goal(1)], false);
        counter.count(Version::Stable, 0, 3, &[4.0]);
        let sums = tally.read()[0].sums;
        assert_eq!((sums.opportunities, sums.squares), (1.0, 16.0));
        assert_eq!((sums.users, sums.counts), (0.0, 0.0));
    }
}
