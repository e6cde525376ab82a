//! What stands in a scenario's own text: the canary's faults, a staged rollout's steps and gates. What
//! a field is, its default and its bounds are those of the schema of scenario files.

use std::sync::OnceLock;

use serde_json::Value as Json;

use super::{Group, Knob, Name, Reading, Slider};
use crate::base::{Span, Weight};
use crate::lab::setup::Stage;
use crate::scenario;
use crate::scenario::change::{Place, shown};

/// More steps than these are written as one text.
const MOST_STEPS: usize = 5;

fn schema() -> &'static Json {
    static SCHEMA: OnceLock<Json> = OnceLock::new();
    SCHEMA.get_or_init(scenario::schema)
}

/// A type of the schema by its name.
fn defined(name: &str) -> &'static Json {
    &schema()["$defs"][name]
}

/// The variant of a type with this kind.
fn variant(name: &str, kind: &str) -> &'static Json {
    let variants = defined(name)["oneOf"].as_array();
    let of_kind = |one: &&Json| one["properties"]["kind"]["const"] == kind;
    variants
        .and_then(|variants| variants.iter().find(of_kind))
        .unwrap_or(&Json::Null)
}

/// The knobs of the canary's faults and of the rollout, as far as they stand in the scenario itself.
pub(super) fn knobs(stage: &Stage) -> Vec<Knob> {
    let over = &stage.bundle.overrides;
    let text = stage.bundle.texts.get(&stage.bundle.path);
    let text = text.and_then(|text| std::str::from_utf8(text).ok());
    // What cannot be read was refused before.
    let Some(Ok(own)) = text.map(str::parse::<toml::Table>) else {
        return Vec::new();
    };
    let own = &toml::Value::Table(own);
    let mut knobs = Vec::new();
    if over.canary_errors.is_none() && over.canary_latency.is_none() {
        knobs.extend(canary(own, stage));
    }
    knobs.extend(rollout(own));
    knobs.extend(steps(own));
    let gates = tables(own, "rollout.gates");
    for (at, gate) in gates.iter().enumerate() {
        let kind = words(gate, "kind");
        let fields = Fields {
            own,
            place: format!("rollout.gates[{at}]"),
            schema: variant("Gate", &kind),
            group: Group::Gate,
            prefix: match gates.len() {
                1 => String::new(),
                _ => format!("{} ", told_apart(&gates, at)),
            },
        };
        let mut of_gate = fields.all(&["kind", "route", "goal"], true);
        // A longer one than the rollout is refused.
        let horizon = stage.scenario.horizon.as_secs_f64();
        let window = format!("rollout.gates[{at}].window");
        for knob in of_gate.iter_mut().filter(|knob| knob.id == window) {
            if let (Some(number), "s") = (knob.number, knob.unit.as_str()) {
                knob.max = knob.max.min(horizon.max(number));
            }
        }
        knobs.extend(of_gate);
    }
    knobs
}

/// What one of several gates or faults is called: its kind, with its route or goal where others are of
/// that kind, and its number where that does not tell them apart either.
fn told_apart(all: &[toml::Table], at: usize) -> String {
    let kind = |one: &toml::Table| words(one, "kind");
    let whole = |one: &toml::Table| {
        let parts = ["kind", "route", "goal"].map(|key| words(one, key));
        let said: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        said.join(" ")
    };
    let is_alone = |name: &dyn Fn(&toml::Table) -> String| {
        let own = name(&all[at]);
        all.iter().filter(|one| name(one) == own).count() == 1
    };
    match (is_alone(&kind), is_alone(&whole)) {
        (true, _) => kind(&all[at]),
        (false, true) => whole(&all[at]),
        (false, false) => format!("{} {}", kind(&all[at]), at + 1),
    }
}

fn canary(own: &toml::Value, stage: &Stage) -> Vec<Knob> {
    let mut knobs = Vec::new();
    let faults = tables(own, "canary.faults");
    for (at, fault) in faults.iter().enumerate() {
        let kind = words(fault, "kind");
        let fields = Fields {
            own,
            place: format!("canary.faults[{at}]"),
            schema: variant("Fault", &kind),
            group: Group::Canary,
            prefix: format!("{} ", told_apart(&faults, at)),
        };
        let mut of_fault = fields.all(&["kind", "onset", "goal", "requests", "users"], false);
        if kind == "business" {
            let goal = match words(fault, "goal") {
                every if every.is_empty() => "every goal".to_owned(),
                goal => goal,
            };
            let times = format!("canary.faults[{at}].multiply");
            for knob in of_fault.iter_mut().filter(|knob| knob.id == times) {
                knob.label = format!("Times as often ({goal})");
            }
        }
        knobs.extend(of_fault);
    }
    // Beside faults, a difference that is written down.
    if !stage.scenario.world.faults.is_empty()
        && let Some(value) = at(own, "canary.errors")
        && let Some(reading) = Reading::of(value)
    {
        let name = Name {
            id: "canary.errors".to_owned(),
            label: "Canary fails".to_owned(),
            group: Group::Canary,
            sets: "set",
            help: "Share of requests that fail on the canary, beside what its faults do."
                .to_owned(),
        };
        knobs.push(name.slider(Slider::around(reading)));
    }
    knobs
}

