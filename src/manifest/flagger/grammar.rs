//! What a Canary and a MetricTemplate may hold.

use super::super::account::Grammar;

/// The fields of a Canary.
pub(super) const CANARY: Grammar = Grammar {
    reader: "Flagger 1.44.0",
    ignored: IGNORED,
    known: KNOWN,
    renamed: &[("canaryAnalysis", "analysis")],
};

const IGNORED: &[(&str, &str)] = &[
    ("metadata", "names and labels decide nothing"),
    ("status", "a status is not read"),
    ("spec.metricsServer", "metrics are simulated"),
    (
        "spec.autoscalerRef",
        "scaling is not simulated; pods are taken to be ready",
    ),
    ("spec.ingressRef", "this provider does not need it"),
    ("spec.routeRef", "this provider does not need it"),
    ("spec.upstreamRef", "this provider does not need it"),
    (
        "spec.progressDeadlineSeconds",
        "pods are taken to be ready at every tick",
    ),
    ("spec.revertOnDeletion", "the Canary is not deleted"),
    (
        "spec.service",
        "ports, hosts, retries and timeouts are not simulated",
    ),
    ("spec.canaryAnalysis", "analysis is there"),
    ("spec.analysis.alerts", "alerts decide nothing"),
    ("spec.analysis.webhooks[]", "hooks are not called"),
    (
        "spec.analysis.metrics[].templateVariables",
        "there is no query",
    ),
    ("spec.targetRef", "only what it targets matters"),
    (
        "spec.analysis.sessionAffinity",
        "sticky sessions are not simulated from the manifest",
    ),
];

const KNOWN: &[(&str, &[&str])] = &[
    (
        "spec",
        &[
            "provider",
            "metricsServer",
            "targetRef",
            "autoscalerRef",
            "ingressRef",
            "routeRef",
            "upstreamRef",
            "progressDeadlineSeconds",
            "skipAnalysis",
            "revertOnDeletion",
            "suspend",
            "service",
            "analysis",
        ],
    ),
    (
        "spec.analysis",
        &[
            "interval",
            "threshold",
            "maxWeight",
            "stepWeight",
            "stepWeights",
            "stepWeightPromotion",
            "iterations",
            "match",
            "mirror",
            "mirrorWeight",
            "primaryReadyThreshold",
            "canaryReadyThreshold",
            "metrics",
            "webhooks",
            "alerts",
            "sessionAffinity",
        ],
    ),
    (
        "spec.analysis.metrics[]",
        &[
            "name",
            "interval",
            "thresholdRange",
            "threshold",
            "query",
            "templateRef",
            "templateVariables",
        ],
    ),
    ("spec.analysis.metrics[].thresholdRange", &["min", "max"]),
];

/// The fields of a MetricTemplate.
pub(super) const TEMPLATE: Grammar = Grammar {
    reader: "Flagger 1.44.0",
    ignored: &[
        ("metadata", "names and labels decide nothing"),
        ("status", "a status is not read"),
        (
            "spec.provider",
            "who is asked is simulated, so no address or key is needed",
        ),
    ],
    known: &[
        ("spec", &["provider", "query"]),
        (
            "spec.provider",
            &[
                "type",
                "address",
                "headers",
                "secretRef",
                "region",
                "insecureSkipVerify",
            ],
        ),
    ],
    renamed: &[],
};
