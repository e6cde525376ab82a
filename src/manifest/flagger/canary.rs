//! A Canary outside its analysis: what it is, whom it targets, and whether its provider gets what
//! it needs.

use super::super::findings::{Fields, Findings};
use super::metrics::Source;
use super::provider::{self, Known};
use crate::gate::flagger::Provider;
use crate::rollout::flagger::Router;
use crate::telemetry::Version;
use crate::telemetry::exposition::{Naming, Service};

/// What the Canary is about.
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) namespace: String,
}

/// Where its traffic goes through and where its metrics come from.
pub(super) struct Setting {
    pub(super) provider: Known,
    pub(super) router: Router,
    pub(super) source: Source,
}

/// Reads `apiVersion`, `kind` and `metadata`.
pub(super) fn identity(findings: &mut Findings, document: &Fields<'_>) -> Identity {
    findings.mark_used("kind");
    let version = findings.text(document, "apiVersion");
    match &version {
        Some(("flagger.app/v1beta1", _)) => {}
        Some(("flagger.app/v1alpha3", field)) => {
            findings.warn(
                &field.path,
                "an old version, read as flagger.app/v1beta1",
                field.place(),
            );
        }
        Some((other, field)) => {
            let message = format!("Flagger 1.44.0 does not know `{other}`");
            findings.error(
                &field.path,
                &message,
                field.place(),
                "write flagger.app/v1beta1",
            );
        }
        None if !document.has("apiVersion") => {
            let help = "write `apiVersion: flagger.app/v1beta1`";
            findings.error("apiVersion", "is missing", document.place.clone(), help);
        }
        None => {}
    }
    let metadata = document
        .get("metadata")
        .and_then(|field| findings.map(&field));
    let name = metadata
        .as_ref()
        .and_then(|metadata| findings.text(metadata, "name"));
    if name.is_none()
        && !metadata
            .as_ref()
            .is_some_and(|metadata| metadata.has("name"))
    {
        let help = "write `metadata: {name: my-app}`";
        findings.error("metadata.name", "is missing", document.place.clone(), help);
    }
    let namespace = metadata
        .as_ref()
        .and_then(|metadata| findings.text(metadata, "namespace"));
    Identity {
        name: name.map_or_else(String::new, |(name, _)| name.to_owned()),
        namespace: namespace
            .map_or("default", |(namespace, _)| namespace)
            .to_owned(),
    }
}

/// What queries call the service. Flagger 1.44.0, `pkg/controller/scheduler_metrics.go`: `target` is
/// the name of the targetRef and `ingress` that of the ingressRef.
pub(super) fn service(spec: &Fields<'_>, identity: &Identity) -> Service {
    let name_of = |key: &str| {
        let reference = Fields::of_document(spec.get(key)?.node)?;
        Some(reference.get("name")?.node.text()?.to_owned())
    };
    let app = name_of("targetRef").unwrap_or_else(|| identity.name.clone());
    Service {
        namespace: identity.namespace.clone(),
        ingress: name_of("ingressRef").unwrap_or_else(|| app.clone()),
        app,
        naming: Naming::Flagger,
    }
}

/// What queries' templates call the Canary and its parts.
///
/// Flagger 1.44.0, `pkg/controller/scheduler_metrics.go`, `toMetricModel`. A Knative service's route
/// is the name of a revision, which only the cluster knows.
pub(super) fn names(spec: &Fields<'_>, identity: &Identity) -> Vec<(&'static str, String)> {
    let name_of = |key: &str| {
        let reference = Fields::of_document(spec.get(key)?.node)?;
        Some(reference.get("name")?.node.text()?.to_owned())
    };
    let target = name_of("targetRef").unwrap_or_else(|| identity.name.clone());
    let or_target = |key: &str| name_of(key).unwrap_or_else(|| target.clone());
    vec![
        ("name", identity.name.clone()),
        ("namespace", identity.namespace.clone()),
        ("service", or_target("service")),
        ("ingress", or_target("ingressRef")),
        ("route", or_target("routeRef")),
        ("target", target),
    ]
}

/// The kind of workload that is analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Deployment,
    DaemonSet,
    Service,
    Knative,
}

