//! Finding the one Canary in a file of several documents.

use super::super::yaml::{Node, Value, documents};
use crate::base::Problem;

/// The only Canary of a text.
pub(super) fn the_canary(text: &str) -> Result<Node, Vec<Problem>> {
    let all = documents(text).map_err(|problem| vec![problem])?;
    let all: Vec<Node> = all.into_iter().flat_map(members).collect();
    let found = named(&all);
    let mut canaries: Vec<Node> = all.into_iter().filter(is_canary).collect();
    let Some(first) = canaries.pop() else {
        let help = "a Canary starts with `apiVersion: flagger.app/v1beta1` and `kind: Canary`";
        return Err(vec![Problem::error(found, None).help(help)]);
    };
    if canaries.is_empty() {
        return Ok(first);
    }
    canaries.push(first);
    let names: Vec<&str> = canaries.iter().map(name).collect();
    let message = format!(
        "{} Canaries in one file: {}",
        canaries.len(),
        names.join(", ")
    );
    let second = kind_place(&canaries[1]);
    let help = "split the file: one Canary is read at a time";
    Err(vec![Problem::error(message, second).help(help)])
}

/// The documents of a `List`, or the document itself.
fn members(document: Node) -> Vec<Node> {
    let is_list = document
        .get("kind")
        .and_then(Node::text)
        .is_some_and(|kind| kind.ends_with("List"));
    match document.get("items") {
        Some(Node {
            value: Value::List(items),
            ..
        }) if is_list => items.clone(),
        _ => vec![document],
    }
}

fn is_canary(document: &Node) -> bool {
    document.get("kind").and_then(Node::text) == Some("Canary")
}

fn name(document: &Node) -> &str {
    let name = document
        .get("metadata")
        .and_then(|metadata| metadata.get("name"));
    name.and_then(Node::text).unwrap_or("one without a name")
}

fn kind_place(document: &Node) -> Option<std::ops::Range<usize>> {
    document.get("kind").map(|kind| kind.span.clone())
}

/// What there is instead of a Canary.
fn named(documents: &[Node]) -> String {
    const SHOWN: usize = 8;
    if documents.is_empty() {
        return "no Canary: the file holds no document".to_owned();
    }
    let mut shown: Vec<String> = documents
        .iter()
        .take(SHOWN)
        .map(|document| match document.get("kind").and_then(Node::text) {
            Some(kind) => format!("{kind} {}", name(document)),
            None if matches!(document.value, Value::Map(_)) => "a map without a kind".to_owned(),
            None => document.kind().to_owned(),
        })
        .collect();
    if documents.len() > SHOWN {
        shown.push(format!("{} more", documents.len() - SHOWN));
    }
    format!("no Canary among the documents: found {}", shown.join(", "))
}
