//! How and when a config is run: the canary stage of a pipeline, or the body of a request.
//!
//! Fields are those of `KayentaCanaryContext` in Spinnaker's orca and of Kayenta's
//! `CanaryExecutionRequest` and `CanaryAnalysisExecutionRequest`.

use std::collections::BTreeMap;

use super::super::findings::{Field, Fields, Findings};
use super::super::yaml::{Node, Value};
use super::config;
use crate::base::Span;
use crate::gate::kayenta::Thresholds;

/// The type of a pipeline's canary stage.
pub(super) const STAGE_TYPE: &str = "kayentaCanary";

/// Settings of a run; `None` where nothing was written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stage {
    /// How long the canary is looked at.
    pub lifetime: Option<Span>,
    /// Time between judgements.
    pub interval: Option<Span>,
    /// Time before the first window begins.
    pub warmup: Option<Span>,
    /// The length of every window.
    pub lookback: Option<Span>,
    /// How much earlier the control is looked at.
    pub control_offset: Option<Span>,
    /// Time between the points of a series.
    pub step: Option<Span>,
    /// What scores are held against.
    pub thresholds: Option<Thresholds>,
    /// `extendedScopeParams`, which queries fill in.
    pub params: BTreeMap<String, String>,
    /// Whether start and end are given, so that all judgements are made at once.
    pub retrospective: bool,
    /// Whether the stage deploys a baseline beside the canary.
    pub baseline: bool,
}

/// What a span is written in.
#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Minutes,
    Hours,
}

/// Reads a pipeline with one canary stage, or such a stage alone.
pub(super) fn read_pipeline(findings: &mut Findings, document: &Fields<'_>, into: &mut Stage) {
    let Some(field) = document.get("stages") else {
        read_stage(findings, document, into);
        return;
    };
    let stages = findings.list(&field);
    let is_canary =
        |item: &&Field<'_>| item.node.get("type").and_then(Node::text) == Some(STAGE_TYPE);
    let mut canaries = stages.iter().filter(is_canary);
    let Some(first) = canaries.next() else {
        let message = format!("no stage is of type `{STAGE_TYPE}`");
        let help = "name a pipeline with a canary stage, or leave the file out";
        findings.error(&field.path, &message, field.key_span.clone(), help);
        return;
    };
    if let Some(second) = canaries.next() {
        let help = "leave one: one canary stage is read at a time";
        findings.error(
            &second.path,
            "a second canary stage",
            second.key_span.clone(),
            help,
        );
    }
    if let Some(stage) = findings.map(first) {
        read_stage(findings, &stage, into);
    }
}

fn read_stage(findings: &mut Findings, stage: &Fields<'_>, into: &mut Stage) {
    if stage.has("type") {
        findings.mark_used(&stage.path_of("type"));
    }
    if let Some((kind, _)) = findings.text(stage, "analysisType") {
        into.retrospective = kind == "retrospective";
        into.baseline = kind == "realTimeAutomatic";
    }
    let deploys = stage.get("deployments");
    if deploys.is_some() {
        let path = stage.path_of("deployments");
        findings.mark_ignored(
            &path,
            "what is deployed is the scenario's canary and baseline",
        );
        into.baseline = true;
    }
    let Some(field) = stage.get("canaryConfig") else {
        let help =
            "a canary stage has canaryConfig with canaryConfigId, lifetimeDuration and scopes";
        let path = stage.path_of("canaryConfig");
        findings.error(&path, "is missing", stage.place.clone(), help);
        return;
    };
    let Some(config) = findings.map(&field) else {
        return;
    };
    for key in ["canaryConfigId", "metricsAccountName", "storageAccountName"] {
        if config.has(key) {
            findings.mark_ignored(&config.path_of(key), "names decide nothing");
        }
    }
    let hours = span(findings, &config, "lifetimeHours", Unit::Hours);
    into.lifetime = iso(findings, &config, "lifetimeDuration").or(hours);
    into.interval = span(
        findings,
        &config,
        "canaryAnalysisIntervalMins",
        Unit::Minutes,
    );
    into.warmup = span(
        findings,
        &config,
        "beginCanaryAnalysisAfterMins",
        Unit::Minutes,
    );
    into.lookback = span(findings, &config, "lookbackMins", Unit::Minutes);
    into.control_offset = span(
        findings,
        &config,
        "baselineAnalysisOffsetInMins",
        Unit::Minutes,
    );
    if let Some(field) = config.get("scoreThresholds") {
        into.thresholds = config::thresholds(findings, &field);
    }
    if let Some(field) = config.get("scopes") {
        scope_list(findings, &field, into);
    }
}

