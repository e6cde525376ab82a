//! What is read from Ingresses with canary annotations, refused and warned of.

use super::super::split::tests::{account, assert_one, errors, import, outcome, warnings, who};
use crate::base::Span;
use crate::manifest::Fate;

const MAIN: &str = "\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}
";

/// The canary of the example, with these annotations beside `canary: \"true\"`.
fn canary(annotations: &[(&str, &str)]) -> String {
    let lines = annotations
        .iter()
        .map(|(name, value)| format!("    nginx.ingress.kubernetes.io/{name}: \"{value}\"\n"));
    let lines: String = lines.collect();
    MAIN.replace("  name: shop\n", &format!("  name: shop-next\n  annotations:\n    nginx.ingress.kubernetes.io/canary: \"true\"\n{lines}"))
        .replace("{name: shop,", "{name: shop-green,")
}

fn both(annotations: &[(&str, &str)]) -> String {
    format!("{}---\n{MAIN}", canary(annotations))
}

/// The main Ingress with these annotations, and a canary of 20 %.
fn beside(annotations: &str) -> String {
    let main = MAIN.replace(
        "  name: shop\n",
        &format!("  name: shop\n  annotations: {{{annotations}}}\n"),
    );
    format!("{}---\n{main}", canary(&[("canary-weight", "20")]))
}

#[test]
fn the_weight_is_of_its_total_and_a_total_below_a_hundred_counts_as_a_hundred() {
    for (weight, total, percent) in [
        ("20", None, "20"),
        ("30", Some("300"), "10"),
        ("30", Some("60"), "30"),
        ("250", None, "100"),
    ] {
        let mut annotations = vec![("canary-weight", weight)];
        annotations.extend(total.map(|total| ("canary-weight-total", total)));
        let text = both(&annotations);
        assert_eq!(
            who(&text),
            format!("shop shop-green {percent}"),
            "{weight} of {total:?}"
        );
    }
    let small = both(&[("canary-weight", "30"), ("canary-weight-total", "60")]);
    assert_one(&warnings(&small), "8: ", "a total below 100 counts as 100");
    let much = both(&[("canary-weight", "250")]);
    assert_one(&warnings(&much), "7: ", "sends every request to the canary");
}

#[test]
fn a_header_is_asked_before_the_cookie_and_its_value_before_its_pattern() {
    let matches = |annotations: &[(&str, &str)]| {
        let matches = import(&both(annotations)).matches;
        matches.into_iter().map(|one| one.value).collect::<Vec<_>>()
    };
    assert_eq!(
        matches(&[("canary-by-header", "beta")]),
        ["header beta: always"]
    );
    assert_eq!(
        matches(&[
            ("canary-by-cookie", "beta"),
            ("canary-by-header-pattern", "y.*"),
            ("canary-by-header-value", "yes"),
            ("canary-by-header", "beta"),
        ]),
        ["header beta: yes", "cookie beta=always"]
    );
    assert_eq!(
        matches(&[
            ("canary-by-header", "beta"),
            ("canary-by-header-pattern", "y.*")
        ]),
        ["header beta like y.*"]
    );
    assert!(matches(&[("canary-by-header-value", "yes"), ("canary-weight", "5")]).is_empty());
    let text = both(&[("canary-by-header", "beta"), ("canary-weight", "5")]);
    assert_eq!(who(&text), "shop shop-green 5");
    assert_eq!(
        who(&both(&[("canary-by-header", "beta")])),
        "shop shop-green -"
    );
}

#[test]
fn the_main_ingress_brings_cookies_that_come_first() {
    let sticky = |annotations: &str| import(&beside(annotations)).sticky;
    let prefix = "nginx.ingress.kubernetes.io/";
    let plain = sticky(&format!(
        "{prefix}affinity: cookie, {prefix}session-cookie-max-age: \"3600\""
    ));
    let plain = plain.expect("a cookie");
    assert!(plain.first);
    assert_eq!(plain.lifetime.unwrap().value, Span::from_secs(3_600));
    let legacy = format!("{prefix}affinity: cookie, {prefix}affinity-canary-behavior: legacy");
    assert!(!sticky(&legacy).unwrap().first);
    assert_eq!(sticky(&format!("{prefix}affinity: ip")), None);
    assert_eq!(sticky("other: thing"), None);
}

#[test]
fn a_canary_without_its_main_ingress_and_one_without_rules_are_told() {
    let alone = canary(&[("canary-weight", "20")]);
    assert_eq!(who(&alone), "the main Ingress shop-green 20");
    assert_one(&warnings(&alone), "2: ", "not among the files");
    let idle = both(&[]);
    assert_eq!(who(&idle), "shop shop-green 0");
}

#[test]
fn annotations_that_decide_nothing_say_why() {
    let text = MAIN.replace(
        "  name: shop\n",
        "  name: shop\n  annotations: {nginx.ingress.kubernetes.io/canary-weight: \"5\", team: a}\n",
    );
    let text = format!("{text}---\n{}", canary(&[("canary-weight", "20")]));
    let fields = account(&text);
    let has = |line: &str| {
        assert!(
            fields.iter().any(|field| field == line),
            "{line}: {fields:#?}"
        )
    };
    has(
        "metadata.annotations.nginx.ingress.kubernetes.io/canary-weight: without canary: \"true\" it decides nothing",
    );
    has("metadata.annotations.team: this annotation decides nothing here");
    let slip = both(&[("canary-weigth", "5")]);
    assert!(
        warnings(&slip)
            .iter()
            .any(|line| line.contains("canary-weight")),
        "{:?}",
        warnings(&slip)
    );
    // An Ingress that nobody is a canary of is no problem of ours.
    let plain = outcome(MAIN);
    assert_eq!(plain.import, None);
    assert!(
        plain.accounts[0]
            .fields
            .iter()
            .any(|field| field.fate != Fate::Used)
    );
}

#[test]
fn what_is_wrong_is_refused_at_its_line() {
    for (name, value, start) in [
        (
            "canary-weight",
            "-5",
            "7: metadata.annotations.nginx.ingress.kubernetes.io/canary-weight: `-5` is no whole",
        ),
        (
            "canary-weight",
            "5%",
            "7: metadata.annotations.nginx.ingress.kubernetes.io/canary-weight: `5%` is no whole",
        ),
        ("canary-weight", "{{ .w }}", "7: metadata.annotations"),
    ] {
        assert_one(&errors(&both(&[(name, value)])), start, "");
    }
    let number = both(&[("canary-weight", "5")]).replace("\"5\"", "5");
    assert_one(&errors(&number), "7: ", "5 is not a text");
    let yes = both(&[("canary-weight", "5")]).replace("\"true\"", "\"yes\"");
    assert_one(&errors(&yes), "6: ", "neither \"true\" nor \"false\"");
    let version = both(&[("canary-weight", "5")]).replacen("k8s.io/v1", "k8s.io/v3", 1);
    assert_one(
        &errors(&version),
        "1: apiVersion: there is no `networking.k8s.io/v3`",
        "networking.k8s.io/v1",
    );
}
