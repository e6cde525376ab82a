//! Where a metric's samples come from, and the query that Prometheus is asked.
//!
//! Replayed are `PrometheusMetricsService.buildQuery` and `QueryConfigUtils` of Kayenta at revision
//! a69573be. Templates are FreeMarker's, of which plain variables are filled in here.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::findings::{Field, Fields, Findings};
use super::config::Template;
use crate::base::Problem;

/// Where a metric's samples come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A Prometheus.
    Prometheus(PrometheusQuery),
    /// Another system, of this type: it answers as the scenario says.
    Elsewhere(String),
}

/// What queries ask about: one side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// `scope`: a deployment's name.
    pub scope: String,
    /// `location`: a region or namespace; empty when there is none.
    pub location: String,
    /// `extendedScopeParams`, which stand above all other variables.
    pub params: BTreeMap<String, String>,
}

/// A query before its variables are filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct PrometheusQuery {
    template: Option<String>,
    metric: Option<String>,
    labels: Vec<String>,
    group_by: Vec<String>,
    resource: Option<String>,
    /// Where it is written, to point at.
    place: Range<usize>,
    path: String,
}

/// The systems that Kayenta asks.
const TYPES: [&str; 9] = [
    "prometheus",
    "atlas",
    "datadog",
    "graphite",
    "influxdb",
    "newrelic",
    "signalfx",
    "stackdriver",
    "wavefront",
];