/// Reads `executionRequest` of a request's body.
pub(super) fn read_request(findings: &mut Findings, document: &Fields<'_>, into: &mut Stage) {
    let Some(field) = document.get("executionRequest") else {
        let help = "a request has canaryConfig and executionRequest with scopes and thresholds";
        findings.error(
            "executionRequest",
            "is missing",
            document.place.clone(),
            help,
        );
        return;
    };
    let Some(request) = findings.map(&field) else {
        return;
    };
    match request.get("thresholds") {
        Some(field) => into.thresholds = config::thresholds(findings, &field),
        None => {
            let path = request.path_of("thresholds");
            let message = "is missing, and Kayenta refuses a request without it";
            let help = "write \"thresholds\": { \"pass\": 95, \"marginal\": 75 }";
            findings.error(&path, message, request.place.clone(), help);
        }
    }
    into.lifetime = span(findings, &request, "lifetimeDurationMins", Unit::Minutes);
    into.interval = span(findings, &request, "analysisIntervalMins", Unit::Minutes);
    into.warmup = span(findings, &request, "beginAfterMins", Unit::Minutes);
    into.lookback = span(findings, &request, "lookbackMins", Unit::Minutes);
    let Some(field) = request.get("scopes") else {
        let path = request.path_of("scopes");
        let help = "write at least one scope";
        findings.error(&path, "is missing", request.place.clone(), help);
        return;
    };
    match &field.node.value {
        Value::List(_) => scope_list(findings, &field, into),
        _ => scope_pairs(findings, &field, into),
    }
}

/// The scopes of a run over time; the first governs all.
fn scope_list(findings: &mut Findings, field: &Field<'_>, into: &mut Stage) {
    let items = findings.list(field);
    let Some(first) = items.first() else {
        findings.error(
            &field.path,
            "is empty",
            field.key_span.clone(),
            "write one scope",
        );
        return;
    };
    for other in &items[1..] {
        let message = "the first scope is taken for all";
        findings.warn(&other.path, message, other.key_span.clone());
        findings.mark_ignored(&other.path, "the first scope is taken for all");
    }
    let Some(scope) = findings.map(first) else {
        return;
    };
    if scope.has("scopeName") {
        findings.mark_ignored(&scope.path_of("scopeName"), "there is one scope");
    }
    into.params = params(findings, &scope);
    for key in SCOPES {
        if scope.has(key) {
            findings.mark_ignored(&scope.path_of(key), OWN_NAMES);
        }
    }
    let offset = span(findings, &scope, "controlOffsetInMinutes", Unit::Minutes);
    into.control_offset = offset.or(into.control_offset);
    into.step = span(findings, &scope, "step", Unit::Seconds);
    between(findings, &scope, ["startTimeIso", "endTimeIso"], into);
}

/// The scopes of one judgement: a pair by its name.
fn scope_pairs(findings: &mut Findings, field: &Field<'_>, into: &mut Stage) {
    let Some(pairs) = findings.map(field) else {
        return;
    };
    let names: Vec<&str> = pairs.keys().collect();
    let Some(name) = names
        .iter()
        .find(|name| **name == "default")
        .or(names.first())
    else {
        findings.error(
            &field.path,
            "is empty",
            field.key_span.clone(),
            "write one scope",
        );
        return;
    };
    for other in names.iter().filter(|other| *other != name) {
        findings.mark_ignored(&pairs.path_of(other), "one scope is taken for all");
    }
    let Some(pair) = pairs.get(name).and_then(|field| findings.map(&field)) else {
        return;
    };
    for key in ["controlScope", "experimentScope"] {
        let Some(field) = pair.get(key) else {
            let help = "write scope, location, start, end and step";
            findings.error(&pair.path_of(key), "is missing", pair.place.clone(), help);
            continue;
        };
        let Some(side) = findings.map(&field) else {
            continue;
        };
        for key in ["scope", "location"] {
            if side.has(key) {
                findings.mark_ignored(&side.path_of(key), OWN_NAMES);
            }
        }
        into.params.extend(params(findings, &side));
        into.step = span(findings, &side, "step", Unit::Seconds).or(into.step);
        between(findings, &side, ["start", "end"], into);
    }
}

/// What a scope says about deployments.
const SCOPES: [&str; 4] = [
    "controlScope",
    "controlLocation",
    "experimentScope",
    "experimentLocation",
];
const OWN_NAMES: &str = "the names of the simulated deployments are filled in";

