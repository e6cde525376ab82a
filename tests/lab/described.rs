//! The description of the API beside the server: every operation is called with its example, and every
//! answer is what is described.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::client::{Answer, Lab};

/// What is wrong with a value by a schema, as far as the description uses schemas.
pub(crate) fn wrong(
    root: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    complaints: &mut Vec<String>,
) {
    if let Some(name) = schema["$ref"].as_str() {
        let found = root.pointer(name.trim_start_matches('#'));
        let found = found.unwrap_or_else(|| panic!("{at}: {name} leads nowhere"));
        wrong(root, found, value, at, complaints);
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let fits = |choice: &&Value| {
            let mut found = Vec::new();
            wrong(root, choice, value, at, &mut found);
            found.is_empty()
        };
        if choices.iter().filter(fits).count() == 0 {
            complaints.push(format!("{at}: {value} is none of those described"));
        }
    }
    if !schema["const"].is_null() && schema["const"] != *value {
        complaints.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    if let Some(all) = schema["enum"].as_array()
        && !all.contains(value)
    {
        complaints.push(format!("{at}: {value} is not one of {all:?}"));
    }
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{at}: {other} is no type"),
    };
    let is_of_type = match &schema["type"] {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
        _ => true,
    };
    if !is_of_type {
        complaints.push(format!("{at}: {value} is no {}", schema["type"]));
    }
    if let Some(items) = value.as_array().filter(|_| schema.get("items").is_some()) {
        for (number, item) in items.iter().enumerate() {
            let at = format!("{at}[{number}]");
            wrong(root, &schema["items"], item, &at, complaints);
        }
    }
    if let Some(fields) = value.as_object() {
        of_object(root, schema, fields, at, complaints);
    }
}

fn of_object(
    root: &Value,
    schema: &Value,
    fields: &Map<String, Value>,
    at: &str,
    complaints: &mut Vec<String>,
) {
    for name in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(name.as_str().unwrap()) {
            complaints.push(format!("{at}: {name} is missing"));
        }
    }
    let Some(known) = schema["properties"].as_object() else {
        return;
    };
    for (name, value) in fields {
        match known.get(name) {
            Some(schema) => wrong(root, schema, value, &format!("{at}.{name}"), complaints),
            None if schema["oneOf"].is_array() || schema["anyOf"].is_array() => {}
            None => complaints.push(format!("{at}.{name} is not described")),
        }
    }
}

fn call(lab: &Lab, method: &str, path: &str, operation: &Value) -> Answer {
    let mut path = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let example = match &parameter["example"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        path = path.replace(&format!("{{{name}}}"), &example);
    }
    let example = &operation["requestBody"]["content"]["application/json"]["example"];
    let body = (!example.is_null()).then(|| example.to_string().into_bytes());
    let token = [("x-coalmine-token", lab.token.as_str())];
    let token = match operation["security"].is_array() {
        true => &token[..],
        false => &[],
    };
    lab.ask(&method.to_uppercase(), &path, token, body.as_deref())
}

#[test]
fn every_operation_answers_its_example_as_described() {
    let lab = Lab::open("");
    let root = lab.get("/api/openapi.json").json();
    assert_eq!(root["openapi"], "3.1.0");
    let (mut complaints, mut called) = (Vec::new(), 0);
    // One connection each; a stream of events would never end, and a live run is another test's.
    for (path, operations) in root["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let at = format!("{method} {path}");
            let is_live = path.starts_with("/api/live");
            assert_eq!(operation["security"].is_array(), is_live, "{at}");
            if path == "/api/live/events" || at == "post /api/live" {
                continue;
            }
            called += 1;
            let answer = call(&lab, method, path, operation);
            let described = &operation["responses"][answer.status.to_string()];
            if described.is_null() {
                complaints.push(format!("{at}: {} is not described", answer.status));
                continue;
            }
            let is_good = answer.status < 300;
            // Without a run there are no faults to speak of.
            let needs_run = path.starts_with("/api/live/faults");
            if is_good == needs_run {
                complaints.push(format!("{at}: {} {}", answer.status, answer.text()));
            }
            let described = match described["$ref"].as_str() {
                Some(name) => root.pointer(name.trim_start_matches('#')).unwrap(),
                None => described,
            };
            check(&root, described, &answer, &at, &mut complaints);
        }
    }
    assert!(called >= 17, "only {called} were called");
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn check(root: &Value, described: &Value, answer: &Answer, at: &str, complaints: &mut Vec<String>) {
    let Some(content) = described["content"].as_object() else {
        assert!(answer.body.is_empty(), "{at}");
        return;
    };
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap();
    let Some(content) = content.get(kind) else {
        complaints.push(format!("{at}: {kind} is not described"));
        return;
    };
    if kind == "application/json" {
        wrong(root, &content["schema"], &answer.json(), at, complaints);
    }
    for name in described["headers"].as_object().into_iter().flatten() {
        if answer.header(&name.0.to_ascii_lowercase()).is_none() {
            complaints.push(format!("{at}: the header {} is missing", name.0));
        }
    }
}

