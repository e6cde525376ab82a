//! Windows onto one version's series.

use super::{Basis, Figures, Telemetry, Track};
use crate::base::{Span, Time};
use crate::telemetry::promql::{Extrapolation, histogram_quantile, quantile_of_counts};
use crate::telemetry::{Buckets, GoalSums, Sampling, Status, Version};

/// A window onto one version's series. What it answers is what Prometheus would answer for sums
/// over the version's series; `None` where Prometheus would return an empty vector.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    track: &'a Track,
    sampling: Sampling,
    bounds: &'a Buckets,
    now: Time,
    span: Span,
    /// Times of the first and last sample shown, if there is any.
    edges: Option<(Time, Time)>,
    /// What there is of each status.
    samples: [Option<Samples>; 2],
    /// What somebody else says that it shows.
    answered: Option<&'a Figures>,
}

impl Telemetry {
    pub(super) fn look(
        &self,
        (version, route): (Version, Option<usize>),
        now: Time,
        span: Span,
    ) -> Window<'_> {
        let track = match route {
            None => &self.tracks[version as usize],
            Some(route) => &self.routes[self.place(version, route)],
        };
        let (edges, answered) = match self.basis {
            Basis::Answers => (None, self.answers.find(now, (version, route, span))),
            Basis::Schedule | Basis::Samples => (self.edges(track, now, span), None),
        };
        let samples = |status| self.samples(track, edges?, status, now, span);
        Window {
            track,
            sampling: self.sampling,
            bounds: &self.buckets,
            now,
            span,
            edges,
            samples: Status::BOTH.map(samples),
            answered,
        }
    }

    /// Where a status' samples lie in a window with these edges, and how they extrapolate.
    pub(super) fn samples(
        &self,
        track: &Track,
        (first, last): (Time, Time),
        status: Status,
        now: Time,
        span: Span,
    ) -> Option<Samples> {
        let Sampling::Scraped { interval, .. } = self.sampling else {
            // Nothing is recorded at the start, where every counter is zero.
            debug_assert!(
                first == Time::START || track.row_at(first).is_some(),
                "window edge not scraped"
            );
            return Some(Samples {
                first: track.row_at(first),
                last: track.row_at(last)?,
                extrapolation: None,
            });
        };
        let first = first.max(track.born[status as usize]?);
        if first >= last {
            return None;
        }
        let rows = track.row_at(first).zip(track.row_at(last));
        debug_assert!(rows.is_some(), "window edge not scraped");
        let rows = rows?;
        // Where none is missed, only the edges need to have been scraped.
        let samples = match self.basis == Basis::Schedule {
            true => last.since(first) / interval + 1,
            false => (rows.1 - rows.0 + 1) as u64,
        };
        Some(Samples {
            first: Some(rows.0),
            last: rows.1,
            extrapolation: Some(Extrapolation::new(first, last, samples, now, span)),
        })
    }
}

/// What every counter reads at the start.
static NOTHING: [u64; 2 * (Buckets::MOST + 1)] = [0; 2 * (Buckets::MOST + 1)];

/// Rows of the first and last sample of a series in the window, and how it extrapolates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Samples {
    pub(super) first: Option<usize>,
    pub(super) last: usize,
    pub(super) extrapolation: Option<Extrapolation>,
}

