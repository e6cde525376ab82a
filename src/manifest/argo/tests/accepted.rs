//! What is understood, and what of it is said to be without effect.

use super::{ROLLOUT, changed, import, warned};
use crate::base::{Span, Weight};
use crate::manifest::Fate;
use crate::rollout::argo::{ArgoStep, CanaryScale, Room, Router, Threshold, Traffic};
use crate::telemetry::Version;
use crate::telemetry::exposition::Vendor;

/// The example with these steps in place of its own.
fn stepping(steps: &str) -> String {
    let start = ROLLOUT.find("      - setWeight: 5").unwrap();
    format!("{}{steps}", &ROLLOUT[..start])
}

/// The example without a router, and with these fields instead.
fn unrouted(fields: &str) -> String {
    let from = ROLLOUT.find("      trafficRouting").unwrap();
    let to = ROLLOUT.find("      steps").unwrap();
    format!("{}{fields}{}", &ROLLOUT[..from], &ROLLOUT[to..])
}

#[test]
fn a_rollout_says_its_steps_pods_router_and_names() {
    let import = import(ROLLOUT);
    let settings = import.plan.settings();
    assert_eq!(settings.replicas, 8);
    assert_eq!(settings.traffic, Traffic::Router(Router::default()));
    let steps = [
        ArgoStep::SetWeight(5),
        ArgoStep::Pause(Some(Span::from_secs(90))),
        ArgoStep::SetWeight(40),
        ArgoStep::Pause(None),
    ];
    assert_eq!(settings.steps, steps);
    assert_eq!(import.vendor, Vendor::Istio);
    assert_eq!(import.service.namespace, "shop");
    assert_eq!(import.service.front(Version::Canary), "checkout-new");
    assert_eq!(import.service.front(Version::Stable), "checkout-old");
    assert_eq!(import.service.workload(Version::Canary), "checkout");
}

#[test]
fn durations_are_whole_seconds_or_those_of_go() {
    for (written, seconds) in [
        ("30", 30),
        ("\"30\"", 30),
        ("5m", 300),
        ("1h30m", 5_400),
        ("1.5m", 90),
        ("2500ms", 2),
        ("\"90s\"", 90),
    ] {
        let text = changed("duration: 90s", &format!("duration: {written}"));
        let pause = ArgoStep::Pause(Some(Span::from_secs(seconds)));
        assert_eq!(import(&text).plan.settings().steps[1], pause, "{written}");
    }
}

#[test]
fn every_kind_of_step_is_understood() {
    let text = stepping(
        "      - setCanaryScale: {replicas: 3}
      - setCanaryScale: {weight: 25}
      - setCanaryScale: {matchTrafficWeight: true}
      - setHeaderRoute: {name: testers, match: [{headerName: x, headerValue: {exact: y}}]}
      - setHeaderRoute: {name: testers}
      - setMirrorRoute: {name: testers, percentage: 35, match: [{method: {exact: GET}}]}
      - setMirrorRoute: {name: testers}
      - plugin: {name: our/step}
      - experiment:
          duration: 10m
          templates:
          - {name: old, specRef: stable, weight: 5}
          - {name: new, specRef: canary, weight: 5, replicas: 2}
",
    );
    let import = import(&text);
    let steps = &import.plan.settings().steps;
    let expected = [
        ArgoStep::SetCanaryScale(CanaryScale::Replicas(3)),
        ArgoStep::SetCanaryScale(CanaryScale::Weight(25)),
        ArgoStep::SetCanaryScale(CanaryScale::MatchTraffic),
        ArgoStep::SetHeaderRoute {
            route: 0,
            set: true,
        },
        ArgoStep::SetHeaderRoute {
            route: 0,
            set: false,
        },
        ArgoStep::SetMirrorRoute {
            route: 0,
            share: Weight::percent(35.0),
        },
        ArgoStep::SetMirrorRoute {
            route: 0,
            share: None,
        },
        ArgoStep::Plugin,
    ];
    assert_eq!(steps[..8], expected);
    let ArgoStep::Experiment(experiment) = &steps[8] else {
        panic!("{:?}", steps[8]);
    };
    assert_eq!(experiment.duration, Some(Span::from_secs(600)));
    assert_eq!(
        (experiment.canary.replicas, experiment.canary.weight),
        (2, 5)
    );
    assert_eq!(
        (experiment.baseline.replicas, experiment.baseline.weight),
        (1, 5)
    );
}

