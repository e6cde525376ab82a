//! What is read from a Canary, what is refused, and what is warned of.

use std::path::Path;

use super::*;
use crate::base::{Span, place};
use crate::gate::flagger::{FlaggerCheck, Limits, Metric, Provider};
use crate::rollout::flagger::{Obstacle, Router};
use crate::telemetry::Version;

const CANARY: &str = "\
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: checkout
  namespace: shop
spec:
  provider: istio
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: checkout
  service:
    port: 8080
  analysis:
    interval: 30s
    threshold: 3
    stepWeight: 20
    maxWeight: 60
    metrics:
    - name: request-success-rate
      interval: 30s
      thresholdRange:
        min: 99
";

fn import(text: &str) -> Import {
    read(Path::new("canary.yaml"), text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// The example with one part replaced, which must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(CANARY.contains(from), "{from}");
    CANARY.replacen(from, to, 1)
}

/// Each error as `line: message (help)`.
fn errors(text: &str) -> Vec<String> {
    match read(Path::new("canary.yaml"), text) {
        Ok(import) => panic!("accepted: {import:?}\n{text}"),
        Err(problems) => lines(text, &problems.problems),
    }
}

fn lines(text: &str, problems: &[Problem]) -> Vec<String> {
    let line = |problem: &Problem| {
        let line = problem.span.as_ref().map(|span| place(text, span.start).0);
        let help = problem.help.as_deref().unwrap_or_default();
        format!("{}: {} ({help})", line.unwrap_or(0), problem.message)
    };
    problems.iter().map(line).collect()
}

#[test]
fn a_plain_canary_is_read_as_it_stands() {
    let import = import(CANARY);
    assert_eq!(
        (
            import.name.as_str(),
            import.namespace.as_str(),
            import.provider
        ),
        ("checkout", "shop", "istio")
    );
    let settings = import.plan.settings();
    assert_eq!(settings.interval, Span::from_secs(30));
    assert_eq!(
        (
            settings.threshold,
            settings.step_weight,
            settings.max_weight
        ),
        (3, 20, 60)
    );
    assert_eq!(
        import.analysis,
        [Gate::FlaggerCheck(FlaggerCheck {
            metric: Metric::SuccessRate,
            provider: Provider::Istio,
            version: Version::Canary,
            limits: Limits::Range {
                min: Some(99.0),
                max: None
            },
            window: Span::from_secs(30),
        })]
    );
    assert_eq!(import.buckets, Buckets::istio());
    assert_eq!(import.warnings, []);
}

#[test]
fn every_field_is_accounted_for() {
    let text = changed(
        "  service:",
        "  autoscalerRef: {kind: Scaler}\n  color: red\n  service:",
    );
    let account = import(&text).account;
    let shown: Vec<String> = account
        .iter()
        .map(|(path, fate)| match fate {
            Fate::Used => path.clone(),
            Fate::Ignored(why) => format!("{path}: {why}"),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "apiVersion",
            "kind",
            "metadata.name",
            "metadata.namespace",
            "spec.provider",
            "spec.targetRef.apiVersion",
            "spec.targetRef.kind",
            "spec.targetRef.name",
            "spec.autoscalerRef: scaling is not simulated; pods are taken to be ready",
            "spec.color: Flagger 1.44.0 knows no such field",
            "spec.service: ports, hosts, retries and timeouts are not simulated",
            "spec.analysis.interval",
            "spec.analysis.threshold",
            "spec.analysis.stepWeight",
            "spec.analysis.maxWeight",
            "spec.analysis.metrics[0].name",
            "spec.analysis.metrics[0].interval",
            "spec.analysis.metrics[0].thresholdRange",
            "spec.analysis.metrics[0].thresholdRange.min",
        ]
    );
}

#[test]
fn all_problems_come_at_once_each_with_its_line_and_a_way_out() {
    let text = CANARY
        .replace(
            "interval: 30s\n    threshold: 3",
            "interval: 1h\n    threshold: 2.5",
        )
        .replace("stepWeight: 20", "stepWeight: \"20\"")
        .replace("provider: istio", "provider: istoi")
        .replace("min: 99", "min: high");
    let found = errors(&text);
    assert_eq!(found.len(), 5, "{found:#?}");
    for (line, words) in [
        ("7: spec.provider: `istoi`", "did you mean istio?"),
        ("15: spec.analysis.interval: `1h`", "like 30s or 5m"),
        ("16: spec.analysis.threshold: 2.5 is not", "a whole number"),
        (
            "17: spec.analysis.stepWeight: the text `20` is not",
            "without quotes",
        ),
        (
            "23: spec.analysis.metrics[0].thresholdRange.min: the text `high`",
            "a number",
        ),
    ] {
        let hit = found.iter().find(|found| found.starts_with(line));
        assert!(
            hit.is_some_and(|hit| hit.contains(words)),
            "{line}: {found:#?}"
        );
    }
}

#[test]
fn what_the_api_server_refuses_is_refused() {
    let analysis = "    stepWeight: 20\n";
    for (from, to, expected) in [
        (analysis, "", "14: spec.analysis.stepWeight: is missing"),
        (
            analysis,
            "    stepWeight: 20\n    iterations: 5\n",
            "18: spec.analysis.iterations: the API server",
        ),
        (
            analysis,
            "    stepWeight: 20\n    stepWeights: [5]\n",
            "18: spec.analysis.stepWeights: the API server",
        ),
        (
            "    threshold: 3\n",
            "",
            "14: spec.analysis.threshold: is missing",
        ),
        (
            "    interval: 30s\n    thr",
            "    interval: 60\n    thr",
            "15: spec.analysis.interval: 60 is not",
        ),
        (
            "    interval: 30s\n    thr",
            "    interval: 0.5m\n    thr",
            "15: spec.analysis.interval: `0.5m`",
        ),
        (
            "flagger.app/v1beta1",
            "flagger.app/v2",
            "1: apiVersion: Flagger 1.44.0 does not know",
        ),
        (
            "    kind: Deployment",
            "    kind: StatefulSet",
            "10: spec.targetRef.kind: Flagger cannot",
        ),
        (
            "    kind: Deployment\n",
            "",
            "8: spec.targetRef.kind: is missing",
        ),
        (
            "  name: checkout\n  names",
            "  names",
            "1: metadata.name: is missing",
        ),
        (
            "maxWeight: 60",
            "mirrorWeight: 101",
            "18: spec.analysis.mirrorWeight: 101",
        ),
        (
            "stepWeight: 20",
            "stepWeight: {{ .Values.step }}",
            "17: not valid YAML",
        ),
        (
            "stepWeight: 20",
            "stepWeight: \"{{ .Values.step }}\"",
            "17: spec.analysis.stepWeight",
        ),
        (
            "provider: istio",
            "provider: '{{ .Values.mesh }}'",
            "7: spec.provider: `{{ .Values.mesh }}`",
        ),
    ] {
        let found = errors(&changed(from, to));
        assert_eq!(found.len(), 1, "{to}: {found:#?}");
        assert!(found[0].starts_with(expected), "{to}: {found:#?}");
        if to.contains("{{") {
            assert!(found[0].contains("render it first"), "{found:#?}");
        }
    }
    let bare = "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: a}\nspec: {provider: istio}\n";
    let found = errors(bare);
    assert!(
        found
            .iter()
            .any(|found| found.contains("spec.targetRef: is missing"))
    );
    assert!(
        found
            .iter()
            .any(|found| found.contains("spec.analysis: is missing"))
    );
}

#[test]
fn rollouts_that_never_end_are_refused() {
    let step = "stepWeight: 20";
    for (from, to, expected) in [
        (
            step,
            "stepWeight: 0",
            "spec.analysis.stepWeight: there is no first step",
        ),
        (
            step,
            "stepWeight: -5",
            "spec.analysis.stepWeight: there is no first step",
        ),
        (
            step,
            "iterations: 0",
            "spec.analysis.iterations: there is no first step",
        ),
        (
            step,
            "stepWeights: []",
            "spec.analysis.stepWeights: there is no first step",
        ),
        (
            step,
            "stepWeights: [0, 10]",
            "spec.analysis.stepWeights: there is no first step",
        ),
        (
            step,
            "stepWeights: [10, 10, 50]",
            "spec.analysis.stepWeights: at 10 %",
        ),
        (
            step,
            "stepWeights: [10, 60, 30]",
            "spec.analysis.stepWeights: at 60 %",
        ),
        (
            "maxWeight: 60",
            "maxWeight: 120",
            "spec.analysis.maxWeight: 120 is never reached",
        ),
        (
            step,
            "stepWeight: 20\n    canaryReadyThreshold: 101",
            "spec.analysis.canaryReadyThreshold",
        ),
        (
            "provider: istio",
            "provider: nginx",
            "spec.ingressRef: provider nginx never starts",
        ),
        (
            "provider: istio",
            "provider: skipper",
            "spec.ingressRef: provider skipper never starts",
        ),
        (
            "provider: istio",
            "provider: apisix",
            "spec.routeRef: provider apisix never starts",
        ),
        (
            "provider: istio",
            "provider: gatewayapi:v1",
            "spec.service.gatewayRefs: provider gatewayapi:v1",
        ),
        (
            "provider: istio",
            "provider: knative",
            "spec.targetRef: provider knative",
        ),
        (
            "provider: istio",
            "provider: istio\n  suspend: true",
            "spec.suspend",
        ),
        (
            "port: 8080",
            "delegation: true\n    hosts: [a]",
            "spec.service.hosts: is refused",
        ),
        (
            "apps/v1\n    kind: Deployment",
            "serving.knative.dev/v1\n    kind: Service",
            "spec.provider: a Knative",
        ),
    ] {
        let found = errors(&changed(from, to));
        assert_eq!(found.len(), 1, "{to}: {found:#?}");
        assert!(found[0].contains(expected), "{to}: {found:#?}");
    }
    let mirrored = changed(step, "stepWeight: 20\n    mirror: true");
    assert!(import(&mirrored).plan.settings().mirror);
    let found = errors(&mirrored.replace("provider: istio", "provider: linkerd"));
    assert!(found[0].starts_with("18: spec.analysis.mirror: provider linkerd does not report"));
    // Istio routes TCP without a mirror.
    let tcp = mirrored.replace("port: 8080", "appProtocol: tcp");
    assert!(errors(&tcp)[0].contains("spec.analysis.mirror"));
}

#[test]
fn metrics_that_cannot_be_evaluated_are_named() {
    let metric = "    - name: request-success-rate\n      interval: 30s\n      thresholdRange:\n        min: 99\n";
    let template = "    - name: latency\n      interval: 1m\n      templateRef: {name: latency}\n      thresholdRange: {max: 1}\n";
    let beside = import(&changed(metric, &format!("{metric}{template}")));
    assert_eq!(beside.analysis.len(), 1);
    let text = changed(metric, &format!("{metric}{template}"));
    let warned = lines(&text, &beside.warnings);
    assert_eq!(warned.len(), 1, "{warned:#?}");
    assert!(
        warned[0].starts_with("26: spec.analysis.metrics[1].templateRef: `latency` is a template")
    );

    let alone = errors(&changed(metric, template));
    assert!(
        alone[0].contains("spec.analysis.metrics[0].templateRef"),
        "{alone:#?}"
    );
    let query = template.replace("templateRef: {name: latency}", "query: up");
    assert!(
        errors(&changed(metric, &query))[0]
            .contains("metrics[0].query: `latency` is an inline query")
    );

    let neither = "    - name: request-sucess-rate\n";
    let found = errors(&changed(metric, neither));
    assert!(
        found[0].contains("every check fails (did you mean request-success-rate?)"),
        "{found:#?}"
    );
    let window = errors(&changed(
        "interval: 30s\n      thr",
        "interval: 1min\n      thr",
    ));
    assert!(
        window[0].contains("metrics[0].interval: `1min`"),
        "{window:#?}"
    );

    let none = import(&changed("    metrics:\n", "    metrics: []\n    metrix:\n"));
    assert_eq!(none.analysis, []);
    assert!(none.warnings[0].message.contains("nothing is checked"));
}

#[test]
fn what_is_understood_differently_is_warned_of() {
    let step = "stepWeight: 20";
    let metric = "- name: request-success-rate";
    for (from, to, expected) in [
        (
            "  provider: istio\n",
            "",
            "6: spec.provider: is missing: istio is assumed",
        ),
        (
            "interval: 30s\n    thr",
            "interval: 5s\n    thr",
            "15: spec.analysis.interval: `5s` is shorter",
        ),
        (
            "interval: 30s\n    thr",
            "interval: 1min\n    thr",
            "15: spec.analysis.interval: `1min` is not",
        ),
        (
            "threshold: 3",
            "threshold: 0",
            "16: spec.analysis.threshold: 0 counts as 1",
        ),
        (
            step,
            "stepWeight: 20\n    stepWeigths: [1]",
            "18: spec.analysis.stepWeigths: Flagger 1.44.0 knows",
        ),
        (
            step,
            "stepWeight: 20\n    match: [{}]",
            "18: spec.analysis.match: decides nothing",
        ),
        (
            step,
            "iterations: 2",
            "17: spec.analysis.iterations: Blue/Green with 2",
        ),
        (
            step,
            "iterations: 2\n    match: [{}]",
            "18: spec.analysis.match: an A/B test",
        ),
        (
            step,
            "stepWeight: 20\n    stepWeightPromotion: -1",
            "18: spec.analysis.stepWeightPromotion",
        ),
        (
            step,
            "stepWeight: 20\n    sessionAffinity: {cookieName: a}",
            "18: spec.analysis.sessionAffinity",
        ),
        (
            "analysis:",
            "canaryAnalysis:",
            "14: spec.canaryAnalysis: the old name",
        ),
        ("v1beta1", "v1alpha3", "1: apiVersion: an old version"),
        (
            "min: 99",
            "min: 0.99",
            "22: spec.analysis.metrics[0].thresholdRange.min: this is 0.99 %",
        ),
        (
            metric,
            "- name: request-duration\n      threshold: 0.5\n    - name: request-success-rate",
            "",
        ),
        (
            "thresholdRange:\n        min: 99",
            "templateVariables: {}",
            "20: spec.analysis.metrics[0].thresholdRange: is missing",
        ),
        (
            "    metrics:",
            "    webhooks:\n    - {name: load, url: http://a/}\n    - {name: stop, url: http://a/, type: rollback}\n    metrics:",
            "19: spec.analysis.webhooks: hooks are not called; taken to succeed: load; taken to ask for no rollback: stop",
        ),
    ] {
        let text = changed(from, to);
        let warned = lines(&text, &import(&text).warnings);
        if expected.is_empty() {
            assert_eq!(warned, [""; 0], "{to}");
            continue;
        }
        assert_eq!(warned.len(), 1, "{to}: {warned:#?}");
        assert!(warned[0].starts_with(expected), "{to}: {warned:#?}");
    }
}

#[test]
fn providers_bring_their_router_queries_and_histogram() {
    let ingress = "provider: nginx\n  ingressRef: {name: a}";
    let nginx = import(&changed("provider: istio", ingress));
    assert_eq!(nginx.plan.settings().router, Router::WeightsOnly);
    assert_eq!(nginx.buckets, Buckets::nginx());
    let linkerd = import(&changed("provider: istio", "provider: linkerd"));
    assert_eq!(linkerd.buckets, Buckets::linkerd());
    let traefik = import(&changed("provider: istio", "provider: traefik"));
    assert_eq!(traefik.buckets, Buckets::traefik());
    let apisix = import(&changed(
        "provider: istio",
        "provider: apisix\n  routeRef: {name: a}",
    ));
    assert_eq!(apisix.buckets.bounds()[..4], [1.0, 2.0, 5.0, 10.0]);

    let daemons = changed("provider: istio", "provider: kubernetes")
        .replace("kind: Deployment", "kind: DaemonSet");
    let import = import(&daemons);
    assert_eq!(import.plan.settings().router, Router::Kubernetes);
    let Gate::FlaggerCheck(check) = &import.analysis[0] else {
        panic!("a builtin check");
    };
    assert_eq!(
        (check.version, check.provider),
        (Version::Stable, Provider::Kubernetes)
    );
    assert!(
        import
            .warnings
            .iter()
            .any(|warning| warning.message.contains("judge the primary"))
    );
    assert_eq!(import.plan.obstacle(), None::<Obstacle>);
}

#[test]
fn a_service_target_is_judged_by_istios_queries() {
    let text = changed("provider: istio", "provider: linkerd")
        .replace("kind: Deployment", "kind: Service");
    let import = import(&text);
    let Gate::FlaggerCheck(check) = &import.analysis[0] else {
        panic!("a builtin check");
    };
    assert_eq!(check.provider, Provider::Istio);
    assert_eq!(import.buckets, Buckets::istio());
    assert!(import.warnings[0].message.contains("asks Istio's metrics"));
}

#[test]
fn skipped_analysis_checks_nothing() {
    let import = import(&changed(
        "provider: istio",
        "provider: istio\n  skipAnalysis: true",
    ));
    assert!(import.plan.settings().skip_analysis);
    assert_eq!(import.analysis, []);
    assert!(import.warnings[0].message.contains("promoted at once"));
}

#[test]
fn the_one_canary_is_found_among_other_documents() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
    assert_eq!(
        import(&format!("{service}---\n{CANARY}---\n")).name,
        "checkout"
    );
    let items: String = CANARY.lines().map(|line| format!("  {line}\n")).collect();
    let list = format!("kind: List\nitems:\n-{}", &items[1..]);
    assert_eq!(import(&list).name, "checkout");
    let anchored = CANARY.replace(
        "namespace: shop",
        "namespace: &n shop\n  labels: {part-of: *n}",
    );
    assert_eq!(import(&anchored).namespace, "shop");

    let none = errors(service);
    assert!(none[0].contains("found Service web"), "{none:#?}");
    assert!(errors("")[0].contains("no document"));
    assert!(errors("just words")[0].contains("found a text"));
    let two = format!(
        "{CANARY}---\n{}",
        CANARY.replace("name: checkout", "name: cart")
    );
    let found = errors(&two);
    assert!(
        found[0].starts_with("26: 2 Canaries in one file: checkout, cart"),
        "{found:#?}"
    );
}

#[test]
fn half_a_canary_is_refused_wherever_it_ends() {
    for end in 0..CANARY.len() {
        if CANARY.is_char_boundary(end) {
            // Whole lines may still make a Canary; nothing may panic.
            let _ = read(Path::new("half.yaml"), &CANARY[..end]);
        }
    }
    assert!(errors(&CANARY[..CANARY.find("    stepWeight").unwrap()])[0].contains("stepWeight"));
}
