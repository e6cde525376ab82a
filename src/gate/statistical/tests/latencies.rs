//! The tests of latencies against the measured table of the reference (statistics.md, section 8).

use super::*;
use crate::stats::{normal_quantile, normal_upper};
use crate::telemetry::Unit;

/// Buckets as fine as those of the table.
const BUCKETS: usize = 204;
/// Of a log-normal latency.
const SIGMA: f64 = 0.6;

/// A share of the canary's requests takes so many times as long.
#[derive(Debug, Clone, Copy)]
struct Slower {
    share: f64,
    times: f64,
}

/// Each holds as many of the good requests as any other.
fn bounds() -> Buckets {
    let edge = |index: usize| (SIGMA * normal_quantile((index + 1) as f64 / BUCKETS as f64)).exp();
    Buckets::new((0..BUCKETS - 1).map(edge).collect(), Unit::Seconds).unwrap()
}

/// The share of requests up to each bound, with the last of all at 1.
fn distribution(bounds: &Buckets, slower: Slower) -> Vec<f64> {
    let below = |seconds: f64| normal_upper(-seconds.ln() / SIGMA);
    let mixed = |bound: &f64| {
        (1.0 - slower.share) * below(*bound) + slower.share * below(bound / slower.times)
    };
    let inner = bounds.bounds().iter().map(mixed);
    inner.chain(std::iter::once(1.0)).collect()
}

/// So many requests dealt to the buckets.
fn deal(random: &mut Xoshiro256PlusPlus, requests: u64, distribution: &[f64]) -> Vec<u64> {
    let (mut left, mut below) = (requests, 0.0);
    let each = distribution.iter().map(|upto| {
        let rest = 1.0 - below;
        let chance = if rest > 0.0 {
            ((upto - below) / rest).clamp(0.0, 1.0)
        } else {
            0.0
        };
        below = *upto;
        let dealt = binomial(random, left, chance);
        left -= dealt;
        dealt
    });
    each.collect()
}

fn of_latencies(latencies: &[u64]) -> Arm<'_> {
    Arm {
        requests: latencies.iter().sum(),
        errors: 0,
        latencies,
        users: UserFailures::default(),
    }
}

/// Plays one and the same rollouts of 100 requests a second, 5 % of them the canary's, to every
/// test.
fn play(slower: Slower, runs: u64, methods: &[Method]) -> Vec<Ends> {
    let bounds = bounds();
    let good = distribution(
        &bounds,
        Slower {
            share: 0.0,
            times: 1.0,
        },
    );
    let bad = distribution(&bounds, slower);
    let mut tests: Vec<Box<dyn Test>> = methods.iter().map(|method| method.start(HOUR)).collect();
    let mut ends: Vec<Ends> = methods.iter().map(|_| Ends::default()).collect();
    for run in 0..runs {
        let mut random = generator(run);
        let counts: Vec<[Vec<u64>; 2]> = (0..60)
            .map(|_| {
                let requests = binomial(&mut random, 6_000, 0.05);
                [
                    deal(&mut random, requests, &bad),
                    deal(&mut random, 6_000 - requests, &good),
                ]
            })
            .collect();
        for (test, ends) in tests.iter_mut().zip(&mut ends) {
            test.begin(run);
            let mut worse = |minute: u64| {
                let [canary, other] = &counts[minute as usize - 1];
                let (canary, other) = (of_latencies(canary), of_latencies(other));
                let batch = batch(&bounds, minute, 0.05, canary, other);
                test.look(&batch).decision == Decision::Worse
            };
            ends.add((1..=60).find(|minute| worse(*minute)), 60);
        }
    }
    ends
}

/// The rows of the table, in their order.
fn methods() -> Vec<Method> {
    let alpha = share(0.05);
    let (end, every) = (Looks::End, Looks::Every);
    vec![
        Method::MannWhitney(MannWhitney { alpha, looks: end }),
        Method::MannWhitney(MannWhitney {
            alpha,
            looks: every,
        }),
        Method::Ks(Ks {
            alpha,
            looks: every,
        }),
        Method::Dkw(Dkw { alpha }),
        Method::QuantileAb(QuantileAb {
            alpha,
            quantile: share(0.99),
            requests: None,
        }),
    ]
}

#[test]
fn good_rollouts_are_rolled_back_as_often_as_measured() {
    const RUNS: u64 = 300;
    let good = Slower {
        share: 0.0,
        times: 1.0,
    };
    let ends = play(good, RUNS, &methods());
    for ((method, ends), rate) in methods()
        .iter()
        .zip(ends)
        .zip([0.045, 0.285, 0.290, 0.0, 0.0])
    {
        // The table's come from 400 runs.
        let error = (rate * (1.0 - rate) * (1.0 / RUNS as f64 + 1.0 / 400.0)).sqrt();
        let found = ends.rate();
        assert!(
            (found - rate).abs() <= 4.0 * error,
            "{method}: {found}, {rate}"
        );
    }
}

#[test]
fn slow_canaries_are_found_when_measured() {
    const RUNS: u64 = 60;
    let slower = |share, times| Slower { share, times };
    for (slower, minutes) in [
        (slower(1.0, 1.05), [60.0, 2.4, 3.9, 33.1, 60.0]),
        (slower(1.0, 1.1), [60.0, 1.2, 1.5, 9.1, 60.0]),
        (slower(1.0, 1.25), [60.0, 1.0, 1.0, 2.1, 30.3]),
        (slower(0.02, 5.0), [60.0, 9.0, 11.7, 60.0, 13.8]),
        (slower(0.1, 2.0), [60.0, 1.8, 2.6, 18.4, 50.7]),
    ] {
        let ends = play(slower, RUNS, &methods());
        for ((method, ends), minutes) in methods().iter().zip(ends).zip(minutes) {
            // The table's come from 150 runs, and have one decimal.
            let error = ends.deviation() * (1.0 / RUNS as f64 + 1.0 / 150.0).sqrt();
            let found = ends.mean();
            let near = (found - minutes).abs() <= 4.0 * error + 0.5;
            assert!(near, "{method}, {slower:?}: {found} minutes, {minutes}");
        }
    }
}
