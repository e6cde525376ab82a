//! A JSON Schema as a page to read: every table of a file, its fields, what may stand there.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value};

/// All tables and values of a schema as a page of Markdown, from the outermost on; `command` prints it.
pub fn fields_markdown(title: &str, command: &str, schema: &Value) -> String {
    let parts = Parts::of(schema);
    let mut text = format!(
        "# {title}\n\n`{command}` prints this page, which follows from the JSON Schema. Fields stand in \
         alphabetical order. *needed* marks those without which there is no table.\n\n## The file\n\n"
    );
    text.push_str(&described(schema));
    text.push_str(&rows(schema));
    for name in &parts.order {
        let Some(part) = schema.pointer(&format!("/$defs/{name}")) else {
            continue;
        };
        text.push_str(&format!("\n## {name}\n\n"));
        let places = parts.places.get(name).map_or(&[][..], Vec::as_slice);
        if !places.is_empty() && !is_value(part) {
            text.push_str(&format!("In a file: {}.\n\n", places.join(", ")));
        }
        text.push_str(&described(part));
        text.push_str(&rows(part));
        text.push_str(&choices(part));
    }
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text
}

/// The named parts of a schema in the order in which they are met, and where each stands in a file.
struct Parts {
    order: Vec<String>,
    places: BTreeMap<String, Vec<String>>,
}

impl Parts {
    fn of(schema: &Value) -> Parts {
        let mut parts = Parts {
            order: Vec::new(),
            places: BTreeMap::new(),
        };
        let mut waiting = VecDeque::from([(schema, String::new())]);
        while let Some((part, path)) = waiting.pop_front() {
            // What stands once before what stands in lists: a rollout before its rivals.
            let mut below = fields(part);
            below.sort_by_key(|(_, value)| value.get("items").is_some());
            for (field, value) in below {
                let path = match (path.is_empty(), field.is_empty()) {
                    (true, _) => field.clone(),
                    (_, true) => path.clone(),
                    _ => format!("{path}.{field}"),
                };
                for (name, repeated) in named(value, false) {
                    let place = match repeated {
                        true => format!("`[[{path}]]`"),
                        false => format!("`[{path}]`"),
                    };
                    let places = parts.places.entry(name.clone()).or_default();
                    places.push(place);
                    if !parts.order.contains(&name) {
                        let below = schema.pointer(&format!("/$defs/{name}"));
                        waiting.extend(below.map(|below| (below, path.clone())));
                        parts.order.push(name);
                    }
                }
            }
        }
        parts
    }
}

/// The fields of a table and of all its kinds.
fn fields(part: &Value) -> Vec<(&String, &Value)> {
    let own = part.get("properties").and_then(Value::as_object);
    let mut all: Vec<(&String, &Value)> = own.into_iter().flatten().collect();
    for choice in variants(part) {
        all.extend(fields(choice));
    }
    // A choice that is a part by itself stands at the field of the whole.
    for choice in variants(part) {
        if fields(choice).is_empty() && !named(choice, false).is_empty() {
            all.push((&NAMELESS, choice));
        }
    }
    all
}

static NAMELESS: String = String::new();

fn variants(part: &Value) -> Vec<&Value> {
    let of = |key| part.get(key).and_then(Value::as_array);
    of("oneOf")
        .or_else(|| of("anyOf"))
        .into_iter()
        .flatten()
        .collect()
}

/// The named parts that a value is made of, and whether they stand in a list.
fn named(value: &Value, in_list: bool) -> Vec<(String, bool)> {
    if let Some(name) = reference(value) {
        return vec![(name.to_owned(), in_list)];
    }
    if let Some(items) = value.get("items").filter(|items| items.is_object()) {
        return named(items, true);
    }
    if let Some(items) = value.get("prefixItems").and_then(Value::as_array) {
        return items.iter().flat_map(|item| named(item, true)).collect();
    }
    if let Some(items) = value
        .get("additionalProperties")
        .filter(|items| items.is_object())
    {
        return named(items, in_list);
    }
    let choices = variants(value).into_iter();
    choices.flat_map(|choice| named(choice, in_list)).collect()
}

