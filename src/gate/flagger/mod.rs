//! Flagger's builtin metric checks, `request-success-rate` and `request-duration`, as each of its
//! providers reads them, metrics by a query of one's own, and the comparison that all of them end
//! in.
//!
//! Replayed is Flagger 1.44.0: `pkg/controller/scheduler_metrics.go` (`runBuiltinMetricChecks`,
//! `runMetricChecks`), `pkg/metrics/observers/*.go`, `pkg/metrics/providers/prometheus.go`.

mod custom;

pub use custom::CustomCheck;

use std::fmt;

use super::{Outcome, Rule, Verdict};
use crate::base::{Span, Time};
use crate::telemetry::{Demand, Telemetry, Unit, Version, Window};

/// One of Flagger's builtin checks.
#[derive(Debug, Clone, PartialEq)]
pub struct FlaggerCheck {
    /// Which figure.
    pub metric: Metric,
    /// Whose queries.
    pub provider: Provider,
    /// Which version the query's matchers select: the canary, except where they miss it.
    pub version: Version,
    /// What it is held against: percent, or milliseconds.
    pub limits: Limits,
    /// Length of the query's range.
    pub window: Span,
}

/// What a metric measures, which decides how it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// `request-success-rate`, in percent.
    SuccessRate,
    /// `request-duration`, in whole milliseconds.
    Duration,
    /// An inline query or a MetricTemplate, in its own unit.
    Query,
}

/// A metric's limits as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limits {
    /// `thresholdRange`: either bound may be absent.
    Range {
        /// Lowest value that passes.
        min: Option<f64>,
        /// Highest value that passes.
        max: Option<f64>,
    },
    /// The deprecated `threshold`, 0 when that is absent too: a minimum for the success rate, a
    /// maximum for everything else.
    Threshold(f64),
}

/// Families of builtin queries (`pkg/metrics/observers/*.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Istio, and every name that is not known.
    Istio,
    /// Linkerd.
    Linkerd,
    /// ingress-nginx.
    Nginx,
    /// Traefik.
    Traefik,
    /// Metrics that the application itself exports.
    Kubernetes,
    /// The same under Gateway API.
    GatewayApi,
    /// AWS App Mesh.
    AppMesh,
    /// Contour.
    Contour,
    /// Gloo.
    Gloo,
    /// Kuma.
    Kuma,
    /// Knative.
    Knative,
    /// Skipper.
    Skipper,
    /// Apache APISIX.
    Apisix,
    /// Open Service Mesh.
    Osm,
}

/// The figure that `request-duration` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// `histogram_quantile(0.99, …)`.
    P99,
    /// Sum of durations over their count.
    Mean,
}

/// A metrics server's answer to an instant query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer<'a> {
    /// One value per series, in the server's order.
    Vector(&'a [f64]),
    /// A bare number.
    Scalar(f64),
    /// Several values per series.
    Matrix,
    /// An error status, a timeout or no connection.
    Error,
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Pass or fail; never inconclusive.
    pub outcome: Outcome,
    /// Why.
    pub rule: Rule,
    /// The value compared: percent, whole milliseconds, or the query's unit; not a number when
    /// there was none.
    pub value: f64,
    /// The limit broken, or the nearest kept; not a number when there was none.
    pub threshold: f64,
}

impl Provider {
    /// What its `request-duration` query computes.
    pub fn statistic(self) -> Statistic {
        match self {
            Provider::Nginx | Provider::Skipper => Statistic::Mean,
            _ => Statistic::P99,
        }
    }

    /// Unit in which its `request-duration` query answers: Traefik's, NGINX's and Skipper's
    /// multiply by 1000 themselves, those on application metrics leave that to the controller.
    pub fn duration_unit(self) -> Unit {
        match self {
            Provider::Kubernetes | Provider::GatewayApi => Unit::Seconds,
            _ => Unit::Milliseconds,
        }
    }

    /// Whether its queries know the canary's pods by the shape of a Deployment's pod names. Of a
    /// DaemonSet they miss the canary's and match the primary's.
    pub fn selects_by_pod_name(self) -> bool {
        matches!(
            self,
            Provider::Kubernetes | Provider::GatewayApi | Provider::AppMesh
        )
    }
}

