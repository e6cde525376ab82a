//! What is read from TraefikServices and IngressRoutes, refused and warned of.

use super::super::split::tests::{assert_one, errors, import, warnings, who};
use crate::base::Span;

const WEIGHTED: &str = "\
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: shop}
spec:
  weighted:
    services:
    - {name: shop-stable, port: 80, weight: 3}
    - {name: shop-canary, port: 80}
";

#[test]
fn a_weight_that_is_not_said_is_one() {
    assert_eq!(who(WEIGHTED), "shop-stable shop-canary 25");
    assert!(warnings(WEIGHTED).is_empty());
    let old = WEIGHTED.replace("traefik.io", "traefik.containo.us");
    assert_eq!(who(&old), "shop-stable shop-canary 25");
}

#[test]
fn a_cookie_on_the_weights_keeps_users_and_one_on_a_service_does_not() {
    let text = WEIGHTED.replace(
        "    services:",
        "    sticky: {cookie: {name: s, maxAge: 600, secure: true}}\n    services:",
    );
    let sticky = import(&text).sticky.expect("a cookie");
    assert!(!sticky.first && !sticky.outlives_rollback);
    assert_eq!(sticky.lifetime.unwrap().value, Span::from_secs(600));
    let session = text.replace("maxAge: 600", "maxAge: 0");
    assert_eq!(import(&session).sticky.unwrap().lifetime, None);
    let below = WEIGHTED.replace("weight: 3}", "weight: 3, sticky: {cookie: {name: s}}}");
    assert_eq!(import(&below).sticky, None);
}

#[test]
fn services_inside_services_come_to_shares() {
    let inner = "---\napiVersion: traefik.io/v1alpha1\nkind: TraefikService\nmetadata: {name: inner}\nspec:\n  \
                 weighted: {services: [{name: shop-canary, weight: 1}, {name: shop-stable, weight: 1}]}\n";
    let outer = WEIGHTED.replace(
        "{name: shop-canary, port: 80}",
        "{name: inner, kind: TraefikService}",
    );
    let text = format!("{outer}{inner}");
    assert_eq!(who(&text), "shop-stable shop-canary 12.5");
    // Not among the files it counts as a version.
    assert_eq!(who(&outer), "shop-stable inner 25");
    let circle = WEIGHTED.replace(
        "{name: shop-canary, port: 80}",
        "{name: shop, kind: TraefikService}",
    );
    let circle = format!(
        "{circle}---\napiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {{name: web}}\nspec:\n  \
         routes: [{{match: Host(`a`), services: [{{name: shop, kind: TraefikService}}]}}]\n"
    );
    assert_eq!(who(&circle), "shop-stable shop 25");
}

#[test]
fn copies_make_the_one_that_gets_them_the_canary() {
    let text = "apiVersion: traefik.io/v1alpha1\nkind: TraefikService\nmetadata: {name: shop}\nspec:\n  \
                mirroring: {name: blue, port: 80, mirrors: [{name: green, percent: 20}]}\n";
    let import = import(text);
    assert_eq!(import.canary.unwrap().host, "green");
    assert_eq!(import.mirror.unwrap().value.get(), 0.2);
    assert_eq!(import.weight, None);
}

const ROUTE: &str = "\
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: web}
spec:
  entryPoints: [web]
  routes:
  - match: Host(`shop.example.com`)
    services:
    - {name: shop, kind: TraefikService}
  - match: Host(`shop.example.com`) && Header(`X-Beta`, `1`)
    services: [{name: shop-canary, port: 80}]
";

#[test]
fn rules_with_more_to_ask_come_first_and_lead_into_services() {
    let text = format!("{ROUTE}---\n{WEIGHTED}");
    let import = import(&text);
    assert_eq!(import.title, "IngressRoute web");
    assert_eq!(import.weight.unwrap().value, 25.0);
    assert_eq!(import.matches[0].value, "Header(`X-Beta`, `1`)");
    // With a priority the rule for all comes first, and nothing else is reached.
    let first = text.replace(
        "`)\n    services:\n    - {name: shop,",
        "`)\n    priority: 99\n    services:\n    - {name: shop,",
    );
    assert!(
        super::super::split::tests::import(&first)
            .matches
            .is_empty()
    );
    assert_one(
        &warnings(&first),
        "11: spec.routes[1]: is never reached",
        "",
    );
}

#[test]
fn what_is_wrong_is_refused_at_its_line() {
    for (from, to, start) in [
        (
            "v1alpha1",
            "v1beta7",
            "1: apiVersion: there is no `traefik.io/v1beta7`",
        ),
        (
            "weight: 3",
            "weight: -3",
            "7: spec.weighted.services[0].weight: -3 is below zero",
        ),
        (
            "name: shop-stable, ",
            "",
            "7: spec.weighted.services[0].name: is missing",
        ),
        (
            "    services:",
            "    service:",
            "5: spec.weighted.services: is missing",
        ),
        (
            "  weighted:",
            "  heavy:",
            "4: spec: says neither weighted nor mirroring",
        ),
    ] {
        assert!(WEIGHTED.contains(from), "{from}");
        assert_one(&errors(&WEIGHTED.replacen(from, to, 1)), start, "");
    }
    let unmatched = ROUTE.replace(
        "  - match: Host(`shop.example.com`)\n    services",
        "  - services",
    );
    assert_one(
        &errors(&unmatched),
        "7: spec.routes[0].match: is missing",
        "Host(",
    );
}
