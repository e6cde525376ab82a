//! What counters read in all, without windows: for gates that count from look to look.

use super::{Telemetry, Track};
use crate::base::{Time, Weight};
use crate::telemetry::{Sampling, Status, UserFailures, Version};

/// What a version's counters read at the newest sample that is visible: whole numbers, never
/// extrapolated.
#[derive(Debug, Clone, Copy)]
pub struct Totals<'a> {
    /// When the sample was taken.
    pub at: Time,
    /// Requests so far, by [`Status`].
    pub requests: [u64; 2],
    /// Requests per bucket, all of success before all of failure.
    buckets: &'a [u64],
    /// Failures by user; all 0 where nobody counts them.
    pub failures: UserFailures,
}

/// Which shares of all requests the splitter is asked for; stable gets the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// The canary's.
    pub canary: Weight,
    /// The baseline's.
    pub baseline: Weight,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            canary: Weight::ZERO,
            baseline: Weight::ZERO,
        }
    }
}

impl Weights {
    /// The canary's share of what it and another version get together; 0 when neither gets any.
    pub fn against(self, other: Version) -> f64 {
        let (canary, baseline) = (self.canary.share(), self.baseline.share());
        let other = match other {
            Version::Stable => 1.0 - canary - baseline,
            Version::Baseline => baseline,
            Version::Canary => canary,
        };
        let both = canary + other;
        if both > 0.0 { canary / both } else { 0.0 }
    }
}

impl Totals<'_> {
    /// How many buckets the histogram has.
    pub fn width(&self) -> usize {
        self.buckets.len() / 2
    }

    /// Requests in a bucket, whatever their status.
    pub fn in_bucket(&self, bucket: usize) -> u64 {
        let width = self.width();
        self.buckets[Status::Success as usize * width + bucket] + self.failed_in_bucket(bucket)
    }

    /// Failed requests in a bucket.
    pub fn failed_in_bucket(&self, bucket: usize) -> u64 {
        self.buckets[Status::Failure as usize * self.width() + bucket]
    }
}

impl Telemetry {
    /// What the counters of a version, or of one of its routes, read at the newest sample visible
    /// at `now`; `None` before the first, and where somebody else keeps the figures.
    pub fn totals(&self, version: Version, route: Option<usize>, now: Time) -> Option<Totals<'_>> {
        let track = match route {
            None => &self.tracks[version as usize],
            Some(route) => &self.routes[self.place(version, route)],
        };
        let at = match self.sampling {
            Sampling::Exact => track.newest_at(now)?,
            Sampling::Scraped { .. } if now.as_nanos() < self.delay.as_nanos() => return None,
            Sampling::Scraped { .. } => track.newest_at(now.saturating_sub(self.delay))?,
        };
        let row = track.row_at(at)?;
        Some(Totals {
            at,
            requests: track.requests[row],
            buckets: track.bucket_row(row),
            failures: track.failures.get(row).copied().unwrap_or_default(),
        })
    }

    /// From `now` on the splitter is asked for these weights; `None` where weights do not tell what
    /// a version's counters show, because requests are copied.
    pub fn note_weights(&mut self, now: Time, weights: Option<Weights>) {
        if self.weights.last().map(|(_, last)| *last) != Some(weights) {
            self.weights.push((now, weights));
        }
    }

    /// The weights between two instants, if they were the same throughout.
    pub fn weights_between(&self, from: Time, to: Time) -> Option<Weights> {
        let begun = self.weights.partition_point(|(time, _)| *time <= from);
        let ended = self.weights.partition_point(|(time, _)| *time < to);
        match begun {
            0 if ended == 0 => Some(Weights::default()),
            0 => None,
            _ if begun < ended => None,
            _ => self.weights[begun - 1].1,
        }
    }
}

impl Track {
    fn bucket_row(&self, row: usize) -> &[u64] {
        let width = self.live.buckets.len();
        &self.buckets[row * width..][..width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;
    use crate::telemetry::{Birth, Buckets, Phase, Plan};

    fn scraped(delay: u64) -> Telemetry {
        let sampling = Sampling::Scraped {
            interval: Span::from_secs(15),
            phase: Phase::Fixed(Span::ZERO),
        };
        let mut plan = Plan::plain(sampling, Birth::FirstRequest, Buckets::istio());
        plan.delay = Span::from_secs(delay);
        let mut telemetry = Telemetry::new(&plan, Span::ZERO);
        for scrape in 0..=4 {
            let counters = telemetry.counters_mut(Version::Canary);
            counters.requests[0] = 10 * scrape;
            counters.row_mut(Status::Success)[3] = 10 * scrape;
            telemetry.scrape(Version::Canary, Time::from_secs(15 * scrape));
        }
        telemetry
    }

    #[test]
    fn totals_are_those_of_the_newest_sample_that_can_be_seen() {
        let read = |delay, now| {
            let telemetry = scraped(delay);
            let totals = telemetry.totals(Version::Canary, None, Time::from_secs(now));
            totals.map(|totals| (totals.at.as_nanos() / 1_000_000_000, totals.in_bucket(3)))
        };
        assert_eq!(read(0, 59), Some((45, 30)));
        assert_eq!(read(0, 60), Some((60, 40)));
        assert_eq!(read(20, 60), Some((30, 20)));
        assert_eq!(read(20, 10), None);
    }

    #[test]
    fn weights_hold_between_two_instants_or_there_are_none() {
        let mut telemetry = scraped(0);
        let [five, ten] = [5.0, 10.0].map(|percent| Weights {
            canary: Weight::clamped(percent),
            ..Weights::default()
        });
        telemetry.note_weights(Time::from_secs(10), Some(five));
        telemetry.note_weights(Time::from_secs(20), Some(five));
        telemetry.note_weights(Time::from_secs(30), Some(ten));
        let between =
            |from, to| telemetry.weights_between(Time::from_secs(from), Time::from_secs(to));
        assert_eq!(between(0, 5), Some(Weights::default()));
        assert_eq!(between(5, 15), None);
        assert_eq!(between(10, 30), Some(five));
        assert_eq!(between(25, 31), None);
        assert_eq!(between(30, 99), Some(ten));
    }
}