impl Answer<'_> {
    /// The number that Flagger reads from it: of several series the last; none of an empty vector,
    /// of one that ends in NaN, of any other kind of result, and of an error.
    pub fn value(&self) -> Option<f64> {
        match self {
            Answer::Vector(values) => values.last().copied().filter(|value| !value.is_nan()),
            Answer::Scalar(_) | Answer::Matrix | Answer::Error => None,
        }
    }
}

impl FlaggerCheck {
    /// Judges what the window that ends at `now` shows. No value is a failed check.
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        let window = telemetry.window(self.version, now, self.window);
        let answer = self.query(&window, telemetry.bounds().unit());
        let comparison = self.compare(answer);
        Verdict {
            outcome: comparison.outcome,
            gate: 0,
            value: comparison.value,
            threshold: comparison.threshold,
            samples: window.requests(),
            rule: comparison.rule,
        }
    }

    /// Compares a query's answer, given in the unit in which the provider's query answers.
    pub fn compare(&self, answer: Option<f64>) -> Comparison {
        compare(
            self.metric,
            self.limits,
            self.provider.duration_unit(),
            answer,
        )
    }

    /// What the provider's query answers, in the operation order of the query.
    fn query(&self, window: &Window<'_>, bounds: Unit) -> Option<f64> {
        match (self.metric, self.provider.statistic()) {
            (Metric::SuccessRate, _) => window.success_ratio().map(|ratio| ratio * 100.0),
            (Metric::Duration, Statistic::P99) => {
                let p99 = window.latency_quantile(0.99)?;
                Some(match (bounds, self.provider.duration_unit()) {
                    (Unit::Seconds, Unit::Milliseconds) => p99 * 1_000.0,
                    (Unit::Milliseconds, Unit::Seconds) => p99 / 1_000.0,
                    (Unit::Seconds, Unit::Seconds) | (Unit::Milliseconds, Unit::Milliseconds) => {
                        p99
                    }
                })
            }
            (Metric::Duration, Statistic::Mean) => window.latency_mean().map(|s| s * 1_000.0),
            (Metric::Query, _) => None,
        }
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        let duration = self.metric == Metric::Duration;
        let mean = self.provider.statistic() == Statistic::Mean;
        Demand {
            stable: self.version == Version::Stable,
            canary: self.version == Version::Canary,
            latency: duration && !mean,
            sums: duration && mean,
            ..Demand::default()
        }
    }
}

/// Compares a metric's value with its limits: equality passes, and durations are compared in whole
/// milliseconds, value and limits both truncated towards zero. `answer` is in `duration_unit` when
/// it is a duration.
///
/// Flagger 1.44.0, `pkg/controller/scheduler_metrics.go`.
pub fn compare(
    metric: Metric,
    limits: Limits,
    duration_unit: Unit,
    answer: Option<f64>,
) -> Comparison {
    let Some(answer) = answer.filter(|answer| !answer.is_nan()) else {
        return Comparison {
            outcome: Outcome::Fail,
            rule: Rule::NoData,
            value: f64::NAN,
            threshold: f64::NAN,
        };
    };
    let whole = |number: f64| match metric {
        Metric::Duration => number.trunc(),
        Metric::SuccessRate | Metric::Query => number,
    };
    let value = match (metric, duration_unit) {
        (Metric::Duration, Unit::Seconds) => whole(answer * 1_000.0),
        _ => whole(answer),
    };
    let (min, max) = match (limits, metric) {
        (Limits::Range { min, max }, _) => (min.map(whole), max.map(whole)),
        (Limits::Threshold(least), Metric::SuccessRate) => (Some(least), None),
        (Limits::Threshold(most), Metric::Duration | Metric::Query) => (None, Some(whole(most))),
    };
    let broken = |rule, limit| Comparison {
        outcome: Outcome::Fail,
        rule,
        value,
        threshold: limit,
    };
    match (min, max) {
        (Some(min), _) if value < min => broken(Rule::BelowMinimum, min),
        (_, Some(max)) if value > max => broken(Rule::AboveMaximum, max),
        _ => Comparison {
            outcome: Outcome::Pass,
            rule: Rule::WithinLimits,
            value,
            threshold: nearest(value, min, max),
        },
    }
}

