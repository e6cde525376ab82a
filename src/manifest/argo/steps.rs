//! `steps`: one kind each, in order.

use std::sync::Arc;

use super::super::findings::{Field, Fields, Findings};
use super::quantities;
use super::references::{Analyses, Place};
use super::routing::Routing;
use crate::base::Weight;
use crate::rollout::argo::{ArgoExperiment, ArgoStep, CanaryScale, ExperimentPods, RunSpec};
use crate::telemetry::Version;

/// What steps are read against.
pub(super) struct Context<'r> {
    pub(super) routing: Option<&'r Routing>,
    /// The weight that is everything.
    pub(super) most: u32,
}

const KINDS: [&str; 8] = [
    "setWeight",
    "pause",
    "analysis",
    "experiment",
    "setCanaryScale",
    "setHeaderRoute",
    "setMirrorRoute",
    "plugin",
];

/// Reads the steps; those that are wrong are errors among the findings.
pub(super) fn read(
    findings: &mut Findings,
    canary: &Fields<'_>,
    context: &Context<'_>,
    analyses: &mut Analyses<'_>,
) -> Vec<ArgoStep> {
    let Some(field) = canary.get("steps") else {
        return Vec::new();
    };
    let items = findings.list(&field);
    let mut steps = Vec::new();
    for item in &items {
        steps.extend(step(findings, item, context, analyses));
    }
    steps
}

fn step(
    findings: &mut Findings,
    item: &Field<'_>,
    context: &Context<'_>,
    analyses: &mut Analyses<'_>,
) -> Option<ArgoStep> {
    let step = findings.map(item)?;
    let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| step.has(kind)).collect();
    let [kind] = kinds.as_slice() else {
        let message = if kinds.is_empty() {
            "the step says nothing that Argo Rollouts knows".to_owned()
        } else {
            format!("the step says several things: {}", kinds.join(", "))
        };
        let help = format!("a step has one of {}", KINDS.join(", "));
        findings.refuse(item, &message, &help);
        return None;
    };
    let field = step.get(kind)?;
    findings.mark_used(&field.path);
    match *kind {
        "setWeight" => quantities::small(findings, &field, context.most).map(ArgoStep::SetWeight),
        "pause" => pause(findings, &field),
        "analysis" => analyses
            .run(findings, &field, Place::Step)
            .map(ArgoStep::Analysis),
        "experiment" => {
            let experiment = experiment(findings, &field, context, analyses)?;
            Some(ArgoStep::Experiment(Arc::new(experiment)))
        }
        "setCanaryScale" => scale(findings, &field, context).map(ArgoStep::SetCanaryScale),
        "setHeaderRoute" => header_route(findings, &field, context),
        "setMirrorRoute" => mirror_route(findings, &field, context),
        _ => {
            let message = "the plugin is not run: it is taken to succeed at once";
            findings.warn(&field.path, message, field.key_span.clone());
            Some(ArgoStep::Plugin)
        }
    }
}

fn pause(findings: &mut Findings, field: &Field<'_>) -> Option<ArgoStep> {
    let pause = findings.map(field)?;
    match pause.get("duration") {
        None => Some(ArgoStep::Pause(None)),
        Some(field) => {
            let duration = quantities::duration(findings, &field)?;
            Some(ArgoStep::Pause(Some(duration)))
        }
    }
}

fn scale(findings: &mut Findings, field: &Field<'_>, context: &Context<'_>) -> Option<CanaryScale> {
    let scale = findings.map(field)?;
    if context.routing.is_none() {
        let message = "Argo Rollouts refuses it where no router sets weights";
        findings.refuse(field, message, "add trafficRouting, or take the step out");
        return None;
    }
    let matches = findings.truth(&scale, "matchTrafficWeight");
    let (pods, weight) = (scale.get("replicas"), scale.get("weight"));
    match (pods, weight) {
        (None, None) if matches => Some(CanaryScale::MatchTraffic),
        (Some(pods), None) if !matches => {
            quantities::small(findings, &pods, 1_000_000).map(CanaryScale::Replicas)
        }
        (None, Some(weight)) if !matches => {
            quantities::small(findings, &weight, 1_000_000).map(CanaryScale::Weight)
        }
        _ => {
            let help = "write one of replicas, weight and matchTrafficWeight: true";
            findings.refuse(field, "does not say one size", help);
            None
        }
    }
}

/// The number of the managed route that a step is about.
fn managed(
    findings: &mut Findings,
    route: &Fields<'_>,
    context: &Context<'_>,
    able: bool,
) -> Option<usize> {
    let Some((name, field)) = findings.text(route, "name") else {
        let help = "name one of trafficRouting.managedRoutes";
        findings.error(
            &route.path_of("name"),
            "is missing",
            route.place.clone(),
            help,
        );
        return None;
    };
    let Some(routing) = context.routing.filter(|_| able) else {
        let by = context
            .routing
            .map_or_else(|| "no router".to_owned(), Routing::names);
        let message = format!("Argo Rollouts refuses it with {by}");
        findings.error(
            route.path(),
            &message,
            route.place.clone(),
            "take the step out",
        );
        return None;
    };
    let found = routing.managed.iter().position(|managed| managed == name);
    if found.is_none() {
        let message = format!("`{name}` is none of the managed routes");
        let help = match routing.managed.as_slice() {
            [] => format!("write managedRoutes: [{{name: {name}}}] under trafficRouting"),
            names => format!("valid are {}", names.join(", ")),
        };
        findings.refuse(&field, &message, &help);
    }
    found
}

