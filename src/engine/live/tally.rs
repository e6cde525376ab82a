//! Counters of a part that is running: its own thread adds, others read.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::Span;
pub use crate::telemetry::exposition::Reading;
use crate::telemetry::{Buckets, Finder, Version};

/// Statuses that are told apart; others count as the nearest of these.
pub const CODES: [u16; 6] = [200, 400, 500, 502, 503, 504];

/// Which of [`CODES`] stands for a status.
#[inline]
pub fn code_of(status: u16) -> usize {
    match status {
        0..400 => 0,
        400..500 => 1,
        502 => 3,
        503 => 4,
        504 => 5,
        _ => 2,
    }
}

/// Requests and their latencies by version, route and status, counted by one thread.
#[derive(Debug)]
pub struct Tally {
    routes: usize,
    finder: Finder,
    /// By version, route, code: requests, nanoseconds, then one place for each bucket.
    cells: Box<[AtomicU64]>,
}

impl Tally {
    /// Nothing counted, for so many routes (at least one).
    pub fn new(routes: usize, buckets: &Buckets) -> Tally {
        let routes = routes.max(1);
        let width = 2 + buckets.len();
        let cells = Version::ALL.len() * routes * CODES.len() * width;
        Tally {
            routes,
            finder: Finder::new(buckets),
            cells: (0..cells).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts one request. Only one thread may do so; any may read.
    #[inline]
    pub fn record(&self, version: Version, route: usize, status: u16, took: Span) {
        let cell = self.cell(version, route.min(self.routes - 1), code_of(status));
        add(&cell[0], 1);
        add(&cell[1], took.as_nanos());
        add(&cell[2 + self.finder.index(took.as_secs_f64())], 1);
    }

    /// Counts anew from zero, as a process does that has been restarted. Only the thread that counts
    /// may do so.
    pub fn clear(&self) {
        for cell in &self.cells {
            cell.store(0, Ordering::Release);
        }
    }

    fn cell(&self, version: Version, route: usize, code: usize) -> &[AtomicU64] {
        let width = 2 + self.finder.len();
        let index = (version as usize * self.routes + route) * CODES.len() + code;
        &self.cells[index * width..][..width]
    }

    /// Everything counted so far, of which nothing was counted left out.
    pub fn read(&self) -> Vec<Reading> {
        self.read_with(&[])
    }

    /// The same, with what was not counted of these versions too: all that an instance may ever
    /// show, where series exist from the start ([`Birth::Zero`](crate::telemetry::Birth::Zero)).
    pub fn read_with(&self, from_start: &[Version]) -> Vec<Reading> {
        let mut readings = Vec::new();
        for version in Version::ALL {
            for route in 0..self.routes {
                for (index, code) in CODES.into_iter().enumerate() {
                    let cell = self.cell(version, route, index);
                    // What is counted meanwhile is in none of what follows, or in all of it but the
                    // sum: the count is that of the buckets.
                    let values = |cell: &AtomicU64| cell.load(Ordering::Acquire);
                    let buckets: Vec<u64> = cell[2..].iter().map(values).collect();
                    let requests = buckets.iter().sum();
                    if requests > 0 || from_start.contains(&version) {
                        readings.push(Reading {
                            version,
                            route,
                            code,
                            requests,
                            took: Span::from_nanos(values(&cell[1])),
                            buckets,
                        });
                    }
                }
            }
        }
        readings
    }

    /// Requests of a version so far.
    pub fn requests(&self, version: Version) -> u64 {
        (0..self.routes)
            .flat_map(|route| (0..CODES.len()).map(move |code| (route, code)))
            .map(|(route, code)| self.cell(version, route, code)[0].load(Ordering::Relaxed))
            .sum()
    }
}

/// What several tallies of one shape have counted together: one for each thread of a part.
pub fn merge<'t>(tallies: impl IntoIterator<Item = &'t Tally>) -> Vec<Reading> {
    merge_with(tallies, &[])
}

/// The same, with what was not counted of these versions too: see [`Tally::read_with`].
pub fn merge_with<'t>(
    tallies: impl IntoIterator<Item = &'t Tally>,
    from_start: &[Version],
) -> Vec<Reading> {
    let mut merged: Vec<Reading> = Vec::new();
    let readings = (tallies.into_iter()).flat_map(|tally| tally.read_with(from_start));
    for reading in readings {
        let place = |reading: &Reading| (reading.version, reading.route, reading.code);
        match merged.binary_search_by_key(&place(&reading), place) {
            Ok(index) => {
                let sum = &mut merged[index];
                sum.requests += reading.requests;
                sum.took = sum.took + reading.took;
                for (bucket, more) in sum.buckets.iter_mut().zip(reading.buckets) {
                    *bucket += more;
                }
            }
            Err(index) => merged.insert(index, reading),
        }
    }
    merged
}

/// Adds without a bus lock: nobody else adds.
#[inline]
fn add(cell: &AtomicU64, more: u64) {
    cell.store(cell.load(Ordering::Relaxed) + more, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_found_where_they_were_counted() {
        let tally = Tally::new(2, &Buckets::istio());
        tally.record(Version::Canary, 1, 503, Span::from_millis(7));
        tally.record(Version::Canary, 1, 503, Span::from_millis(8));
        tally.record(Version::Stable, 0, 204, Span::from_millis(1_200));
        let readings = tally.read();
        assert_eq!(readings.len(), 2);
        assert_eq!((readings[0].code, readings[0].requests), (200, 1));
        let canary = &readings[1];
        assert_eq!((canary.version, canary.route), (Version::Canary, 1));
        assert_eq!((canary.code, canary.requests), (503, 2));
        assert_eq!(canary.took, Span::from_millis(15));
        assert_eq!(canary.buckets.iter().sum::<u64>(), 2);
        assert_eq!(canary.buckets[3], 2, "5 to 10 ms");
        assert_eq!(tally.requests(Version::Canary), 2);
        let zeros = tally.read_with(&[Version::Canary]);
        assert_eq!(zeros.len(), 1 + 2 * CODES.len());
        assert_eq!(zeros[1].requests, 0);
        assert_eq!([0, 399, 404, 501, 504].map(code_of), [0, 0, 1, 2, 5]);
        tally.clear();
        assert_eq!(tally.read(), []);
    }

    #[test]
    fn several_tallies_are_read_as_one() {
        let tallies = [(); 2].map(|()| Tally::new(1, &Buckets::istio()));
        tallies[0].record(Version::Stable, 0, 200, Span::from_millis(7));
        tallies[1].record(Version::Stable, 0, 200, Span::from_millis(8));
        tallies[1].record(Version::Stable, 0, 504, Span::from_millis(8));
        tallies[0].record(Version::Canary, 0, 200, Span::from_millis(1));
        let merged = merge(&tallies);
        let found: Vec<_> = (merged.iter())
            .map(|reading| (reading.version, reading.code, reading.requests))
            .collect();
        assert_eq!(
            found,
            [
                (Version::Stable, 200, 2),
                (Version::Stable, 504, 1),
                (Version::Canary, 200, 1)
            ]
        );
        assert_eq!(merged[0].took, Span::from_millis(15));
        assert_eq!(merged[0].buckets[3], 2);
    }
}
