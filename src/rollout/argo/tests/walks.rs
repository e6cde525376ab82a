//! Ways back that take their time: shrunken stable versions, and rollouts without a router.

use super::super::pods::Pods;
use super::*;

/// Ten pods without a router, at a share that is kept until somebody aborts at 100 s.
fn kept_at(percent: u32, surge: u32, unavailable: u32) -> ArgoSettings {
    ArgoSettings {
        traffic: Traffic::Pods(Room { surge, unavailable }),
        ..settings(&[weight(percent), ArgoStep::Pause(None)])
    }
}

fn aborted(settings: ArgoSettings, at: u64) -> String {
    let commands = [(at, Command::Abort)];
    let drive = Drive {
        commands: &commands,
        ..drive(settings)
    };
    drive.timeline()
}

#[test]
fn s16_without_a_router_an_abort_walks_back_pod_by_pod() {
    assert_eq!(
        aborted(kept_at(50, 3, 2), 100),
        "50 @20, 37.5 @100, back @120"
    );
    // The first step up is as slow as the way back.
    let steady = aborted(kept_at(50, 3, 0), 200);
    assert!(steady.ends_with("50 @40, 20 @220, back @240"), "{steady}");
    let slow = aborted(kept_at(80, 1, 0), 1_000);
    let expected =
        "70 @1020, 60 @1040, 50 @1060, 40 @1080, 30 @1100, 20 @1120, 10 @1140, back @1160";
    assert!(slow.ends_with(expected), "{slow}");
}

#[test]
fn s17_a_shrunken_stable_comes_back_one_weight_per_start_of_pods() {
    let drive = Drive {
        commands: &[(120, Command::Abort)],
        ..drive(ArgoSettings {
            traffic: Traffic::Router(Router {
                dynamic_stable: true,
                ..Router::default()
            }),
            pod_start: secs(30),
            ..settings(&[weight(20), weight(40), weight(60), ArgoStep::Pause(None)])
        })
    };
    let expected = "20 @30, 40 @60, 60 @90, 40 @150, 20 @180, back @210";
    assert_eq!(drive.timeline(), expected);
    let course = drive.run();
    assert_eq!(
        course.pods,
        [
            (0, (2, 10)),
            (30, (4, 8)),
            (60, (6, 6)),
            (90, (6, 4)),
            (120, (6, 6)),
            (150, (4, 8)),
            (180, (2, 10)),
            (210, (0, 10)),
        ]
    );
}

#[test]
fn s18_without_surge_a_weight_that_rounds_to_everything_gets_no_pod() {
    let drive = Drive {
        until: 50,
        ..drive(ArgoSettings {
            traffic: Traffic::Pods(Room {
                surge: 0,
                unavailable: 1,
            }),
            ..settings(&[weight(95), pause(60)])
        })
    };
    assert_eq!(drive.timeline(), "");
    assert_eq!(drive.run().pods, [(0, (0, 10))]);
}

/// Shares in whole percent, each with the start of pods after which it held, on the way from
/// `canary` of ten pods back to none.
fn shares(canary: u32, surge: u32, unavailable: u32) -> Vec<(u64, u32)> {
    let room = Room { surge, unavailable };
    let target = Pair {
        canary: 0,
        stable: 10,
    };
    let mut new = Pods::available(canary);
    let mut old = Pods::available(10 - canary);
    let mut seen: Vec<(u64, u32)> = Vec::new();
    let mut round = 0;
    while old.count(Time::START + secs(round)).available < 10 || new.wanted() > 0 {
        let now = Time::START + secs(round);
        loop {
            let (canary, stable) = (new.count(now), old.count(now));
            let all = canary.available + stable.available;
            let share = (f64::from(canary.available) * 100.0 / f64::from(all)).round() as u32;
            if seen.last().is_none_or(|(_, last)| *last != share) {
                seen.push((round, share));
            }
            let next = towards(target, 10, room, canary, stable);
            if next.stable != stable.wanted {
                old.scale(next.stable, now, secs(1));
            } else if next.canary != canary.wanted {
                new.scale(next.canary, now, secs(1));
            } else {
                break;
            }
        }
        round += 1;
    }
    seen
}

