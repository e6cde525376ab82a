//! Windows against the slow reference: each series kept as a list of samples and read with
//! `rate`, `increase` and `histogram_quantile` one by one.

mod answers;
mod pipeline;

use proptest::prelude::*;

use super::*;
use crate::telemetry::promql::{histogram_quantile, increase, rate};
use crate::telemetry::{Phase, Unit};

const V: Version = Version::Canary;

fn secs(seconds: u64) -> Span {
    Span::from_secs(seconds)
}

/// Telemetry and, beside it, every sample that was taken of one version.
struct Recorded {
    telemetry: Telemetry,
    plan: Plan,
    samples: Vec<(Time, Counters)>,
}

impl Recorded {
    fn new(sampling: Sampling, birth: Birth, phase: Span) -> Recorded {
        let buckets = Buckets::new(vec![0.1, 0.5, 2.0], Unit::Seconds).unwrap();
        Recorded::with(Plan::plain(sampling, birth, buckets), phase)
    }

    fn with(plan: Plan, phase: Span) -> Recorded {
        Recorded {
            telemetry: Telemetry::new(&plan, phase),
            plan,
            samples: Vec::new(),
        }
    }

    /// Scraped every 15 s from the start on.
    fn every_15s(birth: Birth) -> Recorded {
        let sampling = Sampling::Scraped {
            interval: secs(15),
            phase: Phase::Fixed(Span::ZERO),
        };
        Recorded::new(sampling, birth, Span::ZERO)
    }

    fn serve(&mut self, status: Status, requests: u64, seconds: f64) {
        let buckets = self.telemetry.bounds().clone();
        let counters = self.telemetry.counters_mut(V);
        let s = status as usize;
        counters.requests[s] += requests;
        counters.seconds[s] += requests as f64 * seconds;
        counters.buckets[s * buckets.len() + buckets.index(seconds)] += requests;
    }

    fn scrape(&mut self, now: Time) {
        self.telemetry.scrape(V, now);
        if self.telemetry.misses(V, now) {
            return;
        }
        let mut read = self.telemetry.counters(V).clone();
        let probes = (self.plan.probes.get() * now.as_secs_f64()) as u64;
        read.requests[0] += probes;
        read.buckets[0] += probes;
        self.samples.push((now, read));
    }

    /// One series as it is visible at `now`, from the first sample that a server would have got.
    fn series(
        &self,
        status: Status,
        now: Time,
        value: impl Fn(&Counters) -> f64,
    ) -> Vec<(Time, f64)> {
        let s = status as usize;
        let from_start = self.plan.birth == Birth::Zero
            || (status == Status::Success && self.plan.probes > Rate::ZERO);
        let born = |c: &Counters| from_start || c.requests[s] > 0;
        let after = self.samples.iter().skip_while(|(_, c)| !born(c));
        let visible = after.filter(|(time, _)| *time + self.plan.delay <= now);
        visible.map(|(time, c)| (*time, value(c))).collect()
    }

    fn count(&self, status: Status, now: Time) -> Vec<(Time, f64)> {
        self.series(status, now, |c| c.requests[status as usize] as f64)
    }

    /// The sum over statuses, `None` when no series gives a value.
    fn sum(parts: [Option<f64>; 2]) -> Option<f64> {
        parts.into_iter().flatten().reduce(|a, b| a + b)
    }

    fn slow_quantile(&self, q: f64, now: Time, span: Span) -> Option<f64> {
        let buckets = self.telemetry.bounds();
        let mut cumulative: Vec<f64> = Vec::new();
        for le in 0..buckets.len() {
            cumulative.push(Recorded::sum(Status::BOTH.map(|status| {
                let own = status as usize * buckets.len();
                let below = |c: &Counters| c.buckets[own..=own + le].iter().sum::<u64>() as f64;
                rate(&self.series(status, now, below), now, span)
            }))?);
        }
        Some(histogram_quantile(q, buckets.bounds(), &mut cumulative))
    }

    fn slow_mean(&self, now: Time, span: Span) -> Option<f64> {
        let total = |value: fn(&Counters, usize) -> f64| {
            Recorded::sum(Status::BOTH.map(|status| {
                let series = self.series(status, now, |c| value(c, status as usize));
                rate(&series, now, span)
            }))
        };
        Some(total(|c, s| c.seconds[s])? / total(|c, s| c.requests[s] as f64)?)
    }

