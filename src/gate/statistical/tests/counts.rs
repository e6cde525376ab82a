//! The tests of errors against the measured tables of the reference (statistics.md, section 8).

use super::*;

/// Traffic of a table.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    per_minute: u64,
    weight: f64,
    errors: f64,
}

/// Plays one and the same `runs` rollouts to every test, with a canary that fails `ratio` times as
/// often from minute `onset` on.
fn play(traffic: Traffic, ratio: f64, onset: u64, runs: u64, methods: &[Method]) -> Vec<Ends> {
    let bounds = Buckets::istio();
    let mut tests: Vec<Box<dyn Test>> = methods.iter().map(|method| method.start(HOUR)).collect();
    let mut ends: Vec<Ends> = methods.iter().map(|_| Ends::default()).collect();
    for run in 0..runs {
        let mut random = generator(run);
        let batches: Vec<Batch<'_>> = (1..=60)
            .map(|minute| {
                let requests = binomial(&mut random, traffic.per_minute, traffic.weight);
                let chance = if minute > onset {
                    ratio * traffic.errors
                } else {
                    traffic.errors
                };
                let errors = binomial(&mut random, requests, chance);
                let others = traffic.per_minute - requests;
                let wrong = binomial(&mut random, others, traffic.errors);
                let (canary, other) = (arm(requests, errors), arm(others, wrong));
                batch(&bounds, minute, traffic.weight, canary, other)
            })
            .collect();
        for (test, ends) in tests.iter_mut().zip(&mut ends) {
            test.begin(run);
            let worse = |batch: &Batch<'_>| test.look(batch).decision == Decision::Worse;
            let detected = batches.iter().position(worse);
            ends.add(detected.map(|at| at as u64 + 1), 60);
        }
    }
    ends
}

fn peeked(method: impl Fn(Looks) -> Method) -> [Method; 3] {
    [Looks::End, Looks::Every, Looks::Shared].map(method)
}

/// The rows of the tables, in their order.
fn methods(errors: f64) -> Vec<Method> {
    let alpha = share(0.05);
    let [z_end, z_every, z_shared] = peeked(|looks| {
        Method::CumulativeZ(CumulativeZ {
            alpha,
            looks,
            design_effect: 1.0,
        })
    });
    let [fisher_end, fisher_every, _] = peeked(|looks| Method::Fisher(Fisher { alpha, looks }));
    let spent = |spending| {
        Method::GroupSequential(GroupSequential {
            alpha,
            spending,
            design_effect: 1.0,
        })
    };
    let ratio = 2.0;
    let posterior = |alpha: f64| {
        Method::BetaBinomial(BetaBinomial {
            alpha: share(alpha),
            looks: Looks::Every,
        })
    };
    vec![
        z_end,
        z_every,
        z_shared,
        fisher_end,
        fisher_every,
        spent(Spending::OBrienFleming),
        spent(Spending::Pocock),
        Method::Yeast(Yeast { alpha }),
        Method::Sprt(Sprt {
            alpha,
            ratio,
            beta: None,
        }),
        Method::Sprt(Sprt {
            alpha,
            ratio,
            beta: Some(share(0.2)),
        }),
        Method::Cusum(Cusum { alpha, ratio }),
        Method::ShiryaevRoberts(ShiryaevRoberts { alpha, ratio }),
        Method::LindonMalek(LindonMalek {
            alpha,
            concentration: 100.0,
        }),
        Method::Msprt(Msprt {
            alpha,
            tau: Some(share(errors)),
        }),
        posterior(0.05),
        posterior(0.01),
        posterior(0.001),
    ]
}

/// What the reference measured in 8,000 good rollouts, 2,000 with doubled errors and 2,000 with
/// errors that double half-way: the share rolled back, and mean minutes.
type Row = (f64, f64, f64);

/// Plays a table anew and holds it against what was measured, within four standard errors of both.
fn hold(traffic: Traffic, measured: [Row; 17]) {
    const GOOD: u64 = 1_000;
    const BAD: u64 = 300;
    let methods = methods(traffic.errors);
    let good = play(traffic, 1.0, 0, GOOD, &methods);
    let double = play(traffic, 2.0, 0, BAD, &methods);
    let late = play(traffic, 2.0, 30, BAD, &methods);
    for (index, (method, row)) in methods.iter().zip(measured).enumerate() {
        let (rate, runs) = (row.0.max(0.002), 1.0 / GOOD as f64 + 1.0 / 8_000.0);
        let error = (rate * (1.0 - rate) * runs).sqrt();
        let found = good[index].rate();
        assert!(
            (found - row.0).abs() <= 4.0 * error,
            "{method}: {found}, {}",
            row.0
        );
        for (ends, minutes) in [(&double[index], row.1), (&late[index], row.2)] {
            let error = ends.deviation() * (1.0 / BAD as f64 + 1.0 / 2_000.0).sqrt();
            let found = ends.mean();
            // The table has one decimal, and hardly any spread where hardly any is found.
            let near = (found - minutes).abs() <= 4.0 * error + 0.15;
            assert!(near, "{method}: {found} minutes, {minutes}");
        }
    }
}

