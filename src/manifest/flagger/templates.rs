//! MetricTemplates: who is asked, and what.
//!
//! Flagger 1.44.0, `pkg/apis/flagger/v1beta1/metric.go`, `pkg/metrics/providers/*.go`.

use std::ops::Range;

use super::super::documents::Resource;
use super::super::findings::{Field, Fields, Findings};

/// The MetricTemplates among the resources.
#[derive(Debug)]
pub(super) struct Templates<'r> {
    all: Vec<Template<'r>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Template<'r> {
    pub(super) resource: &'r Resource,
    /// Filled once a metric refers to it.
    pub(super) findings: Findings,
    content: Option<Option<Content<'r>>>,
}

/// What a MetricTemplate says.
#[derive(Debug, Clone)]
pub(super) struct Content<'r> {
    pub(super) system: System,
    pub(super) query: Query<'r>,
}

/// A query as written.
#[derive(Debug, Clone)]
pub(super) struct Query<'r> {
    pub(super) text: &'r str,
    pub(super) path: String,
    pub(super) place: Range<usize>,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum System {
    /// A Prometheus.
    Prometheus,
    /// Somebody else, who is not simulated.
    Other {
        name: &'static str,
        /// Whether it parses the metric's interval as a Go duration.
        wants_interval: bool,
        /// What an answer without data counts as, where it counts.
        empty: Option<f64>,
    },
}

const fn other(name: &'static str, wants_interval: bool, empty: Option<f64>) -> System {
    System::Other {
        name,
        wants_interval,
        empty,
    }
}

/// The types of provider that the schema admits. InfluxDB without a record is read as 0
/// (`pkg/metrics/providers/influxdb.go`).
const SYSTEMS: [System; 11] = [
    System::Prometheus,
    other("influxdb", false, Some(0.0)),
    other("datadog", true, None),
    other("externalmetrics", false, None),
    other("stackdriver", false, None),
    other("cloudwatch", true, None),
    other("newrelic", true, None),
    other("graphite", false, None),
    other("dynatrace", true, None),
    other("keptn", false, None),
    other("splunk", true, None),
];

impl System {
    /// Its name as a provider's type.
    pub(super) fn name(self) -> &'static str {
        match self {
            System::Prometheus => "prometheus",
            System::Other { name, .. } => name,
        }
    }
}

/// What a reference came to.
pub(super) enum Found {
    /// This one.
    One(usize),
    /// None of that name.
    None,
    /// Several of that name: this is the second.
    Several(usize),
}

impl<'r> Templates<'r> {
    /// Those among the resources.
    pub(super) fn among(resources: &'r [Resource]) -> Templates<'r> {
        let all = resources
            .iter()
            .filter(|resource| resource.is("flagger.app", "MetricTemplate"));
        let all = all.map(|resource| Template {
            resource,
            findings: Findings::default(),
            content: None,
        });
        Templates { all: all.collect() }
    }

    /// The one that a metric refers to.
    pub(super) fn find(&self, name: &str, namespace: &str) -> Found {
        let mut found = self.all.iter().enumerate().filter(|(_, template)| {
            let resource = template.resource;
            resource.name.as_deref() == Some(name) && template.namespace() == namespace
        });
        match (found.next(), found.next()) {
            (None, _) => Found::None,
            (Some((index, _)), None) => Found::One(index),
            (Some(_), Some((index, _))) => Found::Several(index),
        }
    }

    /// What there is, each as `namespace/name`.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.all.iter().map(|template| {
            let name = template.resource.name.as_deref().unwrap_or("?");
            format!("{}/{name}", template.namespace())
        });
        names.collect()
    }

    /// One of them.
    pub(super) fn at(&mut self, index: usize) -> &mut Template<'r> {
        &mut self.all[index]
    }

    /// All of them, with what was found.
    pub(super) fn into_all(self) -> Vec<Template<'r>> {
        self.all
    }
}

impl<'r> Template<'r> {
    fn namespace(&self) -> &str {
        self.resource.namespace.as_deref().unwrap_or("default")
    }

    /// Whether a metric refers to it.
    pub(super) fn is_used(&self) -> bool {
        self.content.is_some()
    }

    /// What it says, or nothing when that cannot be used; problems are noted the first time.
    pub(super) fn content(&mut self) -> Option<Content<'r>> {
        if self.content.is_none() {
            self.content = Some(read(&mut self.findings, self.resource));
        }
        self.content.clone().flatten()
    }
}

fn read<'r>(findings: &mut Findings, resource: &'r Resource) -> Option<Content<'r>> {
    let document = Fields::of_document(&resource.node)?;
    findings.mark_used("kind");
    match findings.text(&document, "apiVersion") {
        Some((version, field)) if version != "flagger.app/v1beta1" => {
            let message = format!("Flagger 1.44.0 has no MetricTemplate in `{version}`");
            let help = "write flagger.app/v1beta1";
            findings.error(&field.path, &message, field.place(), help);
        }
        _ => {}
    }
    let metadata = document.get("metadata");
    if let Some(metadata) = metadata.and_then(|field| findings.map(&field)) {
        let _ = findings.text(&metadata, "name");
        let _ = findings.text(&metadata, "namespace");
    }
    let Some(spec) = document.get("spec") else {
        let help = "a MetricTemplate has a spec with provider and query";
        findings.error("spec", "is missing", document.place.clone(), help);
        return None;
    };
    let spec = findings.map(&spec)?;
    let system = system(findings, &spec);
    let query = match spec.get("query") {
        Some(field) => query(findings, &field),
        None => {
            let help = "write the query that is asked";
            let message = "is missing: every check fails";
            findings.error(&spec.path_of("query"), message, spec.place.clone(), help);
            None
        }
    };
    Some(Content {
        system: system?,
        query: query?,
    })
}

/// A query, which is a template and therefore no text like others.
pub(super) fn query<'r>(findings: &mut Findings, field: &Field<'r>) -> Option<Query<'r>> {
    findings.mark_used(&field.path);
    let Some(text) = field.node.text() else {
        let message = "is no text";
        let help = "write the query as text, after a | if it is long";
        findings.error(&field.path, message, field.place(), help);
        return None;
    };
    Some(Query {
        text,
        path: field.path.clone(),
        place: field.place(),
    })
}

fn system(findings: &mut Findings, spec: &Fields<'_>) -> Option<System> {
    let names: Vec<&str> = SYSTEMS.iter().map(|system| system.name()).collect();
    let Some(provider) = spec.get("provider") else {
        let help = "write `provider: {type: prometheus, address: http://prometheus:9090}`";
        let message = "is missing: every check fails";
        findings.error(&spec.path_of("provider"), message, spec.place.clone(), help);
        return None;
    };
    let provider = findings.map(&provider)?;
    let Some((name, field)) = findings.text(&provider, "type") else {
        if !provider.has("type") {
            let message = "is missing, and the API server refuses a MetricTemplate without it";
            let help = format!("write one of {}", names.join(", "));
            let path = provider.path_of("type");
            findings.error(&path, message, provider.place.clone(), &help);
        }
        return None;
    };
    let found = SYSTEMS.into_iter().find(|system| system.name() == name);
    if found.is_none() {
        let message = format!("`{name}` is no provider of metrics of Flagger 1.44.0");
        let help = format!("write one of {}", names.join(", "));
        findings.error(&field.path, &message, field.place(), &help);
    }
    found
}
