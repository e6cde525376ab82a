//! What is read, but with a warning.

use super::{changed, import};

const STEP: &str = "stepWeight: 20";
const METRIC: &str = "- name: request-success-rate";

/// Parts of the example, what to put in their place, and the start of the one warning; nothing for none.
const ODD: &[(&str, &str, &str)] = &[
    (
        "  provider: istio\n",
        "",
        "6: spec.provider: is missing: istio is assumed",
    ),
    (
        "interval: 30s\n    thr",
        "interval: 5s\n    thr",
        "15: spec.analysis.interval: `5s` is shorter",
    ),
    (
        "interval: 30s\n    thr",
        "interval: 1min\n    thr",
        "15: spec.analysis.interval: `1min` is not",
    ),
    (
        "threshold: 3",
        "threshold: 0",
        "16: spec.analysis.threshold: 0 counts as 1",
    ),
    (
        STEP,
        "stepWeight: 20\n    stepWeigths: [1]",
        "18: spec.analysis.stepWeigths: Flagger 1.44.0 knows",
    ),
    (
        STEP,
        "stepWeight: 20\n    match: [{}]",
        "18: spec.analysis.match: decides nothing",
    ),
    (
        STEP,
        "iterations: 2",
        "17: spec.analysis.iterations: Blue/Green with 2",
    ),
    (
        STEP,
        "iterations: 2\n    match: [{}]",
        "18: spec.analysis.match: an A/B test",
    ),
    (
        STEP,
        "stepWeight: 20\n    stepWeightPromotion: -1",
        "18: spec.analysis.stepWeightPromotion",
    ),
    (
        STEP,
        "stepWeight: 20\n    sessionAffinity: {cookieName: a}",
        "18: spec.analysis.sessionAffinity",
    ),
    (
        "analysis:",
        "canaryAnalysis:",
        "14: spec.canaryAnalysis: the old name",
    ),
    ("v1beta1", "v1alpha3", "1: apiVersion: an old version"),
    (
        "min: 99",
        "min: 0.99",
        "22: spec.analysis.metrics[0].thresholdRange.min: this is 0.99 %",
    ),
    (
        METRIC,
        "- name: request-duration\n      threshold: 0.5\n    - name: request-success-rate",
        "",
    ),
    (
        "thresholdRange:\n        min: 99",
        "templateVariables: {}",
        "20: spec.analysis.metrics[0].thresholdRange: is missing",
    ),
    (
        "    metrics:",
        "    webhooks:\n    - {name: load, url: http://a/}\n    - {name: stop, url: http://a/, type: rollback}\n    metrics:",
        "19: spec.analysis.webhooks: hooks are not called; unless [[rollout.hooks]] of a scenario says otherwise, taken to succeed at once: load; taken to ask for no rollback: stop",
    ),
];

#[test]
fn what_is_understood_differently_is_warned_of() {
    for (from, to, expected) in ODD {
        let text = changed(from, to);
        let warned = super::warned(&text, &import(&text).warnings);
        if expected.is_empty() {
            assert_eq!(warned, [""; 0], "{to}");
            continue;
        }
        assert_eq!(warned.len(), 1, "{to}: {warned:#?}");
        assert!(warned[0].starts_with(expected), "{to}: {warned:#?}");
    }
}
