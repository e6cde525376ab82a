//! A slider of the lab: the curve of the default scenario with the gates of the catalog beside it, at the
//! trials that a page asks for while somebody moves something.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use coalmine::experiment::Options;
use coalmine::experiment::curve::curve;
use coalmine::lab::routes::curve::{Question, contenders};
use coalmine::lab::setup::Setup;
use criterion::{Criterion, criterion_group, criterion_main};

fn curves(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lab");
    group.sample_size(20);
    for name in ["low-traffic", "default", "plain-flagger"] {
        let question = Question {
            setup: Setup {
                scenario: Some(name.to_owned()),
                ..Setup::default()
            },
            trials: 100,
            rivals: true,
        };
        group.bench_function(format!("slider of {name}"), |bencher| {
            let stop = AtomicBool::new(false);
            let options = Options {
                threads: None,
                keep_trials: false,
                ledger: None,
                stop: &stop,
                progress: &|_| {},
            };
            bencher.iter(|| {
                let all = contenders(&question).unwrap_or_default();
                black_box(curve(&all, question.trials, &options))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, curves);
criterion_main!(benches);