/// Reads everything of `spec` that says where traffic and metrics come from.
pub(super) fn setting(findings: &mut Findings, spec: &Fields<'_>) -> Setting {
    let target = target(findings, spec);
    let provider = provider(findings, spec);
    if let (Some(target), Some(provider)) = (target, provider) {
        check_knative(findings, spec, target, provider);
    }
    let provider = provider.unwrap_or(provider::DEFAULT);
    check_references(findings, spec, provider);
    let tcp = check_service(findings, spec, provider);
    let queries = queries(findings, spec, target, provider);
    Setting {
        provider,
        // TCP routes carry weights only.
        router: if tcp {
            Router::WeightsOnly
        } else {
            provider.router
        },
        source: Source {
            provider: queries,
            version: version(findings, spec, target, queries),
        },
    }
}

fn target(findings: &mut Findings, spec: &Fields<'_>) -> Option<Target> {
    let Some(field) = spec.get("targetRef") else {
        let help = "write what to analyse: `targetRef: {apiVersion: apps/v1, kind: Deployment, name: my-app}`";
        findings.error(
            &spec.path_of("targetRef"),
            "is missing, and the API server refuses a Canary without it",
            spec.place.clone(),
            help,
        );
        return None;
    };
    let target = findings.map(&field)?;
    for key in ["apiVersion", "kind", "name"] {
        if !target.has(key) {
            let help = "a targetRef has apiVersion, kind and name";
            findings.error(
                &target.path_of(key),
                "is missing",
                target.place.clone(),
                help,
            );
        }
    }
    let group = findings.text(&target, "apiVersion");
    let _ = findings.text(&target, "name");
    let (kind, place) = findings.text(&target, "kind")?;
    match kind {
        "Deployment" => Some(Target::Deployment),
        "DaemonSet" => Some(Target::DaemonSet),
        "Service" if group.is_some_and(|(group, _)| group.starts_with("serving.knative.dev/")) => {
            Some(Target::Knative)
        }
        "Service" => Some(Target::Service),
        _ => {
            let message = format!("Flagger cannot analyse a `{kind}`");
            let help = "write Deployment, DaemonSet or Service";
            findings.error(&place.path, &message, place.place(), help);
            None
        }
    }
}

fn provider(findings: &mut Findings, spec: &Fields<'_>) -> Option<Known> {
    let path = spec.path_of("provider");
    let named = findings.text(spec, "provider");
    let Some((name, field)) = named else {
        if !spec.has("provider") {
            report_assumed(findings, spec, &path);
        }
        return Some(provider::DEFAULT);
    };
    let known = provider::find(name);
    if known.is_none() {
        let names: Vec<&str> = provider::ALL.iter().map(|known| known.name).collect();
        let nearest = names
            .iter()
            .max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
        let nearest = nearest.filter(|nearest| strsim::jaro(nearest, name) > 0.7);
        let guess = nearest.map_or_else(String::new, |nearest| format!("did you mean {nearest}? "));
        let help = format!("{guess}valid are {}", names.join(", "));
        let message = format!("`{name}` is no provider of Flagger 1.44.0");
        findings.error(&path, &message, field.place(), &help);
    }
    known
}

fn report_assumed(findings: &mut Findings, spec: &Fields<'_>, path: &str) {
    let message = format!(
        "is missing: {} is assumed, the default of Flagger's -mesh-provider",
        provider::DEFAULT.name
    );
    findings.warn(path, &message, spec.place.clone());
    let suspect = [("ingressRef", "nginx or skipper"), ("routeRef", "apisix")];
    let suspect = suspect
        .into_iter()
        .find(|(reference, _)| spec.has(reference));
    if let (Some((reference, names)), Some(problem)) = (suspect, findings.problems.last_mut()) {
        problem.help = Some(format!(
            "there is a {reference}, which goes with {names}: name the provider"
        ));
    }
}

fn check_knative(findings: &mut Findings, spec: &Fields<'_>, target: Target, provider: Known) {
    let is_knative = provider.queries == Provider::Knative;
    let place = |key: &str| {
        let field = spec.get(key);
        field.map_or_else(|| spec.place.clone(), |field| field.place())
    };
    if target == Target::Knative && !is_knative {
        let path = spec.path_of("provider");
        let message = "a Knative service is analysed by provider knative only";
        findings.error(
            &path,
            message,
            place("provider"),
            "write `provider: knative`",
        );
    }
    if is_knative && target != Target::Knative {
        let path = spec.path_of("targetRef");
        let message = "provider knative analyses Knative services only";
        let help =
            "target apiVersion serving.knative.dev/v1, kind Service, or use another provider";
        findings.error(&path, message, place("targetRef"), help);
    }
}