fn reference(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// Whether it is a single value, not a table.
fn is_value(part: &Value) -> bool {
    fields(part).iter().all(|(name, _)| name.is_empty())
}

fn described(part: &Value) -> String {
    let mut text = words(part);
    if let Some(examples) = part.get("examples").and_then(Value::as_array) {
        let examples: Vec<String> = examples
            .iter()
            .map(|one| format!("`{}`", bare(one)))
            .collect();
        text.push_str(&format!(" Written like {}.", examples.join(", ")));
    }
    match text.is_empty() {
        true => text,
        false => format!("{}\n\n", text.trim()),
    }
}

fn words(part: &Value) -> String {
    let text = part
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value without the quotes of a text.
fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The table of a table's own fields.
fn rows(part: &Value) -> String {
    let own = part.get("properties").and_then(Value::as_object);
    table(own.into_iter().flatten(), &required(part))
}

fn required(part: &Value) -> Vec<&str> {
    let names = part.get("required").and_then(Value::as_array);
    names
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn table<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>, required: &[&str]) -> String {
    let shown = fields.filter(|(_, value)| value.get("const").is_none());
    let mut text = String::new();
    for (name, value) in shown {
        let default = match value.get("default") {
            Some(default) => format!("`{}`", cell(&bare(default))),
            None if required.contains(&name.as_str()) => "needed".to_owned(),
            None => String::new(),
        };
        text.push_str(&format!(
            "| `{name}` | {} | {default} | {} |\n",
            kind(value),
            cell(&words(value))
        ));
    }
    match text.is_empty() {
        true => text,
        false => {
            format!("| field | what stands there | default | |\n| --- | --- | --- | --- |\n{text}")
        }
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// What may stand at a field, in words, with links to what has a heading of its own.
fn kind(value: &Value) -> String {
    if let Some(name) = reference(value) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(only) = value.get("const") {
        return format!("`{}`", bare(only));
    }
    let choices = variants(value);
    if !choices.is_empty() {
        let kinds: Vec<String> = choices.into_iter().map(kind).collect();
        return kinds.join(" or ");
    }
    match value.get("type") {
        Some(Value::Array(kinds)) => {
            let kinds: Vec<String> = kinds.iter().map(|one| plain(&bare(one), value)).collect();
            kinds.join(" or ")
        }
        Some(one) => plain(&bare(one), value),
        None => "anything".to_owned(),
    }
}

fn plain(kind_name: &str, value: &Value) -> String {
    let of = |key: &str| value.get(key).filter(|below| below.is_object()).map(kind);
    let name = match kind_name {
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => "whole number".to_owned(),
        "array" => match value.get("prefixItems").and_then(Value::as_array) {
            Some(parts) => {
                let parts: Vec<String> = parts.iter().map(kind).collect();
                format!("[{}]", parts.join(", "))
            }
            None => format!("list of {}", of("items").unwrap_or_default()),
        },
        "object" => match of("additionalProperties") {
            Some(below) => format!("table of {below} by name"),
            None => "table".to_owned(),
        },
        other => other.to_owned(),
    };
    let bound = |key: &str| value.get(key).filter(|bound| bound.is_number()).map(bare);
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!("{name}, {least} to {most}"),
        (Some(least), None) if least != "0" => format!("{name}, at least {least}"),
        _ => name,
    }
}

/// The kinds of something that has several: words, tables, or other parts.
fn choices(part: &Value) -> String {
    let all = variants(part);
    let simple = all.iter().filter(|choice| fields(choice).is_empty());
    let mut text = String::new();
    for choice in simple {
        text.push_str(&format!("- {}", kind(choice)));
        let words = words(choice);
        if !words.is_empty() {
            text.push_str(&format!(": {words}"));
        }
        text.push('\n');
    }
    if let Some(words) = part.get("enum").and_then(Value::as_array) {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("`{}`", bare(word)))
            .collect();
        text.push_str(&format!("One of {}.\n", words.join(", ")));
    }
    let tables: Vec<&Value> = (all.iter().copied())
        .filter(|choice| !fields(choice).is_empty())
        .collect();
    let common = common(&tables);
    if !common.is_empty() {
        text.push_str("Every kind has these fields:\n\n");
        text.push_str(&table(common.iter().copied(), &[]));
    }
    for choice in tables {
        if !text.is_empty() {
            text.push('\n');
        }
        if let Some((name, only)) = tag(choice) {
            text.push_str(&format!("### `{name} = \"{only}\"`\n\n"));
        }
        text.push_str(&described(choice));
        let own = fields(choice).into_iter();
        let own = own.filter(|field| !common.contains(field));
        text.push_str(&table(own, &required(choice)));
    }
    text
}

/// The fields that several kinds of a table have alike, all of them.
fn common<'a>(tables: &[&'a Value]) -> Vec<(&'a String, &'a Value)> {
    let Some((first, rest)) = tables.split_first().filter(|(_, rest)| rest.len() > 1) else {
        return Vec::new();
    };
    let everywhere = |(name, value): &(&String, &Value)| {
        let needed = |table: &&Value| required(table).contains(&name.as_str());
        let here = |table: &&Value| table.pointer(&format!("/properties/{name}")) == Some(value);
        !tables.iter().any(needed) && rest.iter().all(here)
    };
    fields(first).into_iter().filter(everywhere).collect()
}