/// A route that the description forgets would be asked by nobody here.
#[test]
fn every_route_is_described() {
    let lab = Lab::open("");
    let root = lab.get("/api/openapi.json").json();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lab");
    let (mut folders, mut routes) = (vec![source], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let found = text.split(".route(\"").skip(1);
            routes.extend(found.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    assert!(routes.len() > 12, "{routes:?}");
    for route in routes {
        assert!(!root["paths"][&route].is_null(), "{route} is not described");
    }
}

#[test]
fn refusals_are_described_as_well() {
    let lab = Lab::open("");
    let root = lab.get("/api/openapi.json").json();
    let mut complaints = Vec::new();
    for (path, operations) in root["paths"].as_object().unwrap() {
        let Some(operation) = operations.get("post") else {
            continue;
        };
        let token = ("x-coalmine-token", lab.token.as_str());
        let bodies: [(&[u8], &str); 4] = [
            (b"{", "application/json"),
            (b"{\"setup\":{\"scenario\":\"none\"}}", "application/json"),
            (b"{}", "text/plain"),
            (b"{}", "application/json"),
        ];
        for (body, kind) in bodies {
            let answer = lab.ask("POST", path, &[token, ("content-type", kind)], Some(body));
            // Stopping takes no body, and so refuses none.
            if answer.status < 300 && path != "/api/live/stop" {
                complaints.push(format!(
                    "post {path}: took {}",
                    String::from_utf8_lossy(body)
                ));
            }
            let at = format!("post {path} {}", String::from_utf8_lossy(body));
            let described = &operation["responses"][answer.status.to_string()];
            if described.is_null() {
                complaints.push(format!("{at}: {} is not described", answer.status));
                continue;
            }
            let Some(name) = described["$ref"].as_str() else {
                continue;
            };
            let described = root.pointer(name.trim_start_matches('#')).unwrap();
            check(&root, described, &answer, &at, &mut complaints);
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The checker itself: it finds what is wrong.
#[test]
fn a_wrong_answer_would_be_found() {
    let root =
        serde_json::json!({ "components": { "schemas": { "Share": { "type": "number" } } } });
    let schema = serde_json::json!({
        "type": "object",
        "properties": {
            "power": { "$ref": "#/components/schemas/Share" },
            "name": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
            "list": { "type": "array", "items": { "enum": ["a", "b"] } },
        },
        "required": ["power"],
    });
    let complaints = |value: Value| {
        let mut complaints = Vec::new();
        wrong(&root, &schema, &value, "it", &mut complaints);
        complaints.len()
    };
    use serde_json::json;
    assert_eq!(
        complaints(json!({ "power": 0.5, "name": null, "list": ["a"] })),
        0
    );
    assert_eq!(complaints(json!({ "power": "x" })), 1);
    assert_eq!(complaints(json!({ "name": "x" })), 1);
    assert_eq!(complaints(json!({ "power": 1, "name": 3 })), 1);
    assert_eq!(complaints(json!({ "power": 1, "list": ["c"] })), 1);
    assert_eq!(complaints(json!({ "power": 1, "more": 1 })), 1);
}
