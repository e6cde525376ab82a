//! What the readers of all systems share: places, times, conditions.

use super::super::documents::Resource;
use super::super::findings::{Field, Fields, Findings};
use super::super::yaml::{Node, Value};
use super::{Place, Route, Said, System, Table};
use crate::base::{Probability, Span};

/// A resource while it is read.
#[derive(Debug)]
pub(in crate::manifest) struct Reading<'r> {
    pub(in crate::manifest) resource: &'r Resource,
    pub(in crate::manifest) findings: Findings,
}

impl<'r> Reading<'r> {
    pub(in crate::manifest) fn new(resource: &'r Resource) -> Reading<'r> {
        Reading {
            resource,
            findings: Findings::default(),
        }
    }

    /// The routes of the resource, which is the reading of this number.
    pub(in crate::manifest) fn table(
        &self,
        system: System,
        index: usize,
        routes: Vec<Route>,
    ) -> Table {
        Table {
            system,
            reading: index,
            title: self.resource.title(),
            name: self.resource.name.clone().unwrap_or_default(),
            place: self.start(),
            routes,
            canary: None,
        }
    }

    /// Where a field stands.
    pub(in crate::manifest) fn place(&self, field: &Field<'_>) -> Place {
        Place {
            file: self.resource.file,
            span: field.place(),
        }
    }

    /// A value with its field's place.
    pub(in crate::manifest) fn said<T>(&self, value: T, field: &Field<'_>) -> Said<T> {
        Said {
            value,
            place: self.place(field),
        }
    }

    /// Where the resource begins.
    pub(in crate::manifest) fn start(&self) -> Place {
        let kind = self.resource.kind_place();
        Place {
            file: self.resource.file,
            span: kind.unwrap_or_else(|| self.resource.node.span.clone()),
        }
    }

    /// The fields of `spec`; an error where it is missing or no map.
    pub(in crate::manifest) fn spec(&mut self) -> Option<Fields<'r>> {
        let document = Fields::of_document(&self.resource.node)?;
        self.findings.mark_used("apiVersion");
        self.findings.mark_used("kind");
        self.findings.mark_used("metadata.name");
        let Some(field) = document.get("spec") else {
            let help = "the file may be cut off, or indented wrongly";
            (self.findings).error("spec", "is missing", document.place.clone(), help);
            return None;
        };
        self.findings.map(&field)
    }

    /// Checks the version of the API: one of these, the group included.
    pub(in crate::manifest) fn check_version(&mut self, admitted: &[&str]) {
        let version = self.resource.api_version.as_str();
        if admitted.contains(&version) {
            return;
        }
        let place = self
            .resource
            .node
            .get("apiVersion")
            .map(|node| node.span.clone());
        let place = place.unwrap_or_else(|| self.start().span);
        let message = match version {
            "" => "is missing".to_owned(),
            _ => format!("there is no `{version}` of {}", self.resource.kind),
        };
        let help = format!("write {}", admitted.join(" or "));
        self.findings.error("apiVersion", &message, place, &help);
    }
}

/// A time above zero, used: `1s`, `250ms`, `1h30m`.
pub(in crate::manifest) fn duration(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
    key: &str,
) -> Option<Said<Span>> {
    let (text, field) = reading.findings.text(fields, key)?;
    match text.parse::<Span>() {
        Ok(span) if !span.is_zero() => Some(reading.said(span, &field)),
        _ => {
            let message = format!("`{text}` is no time above zero");
            let help = "write a number and a unit, like 500ms, 2s or 1m";
            (reading.findings).error(&field.path, &message, field.place(), help);
            None
        }
    }
}

/// A whole number from `least` to `most`, used.
pub(in crate::manifest) fn whole_within(
    reading: &mut Reading<'_>,
    field: &Field<'_>,
    least: i64,
    most: i64,
) -> Option<i64> {
    let number = reading.findings.integer(field)?;
    if (least..=most).contains(&number) {
        return Some(number);
    }
    let message = match number < 0 && least == 0 {
        true => format!("{number} is below zero"),
        false => format!("{number} is not between {least} and {most}"),
    };
    let help = match (least, most) {
        (_, i64::MAX) => format!("write {least} or more"),
        _ => format!("write a whole number from {least} to {most}"),
    };
    (reading.findings).error(&field.path, &message, field.place(), &help);
    None
}

/// A percentage, used: a number from 0 to 100.
pub(in crate::manifest) fn percentage(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
    key: &str,
) -> Option<Said<Probability>> {
    let field = fields.get(key)?;
    let number = reading.findings.number(fields, key)?;
    let share = (0.0..=100.0)
        .contains(&number)
        .then(|| Probability::new(number / 100.0))
        .flatten();
    if share.is_none() {
        let message = format!("{number} is no percentage");
        let help = "write a number from 0 to 100";
        (reading.findings).error(&field.path, &message, field.place(), help);
    }
    share.map(|share| reading.said(share, &field))
}

/// The values in a part of a manifest with their paths below it, on one line:
/// `headers.end-user.exact jason and port 80`.
pub(in crate::manifest) fn leaves(node: &Node) -> String {
    const LONGEST: usize = 120;
    let mut parts = Vec::new();
    gather("", node, &mut parts);
    let mut text = parts.join(" and ");
    if text.chars().count() > LONGEST {
        text = text.chars().take(LONGEST - 1).collect();
        text.push('…');
    }
    text
}

fn gather(path: &str, node: &Node, parts: &mut Vec<String>) {
    let value = match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let below = match path {
                    "" => entry.key.clone(),
                    _ => format!("{path}.{}", entry.key),
                };
                gather(&below, &entry.value, parts);
            }
            return;
        }
        Value::List(nodes) => {
            for node in nodes {
                gather(path, node, parts);
            }
            return;
        }
        Value::Text(text) => one_line(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => return,
    };
    parts.push(format!("{path} {value}").trim_start().to_owned());
}

/// A text without line breaks and other characters that do not print.
fn one_line(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.collect()
}
