//! One metric of an AnalysisTemplate, its arguments filled in: how often it is measured, how many
//! failures it may have, and what counts as one.
//!
//! `utils/analysis/helpers.go`, `ValidateMetrics`. What Argo finds wrong only when the run starts, and
//! aborts the rollout for, is an error here.

use super::super::findings::{Field, Fields, Findings};
use super::super::yaml::Value;
use super::arguments::is_secret;
use super::provider::{self, Provider};
use super::quantities::go_duration;
use crate::base::Span;
use crate::gate::argo::{ArgoMetric, Assessment, Condition, Conditions, Found};
use crate::rollout::argo::{AnalysisMetric, Effort};

/// What a measurement that is wrong from the start does to a rollout.
const ABORTS: &str = "Argo ends the run with Error at its start, which aborts the rollout";
const ALWAYS_ERROR: &str = "every measurement is an error, and five of them abort the rollout";

/// A metric that was understood.
pub(super) struct Metric<'a> {
    pub(super) run: AnalysisMetric,
    pub(super) gate: ArgoMetric,
    pub(super) name: Field<'a>,
}

/// Reads a metric; `question` is the number that its question to another system would have.
pub(super) fn read<'a>(
    findings: &mut Findings,
    item: &Field<'a>,
    question: &mut dyn FnMut(&str) -> usize,
) -> Option<Metric<'a>> {
    let fields = findings.map(item)?;
    let Some((name, place)) = text(findings, &fields, "name") else {
        let message = "is missing";
        let help = "name the metric";
        findings.error(&fields.path_of("name"), message, fields.place.clone(), help);
        return None;
    };
    let errors = findings.errors();
    let success = condition(findings, &fields, "successCondition");
    let failure = condition(findings, &fields, "failureCondition");
    let provider = provider::read(findings, &fields, [success.as_ref(), failure.as_ref()]);
    let mut run = AnalysisMetric {
        interval: span(findings, &fields, "interval"),
        initial_delay: span(findings, &fields, "initialDelay"),
        count: whole(findings, &fields, "count", 0),
        failure_limit: whole(findings, &fields, "failureLimit", 0),
        inconclusive_limit: whole(findings, &fields, "inconclusiveLimit", 0),
        consecutive_error_limit: whole(findings, &fields, "consecutiveErrorLimit", 4),
        consecutive_success_limit: whole(findings, &fields, "consecutiveSuccessLimit", 0),
        ..AnalysisMetric::new(name, 0)
    };
    check_limits(findings, &fields, &run);
    let Provider {
        source,
        range,
        kind,
        effort,
    } = provider?;
    let assessment = match kind {
        provider::Kind::Conditions {
            sample,
            shape,
            empty,
        } => {
            for (key, condition) in [
                ("successCondition", &success),
                ("failureCondition", &failure),
            ] {
                check_fit(findings, &fields, key, condition.as_ref(), &sample);
            }
            Assessment::Conditions {
                conditions: Box::new(Conditions { success, failure }),
                shape,
                empty,
            }
        }
        provider::Kind::Without(assessment) => {
            for key in ["successCondition", "failureCondition"] {
                if fields.has(key) {
                    let why = "this provider decides without conditions";
                    findings.mark_ignored(&fields.path_of(key), why);
                }
            }
            assessment
        }
    };
    run.effort = effort;
    let source = match source {
        provider::Asked::Source(source) => source,
        provider::Asked::Elsewhere => crate::gate::Source::Supplied(question(name)),
    };
    (findings.errors() == errors).then(|| Metric {
        gate: ArgoMetric {
            name: name.to_owned(),
            source,
            range,
            assessment,
        },
        run,
        name: place,
    })
}

/// A text, in which braces mean nothing any more.
pub(super) fn text<'a>(
    findings: &mut Findings,
    fields: &Fields<'a>,
    key: &str,
) -> Option<(&'a str, Field<'a>)> {
    let field = fields.get(key)?;
    findings.mark_used(&field.path);
    match field.node.text() {
        Some(text) if is_secret(text) => {
            let message = "depends on a Secret, whose value nobody knows here";
            findings.refuse(&field, message, "give the argument a value of its own");
            None
        }
        Some(text) => Some((text, field)),
        None => {
            findings.refuse(
                &field,
                "is not a text",
                "write a text, in quotes if need be",
            );
            None
        }
    }
}

