//! What a Rollout may hold.

use super::super::account::Grammar;

/// The fields of a Rollout.
pub(super) const ROLLOUT: Grammar = Grammar {
    reader: "Argo Rollouts",
    ignored: IGNORED,
    known: KNOWN,
    renamed: &[],
};

const IGNORED: &[(&str, &str)] = &[
    ("apiVersion", "it is this one"),
    ("metadata", "labels and annotations decide nothing"),
    ("status", "a status is not read: the rollout starts anew"),
    (
        "spec.template",
        "what the pods run is not simulated from the manifest",
    ),
    ("spec.selector", "the pods are the template's"),
    (
        "spec.workloadRef",
        "what the pods run is not simulated from the manifest",
    ),
    ("spec.revisionHistoryLimit", "old ReplicaSets have no pods"),
    ("spec.rollbackWindow", "the version rolled out is a new one"),
    ("spec.restartAt", "nothing is restarted"),
    ("spec.analysis", "finished runs decide nothing"),
    (
        "spec.progressDeadlineSeconds",
        "without progressDeadlineAbort it only changes the phase shown",
    ),
    (
        "spec.strategy.canary.scaleDownDelayRevisionLimit",
        "there is one old version",
    ),
    (
        "spec.strategy.canary.canaryMetadata",
        "its labels are not on the metrics simulated",
    ),
    (
        "spec.strategy.canary.stableMetadata",
        "its labels are not on the metrics simulated",
    ),
    (
        "spec.strategy.canary.antiAffinity",
        "nodes are not simulated",
    ),
    (
        "spec.strategy.canary.maxSurge",
        "with a router it does not decide about sizes",
    ),
    (
        "spec.strategy.canary.maxUnavailable",
        "with a router it does not decide about sizes",
    ),
    (
        "spec.strategy.canary.trafficRouting",
        "the router does as it is told: which objects carry its weights decides nothing",
    ),
    (
        "spec.strategy.canary.steps[].experiment.templates[]",
        "its pods are like the version's",
    ),
    (
        "spec.strategy.canary.steps[].experiment.scaleDownDelaySeconds",
        "its pods have no traffic then",
    ),
    (
        "spec.strategy.canary.steps[].experiment.analyses[]",
        "labels of runs decide nothing",
    ),
    (
        "spec.strategy.canary.steps[].experiment.analysisRunMetadata",
        "labels of runs decide nothing",
    ),
    (
        "spec.strategy.canary.steps[].experiment.dryRun",
        "experiments are judged as they are",
    ),
    (
        "spec.strategy.canary.steps[].setHeaderRoute",
        "which requests match is the scenario's to say",
    ),
    (
        "spec.strategy.canary.steps[].setMirrorRoute",
        "every request is taken to match",
    ),
    (
        "spec.strategy.canary.steps[].plugin",
        "plugins are taken to succeed at once",
    ),
    (
        "spec.strategy.canary.steps[].analysis",
        "labels of runs decide nothing",
    ),
    (
        "spec.strategy.canary.analysis",
        "labels of runs decide nothing",
    ),
];

const KNOWN: &[(&str, &[&str])] = &[
    (
        "spec",
        &[
            "replicas",
            "selector",
            "template",
            "workloadRef",
            "minReadySeconds",
            "strategy",
            "revisionHistoryLimit",
            "paused",
            "progressDeadlineSeconds",
            "progressDeadlineAbort",
            "restartAt",
            "analysis",
            "rollbackWindow",
        ],
    ),
    ("spec.strategy", &["canary", "blueGreen"]),
    (
        "spec.strategy.canary",
        &[
            "canaryService",
            "stableService",
            "steps",
            "trafficRouting",
            "maxUnavailable",
            "maxSurge",
            "analysis",
            "antiAffinity",
            "canaryMetadata",
            "stableMetadata",
            "scaleDownDelaySeconds",
            "scaleDownDelayRevisionLimit",
            "abortScaleDownDelaySeconds",
            "dynamicStableScale",
            "pingPong",
            "minPodsPerReplicaSet",
            "replicaProgressThreshold",
        ],
    ),
    (
        "spec.strategy.canary.analysis",
        &[
            "templates",
            "args",
            "startingStep",
            "dryRun",
            "measurementRetention",
            "analysisRunMetadata",
        ],
    ),
    (
        "spec.strategy.canary.steps[]",
        &[
            "setWeight",
            "pause",
            "experiment",
            "analysis",
            "setCanaryScale",
            "setHeaderRoute",
            "setMirrorRoute",
            "plugin",
        ],
    ),
    ("spec.strategy.canary.steps[].pause", &["duration"]),
    (
        "spec.strategy.canary.steps[].setCanaryScale",
        &["weight", "replicas", "matchTrafficWeight"],
    ),
    (
        "spec.strategy.canary.steps[].analysis",
        &[
            "templates",
            "args",
            "dryRun",
            "measurementRetention",
            "analysisRunMetadata",
        ],
    ),
    (
        "spec.strategy.canary.trafficRouting",
        &[
            "istio",
            "nginx",
            "alb",
            "smi",
            "ambassador",
            "appMesh",
            "traefik",
            "managedRoutes",
            "apisix",
            "plugins",
            "maxTrafficWeight",
        ],
    ),
];
