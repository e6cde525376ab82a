//! The schema against the readers: the same fields, the same defaults.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{LEAST, scenario, with};
use crate::scenario::reader::Table;
use crate::scenario::report::Report;
use crate::scenario::*;

/// Latencies that between them read every table of a latency.
const LATENCIES: [&str; 5] = [
    "{ quantiles = [] }",
    "{ hdr = \"\" }",
    "{ gamma = {} }",
    "{ weibull = {} }",
    "{ body = \"\", tail = {} }",
];

/// Scenarios that between them read every table of every kind.
fn every_table() -> Vec<String> {
    let mut texts = vec![
        with("rollout", "flagger = \"plain-flagger.yaml\""),
        with("rollout", "argo = \"plain-argo.yaml\"\ncluster = {}"),
        with("rollout", "kayenta = \"kayenta-canary.json\"\nparams = {}"),
        LEAST.to_owned()
            + "[split]\naffinity = {}\nretries = {}\nejection = {}\n[telemetry]\nbuckets = { ms = [5] }\n[experiment]\n[live]\n",
        with("rollout", "office_hours = {}"),
        with("rollout", "flagger = \"plain-flagger.yaml\"\nhooks = [{}]"),
    ];
    for latency in LATENCIES {
        texts.push(with(
            "traffic",
            &format!("sessions = {{ think = {latency} }}"),
        ));
        for heading in ["stable", "canary"] {
            texts.push(with(heading, &format!("latency = {latency}")));
            texts.push(with(
                heading,
                &format!("routes = [{{ latency = {latency} }}]"),
            ));
            let fleet = format!(
                "pauses = {{ length = {latency} }}\nwarm_up = {{}}\ncache = {{}}\nplacement = {{}}"
            );
            texts.push(with(heading, &fleet));
        }
    }
    for rate in [
        "ramp = {}",
        "diurnal = {}",
        "week = {}",
        "flash = {}",
        "trace = \"\", columns = {}",
    ] {
        texts.push(LEAST.replacen("\"20/s\"", &format!("{{ {rate} }}"), 1));
    }
    for more in [
        "arrivals = { gamma = {} }",
        "arrivals = { weibull = {} }",
        "swing = { log_normal = {} }",
        "swing = { mmpp = {} }",
        "swing = { on_off = {} }",
        "routes = [{ name = \"a\", share = \"100%\" }]\ngroups = [{}]",
    ] {
        texts.push(with("traffic", more));
    }
    for (kind, _) in fault_kind::KINDS {
        let fault = format!("faults = [{{ kind = \"{kind}\" }}]");
        texts.push(with("canary", &fault));
        texts.push(with("stable", &fault));
        texts.push(format!("{fault}\n{LEAST}"));
        texts.push(format!("tune = {{ {fault} }}\n{LEAST}"));
    }
    texts.push(format!("figures = [{{}}]\n{LEAST}"));
    texts.push(format!("expect = [{{}}]\n{LEAST}"));
    texts.push(format!("goals = [{{ value = {{}} }}]\n{LEAST}"));
    for kind in gates::names() {
        texts.push(LEAST.replace("success-ratio", kind));
    }
    let parts = gates::names()
        .into_iter()
        .map(|kind| format!("{{ kind = \"{kind}\" }}"));
    let parts = parts.collect::<Vec<String>>().join(", ");
    let combined = format!("kind = \"combined\"\nparts = [{parts}]");
    texts.push(LEAST.replace("kind = \"success-ratio\"", &combined));
    // A rival has the fields of a rollout.
    let of_rivals = texts.iter().filter(|text| text.contains("[rollout]"));
    let of_rivals: Vec<String> = of_rivals
        .map(|text| {
            let text = text.replace("[[rollout.", "[[rivals.");
            text.replace("[rollout]", "[[rivals]]")
        })
        .collect();
    texts.extend(of_rivals);
    texts
}