impl Window<'_> {
    /// `sum(rate(requests{status}[window]))`: requests per second; with exact metrics the plain
    /// count in the window, which has the same ratios and no rounding.
    pub fn volume(&self, status: Status) -> Option<f64> {
        if let Some(figures) = self.answered {
            return Some(figures.requests[status as usize]? / self.span.as_secs_f64());
        }
        let samples = self.samples[status as usize]?;
        let value = |row: usize| self.track.requests[row][status as usize] as f64;
        Some(samples.rate(value))
    }

    /// `sum(increase(requests{status}[window]))`: how many requests the window shows; not a whole
    /// number when extrapolated.
    pub fn increase(&self, status: Status) -> Option<f64> {
        if let Some(figures) = self.answered {
            return figures.requests[status as usize];
        }
        let seconds = match self.sampling {
            Sampling::Exact => 1.0,
            Sampling::Scraped { .. } => self.span.as_secs_f64(),
        };
        self.volume(status).map(|volume| volume * seconds)
    }

    /// Successes over all requests, 0 to 1, in the operation order of the usual query
    /// `sum(rate(good)) / sum(rate(all))`. `None` when either side has no series; not a number when
    /// nothing was served.
    pub fn success_ratio(&self) -> Option<f64> {
        let good = self.volume(Status::Success)?;
        let all = match self.volume(Status::Failure) {
            Some(bad) => good + bad,
            None => good,
        };
        Some(good / all)
    }

    /// All requests that the window shows, whatever their status; 0 when it shows none.
    pub fn requests(&self) -> f64 {
        Status::BOTH
            .into_iter()
            .filter_map(|status| self.increase(status))
            // The sum of no floats is -0.0, which would be shown.
            .fold(0.0, |sum, increase| sum + increase)
    }

    /// `histogram_quantile(q, sum by (le) (rate(latency_bucket[window])))`, in the histogram's
    /// unit. `None` when there is no series; not a number when nothing was served.
    pub fn latency_quantile(&self, q: f64) -> Option<f64> {
        if let Some(figures) = self.answered {
            return figures.latency_quantile(q, self.bounds);
        }
        if self.sampling == Sampling::Exact {
            return self.exact_quantile(q);
        }
        let width = self.bounds.len();
        let mut sums = [0.0_f64; Buckets::MOST + 1];
        let sums = &mut sums[..width];
        let mut any = false;
        for status in Status::BOTH {
            let Some(samples) = self.samples[status as usize] else {
                continue;
            };
            any = true;
            let offset = status as usize * width;
            let row = |row: usize| &self.track.buckets[row * 2 * width + offset..][..width];
            let first = samples.first.map_or(&NOTHING[..width], row);
            let last = row(samples.last);
            // Buckets are stored apart and summed here: `le` series are cumulative.
            let (mut low, mut high) = (0_u64, 0_u64);
            for ((sum, a), b) in sums.iter_mut().zip(first).zip(last) {
                low += a;
                high += b;
                *sum += match &samples.extrapolation {
                    Some(extrapolation) => extrapolation.rate(low as f64, high as f64),
                    None => (high - low) as f64,
                };
            }
        }
        any.then(|| histogram_quantile(q, self.bounds.bounds(), sums))
    }

    /// The same over whole counts, which need neither extrapolation nor mending.
    fn exact_quantile(&self, q: f64) -> Option<f64> {
        let width = self.bounds.len();
        let samples = self.samples[Status::Success as usize]?;
        let row = |row: usize| &self.track.buckets[row * 2 * width..][..2 * width];
        let first = samples.first.map_or(&NOTHING[..2 * width], row);
        let last = row(samples.last);
        let count = |bucket: usize| {
            last[bucket] - first[bucket] + last[width + bucket] - first[width + bucket]
        };
        let total: u64 = (0..width).map(count).sum();
        // Requests that were counted without their latencies show none.
        if total == 0 && self.requests() > 0.0 {
            return None;
        }
        Some(quantile_of_counts(q, self.bounds.bounds(), total, count))
    }

    /// `sum(rate(latency_sum)) / sum(rate(latency_count))` in seconds. `None` when there is no
    /// series; not a number when nothing was served.
    pub fn latency_mean(&self) -> Option<f64> {
        if let Some(figures) = self.answered {
            return Some(figures.seconds? / figures.latencies?);
        }
        let (mut seconds, mut requests, mut any) = (0.0, 0.0, false);
        for status in Status::BOTH {
            let Some(samples) = self.samples[status as usize] else {
                continue;
            };
            any = true;
            seconds += samples.rate(|row| self.track.seconds[row][status as usize]);
            requests += samples.rate(|row| self.track.requests[row][status as usize] as f64);
        }
        any.then(|| seconds / requests)
    }

    /// What the business counted of a goal in the window: the difference between the window's last
    /// and first sample, without extrapolation, because these figures are only ever divided by one
    /// another; a window that reaches back to the start counts from there. The sums by user are
    /// left 0: see [`Window::goal_so_far`]. `None` when there is no sample.
    pub fn goal(&self, goal: usize) -> Option<GoalSums> {
        if let Some(figures) = self.answered {
            return figures.goals.get(goal).copied();
        }
        let last = self.goal_so_far(goal)?;
        let (first, _) = self.edges?;
        let whole = self.now.as_nanos() <= self.span.as_nanos();
        let first = match self.goal_at(goal, first) {
            _ if whole => GoalSums::default(),
            // Where nothing was read by then, nothing had been counted at the start.
            None if first == Time::START => GoalSums::default(),
            first => first?,
        };
        Some(last.since(first))
    }

    /// What the business counted of a goal from the start to the window's last sample, by user
    /// too. `None` when there is no sample.
    pub fn goal_so_far(&self, goal: usize) -> Option<GoalSums> {
        if let Some(figures) = self.answered {
            return figures.goals_so_far.get(goal).copied();
        }
        self.goal_at(goal, self.edges?.1)
    }

    fn goal_at(&self, goal: usize, time: Time) -> Option<GoalSums> {
        let each = self.track.live.goals.len();
        debug_assert!(goal < each, "no goal {goal}");
        let row = self.track.row_at(time)?;
        self.track.goals.get(row * each + goal).copied()
    }
}

impl Samples {
    fn rate(&self, value: impl Fn(usize) -> f64) -> f64 {
        let low = self.first.map_or(0.0, &value);
        let high = value(self.last);
        match &self.extrapolation {
            Some(extrapolation) => extrapolation.rate(low, high),
            None => high - low,
        }
    }
}