/// Objects without which every tick of a provider ends in an error.
fn check_references(findings: &mut Findings, spec: &Fields<'_>, provider: Known) {
    let needed = match provider.queries {
        Provider::Nginx | Provider::Skipper => "ingressRef",
        Provider::Apisix => "routeRef",
        _ => return,
    };
    match spec.get(needed) {
        Some(field) => findings.mark_used(&field.path),
        None => {
            let message = format!("provider {} never starts without it", provider.name);
            let help = match needed {
                "ingressRef" => {
                    "write `ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: my-app}`"
                }
                _ => {
                    "write `routeRef: {apiVersion: apisix.apache.org/v2, kind: ApisixRoute, name: my-app}`"
                }
            };
            findings.error(&spec.path_of(needed), &message, spec.place.clone(), help);
        }
    }
}

/// Checks `spec.service`, and tells whether Istio routes TCP.
fn check_service(findings: &mut Findings, spec: &Fields<'_>, provider: Known) -> bool {
    let service = spec.get("service").and_then(|field| findings.map(&field));
    if provider.router == Router::GatewayApi {
        let path = format!("{}.gatewayRefs", spec.path_of("service"));
        let place = service
            .as_ref()
            .map_or(&spec.place, |service| &service.place);
        if service
            .as_ref()
            .is_some_and(|service| service.has("gatewayRefs"))
        {
            findings.mark_used(&path);
        } else {
            let message = format!("provider {} never starts without it", provider.name);
            let help = "name the Gateway: `gatewayRefs: [{name: my-gateway, namespace: infra}]`";
            findings.error(&path, &message, place.clone(), help);
        }
    }
    let Some(service) = service else {
        return false;
    };
    if provider.router != Router::Istio {
        return false;
    }
    let delegation = findings.truth(&service, "delegation");
    for key in ["hosts", "gateways"] {
        if let Some(field) = service.get(key).filter(|_| delegation) {
            let message = "is refused by Flagger beside delegation: every tick ends in an error";
            let help = "leave it out, or leave delegation out";
            findings.error(&field.path, message, field.key_span.clone(), help);
        }
    }
    let protocol = findings.text(&service, "appProtocol");
    let tcp = protocol.filter(|(protocol, _)| protocol.eq_ignore_ascii_case("tcp"));
    if let Some((_, field)) = &tcp {
        let message =
            "TCP has no requests to count: builtin metrics have no data, match and mirror are off";
        findings.warn(&field.path, message, field.place());
    }
    tcp.is_some()
}

fn queries(
    findings: &mut Findings,
    spec: &Fields<'_>,
    target: Option<Target>,
    provider: Known,
) -> Provider {
    if target != Some(Target::Service) {
        return provider.queries;
    }
    let queries = provider::queries_for_service(provider);
    if queries != provider.queries {
        let message = format!(
            "with a target of kind Service Flagger does not recognise provider {} and asks Istio's metrics",
            provider.name
        );
        let path = format!("{}.kind", spec.path_of("targetRef"));
        findings.warn(&path, &message, spec.place.clone());
    }
    queries
}

/// Queries that know pods by a Deployment's names find the primary's of a DaemonSet.
///
/// Flagger 1.44.0, `pkg/metrics/observers/*.go` (derived from the pattern).
fn version(
    findings: &mut Findings,
    spec: &Fields<'_>,
    target: Option<Target>,
    queries: Provider,
) -> Version {
    if target != Some(Target::DaemonSet) || !queries.selects_by_pod_name() {
        return Version::Canary;
    }
    let place = spec.get("targetRef").map(|field| field.key_span);
    let message = "of a DaemonSet this provider's builtin queries match the primary's pods, not the \
                   canary's: they judge the primary";
    let path = format!("{}.kind", spec.path_of("targetRef"));
    findings.warn(&path, message, place.unwrap_or_else(|| spec.place.clone()));
    Version::Stable
}
