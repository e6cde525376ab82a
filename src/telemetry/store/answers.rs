//! Figures that somebody else has read from the series: a Prometheus that was asked.

use crate::base::{Span, Time};
use crate::telemetry::promql::histogram_quantile;
use crate::telemetry::{Buckets, GoalSums, Version};

/// What a window shows, as a metrics server answered. `None` and empty lists stand where it had no
/// series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// `sum(increase(requests[window]))` by [`Status`](crate::telemetry::Status).
    pub requests: [Option<f64>; 2],
    /// `sum by (le) (increase(latency_bucket[window]))`, cumulative, the unbounded bucket last.
    pub buckets: Vec<f64>,
    /// `sum(increase(latency_sum[window]))` in seconds.
    pub seconds: Option<f64>,
    /// `sum(increase(latency_count[window]))`.
    pub latencies: Option<f64>,
    /// What the business counted in the window, by goal: see [`Window::goal`](super::Window::goal).
    pub goals: Vec<GoalSums>,
    /// The same from the start on: see [`Window::goal_so_far`](super::Window::goal_so_far).
    pub goals_so_far: Vec<GoalSums>,
}

impl Figures {
    pub(super) fn latency_quantile(&self, q: f64, bounds: &Buckets) -> Option<f64> {
        if self.buckets.is_empty() {
            return None;
        }
        let mut cumulative = self.buckets.clone();
        Some(histogram_quantile(q, bounds.bounds(), &mut cumulative))
    }
}

/// Which series, and how far back.
type Key = (Version, Option<usize>, Span);

/// The answers for one instant: as many as an analysis has windows.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    now: Time,
    list: Vec<(Key, Figures)>,
}

impl Answers {
    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    pub(super) fn add(&mut self, now: Time, key: Key, figures: Figures) {
        if now != self.now {
            self.list.clear();
            self.now = now;
        }
        match self.list.iter_mut().find(|(other, _)| *other == key) {
            Some((_, earlier)) => *earlier = figures,
            None => self.list.push((key, figures)),
        }
    }

    pub(super) fn find(&self, now: Time, key: Key) -> Option<&Figures> {
        let found = self.list.iter().find(|(other, _)| *other == key);
        found
            .filter(|_| now == self.now)
            .map(|(_, figures)| figures)
    }
}
