//! What the Gateway API's routes may hold.

use super::super::account::Grammar;

/// The fields of an HTTPRoute or a GRPCRoute.
pub(in crate::manifest) const ROUTE: Grammar = Grammar {
    reader: "Gateway API 1.3",
    ignored: &[
        ("metadata", "names and labels decide nothing"),
        ("status", "a status is not read"),
        (
            "spec.parentRefs",
            "where requests come in decides nothing here",
        ),
        (
            "spec.useDefaultGateways",
            "where requests come in decides nothing here",
        ),
        (
            "spec.hostnames",
            "all traffic of the scenario is meant for this service",
        ),
        ("spec.rules[].name", "a name decides nothing"),
        ("spec.rules[].backendRefs[].port", "ports are not simulated"),
        (
            "spec.rules[].backendRefs[].namespace",
            "the name tells versions apart",
        ),
        (
            "spec.rules[].backendRefs[].group",
            "the name tells versions apart",
        ),
        (
            "spec.rules[].backendRefs[].kind",
            "the name tells versions apart",
        ),
        (
            "spec.rules[].filters[].requestMirror.backendRef",
            "the name tells versions apart",
        ),
        (
            "spec.rules[].sessionPersistence",
            "a session is a session, whatever its cookie",
        ),
    ],
    known: &[
        (
            "spec",
            &["parentRefs", "hostnames", "rules", "useDefaultGateways"],
        ),
        (
            "spec.rules[]",
            &[
                "name",
                "matches",
                "filters",
                "backendRefs",
                "timeouts",
                "retry",
                "sessionPersistence",
            ],
        ),
        (
            "spec.rules[].backendRefs[]",
            &[
                "group",
                "kind",
                "name",
                "namespace",
                "port",
                "weight",
                "filters",
            ],
        ),
        ("spec.rules[].timeouts", &["request", "backendRequest"]),
        ("spec.rules[].retry", &["codes", "attempts", "backoff"]),
    ],
    renamed: &[],
};