#[test]
fn a_hundred_requests_a_second() {
    let traffic = Traffic {
        per_minute: 6000,
        weight: 0.05,
        errors: 0.01,
    };
    hold(
        traffic,
        [
            (0.053, 60.0, 60.0),
            (0.288, 2.1, 30.0),
            (0.019, 4.4, 42.6),
            (0.048, 60.0, 60.0),
            (0.229, 2.4, 32.1),
            (0.057, 9.8, 39.4),
            (0.064, 3.9, 38.7),
            (0.050, 10.0, 39.7),
            (0.019, 4.0, 54.0),
            (0.022, 9.1, 59.1),
            (0.007, 7.3, 36.9),
            (0.016, 6.8, 36.1),
            (0.021, 5.6, 43.2),
            (0.018, 4.3, 43.3),
            (0.304, 2.0, 29.3),
            (0.095, 3.0, 37.6),
            (0.013, 4.9, 42.9),
        ],
    );
}

#[test]
fn a_hundred_requests_a_second_that_seldom_fail() {
    let traffic = Traffic {
        per_minute: 6000,
        weight: 0.05,
        errors: 0.001,
    };
    hold(
        traffic,
        [
            (0.063, 60.0, 60.0),
            (0.327, 11.0, 39.8),
            (0.044, 28.9, 56.2),
            (0.043, 60.0, 60.0),
            (0.189, 15.4, 46.7),
            (0.063, 29.6, 53.1),
            (0.098, 21.0, 51.8),
            (0.054, 30.4, 53.5),
            (0.033, 27.6, 55.9),
            (0.037, 28.0, 57.4),
            (0.002, 47.7, 58.5),
            (0.018, 38.1, 54.3),
            (0.009, 40.5, 58.7),
            (0.031, 29.4, 56.8),
            (0.399, 9.3, 36.0),
            (0.128, 19.0, 50.5),
            (0.019, 32.9, 57.6),
        ],
    );
}

#[test]
fn ten_requests_a_second() {
    let traffic = Traffic {
        per_minute: 600,
        weight: 0.1,
        errors: 0.01,
    };
    hold(
        traffic,
        [
            (0.059, 60.0, 60.0),
            (0.315, 6.5, 36.8),
            (0.030, 19.0, 54.9),
            (0.045, 60.0, 60.0),
            (0.210, 8.8, 42.1),
            (0.059, 22.0, 49.9),
            (0.082, 13.8, 49.4),
            (0.051, 22.7, 50.5),
            (0.030, 16.9, 54.6),
            (0.032, 20.0, 57.9),
            (0.002, 32.2, 54.6),
            (0.022, 25.5, 49.4),
            (0.007, 27.7, 57.0),
            (0.025, 18.8, 55.2),
            (0.346, 6.1, 35.0),
            (0.111, 11.9, 48.2),
            (0.016, 21.4, 56.1),
        ],
    );
}

#[test]
fn one_request_a_second() {
    let traffic = Traffic {
        per_minute: 60,
        weight: 0.25,
        errors: 0.01,
    };
    hold(
        traffic,
        [
            (0.051, 60.0, 60.0),
            (0.324, 20.5, 41.6),
            (0.015, 49.3, 58.7),
            (0.033, 60.0, 60.0),
            (0.131, 30.4, 51.9),
            (0.054, 44.4, 56.3),
            (0.062, 38.8, 55.7),
            (0.047, 45.4, 56.7),
            (0.014, 49.0, 58.5),
            (0.019, 47.3, 58.2),
            (0.000, 59.7, 60.0),
            (0.004, 56.3, 59.0),
            (0.000, 59.7, 60.0),
            (0.011, 51.0, 58.9),
            (0.281, 22.0, 43.8),
            (0.067, 37.6, 55.6),
            (0.008, 51.7, 59.2),
        ],
    );
}

#[test]
fn peeking_multiplies_false_rollbacks_as_the_textbook_says() {
    const RUNS: u64 = 4_000;
    let bounds = Buckets::istio();
    let method = Method::CumulativeZ(CumulativeZ {
        alpha: share(0.05),
        looks: Looks::Every,
        design_effect: 1.0,
    });
    let mut test = method.start(HOUR);
    let mut first = [0_u64; 61];
    for run in 0..RUNS {
        let mut random = generator(run);
        test.begin(run);
        // Equal arms and common hits: the z of the textbook.
        let mut minutes = 1..=60;
        let rejected = minutes.find(|minute| {
            let errors = [(); 2].map(|()| binomial(&mut random, 1_000, 0.3));
            let (canary, other) = (arm(1_000, errors[0]), arm(1_000, errors[1]));
            let look = test.look(&batch(&bounds, *minute, 0.5, canary, other));
            look.decision == Decision::Worse
        });
        if let Some(minute) = rejected {
            first[minute as usize] += 1;
        }
    }
    // Reference, section 1.12: one-sided 5 %.
    for (looks, expected) in [
        (1, 0.050),
        (2, 0.080),
        (5, 0.130),
        (10, 0.172),
        (20, 0.214),
        (50, 0.270),
        (60, 0.281),
    ] {
        let rejected: u64 = first[..=looks].iter().sum();
        let rate = rejected as f64 / RUNS as f64;
        let error = (expected * (1.0 - expected) / RUNS as f64).sqrt();
        assert!(
            (rate - expected).abs() < 4.0 * error,
            "{looks} looks: {rate}"
        );
    }
}
