//! YAML as a tree that knows where each part stands. The only module that names the parser.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, NonFiniteFloatPolicy, Spanned};

use crate::base::Problem;

/// A value and the bytes that it was written with; of lists and maps only the first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Range<usize>,
}

/// A YAML value as Kubernetes would read it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
}

/// The documents of a YAML stream, empty ones left out.
///
/// # Errors
/// The first thing that is not YAML, that Kubernetes would refuse (a key twice), or that is built
/// to exhaust a reader (depth, alias bombs).
pub(super) fn documents(text: &str) -> Result<Vec<Node>, Problem> {
    let options = serde_saphyr::options! {
        // Go reads 0644 as 420.
        legacy_octal_numbers: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let span = error.location().map(|place| {
            bytes(place).unwrap_or_else(|| one_byte(text, place.line(), place.column()))
        });
        let message = error.without_snippet().to_string();
        let problem = Problem::error(format!("not valid YAML: {}", wording(&message)), span);
        if text.contains("{{") {
            return problem.help(TEMPLATE_HELP);
        }
        problem
    })
}

/// The parser's message without its place, which the problem carries, and without advice to the
/// parser's callers.
fn wording(message: &str) -> &str {
    let line = message.lines().next().unwrap_or_default();
    let line = line
        .rsplit_once(" at line ")
        .map_or(line, |(words, _)| words);
    let line = line.split_once(", set ").map_or(line, |(words, _)| words);
    let line = line.split_once("; use ").map_or(line, |(words, _)| words);
    match line {
        "expected string scalar" | "cannot deserialize null into string" => "a key must be a text",
        _ => line,
    }
}

/// The byte at a line and column, both from 1 and in characters.
fn one_byte(text: &str, line: u64, column: u64) -> Range<usize> {
    let mut start = 0;
    for _ in 1..line {
        start += text[start..].find('\n').map_or(0, |newline| newline + 1);
    }
    let characters = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    let offset = text[start..].char_indices().nth(characters);
    let start = offset.map_or(text.len(), |(offset, _)| start + offset);
    start..(start + 1).min(text.len().max(start))
}

/// What to do about a file that is still a template.
pub(super) const TEMPLATE_HELP: &str =
    "this looks like a template: render it first, for example with `helm template`";

fn bytes(location: Location) -> Option<Range<usize>> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    Some(start..start.saturating_add(length))
}

impl Node {
    /// The value of a map's entry.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.value),
            _ => None,
        }
    }

    /// A text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What kind of value it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node {
            value: spanned.value,
            span: bytes(spanned.defined).unwrap_or(0..0),
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::Text(String::from_utf8_lossy(value).into_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Node>()? {
            entries.push(Entry {
                key: key.value,
                key_span: bytes(key.defined).unwrap_or(0..0),
                value,
            });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_knows_its_place() {
        let text = "a: &x\n  å: 10\n  c: 'q'\nl:\n - 1\ns: |\n  hello\nb: *x\n";
        let document = &documents(text).unwrap()[0];
        let shown = |node: &Node| text[node.span.clone()].to_owned();
        let a = document.get("a").unwrap();
        assert_eq!(shown(a.get("å").unwrap()), "10");
        assert_eq!(shown(a.get("c").unwrap()), "'q'");
        assert_eq!(document.get("s").unwrap().text(), Some("hello\n"));
        assert_eq!(document.get("b").unwrap().get("å"), a.get("å"));
        let Value::Map(entries) = &document.value else {
            panic!("a map");
        };
        assert_eq!(&text[entries[2].key_span.clone()], "s");
    }

    #[test]
    fn whatever_is_not_yaml_is_refused_quickly_and_with_its_place() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
            + &(b'b'..b'z')
                .map(|c| {
                    let before = char::from(c - 1);
                    let alias = format!("*{before},").repeat(9);
                    let c = char::from(c);
                    format!("{c}: &{c} [{alias}]\n")
                })
                .collect::<String>();
        let brackets = "[".repeat(200_000);
        for (text, place, words) in [
            ("a: \"x\n", Some(3), "unclosed quote"),
            ("spec:\n  analysis: {interval: 1m,\n", Some(18), "unclosed"),
            ("ä: 1\nb: 1\nb: 2\n", Some(11), "duplicate mapping key: b"),
            ("? [1, 2]\n: 3\n", Some(2), "a key must be a text"),
            ("a: *nowhere\n", Some(3), "alias"),
            ("a: &a [*a]\n", Some(7), "recursive"),
            (&brackets, Some(255), "recursion limit"),
            (&bomb, None, ""),
        ] {
            let problem = documents(text).unwrap_err();
            let shown = &text[..text.len().min(20)];
            assert!(problem.message.contains(words), "{shown}: {problem:?}");
            assert!(problem.span.is_some(), "{shown}: {problem:?}");
            if let (Some(place), Some(span)) = (place, &problem.span) {
                assert_eq!(span.start, place, "{shown}: {problem:?}");
            }
        }
    }

    #[test]
    fn templates_are_told_from_broken_yaml() {
        for text in ["a: {{ .Values.x }}\n", "{{- if .x }}\na: b\n{{- end }}\n"] {
            let problem = documents(text).unwrap_err();
            assert!(problem.help.unwrap().contains("render it first"), "{text}");
        }
    }

    #[test]
    fn values_are_those_that_kubernetes_reads() {
        let value = |text: &str| {
            documents(text)
                .unwrap()
                .remove(0)
                .get("a")
                .unwrap()
                .value
                .clone()
        };
        assert_eq!(value("a: 0644"), Value::Number(420.0));
        assert_eq!(value("a: NO"), Value::Bool(false));
        assert_eq!(value("a: '5'"), Value::Text("5".to_owned()));
        assert_eq!(value("a:"), Value::Null);
        assert_eq!(value("<<: {a: 1}\nb: 2"), Value::Number(1.0));
        assert_eq!(documents("---\n---\n# nothing\n").unwrap(), []);
    }
}
