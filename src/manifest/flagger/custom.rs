//! Metrics by a query of one's own: inline, or by a MetricTemplate.

use super::super::Manifest;
use super::super::findings::{Fields, Findings};
use super::go_template::{self, Model, TemplateError};
use super::limits::{self, DEFAULT_INTERVAL};
use super::templates::{Content, Found, Query, System, Templates};
use crate::gate::flagger::Metric;
use crate::gate::{CustomCheck, Source};
use crate::rollout::flagger::is_duration;

/// Everything that metrics refer to, and what they ask.
pub(super) struct Questions<'q, 'r> {
    pub(super) manifests: &'r [Manifest],
    /// The manifest that holds the Canary.
    pub(super) file: usize,
    /// What templates call the Canary and its parts, but for the metric's interval.
    pub(super) names: Vec<(&'static str, String)>,
    pub(super) namespace: String,
    pub(super) templates: &'q mut Templates<'r>,
    /// The names of the metrics that ask systems which are not simulated, in the order of asking.
    pub(super) asked: Vec<String>,
}

/// A metric that asks.
struct Asking<'a> {
    fields: &'a Fields<'a>,
    name: &'a str,
    interval: String,
}

impl Asking<'_> {
    fn model(&self, findings: &mut Findings, names: &[(&'static str, String)]) -> Model {
        let mut texts = names.to_vec();
        texts.push(("interval", self.interval.clone()));
        let field = self.fields.get("templateVariables");
        let variables = field.and_then(|field| findings.map(&field));
        let variables = variables.map_or_else(Vec::new, |fields| {
            let mut found = Vec::new();
            for key in fields.keys() {
                if let Some((value, _)) = findings.text(&fields, key) {
                    found.push((key.to_owned(), value.to_owned()));
                }
            }
            found
        });
        Model {
            texts,
            variables: variables.into_iter().collect(),
        }
    }
}

/// A metric's inline query, which the metrics server answers.
pub(super) fn inline(
    findings: &mut Findings,
    fields: &Fields<'_>,
    name: &str,
    questions: &mut Questions<'_, '_>,
) -> Option<CustomCheck> {
    let field = fields.get("query")?;
    let query = super::templates::query(findings, &field)?;
    let interval = findings.text(fields, "interval").map(|(text, _)| text);
    let interval = interval.filter(|text| !text.is_empty());
    let asking = Asking {
        fields,
        name,
        interval: interval.unwrap_or(DEFAULT_INTERVAL).to_owned(),
    };
    let model = asking.model(findings, &questions.names);
    let text = &questions.manifests.get(questions.file)?.text;
    let limits = limits::limits(findings, fields, Metric::Query);
    let rendered = match go_template::render(query.text, &model) {
        Ok(rendered) => squeezed(&rendered),
        Err(TemplateError::NoVariable(key)) => {
            report_no_variable(findings, fields, &key);
            return None;
        }
        Err(error) => {
            report_template(findings, &query, text, &error);
            return None;
        }
    };
    let source = prometheus(findings, &query, &rendered)?;
    Some(CustomCheck {
        name: name.to_owned(),
        source,
        limits,
        empty: None,
    })
}

/// A metric's MetricTemplate.
pub(super) fn by_template(
    findings: &mut Findings,
    fields: &Fields<'_>,
    name: &str,
    questions: &mut Questions<'_, '_>,
) -> Option<CustomCheck> {
    let index = template_of(findings, fields, questions)?;
    let interval = findings.text(fields, "interval").map(|(text, _)| text);
    let asking = Asking {
        fields,
        name,
        interval: interval.unwrap_or_default().to_owned(),
    };
    let model = asking.model(findings, &questions.names);
    let limits = limits::limits(findings, fields, Metric::Query);
    let template = questions.templates.at(index);
    let content = template.content()?;
    check_interval(findings, &asking, &content);
    let Content { system, query } = content;
    let text = &questions.manifests.get(template.resource.file)?.text;
    let rendered = match go_template::render(query.text, &model) {
        Ok(rendered) => squeezed(&rendered),
        Err(TemplateError::NoVariable(key)) => {
            report_no_variable(findings, fields, &key);
            return None;
        }
        Err(error) => {
            report_template(&mut template.findings, &query, text, &error);
            return None;
        }
    };
    let (source, empty) = match system {
        System::Prometheus => {
            let source = prometheus(&mut template.findings, &query, &rendered);
            (source?, None)
        }
        System::Other { empty, .. } => {
            questions.asked.push(name.to_owned());
            (Source::Supplied(questions.asked.len() - 1), empty)
        }
    };
    Some(CustomCheck {
        name: name.to_owned(),
        source,
        limits,
        empty,
    })
}

/// The number of the MetricTemplate that a metric refers to.
fn template_of(
    findings: &mut Findings,
    fields: &Fields<'_>,
    questions: &mut Questions<'_, '_>,
) -> Option<usize> {
    let field = fields.get("templateRef")?;
    let reference = findings.map(&field)?;
    let Some((name, place)) = findings.text(&reference, "name") else {
        if !reference.has("name") {
            let help = "name a MetricTemplate: `templateRef: {name: my-metric}`";
            let path = reference.path_of("name");
            findings.error(&path, "is missing", reference.place.clone(), help);
        }
        return None;
    };
    let namespace = findings.text(&reference, "namespace");
    let namespace = namespace.map_or(questions.namespace.as_str(), |(namespace, _)| namespace);
    match questions.templates.find(name, namespace) {
        Found::One(index) => Some(index),
        Found::Several(index) => {
            let second = questions.templates.at(index);
            let message = format!("`{name}` is there twice in namespace {namespace}");
            let metadata = second.resource.node.get("metadata");
            let named = metadata.and_then(|metadata| metadata.get("name"));
            let place = named.map_or(0..0, |node| node.span.clone());
            let help = "leave one of them out, or give it another name";
            let findings = &mut second.findings;
            if findings.errors() == 0 {
                findings.error("metadata.name", &message, place, help);
            }
            None
        }
        Found::None => {
            let message = format!(
                "there is no MetricTemplate `{name}` in namespace {namespace}: every check fails"
            );
            let known = questions.templates.names();
            let help = match known.as_slice() {
                [] => "name its file too, after another --flagger or in the scenario's list"
                    .to_owned(),
                known => format!("there are {}", known.join(", ")),
            };
            findings.error(&place.path, &message, place.place(), &help);
            None
        }
    }
}

/// An interval that a template's query or its provider needs.
fn check_interval(findings: &mut Findings, asking: &Asking<'_>, content: &Content<'_>) {
    let path = asking.fields.path_of("interval");
    let place = match asking.fields.get("interval") {
        Some(field) => field.place(),
        None => asking.fields.place.clone(),
    };
    let help = "write how far the query looks back, like `interval: 1m`";
    let name = content.system.name();
    match content.system {
        System::Other {
            wants_interval: true,
            ..
        } if !is_duration(&asking.interval) => {
            let message = match asking.interval.is_empty() {
                true => format!("is missing, and {name} needs it: every check fails"),
                false => format!(
                    "`{}` is no duration for {name}: every check fails",
                    asking.interval
                ),
            };
            findings.error(&path, &message, place, help);
        }
        _ if asking.interval.is_empty() && go_template::calls(content.query.text, "interval") => {
            let message = format!(
                "is missing, and templates have no default for it: the one of `{}` asks for it, and \
                 every check fails",
                asking.name
            );
            findings.error(&path, &message, place, help);
        }
        _ => {}
    }
}

/// White space as Flagger leaves it: runs of it become one blank
/// (`pkg/metrics/providers/prometheus.go`).
fn squeezed(query: &str) -> String {
    let words: Vec<&str> = query.split_whitespace().collect();
    words.join(" ")
}

fn report_no_variable(findings: &mut Findings, fields: &Fields<'_>, key: &str) {
    let place = match fields.get("templateVariables") {
        Some(field) => field.place(),
        None => fields.place.clone(),
    };
    let path = fields.path_of("templateVariables");
    let message = format!("`{key}` is missing, for which the query asks: every check fails");
    let help = format!("write `templateVariables: {{{key}: …}}`");
    findings.error(&path, &message, place, &help);
}

/// Points at the action that is wrong.
fn report_template(findings: &mut Findings, query: &Query<'_>, text: &str, error: &TemplateError) {
    let mut place = query.place.clone();
    if let TemplateError::Syntax { action, .. } = error
        // Lines after its first are indented in the file.
        && let Some(action) = action.lines().next()
        && let Some(start) = text.get(place.start..).and_then(|rest| rest.find(action))
    {
        let start = place.start + start;
        place = start..start + action.len();
    }
    let help = "known are name, namespace, target, service, ingress, route, interval and \
                variables.KEY";
    let message = format!("is no template: {error}; every check fails");
    findings.error(&query.path, &message, place, help);
}

/// A query that a Prometheus is asked.
fn prometheus(findings: &mut Findings, query: &Query<'_>, _rendered: &str) -> Option<Source> {
    let message = "queries cannot be evaluated yet: this one is taken to pass";
    findings.warn(&query.path, message, query.place.clone());
    None
}