fn condition(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> Option<Condition> {
    // An empty text is no condition; one of blanks is one that does not compile.
    let (text, field) = text(findings, fields, key).filter(|(text, _)| !text.is_empty())?;
    match Condition::parse(text) {
        Ok(condition) => Some(condition),
        Err(error) => {
            let near: String = text
                .get(error.at..)
                .unwrap_or_default()
                .chars()
                .take(24)
                .collect();
            let at = match near.trim() {
                "" => String::new(),
                near => format!(" (at `{near}`)"),
            };
            let message = format!("`{text}`: {}{at}: {ALWAYS_ERROR}", error.message);
            let help = "write a comparison of the result, like `result[0] >= 0.95`";
            findings.refuse(&field, &message, help);
            None
        }
    }
}

/// Whether results like the sample are of a type that a condition takes.
fn check_fit(
    findings: &mut Findings,
    fields: &Fields<'_>,
    key: &str,
    condition: Option<&Condition>,
    sample: &Found,
) {
    let (Some(condition), Some(field)) = (condition, fields.get(key)) else {
        return;
    };
    let Err(error) = condition.fits(sample) else {
        return;
    };
    let (result, help) = match sample {
        Found::Number(_) => (
            "is a number",
            "write the result itself, as in `result >= 0.95`",
        ),
        Found::Numbers(_) => (
            "is a list with a number for each series",
            "write one of the list, as in `result[0] >= 0.95`",
        ),
        Found::Nothing | Found::Json(_) => ("is JSON", "hold a part of it against a value"),
    };
    let message = format!(
        "`{condition}`: {}; the result {result}: {ALWAYS_ERROR}",
        error.message
    );
    findings.refuse(&field, &message, help);
}

fn span(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> Option<Span> {
    let (text, field) = text(findings, fields, key).filter(|(text, _)| !text.is_empty())?;
    let span = go_duration(text);
    if span.is_none() {
        let message = format!("`{text}` is no duration: {ABORTS}");
        findings.refuse(&field, &message, "write 30s, 5m or 1h30m");
    }
    span
}

/// A whole number, in quotes or not.
fn whole(findings: &mut Findings, fields: &Fields<'_>, key: &str, default: i64) -> i64 {
    let Some(field) = fields.get(key) else {
        return default;
    };
    findings.mark_used(&field.path);
    match &field.node.value {
        Value::Number(number) if number.trunc() == *number && number.abs() < 2e9 => *number as i64,
        Value::Text(text) if !is_secret(text) => text.parse::<i32>().map_or_else(
            |_| {
                let message = format!("`{text}` is no whole number, and Argo takes it for 0");
                findings.warn(&field.path, &message, field.place());
                0
            },
            i64::from,
        ),
        _ => {
            findings.refuse(&field, "is no whole number", "write a whole number, like 3");
            default
        }
    }
}

fn check_limits(findings: &mut Findings, fields: &Fields<'_>, run: &AnalysisMetric) {
    for problem in run.problems() {
        let key = problem.split(' ').next().unwrap_or_default();
        let place = fields
            .get(key)
            .map_or_else(|| fields.place.clone(), |field| field.place());
        let message = format!("{problem}: {ABORTS}");
        let help = "see the limits of `kind: AnalysisTemplate`: count must leave room for them";
        findings.error(&fields.path_of(key), &message, place, help);
    }
    let limit = run.failure_limit;
    let never = run
        .effective_count()
        .is_some_and(|count| limit >= i64::from(count));
    if never && run.problems().is_empty() && run.consecutive_success_limit == 0 {
        let message = format!(
            "{limit} failures are tolerated, and there are no more measurements than that: it cannot \
             fail"
        );
        let place = fields.get("failureLimit").map(|field| field.place());
        let place = place.unwrap_or_else(|| fields.place.clone());
        findings.warn(&fields.path_of("failureLimit"), &message, place);
    }
    if run.interval == Some(Span::ZERO) {
        let message = "measurements follow one another without a pause; here every second";
        let place = fields.get("interval").map(|field| field.place());
        findings.warn(&fields.path_of("interval"), message, place.unwrap_or(0..0));
    }
}

/// A Job of unknown length is taken to end at once; a judgement is there at the first look.
pub(super) const JOB: Effort = Effort::Job(Span::ZERO);
pub(super) const JUDGEMENT: Effort = Effort::Judgement(Span::from_secs(1));