/// Reads a metric's query.
pub(super) fn read(
    findings: &mut Findings,
    item: &Field<'_>,
    metric: &Fields<'_>,
    templates: &[Template<'_>],
) -> Option<Source> {
    let Some(field) = metric.get("query") else {
        let help = "write \"query\": { \"type\": \"prometheus\", … }";
        findings.error(
            &metric.path_of("query"),
            "is missing",
            item.key_span.clone(),
            help,
        );
        return None;
    };
    findings.mark_used(&field.path);
    let query = findings.map(&field)?;
    let Some((kind, place)) = findings.text(&query, "type") else {
        if !query.has("type") {
            let message = "is missing: it says which system is asked";
            let help = format!("write one of {}", TYPES.join(", "));
            findings.error(&query.path_of("type"), message, query.place.clone(), &help);
        }
        return None;
    };
    if !TYPES.contains(&kind) {
        let message = format!("Kayenta asks no system of type `{kind}`");
        let help = format!("write one of {}", TYPES.join(", "));
        findings.error(&place.path, &message, place.place(), &help);
        return None;
    }
    if kind == "prometheus" {
        return prometheus(findings, &field, &query, templates).map(Source::Prometheus);
    }
    for key in query.keys().filter(|key| *key != "type") {
        let why = "the scenario says what this system answers";
        findings.mark_ignored(&query.path_of(key), why);
    }
    Some(Source::Elsewhere(kind.to_owned()))
}

fn prometheus(
    findings: &mut Findings,
    field: &Field<'_>,
    query: &Fields<'_>,
    templates: &[Template<'_>],
) -> Option<PrometheusQuery> {
    if let Some(old) = query.get("customFilter") {
        let message = "Kayenta refuses this old field";
        let help = "write customInlineTemplate instead";
        findings.error(&old.path, message, old.key_span.clone(), help);
    }
    if query.has("serviceType") {
        findings.mark_ignored(&query.path_of("serviceType"), "type decides");
    }
    let mut place = field.key_span.clone();
    let mut written = |key: &str| {
        let (text, field) = findings.text(query, key)?;
        (!text.is_empty()).then(|| (text.to_owned(), field.place()))
    };
    let metric = written("metricName").map(|(name, _)| name);
    let resource = written("resourceType").map(|(name, _)| name);
    let inline = written("customInlineTemplate");
    let named = written("customFilterTemplate");
    let template = match (inline, named) {
        (Some((text, at)), _) => {
            place = at;
            Some(text)
        }
        (None, Some((name, at))) => {
            place = at.clone();
            let found = templates.iter().find(|(other, _)| *other == name);
            match found {
                Some((name, text)) => {
                    findings.mark_used(&template_path(query, name));
                    Some((*text).to_owned())
                }
                None => {
                    let names: Vec<&str> = templates.iter().map(|(name, _)| *name).collect();
                    let message = format!("there is no template `{name}`");
                    let help = match names.is_empty() {
                        true => "add it to the config's templates".to_owned(),
                        false => format!("templates has {}", names.join(", ")),
                    };
                    let path = query.path_of("customFilterTemplate");
                    findings.error(&path, &message, at, &help);
                    return None;
                }
            }
        }
        (None, None) => None,
    };
    let query = PrometheusQuery {
        template,
        metric,
        labels: texts(findings, query, "labelBindings"),
        group_by: texts(findings, query, "groupByFields"),
        resource,
        place,
        path: field.path.clone(),
    };
    // What no scope can mend is refused whatever the scope.
    if let Err(problem) = query.settled() {
        findings.problems.push(problem);
    }
    Some(query)
}

/// The path of one of the config's templates.
fn template_path(query: &Fields<'_>, name: &str) -> String {
    let above = query.path().split("metrics[").next().unwrap_or_default();
    format!("{above}templates.{name}")
}

fn texts(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> Vec<String> {
    let Some(field) = fields.get(key) else {
        return Vec::new();
    };
    findings.mark_used(&field.path);
    let mut found = Vec::new();
    for item in findings.list(&field) {
        match item.node.text() {
            Some(text) => found.push(text.to_owned()),
            None => findings.error(
                &item.path,
                "is not a text",
                item.place(),
                "write it in quotes",
            ),
        }
    }
    found
}

impl PrometheusQuery {
    /// The query that is sent for one side.
    ///
    /// # Errors
    /// A variable that has no value, and a resource type without what it filters by.
    pub fn text(&self, scope: &Scope) -> Result<String, Problem> {
        let filter = match &self.template {
            Some(template) => Some(self.expanded(template, scope)?),
            None => None,
        };
        let filter = filter.filter(|filter| !filter.is_empty());
        if let Some(query) = filter.as_deref().and_then(|f| f.strip_prefix("PromQL:")) {
            return Ok(query.to_owned());
        }
        let Some(metric) = &self.metric else {
            let message = "has no metricName, and its template does not begin with `PromQL:`";
            return Err(self.refuse(
                message,
                "write metricName, or a whole query after `PromQL:`",
            ));
        };
        let mut filters: Vec<String> = match filter {
            // Commas separate here whatever they stand in.
            Some(filter) => {
                let custom = filter.split(',').map(str::to_owned);
                custom.chain(self.labels.iter().cloned()).collect()
            }
            None => {
                let resource = self.resource_filters(scope)?;
                self.labels.iter().cloned().chain(resource).collect()
            }
        };
        filters.retain(|filter| !filter.is_empty());
        let filters = match filters.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", filters.join(",")),
        };
        let by = match self.group_by.is_empty() {
            true => String::new(),
            false => format!(" by ({})", self.group_by.join(",")),
        };
        Ok(format!("avg({metric}{filters}){by}"))
    }

    /// A problem of the query, where it is written.
    pub fn refuse(&self, message: &str, help: &str) -> Problem {
        let message = format!("{}: {message}", self.path);
        Problem::error(message, Some(self.place.clone())).help(help)
    }

    /// Whether there is a scope for which the query can be sent.
    fn settled(&self) -> Result<(), Problem> {
        match &self.template {
            // Its variables may be the scope's.
            Some(template) => match variables(template) {
                Ok(_) => Ok(()),
                Err(found) => Err(self.not_plain(&found)),
            },
            None => {
                let any = Scope {
                    scope: "any".to_owned(),
                    location: "any".to_owned(),
                    params: BTreeMap::new(),
                };
                self.text(&any).map(|_| ())
            }
        }
    }

    /// What selects the instances of a scope where there is no template.
    fn resource_filters(&self, scope: &Scope) -> Result<Vec<String>, Problem> {
        let kinds = "gce_instance or aws_ec2_instance";
        let from_scope = scope.params.get("resourceType").map(String::as_str);
        let resource = self.resource.as_deref().or(from_scope);
        let Some(resource) = resource else {
            let message = "has neither a template nor a resource type, and Kayenta refuses that";
            let help = format!("write customInlineTemplate, or resourceType {kinds}");
            return Err(self.refuse(message, &help));
        };
        if !["gce_instance", "aws_ec2_instance"].contains(&resource) {
            let message = format!("Kayenta knows no resource type `{resource}`");
            let help = format!("write {kinds}, or customInlineTemplate");
            return Err(self.refuse(&message, &help));
        }
        if scope.location.is_empty() {
            let message = format!("resource type `{resource}` needs a location");
            return Err(self.refuse(&message, "give the scope a location"));
        }
        let (name, location) = (&scope.scope, &scope.location);
        Ok(match resource {
            "gce_instance" => {
                let project = scope.params.get("project");
                let project = project.map(|project| format!("projects/{project}/"));
                let project = project.unwrap_or_default();
                vec![
                    format!("instance=~\"{name}-.{{4}}\""),
                    format!("zone=~\".+/{project}zones/{location}-.{{1}}\""),
                ]
            }
            _ => vec![
                format!("asg_groupName=\"{name}\""),
                format!("zone=~\"{location}.{{1}}\""),
            ],
        })
    }

    /// The template with its variables filled in.
    fn expanded(&self, template: &str, scope: &Scope) -> Result<String, Problem> {
        let parts = variables(template).map_err(|found| self.not_plain(&found))?;
        let mut text = String::new();
        for (before, variable) in parts {
            text.push_str(&before);
            let Some(variable) = variable else {
                continue;
            };
            let own = match variable.as_str() {
                "scope" => Some(scope.scope.as_str()),
                "location" => Some(scope.location.as_str()),
                "resourceType" => self.resource.as_deref(),
                _ => None,
            };
            let own = own.filter(|value| !value.is_empty());
            let Some(value) = scope.params.get(&variable).map(String::as_str).or(own) else {
                let message = format!("the variable `${{{variable}}}` has no value");
                let help = format!("write params = {{ {variable} = \"…\" }} under [rollout]");
                return Err(self.refuse(&message, &help));
            };
            text.push_str(value);
        }
        Ok(text)
    }

    fn not_plain(&self, found: &str) -> Problem {
        let message =
            format!("`{found}` is more than a plain variable, which is all that is filled in");
        self.refuse(
            &message,
            "write ${scope}, ${location} or the name of a parameter",
        )
    }
}

/// The pieces of a template: text, then the variable after it.
///
/// # Errors
/// The first thing in it that is neither.
fn variables(template: &str) -> Result<Vec<(String, Option<String>)>, String> {
    // Spinnaker would fill in `${…}` itself, so it may be written `$\{…}`.
    let template = template.replace("$\\{", "${");
    for directive in ["<#", "<@", "</#"] {
        if let Some(at) = template.find(directive) {
            let end = template[at..]
                .find('>')
                .map_or(template.len(), |end| at + end + 1);
            return Err(template[at..end].to_owned());
        }
    }
    let mut parts = Vec::new();
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            return Err(format!("${{{after}"));
        };
        let plain = |c: char| c.is_alphanumeric() || c == '_';
        let name = name.trim();
        if name.is_empty() || !name.chars().all(plain) {
            return Err(format!("${{{name}}}"));
        }
        parts.push((before.to_owned(), Some(name.to_owned())));
        rest = after;
    }
    parts.push((rest.to_owned(), None));
    Ok(parts)
}
