//! Argo Rollouts: Rollouts and their AnalysisTemplates in, the rollout's plan and its checks out, with
//! an account of every field.
//!
//! What the API server or the controller would refuse is an error, except where it decides nothing
//! here; what it would understand differently from what was probably meant is a warning. Rules are
//! those of the controller of 2026-08-17 (commit `9f8d111d`), API `argoproj.io/v1alpha1`.

mod arguments;
mod canary;
mod grammar;
mod metric;
mod provider;
mod quantities;
mod references;
mod routing;
mod steps;
mod template_grammar;
mod templates;

#[cfg(test)]
mod tests;

use std::path::Path;

use super::account::Account;
use super::documents::{self, Resource};
use super::findings::{Fate, Fields, Findings};
use super::{Manifest, Measured, Remark, account};
use crate::base::{Problem, Problems, Span};
use crate::gate::Gate;
use crate::rollout::Judgement;
use crate::rollout::argo::{ArgoPlan, Command};
use crate::telemetry::exposition::{Service, Vendor};
use crate::telemetry::promql::Query;
use crate::telemetry::{Buckets, Reporter};

/// What no manifest says about a rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct Circumstances {
    /// Time from asking for a pod to its being ready; `minReadySeconds` comes on top.
    pub pod_start: Span,
    /// Time from writing a weight to requests following it.
    pub propagation: Span,
    /// How long people take to answer.
    pub judgement: Judgement,
    /// What they do about an inconclusive analysis.
    pub inconclusive: Command,
    /// The service that requests go to where the Rollout has none for each version; its own name when
    /// it is not said.
    pub service: Option<String>,
}

impl Default for Circumstances {
    fn default() -> Circumstances {
        Circumstances {
            pod_start: ArgoPlan::POD_START,
            propagation: Span::ZERO,
            judgement: Judgement::on_call(),
            inconclusive: Command::Resume,
            service: None,
        }
    }
}

/// What a Rollout says.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`, or `default`.
    pub namespace: String,
    /// The routers by their names, if there is any.
    pub router: Option<String>,
    /// How it rolls out.
    pub plan: ArgoPlan,
    /// What its analyses measure.
    pub analysis: Vec<Gate>,
    /// Whose metrics the queries read.
    pub vendor: Vendor,
    /// Whom the queries ask.
    pub reporter: Reporter,
    /// The histogram that they read.
    pub buckets: Buckets,
    /// What the queries call the service.
    pub service: Service,
    /// The names of the metrics that ask systems which are not simulated, in the order of their
    /// questions' numbers.
    pub questions: Vec<String>,
    /// What it means differently from what may have been meant, in order of place.
    pub warnings: Vec<Remark>,
    /// Every field with what became of it, in the order written.
    pub account: Vec<(String, Fate)>,
    /// What became of its AnalysisTemplates and all others.
    pub templates: Vec<Account>,
}

/// Reads the one Rollout of some manifests, with the analyses that it names; they may hold other
/// resources. `measured` says what queries can ask for, `circumstances` what no manifest says.
///
/// # Errors
/// All at once: text that is not YAML, no Rollout or more than one, fields that Argo Rollouts refuses,
/// templates that are missing or cannot be evaluated, and strategies that are not replayed.
pub fn read(
    manifests: &[Manifest],
    circumstances: &Circumstances,
    measured: &Measured,
) -> Result<Import, Problems> {
    let resources = documents::resources(manifests)?;
    let rollout = the_rollout(manifests, &resources)?;
    let mut findings = Findings::default();
    let mut analyses = references::Analyses::new(&rollout.node, &resources);
    let import = Fields::of_document(&rollout.node)
        .and_then(|document| canary::read(&mut findings, &document, circumstances, &mut analyses));
    let references::Analyses {
        templates, asked, ..
    } = analyses;
    let templates = templates.into_all();
    let wrong = (templates.iter()).any(|template| template.findings.errors() > 0);
    match import {
        Some(mut import) if findings.errors() == 0 && !wrong => {
            let queries = asked.gates.iter().filter_map(|gate| match gate {
                Gate::ArgoMetric(metric) => metric.source.written().cloned(),
                _ => None,
            });
            let queries: Vec<Query> = queries.collect();
            let usual = (import.vendor, Reporter::Server, &import.vendor.buckets());
            let shown = measured.exhibit(usual, &import.service, &queries);
            import.vendor = shown.vendor;
            import.reporter = shown.reporter;
            import.buckets = shown.buckets;
            import.analysis = asked.gates;
            import.questions = asked.questions;
            import.account = account::draw_up(&mut findings, &rollout.node, &grammar::ROLLOUT);
            import.warnings = Manifest::remarks(rollout.file, findings.problems);
            for template in templates {
                let file = template.resource.file;
                let (account, problems) = template.account();
                import.templates.push(account);
                import.warnings.extend(Manifest::remarks(file, problems));
            }
            Ok(import)
        }
        _ => {
            let mut found = vec![(rollout.file, findings.problems)];
            found.extend(templates.into_iter().map(templates::Template::problems));
            Err(refuse(manifests, found))
        }
    }
}

/// All errors, file by file, each once.
fn refuse(manifests: &[Manifest], found: Vec<(usize, Vec<Problem>)>) -> Problems {
    let mut by_file = vec![Vec::new(); manifests.len()];
    for (file, problems) in found {
        let Some(known) = by_file.get_mut(file) else {
            continue;
        };
        for problem in problems {
            if !known.contains(&problem) {
                known.push(problem);
            }
        }
    }
    let refused = manifests.iter().zip(by_file);
    let refused = refused.map(|(manifest, problems)| manifest.refuse(problems));
    let refused: Vec<Problems> = refused.filter(|one| !one.problems.is_empty()).collect();
    Problems::gather(refused).unwrap_or_else(|| {
        let message = "what Argo Rollouts would do with it cannot be told".to_owned();
        Problems::about(Path::new("--argo"), message)
    })
}

/// The only Rollout.
fn the_rollout<'r>(
    manifests: &[Manifest],
    resources: &'r [Resource],
) -> Result<&'r Resource, Problems> {
    let mut rollouts = resources
        .iter()
        .filter(|resource| resource.kind == "Rollout");
    let about = |file: usize, problem: Problem| match manifests.get(file) {
        Some(manifest) => manifest.refuse(vec![problem]),
        None => Problems::about(Path::new("--argo"), problem.message),
    };
    let Some(first) = rollouts.next() else {
        let found = match resources {
            [] => "no Rollout: the file holds no document".to_owned(),
            _ => format!(
                "no Rollout among the documents: found {}",
                documents::listed(resources)
            ),
        };
        let help = "a Rollout starts with `apiVersion: argoproj.io/v1alpha1` and `kind: Rollout`";
        return Err(about(0, Problem::error(found, None).help(help)));
    };
    let Some(second) = rollouts.next() else {
        return Ok(first);
    };
    let all = [first, second].into_iter().chain(rollouts);
    let names: Vec<&str> = all
        .map(|rollout| rollout.name.as_deref().unwrap_or("one without a name"))
        .collect();
    let message = format!("{} Rollouts: {}", names.len(), names.join(", "));
    let help = "leave one: one Rollout is read at a time";
    let problem = Problem::error(message, second.kind_place()).help(help);
    Err(about(second.file, problem))
}
