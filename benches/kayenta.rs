//! Kayenta's judge on a canary of usual size: 4 metrics of 60 points a side.

use std::hint::black_box;

use coalmine::gate::kayenta::{
    Analysis, Direction, Group, Judge, JudgeName, Metric, Pair, Thresholds,
};
use coalmine::telemetry::promql::Labels;
use criterion::{Criterion, criterion_group, criterion_main};

/// Samples that look like those of a service: skewed, with ties where `steps` is small.
fn samples(seed: u64, shift: f64, steps: f64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..60)
        .map(|_| {
            let value = 100.0 + shift + 10.0 * (next() + next() + next() - 1.5);
            (value * steps).round() / steps
        })
        .collect()
}

fn canary() -> (Judge, Vec<Pair>) {
    let metric = |name: &str, direction| Metric {
        name: name.to_owned(),
        analysis: Analysis {
            direction,
            outliers: Some(3.0),
            ..Analysis::default()
        },
        groups: vec![0],
    };
    let judge = Judge {
        name: JudgeName::Netflix,
        metrics: vec![
            metric("same", Direction::Either),
            metric("higher", Direction::Increase),
            metric("lower", Direction::Either),
            metric("counts", Direction::Increase),
        ],
        groups: vec![Group {
            name: "all".to_owned(),
            weight: None,
        }],
        thresholds: Thresholds {
            pass: 95.0,
            marginal: 75.0,
        },
    };
    let shapes = [(0.0, 1e6), (6.0, 1e6), (-4.0, 1e6), (2.0, 0.5)];
    let pairs = (0..).zip(shapes).map(|(metric, (shift, steps))| Pair {
        metric,
        tags: Labels::none(),
        control: samples(metric as u64 + 1, 0.0, steps),
        experiment: samples(metric as u64 + 101, shift, steps),
    });
    (judge, pairs.collect())
}

fn judge(criterion: &mut Criterion) {
    let (judge, pairs) = canary();
    criterion.bench_function("kayenta/4x60", |bencher| {
        bencher.iter(|| judge.judge(black_box(&pairs)).score.total);
    });
}

criterion_group!(benches, judge);
criterion_main!(benches);
