//! Flagger's Canary: a manifest in, the rollout's plan and its checks out, with an account of every
//! field.
//!
//! What the API server would refuse, and what Flagger would never bring to an end, are errors; what
//! it would understand differently from what was probably meant is a warning. Rules are those of
//! Flagger 1.44.0, API `flagger.app/v1beta1`.

mod account;
mod analysis;
mod canary;
mod documents;
mod findings;
mod metrics;
mod provider;
mod webhooks;

#[cfg(test)]
mod tests;

pub use findings::Fate;

use std::path::Path;

use self::findings::{Fields, Findings};
use super::yaml::Node;
use crate::base::{Problem, Problems, Severity};
use crate::gate::Gate;
use crate::rollout::flagger::FlaggerPlan;
use crate::telemetry::Buckets;
use crate::telemetry::exposition::{Service, Vendor};

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
    /// Its builtin checks, in the order in which they are evaluated; none when it checks nothing.
    pub analysis: Vec<Gate>,
    /// The default histogram of what the provider's latency query reads.
    pub buckets: Buckets,
    /// Whose metrics the provider's queries read.
    pub vendor: Vendor,
    /// What the provider's queries call the service: the namespace, the name of `spec.targetRef` and
    /// that of `spec.ingressRef`.
    pub service: Service,
    /// What it means differently from what may have been meant, in order of place.
    pub warnings: Vec<Problem>,
    /// Every field with what became of it, in the order written.
    pub account: Vec<(String, Fate)>,
}

/// Reads a Canary from a file.
///
/// # Errors
/// When the file is not text, and as [`read`].
pub fn read_file(path: &Path) -> Result<Import, Problems> {
    read(path, &super::read_text(path)?)
}

/// Reads the one Canary of a manifest that may hold other documents. `path` is for messages.
///
/// # Errors
/// All at once: text that is not YAML, no Canary or more than one, fields that the API server
/// refuses, rollouts that never end, metrics that fail every check, and analyses of which nothing
/// can be evaluated here.
pub fn read(path: &Path, text: &str) -> Result<Import, Problems> {
    let refuse = |problems: Vec<Problem>| {
        let mut problems = problems;
        problems.retain(|problem| problem.severity == Severity::Error);
        problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
        Problems {
            file: path.to_owned(),
            text: text.to_owned(),
            problems,
        }
    };
    let document = documents::the_canary(text).map_err(refuse)?;
    let mut findings = Findings::default();
    let import = read_canary(&mut findings, &document);
    match import {
        Some(mut import) if findings.errors() == 0 => {
            import.account = account::draw_up(&mut findings, &document);
            import.warnings = findings.problems;
            import
                .warnings
                .sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
            Ok(import)
        }
        _ => Err(refuse(findings.problems)),
    }
}

/// Reads the parts; `None` or errors among the findings when it cannot be used.
fn read_canary(findings: &mut Findings, document: &Node) -> Option<Import> {
    let document = Fields::of_document(document)?;
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
    let analysis = if skip_analysis {
        let path = spec.path_of("skipAnalysis");
        let place = spec.get("skipAnalysis").map(|field| field.place());
        let message = "nothing is checked and no weight is set: every canary is promoted at once";
        findings.warn(&path, message, place.unwrap_or_else(|| spec.place.clone()));
        findings.mark_ignored(&analysis.path_of("metrics"), "the analysis is skipped");
        Vec::new()
    } else {
        metrics::read(findings, &analysis, setting.source)
    };
    Some(Import {
        service: canary::service(&spec, &identity),
        name: identity.name,
        namespace: identity.namespace,
        provider: setting.provider.name,
        plan,
        analysis,
        buckets: provider::buckets(setting.source.provider),
        vendor: provider::vendor(setting.source.provider),
        warnings: Vec::new(),
        account: Vec::new(),
    })
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
