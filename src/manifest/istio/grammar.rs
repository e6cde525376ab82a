//! What Istio's resources may hold.

use super::super::account::Grammar;

const READER: &str = "Istio 1.27";

/// The fields of a VirtualService.
pub(in crate::manifest) const VIRTUAL_SERVICE: Grammar = Grammar {
    reader: READER,
    ignored: &[
        ("metadata", "names and labels decide nothing"),
        ("status", "a status is not read"),
        (
            "spec.hosts",
            "all traffic of the scenario is meant for this service",
        ),
        (
            "spec.gateways",
            "where requests come in decides nothing here",
        ),
        ("spec.exportTo", "who sees the rules decides nothing here"),
        ("spec.http[].name", "a name decides nothing"),
        (
            "spec.http[].headers",
            "headers that are added or taken away decide nothing here",
        ),
        (
            "spec.http[].route[].headers",
            "headers that are added or taken away decide nothing here",
        ),
        ("spec.http[].rewrite", "addresses are not simulated"),
        ("spec.http[].corsPolicy", "browsers are not simulated"),
        (
            "spec.http[].route[].destination.port",
            "ports are not simulated",
        ),
        (
            "spec.tcp[].route[].destination.port",
            "ports are not simulated",
        ),
        (
            "spec.tls[].route[].destination.port",
            "ports are not simulated",
        ),
        ("spec.http[].mirror.port", "ports are not simulated"),
        (
            "spec.http[].mirrors[].destination.port",
            "ports are not simulated",
        ),
        (
            "spec.http[].retries.retryRemoteLocalities",
            "localities are not simulated",
        ),
        (
            "spec.http[].retries.retryIgnorePreviousHosts",
            "the instance of a second attempt is chosen like that of the first",
        ),
    ],
    known: &[
        (
            "spec",
            &["hosts", "gateways", "http", "tls", "tcp", "exportTo"],
        ),
        (
            "spec.http[]",
            &[
                "name",
                "match",
                "route",
                "redirect",
                "directResponse",
                "delegate",
                "rewrite",
                "timeout",
                "retries",
                "fault",
                "mirror",
                "mirrors",
                "mirrorPercentage",
                "corsPolicy",
                "headers",
            ],
        ),
        ("spec.http[].route[]", &["destination", "weight", "headers"]),
        (
            "spec.http[].route[].destination",
            &["host", "subset", "port"],
        ),
        ("spec.http[].fault", &["abort", "delay"]),
        (
            "spec.http[].fault.abort",
            &["httpStatus", "grpcStatus", "http2Error", "percentage"],
        ),
        (
            "spec.http[].fault.delay",
            &["fixedDelay", "exponentialDelay", "percentage"],
        ),
        (
            "spec.http[].retries",
            &[
                "attempts",
                "perTryTimeout",
                "retryOn",
                "retryRemoteLocalities",
                "retryIgnorePreviousHosts",
                "backoff",
            ],
        ),
    ],
    renamed: &[],
};

/// The fields of a DestinationRule.
pub(in crate::manifest) const DESTINATION_RULE: Grammar = Grammar {
    reader: READER,
    ignored: &[
        ("metadata", "names and labels decide nothing"),
        ("spec.exportTo", "who sees the rules decides nothing here"),
        ("spec.workloadSelector", "every caller is meant"),
        ("spec.trafficPolicy", POLICY),
        ("spec.subsets[].trafficPolicy", POLICY),
    ],
    known: &[
        (
            "spec",
            &[
                "host",
                "trafficPolicy",
                "subsets",
                "exportTo",
                "workloadSelector",
            ],
        ),
        ("spec.trafficPolicy", POLICIES),
        ("spec.subsets[].trafficPolicy", POLICIES),
        ("spec.trafficPolicy.outlierDetection", OUTLIERS),
        ("spec.subsets[].trafficPolicy.outlierDetection", OUTLIERS),
        ("spec.subsets[]", &["name", "labels", "trafficPolicy"]),
    ],
    renamed: &[],
};

const POLICY: &str = "connections, encryption and ports are not simulated";

const POLICIES: &[&str] = &[
    "loadBalancer",
    "connectionPool",
    "outlierDetection",
    "tls",
    "portLevelSettings",
    "tunnel",
    "proxyProtocol",
    "retryBudget",
];

const OUTLIERS: &[&str] = &[
    "consecutive5xxErrors",
    "consecutiveGatewayErrors",
    "consecutiveErrors",
    "consecutiveLocalOriginFailures",
    "splitExternalLocalOriginErrors",
    "interval",
    "baseEjectionTime",
    "maxEjectionPercent",
    "minHealthPercent",
];