#[test]
fn the_published_walks_back_pass_through_each_share() {
    let walk = [(0, 50), (0, 38), (1, 23), (1, 0)];
    assert_eq!(shares(5, 3, 2), walk);
    let walk = [(0, 50), (1, 38), (1, 20), (2, 17), (2, 0)];
    assert_eq!(shares(5, 3, 0), walk);
    let slow = shares(8, 1, 0);
    let at_the_end = |round: u64| {
        slow.iter()
            .rev()
            .find(|(at, _)| *at == round)
            .map(|of| of.1)
    };
    let ends: Vec<Option<u32>> = (0..=8).map(at_the_end).collect();
    assert_eq!(ends, [80, 70, 60, 50, 40, 30, 20, 10, 0].map(Some));
}

#[test]
fn an_experiment_is_judged_once_its_pods_are_there() {
    let experiment = ArgoExperiment {
        duration: Some(secs(100)),
        canary: ExperimentPods {
            replicas: 1,
            weight: 5,
        },
        baseline: ExperimentPods {
            replicas: 1,
            weight: 5,
        },
        analyses: vec![(run_of(metric(Some(30), 0, 0)), false)],
    };
    let steps = [ArgoStep::Experiment(Arc::new(experiment)), weight(50)];
    let good = drive(settings(&steps));
    let expected = "5 @20, 0 @120, 50 @140, 100 @160, promoted @160";
    assert_eq!(good.timeline(), expected);
    assert_eq!(good.run().measured, [20, 50, 80, 110]);
    let bad = Drive {
        finds: &|at| {
            if at >= 50 {
                Finding::Bad
            } else {
                Finding::Good
            }
        },
        ..drive(settings(&steps))
    };
    assert_eq!(bad.timeline(), "5 @20, back @50");
}

#[test]
fn a_fixed_canary_carries_any_weight_and_managed_routes_end_with_the_rollout() {
    let steps = [
        ArgoStep::SetCanaryScale(CanaryScale::Replicas(3)),
        ArgoStep::SetMirrorRoute {
            route: 0,
            share: Weight::percent(40.0),
        },
        pause(60),
        weight(50),
        ArgoStep::SetCanaryScale(CanaryScale::MatchTraffic),
        pause(60),
    ];
    let drive = drive(settings(&steps));
    let course = drive.run();
    assert!(
        course.pods.starts_with(&[(0, (3, 10)), (80, (5, 10))]),
        "{course:?}"
    );
    assert!(drive.plan.mirrors());
    // At 20 s only the copies begin.
    assert_eq!(course.weights, [(20, 0.0), (80, 50.0), (180, 100.0)]);
}

#[test]
fn a_rollout_entered_at_a_weight_keeps_where_its_analysis_begins() {
    let steps = [
        weight(10),
        pause(60),
        weight(25),
        pause(120),
        weight(50),
        pause(180),
    ];
    let entered = |starting_step: usize, entry: f64| {
        let plan = ArgoPlan::new(ArgoSettings {
            background: beside(run_of(metric(Some(30), 0, 0)), starting_step),
            ..settings(&steps)
        });
        let entered = plan.entering_at(Weight::clamped(entry));
        let background = entered.settings().background.clone().unwrap();
        (entered.settings().steps.len(), background.starting_step)
    };
    // The step after the first weight stays the step after the first weight.
    for entry in [5.0, 10.0, 25.0, 40.0, 75.0] {
        assert_eq!(entered(1, entry).1, 1, "{entry}");
    }
    assert_eq!(entered(4, 5.0), (8, 6));
    assert_eq!(entered(4, 25.0), (4, 2));
    assert_eq!(entered(5, 75.0), (2, 1));
    assert_eq!(entered(6, 25.0), (4, 4));
}
