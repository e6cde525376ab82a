//! The samples of single series, for queries.

use std::ops::Range;

use super::{Basis, Telemetry, Track};
use crate::base::{Span, Time};
use crate::telemetry::promql::{Answer, Extrapolation, Scratch};
use crate::telemetry::recording::Row;
use crate::telemetry::{Counters, GoalSums, Sampling, Status, Version};

/// Rows of a version's or a route's counters of one status.
#[derive(Debug, Clone, Copy)]
pub(in crate::telemetry) struct Rows<'a> {
    track: &'a Track,
    status: usize,
    /// First row and the one after the last.
    from: usize,
    to: usize,
}

/// The first and the last sample in a window.
#[derive(Debug, Clone, Copy)]
pub(in crate::telemetry) struct Edges<'a> {
    rows: Rows<'a>,
    first: Option<usize>,
    last: usize,
    /// How the rise between them extends to the window; `None` where nothing is left out.
    pub(in crate::telemetry) extrapolation: Option<Extrapolation>,
}

impl Track {
    /// What was read at a row, without so many health checks.
    fn counters(&self, row: usize, probes: u64) -> Counters {
        let (width, goals) = (self.live.buckets.len(), self.live.goals.len());
        let mut counters = Counters {
            requests: self.requests[row],
            seconds: self.seconds[row],
            buckets: self.buckets[row * width..][..width].to_vec(),
            goals: self.goals[row * goals..][..goals].to_vec(),
            failures: self.failures.get(row).copied().unwrap_or_default(),
        };
        counters.requests[Status::Success as usize] -= probes;
        counters.buckets[0] -= probes;
        counters
    }
}

impl Telemetry {
    fn track(&self, version: Version, route: Option<usize>) -> &Track {
        match route {
            None => &self.tracks[version as usize],
            Some(route) => &self.routes[self.place(version, route)],
        }
    }

    /// Lends memory to evaluate a query in; where that is lent already, a new one.
    pub(in crate::telemetry) fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        match self.scratch.try_borrow_mut() {
            Ok(mut scratch) => work(&mut scratch),
            Err(_) => work(&mut Scratch::default()),
        }
    }

    /// Adds the samples taken after `after` (all of them where it is `None`), in order of time, as rows of
    /// a recording; health checks are taken off again.
    pub fn samples_since(&self, after: Option<Time>, rows: &mut Vec<Row>) {
        let mut taken: Vec<(Time, Version, usize)> = Vec::new();
        for version in Version::ALL {
            let times = &self.tracks[version as usize].times;
            let from = after.map_or(0, |after| times.partition_point(|time| *time <= after));
            let new = times[from..].iter().enumerate();
            taken.extend(new.map(|(row, time)| (*time, version, from + row)));
        }
        taken.sort_unstable();
        for (at, version, row) in taken {
            let probes = self.probes.over(at.since(Time::START)).floor() as u64;
            rows.push(Row::Scrape {
                at,
                version,
                route: None,
                counters: self.tracks[version as usize].counters(row, probes),
            });
            for route in 0..self.route_count() {
                let track = self.track(version, Some(route));
                if let Some(row) = track.row_at(at) {
                    rows.push(Row::Scrape {
                        at,
                        version,
                        route: Some(route),
                        counters: track.counters(row, 0),
                    });
                }
            }
        }
    }

    /// Whether windows show samples of ours, and not somebody else's answers.
    pub(in crate::telemetry) fn has_samples(&self) -> bool {
        self.basis != Basis::Answers
    }

    /// What a metrics server answered to a query.
    pub(in crate::telemetry) fn answered(&self, now: Time, text: &str) -> Option<&Answer> {
        self.answers.find_query(now, text)
    }

    /// What the window of length `span` that ends at `now` begins and ends with; `None` where a rise
    /// cannot be told.
    pub(in crate::telemetry) fn edges_of(
        &self,
        (version, route): (Version, Option<usize>),
        status: Status,
        now: Time,
        span: Span,
    ) -> Option<Edges<'_>> {
        let track = self.track(version, route);
        let edges = self.edges(track, now, span)?;
        let samples = self.samples(track, edges, status, now, span)?;
        Some(Edges {
            rows: Rows {
                track,
                status: status as usize,
                from: 0,
                to: 0,
            },
            first: samples.first,
            last: samples.last,
            extrapolation: samples.extrapolation,
        })
    }

    /// The samples of a series that were taken in a stretch of time and can be seen at `now`. Goals
    /// have a series from the first scrape on whatever their status.
    pub(in crate::telemetry) fn rows_of(
        &self,
        (version, route): (Version, Option<usize>),
        status: Option<Status>,
        times: Range<Time>,
        now: Time,
    ) -> Rows<'_> {
        let track = self.track(version, route);
        let hidden = match self.sampling {
            Sampling::Scraped { .. } => self.delay,
            Sampling::Exact => Span::ZERO,
        };
        // The first instant that cannot be seen.
        let dark = match now.as_nanos() < hidden.as_nanos() {
            true => Time::START,
            false => now.saturating_sub(hidden) + Span::from_nanos(1),
        };
        let (since, status) = match status {
            Some(status) => (track.born[status as usize].unwrap_or(Time::NEVER), status),
            None => (Time::START, Status::Success),
        };
        let before = |time: Time| track.times.partition_point(|other| *other < time);
        let from = before(times.start.max(since));
        Rows {
            track,
            status: status as usize,
            from,
            to: before(times.end.min(dark)).max(from),
        }
    }
}

impl<'a> Rows<'a> {
    /// When they were taken.
    pub(in crate::telemetry) fn times(&self) -> &'a [Time] {
        &self.track.times[self.from..self.to]
    }

    /// Requests so far in row `row` of these.
    pub(in crate::telemetry) fn requests(&self, row: usize) -> u64 {
        self.track.requests[self.from + row][self.status]
    }

    /// Seconds that requests took so far.
    pub(in crate::telemetry) fn seconds(&self, row: usize) -> f64 {
        self.track.seconds[self.from + row][self.status]
    }

    /// Requests per bucket, each in one.
    pub(in crate::telemetry) fn buckets(&self, row: usize) -> &'a [u64] {
        let width = self.track.live.buckets.len() / 2;
        let place = (self.from + row) * 2 + self.status;
        &self.track.buckets[place * width..][..width]
    }

    /// What was counted of a goal so far.
    pub(in crate::telemetry) fn goal(&self, row: usize, goal: usize) -> GoalSums {
        let each = self.track.live.goals.len();
        let place = (self.from + row) * each + goal;
        self.track.goals.get(place).copied().unwrap_or_default()
    }
}

impl<'a> Edges<'a> {
    /// Requests at both.
    pub(in crate::telemetry) fn requests(&self) -> (u64, u64) {
        let first = self.first.map_or(0, |row| self.rows.requests(row));
        (first, self.rows.requests(self.last))
    }

    /// Seconds at both.
    pub(in crate::telemetry) fn seconds(&self) -> (f64, f64) {
        let first = self.first.map_or(0.0, |row| self.rows.seconds(row));
        (first, self.rows.seconds(self.last))
    }

    /// Requests per bucket at both; nothing at all for the first where every counter was zero.
    pub(in crate::telemetry) fn buckets(&self) -> (&'a [u64], &'a [u64]) {
        let first = self.first.map_or(&[][..], |row| self.rows.buckets(row));
        (first, self.rows.buckets(self.last))
    }
}
