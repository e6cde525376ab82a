//! What holds of every rollout.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::replicas::share_down;
use super::*;
use crate::base::split_mix;

/// Any step that ends by itself.
fn step() -> impl Strategy<Value = ArgoStep> {
    prop_oneof![
        4 => (0_u32..=100).prop_map(ArgoStep::SetWeight),
        3 => (0_u64..12).prop_map(|tens| pause(tens * 10)),
        1 => (1_i64..4).prop_map(|count| ArgoStep::Analysis(run_of(metric(Some(10), count, 0)))),
        1 => (0_u32..15).prop_map(|pods| ArgoStep::SetCanaryScale(CanaryScale::Replicas(pods))),
        1 => Just(ArgoStep::SetCanaryScale(CanaryScale::MatchTraffic)),
        1 => Just(ArgoStep::SetHeaderRoute { route: 0, set: true }),
    ]
}

fn traffic(replicas: u32) -> impl Strategy<Value = Traffic> {
    prop_oneof![
        any::<bool>().prop_map(|dynamic_stable| Traffic::Router(Router {
            dynamic_stable,
            ..Router::default()
        })),
        (0_u32..5, 0_u32..5).prop_map(move |(surge, unavailable)| {
            let least = u32::from(surge == 0);
            Traffic::Pods(Room {
                surge,
                unavailable: unavailable.max(least).min(replicas),
            })
        }),
    ]
}

fn rollout() -> impl Strategy<Value = ArgoSettings> {
    let replicas = 1_u32..12;
    replicas
        .prop_flat_map(|replicas| {
            let steps = prop::collection::vec(step(), 0..8);
            (
                Just(replicas),
                steps,
                traffic(replicas),
                0_u64..4,
                any::<bool>(),
            )
        })
        .prop_map(|(replicas, steps, traffic, start, watched)| ArgoSettings {
            replicas,
            traffic,
            pod_start: secs(start * 10),
            background: if watched {
                beside(run_of(metric(Some(30), 0, 0)), 0)
            } else {
                None
            },
            ..settings(&steps)
        })
}

/// Ticks a rollout until it is over or its longest time has passed, and checks at each tick what has
/// to hold; the end, and the steps that it went through.
fn checked(
    settings: &ArgoSettings,
    bad_from: Option<u64>,
) -> Result<(Option<Action>, Vec<usize>), TestCaseError> {
    let plan = ArgoPlan::new(settings.clone());
    let period = plan.cadence().period;
    let replicas = settings.replicas;
    let mut argo = Argo::new(&plan);
    let (mut end, mut steps) = (None, Vec::new());
    let mut now = Time::START;
    while now <= Time::START + plan.longest() && !argo.is_over() {
        let mut need = argo.handle_tick(now, &Surroundings::default());
        while let Need::Each(gates) = need {
            let bad = bad_from.is_some_and(|from| now >= Time::START + secs(from));
            let finding = if bad { Finding::Bad } else { Finding::Good };
            let looks: Vec<Verdict> = gates.iter().map(|gate| finding.verdict(gate)).collect();
            need = argo.handle_verdicts(now, &looks);
        }
        while let Some(action) = argo.poll_action() {
            match action {
                Action::Route(route) => {
                    prop_assert!((0.0..=100.0).contains(&route.canary.as_percent()));
                    prop_assert_eq!(end, None, "a route after the end");
                }
                ending => end = Some(ending),
            }
        }
        if steps.last() != Some(&argo.current_step()) {
            steps.push(argo.current_step());
        }
        let (canary, stable) = (argo.canary_count(), argo.stable_count());
        match settings.traffic {
            Traffic::Router(_) if !argo.is_over() => {
                let needed = share_down(replicas, 100 - argo.weight, 100);
                prop_assert!(
                    stable.available >= needed,
                    "weight {} with {stable:?}",
                    argo.weight
                );
            }
            Traffic::Pods(room) => {
                prop_assert!(canary.wanted + stable.wanted <= replicas + room.surge);
                let up = canary.available + stable.available;
                prop_assert!(up + room.unavailable >= replicas, "{canary:?} {stable:?}");
            }
            Traffic::Router(_) => {}
        }
        now += period;
    }
    Ok((end, steps))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        rng_seed: RngSeed::Fixed(20_260_818),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn good_versions_go_through_every_step_and_are_promoted(settings in rollout()) {
        let (end, steps) = checked(&settings, None)?;
        prop_assert_eq!(end, Some(Action::Promote));
        // Steps that end at one instant are not seen one by one.
        prop_assert!(steps.is_sorted());
        prop_assert_eq!(steps.last(), Some(&settings.steps.len()));
    }

    #[test]
    fn whatever_is_judged_bad_ends_without_traffic(settings in rollout(), from in 0_u64..300) {
        let (end, _) = checked(&settings, Some(from))?;
        prop_assert!(end.is_some(), "neither promoted nor back");
        let watched = settings.background.is_some();
        if watched && from == 0 {
            prop_assert_eq!(end, Some(Action::RollBack));
        }
    }

    #[test]
    fn people_can_abort_at_any_time(settings in rollout(), at in 0_u64..40, seed in any::<u64>()) {
        let at = at * 10 + (split_mix(seed) % 2) * 10;
        let commands = [(at, Command::Abort)];
        let drive = Drive { commands: &commands, until: 6_000, ..drive(settings) };
        let course = drive.run();
        let end = course.end.map(|(_, end)| end);
        prop_assert!(end.is_some());
        if end == Some(Action::RollBack) {
            prop_assert!(course.phases.last().is_some_and(|(_, phase)| *phase == Phase::Degraded));
        }
    }

    #[test]
    fn a_rollout_entered_at_a_weight_has_it_first_and_then_only_higher_ones(
        settings in rollout(),
        entry in 1_u32..=100,
    ) {
        let plan = ArgoPlan::new(settings.clone());
        let entered = plan.entering_at(Weight::clamped(f64::from(entry)));
        let weights = |plan: &ArgoPlan| -> Vec<u32> {
            let steps = plan.settings().steps.iter();
            steps.filter_map(|step| match step {
                ArgoStep::SetWeight(weight) => Some(*weight),
                _ => None,
            }).collect()
        };
        let own = weights(&plan);
        if own.is_empty() {
            prop_assert_eq!(entered, plan);
        } else {
            let mut expected = vec![entry];
            expected.extend(own.into_iter().filter(|own| *own > entry));
            prop_assert_eq!(weights(&entered), expected);
        }
    }
}
