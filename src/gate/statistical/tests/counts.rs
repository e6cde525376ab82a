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

/// One row of a table: the test, its false rollbacks, minutes to find a doubled error ratio, and
/// those to find one that starts half-way.
type Row = (Method, f64, f64, f64);

fn peeked(method: impl Fn(Looks) -> Method) -> [Method; 3] {
    [Looks::End, Looks::Every, Looks::Shared].map(method)
}

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

fn rows(errors: f64, measured: [(f64, f64, f64); 17]) -> Vec<Row> {
    let rows = methods(errors).into_iter().zip(measured);
    rows.map(|(method, (false_rate, double, late))| (method, false_rate, double, late))
        .collect()
}

#[test]
fn print_tables() {
    for (per_minute, weight, errors) in [
        (6_000, 0.05, 0.01),
        (6_000, 0.05, 0.001),
        (600, 0.1, 0.01),
        (60, 0.25, 0.01),
    ] {
        let t = Traffic {
            per_minute,
            weight,
            errors,
        };
        let mut m = methods(errors);
        let alpha = share(0.05);
        m.push(Method::Msprt(Msprt { alpha, tau: None }));
        let a = play(t, 1.0, 0, 2000, &m);
        let b = play(t, 2.0, 0, 1000, &m);
        let c = play(t, 2.0, 30, 1000, &m);
        let d = play(t, 5.0, 0, 500, &m);
        println!("{t:?}");
        for (i, m) in m.iter().enumerate() {
            println!(
                "{:60} {:.3}/{:.1}  {:.3}/{:.1} {:.3}/{:.1} {:.3}/{:.1}",
                m.label(),
                a[i].rate(),
                a[i].mean(),
                b[i].rate(),
                b[i].mean(),
                d[i].rate(),
                d[i].mean(),
                c[i].rate(),
                c[i].mean()
            );
        }
    }
}

#[test]
fn print_msprt() {
    use crate::stats::sequential::mixture_sprt_log;
    for (per_minute, weight, errors) in [
        (6_000u64, 0.05, 0.01),
        (6_000, 0.05, 0.001),
        (60, 0.25, 0.01),
    ] {
        for ratio in [1.0, 2.0, 5.0] {
            let mut ends: Vec<Ends> = (0..5).map(|_| Ends::default()).collect();
            for run in 0..1000 {
                let mut random = generator(run);
                let mut s = [0u64; 4];
                let mut det = [None; 5];
                for minute in 1..=60u64 {
                    let n = binomial(&mut random, per_minute, weight);
                    s[0] += n;
                    s[1] += binomial(&mut random, n, errors * ratio);
                    s[2] += per_minute - n;
                    s[3] += binomial(&mut random, per_minute - n, errors);
                    let [nc, y, ns, x] = s.map(|v| v as f64);
                    let (pc, ps, p) = (y / nc, x / ns, (x + y) / (nc + ns));
                    let d = pc - ps;
                    let vp = p * (1.0 - p) * (1.0 / nc + 1.0 / ns);
                    let v0 = errors * (1.0 - errors) * (1.0 / nc + 1.0 / ns);
                    let vu = pc * (1.0 - pc) / nc + ps * (1.0 - ps) / ns;
                    let t2 = errors * errors;
                    let one = |v: f64| {
                        mixture_sprt_log(d, v, t2).map(|l| {
                            let z = d * errors / (v * (v + t2)).sqrt();
                            l + 2f64.ln() + (1.0 - crate::stats::normal_upper(z)).ln()
                        })
                    };
                    let l = [
                        mixture_sprt_log(d, vp, t2),
                        one(vp),
                        one(vu),
                        mixture_sprt_log(d, v0, t2),
                        if d > 0.0 {
                            mixture_sprt_log(d, vp, t2)
                        } else {
                            None
                        },
                    ];
                    for i in 0..5 {
                        if det[i].is_none() && l[i].is_some_and(|l| l >= 20f64.ln()) {
                            det[i] = Some(minute)
                        }
                    }
                }
                for i in 0..5 {
                    ends[i].add(det[i], 60)
                }
            }
            println!(
                "{per_minute} {weight} {errors} x{ratio} pooled2 {:.3}/{:.1} pooled1 {:.3}/{:.1} unp1 {:.3}/{:.1} true {:.3}/{:.1} pooled+ {:.3}/{:.1}",
                ends[0].rate(),
                ends[0].mean(),
                ends[1].rate(),
                ends[1].mean(),
                ends[2].rate(),
                ends[2].mean(),
                ends[3].rate(),
                ends[3].mean(),
                ends[4].rate(),
                ends[4].mean()
            );
        }
    }
}
