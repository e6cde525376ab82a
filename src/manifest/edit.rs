//! One value of a YAML or JSON text set, with everything else left as it is written.
//!
//! A scalar's bytes are replaced where they stand; a field that is missing is added beside its
//! siblings. Whatever comes out is read again: it must say what the text said before with that one
//! value set, or it is refused. So aliases, merge keys and block texts are never changed by accident.

use std::ops::Range;

use super::place::{Path, Step};
use super::yaml::{Entry, Node, Value, documents};

/// A value that a place can be set to.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A number.
    Number(f64),
    /// True or false.
    Truth(bool),
    /// A text.
    Text(String),
}

/// Which resource of a text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Which<'a> {
    /// Its kind; `None` of a document without one, such as a canary config.
    pub kind: Option<&'a str>,
    /// `metadata.name`, when it matters.
    pub name: Option<&'a str>,
}

/// Why a value cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is not YAML.
    #[error("{0}")]
    Unreadable(String),
    /// No such resource.
    #[error("there is no {0}")]
    NoResource(String),
    /// There is nothing at that place, and nothing that it could be added to.
    #[error("there is no `{missing}`{}", near(.nearest))]
    Missing {
        /// The first part of the place that is not there.
        missing: String,
        /// What there is that is most like it.
        nearest: Option<String>,
    },
    /// The place holds a list or a map.
    #[error("`{0}` holds {1}, not one value: name a field in it")]
    NotOne(String, &'static str),
    /// It cannot be changed alone.
    #[error(
        "`{0}` cannot be changed alone: it is shared through an alias or a merge key, or spans \
         several lines; write it out in full"
    )]
    Shared(String),
}

fn near(nearest: &Option<String>) -> String {
    let nearest = nearest.as_ref();
    nearest.map_or(String::new(), |near| format!(" (did you mean `{near}`?)"))
}

/// What setting a value came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// Whether the field was added.
    pub added: bool,
    /// The place with items by number, as an account names it.
    pub place: String,
    /// What the resource calls itself: `Canary podinfo`.
    pub title: String,
}

/// The value at a place.
///
/// # Errors
/// When there is no such place, or it holds a list or a map.
pub fn get(text: &str, which: Which<'_>, path: &Path) -> Result<Option<Scalar>, EditError> {
    let all = read(text)?;
    let (document, prefix) = locate(&all, which, path)?;
    let found = descend(&all[document], &prefix, path)?;
    match found.rest.is_empty() {
        true => scalar_of(found.node, path),
        false => Ok(None),
    }
}

/// The text with one value set.
///
/// # Errors
/// When there is no such place, or the value cannot be set there without touching others.
pub fn set(text: &str, which: Which<'_>, path: &Path, value: &Scalar) -> Result<Edited, EditError> {
    let all = read(text)?;
    let (document, prefix) = locate(&all, which, path)?;
    let found = descend(&all[document], &prefix, path)?;
    let drafts = match found.rest {
        [] => replacements(text, found.node, path, value)?,
        missing => additions(text, found.node, missing, value).ok_or_else(|| {
            let (missing, nearest) = (missing_of(path, missing), nearest(found.node, missing));
            EditError::Missing { missing, nearest }
        })?,
    };
    let steps: Vec<Step> = found.taken.iter().chain(found.rest).cloned().collect();
    let own = steps[prefix.len()..].to_vec();
    for draft in drafts {
        let mut wanted = all.clone();
        put(&mut wanted[document], &steps, &draft.value);
        let new = format!(
            "{}{}{}",
            &text[..draft.span.start],
            draft.words,
            &text[draft.span.end..]
        );
        let is_so = documents(&new).is_ok_and(|read| {
            read.len() == wanted.len() && read.iter().zip(&wanted).all(|(a, b)| same(a, b))
        });
        if is_so {
            return Ok(Edited {
                text: new,
                added: !found.rest.is_empty(),
                place: Path::new(own).map_or(String::new(), |path| path.to_string()),
                title: title(within(&all[document], &prefix)),
            });
        }
    }
    Err(EditError::Shared(path.to_string()))
}

fn read(text: &str) -> Result<Vec<Node>, EditError> {
    documents(text).map_err(|problem| EditError::Unreadable(problem.message))
}

