//! Metrics by a query of one's own: inline, or by a MetricTemplate.

use std::ops::Range;
use std::sync::Arc;

use super::super::findings::{Fields, Findings};
use super::super::{Exhibit, Manifest};
use super::go_template::{self, Model, TemplateError};
use super::limits::{self, DEFAULT_INTERVAL};
use super::templates::{Content, Found, Query, System, Templates};
use crate::gate::flagger::{FlaggerCheck, Limits, Metric};
use crate::gate::{CustomCheck, Gate, Source};
use crate::rollout::flagger::is_duration;
use crate::telemetry::promql::{self, Bound, Semantics};

/// A metric on its way to a gate.
#[derive(Debug)]
pub(super) enum Draft {
    /// One that asks for nothing that has to be found first.
    Builtin(FlaggerCheck),
    /// One by a query.
    Custom(Custom),
}

/// A metric by a query.
#[derive(Debug)]
pub(super) struct Custom {
    name: String,
    asks: Asks,
    limits: Limits,
    empty: Option<f64>,
}

/// Whom a metric asks.
#[derive(Debug)]
enum Asks {
    Prometheus(Posed),
    /// Somebody else, by the number of the question.
    Another(usize),
}

/// A query, and where it is written.
#[derive(Debug)]
struct Posed {
    query: promql::Query,
    /// The MetricTemplate that it is in; `None`: in the Canary.
    template: Option<usize>,
    path: String,
    place: Range<usize>,
}

impl Draft {
    /// The query that a Prometheus is asked.
    pub(super) fn query(&self) -> Option<&promql::Query> {
        match self {
            Draft::Custom(Custom {
                asks: Asks::Prometheus(posed),
                ..
            }) => Some(&posed.query),
            _ => None,
        }
    }
}

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
) -> Option<Custom> {
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
    let posed = prometheus(findings, None, query, &rendered)?;
    Some(Custom {
        name: name.to_owned(),
        asks: Asks::Prometheus(posed),
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
) -> Option<Custom> {
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
    if !has_interval(findings, &asking, &content) {
        return None;
    }
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
    let (asks, empty) = match system {
        System::Prometheus => {
            let posed = prometheus(&mut template.findings, Some(index), query, &rendered);
            (Asks::Prometheus(posed?), None)
        }
        System::Other { empty, .. } => {
            questions.asked.push(name.to_owned());
            (Asks::Another(questions.asked.len() - 1), empty)
        }
    };
    Some(Custom {
        name: name.to_owned(),
        asks,
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

/// Whether there is the interval that a template's query or its provider needs.
fn has_interval(findings: &mut Findings, asking: &Asking<'_>, content: &Content<'_>) -> bool {
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
            false
        }
        _ if asking.interval.is_empty() && go_template::calls(content.query.text, "interval") => {
            let message = format!(
                "is missing, and templates have no default for it: the one of `{}` asks for it, and \
                 every check fails",
                asking.name
            );
            findings.error(&path, &message, place, help);
            false
        }
        _ => true,
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

/// A query as a Prometheus reads it.
fn prometheus(
    findings: &mut Findings,
    template: Option<usize>,
    query: Query<'_>,
    rendered: &str,
) -> Option<Posed> {
    match promql::Query::parse(rendered, Semantics::V3) {
        Ok(parsed) if parsed.answers_vector() => Some(Posed {
            query: parsed,
            template,
            path: query.path,
            place: query.place,
        }),
        Ok(_) => {
            let message = format!(
                "Flagger cannot read what `{rendered}` answers, which is no vector: every check fails"
            );
            let help = "write a query that answers with one series, like sum(…)";
            findings.error(&query.path, &message, query.place, help);
            None
        }
        Err(error) => {
            let message = format!("Prometheus refuses `{rendered}`: {error}; every check fails");
            let help = error.help.as_deref().unwrap_or("write a query in PromQL");
            findings.error(&query.path, &message, query.place, help);
            None
        }
    }
}

/// The metrics with their queries bound to the series that are shown.
pub(super) fn bind(
    findings: &mut Findings,
    drafts: Vec<Draft>,
    templates: &mut Templates<'_>,
    exhibit: &Exhibit,
) -> Vec<Gate> {
    let bound = drafts.into_iter().filter_map(|draft| {
        let Custom {
            name,
            asks,
            limits,
            empty,
        } = match draft {
            Draft::Custom(draft) => draft,
            Draft::Builtin(check) => return Some(Gate::FlaggerCheck(check)),
        };
        let source = match asks {
            Asks::Another(question) => Source::Supplied(question),
            Asks::Prometheus(posed) => {
                let findings = match posed.template {
                    Some(index) => &mut templates.at(index).findings,
                    None => &mut *findings,
                };
                let bound = posed.bind(findings, exhibit)?;
                Source::Bound(posed.query, Arc::new(bound))
            }
        };
        Some(Gate::CustomCheck(CustomCheck {
            name,
            source,
            limits,
            empty,
        }))
    });
    bound.collect()
}

impl Posed {
    fn bind(&self, findings: &mut Findings, exhibit: &Exhibit) -> Option<Bound> {
        match self.query.bind(&exhibit.catalogue) {
            Ok(bound) => {
                for selector in bound.unmatched() {
                    let message = format!(
                        "`{selector}` finds no series here and never will: requests end with status 200 \
                         or 500, and labels are those of {}",
                        exhibit.vendor.name()
                    );
                    findings.warn(&self.path, &message, self.place.clone());
                }
                Some(bound)
            }
            Err(error) => {
                let help = "ask for one of those, or choose whose metrics are shown: `buckets` in a \
                            scenario's [telemetry]";
                let message = format!("`{}`: {error}", self.query.text());
                findings.error(&self.path, &message, self.place.clone(), help);
                None
            }
        }
    }
}
