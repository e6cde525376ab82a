//! What playing requests one by one needs: a clock that brings them, and the ways in which each
//! can end.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::base::{Stream, Time};
use crate::model::Course;
use crate::model::service::{Latency, Service};
use crate::model::traffic::{Arrivals, Profile};
use crate::stats::draw::Poisson;
use crate::telemetry::{Buckets, Version};

use super::conditions::Condition;
use super::play::Play;
use super::schedule::Piece;

/// The ways in which a request can end, version after version.
#[derive(Debug)]
pub(super) struct Ways {
    pub(super) ways: Vec<Way>,
    /// Index of each version's first way.
    first: [usize; 3],
    /// Buckets of the histogram.
    width: usize,
    /// For each table, upper limits of the buckets on the scale of the standard normal number that
    /// log-normal latencies come from; the last one is infinite.
    limits: Vec<f64>,
    /// For each table, where to begin among the limits.
    guide: Vec<u16>,
}

#[derive(Debug)]
pub(super) struct Way {
    pub(super) version: Version,
    /// Cumulative share of 2³² within its version.
    below: u32,
    /// An index into its version's groups.
    pub(super) group: usize,
    /// Whose latency it has.
    pub(super) route: usize,
    pub(super) multiply: f64,
    pub(super) add: f64,
    /// Which of the tables of limits is its own; ways of equal latency share one, for the cache.
    table: usize,
}

impl Ways {
    /// Slices of the guide for each unit of the normal number, which it covers from −8 to 8.
    const FINE: usize = 512;
    const SLICES: usize = 16 * Ways::FINE;

    pub(super) fn new(condition: &Condition, services: &[Service; 3], bounds: &Buckets) -> Ways {
        let mut all = Ways {
            ways: Vec::new(),
            first: [0; 3],
            width: bounds.len(),
            limits: Vec::new(),
            guide: Vec::new(),
        };
        for version in Version::ALL {
            all.first[version as usize] = all.ways.len();
            let mut below = 0.0;
            for (index, group) in condition.of(version).iter().enumerate() {
                for (_, course) in &group.courses {
                    below += course.probability;
                    let latency = services[version as usize].latency_of(course.route);
                    let table = all.table(course, latency, bounds);
                    all.ways.push(Way {
                        version,
                        below: (below * 2.0_f64.powi(32)).min(u32::MAX.into()) as u32,
                        group: index,
                        route: course.route,
                        multiply: course.multiply,
                        add: course.add,
                        table,
                    });
                }
            }
            if let Some(last) = all.ways.last_mut() {
                last.below = u32::MAX;
            }
        }
        all
    }

    /// The table of limits for this latency, made where there is none yet.
    fn table(&mut self, course: &Course, latency: &Latency, bounds: &Buckets) -> usize {
        let Latency::LogNormal { location, scale } = latency else {
            return 0;
        };
        let limit = |index: usize| {
            if index + 1 == bounds.len() {
                return f64::INFINITY;
            }
            if course.multiply == 0.0 {
                return match bounds.bound_seconds(index) >= course.add {
                    true => f64::INFINITY,
                    false => f64::NEG_INFINITY,
                };
            }
            let seconds = (bounds.bound_seconds(index) - course.add) / course.multiply;
            if seconds > 0.0 {
                (seconds.ln() - location) / scale
            } else {
                f64::NEG_INFINITY
            }
        };
        let limits: Vec<f64> = (0..bounds.len()).map(limit).collect();
        let begin = |slice: usize| {
            // The first slice also serves everything below it.
            let z = if slice == 0 {
                f64::NEG_INFINITY
            } else {
                slice as f64 / Ways::FINE as f64 - 8.0
            };
            limits.partition_point(|limit| *limit < z) as u16
        };
        if let Some(known) = (self.limits.chunks(self.width)).position(|known| known == limits) {
            return known;
        }
        self.guide.extend((0..Ways::SLICES).map(begin));
        self.limits.extend(limits);
        self.limits.len() / self.width - 1
    }