/// The fields of every table that the schema describes, by path.
fn schema_fields(schema: &Value) -> BTreeMap<String, BTreeSet<String>> {
    fn walk(
        root: &Value,
        node: &Value,
        path: &str,
        fields: &mut BTreeMap<String, BTreeSet<String>>,
    ) {
        if let Some(name) = node["$ref"].as_str() {
            walk(
                root,
                &root["$defs"][&name["#/$defs/".len()..]],
                path,
                fields,
            );
        }
        for choices in ["anyOf", "oneOf", "allOf"] {
            for choice in node[choices].as_array().into_iter().flatten() {
                walk(root, choice, path, fields);
            }
        }
        if node["items"].is_object() {
            walk(root, &node["items"], &format!("{path}[]"), fields);
        }
        let Some(properties) = node["properties"].as_object() else {
            return;
        };
        let kind = properties
            .get("kind")
            .and_then(|kind| kind["const"].as_str());
        let here = match kind {
            Some(kind) => format!("{path}:{kind}"),
            None => path.to_owned(),
        };
        for (name, property) in properties {
            fields.entry(here.clone()).or_default().insert(name.clone());
            let below = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            walk(root, property, &below, fields);
        }
    }
    let mut fields = BTreeMap::new();
    walk(schema, schema, "", &mut fields);
    fields
}

#[test]
fn the_schema_describes_exactly_the_fields_that_are_read() {
    let mut read: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for text in every_table() {
        let (report, root) = Report::parse(&text);
        let files = files::Files::Embedded;
        file::read_root(
            Table::root(&report, &root),
            &text,
            Path::new("test.toml"),
            files,
            &mut None,
        );
        for (path, fields) in report.asked() {
            let fields = fields.into_iter().map(str::to_owned);
            read.entry(path).or_default().extend(fields);
        }
    }
    similar(&read, &schema_fields(&schema()));
}

fn similar(
    read: &BTreeMap<String, BTreeSet<String>>,
    described: &BTreeMap<String, BTreeSet<String>>,
) {
    let paths: BTreeSet<&String> = read.keys().chain(described.keys()).collect();
    for path in paths {
        assert_eq!(read.get(path), described.get(path), "fields of [{path}]");
    }
}

#[test]
fn every_field_of_the_schema_is_described() {
    fn walk(node: &Value, path: &str) {
        for (name, property) in node["properties"].as_object().into_iter().flatten() {
            let described = property["description"]
                .as_str()
                .is_some_and(|d| d.len() > 5);
            assert!(
                described || name == "kind",
                "{path}.{name} has no description"
            );
        }
        match node {
            Value::Object(object) => object
                .iter()
                .for_each(|(k, v)| walk(v, &format!("{path}/{k}"))),
            Value::Array(items) => items.iter().for_each(|v| walk(v, path)),
            _ => assert!(node.as_str() != Some("null"), "{path} allows null"),
        }
    }
    walk(&schema(), "");
}

#[test]
fn shipped_scenarios_hold_to_the_schema() {
    fn check(value: &toml::Value, path: &str, fields: &BTreeMap<String, BTreeSet<String>>) {
        match value {
            toml::Value::Table(table) => {
                let kind = table.get("kind").and_then(toml::Value::as_str);
                let here = kind.map_or(path.to_owned(), |kind| format!("{path}:{kind}"));
                // Its keys are names of routes.
                if here == "traffic.groups[].mix" {
                    return;
                }
                for (name, value) in table {
                    let known = fields
                        .get(&here)
                        .is_some_and(|fields| fields.contains(name));
                    assert!(known, "[{here}] has no {name}");
                    // Its fields are the scenario's own routes.
                    if name == "mix" {
                        continue;
                    }
                    let below = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    check(value, &below, fields);
                }
            }
            toml::Value::Array(items) => items
                .iter()
                .for_each(|item| check(item, &format!("{path}[]"), fields)),
            _ => {}
        }
    }
    let fields = schema_fields(&schema());
    for builtin in builtin() {
        check(&toml::from_str(builtin.text).unwrap(), "", &fields);
    }
}

/// Defaults in the schema as the lines of TOML that say the same.
fn defaults_of(schema: &Value, definition: &str) -> Vec<(String, String)> {
    let node = match definition {
        "" => schema,
        _ => &schema["$defs"][definition],
    };
    let properties = node["properties"].as_object();
    properties
        .into_iter()
        .flatten()
        .filter(|(_, property)| !property["default"].is_null())
        .map(|(name, property)| (name.clone(), property["default"].to_string()))
        .collect()
}

