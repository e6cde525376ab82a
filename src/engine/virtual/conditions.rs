//! What each condition of a schedule does to a request, as probabilities: the groups in which the
//! requests of a version end, and how each group's latencies fall into the histogram's buckets.

use crate::base::Probability;
use crate::model::service::Latency;
use crate::model::{Course, World};
use crate::stats::draw::Alias;
use crate::telemetry::{Buckets, Status, Version};

use super::schedule::Schedule;

/// Requests of one version, in one stratum of users, that end alike as far as anybody counts.
#[derive(Debug, Clone)]
pub struct Group {
    /// How they end.
    pub status: Status,
    /// Whether their users met the fault.
    pub touched: bool,
    /// Stratum of users, an index into [`World::strata`]; stable's users are not told apart.
    pub stratum: usize,
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

/// One condition: the groups of both versions.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Groups of stable and of the canary.
    pub groups: [Vec<Group>; 2],
}

impl Condition {
    /// The groups under every condition of a schedule.
    pub fn all(world: &World, schedule: &Schedule, bounds: &Buckets, sums: bool) -> Vec<Condition> {
        let strata = world.strata();
        let one = |severities: &Vec<f64>| {
            let stable = world.stable_courses();
            let mut groups = [
                group(&stable, &world.stable.latency, 0, bounds, sums),
                Vec::new(),
            ];
            for (index, &stratum) in strata.iter().enumerate() {
                let courses = world.canary_courses(stratum, severities);
                groups[1].extend(group(&courses, &world.canary.latency, index, bounds, sums));
            }
            Condition { groups }
        };
        schedule.conditions.iter().map(one).collect()
    }

    /// A version's groups.
    pub fn of(&self, version: Version) -> &[Group] {
        &self.groups[version as usize]
    }
}

fn group(
    courses: &[Course],
    latency: &Latency,
    stratum: usize,
    bounds: &Buckets,
    sums: bool,
) -> Vec<Group> {
    let mut groups = Vec::new();
    for (failed, touched) in [(false, false), (false, true), (true, false), (true, true)] {
        let alike: Vec<Course> = courses
            .iter()
            .filter(|course| course.failed == failed && course.touched == touched)
            .copied()
            .collect();
        let probability: f64 = alike.iter().map(|course| course.probability).sum();
        if probability == 0.0 {
            continue;
        }
        let buckets = bucket_shares(&alike, latency, bounds, probability);
        let mut below = 0.0;
        let cumulative = alike.iter().map(|course| {
            below += course.probability / probability;
            (below, *course)
        });
        groups.push(Group {
            status: if failed {
                Status::Failure
            } else {
                Status::Success
            },
            touched,
            stratum,
            probability,
            alias: Alias::new(&buckets),
            moments: if sums {
                moments(&alike, latency, bounds, &buckets, probability)
            } else {
                Vec::new()
            },
            buckets,
            courses: cumulative.collect(),
        });
    }
    groups
}

fn bucket_shares(
    courses: &[Course],
    latency: &Latency,
    bounds: &Buckets,
    probability: f64,
) -> Vec<f64> {
    let mut shares = vec![0.0; bounds.len()];
    for course in courses {
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
    latency: &Latency,
    bounds: &Buckets,
    buckets: &[f64],
    probability: f64,
) -> Vec<(f64, f64)> {
    const SLICES: u32 = 64;
    let edge = |index: usize, course: &Course| match index {
        0 => 0.0,
        _ if index == bounds.len() => 1.0,
        _ => course.cdf(latency, bounds.bound_seconds(index - 1)),
    };
    let of_bucket = |bucket: usize| {
        let (mut first, mut second) = (0.0, 0.0);
        for course in courses {
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
