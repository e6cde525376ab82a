//! What is read from VirtualServices and DestinationRules, refused and warned of.

use super::super::split::tests::{account, assert_one, errors, import, outcome, warnings, who};
use super::super::split::{InjectionKind, Reached};
use crate::base::Span;

const SERVICE: &str = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - route:
    - destination:
        host: reviews
        subset: v1
      weight: 90
    - destination:
        host: reviews
        subset: v2
      weight: 10
";

const RULE: &str = "\
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: reviews
spec:
  host: reviews.shop.svc.cluster.local
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 7, interval: 5m, baseEjectionTime: 15m, maxEjectionPercent: 50}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
";

/// The example with one part replaced, which must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(SERVICE.contains(from), "{from}");
    SERVICE.replacen(from, to, 1)
}

/// The example with more fields in its one rule.
fn with(fields: &str) -> String {
    changed("  - route:\n", &format!("  - {fields}\n    route:\n"))
}

#[test]
fn weights_are_shares_of_their_sum() {
    assert_eq!(who(SERVICE), "reviews/v1 reviews/v2 10");
    assert!(warnings(SERVICE).is_empty());
    let relative = SERVICE
        .replace("weight: 90", "weight: 3")
        .replace("weight: 10", "weight: 1");
    assert_eq!(who(&relative), "reviews/v1 reviews/v2 25");
    assert_one(
        &warnings(&relative),
        "16: spec.http[0]: the weights add up to 4",
        "25 % of the requests",
    );
    let above = changed("weight: 10", "weight: 270");
    assert_eq!(who(&above), "reviews/v1 reviews/v2 75");
    // Of several destinations one without a weight gets nothing.
    let unsaid = changed("      weight: 90\n", "");
    assert_eq!(who(&unsaid), "reviews/v1 reviews/v2 100");
}

#[test]
fn every_field_is_accounted_for() {
    let text = with("{name: main, timeout: 3s, corsPolicy: {}, colour: red}").replace(
        "  - {name: main, timeout: 3s, corsPolicy: {}, colour: red}\n",
        "  - name: main\n    timeout: 3s\n    corsPolicy: {maxAge: 1h}\n    colour: red\n",
    );
    assert_eq!(
        account(&text),
        [
            "apiVersion",
            "kind",
            "metadata.name",
            "spec.hosts: all traffic of the scenario is meant for this service",
            "spec.http[0].name: a name decides nothing",
            "spec.http[0].timeout",
            "spec.http[0].corsPolicy: browsers are not simulated",
            "spec.http[0].colour: Istio 1.27 knows no such field",
            "spec.http[0].route[0].destination.host",
            "spec.http[0].route[0].destination.subset",
            "spec.http[0].route[0].weight",
            "spec.http[0].route[1].destination.host",
            "spec.http[0].route[1].destination.subset",
            "spec.http[0].route[1].weight",
        ]
    );
    let slip = with("timout: 3s");
    assert_one(&warnings(&slip), "8: spec.http[0].timout", "timeout");
}

#[test]
fn outlier_detection_and_subsets_come_from_the_rule() {
    let text = format!("{SERVICE}{RULE}");
    let ejection = import(&text).ejection.expect("outlier detection");
    assert_eq!(ejection.consecutive.unwrap().value, 7);
    assert_eq!(ejection.interval.unwrap().value, Span::from_secs(300));
    assert_eq!(ejection.base.unwrap().value, Span::from_secs(900));
    assert_eq!(ejection.most.unwrap().value.get(), 0.5);
    let wrong = text.replace("- {name: v2, ", "- {name: v3, ");
    assert_one(
        &errors(&wrong),
        "16: spec.http[0].route[1].weight: `v2` is no subset of reviews",
        "DestinationRule reviews defines v1, v3",
    );
    let labelled = text
        .replace("subset: v1", "subset: old")
        .replace("subset: v2", "subset: new")
        .replace(
            "name: v1, labels: {version: v1}",
            "name: old, labels: {track: stable}",
        )
        .replace(
            "name: v2, labels: {version: v2}",
            "name: new, labels: {track: canary}",
        );
    assert_eq!(who(&labelled), "reviews/old reviews/new 10");
    let off = text.replace("consecutive5xxErrors: 7", "consecutive5xxErrors: 0");
    assert_eq!(import(&off).ejection, None);
}

