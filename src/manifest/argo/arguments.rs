//! Arguments of templates: what they declare, what a Rollout gives, and `{{args.name}}` filled in.
//!
//! `utils/analysis/helpers.go`, `MergeArgs` and `ResolveArgs`; `utils/template/template.go`.

use std::collections::BTreeMap;

use super::super::findings::{Field, Fields, Findings};
use super::super::yaml::{Entry, Node, TEMPLATE_HELP, Value};

/// Stands in texts for what only a Secret knows.
const SECRET: char = '\u{E000}';

/// The values of a run's arguments.
#[derive(Debug, Clone, Default)]
pub(super) struct Arguments(BTreeMap<String, Option<String>>);

impl Arguments {
    /// Adds what a template declares. Of two templates with one argument the one with a value has it;
    /// with two different values Argo refuses both.
    pub(super) fn declare(&mut self, findings: &mut Findings, spec: &Fields<'_>) {
        let Some(list) = spec.get("args") else {
            return;
        };
        for item in findings.list(&list) {
            let Some(fields) = findings.map(&item) else {
                continue;
            };
            let Some((name, place)) = findings.text(&fields, "name") else {
                let help = "name the argument";
                findings.error(
                    &fields.path_of("name"),
                    "is missing",
                    fields.place.clone(),
                    help,
                );
                continue;
            };
            let value = declared(findings, &fields);
            let known = self.0.entry(name.to_owned()).or_default();
            match (known.as_ref(), value) {
                (Some(before), Some(value)) if *before != value => {
                    let message = format!(
                        "`{name}` is `{}` here and `{}` in another template of this analysis: Argo \
                         refuses both",
                        shown(&value),
                        shown(before)
                    );
                    findings.refuse(&place, &message, "give both the same value");
                }
                (None, value) => *known = value,
                _ => {}
            }
        }
    }

    /// Gives an argument a value of the Rollout's; whether any template declares it.
    pub(super) fn give(&mut self, name: &str, value: &str) -> bool {
        match self.0.get_mut(name) {
            Some(known) => {
                *known = Some(value.to_owned());
                true
            }
            None => false,
        }
    }

    /// Those without a value.
    pub(super) fn missing(&self) -> Vec<&str> {
        let missing = self.0.iter().filter(|(_, value)| value.is_none());
        missing.map(|(name, _)| name.as_str()).collect()
    }

    /// The names of all.
    pub(super) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// A metric with its arguments filled in, as far as they are known.
    pub(super) fn filled(&self, findings: &mut Findings, field: &Field<'_>) -> Node {
        self.fill(findings, field.node, &field.path)
    }

    fn fill(&self, findings: &mut Findings, node: &Node, path: &str) -> Node {
        let value = match &node.value {
            Value::Text(text) => Value::Text(self.fill_text(findings, text, node, path)),
            Value::List(nodes) => {
                let nodes = nodes.iter().enumerate();
                let filled = nodes
                    .map(|(index, node)| self.fill(findings, node, &format!("{path}[{index}]")));
                Value::List(filled.collect())
            }
            Value::Map(entries) => {
                let filled = entries.iter().map(|entry| Entry {
                    value: self.fill(findings, &entry.value, &format!("{path}.{}", entry.key)),
                    ..entry.clone()
                });
                Value::Map(filled.collect())
            }
            other => other.clone(),
        };
        Node {
            value,
            span: node.span.clone(),
        }
    }

    fn fill_text(&self, findings: &mut Findings, text: &str, node: &Node, path: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((tag, after)) = after.split_once("}}") else {
                break;
            };
            filled.push_str(before);
            rest = after;
            let name = tag.trim().strip_prefix("args.").map(str::trim_end);
            match name.and_then(|name| self.0.get(name)) {
                Some(Some(value)) => filled.push_str(value),
                // Reported once, where the value is missing.
                Some(None) => {}
                None => {
                    let (message, help) = self.unknown(tag.trim(), name);
                    findings.error(path, &message, node.span.clone(), &help);
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    fn unknown(&self, tag: &str, name: Option<&str>) -> (String, String) {
        let Some(name) = name else {
            let message = format!("`{{{{{tag}}}}}` cannot be filled in");
            let help = match tag.starts_with(['.', '-']) || tag.contains(".Values") {
                true => TEMPLATE_HELP.to_owned(),
                false => "only arguments are filled in, as in `{{args.service-name}}`".to_owned(),
            };
            return (message, help);
        };
        let message = format!(
            "`{{{{{tag}}}}}` names no argument: Argo ends every run with Error, which aborts the rollout"
        );
        let nearest = (self.names().into_iter())
            .min_by_key(|known| strsim::osa_distance(known, name))
            .filter(|known| strsim::osa_distance(known, name) <= 2);
        let help = match nearest {
            Some(known) => format!("did you mean {known}?"),
            None => format!("add `- name: {name}` to the template's args"),
        };
        (message, help)
    }
}

/// What a template says an argument is.
fn declared(findings: &mut Findings, fields: &Fields<'_>) -> Option<String> {
    if let Some(field) = fields.get("value") {
        findings.mark_used(&field.path);
        let value = match &field.node.value {
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        };
        if value.is_none() {
            findings.refuse(&field, "is not a text", "write a text in quotes");
        }
        return value;
    }
    let from = fields.get("valueFrom")?;
    let source = findings.map(&from)?;
    if source.has("secretKeyRef") {
        findings.mark_ignored(&from.path, "no Secret is read");
        return Some(SECRET.to_string());
    }
    let message = "is a source that only a Rollout's arguments can have: the argument stays without \
                   a value";
    findings.refuse(
        &from,
        message,
        "write value, or secretKeyRef, or let the Rollout give it",
    );
    None
}

/// Whether a text has parts that only a Secret knows.
pub(super) fn is_secret(text: &str) -> bool {
    text.contains(SECRET)
}

fn shown(value: &str) -> &str {
    if is_secret(value) { "a secret" } else { value }
}
