//! What is refused, and where the fault is said to be.

use super::{CANARY, changed, errors, import, manifest, read};

const STEP: &str = "stepWeight: 20";
const STEP_LINE: &str = "    stepWeight: 20\n";

#[test]
fn all_problems_come_at_once_each_with_its_line_and_a_way_out() {
    let text = CANARY
        .replace(
            "interval: 30s\n    threshold: 3",
            "interval: 1h\n    threshold: 2.5",
        )
        .replace("stepWeight: 20", "stepWeight: \"20\"")
        .replace("provider: istio", "provider: istoi")
        .replace("min: 99", "min: high");
    let found = errors(&text);
    assert_eq!(found.len(), 5, "{found:#?}");
    for (line, words) in [
        ("7: spec.provider: `istoi`", "did you mean istio?"),
        ("15: spec.analysis.interval: `1h`", "like 30s or 5m"),
        ("16: spec.analysis.threshold: 2.5 is not", "a whole number"),
        (
            "17: spec.analysis.stepWeight: the text `20` is not",
            "without quotes",
        ),
        (
            "23: spec.analysis.metrics[0].thresholdRange.min: the text `high`",
            "a number",
        ),
    ] {
        let hit = found.iter().find(|found| found.starts_with(line));
        assert!(
            hit.is_some_and(|hit| hit.contains(words)),
            "{line}: {found:#?}"
        );
    }
}

/// Parts of the example, what to put in their place, and the start of the one error.
const NOT_ADMITTED: &[(&str, &str, &str)] = &[
    (STEP_LINE, "", "14: spec.analysis.stepWeight: is missing"),
    (
        STEP_LINE,
        "    stepWeight: 20\n    iterations: 5\n",
        "18: spec.analysis.iterations: the API server",
    ),
    (
        STEP_LINE,
        "    stepWeight: 20\n    stepWeights: [5]\n",
        "18: spec.analysis.stepWeights: the API server",
    ),
    (
        "    threshold: 3\n",
        "",
        "14: spec.analysis.threshold: is missing",
    ),
    (
        "    interval: 30s\n    thr",
        "    interval: 60\n    thr",
        "15: spec.analysis.interval: 60 is not",
    ),
    (
        "    interval: 30s\n    thr",
        "    interval: 0.5m\n    thr",
        "15: spec.analysis.interval: `0.5m`",
    ),
    (
        "flagger.app/v1beta1",
        "flagger.app/v2",
        "1: apiVersion: Flagger 1.44.0 does not know",
    ),
    (
        "    kind: Deployment",
        "    kind: StatefulSet",
        "10: spec.targetRef.kind: Flagger cannot",
    ),
    (
        "    kind: Deployment\n",
        "",
        "8: spec.targetRef.kind: is missing",
    ),
    (
        "  name: checkout\n  names",
        "  names",
        "1: metadata.name: is missing",
    ),
    (
        "maxWeight: 60",
        "mirrorWeight: 101",
        "18: spec.analysis.mirrorWeight: 101",
    ),
    (
        "stepWeight: 20",
        "stepWeight: {{ .Values.step }}",
        "17: not valid YAML",
    ),
    (
        "stepWeight: 20",
        "stepWeight: \"{{ .Values.step }}\"",
        "17: spec.analysis.stepWeight",
    ),
    (
        "provider: istio",
        "provider: '{{ .Values.mesh }}'",
        "7: spec.provider: `{{ .Values.mesh }}`",
    ),
];

#[test]
fn what_the_api_server_refuses_is_refused() {
    for (from, to, expected) in NOT_ADMITTED {
        let found = errors(&changed(from, to));
        assert_eq!(found.len(), 1, "{to}: {found:#?}");
        assert!(found[0].starts_with(expected), "{to}: {found:#?}");
        if to.contains("{{") {
            assert!(found[0].contains("render it first"), "{found:#?}");
        }
    }
    let bare = "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: a}\nspec: {provider: istio}\n";
    let found = errors(bare);
    assert!(
        found
            .iter()
            .any(|found| found.contains("spec.targetRef: is missing"))
    );
    assert!(
        found
            .iter()
            .any(|found| found.contains("spec.analysis: is missing"))
    );
}