/// The document and the steps to the resource in it; of several without a kind, the one that has
/// most of the path.
fn locate(all: &[Node], which: Which<'_>, path: &Path) -> Result<(usize, Vec<Step>), EditError> {
    let mut found = Vec::new();
    for (index, document) in all.iter().enumerate() {
        let kind = document.get("kind").and_then(Node::text);
        match document.get("items").map(|items| &items.value) {
            Some(Value::List(items)) if kind.is_some_and(|kind| kind.ends_with("List")) => {
                found.extend(items.iter().enumerate().map(|(item, node)| {
                    let prefix = vec![Step::Key("items".to_owned()), Step::Item(item)];
                    (index, prefix, node)
                }));
            }
            _ => found.push((index, Vec::new(), document)),
        }
    }
    found.retain(|(_, _, node)| {
        let name = (node.get("metadata"))
            .and_then(|metadata| metadata.get("name"))
            .and_then(Node::text);
        node.get("kind").and_then(Node::text) == which.kind
            && which.name.is_none_or(|wanted| name == Some(wanted))
    });
    let depth = |node: &Node| descend_from(node, path.steps()).taken.len();
    let best = (found.iter()).rev().max_by_key(|(_, _, node)| depth(node));
    let best = best.map(|(index, prefix, _)| (*index, prefix.clone()));
    best.ok_or_else(|| {
        let kind = which.kind.unwrap_or("document without a kind");
        let name = which.name.map(|name| format!(" {name}"));
        EditError::NoResource(format!("{kind}{}", name.unwrap_or_default()))
    })
}

fn title(node: &Node) -> String {
    let kind = node.get("kind").and_then(Node::text).unwrap_or_default();
    let name = node
        .get("metadata")
        .and_then(|metadata| metadata.get("name"));
    match name.and_then(Node::text) {
        Some(name) => format!("{kind} {name}"),
        None => kind.to_owned(),
    }
}

struct Found<'n, 'p> {
    node: &'n Node,
    /// The steps that are there, items by number.
    taken: Vec<Step>,
    /// Those that are not.
    rest: &'p [Step],
}

fn within<'n>(node: &'n Node, prefix: &[Step]) -> &'n Node {
    descend_from(node, prefix).node
}

fn descend<'n, 'p>(
    document: &'n Node,
    prefix: &[Step],
    path: &'p Path,
) -> Result<Found<'n, 'p>, EditError> {
    let found = descend_from(within(document, prefix), path.steps());
    let taken = prefix.iter().cloned().chain(found.taken).collect();
    let found = Found { taken, ..found };
    let can_be_added = found.rest.iter().all(|step| matches!(step, Step::Key(_)));
    if can_be_added {
        return Ok(found);
    }
    Err(EditError::Missing {
        missing: missing_of(path, found.rest),
        nearest: nearest(found.node, found.rest),
    })
}

fn descend_from<'n, 'p>(mut node: &'n Node, steps: &'p [Step]) -> Found<'n, 'p> {
    let mut taken = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let Some((step, below)) = one_down(node, step) else {
            return Found {
                node,
                taken,
                rest: &steps[index..],
            };
        };
        taken.push(step);
        node = below;
    }
    Found {
        node,
        taken,
        rest: &[],
    }
}

fn one_down<'n>(node: &'n Node, step: &Step) -> Option<(Step, &'n Node)> {
    match (step, &node.value) {
        (Step::Key(key) | Step::Named(key), Value::Map(_)) => {
            Some((Step::Key(key.clone()), node.get(key)?))
        }
        (Step::Item(index), Value::List(items)) => Some((Step::Item(*index), items.get(*index)?)),
        (Step::Named(name), Value::List(items)) => {
            let index = items.iter().position(|item| name_of(item) == Some(name))?;
            Some((Step::Item(index), &items[index]))
        }
        _ => None,
    }
}

fn name_of(item: &Node) -> Option<&str> {
    let name = item.get("name").or_else(|| item.get("kind"));
    name.and_then(Node::text)
}

/// The path up to the first step that is not there.
fn missing_of(path: &Path, rest: &[Step]) -> String {
    let there = path.steps().len() - rest.len();
    let steps = path.steps()[..=there.min(path.steps().len() - 1)].to_vec();
    Path::new(steps).map_or(String::new(), |path| path.to_string())
}

