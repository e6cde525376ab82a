//! A Rollout outside its steps: what it is, how many pods it has, and how it rolls out.

use super::super::findings::{Fields, Findings};
use super::quantities::{self, Pods};
use super::references::{Analyses, Place};
use super::routing::{self, Routing};
use super::steps;
use super::{Circumstances, Import};
use crate::base::Span;
use crate::rollout::argo::{ArgoPlan, ArgoSettings, Background, Room, Router, Threshold, Traffic};
use crate::telemetry::exposition::{Naming, Service};
use crate::telemetry::{Buckets, Reporter};

/// What the Rollout is called.
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) namespace: String,
}

/// Reads `apiVersion`, `kind` and `metadata`.
pub(super) fn identity(findings: &mut Findings, document: &Fields<'_>) -> Identity {
    findings.mark_used("kind");
    match findings.text(document, "apiVersion") {
        Some(("argoproj.io/v1alpha1", _)) => {}
        Some((other, field)) => {
            let message = format!("Argo Rollouts does not know `{other}`");
            findings.refuse(&field, &message, "write argoproj.io/v1alpha1");
        }
        None if !document.has("apiVersion") => {
            let help = "write `apiVersion: argoproj.io/v1alpha1`";
            findings.error("apiVersion", "is missing", document.place.clone(), help);
        }
        None => {}
    }
    let metadata = document.get("metadata");
    let metadata = metadata.and_then(|field| findings.map(&field));
    let text = |findings: &mut Findings, key: &str| {
        let found = findings.text(metadata.as_ref()?, key);
        found.map(|(text, _)| text.to_owned())
    };
    let name = text(findings, "name");
    if name.is_none()
        && !metadata
            .as_ref()
            .is_some_and(|metadata| metadata.has("name"))
    {
        let help = "write `metadata: {name: my-app}`";
        findings.error("metadata.name", "is missing", document.place.clone(), help);
    }
    Identity {
        name: name.unwrap_or_default(),
        namespace: text(findings, "namespace").unwrap_or_else(|| "default".to_owned()),
    }
}

/// Reads the whole spec; `None` or errors among the findings when it cannot be used.
pub(super) fn read(
    findings: &mut Findings,
    document: &Fields<'_>,
    circumstances: &Circumstances,
    analyses: &mut Analyses<'_>,
) -> Option<Import> {
    let identity = identity(findings, document);
    let Some(field) = document.get("spec") else {
        let help = "a Rollout has a spec with a strategy";
        findings.error("spec", "is missing", document.place.clone(), help);
        return None;
    };
    let spec = findings.map(&field)?;
    check_template(findings, &spec);
    let canary = strategy(findings, &spec)?;
    let replicas = replicas(findings, &spec);
    let (ready, deadline) = patience(findings, &spec);
    let routing = routing::read(findings, &canary);
    let traffic = traffic(findings, &canary, routing.as_ref(), replicas);
    let most = routing.as_ref().map_or(100, |routing| routing.most);
    let context = steps::Context {
        routing: routing.as_ref(),
        most,
    };
    let service = service(
        findings,
        &canary,
        &identity,
        routing.as_ref(),
        circumstances,
    );
    analyses.serve(&service);
    let steps = steps::read(findings, &canary, &context, analyses);
    let background = background(findings, &canary, analyses);
    let settings = ArgoSettings {
        steps,
        replicas,
        traffic,
        threshold: threshold(findings, &canary),
        background,
        deadline,
        pod_start: circumstances.pod_start + ready,
        propagation: circumstances.propagation,
        judgement: circumstances.judgement,
        inconclusive: circumstances.inconclusive,
        may_be_inconclusive: analyses.may_be_inconclusive(),
    };
    warn_of_idleness(findings, &canary, &settings);
    Some(Import {
        name: identity.name,
        namespace: identity.namespace,
        router: routing.as_ref().map(Routing::names),
        vendor: routing
            .as_ref()
            .and_then(Routing::vendor)
            .unwrap_or_default(),
        reporter: Reporter::Server,
        buckets: Buckets::istio(),
        plan: ArgoPlan::new(settings),
        service,
        analysis: Vec::new(),
        questions: Vec::new(),
        warnings: Vec::new(),
        account: Vec::new(),
        templates: Vec::new(),
    })
}

/// A Rollout without pods to roll out is refused by Argo, but nothing of it decides here.
fn check_template(findings: &mut Findings, spec: &Fields<'_>) {
    if !spec.has("template") && !spec.has("workloadRef") {
        let message = "is missing, and so is workloadRef: Argo Rollouts refuses that";
        findings.warn(&spec.path_of("template"), message, spec.place.clone());
    }
    if let Some(field) = spec
        .get("paused")
        .filter(|_| findings.truth(spec, "paused"))
    {
        let message = "a paused Rollout takes no step";
        findings.refuse(&field, message, "leave it out, or write false");
    }
}

