//! What is assumed where a scenario says nothing; the readers and the schema both take it from
//! here.

use crate::base::{Bytes, Probability, Span, Weight};
use crate::gate::kayenta::Thresholds;
use crate::model::service::Service;

pub(super) const SUBJECT: &str = "Your own";
pub(super) const LATENCY: &str = "p50=40ms,p99=250ms";
pub(super) const USERS: u32 = 10_000;
pub(super) const ZIPF: f64 = 1.0;
pub(super) const PERIOD: Span = Span::from_secs(86_400);
pub(super) const WEEKEND: f64 = 0.6;
pub(super) const WEEK_START: &str = "Mon 10:00";
pub(super) const FLASH_RISE: Span = Span::from_secs(300);
pub(super) const FLASH_HALF_LIFE: Span = Span::from_secs(1_800);
pub(super) const SOURCES: u32 = 50;
pub(super) const ON_OFF_SHAPE: f64 = 1.2;
pub(super) const SHORTEST: Span = Span::from_secs(1);
/// Of access logs.
pub(super) const BIN: Span = Span::from_secs(60);
/// Short, so that a window of a minute holds a dozen samples.
pub(super) const SCRAPE: Span = Span::from_secs(5);
pub(super) const INTERVAL: Span = Span::from_secs(60);
pub(super) const FAILURES: u32 = 1;
/// The ratio of error ratios that sequential tests are designed for.
pub(super) const ERROR_RATIO: f64 = 2.0;
/// Of public implementations.
pub(super) const CONCENTRATION: f64 = 100.0;
pub(super) const WINDOW: Span = Span::from_secs(60);
pub(super) const Z_TEST_REQUESTS: u32 = 100;
/// Flagger's `sessionAffinity.maxAge`.
pub(super) const COOKIE: Span = Span::from_secs(86_400);
/// Istio's retries and outlier detection, where they are not said.
pub(super) const RETRIES: u32 = 2;
pub(super) const BACKOFF: Span = Span::from_millis(25);
pub(super) const CONSECUTIVE: u32 = 5;
pub(super) const EJECTION: Span = Span::from_secs(30);
pub(super) const SWEEP: Span = Span::from_secs(10);
/// Enough for a normal approximation at a few percent.
pub(super) const BUSINESS_REQUESTS: u32 = 1_000;
/// A loss of 3 % of what the business counts.
pub(super) const BUSINESS_RATIO: f64 = 0.97;
/// Companions of tests that find their limits by chance of their own.
pub(super) const PARTICLES: u32 = 1_999;
/// The same where errors and latencies are dealt together, which takes longer.
pub(super) const JOINT_PARTICLES: u32 = 999;
/// A canary with twice the errors must not be promoted.
pub(super) const TOLERATE: f64 = 2.0;
/// What Spinnaker's documentation starts with.
pub(super) const KAYENTA_STEP: Span = Span::from_secs(60);
pub(super) const KAYENTA_THRESHOLDS: Thresholds = Thresholds {
    pass: 95.0,
    marginal: 75.0,
};
/// The canary's share while Spinnaker judges it.
pub(super) fn kayenta_weight() -> Weight {
    Weight::clamped(10.0)
}
pub(super) const MOST_TRIALS: u32 = 10_000;

/// Half of the people on call have acted within 20 minutes, nine in ten within an hour.
pub(super) const JUDGEMENT: &str = "p50=20m,p90=60m";
pub(super) const OFFICE_FROM: &str = "09:00";
pub(super) const OFFICE_TO: &str = "17:00";
pub(super) const OFFICE_DAYS: &str = "Mon-Fri";
pub(super) const OFFICE_START: &str = "Mon 09:00";

pub(super) fn errors() -> Probability {
    share(0.001)
}

pub(super) fn body() -> Bytes {
    Bytes::new(Service::BODY.into()).unwrap_or_default()
}

pub(super) fn matched() -> Probability {
    share(0.1)
}

pub(super) fn alpha() -> Probability {
    share(0.05)
}

/// Of accepting a bad canary.
pub(super) fn beta() -> Probability {
    share(0.2)
}

/// So low that the guard hardly ever fires by chance.
pub(super) fn mismatch() -> Probability {
    share(1e-4)
}

pub(super) fn most_ejected() -> Probability {
    share(0.1)
}

pub(super) fn precision() -> Probability {
    share(0.01)
}

pub(super) fn weights() -> Vec<Weight> {
    [1.0, 2.0, 5.0, 10.0, 25.0, 50.0]
        .into_iter()
        .map(Weight::clamped)
        .collect()
}

pub(super) fn weights_text() -> Vec<String> {
    weights().iter().map(Weight::to_string).collect()
}

fn share(value: f64) -> Probability {
    Probability::new(value).unwrap_or(Probability::ZERO)
}
