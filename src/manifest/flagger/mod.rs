//! Flagger's Canary: a manifest in, the rollout's plan and its checks out, with an account of every
//! field.
//!
//! What the API server would refuse, and what Flagger would never bring to an end, are errors; what
//! it would understand differently from what was probably meant is a warning. Rules are those of
//! Flagger 1.44.0, API `flagger.app/v1beta1`.

mod analysis;
mod canary;
mod custom;
mod go_template;
mod grammar;
mod limits;
mod metrics;
pub(super) mod provider;
mod templates;
mod webhooks;

#[cfg(test)]
mod tests;

use std::path::Path;

use custom::{Draft, Questions};
use templates::{Template, Templates};

use super::account::{self, Fates};
use super::documents::{self, Resource};
use super::findings::{Fate, Fields, Findings};
use super::{Exhibit, Manifest, Measured, Remark};
use crate::base::{Problem, Problems};
use crate::gate::Gate;
use crate::rollout::flagger::FlaggerPlan;
use crate::telemetry::exposition::{Service, Vendor};
use crate::telemetry::promql::Query;
use crate::telemetry::{Buckets, Reporter};

/// What a Canary says.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`, or `default`.
    pub namespace: String,
    /// The provider in effect, by its name.
    pub provider: &'static str,
    /// How it rolls out.
    pub plan: FlaggerPlan,
    /// Its checks, in the order in which they are evaluated; none when it checks nothing.
    pub analysis: Vec<Gate>,
    /// The default histogram of what the provider's latency query reads.
    pub buckets: Buckets,
    /// Whose metrics the queries read.
    pub vendor: Vendor,
    /// Whom the queries ask: who serves, or who calls.
    pub reporter: Reporter,
    /// What the provider's queries call the service: the namespace, the name of `spec.targetRef` and
    /// that of `spec.ingressRef`.
    pub service: Service,
    /// The names of the metrics that ask systems which are not simulated, in the order of their
    /// questions' numbers.
    pub questions: Vec<String>,
    /// What it means differently from what may have been meant, in order of place.
    pub warnings: Vec<Remark>,
    /// What became of every field: of the Canary first, then of the MetricTemplates, then of
    /// everything else.
    pub account: Vec<Fates>,
}

/// Reads the one Canary of some manifests, with the MetricTemplates that it refers to. They may hold
/// other resources.
///
/// # Errors
/// All at once: text that is not YAML, no Canary or more than one, fields that the API server
/// refuses, rollouts that never end, metrics that fail every check, and queries that cannot be asked.
pub fn read(manifests: &[Manifest], measured: &Measured) -> Result<Import, Problems> {
    let resources = documents::resources(manifests)?;
    let canary = the_canary(manifests, &resources)?;
    let mut findings = Findings::default();
    let mut templates = Templates::among(&resources);
    let import = read_canary(&mut findings, canary, (manifests, measured), &mut templates);
    let templates = templates.into_all();
    let wrong = templates
        .iter()
        .any(|template| template.findings.errors() > 0);
    match import {
        Some(mut import) if findings.errors() == 0 && !wrong => {
            let account = account::draw_up(&mut findings, &canary.node, &grammar::CANARY);
            import.account.push(Fates::of(canary, account));
            import.warnings = Manifest::remarks(canary.file, findings.problems);
            for template in templates {
                import.add(template);
            }
            let others = resources.iter().filter(|other| !is_read(other));
            import.account.extend(others.map(Fates::of_another));
            Ok(import)
        }
        _ => {
            let found = templates
                .into_iter()
                .map(|template| (template.resource.file, template.findings));
            refuse(
                manifests,
                [(canary.file, findings)].into_iter().chain(found),
            )
        }
    }
}

/// Whether a resource is of a kind that is read.
fn is_read(resource: &Resource) -> bool {
    resource.kind == "Canary" || resource.is("flagger.app", "MetricTemplate")
}

/// All errors, file by file.
fn refuse(
    manifests: &[Manifest],
    found: impl Iterator<Item = (usize, Findings)>,
) -> Result<Import, Problems> {
    let mut problems = vec![Vec::new(); manifests.len()];
    for (file, findings) in found {
        if let Some(of_file) = problems.get_mut(file) {
            of_file.extend(findings.problems);
        }
    }
    let refused = manifests.iter().zip(problems);
    let refused = refused.map(|(manifest, problems)| manifest.refuse(problems));
    let refused: Vec<Problems> = refused.filter(|one| !one.problems.is_empty()).collect();
    Err(Problems::gather(refused).unwrap_or_else(|| {
        Problems::about(
            Path::new("--flagger"),
            "the Canary cannot be understood".to_owned(),
        )
    }))
}

impl Import {
    /// Takes in a template's warnings and what became of its fields.
    fn add(&mut self, mut template: Template<'_>) {
        let resource = template.resource;
        if !template.is_used() {
            let why = "no metric of the Canary refers to it".to_owned();
            self.account.push(Fates::of(
                resource,
                vec![(String::new(), Fate::Ignored(why))],
            ));
            return;
        }
        let account = account::draw_up(&mut template.findings, &resource.node, &grammar::TEMPLATE);
        self.account.push(Fates::of(resource, account));
        let remarks = Manifest::remarks(resource.file, template.findings.problems);
        self.warnings.extend(remarks);
    }
}

