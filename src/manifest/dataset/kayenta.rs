//! Samples of control and experiment, metric by metric.

use super::super::Manifest;
use super::super::findings::{Field, Fields, Findings};
use super::super::kayenta::{Config, config, metric};
use super::super::yaml::{Node, Value};
use super::{document, sample, settled};
use crate::base::Problems;
use crate::gate::kayenta::{Analysis, Group, Judge, JudgeName, Metric, Pair, Thresholds};
use crate::telemetry::promql::Labels;

/// A canary to judge.
#[derive(Debug, Clone, PartialEq)]
pub struct KayentaCase {
    /// What it is judged by.
    pub judge: Judge,
    /// The samples.
    pub pairs: Vec<Pair>,
}

/// What Spinnaker's documentation starts with.
const THRESHOLDS: Thresholds = Thresholds {
    pass: 95.0,
    marginal: 75.0,
};

/// One metric's samples as they are written.
struct Item {
    name: String,
    tags: Labels,
    control: Vec<f64>,
    experiment: Vec<f64>,
    /// How it is judged and in which groups, where the item says so itself.
    analysis: Option<Analysis>,
    groups: Option<Vec<String>>,
}

/// Reads a canary: one metric `{ "name", "config", "control", "experiment" }`, several in `metrics`
/// with `groupWeights` and `thresholds`, or a list of the pairs that Kayenta keeps. Metrics that do
/// not say how they are judged take it from `given`, or from a canary config in `config`.
///
/// # Errors
/// All at once, each with its place.
pub fn kayenta(data: &Manifest, given: Option<&Config>) -> Result<KayentaCase, Problems> {
    let node = document(data)?;
    let mut findings = Findings::default();
    let read = read(&mut findings, &node, given);
    settled(data, findings, read)
}

fn read(findings: &mut Findings, node: &Node, given: Option<&Config>) -> Option<KayentaCase> {
    let root = Fields::of_document(node);
    let field = |path: &str| Field {
        path: path.to_owned(),
        key_span: root
            .as_ref()
            .map_or(node.span.clone(), |root| root.place.clone()),
        node,
    };
    // A config beside the samples has metrics of its own.
    let own = root.as_ref().and_then(|root| root.get("config"));
    let own = own.filter(|field| field.node.get("metrics").is_some());
    let own = own.and_then(|field| findings.map(&field));
    let own = own.and_then(|fields| config::read(findings, &fields));
    let config = own.as_ref().or(given);
    let items = match &root {
        None => findings.list(&field("data")),
        Some(root) => match root.get("metrics") {
            Some(field) => findings.list(&field),
            None => vec![field("")],
        },
    };
    if items.is_empty() && findings.errors() == 0 {
        let help =
            "write at least one metric: { \"name\": …, \"control\": […], \"experiment\": […] }";
        findings.error("metrics", "there are none", node.span.clone(), help);
    }
    let known = config
        .map(|config| config.metrics.as_slice())
        .unwrap_or_default();
    let items: Vec<Option<Item>> = (items.iter())
        .map(|item| read_item(findings, item, known))
        .collect();
    let items: Option<Vec<Item>> = items.into_iter().collect();
    let weights = root
        .as_ref()
        .map(|root| weights(findings, root))
        .unwrap_or_default();
    let thresholds = root
        .as_ref()
        .and_then(|root| root.get("thresholds"))
        .and_then(|field| config::thresholds(findings, &field));
    Some(assemble(items?, config, weights, thresholds))
}

fn weights(findings: &mut Findings, root: &Fields<'_>) -> Vec<Group> {
    let Some(field) = root
        .get("groupWeights")
        .or_else(|| root.get("group_weights"))
    else {
        return Vec::new();
    };
    let Some(fields) = findings.map(&field) else {
        return Vec::new();
    };
    let names: Vec<&str> = fields.keys().collect();
    let groups = names.into_iter().map(|name| Group {
        name: name.to_owned(),
        weight: findings.number(&fields, name),
    });
    groups.collect()
}