fn nearest(node: &Node, rest: &[Step]) -> Option<String> {
    let wanted = match rest.first()? {
        Step::Key(key) | Step::Named(key) => key.clone(),
        Step::Item(index) => index.to_string(),
    };
    let names: Vec<String> = match &node.value {
        Value::Map(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
        Value::List(items) => {
            let named = items.iter().enumerate();
            let names =
                named.map(|(index, item)| name_of(item).map_or(index.to_string(), str::to_owned));
            names.collect()
        }
        _ => Vec::new(),
    };
    let like = |name: &String| strsim::jaro_winkler(name, &wanted);
    let best = names
        .into_iter()
        .max_by(|a, b| like(a).total_cmp(&like(b)))?;
    Some(best)
}

fn scalar_of(node: &Node, path: &Path) -> Result<Option<Scalar>, EditError> {
    Ok(match &node.value {
        Value::Null => None,
        Value::Bool(truth) => Some(Scalar::Truth(*truth)),
        Value::Number(number) => Some(Scalar::Number(*number)),
        Value::Text(text) => Some(Scalar::Text(text.clone())),
        Value::List(_) | Value::Map(_) => {
            return Err(EditError::NotOne(path.to_string(), node.kind()));
        }
    })
}

/// A way to write the value, and what it will be read as.
struct Draft {
    span: Range<usize>,
    words: String,
    value: Value,
}

fn replacements(
    text: &str,
    node: &Node,
    path: &Path,
    value: &Scalar,
) -> Result<Vec<Draft>, EditError> {
    scalar_of(node, path)?;
    let old = &text[node.span.clone()];
    let draft = |(words, value)| Draft {
        span: node.span.clone(),
        words,
        value,
    };
    // A number in quotes stays in quotes: its reader wants a text.
    let quoted = match (old.chars().next(), value) {
        (Some('"'), value) => Some(double_quoted(&plain(value))),
        (Some('\''), value) => Some(format!("'{}'", plain(value).replace('\'', "''"))),
        _ => None,
    };
    if let Some(words) = quoted {
        return Ok(vec![draft((words, Value::Text(plain(value))))]);
    }
    Ok(ways(value).into_iter().map(draft).collect())
}

/// How a value can be written where nothing asks for quotes, best first.
fn ways(value: &Scalar) -> Vec<(String, Value)> {
    let words = plain(value);
    match value {
        Scalar::Number(number) => vec![(words, Value::Number(*number))],
        Scalar::Truth(truth) => vec![(words, Value::Bool(*truth))],
        Scalar::Text(text) => {
            let quoted = double_quoted(&words);
            vec![
                (words, Value::Text(text.clone())),
                (quoted, Value::Text(text.clone())),
            ]
        }
    }
}

fn plain(value: &Scalar) -> String {
    match value {
        Scalar::Number(number) => number.to_string(),
        Scalar::Truth(truth) => truth.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

/// JSON's quotes are YAML's.
fn double_quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Ways to add fields below a map.
fn additions(text: &str, node: &Node, missing: &[Step], value: &Scalar) -> Option<Vec<Draft>> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let keys: Vec<&str> = (missing.iter())
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            _ => None,
        })
        .collect();
    let is_flow = text[node.span.start..].starts_with('{');
    let sibling = (entries.iter().rev()).find(|entry| ends_where_it_says(text, entry));
    let draft = |(words, value): (String, Value)| {
        let (at, words) = match is_flow {
            true => beside_in_flow(text, node, entries, sibling, &keys, &words)?,
            false => beside_in_block(text, entries, sibling, &keys, &words)?,
        };
        Some(Draft {
            span: at..at,
            words,
            value,
        })
    };
    let is_json = is_flow && entries.first().is_none_or(|entry| is_quoted(text, entry));
    let ways = ways(value).into_iter();
    let ways = ways.filter(|(words, value)| {
        !is_json || !matches!(value, Value::Text(_)) || words.starts_with('"')
    });
    ways.map(draft).collect()
}

fn is_quoted(text: &str, entry: &Entry) -> bool {
    text[entry.key_span.clone()].starts_with('"')
}

