//! The account of a manifest: what became of every field in it.

use std::collections::BTreeMap;

use super::super::yaml::{Entry, Node, Value};
use super::findings::{Fate, Findings};
use crate::base::Problem;

/// Fields whose reading leaves no trace elsewhere, and why they decide nothing here. A path stands
/// for everything below it.
const IGNORED: [(&str, &str); 16] = [
    ("metadata", "names and labels decide nothing"),
    ("status", "a status is not read"),
    ("spec.metricsServer", "metrics are simulated"),
    (
        "spec.autoscalerRef",
        "scaling is not simulated; pods are taken to be ready",
    ),
    ("spec.ingressRef", "this provider does not need it"),
    ("spec.routeRef", "this provider does not need it"),
    ("spec.upstreamRef", "this provider does not need it"),
    (
        "spec.progressDeadlineSeconds",
        "pods are taken to be ready at every tick",
    ),
    ("spec.revertOnDeletion", "the Canary is not deleted"),
    (
        "spec.service",
        "ports, hosts, retries and timeouts are not simulated",
    ),
    ("spec.canaryAnalysis", "analysis is there"),
    ("spec.analysis.alerts", "alerts decide nothing"),
    ("spec.analysis.webhooks[]", "hooks are not called"),
    (
        "spec.analysis.metrics[].templateVariables",
        "there is no template",
    ),
    ("spec.targetRef", "only what it targets matters"),
    (
        "spec.analysis.sessionAffinity",
        "sticky sessions are not simulated from the manifest",
    ),
];

/// Fields in which a slip of the pen changes the rollout.
const KNOWN: [(&str, &[&str]); 4] = [
    (
        "spec",
        &[
            "provider",
            "metricsServer",
            "targetRef",
            "autoscalerRef",
            "ingressRef",
            "routeRef",
            "upstreamRef",
            "progressDeadlineSeconds",
            "skipAnalysis",
            "revertOnDeletion",
            "suspend",
            "service",
            "analysis",
        ],
    ),
    (
        "spec.analysis",
        &[
            "interval",
            "threshold",
            "maxWeight",
            "stepWeight",
            "stepWeights",
            "stepWeightPromotion",
            "iterations",
            "match",
            "mirror",
            "mirrorWeight",
            "primaryReadyThreshold",
            "canaryReadyThreshold",
            "metrics",
            "webhooks",
            "alerts",
            "sessionAffinity",
        ],
    ),
    (
        "spec.analysis.metrics[]",
        &[
            "name",
            "interval",
            "thresholdRange",
            "threshold",
            "query",
            "templateRef",
            "templateVariables",
        ],
    ),
    ("spec.analysis.metrics[].thresholdRange", &["min", "max"]),
];

/// What became of each field, in the order in which they are written. Warns of fields that Flagger
/// does not know and that look like a slip of the pen.
pub(super) fn draw_up(findings: &mut Findings, document: &Node) -> Vec<(String, Fate)> {
    let mut walk = Walk {
        fates: std::mem::take(&mut findings.fates),
        account: Vec::new(),
        slips: Vec::new(),
    };
    walk.visit("", document);
    findings.problems.extend(walk.slips);
    walk.account
}

struct Walk {
    fates: BTreeMap<String, Fate>,
    account: Vec<(String, Fate)>,
    slips: Vec<Problem>,
}

impl Walk {
    fn visit(&mut self, path: &str, node: &Node) {
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let below = match path {
                        "" => entry.key.clone(),
                        _ => format!("{path}.{}", entry.key),
                    };
                    self.field(path, &below, &entry.value, Some(entry));
                }
            }
            Value::List(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    self.field(path, &format!("{path}[{index}]"), node, None);
                }
            }
            _ => {}
        }
    }

    fn field(&mut self, above: &str, path: &str, node: &Node, entry: Option<&Entry>) {
        if let Some(fate) = self.fates.get(path) {
            self.account.push((path.to_owned(), fate.clone()));
            // Parts of a used field may have a fate of their own.
            if *fate == Fate::Used && self.has_below(path) {
                self.visit(path, node);
            }
            return;
        }
        if self.has_below(path) {
            self.visit(path, node);
            return;
        }
        let pattern = without_indices(path);
        let known = IGNORED
            .iter()
            .find(|(ignored, _)| is_at_or_below(&pattern, ignored));
        let why = match (known, entry) {
            (Some((_, why)), _) => *why,
            (None, Some(_)) if node.value == Value::Null => "it is empty",
            (None, Some(entry)) => {
                self.suspect_slip(&without_indices(above), path, entry);
                "Flagger 1.44.0 knows no such field"
            }
            (None, None) => "it says nothing",
        };
        self.account
            .push((path.to_owned(), Fate::Ignored(why.to_owned())));
    }

    /// Whether any field below a path has a fate.
    fn has_below(&self, path: &str) -> bool {
        let mut after = self.fates.range(path.to_owned()..);
        after.any(|(other, _)| other != path && is_at_or_below(other, path))
    }

    fn suspect_slip(&mut self, above: &str, path: &str, entry: &Entry) {
        let above = above.replace("canaryAnalysis", "analysis");
        let Some((_, names)) = KNOWN.iter().find(|(parent, _)| *parent == above) else {
            return;
        };
        if names.contains(&entry.key.as_str()) {
            return;
        }
        let distance = |name: &str| strsim::osa_distance(name, &entry.key);
        let nearest = names.iter().min_by_key(|name| distance(name));
        let mut slip = Problem::warning(
            format!("{path}: Flagger 1.44.0 knows no such field and drops it"),
            Some(entry.key_span.clone()),
        );
        if let Some(name) = nearest.filter(|name| distance(name) <= 2) {
            slip = slip.help(format!("did you mean {name}?"));
        }
        self.slips.push(slip);
    }
}

fn is_at_or_below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// `a[3].b` as `a[].b`.
fn without_indices(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        inside = inside && c != ']';
        if !inside {
            pattern.push(c);
        }
        inside = inside || c == '[';
    }
    pattern
}
