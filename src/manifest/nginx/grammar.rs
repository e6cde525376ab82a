//! What an Ingress may hold.

use super::super::account::Grammar;

/// The fields of an Ingress.
pub(in crate::manifest) const INGRESS: Grammar = Grammar {
    reader: "ingress-nginx 1.13",
    ignored: &[
        (
            "metadata.annotations",
            "this annotation decides nothing here",
        ),
        ("metadata", "names and labels decide nothing"),
        ("status", "a status is not read"),
        ("spec.ingressClassName", "ingress-nginx is taken to read it"),
        ("spec.tls", "encryption is not simulated"),
        ("spec", "it splits nothing"),
    ],
    known: &[(
        "metadata.annotations",
        &[
            "nginx.ingress.kubernetes.io/canary",
            "nginx.ingress.kubernetes.io/canary-weight",
            "nginx.ingress.kubernetes.io/canary-weight-total",
            "nginx.ingress.kubernetes.io/canary-by-header",
            "nginx.ingress.kubernetes.io/canary-by-header-value",
            "nginx.ingress.kubernetes.io/canary-by-header-pattern",
            "nginx.ingress.kubernetes.io/canary-by-cookie",
            "nginx.ingress.kubernetes.io/affinity",
            "nginx.ingress.kubernetes.io/affinity-mode",
            "nginx.ingress.kubernetes.io/affinity-canary-behavior",
            "nginx.ingress.kubernetes.io/session-cookie-name",
            "nginx.ingress.kubernetes.io/session-cookie-path",
            "nginx.ingress.kubernetes.io/session-cookie-max-age",
            "nginx.ingress.kubernetes.io/session-cookie-expires",
            "nginx.ingress.kubernetes.io/proxy-next-upstream",
            "nginx.ingress.kubernetes.io/proxy-next-upstream-tries",
            "nginx.ingress.kubernetes.io/proxy-next-upstream-timeout",
            "nginx.ingress.kubernetes.io/proxy-read-timeout",
            "nginx.ingress.kubernetes.io/proxy-send-timeout",
            "nginx.ingress.kubernetes.io/proxy-connect-timeout",
        ],
    )],
    renamed: &[],
};
