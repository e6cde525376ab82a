//! What is watched, and how many requests it takes to see a change in it.

use serde::Serialize;

use crate::stats::planning::{
    self, EventSplit, fleiss_detectable, proportion_totals, quantile_growth, quantile_growth_seen,
};

use super::question::{Setting, Users};

/// What is watched, and the change to see.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Metric {
    /// Share of requests that fail.
    Errors {
        /// On stable.
        stable: f64,
        /// On a bad canary.
        canary: f64,
    },
    /// A quantile of latency that grows.
    Latency {
        /// Which.
        quantile: f64,
        /// Standard deviation of the logarithm of latencies.
        sigma: f64,
        /// Factor on it.
        factor: f64,
    },
    /// Share of requests (or users) that reach a goal.
    Goal {
        /// On stable.
        stable: f64,
        /// On a bad canary.
        canary: f64,
    },
}

/// What one percentage takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MetricRow {
    /// Canary percentage.
    pub weight: f64,
    /// Requests over both versions.
    pub requests: f64,
    /// The same by another formula: Fleiss's for errors, Noether's for ranks of latencies (a shift of
    /// all of them by the factor); none for goals.
    pub requests_otherwise: Option<f64>,
    /// Requests to the canary.
    pub canary_requests: f64,
    /// Users behind the requests, where they are known.
    pub users: Option<f64>,
    /// Users who meet the canary, where they are known.
    pub canary_users: Option<f64>,
    /// Events expected on a bad canary: errors, or goals reached.
    pub canary_events: Option<f64>,
    /// The same on stable.
    pub stable_events: Option<f64>,
    /// Seconds.
    pub seconds: f64,
    /// Whether that is within the limit.
    pub in_time: bool,
    /// Requests of the canary that fail, are slowed, or do not reach the goal for its sake.
    pub hurt: f64,
    /// The smallest change visible in the time given or an hour: the canary's share, or the factor
    /// on the quantile; `None` where nothing is.
    pub visible: Option<f64>,
}

impl Metric {
    /// Requests over both versions before any design effect.
    pub(super) fn requests(self, setting: &Setting, share: f64) -> f64 {
        match self {
            Metric::Errors { stable, canary } => split(share, canary / stable)
                .map(|split| split.events_needed(setting.risks) / (split.surplus() * stable)),
            Metric::Latency {
                quantile,
                sigma,
                factor,
            } => quantile_growth(quantile, sigma, factor, share, setting.risks),
            Metric::Goal { stable, canary } => {
                proportion_totals(canary, stable, share, setting.risks).map(|totals| totals.fleiss)
            }
        }
        .unwrap_or(f64::INFINITY)
    }

    /// Seconds at this share, with the design effect.
    pub(super) fn seconds(self, setting: &Setting, share: f64) -> f64 {
        self.requests(setting, share) * setting.design_effect / setting.rate
    }

    /// Everything about one share.
    pub(super) fn row(self, setting: &Setting, users: Option<&Users>, share: f64) -> MetricRow {
        let requests = self.requests(setting, share) * setting.design_effect;
        let (canary_requests, stable_requests) = (requests * share, requests * (1.0 - share));
        let seconds = requests / setting.rate;
        let people = |requests: f64| match users? {
            Users::PerUser { requests: each, .. } => Some(requests / each),
            Users::Population(population) => Some(population.expected_distinct(requests)),
        };
        let (canary_events, stable_events, hurt) = match self {
            Metric::Errors { stable, canary } => {
                let failed = canary_requests * canary;
                (Some(failed), Some(stable_requests * stable), failed)
            }
            Metric::Latency { .. } => (None, None, canary_requests),
            Metric::Goal { stable, canary } => (
                Some(canary_requests * canary),
                Some(stable_requests * stable),
                canary_requests * (stable - canary),
            ),
        };
        MetricRow {
            weight: share * 100.0,
            requests,
            requests_otherwise: self
                .requests_otherwise(setting, share)
                .map(|other| other * setting.design_effect),
            canary_requests,
            users: people(requests),
            canary_users: people(canary_requests),
            canary_events,
            stable_events,
            seconds,
            in_time: seconds <= setting.limit,
            hurt,
            visible: self.visible(setting, share, setting.visible),
        }
    }

    fn requests_otherwise(self, setting: &Setting, share: f64) -> Option<f64> {
        match self {
            Metric::Errors { stable, canary } => {
                proportion_totals(canary, stable, share, setting.risks).map(|totals| totals.fleiss)
            }
            Metric::Latency { sigma, factor, .. } => {
                // Of two log-normals, one shifted: the chance that the shifted one is longer.
                let shift = factor.ln() / (sigma * std::f64::consts::SQRT_2);
                let exceeds = 1.0 - crate::stats::normal_upper(shift);
                planning::rank_sum(exceeds, share, setting.risks)
            }
            Metric::Goal { .. } => None,
        }
    }

    /// The smallest change that so many seconds show.
    pub(super) fn visible(self, setting: &Setting, share: f64, seconds: f64) -> Option<f64> {
        let requests = setting.rate * seconds / setting.design_effect;
        let risks = setting.risks;
        match self {
            Metric::Errors { stable, .. } => {
                EventSplit::detectable(share, requests * stable, risks)
                    .map(|split| split.ratio() * stable)
                    .filter(|canary| *canary <= 1.0)
            }
            Metric::Latency {
                quantile, sigma, ..
            } => quantile_growth_seen(quantile, sigma, requests, share, risks),
            Metric::Goal { stable, .. } => fleiss_detectable(stable, true, share, requests, risks),
        }
    }
}

fn split(share: f64, ratio: f64) -> Option<EventSplit> {
    EventSplit::new(share, ratio)
}
