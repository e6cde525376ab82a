//! What is refused, and where the fault is said to be.

use super::{ROLLOUT, changed, errors, manifest};
use crate::manifest::Measured;
use crate::manifest::argo::{Circumstances, read};

/// Parts of the example, what to put in their place, and the start of the one error.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "argoproj.io/v1alpha1",
        "argoproj.io/v1",
        "1: apiVersion: Argo Rollouts does not know `argoproj.io/v1` (write argoproj.io/v1alpha1)",
    ),
    (
        "  name: checkout\n  namespace",
        "  namespace",
        "1: metadata.name: is missing",
    ),
    (
        "setWeight: 5",
        "setWeight: 101",
        "23: spec.strategy.canary.steps[0].setWeight: 101 is not",
    ),
    (
        "setWeight: 5",
        "setWeight: \"5\"",
        "23: spec.strategy.canary.steps[0].setWeight: the text `5`",
    ),
    (
        "setWeight: 5",
        "setWeigth: 5",
        "23: spec.strategy.canary.steps[0]: the step says nothing that Argo",
    ),
    (
        "- setWeight: 5",
        "- {setWeight: 5, pause: {}}",
        "23: spec.strategy.canary.steps[0]: the step says several things: setWeight, pause",
    ),
    (
        "duration: 90s",
        "duration: 90 s",
        "24: spec.strategy.canary.steps[1].pause.duration: is no",
    ),
    (
        "duration: 90s",
        "duration: 1d",
        "24: spec.strategy.canary.steps[1].pause.duration: is no",
    ),
    (
        "duration: 90s",
        "duration: -5",
        "24: spec.strategy.canary.steps[1].pause.duration: is no",
    ),
    (
        "replicas: 8",
        "replicas: 0",
        "8: spec.replicas: nobody answers",
    ),
    (
        "replicas: 8",
        "replicas: 8\n  paused: true",
        "9: spec.paused: a paused Rollout",
    ),
    (
        "replicas: 8",
        "replicas: 8\n  minReadySeconds: 700\n  progressDeadlineAbort: true",
        "7: spec.progressDeadlineSeconds: 600 s are over before",
    ),
    (
        "    canary:\n",
        "    blueGreen: {}\n    canary:\n",
        "15: spec.strategy.blueGreen: there is a canary",
    ),
    (
        "        istio:",
        "        maxTrafficWeight: 1000\n        istio:",
        "20: spec.strategy.canary.trafficRouting.maxTrafficWeight: Argo Rollouts accepts it with",
    ),
    (
        "setWeight: 5",
        "setHeaderRoute: {name: others, match: [{headerName: a, headerValue: {exact: b}}]}",
        "23: spec.strategy.canary.steps[0].setHeaderRoute.name: `others` is none of the managed \
         routes (valid are testers)",
    ),
    (
        "setWeight: 5",
        "setCanaryScale: {replicas: 2, weight: 5}",
        "23: spec.strategy.canary.steps[0].setCanaryScale: does not say one size",
    ),
    (
        "setWeight: 5",
        "experiment: {duration: 5m}",
        "23: spec.strategy.canary.steps[0].experiment.templates: is missing",
    ),
    (
        "setWeight: 5",
        "experiment: {duration: 5m, templates: [{name: a, specRef: new}]}",
        "23: spec.strategy.canary.steps[0].experiment.templates[0].specRef: `new` is neither",
    ),
    (
        "setWeight: 5",
        "analysis: {templates: [{templateName: absent}]}",
        "23: spec.strategy.canary.steps[0].analysis.templates[0].templateName: there is no \
         AnalysisTemplate `absent` in these files",
    ),
    (
        "setWeight: 5",
        "analysis: {templates: [{templateName: absent, clusterScope: true}]}",
        "23: spec.strategy.canary.steps[0].analysis.templates[0].templateName: there is no \
         ClusterAnalysisTemplate `absent` in these files",
    ),
    (
        "setWeight: 5",
        "analysis: {templates: []}",
        "23: spec.strategy.canary.steps[0].analysis: names no template",
    ),
    (
        "setWeight: 5",
        "analysis: {templates: [{templateName: t}], args: [{name: a}]}",
        "23: spec.strategy.canary.steps[0].analysis.args[0]: the argument `a` has no value",
    ),
    (
        "setWeight: 5",
        "analysis: {templates: [{templateName: t}], args: [{name: a, valueFrom: {fieldRef: \
         {fieldPath: \"metadata.labels['absent']\"}}}]}",
        "23: spec.strategy.canary.steps[0].analysis.args[0].valueFrom.fieldRef.fieldPath: the \
         Rollout has no value at",
    ),
    (
        "      steps:\n",
        "      dynamicStableScale: true\n      scaleDownDelaySeconds: 5\n      steps:\n",
        "23: spec.strategy.canary.scaleDownDelaySeconds: Argo Rollouts refuses it beside",
    ),
];

#[test]
fn each_fault_is_refused_with_its_line_and_a_way_out() {
    for (from, to, start) in REFUSED {
        let found = errors(&changed(from, to));
        assert_eq!(found.len(), 1, "{to}: {found:#?}");
        assert!(found[0].starts_with(start), "{to}: {found:#?}");
    }
}

#[test]
fn a_router_is_asked_only_for_what_it_can_do() {
    let nginx = |steps: &str| {
        let text = ROLLOUT.replace(
            "istio:\n          virtualService: {name: checkout}",
            "nginx: {stableIngress: checkout}",
        );
        errors(&text.replacen("setWeight: 5", steps, 1))
    };
    for steps in [
        "setHeaderRoute: {name: testers}",
        "setMirrorRoute: {name: testers, match: [{method: {exact: GET}}]}",
        "experiment: {duration: 1m, templates: [{name: a, specRef: canary, weight: 5}]}",
    ] {
        let found = nginx(steps);
        assert_eq!(found.len(), 1, "{steps}: {found:#?}");
    }
}

#[test]
fn strategies_that_are_not_replayed_say_so() {
    let from = ROLLOUT.find("    canary:").unwrap();
    let blue_green = format!("{}    blueGreen: {{activeService: a}}\n", &ROLLOUT[..from]);
    let found = errors(&blue_green);
    assert!(
        found[0].starts_with("15: spec.strategy.blueGreen: blue-green rollouts are not replayed"),
        "{found:?}"
    );
    let none = errors(&changed(
        "  strategy:\n    canary:\n",
        "  strategy: {}\n  other:\n    canary:\n",
    ));
    assert!(
        none[0].starts_with("14: spec.strategy: names no strategy"),
        "{none:?}"
    );
}

#[test]
fn there_must_be_one_rollout() {
    let two = format!(
        "{ROLLOUT}---\n{}",
        ROLLOUT.replace("name: checkout", "name: other")
    );
    let found = errors(&two);
    assert!(
        found[0].contains("2 Rollouts: checkout, other"),
        "{found:?}"
    );
    let canary = errors("kind: Deployment\nmetadata: {name: a}\n");
    assert!(
        canary[0].contains("no Rollout among the documents: found Deployment a"),
        "{canary:?}"
    );
    let circumstances = Circumstances::default();
    let torn = [manifest(&ROLLOUT[..300]), manifest("a: [")];
    let torn = read(&torn, &circumstances, &Measured::plain());
    assert!(torn.is_err());
}
