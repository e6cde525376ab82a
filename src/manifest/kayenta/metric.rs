//! One of a canary config's metrics.
//!
//! `analysisConfigurations.canary` is read as `NetflixACAJudge.classifyMetric` reads it: types are taken
//! hard, and a wrong one ends the whole judgement.

use super::super::findings::{Field, Fields, Findings};
use super::super::yaml::Value;
use super::config::Template;
use super::query::{self, Source};
use crate::gate::kayenta::{Analysis, Direction, Effect, Group, Measure, Metric, Missing};

/// Reads a metric; adds groups that it is the first to name.
pub(super) fn read(
    findings: &mut Findings,
    item: &Field<'_>,
    metric: &Fields<'_>,
    groups: &mut Vec<Group>,
    templates: &[Template<'_>],
) -> Option<(Metric, Source)> {
    let name = findings
        .text(metric, "name")
        .map(|(name, _)| name.to_owned());
    if name.is_none() && !metric.has("name") {
        let help = "write \"name\": \"errors\"";
        findings.error(
            &metric.path_of("name"),
            "is missing",
            item.key_span.clone(),
            help,
        );
    }
    let source = query::read(findings, item, metric, templates);
    let groups = groups_of(findings, item, metric, groups);
    scope_name(findings, item, metric);
    let analysis = match metric.get("analysisConfigurations") {
        None => Analysis::default(),
        Some(field) => {
            findings.mark_used(&field.path);
            let canary = findings.map(&field).and_then(|fields| fields.get("canary"));
            match canary {
                None => Analysis::default(),
                Some(field) => {
                    findings.mark_used(&field.path);
                    let fields = findings.map(&field)?;
                    analysis(findings, &fields)
                }
            }
        }
    };
    if let Some(field) = metric.get("extensions") {
        let message = "an old name of analysisConfigurations that Kayenta no longer reads";
        findings.warn(&field.path, message, field.key_span.clone());
        findings.mark_ignored(&field.path, "it is an old name");
    }
    Some((
        Metric {
            name: name?,
            analysis,
            groups: groups?,
        },
        source?,
    ))
}

/// The numbers of the metric's groups.
fn groups_of(
    findings: &mut Findings,
    item: &Field<'_>,
    metric: &Fields<'_>,
    groups: &mut Vec<Group>,
) -> Option<Vec<usize>> {
    let path = metric.path_of("groups");
    let Some(field) = metric.get("groups") else {
        let message = "is missing, and the judge crashes without it";
        let help = "write \"groups\": [\"errors\"], or [] for none";
        findings.error(&path, message, item.key_span.clone(), help);
        return None;
    };
    findings.mark_used(&field.path);
    let mut numbers = Vec::new();
    for item in findings.list(&field) {
        let Some(name) = item.node.text() else {
            let help = "write the group's name in quotes";
            findings.error(&item.path, "is not a text", item.place(), help);
            continue;
        };
        let number = groups.iter().position(|group| group.name == name);
        let number = number.unwrap_or_else(|| {
            groups.push(Group {
                name: name.to_owned(),
                weight: None,
            });
            groups.len() - 1
        });
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    if numbers.is_empty() && matches!(&field.node.value, Value::List(items) if items.is_empty()) {
        let message = "in no group, so the metric counts only when it is critical or has no data";
        findings.warn(&path, message, field.key_span.clone());
    }
    Some(numbers)
}

fn scope_name(findings: &mut Findings, item: &Field<'_>, metric: &Fields<'_>) {
    if !metric.has("scopeName") {
        let message = "is missing, and Kayenta refuses to run such a metric";
        let help = "write \"scopeName\": \"default\"";
        findings.error(
            &metric.path_of("scopeName"),
            message,
            item.key_span.clone(),
            help,
        );
    }
    if let Some((name, field)) = findings.text(metric, "scopeName")
        && name != "default"
    {
        let message =
            format!("the scope `{name}` is taken to be the canary's own, as `default` is");
        findings.warn(&field.path, &message, field.place());
    }
}

pub(in crate::manifest) fn analysis(findings: &mut Findings, canary: &Fields<'_>) -> Analysis {
    let default = Analysis::default();
    if let Some(field) = canary.get("outlierStrategy") {
        let message = "an old field that Kayenta no longer reads: write outliers.strategy";
        findings.warn(&field.path, message, field.key_span.clone());
        findings.mark_ignored(&field.path, "it is an old field");
    }
    let direction = choice(
        findings,
        canary,
        "direction",
        &[
            ("either", Direction::Either),
            ("increase", Direction::Increase),
            ("decrease", Direction::Decrease),
        ],
    );
    let missing = choice(
        findings,
        canary,
        "nanStrategy",
        &[("remove", Missing::Remove), ("replace", Missing::Replace)],
    );
    Analysis {
        direction: direction.unwrap_or(default.direction),
        missing: missing.unwrap_or(default.missing),
        critical: truth(findings, canary, "critical"),
        must_have_data: truth(findings, canary, "mustHaveData"),
        muted: truth(findings, canary, "muted"),
        outliers: outliers(findings, canary),
        effect: effect(findings, canary),
    }
}

fn outliers(findings: &mut Findings, canary: &Fields<'_>) -> Option<f64> {
    let field = canary.get("outliers")?;
    findings.mark_used(&field.path);
    let outliers = findings.map(&field)?;
    let removed = choice(
        findings,
        &outliers,
        "strategy",
        &[("keep", false), ("remove", true)],
    );
    let factor = number(findings, &outliers, "outlierFactor");
    if let (Some(factor), Some(field)) = (factor, outliers.get("outlierFactor"))
        && factor <= 0.0
    {
        let help = "write a number above 0, like 3.0";
        let message = format!("{factor} is refused by the judge");
        findings.error(&field.path, &message, field.place(), help);
    }
    const USUAL: f64 = 3.0;
    (removed == Some(true)).then_some(factor.unwrap_or(USUAL))
}

fn effect(findings: &mut Findings, canary: &Fields<'_>) -> Effect {
    let Some(field) = canary.get("effectSize") else {
        return Effect::any(Measure::MeanRatio);
    };
    findings.mark_used(&field.path);
    let Some(effect) = findings.map(&field) else {
        return Effect::any(Measure::MeanRatio);
    };
    let measure = choice(
        findings,
        &effect,
        "measure",
        &[("meanRatio", Measure::MeanRatio), ("cles", Measure::Cles)],
    );
    let measure = measure.unwrap_or(Measure::MeanRatio);
    let mut limit = |key: &str| number(findings, &effect, key).unwrap_or(measure.neutral());
    Effect {
        measure,
        allowed_increase: limit("allowedIncrease"),
        allowed_decrease: limit("allowedDecrease"),
        critical_increase: limit("criticalIncrease"),
        critical_decrease: limit("criticalDecrease"),
    }
}

/// One of some words; another word counts as the first, without a word from Kayenta.
fn choice<T: Copy>(
    findings: &mut Findings,
    fields: &Fields<'_>,
    key: &str,
    choices: &[(&str, T)],
) -> Option<T> {
    refuse_null(findings, fields, key);
    let (text, field) = findings.text(fields, key)?;
    let found = choices.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let message = format!(
            "`{text}` is none of {}: it counts as {}, silently",
            names.join(", "),
            names.first().unwrap_or(&"nothing")
        );
        findings.warn(&field.path, &message, field.place());
    }
    found.or(choices.first()).map(|(_, value)| *value)
}

/// A text that is null ends the judgement.
fn refuse_null(findings: &mut Findings, fields: &Fields<'_>, key: &str) {
    if let Some(place) = fields.null(key) {
        let message = "null is no text, and that ends the whole judgement";
        let help = "write a text, or leave it out";
        findings.error(&fields.path_of(key), message, place, help);
    }
}

/// A truth value; null is false.
fn truth(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> bool {
    findings.truth(fields, key)
}

/// A number as the judge's reader takes it: null is 0, and whole numbers have 32 bits.
fn number(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> Option<f64> {
    if let Some(place) = fields.null(key) {
        let path = fields.path_of(key);
        findings.warn(&path, "null reads as 0", place);
        findings.mark_used(&path);
        return Some(0.0);
    }
    let number = findings.number(fields, key)?;
    let beyond = number < f64::from(i32::MIN) || number > f64::from(i32::MAX);
    if beyond && number.trunc() == number {
        let field = fields.get(key)?;
        let message = format!(
            "{number} is beyond 32 bits: unless it is written with a decimal point, that ends the \
             whole judgement"
        );
        findings.warn(&field.path, &message, field.place());
    }
    Some(number)
}