    /// Every figure of a window against the reference, to the last bit.
    fn compare(&self, now: Time, span: Span) {
        let window = self.telemetry.window(V, now, span);
        let place = format!("window {span} at {now}");
        let [good, bad] = Status::BOTH.map(|status| rate(&self.count(status, now), now, span));
        same(window.volume(Status::Success), good, &place);
        same(window.volume(Status::Failure), bad, &place);
        let all = Recorded::sum([good, bad]);
        let ratio = good.zip(all).map(|(good, all)| good / all);
        same(window.success_ratio(), ratio, &place);
        for q in [0.0, 0.5, 0.99, 1.0] {
            same(
                window.latency_quantile(q),
                self.slow_quantile(q, now, span),
                &place,
            );
        }
        same(window.latency_mean(), self.slow_mean(now, span), &place);
        let counted = Status::BOTH.map(|status| increase(&self.count(status, now), now, span));
        let counted = Recorded::sum(counted).unwrap_or(0.0);
        // `rate` divides by the window, and multiplying by it again may miss by rounding.
        assert!(
            (window.requests() - counted).abs() <= 1e-12 * counted,
            "{place}"
        );
    }
}

fn same(got: Option<f64>, expected: Option<f64>, place: &str) {
    let equal = match (got, expected) {
        (Some(a), Some(b)) => a == b || (a.is_nan() && b.is_nan()),
        (None, None) => true,
        _ => false,
    };
    assert!(equal, "{place}: {got:?}, expected {expected:?}");
}

#[test]
fn what_the_first_sample_reads_is_never_seen() {
    let mut recorded = Recorded::every_15s(Birth::FirstRequest);
    recorded.scrape(Time::START);
    recorded.serve(Status::Success, 100, 0.2);
    recorded.serve(Status::Failure, 40, 0.2);
    recorded.scrape(Time::from_secs(15));
    let now = Time::from_secs(30);
    recorded.serve(Status::Success, 100, 0.2);
    recorded.scrape(now);
    let window = recorded.telemetry.window(V, now, secs(60));
    assert_eq!(
        window.volume(Status::Failure),
        Some(0.0),
        "40 failures, none visible"
    );
    assert_eq!(window.success_ratio(), Some(1.0));
    // 100 in 15 s, extrapolated by half an interval at most to its zero point and no further.
    assert_eq!(window.increase(Status::Success), Some(150.0));
    recorded.compare(now, secs(60));
}

#[test]
fn a_series_born_at_zero_shows_its_first_requests() {
    let mut recorded = Recorded::every_15s(Birth::Zero);
    recorded.scrape(Time::START);
    recorded.serve(Status::Failure, 40, 0.2);
    recorded.scrape(Time::from_secs(15));
    let now = Time::from_secs(15);
    let window = recorded.telemetry.window(V, now, secs(60));
    assert_eq!(window.increase(Status::Failure), Some(40.0));
    assert_eq!(window.success_ratio(), Some(0.0));
    recorded.compare(now, secs(60));
}

#[test]
fn exact_metrics_count_to_the_request() {
    let mut recorded = Recorded::new(Sampling::Exact, Birth::FirstRequest, Span::ZERO);
    recorded.serve(Status::Success, 7, 0.05);
    recorded.serve(Status::Failure, 3, 1.0);
    recorded.scrape(Time::from_secs(60));
    recorded.serve(Status::Success, 90, 0.05);
    recorded.serve(Status::Failure, 10, 1.0);
    recorded.scrape(Time::from_secs(120));
    let at = |now, span| {
        recorded
            .telemetry
            .window(V, Time::from_secs(now), secs(span))
    };

    let last = at(120, 60);
    assert_eq!(last.requests(), 100.0);
    assert_eq!(last.success_ratio(), Some(0.9));
    assert!((last.latency_quantile(0.5).unwrap() - 0.1 * 50.0 / 90.0).abs() < 1e-12);
    assert!((last.latency_mean().unwrap() - 0.145).abs() < 1e-12);
    assert_eq!(at(60, 60).requests(), 10.0);
    // Longer than history: everything there was.
    assert_eq!(at(120, 600).requests(), 110.0);
    assert_eq!(at(120, 120).increase(Status::Failure), Some(13.0));
}

#[test]
fn an_exact_window_without_requests_has_no_ratio() {
    let mut recorded = Recorded::new(Sampling::Exact, Birth::FirstRequest, Span::ZERO);
    recorded.scrape(Time::from_secs(60));
    let window = recorded.telemetry.window(V, Time::from_secs(60), secs(60));
    assert_eq!(window.requests(), 0.0);
    assert!(window.success_ratio().unwrap().is_nan());
    assert!(window.latency_quantile(0.99).unwrap().is_nan());
    assert!(window.latency_mean().unwrap().is_nan());
}