#[test]
fn retries_are_istios_own_unless_the_rule_says_otherwise() {
    let unsaid = import(SERVICE).retries.expect("Istio's default");
    assert_eq!(
        (unsaid.attempts, unsaid.on_errors, unsaid.on_resets),
        (2, false, true)
    );
    assert_eq!(unsaid.place, None);
    let said = import(&with(
        "retries: {attempts: 3, perTryTimeout: 2s, retryOn: \"5xx,reset\"}",
    ));
    let said = said.retries.unwrap();
    assert_eq!(
        (said.attempts, said.on_errors, said.on_resets),
        (3, true, true)
    );
    assert_eq!(said.per_try_timeout.unwrap().value, Span::from_secs(2));
    assert_eq!(import(&with("retries: {attempts: 0}")).retries, None);
    let codes = import(&with("retries: {attempts: 1, retryOn: \"503\"}"))
        .retries
        .unwrap();
    assert_eq!((codes.on_errors, codes.on_resets), (true, false));
    let never = with("retries: {attempts: 1, retryOn: retriable-4xx}");
    assert_eq!(import(&never).retries, None);
    assert_one(
        &warnings(&never),
        "8: spec.http[0].retries.retryOn: nothing",
        "retriable-4xx",
    );
}

#[test]
fn faults_turn_retries_and_the_timeout_off() {
    let fault = "fault: {delay: {fixedDelay: 7s, percentage: {value: 12.5}}, abort: {httpStatus: 503, \
                 percentage: {value: 100}}}";
    let import = import(&with(&format!(
        "timeout: 1s\n    retries: {{attempts: 3}}\n    {fault}"
    )));
    assert_eq!(import.retries, None);
    assert_eq!(import.timeout, None);
    let [delay, abort] = import.faults.as_slice() else {
        panic!("{:?}", import.faults);
    };
    assert_eq!(
        (delay.target, delay.share.value.get()),
        (Reached::Everybody, 0.125)
    );
    let InjectionKind::Delay(time) = &delay.kind else {
        panic!("{delay:?}");
    };
    assert_eq!(time.value, Span::from_secs(7));
    let InjectionKind::Abort(status) = &abort.kind else {
        panic!("{abort:?}");
    };
    assert_eq!(status.value, "503");
}

#[test]
fn a_fault_that_nobody_meets_is_told() {
    let unsaid = with("fault: {abort: {httpStatus: 503}}");
    assert!(import(&unsaid).faults.is_empty());
    assert_one(
        &warnings(&unsaid),
        "8: spec.http[0].fault.abort: has no percentage",
        "nobody",
    );
    let client = with("fault: {abort: {httpStatus: 404, percentage: {value: 5}}}");
    assert!(import(&client).faults.is_empty());
    assert_one(
        &warnings(&client),
        "8: spec.http[0].fault.abort: 404 is no server error",
        "",
    );
    let old = with("fault: {abort: {httpStatus: 500, percent: 5}}");
    assert_eq!(import(&old).faults[0].share.value.get(), 0.05);
}

#[test]
fn one_version_with_a_fault_is_taken_and_one_without_is_not() {
    let one = "apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  \
               http:\n  - route: [{destination: {host: a}}]\n";
    assert_one(
        &errors(one),
        "2: `VirtualService a` splits nothing: every request goes to `a`",
        "two destinations",
    );
    let faulty = one.replace(
        "- route",
        "- fault: {delay: {fixedDelay: 1s, percentage: {value: 1}}}\n    route",
    );
    assert_eq!(who(&faulty), "a - -");
}

#[test]
fn headers_that_lead_to_the_canary_are_matches() {
    let matched = changed(
        "  - route:\n",
        "  - match: [{headers: {end-user: {exact: jason}}}, {uri: {prefix: /beta}}]\n    \
         route: [{destination: {host: reviews, subset: v2}}]\n  - route:\n",
    );
    let import = import(&matched);
    assert_eq!(import.weight.unwrap().value, 10.0);
    assert_eq!(
        import.matches[0].value,
        "headers end-user.exact jason or uri prefix /beta"
    );
    // Without weights, matching is all that brings requests to the canary.
    let only = matched.replace("      weight: 90\n    - destination:\n        host: reviews\n        subset: v2\n      weight: 10\n", "");
    assert_eq!(who(&only), "reviews/v1 reviews/v2 -");
    let stable = matched.replace("subset: v2}}]", "subset: v1}}]");
    assert_one(
        &warnings(&stable),
        "8: spec.http[0]: requests that match go to stable alone",
        "",
    );
}

