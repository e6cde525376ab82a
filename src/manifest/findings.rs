//! What reading a manifest brings to light: problems with their places, and what became of each
//! field.

use std::collections::BTreeMap;
use std::ops::Range;

use super::yaml::{Entry, Node, TEMPLATE_HELP, Value};
use crate::base::{Problem, Severity};

/// What became of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It decides something here.
    Used,
    /// It does not, for this reason.
    Ignored(String),
}

/// Problems and fates, gathered while reading.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) fates: BTreeMap<String, Fate>,
}

/// A field of a map, with its path from the root of the document.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    pub(super) path: String,
    pub(super) key_span: Range<usize>,
    pub(super) node: &'a Node,
}

/// A map of fields.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    path: String,
    /// The key that holds the map, to point at when something is missing from it.
    pub(super) place: Range<usize>,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// The fields of a document; `None` when it is no map.
    pub(super) fn of_document(node: &'a Node) -> Option<Fields<'a>> {
        let Value::Map(entries) = &node.value else {
            return None;
        };
        let place = entries.first().map(|entry| entry.key_span.clone());
        Some(Fields {
            path: String::new(),
            place: place.unwrap_or_else(|| node.span.clone()),
            entries,
        })
    }

    /// A field that is there and not null, which the API server treats as absent.
    pub(super) fn get(&self, key: &str) -> Option<Field<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (entry.value.value != Value::Null).then(|| Field {
            path: self.path_of(key),
            key_span: entry.key_span.clone(),
            node: &entry.value,
        })
    }

    /// Where a field is written whose value is null.
    pub(super) fn null(&self, key: &str) -> Option<Range<usize>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (entry.value.value == Value::Null).then(|| entry.key_span.clone())
    }

    /// The keys of all fields, in the order in which they are written.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// Whether a field is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The path of the map itself.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The path of a field, whether it is there or not.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            return key.to_owned();
        }
        format!("{}.{key}", self.path)
    }
}

impl<'a> Field<'a> {
    /// The offending text's place: the value, or the key when the value spans lines.
    pub(super) fn place(&self) -> Range<usize> {
        match self.node.value {
            Value::Map(_) | Value::List(_) | Value::Null => self.key_span.clone(),
            _ => self.node.span.clone(),
        }
    }

    /// The value as it would be quoted in a message.
    fn shown(&self) -> String {
        match &self.node.value {
            Value::Text(text) => format!("the text `{text}`"),
            Value::Number(number) => format!("{number}"),
            Value::Bool(truth) => format!("{truth}"),
            Value::Null | Value::List(_) | Value::Map(_) => self.node.kind().to_owned(),
        }
    }
}

impl Findings {
    /// Notes an error about a field.
    pub(super) fn error(&mut self, path: &str, message: &str, place: Range<usize>, help: &str) {
        let problem = Problem::error(format!("{path}: {message}"), Some(place));
        self.problems.push(problem.help(help));
    }

    /// Notes a warning about a field.
    pub(super) fn warn(&mut self, path: &str, message: &str, place: Range<usize>) {
        let problem = Problem::warning(format!("{path}: {message}"), Some(place));
        self.problems.push(problem);
    }

    /// Notes that a field's value will not do.
    pub(super) fn refuse(&mut self, field: &Field<'_>, message: &str, help: &str) {
        self.error(&field.path, message, field.place(), help);
    }

    /// How many of the problems keep the manifest from being used.
    pub(super) fn errors(&self) -> usize {
        let errors = self.problems.iter();
        errors
            .filter(|problem| problem.severity == Severity::Error)
            .count()
    }

    /// Notes that a field decides something.
    pub(super) fn mark_used(&mut self, path: &str) {
        self.fates.insert(path.to_owned(), Fate::Used);
    }

    /// Notes that a field decides nothing, and why.
    pub(super) fn mark_ignored(&mut self, path: &str, why: &str) {
        let fate = Fate::Ignored(why.to_owned());
        self.fates.insert(path.to_owned(), fate);
    }

