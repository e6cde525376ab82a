//! Walks the values of a TOML text and reports malformed values, missing and unknown fields, each
//! with its bytes. Knows no field of a scenario.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::{Report, advice, one_of};
use crate::base::Probability;

/// One value with its place and its path.
#[derive(Clone)]
pub(super) struct Value<'r> {
    report: &'r Report<'r>,
    path: String,
    node: &'r Spanned<DeValue<'r>>,
}

impl<'r> Value<'r> {
    /// Bytes of the value.
    pub(super) fn span(&self) -> Range<usize> {
        self.node.span()
    }

    /// Notes that the value is wrong: `message` goes after the field's path.
    pub(super) fn refuse(&self, message: impl Display, help: impl Display) {
        self.report.error(
            self.span(),
            format!("{}: {message}", self.path),
            help.to_string(),
        );
    }

    /// Notes that the value is odd.
    pub(super) fn doubt(&self, message: impl Display, help: impl Display) {
        self.report.warning(
            self.span(),
            format!("{}: {message}", self.path),
            help.to_string(),
        );
    }

    /// The bytes of the file that a text names, and the path to show for it. `kind` says what file
    /// is wanted.
    pub(super) fn file(&self, most_mib: u64, kind: &str) -> Option<(Vec<u8>, PathBuf)> {
        let name = self.words()?;
        let files = self.report.files;
        let shown = files.path(name);
        match files.bytes(name, most_mib) {
            Ok(bytes) => Some((bytes, shown)),
            Err(error) => {
                let shown = shown.display();
                self.refuse(
                    format_args!("`{shown}` cannot be read: {error}"),
                    format_args!("name {kind}, relative to the scenario"),
                );
                None
            }
        }
    }

    /// The value as it was written, on one line; a text without its quotes.
    pub(super) fn written(&self) -> String {
        match self.text() {
            Some(text) => shortened(text),
            None => self.source(),
        }
    }

    /// The value as it was written, on one line.
    fn source(&self) -> String {
        shortened(self.report.text.get(self.span()).unwrap_or_default())
    }

    /// The value as it is, without its place.
    pub(super) fn plain(&self) -> toml::Value {
        super::change::value(self.report.text.get(self.span()).unwrap_or_default())
    }

    /// The text of a string.
    pub(super) fn text(&self) -> Option<&'r str> {
        self.node.get_ref().as_str()
    }

    /// The text of a string that is not empty.
    pub(super) fn words(&self) -> Option<&'r str> {
        let text = self.text().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.refuse(
                format_args!("`{}` says nothing", self.written()),
                "write a text in quotes",
            );
        }
        text
    }

    /// Whether the value is a table.
    pub(super) fn is_table(&self) -> bool {
        self.node.get_ref().is_table()
    }

    /// Whether the value is a list.
    pub(super) fn is_list(&self) -> bool {
        self.node.get_ref().is_array()
    }

    /// A string or a number, as text.
    fn scalar(&self) -> Option<&'r str> {
        match self.node.get_ref() {
            DeValue::String(text) => Some(text.as_ref()),
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
            DeValue::Float(number) => Some(number.as_str()),
            _ => None,
        }
    }

    fn wrong_type(&self, wanted: &str) {
        let kind = self.node.get_ref().type_str();
        self.refuse(
            format_args!("`{}` is {} {kind}", self.source(), article(kind)),
            format_args!("write {wanted}"),
        );
    }

    /// A quantity that reads itself from text and says what would be valid.
    pub(super) fn quantity<T>(&self) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(text) = self.scalar() else {
            self.wrong_type("it as text in quotes");
            return None;
        };
        text.parse()
            .map_err(|error: T::Err| {
                let error = error.to_string();
                let (message, help) = error.split_once(": ").unwrap_or((&error, ""));
                self.refuse(message, help);
            })
            .ok()
    }

    /// A share.
    pub(super) fn share(&self) -> Option<Probability> {
        self.quantity()
    }

    /// Yes or no.
    pub(super) fn boolean(&self) -> Option<bool> {
        let answer = self.node.get_ref().as_bool();
        if answer.is_none() {
            self.wrong_type("true or false without quotes");
        }
        answer
    }

    /// A whole number within limits.
    pub(super) fn whole(&self, limits: RangeInclusive<u64>) -> Option<u64> {
        let DeValue::Integer(number) = self.node.get_ref() else {
            self.wrong_type("a whole number without quotes");
            return None;
        };
        let value = u64::from_str_radix(number.as_str(), number.radix()).ok();
        match value.filter(|value| limits.contains(value)) {
            Some(value) => Some(value),
            None => {
                self.refuse(
                    format_args!("`{}` is out of range", self.written()),
                    format_args!(
                        "write a whole number from {} to {}",
                        limits.start(),
                        limits.end()
                    ),
                );
                None
            }
        }
    }

    /// A number within limits.
    pub(super) fn number(&self, limits: RangeInclusive<f64>) -> Option<f64> {
        let value = match self.node.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => {
                self.scalar().and_then(|text| text.parse::<f64>().ok())
            }
            _ => {
                self.wrong_type("a number without quotes");
                return None;
            }
        };
        match value.filter(|value| limits.contains(value)) {
            Some(value) => Some(value),
            None => {
                self.refuse(
                    format_args!("`{}` is out of range", self.written()),
                    format_args!("write a number from {} to {}", limits.start(), limits.end()),
                );
                None
            }
        }
    }

    /// One of several names.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let Some(text) = self.text() else {
            self.wrong_type(&one_of(choices.iter().map(|(name, _)| *name)));
            return None;
        };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*choice);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.refuse(
            format_args!("`{text}` is not known here"),
            advice(text, &names),
        );
        None
    }

    /// The fields of a table whose names are free, in the order of their names.
    pub(super) fn entries(&self) -> Option<Vec<(&'r str, Value<'r>)>> {
        let Some(entries) = self.node.get_ref().as_table() else {
            self.wrong_type("a table");
            return None;
        };
        let values = entries.iter().map(|(key, node)| {
            let name: &str = key.get_ref();
            let path = format!("{}.{name}", self.path);
            let report = self.report;
            (name, Value { report, path, node })
        });
        Some(values.collect())
    }

    /// The values of a list.
    pub(super) fn list(&self) -> Option<Vec<Value<'r>>> {
        let Some(items) = self.node.get_ref().as_array() else {
            self.wrong_type("a list in square brackets");
            return None;
        };
        let values = items.iter().enumerate().map(|(index, node)| Value {
            report: self.report,
            path: format!("{}[{index}]", self.path),
            node,
        });
        Some(values.collect())
    }

    /// A list of exactly two values.
    pub(super) fn pair(&self, wanted: &str) -> Option<[Value<'r>; 2]> {
        let items = self.list()?;
        <[Value<'_>; 2]>::try_from(items)
            .map_err(|_| {
                self.refuse(
                    format_args!("`{}` are not two values", self.written()),
                    format_args!("write {wanted}"),
                );
            })
            .ok()
    }

    /// The fields of a table.
    pub(super) fn table(&self) -> Option<Table<'r>> {
        let Some(entries) = self.node.get_ref().as_table() else {
            self.wrong_type("a table");
            return None;
        };
        Some(Table {
            report: self.report,
            path: self.path.clone(),
            variant: String::new(),
            span: self.span(),
            entries,
            asked: BTreeSet::new(),
            hints: Vec::new(),
        })
    }
}

