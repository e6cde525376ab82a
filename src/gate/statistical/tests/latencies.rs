//! The tests of latencies against the measured table of the reference (statistics.md, section 8).

use super::*;
use crate::stats::normal_upper;
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

fn bounds() -> Buckets {
    let edge = |index: usize| (-4.0 + 8.0 * index as f64 / (BUCKETS - 2) as f64).exp();
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

fn methods() -> Vec<Method> {
    let alpha = share(0.05);
    let quantile = |quantile: f64| {
        Method::QuantileAb(QuantileAb {
            alpha,
            quantile: share(quantile),
            requests: None,
        })
    };
    vec![
        Method::MannWhitney(MannWhitney {
            alpha,
            looks: Looks::End,
        }),
        Method::MannWhitney(MannWhitney {
            alpha,
            looks: Looks::Every,
        }),
        Method::Ks(Ks {
            alpha,
            looks: Looks::Every,
        }),
        Method::Dkw(Dkw { alpha }),
        quantile(0.5),
        quantile(0.9),
        quantile(0.99),
    ]
}

#[test]
fn print_latencies() {
    for slower in [
        Slower {
            share: 0.0,
            times: 1.0,
        },
        Slower {
            share: 1.0,
            times: 1.05,
        },
        Slower {
            share: 1.0,
            times: 1.1,
        },
        Slower {
            share: 1.0,
            times: 1.25,
        },
        Slower {
            share: 0.02,
            times: 5.0,
        },
        Slower {
            share: 0.1,
            times: 2.0,
        },
    ] {
        println!("{slower:?}");
        for (m, e) in methods().iter().zip(play(slower, 100, &methods())) {
            println!(
                "{:50} {:.3}/{:.1} sd {:.1}",
                m.label(),
                e.rate(),
                e.mean(),
                e.deviation()
            );
        }
    }
}