/// The same, with a part of the one error.
const NEVER_ENDING: &[(&str, &str, &str)] = &[
    (
        STEP,
        "stepWeight: 0",
        "spec.analysis.stepWeight: there is no first step",
    ),
    (
        STEP,
        "stepWeight: -5",
        "spec.analysis.stepWeight: there is no first step",
    ),
    (
        STEP,
        "iterations: 0",
        "spec.analysis.iterations: there is no first step",
    ),
    (
        STEP,
        "stepWeights: []",
        "spec.analysis.stepWeights: there is no first step",
    ),
    (
        STEP,
        "stepWeights: [0, 10]",
        "spec.analysis.stepWeights: there is no first step",
    ),
    (
        STEP,
        "stepWeights: [10, 10, 50]",
        "spec.analysis.stepWeights: at 10 %",
    ),
    (
        STEP,
        "stepWeights: [10, 60, 30]",
        "spec.analysis.stepWeights: at 60 %",
    ),
    (
        "maxWeight: 60",
        "maxWeight: 120",
        "spec.analysis.maxWeight: 120 is never reached",
    ),
    (
        STEP,
        "stepWeight: 20\n    canaryReadyThreshold: 101",
        "spec.analysis.canaryReadyThreshold",
    ),
    (
        "provider: istio",
        "provider: nginx",
        "spec.ingressRef: provider nginx never starts",
    ),
    (
        "provider: istio",
        "provider: skipper",
        "spec.ingressRef: provider skipper never starts",
    ),
    (
        "provider: istio",
        "provider: apisix",
        "spec.routeRef: provider apisix never starts",
    ),
    (
        "provider: istio",
        "provider: gatewayapi:v1",
        "spec.service.gatewayRefs: provider gatewayapi:v1",
    ),
    (
        "provider: istio",
        "provider: knative",
        "spec.targetRef: provider knative",
    ),
    (
        "provider: istio",
        "provider: istio\n  suspend: true",
        "spec.suspend",
    ),
    (
        "port: 8080",
        "delegation: true\n    hosts: [a]",
        "spec.service.hosts: is refused",
    ),
    (
        "apps/v1\n    kind: Deployment",
        "serving.knative.dev/v1\n    kind: Service",
        "spec.provider: a Knative",
    ),
];

#[test]
fn rollouts_that_never_end_are_refused() {
    for (from, to, expected) in NEVER_ENDING {
        let found = errors(&changed(from, to));
        assert_eq!(found.len(), 1, "{to}: {found:#?}");
        assert!(found[0].contains(expected), "{to}: {found:#?}");
    }
    let mirrored = changed(STEP, "stepWeight: 20\n    mirror: true");
    assert!(import(&mirrored).plan.settings().mirror);
    let found = errors(&mirrored.replace("provider: istio", "provider: linkerd"));
    assert!(found[0].starts_with("18: spec.analysis.mirror: provider linkerd does not report"));
    // Istio routes TCP without a mirror.
    let tcp = mirrored.replace("port: 8080", "appProtocol: tcp");
    assert!(errors(&tcp)[0].contains("spec.analysis.mirror"));
}

#[test]
fn metrics_that_cannot_be_evaluated_are_named() {
    let metric = "    - name: request-success-rate\n      interval: 30s\n      thresholdRange:\n        min: 99\n";
    let neither = "    - name: request-sucess-rate\n";
    let found = errors(&changed(metric, neither));
    assert!(
        found[0].contains("every check fails (did you mean request-success-rate?)"),
        "{found:#?}"
    );
    let window = errors(&changed(
        "interval: 30s\n      thr",
        "interval: 1min\n      thr",
    ));
    assert!(
        window[0].contains("metrics[0].interval: `1min`"),
        "{window:#?}"
    );

    let none = import(&changed("    metrics:\n", "    metrics: []\n    metrix:\n"));
    assert_eq!(none.analysis, []);
    assert!(
        none.warnings[0]
            .problem
            .message
            .contains("nothing is checked")
    );
}

#[test]
fn half_a_canary_is_refused_wherever_it_ends() {
    for end in 0..CANARY.len() {
        if CANARY.is_char_boundary(end) {
            // Whole lines may still make a Canary; nothing may panic.
            let _ = read(&[manifest(&CANARY[..end])]);
        }
    }
    assert!(errors(&CANARY[..CANARY.find("    stepWeight").unwrap()])[0].contains("stepWeight"));
}
