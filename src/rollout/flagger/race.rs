//! A weighted canary is a race of N passing checks against T failing ones: the controller must
//! agree with that sentence, written as slowly and plainly as possible.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{Flagger, FlaggerPlan, FlaggerSettings};
use crate::base::{Time, Weight};
use crate::gate::{Outcome, Rule, Verdict};
use crate::rollout::{Action, Need, Surroundings};

/// What a rollout did, with the tick of each.
#[derive(Debug, PartialEq)]
struct Course {
    weights: Vec<(usize, i64)>,
    end: Option<(usize, Action)>,
}

/// The slow, obvious reference: the weights are worked out by repeated addition, then verdicts are
/// counted. Tick 0 notices, tick 1 sets the first weight, checks start at tick 2; a rollback comes
/// one tick after the failure that completes it.
fn reference(weights: &[i64], threshold: usize, mirror: bool, verdicts: &[bool]) -> Course {
    let mut visited = Vec::new();
    let mut stages = weights.to_vec();
    if mirror {
        stages.insert(0, 0);
    } else {
        visited.push((1, weights[0]));
    }
    let (mut passed, mut failed) = (0, 0);
    for (index, pass) in verdicts.iter().enumerate() {
        let tick = index + 2;
        if *pass {
            passed += 1;
            if passed == stages.len() {
                return Course {
                    weights: visited,
                    end: Some((tick, Action::Promote)),
                };
            }
            visited.push((tick, stages[passed]));
        } else {
            failed += 1;
            if failed == threshold {
                return Course {
                    weights: visited,
                    end: Some((tick + 1, Action::RollBack)),
                };
            }
        }
    }
    Course {
        weights: visited,
        end: None,
    }
}

/// Drives the controller with verdicts until promotion, rollback or the verdicts' end.
fn drive(plan: &FlaggerPlan, verdicts: &[bool]) -> Course {
    let mut controller = Flagger::new(plan);
    let mut verdicts = verdicts.iter();
    let mut course = Course {
        weights: Vec::new(),
        end: None,
    };
    let cadence = plan.cadence();
    for tick in 0.. {
        let now: Time = cadence.first + cadence.period * tick as u64;
        if controller.handle_tick(now, &Surroundings::default()) == Need::Verdict {
            let Some(pass) = verdicts.next() else {
                return course;
            };
            controller.handle_verdict(now, &verdict(*pass));
        }
        while let Some(action) = controller.poll_action() {
            match action {
                Action::Route(routing) => {
                    let weight = routing.canary.as_percent() as i64;
                    if weight > 0 {
                        assert_eq!(
                            routing.mirror,
                            Weight::ZERO,
                            "mirroring ends at the first weight"
                        );
                        course.weights.push((tick, weight));
                    }
                }
                Action::Promote | Action::RollBack => {
                    course.end = Some((tick, action));
                    return course;
                }
            }
        }
    }
    course
}

fn verdict(pass: bool) -> Verdict {
    Verdict {
        outcome: if pass { Outcome::Pass } else { Outcome::Fail },
        gate: 0,
        value: f64::NAN,
        threshold: f64::NAN,
        samples: 0.0,
        rule: Rule::WithinLimits,
    }
}

fn by_addition(step: i64, most: i64) -> Vec<i64> {
    let mut weights = vec![step.min(100)];
    while *weights.last().unwrap() < most {
        weights.push((weights.last().unwrap() + step).min(100));
    }
    weights
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(20_260_401),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_verdicts_take_a_canary_with_even_steps_where_the_race_says(
        step in 1_i64..=100,
        most in 1_i64..=100,
        threshold in 1_usize..8,
        mirror in any::<bool>(),
        verdicts in prop::collection::vec(any::<bool>(), 0..140),
    ) {
        let plan = FlaggerPlan::new(FlaggerSettings {
            step_weight: step,
            max_weight: most,
            threshold: threshold as i64,
            mirror,
            ..FlaggerSettings::default()
        });
        let expected = reference(&by_addition(step, most), threshold, mirror, &verdicts);
        prop_assert_eq!(drive(&plan, &verdicts), expected);
    }

    #[test]
    fn any_verdicts_take_a_canary_with_listed_steps_where_the_race_says(
        steps in prop::collection::btree_set(1_i64..=100, 1..10),
        threshold in 1_usize..8,
        verdicts in prop::collection::vec(prop::bool::weighted(0.7), 0..40),
    ) {
        let steps: Vec<i64> = steps.into_iter().collect();
        let plan = FlaggerPlan::new(FlaggerSettings {
            step_weights: steps.clone(),
            threshold: threshold as i64,
            ..FlaggerSettings::default()
        });
        let expected = reference(&steps, threshold, false, &verdicts);
        prop_assert_eq!(drive(&plan, &verdicts), expected);
    }

    #[test]
    fn no_verdicts_take_longer_than_the_longest(
        step in 1_i64..=100,
        threshold in 1_i64..8,
        iterations in 0_i64..5,
        matched in any::<bool>(),
        mirror in any::<bool>(),
        verdicts in prop::collection::vec(any::<bool>(), 130),
    ) {
        let plan = FlaggerPlan::new(FlaggerSettings {
            step_weight: step,
            threshold,
            iterations,
            matched,
            mirror,
            ..FlaggerSettings::default()
        });
        let end = drive(&plan, &verdicts).end;
        let (tick, _) = end.expect("130 verdicts are enough for 100 steps and 7 failures");
        prop_assert!(plan.cadence().period * tick as u64 <= plan.longest());
    }
}

/// The chance of rollback in closed form: the T-th failure comes after fewer than N passes.
fn closed_form(n: u32, t: u32, p: f64) -> f64 {
    let mut term = p.powi(t as i32);
    let mut sum = 0.0;
    for k in 0..n {
        sum += term;
        term *= f64::from(t + k) / f64::from(k + 1) * (1.0 - p);
    }
    sum
}

#[test]
fn all_sequences_together_give_the_closed_form_chance_of_rollback() {
    for (n, t) in [(1_u32, 1_u32), (3, 2), (5, 3), (10, 2)] {
        let plan = FlaggerPlan::new(FlaggerSettings {
            step_weight: 1,
            max_weight: i64::from(n),
            threshold: i64::from(t),
            ..FlaggerSettings::default()
        });
        let checks = n + t - 1;
        for p in [0.0198_f64, 0.3, 0.7024] {
            let mut rolled_back = 0.0;
            for bits in 0_u32..1 << checks {
                let verdicts: Vec<bool> = (0..checks).map(|i| bits >> i & 1 == 0).collect();
                if matches!(drive(&plan, &verdicts).end, Some((_, Action::RollBack))) {
                    let failures = bits.count_ones() as i32;
                    rolled_back += p.powi(failures) * (1.0 - p).powi(checks as i32 - failures);
                }
            }
            let expected = closed_form(n, t, p);
            // Sums of at most 2,048 products: rounding stays far below the bound.
            assert!((rolled_back - expected).abs() < 1e-12, "{n} {t} {p}");
        }
    }
}

#[test]
fn the_closed_form_agrees_with_published_values() {
    // Ten steps; chances of a failing check from exact binomial arithmetic, four digits.
    for (p, t, expected, digits) in [
        (0.0198, 1, 0.1814, 5e-4),
        (0.0488, 2, 0.0977, 5e-4),
        (0.1798, 5, 0.0903, 5e-4),
        (0.7024, 5, 0.9985, 5e-4),
    ] {
        assert!((closed_form(10, t, p) - expected).abs() < digits, "{p} {t}");
    }
}