/// Whether the value is one scalar on the line of its key, written there and nowhere else.
fn ends_where_it_says(text: &str, entry: &Entry) -> bool {
    let (key, value) = (&entry.key_span, &entry.value);
    let is_scalar = !matches!(value.value, Value::List(_) | Value::Map(_) | Value::Null);
    let follows = key.end <= value.span.start && !value.span.is_empty();
    is_scalar
        && follows
        && !text[value.span.clone()].starts_with(['|', '>'])
        && !text[key.start..value.span.end].contains('\n')
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

fn beside_in_block(
    text: &str,
    entries: &[Entry],
    sibling: Option<&Entry>,
    keys: &[&str],
    words: &str,
) -> Option<(usize, String)> {
    let key = &sibling.or(entries.first())?.key_span;
    let before = &text[line_start(text, key.start)..key.start];
    let indent = " ".repeat(before.chars().count());
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines = Vec::new();
    for (depth, key) in keys.iter().enumerate() {
        let value = match depth + 1 == keys.len() {
            true => format!(" {words}"),
            false => String::new(),
        };
        lines.push(format!("{indent}{}{key}:{value}", "  ".repeat(depth)));
    }
    let lines = lines.join(newline);
    let Some(sibling) = sibling else {
        let lines = lines.trim_start();
        return Some((key.start, format!("{lines}{newline}{indent}")));
    };
    let after = sibling.value.span.end;
    Some(match text[after..].find('\n') {
        Some(end) => (after + end + 1, format!("{lines}{newline}")),
        None => (text.len(), format!("{newline}{lines}")),
    })
}

fn beside_in_flow(
    text: &str,
    node: &Node,
    entries: &[Entry],
    sibling: Option<&Entry>,
    keys: &[&str],
    words: &str,
) -> Option<(usize, String)> {
    let is_json = entries.first().is_none_or(|entry| is_quoted(text, entry));
    let named = |key: &str| match is_json {
        true => double_quoted(key),
        false => key.to_owned(),
    };
    let (last, above) = keys.split_last()?;
    let field = format!("{}: {words}", named(last));
    let field =
        (above.iter().rev()).fold(field, |field, key| format!("{}: {{{field}}}", named(key)));
    let Some(first) = entries.first() else {
        return Some((node.span.start + 1, field));
    };
    let key = &sibling.unwrap_or(first).key_span;
    let before = &text[..key.start];
    let space = &before[before.trim_end().len()..];
    let space = if space.contains('\n') { space } else { " " };
    Some(match sibling {
        Some(sibling) => (sibling.value.span.end, format!(",{space}{field}")),
        None => (key.start, format!("{field},{space}")),
    })
}

/// The tree with a value set, maps added where they are missing.
fn put(node: &mut Node, steps: &[Step], value: &Value) {
    let Some((step, below)) = steps.split_first() else {
        node.value = value.clone();
        return;
    };
    match (step, &mut node.value) {
        (Step::Item(index), Value::List(items)) => {
            if let Some(item) = items.get_mut(*index) {
                put(item, below, value);
            }
        }
        (Step::Key(key), Value::Map(entries)) => {
            if !entries.iter().any(|entry| entry.key == *key) {
                entries.push(Entry {
                    key: key.clone(),
                    key_span: 0..0,
                    value: Node {
                        value: Value::Map(Vec::new()),
                        span: 0..0,
                    },
                });
            }
            let entry = entries.iter_mut().find(|entry| entry.key == *key);
            if let Some(entry) = entry {
                put(&mut entry.value, below, value);
            }
        }
        _ => {}
    }
}

/// Whether two trees say the same, wherever it stands and in whatever order fields are written.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(own)) => {
            a.len() == own.len()
                && (a.iter()).all(|entry| {
                    b.get(&entry.key)
                        .is_some_and(|other| same(&entry.value, other))
                })
        }
        (a, b) => a == b,
    }
}

/// A place that can be set, with what stands there: for tests and for suggestions.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// The kind of its resource, if it has one.
    pub kind: Option<String>,
    /// The name of its resource, if it has one.
    pub name: Option<String>,
    /// Where it stands.
    pub path: Path,
    /// What stands there.
    pub value: Scalar,
}

/// All places of a text that hold one value, in the order in which they are written; none where it is
/// not YAML.
pub fn leaves(text: &str) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for resource in super::documents::resources_of(0, text) {
        let kind = (!resource.kind.is_empty()).then(|| resource.kind.clone());
        walk(&resource.node, &mut Vec::new(), &mut |steps, value| {
            leaves.extend(Path::new(steps.to_vec()).map(|path| Leaf {
                kind: kind.clone(),
                name: resource.name.clone(),
                path,
                value,
            }));
        });
    }
    leaves
}

fn walk(node: &Node, steps: &mut Vec<Step>, found: &mut dyn FnMut(&[Step], Scalar)) {
    match &node.value {
        Value::Null => {}
        Value::Bool(truth) => found(steps, Scalar::Truth(*truth)),
        Value::Number(number) => found(steps, Scalar::Number(*number)),
        Value::Text(text) => found(steps, Scalar::Text(text.clone())),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                steps.push(Step::Item(index));
                walk(item, steps, found);
                steps.pop();
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                let is_plain = !entry
                    .key
                    .contains(['.', '[', ' ', '=', ':', ',', ']', '"', '\'']);
                let key = entry.key.clone();
                steps.push(if is_plain {
                    Step::Key(key)
                } else {
                    Step::Named(key)
                });
                walk(&entry.value, steps, found);
                steps.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests;