#[test]
fn bounds_of_a_rolling_update_are_rounded_as_kubernetes_rounds_them() {
    for (fields, surge, unavailable) in [
        ("", 2, 2),
        ("      maxSurge: 1\n      maxUnavailable: 0\n", 1, 0),
        ("      maxSurge: 30%\n      maxUnavailable: 30%\n", 3, 2),
        ("      maxSurge: 0\n      maxUnavailable: 0\n", 0, 1),
        ("      maxSurge: \"3\"\n      maxUnavailable: 10%\n", 1, 0),
    ] {
        let import = import(&unrouted(fields));
        let room = Room { surge, unavailable };
        assert_eq!(
            import.plan.settings().traffic,
            Traffic::Pods(room),
            "{fields}"
        );
        // Nobody leads requests through the services of the versions.
        assert_eq!(import.service.host(Version::Canary), "checkout");
    }
}

#[test]
fn fields_of_the_strategy_reach_the_plan() {
    let text = changed(
        "      steps:\n",
        "      dynamicStableScale: true
      abortScaleDownDelaySeconds: 0
      minPodsPerReplicaSet: 2
      replicaProgressThreshold: {type: Percent, value: 80}
      steps:\n",
    );
    let text = text.replacen(
        "  replicas: 8\n",
        "  replicas: 8\n  minReadySeconds: 15\n  progressDeadlineAbort: true\n",
        1,
    );
    let import = import(&text);
    let settings = import.plan.settings();
    let router = Router {
        dynamic_stable: true,
        abort_scale_down: Some(Span::ZERO),
        least_pods: 2,
        ..Router::default()
    };
    assert_eq!(settings.traffic, Traffic::Router(router));
    assert_eq!(settings.threshold, Threshold::Percent(80.0));
    assert_eq!(settings.pod_start, Span::from_secs(35));
    assert_eq!(settings.deadline, Some(Span::from_secs(600)));
}

#[test]
fn every_field_is_accounted_for() {
    let import = import(ROLLOUT);
    let used: Vec<&str> = (import.account.iter())
        .filter(|(_, fate)| *fate == Fate::Used)
        .map(|(path, _)| path.as_str())
        .collect();
    for path in [
        "metadata.name",
        "spec.replicas",
        "spec.strategy.canary.canaryService",
        "spec.strategy.canary.trafficRouting.istio",
        "spec.strategy.canary.steps[1].pause.duration",
    ] {
        assert!(used.contains(&path), "{path}: {used:#?}");
    }
    for (path, fate) in &import.account {
        let unknown = matches!(fate, Fate::Ignored(why) if why.contains("no such field"));
        assert!(!unknown, "{path}");
    }
}

#[test]
fn what_is_meant_differently_is_said() {
    for (from, to, words) in [
        (
            "  replicas: 8\n",
            "  replicas: 8\n  replica: 3\n",
            "9: spec.replica: Argo Rollouts knows no such field",
        ),
        (
            "      canaryService: checkout-new\n",
            "",
            "canaryService: is missing",
        ),
        (
            "  template:\n    metadata:\n      labels: {app: checkout}\n",
            "",
            "spec.template: is missing",
        ),
        (
            "name: checkout\n  n",
            "name: checkout\n  n",
            "nothing is checked",
        ),
    ] {
        let found = warned(&changed(from, to));
        assert!(
            found.iter().any(|line| line.contains(words)),
            "{words}: {found:#?}"
        );
    }
}