/// The only Canary.
fn the_canary<'r>(
    manifests: &[Manifest],
    resources: &'r [Resource],
) -> Result<&'r Resource, Problems> {
    let mut canaries = resources
        .iter()
        .filter(|resource| resource.kind == "Canary");
    let about = |file: usize, problem: Problem| match manifests.get(file) {
        Some(manifest) => manifest.refuse(vec![problem]),
        None => Problems::about(Path::new("--flagger"), problem.message),
    };
    let Some(first) = canaries.next() else {
        let found = match resources {
            [] => "no Canary: the file holds no document".to_owned(),
            _ => format!(
                "no Canary among the documents: found {}",
                documents::listed(resources)
            ),
        };
        let help = "a Canary starts with `apiVersion: flagger.app/v1beta1` and `kind: Canary`";
        return Err(about(0, Problem::error(found, None).help(help)));
    };
    let Some(second) = canaries.next() else {
        return Ok(first);
    };
    let all = [first, second].into_iter().chain(canaries);
    let names: Vec<&str> = all
        .map(|canary| canary.name.as_deref().unwrap_or("one without a name"))
        .collect();
    let message = format!("{} Canaries: {}", names.len(), names.join(", "));
    let help = "leave one: one Canary is read at a time";
    let problem = Problem::error(message, second.kind_place()).help(help);
    Err(about(second.file, problem))
}

/// Reads the parts; `None` or errors among the findings when it cannot be used.
fn read_canary<'r>(
    findings: &mut Findings,
    canary: &Resource,
    (manifests, measured): (&'r [Manifest], &Measured),
    templates: &mut Templates<'r>,
) -> Option<Import> {
    let document = Fields::of_document(&canary.node)?;
    let identity = canary::identity(findings, &document);
    let Some(field) = document.get("spec") else {
        let help = "a Canary has a spec with targetRef, service and analysis";
        findings.error("spec", "is missing", document.place.clone(), help);
        return None;
    };
    let spec = findings.map(&field)?;
    if let Some(field) = spec
        .get("suspend")
        .filter(|_| findings.truth(&spec, "suspend"))
    {
        let message = "a suspended Canary does nothing at all";
        findings.error(
            &field.path,
            message,
            field.place(),
            "leave it out, or write false",
        );
    }
    let setting = canary::setting(findings, &spec);
    let skip_analysis = findings.truth(&spec, "skipAnalysis");
    let analysis = analysis_of(findings, &spec)?;
    let context = analysis::Context {
        router: setting.router,
        provider: setting.provider.name,
        skip_analysis,
        hooks: webhooks::read(findings, &analysis),
    };
    let plan = analysis::read(findings, &analysis, &context);
    let mut questions = Questions {
        manifests,
        file: canary.file,
        names: canary::names(&spec, &identity),
        namespace: identity.namespace.clone(),
        templates: &mut *templates,
        asked: Vec::new(),
    };
    let drafts = if skip_analysis {
        let path = spec.path_of("skipAnalysis");
        let place = spec.get("skipAnalysis").map(|field| field.place());
        let message = "nothing is checked and no weight is set: every canary is promoted at once";
        findings.warn(&path, message, place.unwrap_or_else(|| spec.place.clone()));
        findings.mark_ignored(&analysis.path_of("metrics"), "the analysis is skipped");
        Vec::new()
    } else {
        metrics::read(findings, &analysis, setting.source, &mut questions)
    };
    let asked = questions.asked;
    let service = canary::service(&spec, &identity);
    let exhibit = exhibit(measured, setting.source, &service, &drafts);
    let analysis = custom::bind(findings, drafts, templates, &exhibit);
    Some(Import {
        service,
        name: identity.name,
        namespace: identity.namespace,
        provider: setting.provider.name,
        plan,
        analysis,
        buckets: exhibit.buckets,
        vendor: exhibit.vendor,
        reporter: exhibit.reporter,
        questions: asked,
        warnings: Vec::new(),
        account: Vec::new(),
    })
}

/// Whose metrics are shown: the provider's, unless only others have what the queries ask for.
fn exhibit(
    measured: &Measured,
    source: metrics::Source,
    service: &Service,
    drafts: &[Draft],
) -> Exhibit {
    let vendor = provider::vendor(source.provider);
    let buckets = provider::buckets(source.provider);
    let builtin = drafts.iter().any(|draft| draft.query().is_none());
    let measured = Measured {
        // Builtin queries read what the server counts.
        reporter: match builtin {
            true => measured.reporter.or(Some(Reporter::Server)),
            false => measured.reporter,
        },
        ..measured.clone()
    };
    let queries: Vec<Query> = drafts.iter().filter_map(Draft::query).cloned().collect();
    measured.exhibit((vendor, Reporter::Server, &buckets), service, &queries)
}

/// `spec.analysis`, or its old name.
fn analysis_of<'a>(findings: &mut Findings, spec: &Fields<'a>) -> Option<Fields<'a>> {
    if let Some(field) = spec.get("analysis") {
        return findings.map(&field);
    }
    if let Some(field) = spec.get("canaryAnalysis") {
        let message = "the old name of analysis, read as such; today's API server drops it";
        findings.warn(&field.path, message, field.key_span.clone());
        return findings.map(&field);
    }
    let message = "is missing, and the API server refuses a Canary without it";
    let help =
        "write interval, threshold, stepWeight, maxWeight and metrics, also with skipAnalysis";
    findings.error(&spec.path_of("analysis"), message, spec.place.clone(), help);
    None
}