#[test]
fn rules_behind_one_that_takes_everything_are_never_reached() {
    let text = format!("{SERVICE}  - route: [{{destination: {{host: reviews, subset: v3}}}}]\n");
    assert_one(&warnings(&text), "17: spec.http[1]: is never reached", "");
    assert_eq!(who(&text), "reviews/v1 reviews/v2 10");
}

#[test]
fn copies_are_read_with_their_percentage() {
    let alone = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  \
                 http:\n  - route: [{destination: {host: a, subset: v1}}]\n    \
                 mirror: {host: a, subset: v2}\n    mirrorPercentage: {value: 25}\n";
    let import = import(alone);
    assert_eq!(import.canary.unwrap().to_string(), "a/v2");
    assert_eq!(import.mirror.unwrap().value.get(), 0.25);
    let all = alone.replace("    mirrorPercentage: {value: 25}\n", "");
    let all = outcome(&all).import.unwrap();
    assert_eq!(all.mirror.unwrap().value.get(), 1.0);
}

#[test]
fn hashing_within_a_subset_is_told_to_keep_nobody() {
    let rule = RULE.replace(
        "    outlierDetection",
        "    loadBalancer: {consistentHash: {useSourceIp: true}}\n    outlierDetection",
    );
    let text = format!("{SERVICE}{rule}");
    assert_one(
        &warnings(&text),
        "25: spec.trafficPolicy.loadBalancer: hashes within",
        "back and forth",
    );
}

/// Parts of the example, what to put in their place, and the one error.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        "istio.io/v1\n",
        "istio.io/v1alpha9\n",
        "1: apiVersion: there is no",
        "networking.istio.io/v1 or",
    ),
    (
        "apiVersion: networking.istio.io/v1\n",
        "",
        "1: apiVersion: is missing",
        "write networking",
    ),
    (
        "weight: 10",
        "weight: -10",
        "16: spec.http[0].route[1].weight: -10 is below zero",
        "",
    ),
    (
        "weight: 10",
        "weight: \"10\"",
        "16: spec.http[0].route[1].weight: the text `10`",
        "without quotes",
    ),
    (
        "weight: 10",
        "weight: {{ .Values.weight }}",
        "16: not valid YAML",
        "render it first",
    ),
    (
        "weight: 10",
        "weight: '{{ .Values.weight }}'",
        "16: spec.http[0].route[1].weight",
        "render it first",
    ),
    (
        "        host: reviews\n        subset: v2\n",
        "        subset: v2\n",
        "13: spec.http[0].route[1].destination.host: is missing",
        "host: my-service",
    ),
    (
        "    - destination:\n        host: reviews\n        subset: v1\n",
        "    - {}\n    - destination:\n        host: reviews\n        subset: v1\n",
        "8: spec.http[0].route[0].destination: is missing",
        "",
    ),
    (
        "spec:\n",
        "spec: 5\nother:\n",
        "5: spec: 5 is not a map",
        "",
    ),
    (
        "  - route:\n",
        "  - timeout: soon\n    route:\n",
        "8: spec.http[0].timeout: `soon` is no time",
        "500ms",
    ),
    (
        "  - route:\n",
        "  - fault: {delay: {percentage: {value: 5}}}\n    route:\n",
        "8: spec.http[0].fault.delay.fixedDelay: is missing",
        "fixedDelay: 2s",
    ),
    (
        "  - route:\n",
        "  - fault: {abort: {httpStatus: 503, percentage: {value: 101}}}\n    route:\n",
        "8: spec.http[0].fault.abort.percentage.value: 101 is no percentage",
        "0 to 100",
    ),
];

#[test]
fn what_istio_refuses_is_refused_at_its_line() {
    for (from, to, start, words) in REFUSED {
        assert_one(&errors(&changed(from, to)), start, words);
    }
    let half = &SERVICE[..SERVICE.find("spec:").unwrap()];
    assert_one(&errors(half), "1: spec: is missing", "cut off");
}

#[test]
fn all_problems_come_at_once() {
    let text = SERVICE
        .replace("v1\n", "v7\n")
        .replace("weight: 90", "weight: much")
        .replace("weight: 10", "weight: -1");
    assert_eq!(errors(&text).len(), 3, "{:?}", errors(&text));
}
