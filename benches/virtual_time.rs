//! How fast virtual time passes: requests a second, rollouts a second, a gate's look.
#![expect(clippy::expect_used, reason = "a benchmark may stop where it is wrong")]

use std::hint::black_box;
use std::time::Duration;

use coalmine::engine::r#virtual::Kind;
use coalmine::model::split::Split;
use coalmine::telemetry::promql::histogram_quantile;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[path = "peers/cases.rs"]
mod cases;

fn requests(criterion: &mut Criterion) {
    const ROLLOUT: u64 = 36_000_000;
    criterion.bench_function("one hundred million random numbers", |bencher| {
        let mut draw = cases::random_u64();
        bencher.iter(|| draw(100_000_000));
    });
    let mut group = criterion.benchmark_group("requests");
    group
        .throughput(Throughput::Elements(ROLLOUT))
        .sample_size(10);
    group.measurement_time(Duration::from_secs(5));
    for (name, engine, split) in [
        ("one by one", Kind::OneByOne, Split::Random),
        ("by one look-up", Kind::Requests, Split::Random),
        ("by user", Kind::Requests, Split::UserHash),
    ] {
        let mut play = cases::requests(engine, split);
        group.bench_function(name, |bencher| bencher.iter(|| play(ROLLOUT)));
    }
    group.finish();
}

fn counts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rollouts by counts");
    group.throughput(Throughput::Elements(100)).sample_size(20);
    for per_interval in [600.0, 6_000.0, 60_000.0] {
        let mut play = cases::counts(per_interval);
        let name = format!("200 buckets, {per_interval} requests an interval");
        group.bench_function(name, |bencher| bencher.iter(|| play(100)));
    }
    for rate in [10.0, 1_000.0, 1e6] {
        let mut play = cases::counts_of_a_mesh(rate);
        let name = format!("a mesh's buckets, {rate} requests a second");
        group.bench_function(name, |bencher| bencher.iter(|| play(100)));
    }
    group.finish();
}

fn quantile(criterion: &mut Criterion) {
    let bounds: Vec<f64> = (1..20).map(f64::from).collect();
    let counts: Vec<f64> = (1..=20).map(|k| f64::from(k * k)).collect();
    let mut scratch = counts.clone();
    criterion.bench_function("histogram_quantile over 20 buckets", |bencher| {
        bencher.iter(|| {
            scratch.copy_from_slice(&counts);
            histogram_quantile(black_box(0.99), &bounds, &mut scratch)
        });
    });
}

criterion_group!(benches, requests, counts, quantile);
criterion_main!(benches);
