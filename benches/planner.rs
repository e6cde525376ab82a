//! A plan as the command line asks for it: three percentages, all gates. The whole command has 50 ms.

use std::hint::black_box;

use coalmine::base::{Rate, Weight};
use coalmine::experiment::planner::{self, Change, Question, Slowdown};
use criterion::{Criterion, criterion_group, criterion_main};

fn question(stable: f64, canary: f64) -> Question {
    Question {
        weights: [1.0, 5.0, 10.0]
            .into_iter()
            .filter_map(Weight::percent)
            .collect(),
        errors: Some(Change { stable, canary }),
        ..Question::at(Rate::per_second(20.0).unwrap_or_default())
    }
}

fn plans(criterion: &mut Criterion) {
    let tenfold = question(0.001, 0.01);
    let little_more = question(0.001, 0.0012);
    let everything = Question {
        latency: Some(Slowdown {
            quantile: 0.99,
            sigma: 0.5,
            factor: 1.1,
        }),
        goal: Some(Change {
            stable: 0.03,
            canary: 0.027,
        }),
        ..tenfold.clone()
    };
    for (name, question) in [
        ("errors x10", tenfold),
        ("errors x1.2", little_more),
        ("errors, latency and goal", everything),
    ] {
        criterion.bench_function(&format!("plan {name}"), |bencher| {
            bencher.iter(|| planner::plan(black_box(&question)));
        });
    }
}

criterion_group!(benches, plans);
criterion_main!(benches);
