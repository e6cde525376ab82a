//! References to analyses: which templates a Rollout names, with which arguments.

use std::ops::Range;
use std::sync::Arc;

use super::super::documents::Resource;
use super::super::findings::{Field, Fields, Findings};
use super::super::yaml::{Node, Value};
use super::templates::{Asked, Templates};
use crate::gate::Gate;
use crate::rollout::argo::RunSpec;
use crate::telemetry::Version;
use crate::telemetry::exposition::{Service, pod_hash};

/// Where a run belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Beside the steps, until the rollout is over.
    Beside,
    /// In a step, which ends with it.
    Step,
    /// In an experiment.
    Experiment,
}

/// A template by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) name: String,
    /// Whether it is a ClusterAnalysisTemplate.
    pub(super) cluster: bool,
    pub(super) path: String,
    pub(super) place: Range<usize>,
}

/// What a Rollout asks of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) references: Vec<Reference>,
    /// Arguments with their values.
    pub(super) arguments: Vec<(String, String)>,
    /// Patterns of the names of metrics that have no effect.
    pub(super) dry_run: Vec<String>,
    /// Patterns of the names of metrics that say how much is kept of them.
    pub(super) retained: Vec<String>,
    pub(super) path: String,
    pub(super) place: Range<usize>,
    pub(super) role: Place,
}

/// The analyses of a Rollout: the templates there are, and what was made of them so far.
pub(super) struct Analyses<'m> {
    rollout: &'m Node,
    pub(super) templates: Templates<'m>,
    service: Service,
    /// The templates of the experiment that is being read, by the version that they start.
    experiment: Vec<(String, Version)>,
    pub(super) asked: Asked,
    inconclusive: bool,
}

