//! How long a tick of an Argo analysis takes: three metrics asked, judged and counted.
#![expect(clippy::expect_used, reason = "a benchmark may stop where it is wrong")]

use std::hint::black_box;
use std::sync::Arc;

use coalmine::base::{Span, Time};
use coalmine::gate::argo::{ArgoMetric, Assessment, Condition, Conditions, Empty, Found, Shape};
use coalmine::gate::{Gate, Jury, Source};
use coalmine::rollout::argo::{AnalysisMetric, AnalysisRun, RunSpec};
use coalmine::telemetry::exposition::{Dialect, Vendor};
use coalmine::telemetry::promql::{Catalogue, Query, Semantics};
use coalmine::telemetry::{Birth, Buckets, Demand, Phase, Plan, Sampling, Telemetry, Version};
use criterion::{Criterion, criterion_group, criterion_main};

const QUERIES: [(&str, &str, &str); 3] = [
    (
        "success-rate",
        "sum(rate(istio_requests_total{response_code!~\"5.*\"}[1m])) / sum(rate(istio_requests_total[1m]))",
        "result[0] >= 0.95",
    ),
    (
        "latency",
        "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket[1m])) by (le))",
        "result[0] < 500",
    ),
    (
        "errors",
        "sum(rate(istio_requests_total{response_code=~\"5.*\"}[1m]))",
        "len(result) == 0 || result[0] < 5",
    ),
];

/// Gates bound to a service, and ten minutes of its scrapes.
fn set() -> (Vec<Gate>, Telemetry) {
    let sampling = Sampling::Scraped {
        interval: Span::from_secs(5),
        phase: Phase::Fixed(Span::ZERO),
    };
    let plan = Plan::plain(sampling, Birth::Zero, Buckets::istio());
    let dialect = Dialect::new(Vendor::Istio, &plan, Vec::new(), Vec::new());
    let catalogue = Catalogue::new(&dialect, &plan);
    let gates = QUERIES.map(|(name, query, condition)| {
        let query = Query::parse(query, Semantics::default()).expect("a query");
        let mut gate = Gate::ArgoMetric(ArgoMetric {
            name: name.to_owned(),
            source: Source::Written(query),
            range: None,
            assessment: Assessment::Conditions {
                conditions: Box::new(Conditions {
                    success: Some(Condition::parse(condition).expect("a condition")),
                    failure: None,
                }),
                shape: Shape::Numbers,
                empty: Empty::List,
            },
        });
        gate.bind(&catalogue).expect("exported metrics");
        gate
    });
    let demand = (gates.iter()).fold(Demand::default(), |all, gate| all.union(gate.demand()));
    let mut telemetry = Telemetry::new(&plan, Span::from_secs(600));
    for tick in 0..=120_u64 {
        for version in [Version::Stable, Version::Canary] {
            let counters = telemetry.counters_mut(version);
            for (status, requests) in counters.requests.iter_mut().zip([100, 1]) {
                *status += requests;
            }
            for bucket in &mut counters.buckets {
                *bucket += 3;
            }
        }
        demand.scrape(&mut telemetry, Time::from_secs(tick * 5));
    }
    (gates.to_vec(), telemetry)
}

fn tick(criterion: &mut Criterion) {
    let (gates, telemetry) = set();
    let now = Time::from_secs(600);
    let metrics = (0..gates.len()).map(|gate| AnalysisMetric {
        interval: Some(Span::from_secs(60)),
        ..AnalysisMetric::new(QUERIES[gate].0, gate)
    });
    let spec = Arc::new(RunSpec::new(metrics.collect()));
    let mut looks = Vec::new();
    criterion.bench_function("a tick of an AnalysisRun with three metrics", |bencher| {
        let mut jury = Jury::new(&gates);
        bencher.iter(|| {
            let mut run = AnalysisRun::new(&spec);
            let due = run.due(now);
            looks.clear();
            jury.judge_each(due, now, &telemetry, &mut looks);
            run.take(now, &looks);
            black_box(run.phase())
        });
    });
}

fn conditions(criterion: &mut Criterion) {
    let found = Found::Numbers(vec![0.99]);
    for text in ["result[0] >= 0.95", "len(result) > 0 && result[0] >= 0.95"] {
        let condition = Condition::parse(text).expect("a condition");
        criterion.bench_function(text, |bencher| {
            bencher.iter(|| condition.holds(black_box(&found)));
        });
    }
}

criterion_group!(benches, tick, conditions);
criterion_main!(benches);
