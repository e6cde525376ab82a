//! Walks a TOML text and collects everything that is wrong with it: malformed values, missing and
//! unknown fields, each with its bytes. Knows no field of a scenario.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::base::{Probability, Problem, Severity, place};

/// What is wrong with a text so far. Readers share it and go on after an error.
pub(super) struct Report<'t> {
    text: &'t str,
    found: RefCell<Vec<Problem>>,
    /// Lines that are not TOML: what was recovered from them is not judged any further.
    broken: BTreeSet<usize>,
    /// Every field that a reader asked for, by the path of its table; the schema must agree.
    asked: RefCell<BTreeMap<String, BTreeSet<&'static str>>>,
}

impl<'t> Report<'t> {
    /// Parses `text`; syntax errors are the first problems, and what could be recovered is
    /// returned to be read all the same.
    pub(super) fn parse(text: &'t str) -> (Report<'t>, Spanned<DeTable<'t>>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut found = Vec::new();
        let mut broken = BTreeSet::new();
        for error in errors {
            let span = error.span();
            if let Some(span) = &span
                && !broken.insert(place(text, span.start).0)
            {
                // The parser stumbles on over the rest of a line; the first complaint is the one.
                continue;
            }
            found.push(syntax_problem(text, error.message(), span));
        }
        let report = Report {
            text,
            found: RefCell::new(found),
            broken,
            asked: RefCell::default(),
        };
        (report, root)
    }

    /// Notes an error about a place.
    pub(super) fn error(&self, span: Range<usize>, message: String, help: String) {
        self.note(Problem::error(message, Some(span)), help);
    }

    /// Notes a warning about a place.
    pub(super) fn warning(&self, span: Range<usize>, message: String, help: String) {
        self.note(Problem::warning(message, Some(span)), help);
    }

    fn note(&self, problem: Problem, help: String) {
        let in_broken_line = problem
            .span
            .as_ref()
            .is_some_and(|span| self.broken.contains(&place(self.text, span.start).0));
        if !in_broken_line {
            let help = Some(help).filter(|help| !help.is_empty());
            self.found.borrow_mut().push(Problem { help, ..problem });
        }
    }

    /// Notes a missing field; not after a syntax error, which may have swallowed it.
    fn missing(&self, span: Range<usize>, message: String, help: String) {
        if self.broken.is_empty() {
            self.error(span, message, help);
        }
    }

    /// Whether there is an error among the problems.
    pub(super) fn has_errors(&self) -> bool {
        self.found
            .borrow()
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// The problems in order of place, those about the whole text first.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.found.into_inner();
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        problems
    }

    /// Every field that was asked for, by the path of its table.
    #[cfg(test)]
    pub(super) fn asked(&self) -> BTreeMap<String, BTreeSet<&'static str>> {
        self.asked.borrow().clone()
    }
}

fn syntax_problem(text: &str, message: &str, span: Option<Range<usize>>) -> Problem {
    let offending = span
        .as_ref()
        .and_then(|span| text.get(span.clone()))
        .and_then(|text| text.lines().next())
        .filter(|text| !text.trim().is_empty())
        .map(|text| format!(": `{text}`"));
    let problem = Problem::error(
        format!("not TOML, {message}{}", offending.unwrap_or_default()),
        span.clone(),
    );
    let line = span
        .map(|span| place(text, span.start).0)
        .and_then(|line| text.lines().nth(line - 1))
        .unwrap_or_default();
    // `rate = 20/s` is the mistake that everybody makes first.
    match line.split_once('=') {
        Some((key, value))
            if !value.contains(['"', '\'', '[', '{']) && !value.trim().is_empty() =>
        {
            problem.help(format!(
                "values with a unit are written in quotes: {} = \"{}\"",
                key.trim(),
                value.trim()
            ))
        }
        _ => problem,
    }
}

/// One value with its place and its path.
#[derive(Clone)]
pub(super) struct Value<'r, 't> {
    report: &'r Report<'t>,
    path: String,
    node: &'r Spanned<DeValue<'t>>,
}

impl<'r, 't> Value<'r, 't> {
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

    /// The value as it was written, on one line.
    pub(super) fn written(&self) -> String {
        let source = self.report.text.get(self.span()).unwrap_or_default();
        let line = source.lines().next().unwrap_or_default();
        let mut short: String = line.chars().take(60).collect();
        if short.len() < source.len() {
            short.push('…');
        }
        short
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
            format_args!("`{}` is {} {kind}", self.written(), article(kind)),
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

    /// A share. `1` alone is refused: half of its writers mean 1 %.
    pub(super) fn share(&self) -> Option<Probability> {
        if self.scalar().map(str::trim) == Some("1") {
            self.refuse("`1` may mean 1% or everything", "write 1% or 100%");
            return None;
        }
        self.quantity()
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

    /// The values of a list.
    pub(super) fn list(&self) -> Option<Vec<Value<'r, 't>>> {
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
    pub(super) fn pair(&self, wanted: &str) -> Option<[Value<'r, 't>; 2]> {
        let items = self.list()?;
        let length = items.len();
        <[Value; 2]>::try_from(items)
            .map_err(|_| {
                self.refuse(
                    format_args!("`{}` has {length} values, not two", self.written()),
                    format_args!("write {wanted}"),
                );
            })
            .ok()
    }

    /// The fields of a table.
    pub(super) fn table(&self) -> Option<Table<'r, 't>> {
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
pub(super) struct Table<'r, 't> {
    report: &'r Report<'t>,
    path: String,
    variant: String,
    span: Range<usize>,
    entries: &'r DeTable<'t>,
    asked: BTreeSet<&'static str>,
    hints: Vec<(&'static str, String)>,
}

impl<'r, 't> Table<'r, 't> {
    /// The text's outermost table.
    pub(super) fn root(report: &'r Report<'t>, root: &'r Spanned<DeTable<'t>>) -> Table<'r, 't> {
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

    /// Says that the fields asked for from now on are those of one of several kinds of table.
    pub(super) fn is_of_kind(&mut self, kind: &str) {
        self.variant = format!(":{kind}");
    }

    /// The value of a field, if it is there.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Value<'r, 't>> {
        self.asked.insert(key);
        let node = self.entries.get(key)?;
        Some(Value {
            report: self.report,
            path: self.path_of(key),
            node,
        })
    }

    /// The value of a field that must be there; `help` says how it is written.
    pub(super) fn require(&mut self, key: &'static str, help: &str) -> Option<Value<'r, 't>> {
        let value = self.get(key);
        if value.is_none() {
            let here = self.span();
            let message = format!("{} is missing", self.path_of(key));
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

    fn node_at(&self, path: &[&str]) -> Option<&'r Spanned<DeValue<'t>>> {
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
                format!("{} {message}", self.path_of(name)),
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

/// `did you mean` with the nearest name, or the list of what is valid.
pub(super) fn advice(name: &str, valid: &[&str]) -> String {
    match nearest(name, valid) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write {}", one_of(valid.iter().copied())),
    }
}

/// The valid name that `name` is most likely a slip of.
pub(super) fn nearest<'n>(name: &str, valid: &[&'n str]) -> Option<&'n str> {
    valid
        .iter()
        .map(|near| (strsim::jaro_winkler(name, near), *near))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, near)| near)
}

fn one_of<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => "nothing".to_owned(),
    }
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
