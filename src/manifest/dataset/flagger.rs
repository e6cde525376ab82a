//! One metric of Flagger's: what the query answered, and its limits.

use super::super::Manifest;
use super::super::findings::{Fields, Findings};
use super::super::flagger::provider;
use super::{count, document, object, required, settled};
use crate::base::{Problems, Span, Time};
use crate::gate::flagger::{Comparison, FlaggerCheck, Limits, Metric, compare};
use crate::gate::{CustomCheck, Explanation, Gate, Source, Verdict};
use crate::telemetry::{Birth, Buckets, Plan, Sampling, Telemetry, Version};

/// A check with the answer that it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct FlaggerCase {
    /// The check.
    pub gate: Gate,
    /// What it comes to.
    pub verdict: Verdict,
}

/// Reads `{ "metric": "request-success-rate", "provider": "istio", "thresholdRange": { "min": 99 },
/// "value": 98.7 }`. The value is what the provider's query answers, in its unit: percent, and
/// milliseconds or seconds; of any other metric it is a plain number. `null`: no answer.
///
/// # Errors
/// All at once, each with its place.
pub fn flagger(data: &Manifest) -> Result<FlaggerCase, Problems> {
    let node = document(data)?;
    let fields = object(data, &node)?;
    let mut findings = Findings::default();
    let read = read(&mut findings, &fields);
    settled(data, findings, read)
}

fn read(findings: &mut Findings, fields: &Fields<'_>) -> Option<FlaggerCase> {
    let help = "write request-success-rate, request-duration, or the name of a metric of your own";
    required(findings, fields, "metric", help)?;
    let (name, _) = findings.text(fields, "metric")?;
    let metric = match name {
        "request-success-rate" => Metric::SuccessRate,
        "request-duration" => Metric::Duration,
        _ => Metric::Query,
    };
    let known = match findings.text(fields, "provider") {
        None => provider::DEFAULT,
        Some((text, field)) => provider::find(text).or_else(|| {
            let names: Vec<&str> = provider::ALL.iter().map(|known| known.name).collect();
            let message = format!("Flagger has no provider `{text}`");
            let help = format!("write one of {}", names.join(", "));
            findings.error(&field.path, &message, field.place(), &help);
            None
        })?,
    };
    if !fields.has("value") && fields.null("value").is_none() {
        let help = "write what the query answered, or null where it had no answer";
        findings.error("value", "is missing", fields.place.clone(), help);
    }
    let answer = findings.number(fields, "value");
    let limits = limits(findings, fields)?;
    let requests = fields
        .get("requests")
        .map(|_| count(findings, fields, "requests"));
    let Comparison {
        outcome,
        rule,
        value,
        threshold,
    } = compare(metric, limits, known.queries.duration_unit(), answer);
    let gate = match metric {
        Metric::Query => Gate::CustomCheck(CustomCheck {
            name: name.to_owned(),
            source: Source::Supplied(0),
            limits,
            empty: None,
        }),
        _ => Gate::FlaggerCheck(FlaggerCheck {
            metric,
            provider: known.queries,
            version: Version::Canary,
            limits,
            window: Span::from_secs(60),
        }),
    };
    Some(FlaggerCase {
        gate,
        verdict: Verdict {
            outcome,
            gate: 0,
            value,
            threshold,
            samples: requests.map_or(f64::NAN, |requests| requests as f64),
            rule,
        },
    })
}

fn limits(findings: &mut Findings, fields: &Fields<'_>) -> Option<Limits> {
    if let Some(field) = fields.get("thresholdRange") {
        let range = findings.map(&field)?;
        return Some(Limits::Range {
            min: findings.number(&range, "min"),
            max: findings.number(&range, "max"),
        });
    }
    let (min, max) = (
        findings.number(fields, "min"),
        findings.number(fields, "max"),
    );
    if min.is_some() || max.is_some() {
        return Some(Limits::Range { min, max });
    }
    // The old field is 0 where it is absent, but nobody means that here.
    let help = "write \"thresholdRange\": { \"min\": 99 }, or the old \"threshold\"";
    required(findings, fields, "threshold", help)?;
    findings.number(fields, "threshold").map(Limits::Threshold)
}

impl FlaggerCase {
    /// The verdict with its reasons.
    pub fn explained(&self) -> Explanation {
        let plan = Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio());
        let telemetry = Telemetry::new(&plan, Span::ZERO);
        self.gate
            .explanation(Time::START, &telemetry, &self.verdict)
    }
}