fn read_item(findings: &mut Findings, item: &Field<'_>, known: &[Metric]) -> Option<Item> {
    let fields = match item.path.as_str() {
        "" => Fields::of_document(item.node),
        _ => findings.map(item),
    }?;
    let name = findings
        .text(&fields, "name")
        .or_else(|| findings.text(&fields, "id"));
    let name = name.map_or_else(|| "metric".to_owned(), |(name, _)| name.to_owned());
    let values = fields.get("values").and_then(|field| findings.map(&field));
    let values = values.as_ref().unwrap_or(&fields);
    let control = samples(findings, values, "control");
    let experiment = samples(findings, values, "experiment");
    let written = fields.get("config").or_else(|| {
        let configurations = fields.get("analysisConfigurations")?;
        findings.map(&configurations)?.get("canary")
    });
    let analysis = written
        .and_then(|field| findings.map(&field))
        .map(|fields| metric::analysis(findings, &fields));
    if analysis.is_none() && !known.is_empty() && !known.iter().any(|one| one.name == name) {
        let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
        let message = format!("the config has no metric `{name}`");
        let help = format!("it has {}", names.join(", "));
        let place = fields
            .get("name")
            .map_or(item.key_span.clone(), |field| field.place());
        findings.error(&fields.path_of("name"), &message, place, &help);
    }
    let groups = fields.get("groups").map(|field| {
        let names = findings.list(&field);
        let names = names.iter().filter_map(|item| item.node.text());
        names.map(str::to_owned).collect()
    });
    Some(Item {
        name,
        tags: tags(findings, &fields),
        control: control?,
        experiment: experiment?,
        analysis,
        groups,
    })
}

fn samples(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> Option<Vec<f64>> {
    let help = "write a list of numbers, null for a missing one";
    let field = super::required(findings, fields, key, help)?;
    let Value::List(nodes) = &field.node.value else {
        let message = format!("{} is no list of samples", field.node.kind());
        findings.error(&field.path, &message, field.place(), help);
        return None;
    };
    let mut values = Vec::with_capacity(nodes.len());
    let mut wrong = 0;
    for (index, node) in nodes.iter().enumerate() {
        match sample(node) {
            Some(value) => values.push(value),
            None => {
                wrong += 1;
                // The first says what is wrong with all of them.
                if wrong == 1 {
                    let path = format!("{}[{index}]", field.path);
                    let place = match node.span.is_empty() {
                        true => field.key_span.clone(),
                        false => node.span.clone(),
                    };
                    let message = match node.text() {
                        Some(text) => format!("`{text}` is no number"),
                        None => format!("{} is no number", node.kind()),
                    };
                    findings.error(&path, &message, place, help);
                }
            }
        }
    }
    (wrong == 0).then_some(values)
}

fn tags(findings: &mut Findings, fields: &Fields<'_>) -> Labels {
    let Some(tags) = fields.get("tags").and_then(|field| findings.map(&field)) else {
        return Labels::none();
    };
    let names: Vec<&str> = tags.keys().collect();
    let pairs = names.into_iter().filter_map(|name| {
        let (value, _) = findings.text(&tags, name)?;
        Some((name, value))
    });
    Labels::new(pairs)
}

/// The judge: metrics of the config in its order, then those that the data set brings along.
fn assemble(
    items: Vec<Item>,
    config: Option<&Config>,
    weights: Vec<Group>,
    thresholds: Option<Thresholds>,
) -> KayentaCase {
    let mut groups = weights;
    if let Some(config) = config.filter(|_| groups.is_empty()) {
        groups.clone_from(&config.groups);
    }
    let mut number = |name: &str| {
        let found = groups.iter().position(|group| group.name == name);
        found.unwrap_or_else(|| {
            groups.push(Group {
                name: name.to_owned(),
                weight: None,
            });
            groups.len() - 1
        })
    };
    let mut metrics: Vec<Metric> = Vec::new();
    let mut pairs = Vec::new();
    for item in items {
        let known = config.and_then(|config| {
            let metric = config
                .metrics
                .iter()
                .find(|metric| metric.name == item.name)?;
            let names = metric
                .groups
                .iter()
                .filter_map(|group| config.groups.get(*group));
            let names: Vec<String> = names.map(|group| group.name.clone()).collect();
            Some((metric.analysis, names))
        });
        let (of_config, of_groups) = known.unzip();
        let named = item.groups.or(of_groups);
        let named = named.unwrap_or_else(|| vec!["all".to_owned()]);
        let metric = Metric {
            analysis: item.analysis.or(of_config).unwrap_or_default(),
            groups: named.iter().map(|name| number(name)).collect(),
            name: item.name,
        };
        // Series of one metric with other labels are judged each on its own.
        let place = metrics.iter().position(|other| other.name == metric.name);
        let place = place.unwrap_or_else(|| {
            metrics.push(metric);
            metrics.len() - 1
        });
        pairs.push(Pair {
            metric: place,
            tags: item.tags,
            control: item.control,
            experiment: item.experiment,
        });
    }
    KayentaCase {
        judge: Judge {
            name: config.map_or(JudgeName::Netflix, |config| config.judge),
            metrics,
            groups,
            thresholds: thresholds
                .or(config.and_then(|config| config.thresholds))
                .unwrap_or(THRESHOLDS),
        },
        pairs,
    }
}
