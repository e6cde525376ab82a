//! Draws prepared once for a version that gets a known number of requests, used in every trial.

use std::collections::BTreeMap;

use crate::base::Stream;
use crate::stats::draw::{Halves, Poisson, PoissonBank, PoissonTable};
use crate::telemetry::Version;

use super::conditions::Group;

/// What is drawn at once: a stretch of a version's time, or a piece of one.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// Whose requests.
    pub version: Version,
    /// Under which condition.
    pub condition: usize,
    /// Requests expected, both versions.
    pub expected: f64,
    /// Whether this comes often enough to prepare for.
    pub frequent: bool,
    /// Which statuses to draw.
    pub wanted: [bool; 2],
}

/// Draws prepared for each group of a version.
#[derive(Debug)]
pub struct Arm {
    /// One for each group.
    pub groups: Vec<Prepared>,
}

/// Draws prepared for one group.
#[derive(Debug)]
pub struct Prepared {
    /// How many requests.
    pub total: Count,
    /// How many in each bucket, where that is cheaper than request by request.
    pub buckets: Option<PoissonBank>,
}

/// A group's number of requests.
#[derive(Debug)]
pub enum Count {
    /// By inverse table, so that equal luck gives similar counts under similar means.
    Table(PoissonTable),
    /// By computation: its mean is too large for a table.
    Direct(Poisson),
}

/// All arms prepared so far.
#[derive(Debug, Default)]
pub struct Arms {
    arms: Vec<Arm>,
    index: BTreeMap<Key, usize>,
    /// The arms used last: the same few come again and again.
    recent: Vec<(Key, usize)>,
}

/// Version, condition, expected requests and share.
type Key = (Version, usize, u64, u64);

/// Up to this many requests per bucket, placing each request costs less than drawing each bucket.
pub const SPARSE: f64 = 1.75;

impl Arms {
    /// How many recent arms to look through first.
    const RECENT: usize = 8;

    /// The arm of `item` at a share of all requests.
    pub fn prepare(&mut self, item: Item, share: f64, groups: &[Group], place: bool) -> &Arm {
        let key = (
            item.version,
            item.condition,
            item.expected.to_bits(),
            share.to_bits(),
        );
        if let Some((_, index)) = self.recent.iter().find(|(other, _)| *other == key) {
            return &self.arms[*index];
        }
        let next = self.arms.len();
        let index = *self.index.entry(key).or_insert(next);
        if index == next {
            let mean = item.expected * share;
            let prepare = |group: &Group| Prepared::new(group, mean * group.probability, place);
            self.arms.push(Arm {
                groups: groups.iter().map(prepare).collect(),
            });
        }
        if self.recent.len() == Arms::RECENT {
            self.recent.remove(0);
        }
        self.recent.push((key, index));
        &self.arms[index]
    }
}

impl Prepared {
    fn new(group: &Group, mean: f64, place: bool) -> Prepared {
        let dense = place && group.counted && mean > SPARSE * group.buckets.len() as f64;
        let by_bucket = || PoissonBank::new(group.buckets.iter().map(|share| mean * share));
        Prepared {
            total: Count::new(mean),
            buckets: dense.then(by_bucket),
        }
    }
}

impl Count {
    fn new(mean: f64) -> Count {
        match PoissonTable::new(mean) {
            Some(table) => Count::Table(table),
            None => Count::Direct(Poisson::new(mean)),
        }
    }

    /// Draws the count.
    #[inline]
    pub fn draw(&self, halves: &mut Halves<'_, Stream>) -> u64 {
        match self {
            Count::Table(table) => u64::from(table.count(halves.take())),
            Count::Direct(poisson) => poisson.sample(halves.stream()),
        }
    }
}