/// The canary strategy.
fn strategy<'a>(findings: &mut Findings, spec: &Fields<'a>) -> Option<Fields<'a>> {
    let help = "write `strategy: {canary: {steps: [{setWeight: 20}, {pause: {duration: 5m}}]}}`";
    let Some(field) = spec.get("strategy") else {
        let path = spec.path_of("strategy");
        findings.error(&path, "is missing", spec.place.clone(), help);
        return None;
    };
    let strategy = findings.map(&field)?;
    let blue_green = strategy.get("blueGreen");
    match (strategy.get("canary"), blue_green) {
        (Some(canary), None) => findings.map(&canary),
        (Some(_), Some(blue_green)) => {
            let message = "there is a canary strategy too, and Argo Rollouts refuses both together";
            findings.error(&blue_green.path, message, blue_green.key_span, "leave one");
            None
        }
        (None, Some(blue_green)) => {
            let message = "blue-green rollouts are not replayed: they send all requests over at once, \
                           so there is no canary to judge";
            let help = "bring a Rollout with strategy.canary";
            findings.error(&blue_green.path, message, blue_green.key_span, help);
            None
        }
        (None, None) => {
            findings.error(&field.path, "names no strategy", field.key_span, help);
            None
        }
    }
}

fn replicas(findings: &mut Findings, spec: &Fields<'_>) -> u32 {
    let Some(field) = spec.get("replicas") else {
        return 1;
    };
    let count = quantities::small(findings, &field, 1_000_000).unwrap_or(1);
    if count == 0 {
        findings.refuse(&field, "nobody answers requests", "write 1 or more");
    }
    count.max(1)
}

/// `minReadySeconds`, and the deadline where it aborts.
fn patience(findings: &mut Findings, spec: &Fields<'_>) -> (Span, Option<Span>) {
    let seconds = |findings: &mut Findings, key: &str| {
        let field = spec.get(key)?;
        quantities::small(findings, &field, 315_360_000)
    };
    let ready = seconds(findings, "minReadySeconds").unwrap_or(0);
    let aborts = findings.truth(spec, "progressDeadlineAbort");
    if !aborts {
        return (Span::from_secs(u64::from(ready)), None);
    }
    let deadline = seconds(findings, "progressDeadlineSeconds").unwrap_or(600);
    if deadline <= ready {
        let path = spec.path_of("progressDeadlineSeconds");
        let message = format!("{deadline} s are over before pods count as ready, after {ready} s");
        findings.error(&path, &message, spec.place.clone(), "make it longer");
    }
    (
        Span::from_secs(u64::from(ready)),
        Some(Span::from_secs(u64::from(deadline))),
    )
}

/// How requests are led, and what decides about pods.
fn traffic(
    findings: &mut Findings,
    canary: &Fields<'_>,
    routing: Option<&Routing>,
    replicas: u32,
) -> Traffic {
    let dynamic_stable = findings.truth(canary, "dynamicStableScale");
    let Some(routing) = routing else {
        for key in ["dynamicStableScale", "scaleDownDelaySeconds"] {
            let field = canary
                .get(key)
                .filter(|_| key != "dynamicStableScale" || dynamic_stable);
            if let Some(field) = field {
                let message = "Argo Rollouts refuses it without trafficRouting";
                findings.refuse(&field, message, "leave it out");
            }
        }
        for key in ["abortScaleDownDelaySeconds", "minPodsPerReplicaSet"] {
            findings.mark_ignored(&canary.path_of(key), "without a router it decides nothing");
        }
        return Traffic::Pods(room(findings, canary, replicas));
    };
    let seconds = |findings: &mut Findings, key: &str| {
        let seconds = quantities::small(findings, &canary.get(key)?, 315_360_000)?;
        Some(Span::from_secs(u64::from(seconds)))
    };
    let scale_down = seconds(findings, "scaleDownDelaySeconds");
    if let Some(field) = canary
        .get("scaleDownDelaySeconds")
        .filter(|_| dynamic_stable)
    {
        let message = "Argo Rollouts refuses it beside dynamicStableScale";
        findings.refuse(&field, message, "leave one out");
    }
    let least = canary.get("minPodsPerReplicaSet");
    Traffic::Router(Router {
        most: routing.most,
        dynamic_stable,
        least_pods: least
            .and_then(|field| quantities::small(findings, &field, 1_000_000))
            .unwrap_or(0),
        scale_down: scale_down.unwrap_or(Router::default().scale_down),
        abort_scale_down: seconds(findings, "abortScaleDownDelaySeconds"),
    })
}

