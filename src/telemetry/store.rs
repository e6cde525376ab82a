//! Counters as they run, the scrapes taken of them, and the windows through which gates look.

use crate::base::{Span, Time};

use super::promql::{Extrapolation, histogram_quantile, quantile_of_counts};
use super::{Birth, Buckets, Plan, Sampling, Status, Version};

/// A version's counters at one instant: requests and latency histograms by status.
#[derive(Debug, Clone, PartialEq)]
pub struct Counters {
    /// Requests so far, by [`Status`].
    pub requests: [u64; 2],
    /// Sum of latencies so far in seconds, by [`Status`].
    pub seconds: [f64; 2],
    /// Requests per bucket (each request in one bucket), all of success before all of failure.
    pub buckets: Vec<u64>,
}

impl Counters {
    /// The buckets of one status.
    pub fn row_mut(&mut self, status: Status) -> &mut [u64] {
        let width = self.buckets.len() / 2;
        &mut self.buckets[status as usize * width..][..width]
    }
}

/// Everything scraped so far in one trial.
///
/// To drive it: add to [`Telemetry::counters_mut`] as requests are answered, call
/// [`Telemetry::scrape`] at each scrape (or window edge) in order of time, read with
/// [`Telemetry::window`]; [`Telemetry::reset`] starts the next trial in the same memory.
#[derive(Debug, Clone)]
pub struct Telemetry {
    sampling: Sampling,
    phase: Span,
    /// How far back windows look; older rows are forgotten.
    memory: Option<Span>,
    buckets: Buckets,
    tracks: [Track; 3],
}

#[derive(Debug, Clone)]
struct Track {
    live: Counters,
    times: Vec<Time>,
    requests: Vec<[u64; 2]>,
    seconds: Vec<[f64; 2]>,
    buckets: Vec<u64>,
    born: [Option<Time>; 2],
    birth: Birth,
}

impl Track {
    /// Drops rows older than `oldest`, once they are many and the greater part.
    fn forget_before(&mut self, oldest: Time) {
        const MANY: usize = 16;
        if self.times.len() < MANY {
            return;
        }
        let stale = self.times.partition_point(|time| *time < oldest);
        if stale <= self.times.len() / 2 {
            return;
        }
        self.times.drain(..stale);
        self.requests.drain(..stale);
        self.seconds.drain(..stale);
        self.buckets.drain(..stale * self.live.buckets.len());
    }

    /// Where a status' samples lie in a window with these edges, and how they extrapolate.
    fn samples(
        &self,
        sampling: Sampling,
        (first, last): (Time, Time),
        status: Status,
        now: Time,
        span: Span,
    ) -> Option<Samples> {
        let at = |time: Time| self.times.binary_search(&time).ok();
        match sampling {
            Sampling::Exact => {
                // Nothing is recorded at the start, where every counter is zero.
                debug_assert!(
                    first == Time::START || at(first).is_some(),
                    "window edge not scraped"
                );
                Some(Samples {
                    first: at(first),
                    last: at(last)?,
                    extrapolation: None,
                })
            }
            Sampling::Scraped { interval, .. } => {
                let first = first.max(self.born[status as usize]?);
                if first >= last {
                    return None;
                }
                let samples = last.since(first) / interval + 1;
                debug_assert!(
                    at(first).is_some() && at(last).is_some(),
                    "window edge not scraped"
                );
                Some(Samples {
                    first: Some(at(first)?),
                    last: at(last)?,
                    extrapolation: Some(Extrapolation::new(first, last, samples, now, span)),
                })
            }
        }
    }
}

impl Telemetry {
    /// Empty telemetry; `phase` is when within the scrape interval this trial scrapes.
    pub fn new(plan: &Plan, phase: Span) -> Telemetry {
        let track = Track {
            live: Counters {
                requests: [0; 2],
                seconds: [0.0; 2],
                buckets: vec![0; 2 * plan.buckets.len()],
            },
            times: Vec::new(),
            requests: Vec::new(),
            seconds: Vec::new(),
            buckets: Vec::new(),
            born: [None; 2],
            birth: plan.birth,
        };
        Telemetry {
            sampling: plan.sampling,
            phase,
            memory: None,
            buckets: plan.buckets.clone(),
            tracks: [track.clone(), track.clone(), track],
        }
    }

    /// Forgets what no window of at most `span` that ends at the newest scrape or later can show:
    /// a long rollout then reads and writes the same small memory all the time.
    pub fn remember(&mut self, span: Span) {
        self.memory = Some(span);
    }

