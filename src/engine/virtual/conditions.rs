//! What each condition of a schedule does to a request, as probabilities: the groups in which the
//! requests of a version end, and how each group's latencies fall into the histogram's buckets.

use crate::base::Probability;
use crate::model::service::Service;
use crate::model::{Course, Outcome, World};
use crate::stats::draw::Alias;
use crate::telemetry::{Buckets, Demand, Plan, Reporter, Status, Version};

use super::schedule::Schedule;

/// Requests of one version, in one stratum of users, that end alike as far as anybody counts.
#[derive(Debug, Clone)]
pub struct Group {
    /// How they end.
    pub status: Status,
    /// Whether anybody counts them: a server does not see those that it never answers.
    pub counted: bool,
    /// Whether their users met the fault.
    pub touched: bool,
    /// Stratum of users, an index into [`World::strata`]; stable's users are told apart only where
    /// a fault of stable's does.
    pub stratum: usize,
    /// The route that all of them ask for, where its own series is read.
    pub route: Option<usize>,
    /// Chance of each goal for one of them, and `None` where it does not belong to their route;
    /// empty when nobody reads goals.
    pub goals: Vec<Option<f64>>,
    /// Share of the stratum's requests.
    pub probability: f64,
    /// Chance of each bucket, given the group.
    pub buckets: Vec<f64>,
    /// The same, to draw from.
    pub alias: Alias,
    /// Mean and variance of the latency in each bucket, in seconds; made when sums are asked for.
    pub moments: Vec<(f64, f64)>,
    /// The courses behind it, with their cumulative share of the group, to draw latencies from.
    pub courses: Vec<(f64, Course)>,
}

/// One condition: the groups of all versions.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Groups of stable, of the canary and, where it is read, of the baseline.
    pub groups: [Vec<Group>; 3],
}

/// What keeps the requests of different groups apart.
#[derive(Debug, Clone, PartialEq)]
struct Kind {
    status: Status,
    counted: bool,
    touched: bool,
    route: Option<usize>,
    goals: Vec<Option<f64>>,
}

/// What groups are made for.
struct Maker<'a> {
    world: &'a World,
    plan: &'a Plan,
    demand: Demand,
}

impl Condition {
    /// The groups under every condition of a schedule, as `demand` needs them.
    pub fn all(world: &World, schedule: &Schedule, plan: &Plan, demand: Demand) -> Vec<Condition> {
        let maker = Maker {
            world,
            plan,
            demand,
        };
        let one = |severities: &Vec<f64>| {
            let stable = maker.groups(false, severities);
            let baseline = if world.rules.baseline {
                stable.clone()
            } else {
                Vec::new()
            };
            Condition {
                groups: [stable, maker.groups(true, severities), baseline],
            }
        };
        schedule.conditions.iter().map(one).collect()
    }

    /// A version's groups.
    pub fn of(&self, version: Version) -> &[Group] {
        &self.groups[version as usize]
    }
}