fn params(findings: &mut Findings, scope: &Fields<'_>) -> BTreeMap<String, String> {
    let Some(field) = scope.get("extendedScopeParams") else {
        return BTreeMap::new();
    };
    findings.mark_used(&field.path);
    let Some(fields) = findings.map(&field) else {
        return BTreeMap::new();
    };
    let keys = fields.keys();
    keys.filter_map(|key| {
        let (text, _) = findings.text(&fields, key)?;
        Some((key.to_owned(), text.to_owned()))
    })
    .collect()
}

/// A start and an end in calendar time make a lifetime, and a run in retrospect.
fn between(findings: &mut Findings, fields: &Fields<'_>, keys: [&str; 2], into: &mut Stage) {
    let mut instant = |key: &str| {
        let (text, field) = findings.text(fields, key)?;
        let read = text.replace("+00:00", "Z").parse::<jiff::Timestamp>();
        if read.is_err() && !expression(findings, &field, text) {
            let message = format!("`{text}` is no instant");
            let help = "write it like 2026-03-01T12:00:00Z";
            findings.error(&field.path, &message, field.place(), help);
        }
        read.ok().map(|instant| (instant, field))
    };
    let [start, end] = keys.map(&mut instant);
    let Some((end, field)) = end else {
        return;
    };
    let Some((start, _)) = start else {
        let message = "an end without a start: the run would begin now, whenever that is";
        let help = "write the start, too, or a lifetime instead of the end";
        findings.error(&field.path, message, field.place(), help);
        return;
    };
    let minutes = end.duration_since(start).as_secs() / 60;
    match u64::try_from(minutes) {
        Ok(minutes) if (1..=MOST_MINUTES).contains(&minutes) => {
            into.lifetime = Some(Span::from_secs(minutes * 60));
            into.retrospective = true;
        }
        Ok(minutes) if minutes > MOST_MINUTES => {
            let message = "ends years after its start";
            findings.error(&field.path, message, field.place(), "write an earlier end");
        }
        _ => {
            let message = "ends less than a minute after its start: there is nothing to judge";
            findings.error(&field.path, message, field.place(), "write a later end");
        }
    }
}

/// More minutes than any canary is looked at: some months.
const MOST_MINUTES: u64 = 500_000;

/// A whole number of a unit; Spinnaker's editor writes some as texts.
fn span(findings: &mut Findings, fields: &Fields<'_>, key: &str, unit: Unit) -> Option<Span> {
    let field = fields.get(key)?;
    findings.mark_used(&field.path);
    let number = match &field.node.value {
        Value::Number(number) => Some(*number),
        Value::Text(text) if expression(findings, &field, text) => return None,
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    const MOST: f64 = 1e6;
    let whole = number.filter(|n: &f64| n.trunc() == *n && (0.0..=MOST).contains(n));
    let Some(whole) = whole else {
        let (unit, least) = match unit {
            Unit::Seconds => ("seconds", 60),
            Unit::Minutes => ("minutes", 30),
            Unit::Hours => ("hours", 3),
        };
        let help = format!("write whole {unit}, like {least}");
        findings.error(
            &field.path,
            "is no number of whole units",
            field.place(),
            &help,
        );
        return None;
    };
    let seconds = match unit {
        Unit::Seconds => 1,
        Unit::Minutes => 60,
        Unit::Hours => 3_600,
    };
    Some(Span::from_secs(whole as u64 * seconds))
}

/// A duration like `PT3H0M`, in whole minutes.
fn iso(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> Option<Span> {
    let (text, field) = findings.text(fields, key)?;
    if expression(findings, &field, text) {
        return None;
    }
    let read = text.parse::<jiff::SignedDuration>().ok();
    let minutes = read.and_then(|read| u64::try_from(read.as_secs() / 60).ok());
    let minutes = minutes.filter(|minutes| (1..=MOST_MINUTES).contains(minutes));
    if minutes.is_none() {
        let message = format!("`{text}` is no duration from a minute to some months");
        let help = "write it like PT3H0M";
        findings.error(&field.path, &message, field.place(), help);
    }
    minutes.map(|minutes| Span::from_secs(minutes * 60))
}

/// Whether a text is an expression, which only a running pipeline has the value of; notes it.
fn expression(findings: &mut Findings, field: &Field<'_>, text: &str) -> bool {
    let found = text.contains("${");
    if found {
        let message = format!("`{text}` is an expression that Spinnaker fills in");
        let help = "write the value that it has in the run meant";
        findings.error(&field.path, &message, field.place(), help);
    }
    found
}