    /// A map; an error when the field is something else.
    pub(super) fn map<'a>(&mut self, field: &Field<'a>) -> Option<Fields<'a>> {
        let Value::Map(entries) = &field.node.value else {
            self.refuse_kind(field, "a map of fields");
            return None;
        };
        Some(Fields {
            path: field.path.clone(),
            place: field.key_span.clone(),
            entries,
        })
    }

    /// The items of a list; an error when the field is something else.
    pub(super) fn list<'a>(&mut self, field: &Field<'a>) -> Vec<Field<'a>> {
        let Value::List(nodes) = &field.node.value else {
            self.refuse_kind(field, "a list, each item after a dash");
            return Vec::new();
        };
        let items = nodes.iter().enumerate().map(|(index, node)| Field {
            path: format!("{}[{index}]", field.path),
            key_span: first_place(node).unwrap_or_else(|| field.key_span.clone()),
            node,
        });
        items.collect()
    }

    /// A text field, used.
    pub(super) fn text<'a>(
        &mut self,
        fields: &Fields<'a>,
        key: &str,
    ) -> Option<(&'a str, Field<'a>)> {
        let field = fields.get(key)?;
        self.mark_used(&field.path);
        let Some(text) = field.node.text() else {
            self.refuse_kind(&field, "a text (in quotes if need be)");
            return None;
        };
        if text.contains("{{") {
            let path = field.path.clone();
            self.error(
                &path,
                &format!("`{text}` is still a template"),
                field.place(),
                TEMPLATE_HELP,
            );
            return None;
        }
        Some((text, field))
    }

    /// A truth value, used; `false` when absent.
    pub(super) fn truth(&mut self, fields: &Fields<'_>, key: &str) -> bool {
        let Some(field) = fields.get(key) else {
            return false;
        };
        self.mark_used(&field.path);
        match field.node.value {
            Value::Bool(truth) => truth,
            _ => {
                self.refuse_kind(&field, "true or false");
                false
            }
        }
    }

    /// A whole number, used; an error when it is not one.
    pub(super) fn integer(&mut self, field: &Field<'_>) -> Option<i64> {
        self.mark_used(&field.path);
        match field.node.value {
            // Beyond this a double no longer tells whole numbers apart.
            Value::Number(number) if number.trunc() == number && number.abs() < 9e15 => {
                Some(number as i64)
            }
            _ => {
                self.refuse_kind(field, "a whole number without quotes");
                None
            }
        }
    }

    /// A whole number, used; 0 when absent.
    pub(super) fn integer_at(&mut self, fields: &Fields<'_>, key: &str) -> i64 {
        let field = fields.get(key);
        field.and_then(|field| self.integer(&field)).unwrap_or(0)
    }

    /// A finite number, used.
    pub(super) fn number(&mut self, fields: &Fields<'_>, key: &str) -> Option<f64> {
        let field = fields.get(key)?;
        self.mark_used(&field.path);
        match field.node.value {
            Value::Number(number) if number.is_finite() => Some(number),
            _ => {
                self.refuse_kind(&field, "a number without quotes");
                None
            }
        }
    }

    fn refuse_kind(&mut self, field: &Field<'_>, wanted: &str) {
        let text = field.node.text().unwrap_or_default();
        let help = if text.contains("{{") {
            TEMPLATE_HELP.to_owned()
        } else {
            format!("write {wanted}")
        };
        let message = format!("{} is not {}", field.shown(), short(wanted));
        self.error(&field.path, &message, field.place(), &help);
    }
}

/// The part of a description before its advice.
fn short(wanted: &str) -> &str {
    let end = wanted.find([',', '(']).unwrap_or(wanted.len());
    wanted[..end].trim_end().trim_end_matches(" without quotes")
}

/// Something in a node to point at.
fn first_place(node: &Node) -> Option<Range<usize>> {
    match &node.value {
        Value::Map(entries) => entries.first().map(|entry| entry.key_span.clone()),
        _ => (!node.span.is_empty()).then(|| node.span.clone()),
    }
}
