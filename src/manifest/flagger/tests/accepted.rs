//! What is read from a Canary.

use super::{CANARY, changed, errors, import};
use crate::base::Span;
use crate::gate::Gate;
use crate::gate::flagger::{FlaggerCheck, Limits, Metric, Provider};
use crate::manifest::flagger::Fate;
use crate::rollout::flagger::Router;
use crate::telemetry::{Buckets, Version};

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
    let account = &import(&text).account[0].fields;
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
            .any(|warning| warning.problem.message.contains("judge the primary"))
    );
    assert_eq!(import.plan.obstacle(), None);
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
    assert!(
        import.warnings[0]
            .problem
            .message
            .contains("asks Istio's metrics")
    );
}

#[test]
fn skipped_analysis_checks_nothing() {
    let import = import(&changed(
        "provider: istio",
        "provider: istio\n  skipAnalysis: true",
    ));
    assert!(import.plan.settings().skip_analysis);
    assert_eq!(import.analysis, []);
    assert!(
        import.warnings[0]
            .problem
            .message
            .contains("promoted at once")
    );
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
        found[0].starts_with("26: 2 Canaries: checkout, cart"),
        "{found:#?}"
    );
}
