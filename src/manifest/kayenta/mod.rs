//! Kayenta's canary configs and the canary stages of Spinnaker's pipelines: JSON in, a judge with its
//! queries and the settings of a run out, with an account of every field.
//!
//! What Kayenta refuses or crashes on is an error; what it would understand differently from what was
//! probably meant is a warning. Rules are those of Kayenta at revision a69573be and of the canary stage
//! of Spinnaker's orca.

pub(super) mod config;
mod grammar;
pub(super) mod metric;
mod query;
mod stage;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use query::{PrometheusQuery, Scope, Source};
pub use stage::Stage;

use std::path::Path;

use super::findings::{Fate, Fields, Findings};
use super::yaml::{self, Node, Value};
use super::{Manifest, Remark, account};
use crate::base::{Problem, Problems};

/// What some files say.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The canary config.
    pub config: Config,
    /// Which of the files holds it.
    pub file: usize,
    /// How and when a pipeline or a request runs it, where one of the files says so.
    pub stage: Stage,
    /// What they mean differently from what may have been meant, in order of place.
    pub warnings: Vec<Remark>,
    /// Every field of each document, by its file, with what became of it, in the order written.
    pub account: Vec<(usize, Vec<(String, Fate)>)>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A canary config as it is stored.
    Config,
    /// The body of a request: `canaryConfig` beside `executionRequest`.
    Request,
    /// A pipeline, or one canary stage of it.
    Pipeline,
}

/// Reads the one canary config of some files, and the settings of a run where they have them: the body
/// of a request, or a pipeline with a canary stage.
///
/// # Errors
/// All at once: text that is not JSON (YAML is understood, too), no canary config or more than one, and
/// whatever Kayenta refuses or crashes on.
pub fn read(manifests: &[Manifest]) -> Result<Import, Problems> {
    let documents = documents(manifests)?;
    let kinds: Vec<Option<Kind>> = documents.iter().map(|(_, node)| kind(node)).collect();
    let holds_config = |kind: &Option<Kind>| matches!(kind, Some(Kind::Config | Kind::Request));
    let mut refused = Vec::new();
    for ((file, node), kind) in documents.iter().zip(&kinds) {
        if kind.is_none() {
            refused.push(manifests[*file].refuse(vec![unknown(node)]));
        }
    }
    if kinds.iter().filter(|kind| holds_config(kind)).count() != 1 && refused.is_empty() {
        let found = kinds.iter().filter(|kind| holds_config(kind)).count();
        refused.push(not_one(manifests, &documents, found));
    }
    let mut import: Option<Import> = None;
    let (mut stage, mut warnings, mut accounts) = (Stage::default(), Vec::new(), Vec::new());
    for ((file, node), kind) in documents.iter().zip(kinds) {
        let (Some(kind), Some(fields)) = (kind, Fields::of_document(node)) else {
            continue;
        };
        let mut findings = Findings::default();
        let config = match kind {
            Kind::Config => config::read(&mut findings, &fields),
            Kind::Request => {
                stage::read_request(&mut findings, &fields, &mut stage);
                fields
                    .get("canaryConfig")
                    .and_then(|field| findings.map(&field))
                    .and_then(|config| config::read(&mut findings, &config))
            }
            Kind::Pipeline => {
                stage::read_pipeline(&mut findings, &fields, &mut stage);
                None
            }
        };
        if findings.errors() > 0 {
            refused.push(manifests[*file].refuse(findings.problems));
            continue;
        }
        let grammar = match kind {
            Kind::Config => &grammar::CONFIG,
            Kind::Request => &grammar::REQUEST,
            Kind::Pipeline => &grammar::PIPELINE,
        };
        accounts.push((*file, account::draw_up(&mut findings, node, grammar)));
        warnings.extend(Manifest::remarks(*file, findings.problems));
        if let Some(config) = config {
            import = Some(Import {
                config,
                file: *file,
                stage: Stage::default(),
                warnings: Vec::new(),
                account: Vec::new(),
            });
        }
    }
    match (import, Problems::gather(refused)) {
        (Some(import), None) => Ok(Import {
            stage,
            warnings,
            account: accounts,
            ..import
        }),
        (_, Some(problems)) => Err(problems),
        (None, None) => Err(not_one(manifests, &documents, 0)),
    }
}

/// The documents of all files, each with the number of its file.
fn documents(manifests: &[Manifest]) -> Result<Vec<(usize, Node)>, Problems> {
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for (file, manifest) in manifests.iter().enumerate() {
        match yaml::documents(&manifest.text) {
            Ok(all) => found.extend(all.into_iter().map(|node| (file, node))),
            Err(problem) => {
                let message = problem.message.replace("not valid YAML", "not valid JSON");
                refused.push(manifest.refuse(vec![Problem { message, ..problem }]));
            }
        }
    }
    Problems::gather(refused).map_or(Ok(found), Err)
}

/// Whether a document is one that is read here.
pub(super) fn knows(node: &Node) -> bool {
    kind(node).is_some()
}

fn kind(node: &Node) -> Option<Kind> {
    let is = |key: &str, value: &str| node.get(key).and_then(Node::text) == Some(value);
    if !matches!(node.value, Value::Map(_)) {
        return None;
    }
    if node.get("stages").is_some() || is("type", stage::STAGE_TYPE) {
        return Some(Kind::Pipeline);
    }
    if node.get("canaryConfig").is_some() {
        return Some(Kind::Request);
    }
    let config = ["metrics", "classifier", "judge"];
    (config.iter().any(|key| node.get(key).is_some())).then_some(Kind::Config)
}

/// What to say about a document that is none of these.
fn unknown(node: &Node) -> Problem {
    let first = match &node.value {
        Value::List(items) => items.first(),
        _ => None,
    };
    let has = |key: &str| first.is_some_and(|item| item.get(key).is_some());
    let what = if has("values") {
        "a list of metric sets, which is what Kayenta fetched, and no canary config"
    } else {
        match node.value {
            Value::Map(_) => "a map without `metrics`, and no canary config",
            _ => "no canary config",
        }
    };
    let message = format!("{}: {what}", node.kind());
    let help = "a canary config is an object with `metrics`, `classifier` and `judge`; a pipeline \
                has `stages`";
    Problem::error(message, Some(node.span.clone())).help(help)
}

/// There has to be one canary config.
fn not_one(manifests: &[Manifest], documents: &[(usize, Node)], found: usize) -> Problems {
    let message = match found {
        0 if documents.is_empty() => "no canary config: there is nothing in it".to_owned(),
        0 => "no canary config: a pipeline names it by its id, and its text is needed".to_owned(),
        _ => format!("{found} canary configs"),
    };
    let help = match found {
        0 => "name the file with the config, too: --kayenta config.json --kayenta pipeline.json",
        _ => "leave one: one canary config is read at a time",
    };
    let file = documents.last().map_or(0, |(file, _)| *file);
    let problem = Problem::error(message, None).help(help);
    match manifests.get(file) {
        Some(manifest) => manifest.refuse(vec![problem]),
        None => Problems::about(Path::new("--kayenta"), problem.message),
    }
}