fn rollout(own: &toml::Value) -> Vec<Knob> {
    let Some(toml::Value::Table(table)) = at(own, "rollout") else {
        return Vec::new();
    };
    let follows = ["flagger", "argo"]
        .iter()
        .any(|key| table.contains_key(*key));
    if follows {
        return Vec::new();
    }
    let is_judged = table.contains_key("kayenta");
    let fields = Fields {
        own,
        place: "rollout".to_owned(),
        schema: defined("Rollout"),
        group: Group::Rollout,
        prefix: String::new(),
    };
    let names: &[&str] = match is_judged {
        true => &[
            "weight", "lifetime", "interval", "lookback", "pass", "marginal",
        ],
        false => &[
            "failures",
            "counting",
            "inconclusive",
            "rollback",
            "warmup",
            "min_requests",
        ],
    };
    let mut knobs: Vec<Knob> = names
        .iter()
        .filter(|name| !is_judged || table.contains_key(**name))
        .filter_map(|name| fields.one(name))
        .collect();
    if !is_judged {
        knobs.extend(interval(own));
    }
    knobs
}

/// The interval among those that every hold is a multiple of.
fn interval(own: &toml::Value) -> Option<Knob> {
    const USUAL: [u64; 14] = [
        5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400,
    ];
    let span = |value: &toml::Value| value.as_str()?.parse::<Span>().ok();
    let now = at(own, "rollout.interval").and_then(span);
    let now = now.unwrap_or(Span::from_secs(60));
    let holds: Vec<Span> = (tables(own, "rollout.steps").iter())
        .filter_map(|step| step.get("hold").and_then(span))
        .collect();
    let divides = |interval: &Span| {
        (holds.iter()).all(|hold| hold.as_nanos().is_multiple_of(interval.as_nanos().max(1)))
    };
    let mut options: Vec<Span> = USUAL
        .map(Span::from_secs)
        .into_iter()
        .filter(divides)
        .collect();
    options.push(now);
    options.sort_unstable();
    options.dedup();
    let options = options.iter().map(Span::to_string).collect();
    let name = Name {
        id: "rollout.interval".to_owned(),
        label: "Time between checks".to_owned(),
        group: Group::Rollout,
        sets: "set",
        help: "How often the gates look. Every hold is a multiple of it.".to_owned(),
    };
    Some(name.choice(now.to_string(), options))
}

/// Each step's percentage and time, or all of them as a text where they are many.
fn steps(own: &toml::Value) -> Vec<Knob> {
    let steps = tables(own, "rollout.steps");
    let mut knobs = Vec::new();
    let interval = at(own, "rollout.interval").and_then(Reading::of);
    let interval = match interval {
        Some(Reading::Span(span)) => span.as_secs_f64(),
        _ => 60.0,
    };
    let few = steps.len() <= MOST_STEPS;
    for (number, step) in steps.iter().enumerate().filter(|_| few) {
        let name = |field: &str, label: String, help: &str| Name {
            id: format!("rollout.steps[{number}].{field}"),
            label,
            group: Group::Rollout,
            sets: "set",
            help: help.to_owned(),
        };
        let weight = step.get("weight").map(shown);
        if let Some(weight) = weight.and_then(|text| text.parse::<Weight>().ok()) {
            let label = match steps.len() {
                1 => "Canary's share".to_owned(),
                _ => format!("Step {}", number + 1),
            };
            let percent = weight.as_percent();
            let slider = match percent > 0.0 {
                true => Slider::wide("%", percent, 50.0).within(None, Some(100.0)),
                false => Slider::even("%", percent, 0.0, 100.0),
            };
            let help = "Share of the requests that goes to the canary in this step.";
            knobs.push(name("weight", label, help).slider(slider));
        }
        let hold = step.get("hold").and_then(Reading::of);
        if let Some(Reading::Span(hold)) = hold {
            let seconds = hold.as_secs_f64();
            let slider = Slider {
                step: interval,
                ..Slider::even("s", seconds, interval, (seconds * 4.0).max(interval * 10.0))
            };
            let label = match steps.len() {
                1 => "For how long".to_owned(),
                _ => format!("Step {} for", number + 1),
            };
            let help = "How long this step is held: a multiple of the time between checks.";
            knobs.push(name("hold", label, help).slider(slider));
        }
    }
    if !steps.is_empty()
        && let Some(value) = at(own, "rollout.steps")
    {
        let name = Name {
            id: "rollout.steps".to_owned(),
            label: "Steps".to_owned(),
            group: Group::Rollout,
            sets: "set",
            help: "All steps as a scenario writes them.".to_owned(),
        };
        knobs.push(name.text(value.to_string()));
    }
    knobs
}

