//! What is read from HTTPRoutes and GRPCRoutes, refused and warned of.

use super::super::split::tests::{account, assert_one, errors, import, warnings, who};
use crate::base::Span;

const ROUTE: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: web}]
  rules:
  - backendRefs:
    - {name: shop-v1, port: 80, weight: 9}
    - {name: shop-v2, port: 80}
";

fn changed(from: &str, to: &str) -> String {
    assert!(ROUTE.contains(from), "{from}");
    ROUTE.replacen(from, to, 1)
}

#[test]
fn a_weight_that_is_not_said_is_one() {
    assert_eq!(who(ROUTE), "shop-v1 shop-v2 10");
    assert!(warnings(ROUTE).is_empty());
    let grpc = ROUTE
        .replace("HTTPRoute", "GRPCRoute")
        .replace("io/v1\n", "io/v1alpha2\n");
    assert_eq!(who(&grpc), "shop-v1 shop-v2 10");
}

#[test]
fn every_field_is_accounted_for() {
    assert_eq!(
        account(ROUTE),
        [
            "apiVersion",
            "kind",
            "metadata.name",
            "spec.parentRefs: where requests come in decides nothing here",
            "spec.rules[0].backendRefs[0].name",
            "spec.rules[0].backendRefs[0].port: ports are not simulated",
            "spec.rules[0].backendRefs[0].weight",
            "spec.rules[0].backendRefs[1].name",
            "spec.rules[0].backendRefs[1].port: ports are not simulated",
        ]
    );
}

#[test]
fn a_rule_that_asks_for_more_comes_first_wherever_it_stands() {
    let text = format!(
        "{ROUTE}  - matches: [{{headers: [{{name: env, value: beta}}]}}]\n    backendRefs: [{{name: shop-v2}}]\n"
    );
    let import = import(&text);
    assert_eq!(import.weight.unwrap().value, 10.0);
    assert_eq!(import.matches[0].value, "headers name env and value beta");
    // A path of `/` asks for nothing.
    let root = changed(
        "  - backendRefs",
        "  - matches: [{path: {type: PathPrefix, value: /}}]\n    backendRefs",
    );
    assert_eq!(super::super::split::tests::import(&root).only, None);
    let path = changed(
        "  - backendRefs",
        "  - matches: [{path: {value: /login}}]\n    backendRefs",
    );
    let only = super::super::split::tests::import(&path).only.unwrap();
    assert_eq!(only.value, "path value /login");
}

#[test]
fn sessions_timeouts_retries_and_copies_are_read() {
    let text = changed(
        "  - backendRefs",
        "  - sessionPersistence: {sessionName: s, absoluteTimeout: 1h}\n    \
         timeouts: {request: 10s, backendRequest: 2s}\n    \
         retry: {attempts: 3, codes: [500, 503], backoff: 100ms}\n    \
         filters:\n    - {type: RequestMirror, requestMirror: {backendRef: {name: shop-v2}, fraction: {numerator: 1, denominator: 8}}}\n    \
         - {type: URLRewrite, urlRewrite: {hostname: a}}\n    backendRefs",
    );
    let import = import(&text);
    let sticky = import.sticky.unwrap();
    assert!(sticky.outlives_rollback && !sticky.first);
    assert_eq!(sticky.lifetime.unwrap().value, Span::from_secs(3_600));
    assert_eq!(import.timeout.unwrap().value, Span::from_secs(10));
    let retries = import.retries.unwrap();
    assert_eq!(
        (retries.attempts, retries.on_errors, retries.on_resets),
        (3, true, true)
    );
    assert_eq!(retries.per_try_timeout.unwrap().value, Span::from_secs(2));
    assert_eq!(retries.backoff.unwrap().value, Span::from_millis(100));
    assert_eq!(import.mirror.unwrap().value.get(), 0.125);
}

#[test]
fn what_the_api_server_refuses_is_refused_at_its_line() {
    for (from, to, start, words) in [
        (
            "k8s.io/v1\n",
            "k8s.io/v1beta9\n",
            "1: apiVersion: there is no",
            "gateway.networking.k8s.io/v1 or",
        ),
        (
            "weight: 9",
            "weight: 2000000",
            "9: spec.rules[0].backendRefs[0].weight: 2000000",
            "0 to 1000000",
        ),
        (
            "weight: 9",
            "weight: -1",
            "9: spec.rules[0].backendRefs[0].weight: -1 is below zero",
            "",
        ),
        (
            "name: shop-v1, ",
            "",
            "9: spec.rules[0].backendRefs[0].name: is missing",
            "Service",
        ),
        ("  rules:\n", "  rule:\n", "5: spec.rules: is missing", ""),
    ] {
        assert_one(&errors(&changed(from, to)), start, words);
    }
    let zero = changed("weight: 9}", "weight: 0}").replace("port: 80}", "port: 80, weight: 0}");
    assert_one(
        &errors(&zero),
        "8: spec.rules[0]: all weights are zero",
        "90 and 10",
    );
}

#[test]
fn a_rule_without_backends_answers_500_and_is_told() {
    let text = format!("{ROUTE}  - matches: [{{path: {{value: /gone}}}}]\n");
    assert_one(
        &warnings(&text),
        "11: spec.rules[1]: without backendRefs",
        "500",
    );
}