/// The bounds of a rolling update, in pods.
fn room(findings: &mut Findings, canary: &Fields<'_>, replicas: u32) -> Room {
    let bound = |findings: &mut Findings, key: &str| {
        let written = canary
            .get(key)
            .and_then(|field| quantities::pods(findings, &field));
        written.unwrap_or(Pods::QUARTER)
    };
    let surge = bound(findings, "maxSurge").of(replicas, true);
    let unavailable = bound(findings, "maxUnavailable").of(replicas, false);
    Room {
        surge,
        unavailable: unavailable.max(u32::from(surge == 0)).min(replicas),
    }
}

fn threshold(findings: &mut Findings, canary: &Fields<'_>) -> Threshold {
    let field = canary.get("replicaProgressThreshold");
    let Some(fields) = field.and_then(|field| findings.map(&field)) else {
        return Threshold::All;
    };
    let kind = findings
        .text(&fields, "type")
        .map(|(kind, field)| (kind.to_owned(), field));
    let value = findings.number(&fields, "value");
    match (kind, value) {
        (Some((kind, _)), Some(value)) if kind == "Percent" && value >= 0.0 => {
            Threshold::Percent(value)
        }
        (Some((kind, _)), Some(value)) if kind == "Pods" && value >= 0.0 => {
            Threshold::Pods(value.min(1e6) as u32)
        }
        (Some((kind, field)), Some(_)) if kind != "Percent" && kind != "Pods" => {
            findings.refuse(
                &field,
                &format!("`{kind}` is not known"),
                "write Percent or Pods",
            );
            Threshold::All
        }
        _ => Threshold::All,
    }
}

fn background(
    findings: &mut Findings,
    canary: &Fields<'_>,
    analyses: &mut Analyses<'_>,
) -> Option<Background> {
    let field = canary.get("analysis")?;
    let fields = findings.map(&field)?;
    let starting_step = match fields.get("startingStep") {
        None => 0,
        Some(field) => quantities::small(findings, &field, 1_000_000)?,
    };
    let run = analyses.run(findings, &field, Place::Beside)?;
    Some(Background {
        run,
        starting_step: starting_step as usize,
    })
}

/// What the queries call the service and its versions.
fn service(
    findings: &mut Findings,
    canary: &Fields<'_>,
    identity: &Identity,
    routing: Option<&Routing>,
    circumstances: &Circumstances,
) -> Service {
    let text = |findings: &mut Findings, fields: &Fields<'_>, key: &str| {
        let found = findings.text(fields, key);
        found.map(|(text, _)| text.to_owned())
    };
    let ping_pong = canary
        .get("pingPong")
        .and_then(|field| findings.map(&field));
    let of_version = |findings: &mut Findings, key: &str, ping: &str| {
        let own = text(findings, canary, key);
        own.or_else(|| text(findings, ping_pong.as_ref()?, ping))
    };
    let stable = of_version(findings, "stableService", "pingService");
    let front = of_version(findings, "canaryService", "pongService");
    let common = circumstances.service.clone();
    // Only a router leads requests through the services of the versions.
    let led = routing.is_some_and(|routing| !routing.subsets);
    let shared = |own: Option<String>| {
        let own = if led { own } else { None };
        own.or_else(|| common.clone())
            .unwrap_or_else(|| identity.name.clone())
    };
    Service {
        namespace: identity.namespace.clone(),
        app: identity.name.clone(),
        ingress: ingress(canary).unwrap_or_else(|| identity.name.clone()),
        naming: Naming::Argo {
            stable: shared(stable),
            canary: shared(front),
        },
    }
}

/// The ingress that nginx reads.
fn ingress(canary: &Fields<'_>) -> Option<String> {
    let routing = Fields::of_document(canary.get("trafficRouting")?.node)?;
    let nginx = Fields::of_document(routing.get("nginx")?.node)?;
    Some(nginx.get("stableIngress")?.node.text()?.to_owned())
}

/// A rollout in which nothing can go wrong, or nothing is sent anywhere, is worth a word.
fn warn_of_idleness(findings: &mut Findings, canary: &Fields<'_>, settings: &ArgoSettings) {
    if settings.runs().next().is_none() && findings.errors() == 0 {
        let message = "nothing is checked: every canary is promoted";
        findings.warn(canary.path(), message, canary.place.clone());
    }
    let background = settings.background.as_ref();
    if let Some(background) = background.filter(|of| of.starting_step >= settings.steps.len())
        && !settings.steps.is_empty()
    {
        let path = format!("{}.startingStep", canary.path_of("analysis"));
        let message = format!(
            "{} is past the last step, {}: the analysis hardly begins",
            background.starting_step,
            settings.steps.len() - 1
        );
        findings.warn(&path, &message, canary.place.clone());
    }
}