impl Maker<'_> {
    /// A version's groups, stratum after stratum.
    fn groups(&self, canary: bool, severities: &[f64]) -> Vec<Group> {
        let world = self.world;
        if !canary && !world.divides_stable() {
            let courses = world.stable_courses(1.0, severities);
            return self.divide(canary, (0, 1.0), severities, courses);
        }
        let mut groups = Vec::new();
        for (index, stratum) in world.strata().into_iter().enumerate() {
            let courses = if canary {
                world.canary_courses(stratum, severities)
            } else {
                world.stable_courses(stratum, severities)
            };
            groups.extend(self.divide(canary, (index, stratum), severities, courses));
        }
        groups
    }

    /// Divides the courses of one stratum into groups.
    fn divide(
        &self,
        canary: bool,
        (index, stratum): (usize, f64),
        severities: &[f64],
        courses: Vec<Course>,
    ) -> Vec<Group> {
        let mut kinds: Vec<(Kind, Vec<Course>)> = Vec::new();
        for course in courses {
            let kind = self.kind(canary, stratum, severities, &course);
            match kinds.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, alike)) => alike.push(course),
                None => kinds.push((kind, vec![course])),
            }
        }
        // Stable: kinds that are equal here keep the order of the routes.
        kinds.sort_by_key(|(kind, _)| (!kind.counted, kind.status, kind.touched));
        let service = if canary {
            &self.world.canary
        } else {
            &self.world.stable
        };
        (kinds.into_iter())
            .map(|(kind, alike)| self.group(kind, index, service, &alike))
            .collect()
    }

    fn kind(&self, canary: bool, stratum: f64, severities: &[f64], course: &Course) -> Kind {
        let answered = course.outcome.is_answered();
        let counted = answered || self.plan.reporter == Reporter::Client;
        let failed = match self.plan.reporter {
            Reporter::Server if answered => course.outcome.is_server_error(),
            _ => course.outcome.is_failure(),
        };
        let apart = course.route < 32 && self.demand.routes >> course.route & 1 == 1;
        let goals = if self.demand.goals {
            let chance = |goal| {
                let chance =
                    self.world
                        .goal_chance(goal, canary, course.route, stratum, severities)?;
                Some(if course.outcome == Outcome::Right {
                    chance
                } else {
                    0.0
                })
            };
            (0..self.world.goals.len()).map(chance).collect()
        } else {
            Vec::new()
        };
        Kind {
            status: if failed {
                Status::Failure
            } else {
                Status::Success
            },
            counted,
            touched: course.touched,
            route: apart.then_some(course.route),
            goals,
        }
    }

    fn group(&self, kind: Kind, stratum: usize, service: &Service, alike: &[Course]) -> Group {
        let bounds = &self.plan.buckets;
        let probability: f64 = alike.iter().map(|course| course.probability).sum();
        let buckets = bucket_shares(alike, service, bounds, probability);
        let mut below = 0.0;
        let cumulative = alike.iter().map(|course| {
            below += course.probability / probability;
            (below, *course)
        });
        Group {
            status: kind.status,
            counted: kind.counted,
            touched: kind.touched,
            stratum,
            route: kind.route,
            goals: kind.goals,
            probability,
            alias: Alias::new(&buckets),
            moments: if self.demand.sums {
                moments(alike, service, bounds, &buckets, probability)
            } else {
                Vec::new()
            },
            courses: cumulative.collect(),
            buckets,
        }
    }
}

fn bucket_shares(
    courses: &[Course],
    service: &Service,
    bounds: &Buckets,
    probability: f64,
) -> Vec<f64> {
    let mut shares = vec![0.0; bounds.len()];
    for course in courses {
        let latency = service.latency_of(course.route);
        let weight = course.probability / probability;
        let mut below = 0.0;
        for (index, share) in shares.iter_mut().enumerate() {
            let up_to = if index + 1 == bounds.len() {
                1.0
            } else {
                course.cdf(latency, bounds.bound_seconds(index))
            };
            *share += weight * (up_to - below).max(0.0);
            below = up_to;
        }
    }
    shares
}

/// Mean and variance of the latency given the bucket, by the midpoint rule over probability.
fn moments(
    courses: &[Course],
    service: &Service,
    bounds: &Buckets,
    buckets: &[f64],
    probability: f64,
) -> Vec<(f64, f64)> {
    const SLICES: u32 = 64;
    let edge = |index: usize, course: &Course| match index {
        0 => 0.0,
        _ if index == bounds.len() => 1.0,
        _ => course.cdf(
            service.latency_of(course.route),
            bounds.bound_seconds(index - 1),
        ),
    };
    let of_bucket = |bucket: usize| {
        let (mut first, mut second) = (0.0, 0.0);
        for course in courses {
            let latency = service.latency_of(course.route);
            let (low, high) = (edge(bucket, course), edge(bucket + 1, course));
            let weight = course.probability / probability * (high - low) / f64::from(SLICES);
            if weight <= 0.0 {
                continue;
            }
            for slice in 0..SLICES {
                let u = low + (high - low) * (f64::from(slice) + 0.5) / f64::from(SLICES);
                let base = latency.quantile(Probability::new(u).unwrap_or(Probability::ONE));
                let seconds = base * course.multiply + course.add;
                first += weight * seconds;
                second += weight * seconds * seconds;
            }
        }
        let share = buckets[bucket];
        if share <= 0.0 {
            return (0.0, 0.0);
        }
        let mean = first / share;
        (mean, (second / share - mean * mean).max(0.0))
    };
    (0..bounds.len()).map(of_bucket).collect()
}
