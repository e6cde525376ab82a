//! A rollout of ours around templates that stand alone, so that they can be tried.

use super::Manifest;
use super::documents::{self, Resource};
use super::yaml::{Node, Value};

/// What an argument gets that a template asks for, by its name.
fn argument(name: &str) -> &'static str {
    let speaks_of = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match () {
        () if speaks_of(&["interval", "duration", "delay"]) => "1m",
        () if speaks_of(&["limit", "count", "runs", "port", "threshold"]) => "1",
        () => "example",
    }
}

/// A Rollout around the AnalysisTemplates of a manifest, or a Canary around its MetricTemplates; `None`
/// where there are none.
pub fn around(manifest: &Manifest) -> Option<String> {
    let resources = documents::resources(std::slice::from_ref(manifest)).ok()?;
    let of = |kinds: &[&str]| {
        let found = resources
            .iter()
            .filter(|one| kinds.contains(&one.kind.as_str()));
        found.filter(|one| one.name.is_some()).collect::<Vec<_>>()
    };
    let analyses = of(&["AnalysisTemplate", "ClusterAnalysisTemplate"]);
    let metrics = of(&["MetricTemplate"]);
    match (analyses.as_slice(), metrics.as_slice()) {
        ([], []) => None,
        ([], metrics) => Some(canary(metrics)),
        (analyses, _) => Some(rollout(analyses)),
    }
}

fn rollout(templates: &[&Resource]) -> String {
    let mut names = String::new();
    let mut arguments: Vec<&str> = Vec::new();
    for template in templates {
        let cluster = template.kind.starts_with("Cluster");
        names.push_str(&format!(
            "        - {{templateName: {:?}, clusterScope: {cluster}}}\n",
            template.name.as_deref().unwrap_or_default()
        ));
        for name in asked(&template.node) {
            if !arguments.contains(&name) {
                arguments.push(name);
            }
        }
    }
    let arguments: Vec<String> = arguments
        .iter()
        .map(|name| format!("{{name: {name:?}, value: {:?}}}", argument(name)))
        .collect();
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {{name: stand-in{}}}\nspec:\n  \
         replicas: 5\n  selector: {{matchLabels: {{app: stand-in}}}}\n  \
         template: {{metadata: {{labels: {{app: stand-in}}}}, spec: {{containers: [{{name: a, image: a}}]}}}}\n  \
         strategy:\n    canary:\n      analysis:\n        templates:\n{names}        \
         args: [{}]\n      steps:\n      - setWeight: 20\n      - pause: {{duration: 10m}}\n      \
         - setWeight: 50\n      - pause: {{duration: 10m}}\n",
        namespace(templates),
        arguments.join(", ")
    )
}

/// The arguments that a template asks for and has no value for.
fn asked(template: &Node) -> Vec<&str> {
    let arguments = template.get("spec").and_then(|spec| spec.get("args"));
    let Some(Value::List(arguments)) = arguments.map(|arguments| &arguments.value) else {
        return Vec::new();
    };
    let open = arguments.iter().filter(|one| one.get("value").is_none());
    open.filter_map(|one| one.get("name").and_then(Node::text))
        .collect()
}

fn canary(templates: &[&Resource]) -> String {
    let metrics = templates.iter().map(|template| {
        let name = template.name.as_deref().unwrap_or_default();
        format!(
            "    - {{name: {name:?}, templateRef: {{name: {name:?}}}, thresholdRange: {{max: 1}}, interval: 1m}}\n"
        )
    });
    format!(
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {{name: stand-in{}}}\nspec:\n  \
         provider: istio\n  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: stand-in}}\n  \
         service: {{port: 80}}\n  analysis:\n    interval: 1m\n    threshold: 5\n    stepWeight: 10\n    \
         maxWeight: 50\n    metrics:\n{}",
        namespace(templates),
        metrics.collect::<String>()
    )
}

/// That of the templates, which are found in the user's own only.
fn namespace(templates: &[&Resource]) -> String {
    let namespace = templates
        .iter()
        .find_map(|template| template.namespace.as_deref());
    namespace.map_or_else(String::new, |namespace| {
        format!(", namespace: {namespace:?}")
    })
}