/// What a field is called: in words where its name says little to whoever has not read the format.
fn label(prefix: &str, field: &str) -> String {
    let words = match field {
        "failures" => "Failed checks to roll back",
        "counting" => "Failed checks are counted",
        "inconclusive" => "A check that cannot tell",
        "rollback" => "Rolling back",
        "warmup" => "No checks after a change for",
        "min_requests" => "Requests to judge at all",
        "min" => "Lowest that passes",
        "max" => "Highest that passes",
        "window" => "Looks back over",
        "alpha" => "False alarms allowed",
        "probability" => "Share of requests hurt",
        "add" => "Added time",
        "multiply" => "Times slower",
        "quantile" => "Quantile",
        _ => "",
    };
    match (words, prefix) {
        ("", "") => sentence(&field.replace('_', " ")),
        ("", prefix) => sentence(&format!("{prefix}{}", field.replace('_', " "))),
        (words, "") => words.to_owned(),
        (words, prefix) => format!("{words} ({})", prefix.trim()),
    }
}

/// With a capital letter.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// The fields of a table that has a type in the schema.
struct Fields<'a> {
    own: &'a toml::Value,
    place: String,
    schema: &'static Json,
    group: Group,
    /// What stands before each label.
    prefix: String,
}

impl Fields<'_> {
    /// All fields that are written, or that have a default where `defaults` are to be shown, too.
    fn all(&self, but: &[&str], defaults: bool) -> Vec<Knob> {
        let Some(fields) = self.schema["properties"].as_object() else {
            return Vec::new();
        };
        let names = fields.keys().filter(|name| !but.contains(&name.as_str()));
        let is_written = |name: &&String| {
            let place = format!("{}.{name}", self.place);
            defaults || at(self.own, &place).is_some()
        };
        names
            .filter(is_written)
            .filter_map(|name| self.one(name))
            .collect()
    }

    /// One of them.
    fn one(&self, field: &str) -> Option<Knob> {
        let schema = self.schema["properties"].get(field)?;
        let place = format!("{}.{field}", self.place);
        let value = match at(self.own, &place) {
            Some(value) => value.clone(),
            None => of_json(schema.get("default")?)?,
        };
        let name = Name {
            id: place,
            label: label(&self.prefix, field),
            group: self.group,
            sets: "set",
            help: help(schema),
        };
        let of = (schema["$ref"].as_str()).and_then(|name| name.rsplit('/').next());
        let kind = schema["type"].as_str();
        let options = of.map(|of| words_of(defined(of))).unwrap_or_default();
        if !options.is_empty() {
            return Some(name.choice(shown(&value), options));
        }
        if kind == Some("boolean") {
            let both = ["true", "false"].map(str::to_owned).to_vec();
            return Some(name.choice(shown(&value), both));
        }
        let reading = match (of, Reading::of(&value)) {
            (Some("Share" | "Weight"), Some(Reading::Whole(number) | Reading::Number(number))) => {
                // A bare number is a percentage of a weight, and a share below 1.
                let share = if of == Some("Weight") {
                    number / 100.0
                } else {
                    number
                };
                Some(Reading::Share(share))
            }
            (_, Some(Reading::Whole(number))) if kind == Some("number") => {
                Some(Reading::Number(number))
            }
            (_, reading) => reading,
        };
        let Some(reading) = reading else {
            let is_text = value.as_str().is_some();
            return is_text.then(|| name.text(shown(&value)));
        };
        let bounds = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        Some(name.slider(Slider::around(reading).within(bounds.0, bounds.1)))
    }
}

/// The first sentences about a field, on one line.
fn help(schema: &Json) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}

/// The words of a type that is one of several.
fn words_of(schema: &Json) -> Vec<String> {
    let words = |of: &Json| of.as_str().map(str::to_owned);
    if let Some(all) = schema["enum"].as_array() {
        return all.iter().filter_map(words).collect();
    }
    let variants = schema["oneOf"].as_array();
    let variants = variants.map(|all| all.iter().map(|one| words(&one["const"])));
    variants
        .and_then(|all| all.collect::<Option<Vec<String>>>())
        .unwrap_or_default()
}

fn of_json(value: &Json) -> Option<toml::Value> {
    Some(match value {
        Json::String(text) => toml::Value::String(text.clone()),
        Json::Bool(truth) => toml::Value::Boolean(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => toml::Value::Integer(whole),
            None => toml::Value::Float(number.as_f64()?),
        },
        _ => return None,
    })
}

fn words(table: &toml::Table, key: &str) -> String {
    let words = table.get(key).and_then(toml::Value::as_str);
    words.unwrap_or_default().to_owned()
}

/// The value at a place of the scenario's own text: keys and numbers in brackets.
fn at<'v>(own: &'v toml::Value, place: &str) -> Option<&'v toml::Value> {
    place.parse::<Place>().ok()?.value_in(own)
}

/// The tables of a list at a place.
fn tables(own: &toml::Value, text: &str) -> Vec<toml::Table> {
    let Some(toml::Value::Array(items)) = at(own, text) else {
        return Vec::new();
    };
    let table = |item: &toml::Value| item.as_table().cloned();
    items.iter().filter_map(table).collect()
}
