//! The gates that hold their level, on input that says little or nothing.

use super::*;

/// Every one of them, in each of the ways in which it can be set up.
fn gates() -> Vec<Method> {
    let alpha = share(0.05);
    let spending = Spending::Pocock;
    let mut gates = Vec::new();
    for events in [Events::Errors, Events::Slower(Span::from_millis(300))] {
        for exposure in [
            Exposure::Realised,
            Exposure::Weight,
            Exposure::Hypergeometric,
        ] {
            gates.push(Method::ExactSpending(ExactSpending {
                alpha,
                spending,
                exposure,
                events,
            }));
        }
        for tolerate in [1.0, 1.5] {
            gates.push(Method::SplitEvidence(SplitEvidence {
                alpha,
                tolerate,
                events,
            }));
        }
        for prior in [Prior::Uniform, Prior::HalfAtStart] {
            gates.push(Method::ChangeEvidence(ChangeEvidence {
                alpha,
                prior,
                events,
            }));
        }
        gates.push(Method::ChangeSpending(ChangeSpending {
            alpha,
            spending,
            particles: 999,
            events,
        }));
        gates.push(Method::TwoSidedEvidence(TwoSidedEvidence {
            alpha,
            alpha_promote: alpha,
            tolerate: 2.0,
            events,
        }));
    }
    let given = Thresholds::At(vec![Span::from_millis(300), Span::from_secs(9)]);
    for thresholds in [Thresholds::Pooled, given] {
        for errors in [false, true] {
            gates.push(Method::LatencyEvidence(LatencyEvidence {
                alpha,
                thresholds: thresholds.clone(),
                errors,
            }));
        }
        gates.push(Method::JointSpending(JointSpending {
            alpha,
            spending,
            particles: 999,
            thresholds,
        }));
    }
    gates
}

/// Requests by bucket of Traefik's histogram, and then the failed ones.
type Buckets10 = [u64; 10];

fn of(latencies: &Buckets10) -> Arm<'_> {
    Arm {
        latencies,
        ..arm(
            latencies[..5].iter().sum(),
            latencies[5..].iter().sum::<u64>(),
        )
    }
}

/// Plays minutes of stable and of the canary with the share that the splitter was asked for.
fn play(test: &mut dyn Test, minutes: &[(Buckets10, Buckets10, Option<f64>)]) -> Vec<Look> {
    let bounds = Buckets::traefik();
    test.begin(3);
    (minutes.iter().zip(1..))
        .map(|((other, canary, share), minute)| {
            let batch = batch(&bounds, minute, 0.0, of(canary), of(other));
            test.look(&Batch {
                share: *share,
                ..batch
            })
        })
        .collect()
}

const NOTHING: Buckets10 = [0; 10];
const GOOD: Buckets10 = [950, 30, 15, 5, 0, 4, 3, 2, 1, 0];
const FINE: Buckets10 = [95, 3, 1, 1, 0, 0, 0, 0, 0, 0];
const DOWN: Buckets10 = [0, 0, 0, 20, 80, 0, 0, 0, 20, 80];

#[test]
fn what_compares_nothing_accuses_nobody() {
    for method in gates() {
        let mut test = method.start(HOUR);
        let before = [
            (NOTHING, NOTHING, None),
            (GOOD, NOTHING, Some(0.0)),
            (NOTHING, DOWN, Some(1.0)),
            (DOWN, NOTHING, Some(0.1)),
        ];
        for look in play(&mut *test, &before) {
            assert_eq!(look.decision, Decision::NoData, "{method}");
            let (value, limit) = look.evidence.figures();
            assert!(value.is_finite() && limit.is_finite(), "{method}: {look:?}");
        }
        let silent: Vec<_> = [Some(0.1), None, Some(0.0), Some(1.0)]
            .into_iter()
            .flat_map(|share| [(FINE, FINE, share), (DOWN, DOWN, share)])
            .collect();
        for look in play(&mut *test, &silent) {
            let accused = matches!(look.decision, Decision::Worse | Decision::NoData);
            // With a weight of 10 % but half of the requests, half of the errors are too many.
            let weight = matches!(
                &method,
                Method::ExactSpending(settings) if settings.exposure == Exposure::Weight
            );
            assert!(!accused || weight, "{method}: {look:?}");
        }
    }
}

#[test]
fn a_canary_that_is_down_is_rolled_back_at_once_and_at_any_share() {
    for method in gates() {
        for share in [Some(0.1), None] {
            let mut test = method.start(HOUR);
            let looks = play(&mut *test, &[(GOOD, FINE, share), (GOOD, DOWN, share)]);
            let decisions: Vec<Decision> = looks.iter().map(|look| look.decision).collect();
            assert_ne!(decisions[0], Decision::Worse, "{method}");
            assert_eq!(decisions[1], Decision::Worse, "{method}: {looks:?}");
        }
    }
}

#[test]
fn a_new_rollout_forgets_the_one_before_and_equal_luck_gives_equal_looks() {
    for method in gates() {
        let mut test = method.start(HOUR);
        let minutes = [
            (GOOD, FINE, Some(0.1)),
            (GOOD, NOTHING, None),
            (NOTHING, FINE, Some(0.1)),
            (GOOD, DOWN, Some(0.1)),
            (GOOD, FINE, Some(0.1)),
        ];
        let first = play(&mut *test, &minutes);
        assert_eq!(play(&mut *test, &minutes), first, "{method}");
    }
}

#[test]
fn who_was_found_no_worse_may_still_be_found_worse() {
    let method = Method::TwoSidedEvidence(TwoSidedEvidence {
        alpha: share(0.05),
        alpha_promote: share(0.05),
        tolerate: 2.0,
        events: Events::Errors,
    });
    let mut test = method.start(HOUR);
    let minutes = [(GOOD, FINE, None); 7]
        .into_iter()
        .chain([(GOOD, DOWN, None)]);
    let looks = play(&mut *test, &minutes.collect::<Vec<_>>());
    let decisions: Vec<Decision> = looks.iter().map(|look| look.decision).collect();
    // Ten errors of stable a minute and none of the canary's, which has one request in eleven: the bet
    // that both fail alike grows by 10 ln(12 / 11) = 0.87 a minute, and ln 20 is 3.
    assert_eq!(decisions[0], Decision::Undecided);
    assert_eq!(decisions[6], Decision::NotWorse, "{decisions:?}");
    assert_eq!(decisions[7], Decision::Worse);
}
