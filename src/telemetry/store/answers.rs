//! Figures that somebody else has read from the series: a Prometheus that was asked.

use crate::base::{Span, Time};
use crate::telemetry::promql::{Answer, histogram_quantile};
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
    /// To queries, by their texts.
    queries: Vec<(String, Answer)>,
}

impl Answers {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.queries.clear();
    }

    /// Answers for another instant make room for those of this one.
    fn turn_to(&mut self, now: Time) {
        if now != self.now {
            self.clear();
            self.now = now;
        }
    }

    pub(super) fn add_query(&mut self, now: Time, text: &str, answer: Answer) {
        self.turn_to(now);
        match self.queries.iter_mut().find(|(other, _)| other == text) {
            Some((_, earlier)) => *earlier = answer,
            None => self.queries.push((text.to_owned(), answer)),
        }
    }

    pub(super) fn find_query(&self, now: Time, text: &str) -> Option<&Answer> {
        let found = self.queries.iter().find(|(other, _)| other == text);
        found.filter(|_| now == self.now).map(|(_, answer)| answer)
    }

    pub(super) fn add(&mut self, now: Time, key: Key, figures: Figures) {
        self.turn_to(now);
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
