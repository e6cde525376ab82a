//! Input that is hardly any, and what the gates remember.

use super::*;

/// Two buckets of latencies.
fn arms<'a>(counts: [(u64, u64); 2], latencies: [&'a [u64]; 2]) -> [Arm<'a>; 2] {
    [0, 1].map(|which| Arm {
        latencies: latencies[which],
        ..arm(counts[which].0, counts[which].1)
    })
}

/// What a test says to each batch: other, canary, and the weight.
fn looks(test: &mut dyn Test, batches: &[([Arm<'_>; 2], Option<f64>)]) -> Vec<Look> {
    let bounds = Buckets::new(vec![1.0], crate::telemetry::Unit::Seconds).unwrap();
    let looks = batches.iter().enumerate().map(|(index, (arms, share))| {
        test.look(&Batch {
            elapsed: Span::from_secs(60 * (index as u64 + 1)),
            share: *share,
            bounds: &bounds,
            other: arms[0],
            canary: arms[1],
        })
    });
    looks.collect()
}

#[test]
fn batches_that_say_nothing_are_harmless() {
    let nothing: &[u64] = &[0, 0];
    for method in classics::shelf(share(0.05)) {
        for share in [None, Some(0.0), Some(0.05), Some(1.0)] {
            let batches = [
                (arms([(0, 0), (0, 0)], [nothing, nothing]), share),
                (arms([(900, 0), (0, 0)], [&[900, 0], nothing]), share),
                (arms([(0, 0), (0, 0)], [&[], &[]]), share),
            ];
            let mut test = method.start(HOUR);
            test.begin(1);
            let mut said = looks(&mut *test, &batches[..1]);
            // Without a request of the canary nothing can be held against it, but for the guard.
            if !matches!(method, Method::SampleRatio(_)) {
                said.extend(looks(&mut *test, &batches));
            }
            for look in said {
                assert_ne!(look.decision, Decision::Worse, "{method}: {look:?}");
                let (value, limit) = look.evidence.figures();
                assert!(!value.is_nan() && !limit.is_nan(), "{method}: {look:?}");
            }
        }
    }
}

#[test]
fn no_counts_make_a_verdict_of_nothing() {
    let million = 1_000_000_000;
    let all: [[(u64, u64); 2]; 7] = [
        [(1, 0), (1, 1)],
        [(1, 1), (1, 0)],
        [(1, 1), (1, 1)],
        [(950, 950), (50, 50)],
        [(950, 0), (50, 50)],
        [(950, 950), (50, 0)],
        [(19 * million, million), (million, million / 10)],
    ];
    for method in classics::shelf(share(0.05)) {
        let mut test = method.start(HOUR);
        for counts in all {
            test.begin(1);
            let slow = counts.map(|(requests, errors)| [requests - errors, errors]);
            let one = arms(counts, [&slow[0], &slow[1]]);
            for look in looks(
                &mut *test,
                &[(one, Some(0.05)), (one, None), (one, Some(0.5))],
            ) {
                let (value, limit) = look.evidence.figures();
                assert!(
                    !value.is_nan() && !limit.is_nan(),
                    "{method}, {counts:?}: {look:?}"
                );
            }
        }
    }
}

#[test]
fn a_rollout_starts_anew() {
    let counts = |errors: u64| [(950, 10), (50, errors)];
    for method in classics::shelf(share(0.05)) {
        let run = |test: &mut dyn Test, errors: u64| {
            test.begin(7);
            let counts = counts(errors);
            let slow = counts.map(|(requests, errors)| [requests - errors, errors]);
            let one = arms(counts, [&slow[0], &slow[1]]);
            looks(
                test,
                &[(one, Some(0.05)), (one, Some(0.05)), (one, Some(0.2))],
            )
        };
        let fresh = run(&mut *method.start(HOUR), 1);
        let mut used = method.start(HOUR);
        run(&mut *used, 40);
        assert_eq!(run(&mut *used, 1), fresh, "{method}");
    }
}

#[test]
fn a_test_that_is_made_at_the_end_waits_for_it_however_small_p_is() {
    let method = Method::CumulativeZ(CumulativeZ {
        alpha: share(0.05),
        looks: Looks::End,
        design_effect: 1.0,
    });
    // So far apart that p is 0.
    let worst = arms([(100_000, 0), (100_000, 100_000)], [&[], &[]]);
    let said = looks(&mut *method.start(HOUR), &[(worst, Some(0.5)); 60]);
    let early = said[..59].iter().map(|look| look.decision);
    assert!(
        early
            .into_iter()
            .all(|decision| decision == Decision::Clear)
    );
    assert_eq!(said[59].decision, Decision::Worse);
}

#[test]
fn boundaries_are_those_of_the_reference() {
    // Pocock-type spending of 5 %, one-sided, five equal looks (section 2.4).
    let method = Method::GroupSequential(GroupSequential {
        alpha: share(0.05),
        spending: Spending::Pocock,
        design_effect: 1.0,
    });
    let planned = Planned {
        duration: Span::from_secs(300),
        interval: MINUTE,
    };
    let equal = arms([(1_000, 20), (1_000, 20)], [&[], &[]]);
    let said = looks(&mut *method.start(planned), &[(equal, Some(0.5)); 6]);
    let limits: Vec<f64> = said.iter().map(|look| look.evidence.figures().1).collect();
    for (limit, expected) in limits.iter().zip([2.176, 2.144, 2.113, 2.090, 2.071]) {
        assert!((limit - expected).abs() < 6e-4, "{limit}, {expected}");
    }
    // Past the planned end nothing is left but what no chance explains.
    assert_eq!(limits[5], 8.0);
}

#[test]
fn a_design_effect_divides_z_by_its_root() {
    let z = |design_effect: f64| {
        let method = Method::GroupSequential(GroupSequential {
            alpha: share(0.05),
            spending: Spending::Pocock,
            design_effect,
        });
        let bad = arms([(1_000, 20), (1_000, 40)], [&[], &[]]);
        let said = looks(&mut *method.start(HOUR), &[(bad, Some(0.5))]);
        said[0].evidence.figures().0
    };
    assert!((z(4.0) - z(1.0) / 2.0).abs() < 1e-12 && z(1.0) > 2.0);
}

#[test]
fn what_was_accepted_stays_accepted() {
    let method = Method::Sprt(Sprt {
        alpha: share(0.05),
        ratio: 2.0,
        beta: Some(share(0.2)),
    });
    let good = (arms([(900, 40), (100, 4)], [&[], &[]]), Some(0.1));
    let bad = (arms([(900, 40), (100, 90)], [&[], &[]]), Some(0.1));
    let said = looks(&mut *method.start(HOUR), &[good, good, bad, bad]);
    let decisions: Vec<Decision> = said.iter().map(|look| look.decision).collect();
    assert_eq!(decisions[1..], [Decision::NotWorse; 3], "{decisions:?}");
}

#[test]
fn shares_that_are_wrong_void_everything() {
    let method = Method::SampleRatio(SampleRatio { alpha: share(1e-4) });
    let right = (arms([(950, 0), (50, 0)], [&[], &[]]), Some(0.05));
    let wrong = (arms([(900, 0), (100, 0)], [&[], &[]]), Some(0.05));
    let moved = (arms([(500, 0), (500, 0)], [&[], &[]]), None);
    let decide = |batches: &[_]| {
        looks(&mut *method.start(HOUR), batches)
            .pop()
            .unwrap()
            .decision
    };
    assert_eq!(decide(&[right; 60]), Decision::Clear);
    assert_eq!(decide(&[moved; 60]), Decision::Clear);
    assert_eq!(decide(&[wrong; 3]), Decision::ShareMismatch);
    // A ramp with the right shares is no mismatch.
    let half = (arms([(500, 0), (500, 0)], [&[], &[]]), Some(0.5));
    assert_eq!(decide(&[right, right, half, half]), Decision::Clear);
}

#[test]
fn users_that_fail_again_and_again_are_one_each() {
    // A hundred users with ten requests each; in the canary ten of them fail all ten times.
    let users = |failing: f64| {
        let sums = crate::telemetry::GoalSums {
            opportunities: 1_000.0,
            sum: 10.0 * failing,
            squares: 10.0 * failing,
            cross: 100.0 * failing,
            counts: 10_000.0,
            users: 100.0,
            values: 100.0 * failing,
        };
        UserFailures {
            sums,
            users: failing,
        }
    };
    let by_user = |failing: f64| Arm {
        users: users(failing),
        ..arm(1_000, 10 * failing as u64)
    };
    let pair = [by_user(5.0), by_user(10.0)];
    let (alpha, looks_at) = (share(0.05), Looks::Every);
    let clustered = Method::ClusteredZ(ClusteredZ {
        alpha,
        looks: looks_at,
    });
    let plain = |design_effect: f64| {
        Method::CumulativeZ(CumulativeZ {
            alpha,
            looks: looks_at,
            design_effect,
        })
    };
    let p = |method: Method| {
        let said = looks(&mut *method.start(HOUR), &[(pair, Some(0.5))]);
        said[0].evidence.figures().0
    };
    // Ten equal requests a user: the design effect is ten.
    assert!(p(plain(1.0)) < 1e-4);
    assert!((p(clustered) - p(plain(10.0))).abs() < 0.003);
}

mod combined {
    use super::*;

    const ALPHA: f64 = 0.05;

    fn errors_and_latency(need: usize) -> Method {
        let (alpha, looks) = (share(ALPHA), Looks::Every);
        let parts = vec![
            Method::Fisher(Fisher { alpha, looks }),
            Method::Ks(Ks { alpha, looks }),
        ];
        let made = Combined::new(parts, need, Correction::Bonferroni, alpha);
        Method::Combined(made.unwrap())
    }

    fn decide(method: &Method, batches: &[([Arm<'_>; 2], Option<f64>)]) -> Vec<Decision> {
        let said = looks(&mut *method.start(HOUR), batches);
        said.iter().map(|look| look.decision).collect()
    }

    #[test]
    fn any_is_enough_or_all_must_agree_and_what_was_found_stays_found() {
        let failing = arms([(900, 9), (100, 40)], [&[900, 0], &[100, 0]]);
        let slow = arms([(900, 9), (100, 1)], [&[900, 0], &[20, 80]]);
        let (failing, slow) = ((failing, Some(0.1)), (slow, Some(0.1)));
        let good = (
            arms([(9_000, 0), (1_000, 0)], [&[9_000, 0], &[1_000, 0]]),
            Some(0.1),
        );
        let any = decide(&errors_and_latency(1), &[failing]);
        assert_eq!(any, [Decision::Worse]);
        // Errors are against it at first, latencies later.
        let all = decide(&errors_and_latency(2), &[failing, good, slow, slow, slow]);
        assert_eq!(all[0], Decision::Clear);
        assert_eq!(all.last(), Some(&Decision::Worse), "{all:?}");
    }

    #[test]
    fn stepwise_corrections_put_the_evidence_in_order() {
        let made = |correction, need| {
            let alpha = share(ALPHA);
            let parts = vec![
                Method::Msprt(Msprt { alpha, tau: None }),
                Method::Sprt(Sprt {
                    alpha,
                    ratio: 2.0,
                    beta: None,
                }),
            ];
            Method::Combined(Combined::new(parts, need, correction, alpha).unwrap())
        };
        let good = (arms([(900, 9), (100, 1)], [&[], &[]]), Some(0.1));
        let bad = (arms([(900, 9), (100, 30)], [&[], &[]]), Some(0.1));
        for correction in [
            Correction::Holm,
            Correction::BenjaminiHochberg,
            Correction::EBenjaminiHochberg,
        ] {
            for need in [1, 2] {
                let method = made(correction, need);
                let good = decide(&method, &[good; 10]);
                assert!(!good.contains(&Decision::Worse), "{correction}: {good:?}");
                let bad = decide(&method, &[bad; 10]);
                assert_eq!(bad.last(), Some(&Decision::Worse), "{correction}: {bad:?}");
            }
        }
    }

    #[test]
    fn nothing_and_more_than_all_are_refused() {
        let alpha = share(ALPHA);
        let one = || vec![Method::Dkw(Dkw { alpha })];
        for (parts, need) in [(vec![], 0), (vec![], 1), (one(), 0), (one(), 2)] {
            assert_eq!(
                Combined::new(parts, need, Correction::Bonferroni, alpha),
                None
            );
        }
    }

    #[test]
    fn the_weakest_part_is_what_the_whole_promises() {
        let alpha = share(ALPHA);
        let parts = || {
            vec![
                Method::Msprt(Msprt { alpha, tau: None }),
                Method::Fisher(Fisher {
                    alpha,
                    looks: Looks::Shared,
                }),
            ]
        };
        let promise = |correction, need| {
            let made = Combined::new(parts(), need, correction, alpha).unwrap();
            Method::Combined(made).entry().guarantee
        };
        assert_eq!(
            promise(Correction::Bonferroni, 1),
            Guarantee::PlannedHorizon
        );
        assert_eq!(promise(Correction::None, 1), Guarantee::None);
        assert_eq!(promise(Correction::None, 2), Guarantee::PlannedHorizon);
    }
}
