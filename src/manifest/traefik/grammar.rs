//! What Traefik's resources may hold.

use super::super::account::Grammar;

const READER: &str = "Traefik 3.5";

/// The fields of a TraefikService.
pub(in crate::manifest) const TRAEFIK_SERVICE: Grammar = Grammar {
    reader: READER,
    ignored: &[
        ("metadata", "names and labels decide nothing"),
        ("spec.weighted.services[]", CONNECTION),
        ("spec.mirroring", CONNECTION),
        ("spec.highestRandomWeight", CONNECTION),
        (
            "spec.weighted.sticky",
            "a session is a session, whatever its cookie",
        ),
    ],
    known: &[
        ("spec", &["weighted", "mirroring", "highestRandomWeight"]),
        ("spec.weighted", &["services", "sticky"]),
        ("spec.weighted.services[]", SERVICE),
        (
            "spec.mirroring.mirrors[]",
            &["name", "kind", "namespace", "port", "percent"],
        ),
    ],
    renamed: &[],
};

/// The fields of an IngressRoute.
pub(in crate::manifest) const INGRESS_ROUTE: Grammar = Grammar {
    reader: READER,
    ignored: &[
        ("metadata", "names and labels decide nothing"),
        (
            "spec.entryPoints",
            "where requests come in decides nothing here",
        ),
        (
            "spec.parentRefs",
            "where requests come in decides nothing here",
        ),
        (
            "spec.ingressClassName",
            "where requests come in decides nothing here",
        ),
        ("spec.tls", "encryption is not simulated"),
        ("spec.routes[].kind", "there is one kind of rule"),
        ("spec.routes[].syntax", "both syntaxes are read alike"),
        (
            "spec.routes[].observability",
            "what is logged decides nothing here",
        ),
        ("spec.routes[].services[]", CONNECTION),
    ],
    known: &[
        (
            "spec",
            &[
                "entryPoints",
                "routes",
                "tls",
                "parentRefs",
                "ingressClassName",
            ],
        ),
        (
            "spec.routes[]",
            &[
                "kind",
                "match",
                "priority",
                "services",
                "middlewares",
                "syntax",
                "observability",
            ],
        ),
        ("spec.routes[].services[]", SERVICE),
    ],
    renamed: &[],
};

const CONNECTION: &str = "how pods are reached is not simulated";

const SERVICE: &[&str] = &[
    "name",
    "kind",
    "namespace",
    "port",
    "weight",
    "sticky",
    "strategy",
    "scheme",
    "passHostHeader",
    "responseForwarding",
    "serversTransport",
    "nativeLB",
    "nodePortLB",
    "healthCheck",
    "passiveHealthCheck",
];