/// Whether a step says which requests match, so that it sets its route and does not remove it.
fn is_set(findings: &mut Findings, route: &Fields<'_>) -> bool {
    let Some(field) = route.get("match") else {
        return false;
    };
    findings.mark_used(&field.path);
    !findings.list(&field).is_empty()
}

fn header_route(
    findings: &mut Findings,
    field: &Field<'_>,
    context: &Context<'_>,
) -> Option<ArgoStep> {
    let fields = findings.map(field)?;
    let able = context.routing.is_some_and(Routing::sends_by_header);
    let set = is_set(findings, &fields);
    let route = managed(findings, &fields, context, able)?;
    if set {
        let message = "which requests match is the scenario's to say: split.ab";
        findings.warn(&field.path, message, field.key_span.clone());
    }
    Some(ArgoStep::SetHeaderRoute { route, set })
}

fn mirror_route(
    findings: &mut Findings,
    field: &Field<'_>,
    context: &Context<'_>,
) -> Option<ArgoStep> {
    let fields = findings.map(field)?;
    let able = context.routing.is_some_and(Routing::mirrors);
    let set = is_set(findings, &fields);
    let percent = match fields.get("percentage") {
        None => Some(100),
        Some(percent) => quantities::small(findings, &percent, 100),
    };
    let route = managed(findings, &fields, context, able)?;
    let share = set
        .then_some(percent?)
        .map(|percent| Weight::clamped(f64::from(percent)));
    Some(ArgoStep::SetMirrorRoute { route, share })
}

fn experiment(
    findings: &mut Findings,
    field: &Field<'_>,
    context: &Context<'_>,
    analyses: &mut Analyses<'_>,
) -> Option<ArgoExperiment> {
    let fields = findings.map(field)?;
    let mut experiment = ArgoExperiment::default();
    if let Some(duration) = fields.get("duration") {
        experiment.duration = Some(quantities::duration(findings, &duration)?);
    }
    let templates = fields.get("templates");
    let Some(templates) = templates
        .map(|field| findings.list(&field))
        .filter(|all| !all.is_empty())
    else {
        let help = "write templates: [{name: canary, specRef: canary}]";
        findings.error(
            &fields.path_of("templates"),
            "is missing",
            fields.place.clone(),
            help,
        );
        return None;
    };
    analyses.enter_experiment(names(&templates));
    let mut weighs = false;
    for template in &templates {
        weighs |= template_pods(findings, template, context, &mut experiment).is_some();
    }
    if !weighs && context.routing.is_some() {
        let message = "no template has a weight: behind a router its pods get no requests";
        findings.warn(&fields.path_of("templates"), message, fields.place.clone());
    }
    if let Some(list) = fields.get("analyses") {
        for analysis in findings.list(&list) {
            let run = experiment_run(findings, &analysis, analyses);
            experiment.analyses.extend(run);
        }
    }
    let ends =
        experiment.duration.is_some() || experiment.analyses.iter().any(|(_, required)| *required);
    if !ends {
        let message = "neither a duration nor a required analysis ends it: somebody has to";
        findings.warn(&field.path, message, field.key_span.clone());
    }
    Some(experiment)
}

/// The templates' names with the version that each starts.
fn names(templates: &[Field<'_>]) -> Vec<(String, Version)> {
    let named = templates.iter().filter_map(|template| {
        let name = template.node.get("name")?.text()?;
        let version = match template.node.get("specRef")?.text()? {
            "canary" => Version::Canary,
            _ => Version::Baseline,
        };
        Some((name.to_owned(), version))
    });
    named.collect()
}

/// Adds a template's pods to its side; its weight, if it has one.
fn template_pods(
    findings: &mut Findings,
    template: &Field<'_>,
    context: &Context<'_>,
    experiment: &mut ArgoExperiment,
) -> Option<u32> {
    let fields = findings.map(template)?;
    let replicas = match fields.get("replicas") {
        None => 1,
        Some(field) => quantities::small(findings, &field, 1_000_000)?,
    };
    let weight = match fields.get("weight") {
        None => None,
        Some(field) => {
            if !context.routing.is_some_and(Routing::weighs_experiments) {
                let message = "this router cannot weigh an experiment";
                findings.refuse(&field, message, "leave the weight out");
                return None;
            }
            quantities::small(findings, &field, context.most)
        }
    };
    let side = match findings.text(&fields, "specRef") {
        Some(("stable", _)) => &mut experiment.baseline,
        Some(("canary", _)) => &mut experiment.canary,
        Some((other, field)) => {
            let message = format!("`{other}` is neither version");
            findings.refuse(&field, &message, "write stable or canary");
            return None;
        }
        None => {
            let help = "write specRef: stable, or specRef: canary";
            let place = fields.place.clone();
            findings.error(&fields.path_of("specRef"), "is missing", place, help);
            return None;
        }
    };
    *side = ExperimentPods {
        replicas: side.replicas.saturating_add(replicas),
        weight: side.weight.saturating_add(weight.unwrap_or(0)),
    };
    weight
}

fn experiment_run(
    findings: &mut Findings,
    analysis: &Field<'_>,
    analyses: &mut Analyses<'_>,
) -> Option<(Arc<RunSpec>, bool)> {
    let fields = findings.map(analysis)?;
    let required = findings.truth(&fields, "requiredForCompletion");
    let run = analyses.run_of_experiment(findings, &fields)?;
    Some((run, required))
}
