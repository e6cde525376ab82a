//! What an AnalysisTemplate may hold.

use super::super::account::Grammar;

/// The fields of an AnalysisTemplate and of a ClusterAnalysisTemplate.
pub(super) const TEMPLATE: Grammar = Grammar {
    reader: "Argo Rollouts",
    ignored: IGNORED,
    known: KNOWN,
    renamed: &[],
};

/// Why a provider other than Prometheus decides nothing.
pub(super) const ELSEWHERE: &str = "this system is not simulated: the scenario's figures of the metric's name \
                         are its answers";

/// Why a Job decides nothing.
pub(super) const JOB: &str = "what it runs is not simulated: of the scenario's figures of the metric's name 0 is a failure and \
     any other number a success";

const IGNORED: &[(&str, &str)] = &[
    ("apiVersion", "it is this one"),
    ("kind", "it is this one"),
    ("metadata", "labels and annotations decide nothing"),
    (
        "spec.measurementRetention",
        "counters know every measurement, kept or not",
    ),
    (
        "spec.metrics[].provider.prometheus",
        "the simulated service's metrics are asked, which need no address and no key",
    ),
    (
        "spec.metrics[].provider.kayenta",
        "the judge is not asked: the scenario's figures of the metric's name are its scores",
    ),
];

const KNOWN: &[(&str, &[&str])] = &[
    (
        "spec",
        &[
            "args",
            "metrics",
            "dryRun",
            "measurementRetention",
            "templates",
        ],
    ),
    ("spec.args[]", &["name", "value", "valueFrom"]),
    (
        "spec.metrics[]",
        &[
            "name",
            "interval",
            "initialDelay",
            "count",
            "successCondition",
            "failureCondition",
            "failureLimit",
            "inconclusiveLimit",
            "consecutiveErrorLimit",
            "consecutiveSuccessLimit",
            "provider",
        ],
    ),
    ("spec.templates[]", &["templateName", "clusterScope"]),
];
