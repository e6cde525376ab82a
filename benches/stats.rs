//! What one look costs that a statistic decides: rank tests of samples and of histograms, Fisher's
//! test, chances given a prior, sequential tests.

use std::hint::black_box;

use coalmine::stats::sequential::{
    ExactSplit, GroupSequential, OddsE, Spending, SplitE, SplitLaw, ThresholdE,
};
use coalmine::stats::{
    Beta, MannWhitney, Share, fisher_p, fisher_two_sided_p, ks_counts, two_proportion_z,
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// Latencies that look like those of a service: skewed, and as many different as there are.
fn sample(seed: u64, size: usize) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    (0..size)
        .map(|_| 20.0 * (next() + next()) - 40.0 * next().ln())
        .collect()
}

fn samples(criterion: &mut Criterion) {
    let pair = (sample(1, 5_000), sample(2, 5_000));
    criterion.bench_function("mann-whitney/samples-2x5000", |bencher| {
        bencher.iter_batched(
            || pair.clone(),
            |(mut first, mut second)| {
                let test = MannWhitney::of_samples(&mut first, &mut second);
                (test.and_then(|test| test.p(true)), first, second)
            },
            BatchSize::SmallInput,
        );
    });
    let count = |sample: &[f64]| {
        let mut counts = vec![0_u64; 64];
        for value in sample {
            counts[((value / 4.0) as usize).min(63)] += 1;
        }
        counts
    };
    let (first, second) = (count(&pair.0), count(&pair.1));
    criterion.bench_function("mann-whitney/histograms-64", |bencher| {
        bencher.iter(|| MannWhitney::of_counts(black_box(&first), black_box(&second))?.p(false));
    });
    criterion.bench_function("kolmogorov-smirnov/histograms-64", |bencher| {
        bencher.iter(|| ks_counts(black_box(&first), black_box(&second)));
    });
}

fn counts(criterion: &mut Criterion) {
    // A canary at 5 % of an hour's 6,000 requests a minute, an error in a hundred.
    let (canary, stable) = ((230, 18_000), (3_420, 342_000));
    criterion.bench_function("z/pooled", |bencher| {
        let share = |(hits, trials): (u64, u64)| Share {
            hits: hits as f64,
            trials: trials as f64,
        };
        bencher.iter(|| two_proportion_z(black_box(share(canary)), black_box(share(stable))));
    });
    criterion.bench_function("fisher/one-sided", |bencher| {
        bencher.iter(|| fisher_p(black_box(canary), black_box(stable)));
    });
    criterion.bench_function("fisher/two-sided", |bencher| {
        bencher.iter(|| fisher_two_sided_p(black_box(canary), black_box(stable)));
    });
    criterion.bench_function("chance-worse/beta", |bencher| {
        let flat = Beta { a: 1.0, b: 1.0 };
        let after = |(hits, trials): (u64, u64)| Beta::after(flat, hits, trials);
        bencher.iter(|| after(black_box(canary)).chance_above(after(black_box(stable))));
    });
}

/// A look in the middle of an hour of 6,000 requests a minute, 5 % of them the first arm's and one
/// in a hundred an error.
fn looks(criterion: &mut Criterion) {
    let share = 300.0 / 6_000.0;
    let mut exact = ExactSplit::default();
    let mut group = GroupSequential::default();
    let mut evidence = SplitE::new(&SplitE::usual_ratios(), 1.0).expect("ratios");
    let thresholds = ThresholdE::new(6, &OddsE::USUAL_ODDS);
    let mut thresholds = thresholds.expect("odds");
    let target = |look: u32| Spending::Pocock.spent(0.05, f64::from(look) / 60.0);
    for look in 1..=30 {
        let _ = exact.look(3, 60, SplitLaw::Share(share), target(look));
        let _ = group.look(0.0, f64::from(look) / 60.0, target(look));
    }
    criterion.bench_function("look/exact-split", |bencher| {
        let look = |mut state: ExactSplit| state.look(3, 60, SplitLaw::Share(share), target(31));
        bencher.iter_batched(|| exact.clone(), look, BatchSize::SmallInput);
    });
    criterion.bench_function("look/group-sequential", |bencher| {
        let look = |mut state: GroupSequential| state.look(1.0, 31.0 / 60.0, target(31));
        bencher.iter_batched(|| group.clone(), look, BatchSize::SmallInput);
    });
    let mut number = 0_u32;
    criterion.bench_function("look/split-evidence", |bencher| {
        bencher.iter(|| {
            // A share that changes, so that nothing is remembered.
            number = number.wrapping_add(1);
            evidence.look(3, 60, share + f64::from(number % 7) * 1e-4)
        });
    });
    let above = [
        (150, 2_850),
        (75, 1_425),
        (30, 570),
        (15, 285),
        (3, 57),
        (0, 6),
    ];
    criterion.bench_function("look/thresholds-6x7", |bencher| {
        bencher.iter(|| thresholds.look(black_box(&above), (300, 5_700)));
    });
}

criterion_group!(benches, samples, counts, looks);
criterion_main!(benches);
