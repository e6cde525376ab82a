//! Candidates a second: a small grid of a Flagger Canary, and gates that judge one recorded rollout.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use coalmine::experiment::Options;
use coalmine::experiment::tuning::{Extent, Search};
use coalmine::scenario::{Bundle, Move, Origin, Overrides, Scenario, Tune, find};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const CASES: [(&str, &str, [&str; 2]); 2] = [
    (
        "canary",
        "plain-flagger",
        [
            "flagger:spec.analysis.threshold=1..5",
            "flagger:spec.analysis.stepWeight=5,10,20",
        ],
    ),
    (
        "gates",
        "default",
        [
            "rollout.gates[0].min=98%,98.5%,99%,99.2%,99.5%",
            "rollout.gates[0].window=1m,2m,3m",
        ],
    ),
];

fn read(name: &str) -> Option<(Bundle, Scenario)> {
    Bundle::gather(Origin::Builtin(find(name).ok()?), &Overrides::default()).ok()
}

fn tunings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tune");
    group.sample_size(10);
    let extent = Extent {
        trials: 200,
        fresh: 20,
        ..Extent::default()
    };
    for (what, name, moves) in CASES {
        let Some((bundle, start)) = read(name) else {
            continue;
        };
        let moves: Vec<Move> = moves.iter().filter_map(|text| text.parse().ok()).collect();
        let asked = Tune {
            moves,
            ..Tune::default()
        };
        group.throughput(Throughput::Elements(15));
        group.bench_function(format!("{what} of {name}"), |bencher| {
            let stop = AtomicBool::new(false);
            let options = Options {
                threads: Some(1),
                keep_trials: false,
                ledger: None,
                stop: &stop,
                progress: &|_| {},
            };
            bencher.iter(|| {
                let search = Search::new(bundle.clone(), start.clone(), asked.clone(), extent);
                black_box(search.is_ok_and(|search| search.tune(&options).is_ok()))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, tunings);
criterion_main!(benches);
