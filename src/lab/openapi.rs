//! The description of the API (OpenAPI 3.1), made from the types that are read and written.

mod operations;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::refusal::Refused;

/// An operation of the API.
#[derive(Debug, Clone, Copy)]
struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    /// What it does, in a sentence.
    summary: &'static str,
    /// What the part in braces of the path is, with an example and its type.
    part: Option<(&'static str, &'static str, &'static str)>,
    /// What the body is and what it may look like.
    body: Option<(Maker, fn() -> Value)>,
    /// What comes back: status, in words, and how.
    answer: (u16, &'static str, Answer),
    /// Statuses of refusals besides those that every operation has.
    refusals: &'static [u16],
}

type Maker = fn(&mut SchemaGenerator) -> Schema;

/// How an answer comes.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// JSON of this type.
    Json(Maker),
    /// A file of this type of media.
    File(&'static str),
    /// A stream of events: number, name and data of each as in this type.
    Events(Maker),
    /// Nothing but the status.
    Empty,
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Why a request is refused, by status.
const REFUSALS: [(u16, &str); 9] = [
    (400, "The request is not understood"),
    (403, "Whoever asks may not: host, origin or token"),
    (404, "There is no such thing"),
    (408, "The request took too long to come"),
    (409, "It does not go with how things stand"),
    (413, "The request is too large"),
    (415, "The request is not JSON"),
    (422, "It was understood, and cannot be played"),
    (429, "Too many wait already"),
];

/// The description.
pub fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(describe)
}

fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = contract;
    });
    settings.into_generator()
}

fn describe() -> Value {
    let mut reads = generator(Contract::Deserialize);
    let mut writes = generator(Contract::Serialize);
    let refused = writes.subschema_for::<Refused>().to_value();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations::ALL {
        let told = told(operation, &mut reads, &mut writes);
        let at = paths.entry(operation.path).or_default();
        at.insert(operation.method.to_owned(), told);
    }
    let mut schemas: Map<String, Value> = writes.take_definitions(true);
    schemas.extend(reads.take_definitions(true));
    let responses: Map<String, Value> = REFUSALS
        .iter()
        .map(|(status, words)| {
            let answer = json!({
                "description": words,
                "content": { "application/json": { "schema": refused } },
            });
            (name_of(*status), answer)
        })
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "coalmine lab",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses,
            "securitySchemes": {
                "token": { "type": "apiKey", "in": "header", "name": "X-Coalmine-Token" },
            },
        },
    })
}

const ABOUT: &str = "\
What the page of `coalmine lab` asks its server. Times are in seconds, shares from 0 to 1, percentages \
are named so. Texts of a setup are what the command line takes. Equal requests give equal answers: the \
seed is the scenario's unless the setup has one. A page that sends a random word as `X-Coalmine-Page` \
has its older question of a kind replaced by a newer one. Everything under `/api/live`, and everything \
where the lab is open to other machines, wants the token of the address that was printed at the start.";

fn name_of(status: u16) -> String {
    format!("refused{status}")
}

fn told(operation: &Operation, reads: &mut SchemaGenerator, writes: &mut SchemaGenerator) -> Value {
    let (status, words, answer) = operation.answer;
    let mut response = json!({ "description": words });
    match answer {
        Answer::Json(maker) => {
            response["content"] =
                json!({ "application/json": { "schema": maker(writes).to_value() } });
        }
        Answer::File(kind) => {
            response["content"] = json!({ kind: { "schema": { "type": "string" } } });
            response["headers"] = json!({
                "Content-Disposition": { "required": true, "schema": { "type": "string" } },
            });
        }
        Answer::Events(maker) => {
            let one = maker(writes).to_value();
            let one = one["$ref"].as_str().unwrap_or_default();
            let words =
                format!("The lines `id`, `event` and `data` of each are the fields of {one}");
            response["content"] = json!({
                "text/event-stream": { "schema": { "type": "string", "description": words } },
            });
        }
        Answer::Empty => {}
    }
    let mut responses = Map::new();
    responses.insert(status.to_string(), response);
    let of_body: &[u16] = match operation.body {
        Some(_) => &[400, 408, 413, 415, 422],
        None => &[],
    };
    for status in [403].iter().chain(of_body).chain(operation.refusals) {
        let refused = json!({ "$ref": format!("#/components/responses/{}", name_of(*status)) });
        responses.insert(status.to_string(), refused);
    }
    let mut told = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": responses,
    });
    if let Some((name, example, kind)) = operation.part {
        told["parameters"] = json!([{
            "name": name,
            "in": "path",
            "required": true,
            "schema": { "type": kind },
            "example": match example.parse::<u64>() {
                Ok(number) if kind == "integer" => json!(number),
                _ => json!(example),
            },
        }]);
    }
    if let Some((maker, example)) = operation.body {
        told["requestBody"] = json!({
            "required": true,
            "content": {
                "application/json": { "schema": maker(reads).to_value(), "example": example() },
            },
        });
    }
    if operation.path.starts_with("/api/live") {
        told["security"] = json!([{ "token": [] }]);
    }
    told
}