#[test]
fn one_sample_is_no_rate() {
    let mut recorded = Recorded::every_15s(Birth::FirstRequest);
    let nothing = |recorded: &Recorded, now: u64, span| {
        let window = recorded.telemetry.window(V, Time::from_secs(now), span);
        assert_eq!(window.volume(Status::Success), None);
        assert_eq!(window.success_ratio(), None);
        assert_eq!(window.latency_quantile(0.5), None);
        assert_eq!(window.latency_mean(), None);
        assert_eq!(window.requests(), 0.0);
        recorded.compare(Time::from_secs(now), span);
    };
    recorded.scrape(Time::START);
    nothing(&recorded, 0, secs(60));
    recorded.serve(Status::Success, 10, 0.2);
    recorded.scrape(Time::from_secs(15));
    // The second scrape is the series' first sample.
    nothing(&recorded, 15, secs(60));
    recorded.scrape(Time::from_secs(30));
    recorded.scrape(Time::from_secs(45));
    // A window as long as the scrape interval, open on the left, holds one.
    nothing(&recorded, 45, secs(15));
    assert!(
        recorded
            .telemetry
            .window(V, Time::from_secs(45), secs(16))
            .success_ratio()
            .is_some()
    );
}

#[test]
fn only_failures_leave_the_ratio_without_its_numerator() {
    let mut recorded = Recorded::every_15s(Birth::FirstRequest);
    for scrape in 0..5 {
        recorded.scrape(Time::from_secs(15 * scrape));
        recorded.serve(Status::Failure, 10, 0.2);
    }
    let now = Time::from_secs(60);
    let window = recorded.telemetry.window(V, now, secs(60));
    assert_eq!(window.success_ratio(), None);
    assert_eq!(window.requests(), 40.0);
    recorded.compare(now, secs(60));
}

#[test]
fn a_reset_leaves_nothing_behind() {
    let mut recorded = Recorded::every_15s(Birth::FirstRequest);
    recorded.serve(Status::Success, 10, 0.2);
    recorded.scrape(Time::START);
    recorded.telemetry.reset(Span::ZERO);
    recorded.samples.clear();
    assert!(!recorded.telemetry.is_born(V, Status::Success));
    recorded.scrape(Time::START);
    recorded.serve(Status::Success, 5, 0.2);
    recorded.scrape(Time::from_secs(15));
    recorded.scrape(Time::from_secs(30));
    recorded.compare(Time::from_secs(30), secs(60));
}

/// Requests before each scrape: how many, and how slow the failed and the good ones were.
fn traffic() -> impl Strategy<Value = Vec<(u64, u64, f64)>> {
    // Often nothing, so that series are born late and stand still.
    let few = || prop_oneof![2 => Just(0_u64), 3 => 0_u64..30];
    prop::collection::vec((few(), few(), 0.0..3.0_f64), 1..40)
}

proptest! {
    #[test]
    fn scraped_windows_are_what_the_slow_reference_says(
        traffic in traffic(),
        interval in 1_000_u64..30_000,
        tenth in 0..10_u64,
        spans in prop::collection::vec(1_000_u64..400_000, 1..4),
        zero in any::<bool>(),
        late in 0.0..1.0_f64,
    ) {
        let interval = Span::from_millis(interval);
        let phase = Span::from_nanos(interval.as_nanos() / 10 * tenth);
        let birth = if zero { Birth::Zero } else { Birth::FirstRequest };
        let sampling = Sampling::Scraped { interval, phase: Phase::Random };
        let mut recorded = Recorded::new(sampling, birth, phase);
        let mut now = Time::START + phase;
        for (good, bad, seconds) in traffic {
            recorded.serve(Status::Success, good, seconds);
            recorded.serve(Status::Failure, bad, seconds / 2.0);
            recorded.scrape(now);
            let asked = now + Span::from_nanos((interval.as_nanos() as f64 * late) as u64);
            for span in &spans {
                recorded.compare(asked, Span::from_millis(*span));
            }
            now += interval;
        }
    }

    #[test]
    fn exact_windows_are_differences_of_counts(
        traffic in traffic(), interval in 1_u64..100, back in 1_usize..45,
    ) {
        let mut recorded = Recorded::new(Sampling::Exact, Birth::FirstRequest, Span::ZERO);
        for (row, (good, bad, seconds)) in traffic.iter().enumerate() {
            recorded.serve(Status::Success, *good, *seconds);
            recorded.serve(Status::Failure, *bad, *seconds);
            recorded.scrape(Time::from_secs(interval * (row as u64 + 1)));
        }
        let now = Time::from_secs(interval * traffic.len() as u64);
        let window = recorded.telemetry.window(V, now, secs(interval * back as u64));
        let seen = &traffic[traffic.len().saturating_sub(back)..];
        let good: u64 = seen.iter().map(|(good, _, _)| good).sum();
        let bad: u64 = seen.iter().map(|(_, bad, _)| bad).sum();
        prop_assert_eq!(window.increase(Status::Success), Some(good as f64));
        prop_assert_eq!(window.increase(Status::Failure), Some(bad as f64));
        prop_assert_eq!(window.requests(), (good + bad) as f64);
    }
}