impl<'m> Analyses<'m> {
    pub(super) fn new(rollout: &'m Node, resources: &'m [Resource]) -> Analyses<'m> {
        Analyses {
            rollout,
            templates: Templates::among(resources),
            service: Service::default(),
            experiment: Vec::new(),
            asked: Asked::default(),
            inconclusive: false,
        }
    }

    /// Tells what the queries will call the service.
    pub(super) fn serve(&mut self, service: &Service) {
        self.service = service.clone();
    }

    /// Tells which version each template of an experiment starts.
    pub(super) fn enter_experiment(&mut self, templates: Vec<(String, Version)>) {
        self.experiment = templates;
    }

    /// Whether any run can end inconclusively.
    pub(super) fn may_be_inconclusive(&self) -> bool {
        self.inconclusive
    }

    /// The run that an `analysis` asks for.
    pub(super) fn run(
        &mut self,
        findings: &mut Findings,
        field: &Field<'_>,
        role: Place,
    ) -> Option<Arc<RunSpec>> {
        let fields = findings.map(field)?;
        let list = fields.get("templates");
        let items = list.map(|list| findings.list(&list)).unwrap_or_default();
        let mut references = Vec::new();
        for item in &items {
            let item = findings.map(item)?;
            references.push(reference(findings, &item)?);
        }
        if references.is_empty() {
            let help = "write templates: [{templateName: success-rate}]";
            findings.refuse(field, "names no template", help);
            return None;
        }
        let order = self.order(findings, &fields, references, role)?;
        self.place(findings, &order)
    }

    /// The run that an analysis of an experiment asks for.
    pub(super) fn run_of_experiment(
        &mut self,
        findings: &mut Findings,
        fields: &Fields<'_>,
    ) -> Option<Arc<RunSpec>> {
        let references = vec![reference(findings, fields)?];
        let order = self.order(findings, fields, references, Place::Experiment)?;
        self.place(findings, &order)
    }

    fn order(
        &self,
        findings: &mut Findings,
        fields: &Fields<'_>,
        references: Vec<Reference>,
        role: Place,
    ) -> Option<Order> {
        let mut arguments = Vec::new();
        if let Some(list) = fields.get("args") {
            for item in findings.list(&list) {
                let item = findings.map(&item)?;
                arguments.push(self.argument(findings, &item)?);
            }
        }
        Some(Order {
            references,
            arguments,
            dry_run: patterns(findings, fields, "dryRun")?,
            retained: patterns(findings, fields, "measurementRetention")?,
            path: fields.path().to_owned(),
            place: fields.place.clone(),
            role,
        })
    }

    /// An argument's name and value.
    fn argument(&self, findings: &mut Findings, argument: &Fields<'_>) -> Option<(String, String)> {
        let Some((name, _)) = findings.text(argument, "name") else {
            let place = argument.place.clone();
            findings.error(
                &argument.path_of("name"),
                "is missing",
                place,
                "name the argument",
            );
            return None;
        };
        let value = match (argument.get("value"), argument.get("valueFrom")) {
            (Some(value), _) => self.written(findings, &value)?,
            (None, Some(from)) => self.derived(findings, &from)?,
            (None, None) => {
                let message = format!("the argument `{name}` has no value");
                let help = "write value, or valueFrom with podTemplateHashValue or fieldRef";
                findings.error(argument.path(), &message, argument.place.clone(), help);
                return None;
            }
        };
        Some((name.to_owned(), value))
    }

    /// A value as it is written; an experiment's may name the pods of its templates.
    fn written(&self, findings: &mut Findings, field: &Field<'_>) -> Option<String> {
        findings.mark_used(&field.path);
        let Some(text) = field.node.text() else {
            findings.refuse(field, "is not a text", "write it in quotes");
            return None;
        };
        let mut value = text.to_owned();
        for (name, version) in &self.experiment {
            let hash = format!("{{{{templates.{name}.podTemplateHash}}}}");
            value = value.replace(&hash, pod_hash(*version));
        }
        if value.contains("{{") {
            let message = format!("`{value}` is still a template");
            findings.refuse(field, &message, "write the value itself");
            return None;
        }
        Some(value)
    }

    /// A value from somewhere else.
    fn derived(&self, findings: &mut Findings, field: &Field<'_>) -> Option<String> {
        let from = findings.map(field)?;
        if let Some((which, field)) = findings.text(&from, "podTemplateHashValue") {
            return match which {
                "Stable" => Some(pod_hash(Version::Stable).to_owned()),
                "Latest" => Some(pod_hash(Version::Canary).to_owned()),
                other => {
                    let message = format!("`{other}` names no version");
                    findings.refuse(&field, &message, "write Stable or Latest");
                    None
                }
            };
        }
        let reference = from.get("fieldRef");
        if let Some(reference) = reference.and_then(|field| findings.map(&field)) {
            let (path, field) = findings.text(&reference, "fieldPath")?;
            let value = at(self.rollout, path).and_then(primitive);
            if value.is_none() {
                let message = format!("the Rollout has no value at `{path}`");
                let help = "name a field of this Rollout with a text, a number or a truth value";
                findings.refuse(&field, &message, help);
            }
            return value;
        }
        let help = "write podTemplateHashValue or fieldRef";
        findings.refuse(field, "names no source that a Rollout can have", help);
        None
    }

    /// Makes the run of an order.
    fn place(&mut self, findings: &mut Findings, order: &Order) -> Option<Arc<RunSpec>> {
        let run = self.templates.run(findings, order, &mut self.asked)?;
        self.inconclusive |= run.gates().iter().any(|gate| {
            matches!(self.asked.gates.get(gate), Some(Gate::ArgoMetric(metric)) if metric.may_be_inconclusive())
        });
        Some(Arc::new(run))
    }
}

pub(super) fn reference(findings: &mut Findings, fields: &Fields<'_>) -> Option<Reference> {
    let cluster = findings.truth(fields, "clusterScope");
    let Some((name, field)) = findings.text(fields, "templateName") else {
        let place = fields.place.clone();
        let help = "name an AnalysisTemplate";
        findings.error(&fields.path_of("templateName"), "is missing", place, help);
        return None;
    };
    Some(Reference {
        name: name.to_owned(),
        cluster,
        path: field.path.clone(),
        place: field.place(),
    })
}

/// The names of metrics in `dryRun` or `measurementRetention`.
fn patterns(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> Option<Vec<String>> {
    let Some(list) = fields.get(key) else {
        return Some(Vec::new());
    };
    let mut names = Vec::new();
    for item in findings.list(&list) {
        let item = findings.map(&item)?;
        let (name, _) = findings.text(&item, "metricName")?;
        names.push(name.to_owned());
    }
    Some(names)
}

/// The node at a path such as `metadata.labels['app']`.
fn at<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    let mut node = node;
    let mut rest = path;
    while !rest.is_empty() {
        let (key, after) = match rest.strip_prefix('[') {
            Some(inside) => {
                let (key, after) = inside.split_once(']')?;
                (key.trim_matches(['\'', '"']), after)
            }
            None => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        node = match (&node.value, key.parse::<usize>()) {
            (Value::List(nodes), Ok(index)) => nodes.get(index)?,
            _ => node.get(key)?,
        };
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    Some(node)
}

fn primitive(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}