/// The limit that a value within both is closer to; not a number when there is none.
fn nearest(value: f64, min: Option<f64>, max: Option<f64>) -> f64 {
    match (min, max) {
        (Some(min), Some(max)) if value - min <= max - value => min,
        (Some(_), Some(max)) => max,
        (Some(limit), None) | (None, Some(limit)) => limit,
        (None, None) => f64::NAN,
    }
}

/// `request-success-rate >= 99 % over 1m`.
impl fmt::Display for FlaggerCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match (self.metric, self.provider.statistic()) {
            (Metric::SuccessRate, _) => {
                f.write_str("request-success-rate")?;
                " %"
            }
            (Metric::Duration, Statistic::P99) => {
                f.write_str("request-duration p99")?;
                " ms"
            }
            (Metric::Duration, Statistic::Mean) => {
                f.write_str("request-duration mean")?;
                " ms"
            }
            (Metric::Query, _) => {
                f.write_str("query")?;
                ""
            }
        };
        write_limits(f, self.limits, self.metric, unit)?;
        if self.version == Version::Stable {
            f.write_str(" of the primary")?;
        }
        write!(f, " over {}", self.window)
    }
}

/// ` >= 99 %`: what passes.
fn write_limits(
    f: &mut fmt::Formatter<'_>,
    limits: Limits,
    metric: Metric,
    unit: &str,
) -> fmt::Result {
    match (limits, metric) {
        (Limits::Range { min, max }, _) => match (min, max) {
            (Some(min), Some(max)) => write!(f, " from {min} to {max}{unit}"),
            (Some(min), None) => write!(f, " >= {min}{unit}"),
            (None, Some(max)) => write!(f, " <= {max}{unit}"),
            (None, None) => f.write_str(" anything"),
        },
        (Limits::Threshold(least), Metric::SuccessRate) => write!(f, " >= {least}{unit}"),
        (Limits::Threshold(most), _) => write!(f, " <= {most}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Birth, Buckets, Phase, Plan, Sampling, Status};

    fn check(metric: Metric, provider: Provider, limits: Limits) -> FlaggerCheck {
        FlaggerCheck {
            metric,
            provider,
            version: Version::Canary,
            limits,
            window: Span::from_secs(60),
        }
    }

    fn at_least(min: f64) -> Limits {
        Limits::Range {
            min: Some(min),
            max: None,
        }
    }

    fn at_most(max: f64) -> Limits {
        Limits::Range {
            min: None,
            max: Some(max),
        }
    }

    /// Two minutes of canary scrapes of which the last shows traffic: `good` and `bad` requests, all
    /// taking `seconds`.
    fn minute(buckets: Buckets, good: u64, bad: u64, seconds: f64) -> Telemetry {
        let plan = Plan::plain(
            Sampling::Scraped {
                interval: Span::from_secs(30),
                phase: Phase::Fixed(Span::ZERO),
            },
            Birth::Zero,
            buckets,
        );
        let mut telemetry = Telemetry::new(&plan, Span::ZERO);
        let slot = plan.buckets.index(seconds);
        let width = plan.buckets.len();
        for tick in 0..=4 {
            let counters = telemetry.counters_mut(Version::Canary);
            if tick == 4 {
                for (status, requests) in Status::BOTH.into_iter().zip([good, bad]) {
                    counters.requests[status as usize] += requests;
                    counters.seconds[status as usize] += requests as f64 * seconds;
                    counters.buckets[status as usize * width + slot] += requests;
                }
            }
            telemetry.scrape(Version::Canary, Time::from_secs(tick * 30));
        }
        telemetry
    }

    fn judged(check: &FlaggerCheck, telemetry: &Telemetry) -> Verdict {
        check.judge(Time::from_secs(120), telemetry)
    }

    #[test]
    fn a_success_rate_is_held_against_its_minimum_in_percent() {
        let check = check(Metric::SuccessRate, Provider::Istio, at_least(99.0));
        for (good, bad, outcome) in [
            (100, 0, Outcome::Pass),
            (999, 1, Outcome::Pass),
            (98, 2, Outcome::Fail),
        ] {
            let verdict = judged(&check, &minute(Buckets::istio(), good, bad, 0.02));
            assert_eq!(verdict.outcome, outcome, "{good} good, {bad} bad");
        }
        let verdict = judged(&check, &minute(Buckets::istio(), 98, 2, 0.02));
        assert_eq!(verdict.rule, Rule::BelowMinimum);
        assert_eq!(verdict.threshold, 99.0);
        assert!((verdict.value - 98.0).abs() < 1e-9);
        assert!(verdict.samples > 0.0);
    }

    #[test]
    fn no_traffic_and_a_total_failure_are_failed_checks_without_a_value() {
        let check = check(Metric::SuccessRate, Provider::Istio, at_least(99.0));
        let silent = judged(&check, &minute(Buckets::istio(), 0, 0, 0.02));
        assert_eq!((silent.outcome, silent.rule), (Outcome::Fail, Rule::NoData));

        let plan = Plan::plain(
            Sampling::Scraped {
                interval: Span::from_secs(30),
                phase: Phase::Fixed(Span::ZERO),
            },
            Birth::FirstRequest,
            Buckets::istio(),
        );
        let mut telemetry = Telemetry::new(&plan, Span::ZERO);
        for tick in 0..=4 {
            telemetry.counters_mut(Version::Canary).requests[Status::Failure as usize] += 50;
            telemetry.scrape(Version::Canary, Time::from_secs(tick * 30));
        }
        let broken = judged(&check, &telemetry);
        assert_eq!((broken.outcome, broken.rule), (Outcome::Fail, Rule::NoData));
    }

    #[test]
    fn each_provider_judges_durations_in_milliseconds_of_its_own_statistic() {
        use Provider::*;
        // Every request takes 0.3 s: on a bound of Traefik's, inside a bucket of the others'.
        for (provider, buckets, low, high) in [
            (Istio, Buckets::istio(), 490.0, 500.0),
            (Linkerd, Buckets::linkerd(), 290.0, 300.0),
            (Traefik, Buckets::traefik(), 290.0, 300.0),
            (Kubernetes, Buckets::nginx(), 490.0, 500.0),
            (GatewayApi, Buckets::nginx(), 490.0, 500.0),
            (Nginx, Buckets::nginx(), 299.0, 300.0),
            (Skipper, Buckets::nginx(), 299.0, 300.0),
        ] {
            let check = check(Metric::Duration, provider, at_most(1_000.0));
            let verdict = judged(&check, &minute(buckets, 200, 0, 0.3));
            assert_eq!(verdict.outcome, Outcome::Pass, "{provider:?}");
            let value = verdict.value;
            assert!((low..=high).contains(&value), "{provider:?}: {value}");
            assert_eq!(value, value.trunc(), "{provider:?}: whole milliseconds");
        }
    }

    #[test]
    fn a_check_asks_only_for_what_it_reads() {
        let demand = |metric, provider| check(metric, provider, at_most(1.0)).demand();
        let rate = demand(Metric::SuccessRate, Provider::Nginx);
        assert!(rate.canary && !rate.stable && !rate.latency && !rate.sums);
        let p99 = demand(Metric::Duration, Provider::Istio);
        assert!(p99.latency && !p99.sums);
        let mean = demand(Metric::Duration, Provider::Nginx);
        assert!(mean.sums && !mean.latency);
        let primary = FlaggerCheck {
            version: Version::Stable,
            ..check(Metric::SuccessRate, Provider::Kubernetes, at_least(99.0))
        };
        assert!(primary.demand().stable && !primary.demand().canary);
    }

    #[test]
    fn a_check_says_what_it_demands() {
        let line = |metric, provider, limits| check(metric, provider, limits).to_string();
        assert_eq!(
            line(Metric::SuccessRate, Provider::Istio, at_least(99.0)),
            "request-success-rate >= 99 % over 1m"
        );
        assert_eq!(
            line(Metric::Duration, Provider::Istio, Limits::Threshold(500.0)),
            "request-duration p99 <= 500 ms over 1m"
        );
        assert_eq!(
            line(Metric::Duration, Provider::Nginx, at_most(500.0)),
            "request-duration mean <= 500 ms over 1m"
        );
    }
}
