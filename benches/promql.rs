//! How long a gate's query takes: bound once, asked at every look.
//!
//! The figure that counts is `p99 of 42 series`: at most a microsecond.
#![expect(clippy::expect_used, reason = "a benchmark may stop where it is wrong")]

use std::hint::black_box;

use coalmine::base::{Span, Time};
use coalmine::telemetry::exposition::{Dialect, Vendor};
use coalmine::telemetry::promql::{Bound, Catalogue, Query, Semantics};
use coalmine::telemetry::{
    Birth, Buckets, Phase, Plan, Sampling, Status, Telemetry, Unit, Version,
};
use criterion::{Criterion, criterion_group, criterion_main};

/// Twenty bounds and the unbounded bucket, for two statuses: 42 series.
fn plan() -> Plan {
    let bounds = (1..=20).map(|k| f64::from(k * k)).collect();
    let interval = Span::from_secs(15);
    let phase = Phase::Fixed(Span::ZERO);
    let buckets = Buckets::new(bounds, Unit::Milliseconds).expect("they increase");
    Plan::plain(Sampling::Scraped { interval, phase }, Birth::Zero, buckets)
}

fn played(plan: &Plan) -> Telemetry {
    let mut telemetry = Telemetry::new(plan, Span::ZERO);
    for scrape in 0..40 {
        let counters = telemetry.counters_mut(Version::Canary);
        for (s, status) in Status::BOTH.into_iter().enumerate() {
            let mut all = 0;
            for (place, count) in counters.row_mut(status).iter_mut().enumerate() {
                let more = 3 + (scrape * 7 + place as u64 * 5) % 11;
                *count += more;
                all += more;
            }
            counters.requests[s] += all;
        }
        telemetry.scrape(Version::Canary, Time::from_secs(15 * scrape));
    }
    telemetry
}

fn bound(text: &str, plan: &Plan) -> Bound {
    let dialect = Dialect::new(Vendor::Istio, plan, Vec::new(), Vec::new());
    let query = Query::parse(text, Semantics::V3).expect("a query");
    query
        .bind(&Catalogue::new(&dialect, plan))
        .expect("of series that there are")
}

fn queries(criterion: &mut Criterion) {
    let plan = plan();
    let telemetry = played(&plan);
    let now = Time::from_secs(590);
    let canary = r#"destination_workload="app""#;
    let bucket = format!("istio_request_duration_milliseconds_bucket{{{canary}}}");
    let requests = "istio_requests_total";
    let cases = [
        (
            "p99 of 42 series",
            format!("histogram_quantile(0.99, sum(rate({bucket}[1m])) by (le))"),
        ),
        (
            "success rate",
            format!(
                "sum(rate({requests}{{{canary},response_code!~\"5.*\"}}[1m])) / \
                 sum(rate({requests}{{{canary}}}[1m])) * 100"
            ),
        ),
        (
            "p99 of 42 series from every scrape",
            format!("histogram_quantile(0.99, sum(irate({bucket}[1m])) by (le))"),
        ),
    ];
    let mut group = criterion.benchmark_group("promql");
    for (name, text) in &cases {
        let bound = bound(text, &plan);
        let mut values = Vec::new();
        bound
            .ask_values(now, &telemetry, &mut values)
            .expect("an answer");
        assert!(values[0].is_finite());
        group.bench_function(*name, |bench| {
            bench.iter(|| {
                let asked = bound.ask_values(black_box(now), &telemetry, &mut values);
                black_box(asked).expect("an answer");
                values[0]
            });
        });
    }
    let text = &cases[1].1;
    group.bench_function("parse and bind", |bench| {
        let dialect = Dialect::new(Vendor::Istio, &plan, Vec::new(), Vec::new());
        let catalogue = Catalogue::new(&dialect, &plan);
        bench.iter(|| {
            let query = Query::parse(black_box(text), Semantics::V3).expect("a query");
            query.bind(&catalogue).expect("of series that there are")
        });
    });
    group.finish();
}

criterion_group!(benches, queries);
criterion_main!(benches);