/// The field by which a kind of table is known, and its word.
fn tag(choice: &Value) -> Option<(&String, String)> {
    let fields: &Map<String, Value> = choice.get("properties")?.as_object()?;
    let (name, value) = fields
        .iter()
        .find(|(_, value)| value.get("const").is_some())?;
    Some((name, bare(&value["const"])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_values_and_kinds_of_a_schema_are_told() {
        let schema = json!({
            "description": "A\nfile.",
            "properties": {
                "rate": { "$ref": "#/$defs/Rate", "description": "How | many." },
                "faults": { "type": "array", "items": { "$ref": "#/$defs/Fault" }, "description": "Wrong." },
            },
            "required": ["rate"],
            "$defs": {
                "Rate": { "description": "Requests.", "examples": ["20/s"], "anyOf": [
                    { "type": "string" }, { "$ref": "#/$defs/Law" }, { "properties": { "mean": { "type": "number" } } } ] },
                "Law": { "enum": ["even", "random"] },
                "Fault": { "description": "One.", "oneOf": [
                    { "description": "Fails.", "properties": {
                        "kind": { "const": "errors" }, "onset": { "type": "string" },
                        "share": { "type": "number", "minimum": 0, "maximum": 1, "default": 0.5 } } },
                    { "description": "Slow.", "properties": { "kind": { "const": "slow" }, "onset": { "type": "string" } } },
                    { "description": "Lost.", "properties": { "kind": { "const": "lost" }, "onset": { "type": "string" } } } ] },
                "Unused": { "type": "string" },
            },
        });
        let text = fields_markdown("Title", "command", &schema);
        assert!(text.starts_with("# Title\n\n`command` prints"), "{text}");
        for wanted in [
            "## The file\n\nA file.\n\n| field |",
            "| `rate` | [Rate](#rate) | needed | How \\| many. |",
            "| `faults` | list of [Fault](#fault) |  | Wrong. |",
            "## Rate\n\nIn a file: `[rate]`.\n\nRequests. Written like `20/s`.\n\n- text\n- [Law](#law)\n",
            "## Law\n\nOne of `even`, `random`.\n",
            "## Fault\n\nIn a file: `[[faults]]`.\n\nOne.\n\nEvery kind has these fields:\n\n",
            "| `onset` | text |  |  |\n\n### `kind = \"errors\"`\n\nFails.\n\n| field",
            "| `share` | number, 0 to 1 | `0.5` |  |",
            "### `kind = \"slow\"`\n\nSlow.\n\n### `kind = \"lost\"`",
        ] {
            assert!(text.contains(wanted), "{wanted}\n---\n{text}");
        }
        assert!(!text.contains("Unused"), "{text}");
    }
}