/// The fields of a table. Whoever reads one asks for every field that may be there and then calls
/// [`Table::finish`], which reports the rest as unknown.
pub(super) struct Table<'r> {
    report: &'r Report<'r>,
    path: String,
    variant: String,
    span: Range<usize>,
    entries: &'r DeTable<'r>,
    asked: BTreeSet<&'static str>,
    hints: Vec<(&'static str, String)>,
}

impl<'r> Table<'r> {
    /// The text's outermost table.
    pub(super) fn root(report: &'r Report<'r>, root: &'r Spanned<DeTable<'r>>) -> Table<'r> {
        Table {
            report,
            path: String::new(),
            variant: String::new(),
            span: 0..0,
            entries: root.get_ref(),
            asked: BTreeSet::new(),
            hints: Vec::new(),
        }
    }

    /// Bytes of the table, or of its heading.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Notes that the table as a whole is wrong: `message` goes after its path.
    pub(super) fn refuse(&self, message: impl Display, help: impl Display) {
        self.report.error(
            self.span(),
            format!("{}: {message}", self.path),
            help.to_string(),
        );
    }

    /// Says that the fields asked for from now on are those of one of several kinds of table.
    pub(super) fn is_of_kind(&mut self, kind: &str) {
        self.variant = format!(":{kind}");
    }

    /// The value of a field, if it is there.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Value<'r>> {
        self.asked.insert(key);
        let node = self.entries.get(key)?;
        Some(Value {
            report: self.report,
            path: self.path_of(key),
            node,
        })
    }

    /// The value of a field that must be there; `help` says how it is written.
    pub(super) fn require(&mut self, key: &'static str, help: &str) -> Option<Value<'r>> {
        let value = self.get(key);
        if value.is_none() {
            let here = self.span();
            let message = format!("`{}` is missing", self.path_of(key));
            self.report.missing(here, message, help.to_owned());
        }
        value
    }

    /// Bytes of a field some tables down, if it is there; it does not count as asked for.
    pub(super) fn place_of(&self, path: &[&str]) -> Option<Range<usize>> {
        self.node_at(path).map(Spanned::span)
    }

    /// Bytes of the items of a list some tables down.
    pub(super) fn places_in(&self, path: &[&str]) -> Vec<Range<usize>> {
        let list = self
            .node_at(path)
            .and_then(|node| node.get_ref().as_array());
        list.map_or_else(Vec::new, |list| list.iter().map(Spanned::span).collect())
    }

    fn node_at(&self, path: &[&str]) -> Option<&'r Spanned<DeValue<'r>>> {
        let (first, rest) = path.split_first()?;
        let mut node = self.entries.get(*first)?;
        for key in rest {
            node = node.get_ref().as_table()?.get(*key)?;
        }
        Some(node)
    }

    /// What to say instead of guessing when an unknown field has this name.
    pub(super) fn hint(&mut self, key: &'static str, help: impl Into<String>) {
        self.hints.push((key, help.into()));
    }

    /// Reports the fields that nobody asked for.
    pub(super) fn finish(self) {
        let known: Vec<&str> = self.asked.iter().copied().collect();
        for (key, _) in self.entries {
            let name: &str = key.get_ref();
            if self.asked.contains(name) {
                continue;
            }
            let hint = self.hints.iter().find(|(hinted, _)| *hinted == name);
            let (message, help) = match hint {
                Some((_, help)) => ("does not belong here", help.clone()),
                None => ("is not a field", advice(name, &known)),
            };
            self.report.error(
                key.span(),
                format!("`{}` {message}", self.path_of(name)),
                help,
            );
        }
        let mut asked = self.report.asked.borrow_mut();
        let path = format!("{}{}", without_indices(&self.path), self.variant);
        asked.entry(path).or_default().extend(self.asked);
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

fn without_indices(path: &str) -> String {
    path.split('.')
        .map(|part| match part.split_once('[') {
            Some((name, _)) => format!("{name}[]"),
            None => part.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(".")
}