#[test]
fn writing_a_default_out_changes_nothing() {
    let schema = schema();
    let least = scenario(LEAST);
    let mut tried = 0;
    for (definition, heading) in [
        ("Traffic", "traffic"),
        ("Service", "stable"),
        ("Split", "split"),
        ("Telemetry", "telemetry"),
        ("Rollout", "rollout"),
        ("Experiment", "experiment"),
        ("Live", "live"),
    ] {
        for (name, value) in defaults_of(&schema, definition) {
            let text = with(heading, &format!("{name} = {value}"));
            let written = Scenario {
                source: least.source.clone(),
                ..scenario(&text)
            };
            assert_eq!(written, least, "{heading}.{name} = {value}");
            tried += 1;
        }
    }
    assert!(tried >= 25, "{tried} defaults found");
}

#[test]
fn writing_a_default_of_what_the_mesh_does_out_changes_nothing() {
    let schema = schema();
    let mut tried = 0;
    for (definition, field) in [
        ("Affinity", "affinity"),
        ("Retries", "retries"),
        ("Ejection", "ejection"),
    ] {
        let read =
            |inside: &str| scenario(&with("split", &format!("{field} = {{{inside}}}"))).world;
        for (name, value) in defaults_of(&schema, definition) {
            let written = read(&format!("{name} = {value}"));
            assert_eq!(written, read(""), "{field}.{name} = {value}");
            tried += 1;
        }
    }
    assert!(tried >= 10, "{tried} defaults found");
}

#[test]
fn writing_a_default_of_a_gate_or_a_fault_out_changes_nothing() {
    let required = |kind: &str| match kind {
        "errors" => "probability = \"1%\"",
        "latency" => "add = \"1s\"",
        "tail" => "probability = \"1%\", add = \"1s\"",
        "leak" => "add = \"1s\", ramp = \"5m\"",
        "memory-leak" | "crash-loop" | "failed-start" => "onset = \"0s\"",
        "reset" | "corrupt" | "hang" | "bursts" | "bounce" | "poison" => "probability = \"1%\"",
        "drip" => "probability = \"1%\", over = \"1s\"",
        "bandwidth" => "limit = \"64KiB/s\"",
        "cpu" => "cores = 1",
        "capacity" => "work = 2",
        "business" => "multiply = 0.9",
        "metrics" => "hidden = \"30%\"",
        "shared-load" => "factor = 2",
        "success-ratio" => "min = \"99%\"",
        "latency-quantile" => "max = \"1s\"",
        "ratio" => "max = 2",
        "difference" => "max = \"1%\"",
        "combined" => "parts = [{ kind = \"fisher\" }]",
        _ => "alpha = \"5%\"",
    };
    let schema = schema();
    let mut tried = 0;
    for (definition, list) in [("Fault", "canary.faults"), ("Gate", "rollout.gates")] {
        for variant in schema["$defs"][definition]["oneOf"].as_array().unwrap() {
            let kind = variant["properties"]["kind"]["const"].as_str().unwrap();
            if kind == "business" {
                // Needs a goal to speak of: `gates` tries its defaults.
                continue;
            }
            let read = |more: &str| {
                let least = LEAST.split("[[").next().unwrap();
                let fields = format!("kind = \"{kind}\", {}{more}", required(kind));
                let (section, field) = list.split_once('.').unwrap();
                let line = format!("[{section}]\n{field} = [{{ {fields} }}]\n");
                let goal = "goals = [{ name = \"conversion\", probability = \"3%\" }]\n";
                let text = least.replacen(&format!("[{section}]\n"), &line, 1);
                let scenario = scenario(&format!("{goal}{text}"));
                (scenario.world.faults, scenario.analysis)
            };
            for (name, property) in variant["properties"].as_object().unwrap() {
                let default = &property["default"];
                if !default.is_null() && !required(kind).contains(&format!("{name} =")) {
                    assert_eq!(
                        read(&format!(", {name} = {default}")),
                        read(""),
                        "{kind}.{name}"
                    );
                    tried += 1;
                }
            }
        }
    }
    assert!(tried >= 20, "{tried} defaults found");
}