    #[inline]
    pub(super) fn choose(&self, version: Version, bits: u32) -> usize {
        let mut index = self.first[version as usize];
        // The last way of each version reaches to the end.
        while bits >= self.ways[index].below && self.ways[index].below != u32::MAX {
            index += 1;
        }
        index
    }

    /// The four draws of every request in their shortest form: a log-normal latency is never
    /// computed, because its normal number falls into the bucket by itself.
    pub(super) fn race(
        &self,
        clock: &mut Clock,
        canary: f64,
        play: &mut Play,
        counted: &mut [u32],
    ) {
        // One stream of the trial, kept where the loop can hold it, serves all four draws: every
        // request takes the same numbers from it whichever version answers.
        let mut stream = play.luck.arrivals.clone();
        let threshold = (canary * 2.0_f64.powi(32)) as u64;
        let width = self.width;
        while clock.next_steadily(&mut stream) {
            let bits = stream.next_u64();
            let canary = (bits & 0xffff_ffff) < threshold;
            let way = self.choose(Version::BOTH[usize::from(canary)], (bits >> 32) as u32);
            let z: f64 = StandardNormal.sample(&mut stream);
            let table = self.ways[way].table;
            let slice = ((z + 8.0) * Ways::FINE as f64) as i32;
            let slice = slice.clamp(0, Ways::SLICES as i32 - 1) as usize;
            let limits = &self.limits[table * width..][..width];
            let mut bucket = usize::from(self.guide[table * Ways::SLICES + slice]);
            while limits[bucket] < z {
                bucket += 1;
            }
            counted[way * width + bucket] += 1;
        }
        play.luck.arrivals = stream;
    }
}

/// Produces arrivals one by one.
pub(super) struct Clock {
    now: f64,
    end: f64,
    bound: f64,
    mean_gap: f64,
    constant: bool,
    /// Requests left, when it is known how many come.
    left: Option<u64>,
}

impl Clock {
    pub(super) fn new(
        arrivals: Arrivals,
        profile: &Profile,
        piece: &Piece,
        play: &mut Play,
    ) -> Clock {
        let bound = profile.bound(piece.from, piece.to);
        let left = match (arrivals, play.luck.expected(piece.from, piece.to)) {
            (Arrivals::Even, swung) => {
                Some(play.luck.even_arrivals(swung.unwrap_or(piece.expected)))
            }
            (_, Some(swung)) => Some(Poisson::new(swung).sample(&mut play.luck.arrivals)),
            (_, None) => None,
        };
        Clock {
            now: piece.from.as_secs_f64(),
            end: piece.to.as_secs_f64(),
            bound,
            mean_gap: bound.recip(),
            constant: profile.is_constant(piece.from, piece.to),
            left,
        }
    }

    /// Whether arrivals are Poisson at one rate.
    pub(super) fn is_steady(&self) -> bool {
        self.constant && self.left.is_none() && self.bound > 0.0
    }

    /// [`Clock::next`] of a steady clock.
    #[inline]
    fn next_steadily(&mut self, stream: &mut Stream) -> bool {
        let gap: f64 = Exp1.sample(stream);
        self.now += gap * self.mean_gap;
        self.now < self.end
    }

    /// Whether another request comes before the end. Varying rates are thinned (Lewis and Shedler
    /// 1979).
    #[inline]
    pub(super) fn next(&mut self, profile: &Profile, stream: &mut Stream) -> bool {
        if let Some(left) = &mut self.left {
            let any = *left > 0;
            *left -= u64::from(any);
            return any;
        }
        if self.bound <= 0.0 {
            return false;
        }
        loop {
            let gap: f64 = Exp1.sample(stream);
            self.now += gap / self.bound;
            if self.now >= self.end {
                return false;
            }
            if self.constant {
                return true;
            }
            let rate = profile.rate(Time::from_nanos((self.now * 1e9) as u64));
            if stream.random::<f64>() * self.bound < rate {
                return true;
            }
        }
    }
}