    /// Forgets everything and starts a new trial in the same memory.
    pub fn reset(&mut self, phase: Span) {
        self.phase = phase;
        for track in &mut self.tracks {
            track.live.requests = [0; 2];
            track.live.seconds = [0.0; 2];
            track.live.buckets.fill(0);
            track.times.clear();
            track.requests.clear();
            track.seconds.clear();
            track.buckets.clear();
            track.born = [None; 2];
        }
    }

    /// A version's running counters, for the engine to add to.
    pub fn counters_mut(&mut self, version: Version) -> &mut Counters {
        &mut self.tracks[version as usize].live
    }

    /// A version's running counters.
    pub fn counters(&self, version: Version) -> &Counters {
        &self.tracks[version as usize].live
    }

    /// The histogram's bounds.
    pub fn bounds(&self) -> &Buckets {
        &self.buckets
    }

    /// Whether a version's series of one status exists in any scrape taken so far.
    pub fn is_born(&self, version: Version, status: Status) -> bool {
        self.tracks[version as usize].born[status as usize].is_some()
    }

    /// Reads a version's counters at `now`, later than every earlier scrape of it.
    pub fn scrape(&mut self, version: Version, now: Time) {
        let track = &mut self.tracks[version as usize];
        debug_assert!(track.times.last().is_none_or(|last| *last < now));
        for status in Status::BOTH {
            let exists = track.birth == Birth::Zero || track.live.requests[status as usize] > 0;
            let born = &mut track.born[status as usize];
            if exists && born.is_none() {
                *born = Some(now);
            }
        }
        track.times.push(now);
        track.requests.push(track.live.requests);
        track.seconds.push(track.live.seconds);
        track.buckets.extend_from_slice(&track.live.buckets);
        if let Some(memory) = self.memory {
            track.forget_before(now.saturating_sub(memory));
        }
    }

    /// The window of length `span` that ends at `now`, as PromQL's `[span]` would see it.
    pub fn window(&self, version: Version, now: Time, span: Span) -> Window<'_> {
        let track = &self.tracks[version as usize];
        let edges = match self.sampling {
            Sampling::Exact => Some((now.saturating_sub(span), now)),
            Sampling::Scraped { interval, .. } => {
                let start = now.saturating_sub(span);
                // The window is open on the left; at the very start nothing lies before it.
                let first = if now.as_nanos() < span.as_nanos() {
                    Time::from_nanos(self.phase.as_nanos())
                } else {
                    Sampling::next_scrape(interval, self.phase, start)
                };
                Sampling::last_scrape(interval, self.phase, now)
                    .filter(|last| *last >= first)
                    .map(|last| (first, last))
            }
        };
        let samples = |status| track.samples(self.sampling, edges?, status, now, span);
        Window {
            track,
            sampling: self.sampling,
            bounds: &self.buckets,
            span,
            samples: Status::BOTH.map(samples),
        }
    }
}

/// A window onto one version's series. What it answers is what Prometheus would answer for sums
/// over the version's series; `None` where Prometheus would return an empty vector.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    track: &'a Track,
    sampling: Sampling,
    bounds: &'a Buckets,
    span: Span,
    /// What there is of each status.
    samples: [Option<Samples>; 2],
}

/// What every counter reads at the start.
static NOTHING: [u64; 2 * (Buckets::MOST + 1)] = [0; 2 * (Buckets::MOST + 1)];

/// Rows of the first and last sample of a series in the window, and how it extrapolates.
#[derive(Debug, Clone, Copy)]
struct Samples {
    first: Option<usize>,
    last: usize,
    extrapolation: Option<Extrapolation>,
}

impl Window<'_> {
    /// `sum(rate(requests{status}[window]))`: requests per second; with exact metrics the plain
    /// count in the window, which has the same ratios and no rounding.
    pub fn volume(&self, status: Status) -> Option<f64> {
        let samples = self.samples[status as usize]?;
        let value = |row: usize| self.track.requests[row][status as usize] as f64;
        Some(samples.rate(value))
    }

    /// `sum(increase(requests{status}[window]))`: how many requests the window shows; not a whole
    /// number when extrapolated.
    pub fn increase(&self, status: Status) -> Option<f64> {
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
        let total = (Status::BOTH.into_iter())
            .filter_map(|status| self.volume(status))
            .sum::<f64>() as u64;
        debug_assert_eq!(total, (0..width).map(count).sum::<u64>());
        Some(quantile_of_counts(q, self.bounds.bounds(), total, count))
    }

    /// `sum(rate(latency_sum)) / sum(rate(latency_count))` in seconds. `None` when there is no
    /// series; not a number when nothing was served.
    pub fn latency_mean(&self) -> Option<f64> {
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

#[cfg(test)]
mod tests;
