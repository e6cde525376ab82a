//! Counts of requests, or one figure, for the plain gates.

use super::super::Manifest;
use super::super::findings::{Fields, Findings};
use super::super::yaml::Value;
use super::{count, document, object, required, settled, share};
use crate::base::{Probability, Problems, Span, Time};
use crate::gate::flagger::Limits;
use crate::gate::{
    Comparison, ComparisonLimit, CustomCheck, Gate, LatencyQuantile, Metric, Source, SuccessRatio,
    TwoProportionZ,
};
use crate::telemetry::{Birth, Buckets, Figure, Plan, Sampling, Status, Telemetry, Unit, Version};

/// A gate with what it sees.
#[derive(Debug, Clone)]
pub struct ThresholdCase {
    /// The gate.
    pub gate: Gate,
    /// What was counted.
    pub telemetry: Telemetry,
    /// When it is judged.
    pub now: Time,
}

/// The length of the only window, which no figure here depends on.
const WINDOW: Span = Span::from_secs(60);

const KINDS: &str = "value, success-ratio, latency-quantile, ratio, difference or z-test";

/// What one version counted.
struct Counts {
    requests: u64,
    failures: u64,
    /// Requests up to each bound, and all.
    buckets: Vec<(f64, u64)>,
    /// Sum of latencies, in seconds.
    seconds: f64,
}

/// Reads `{ "gate": "z-test", "alpha": "1%", "canary": { "requests", "failures" }, "stable": { … } }`
/// and its like; a gate about the canary alone may have its counts outside, and `value` with `min`,
/// `max` and `samples` needs none.
///
/// # Errors
/// All at once, each with its place.
pub fn threshold(data: &Manifest) -> Result<ThresholdCase, Problems> {
    let node = document(data)?;
    let fields = object(data, &node)?;
    let mut findings = Findings::default();
    let read = read(&mut findings, &fields);
    settled(data, findings, read)
}

fn read(findings: &mut Findings, fields: &Fields<'_>) -> Option<ThresholdCase> {
    let kind = findings
        .text(fields, "gate")
        .or_else(|| findings.text(fields, "kind"));
    let kind = match &kind {
        Some((kind, _)) => *kind,
        None if fields.has("value") || fields.null("value").is_some() => "value",
        None => {
            let help = format!("write one of {KINDS}");
            findings.error("gate", "is missing", fields.place.clone(), &help);
            return None;
        }
    };
    let unit = unit(findings, fields);
    let own = fields.get("canary").and_then(|field| findings.map(&field));
    let canary = counts(findings, own.as_ref().unwrap_or(fields));
    let other = fields.get("stable").or_else(|| fields.get("baseline"));
    let other = other.and_then(|field| findings.map(&field));
    let other = other.map(|fields| counts(findings, &fields));
    let least = fields
        .get("min_requests")
        .map(|_| count(findings, fields, "min_requests"));
    let min_requests = least
        .and_then(|least| u32::try_from(least).ok())
        .unwrap_or(0);
    let gate = match kind {
        "value" => return value(findings, fields),
        "success-ratio" => {
            required(findings, fields, "min", "write min: \"99%\"")?;
            Gate::SuccessRatio(SuccessRatio {
                window: WINDOW,
                route: None,
                min: share(findings, fields, "min")?,
                max: share(findings, fields, "max"),
                min_requests,
            })
        }
        "latency-quantile" => Gate::LatencyQuantile(LatencyQuantile {
            window: WINDOW,
            route: None,
            quantile: quantile(findings, fields, "quantile").or_else(|| Probability::new(0.99))?,
            max: time(findings, fields, "max")?,
            min_requests,
        }),
        "ratio" | "difference" => {
            let metric = metric(findings, fields)?;
            let limit = limit(findings, fields, kind, metric)?;
            Gate::Comparison(Comparison {
                window: WINDOW,
                route: None,
                against: Version::Stable,
                strata: 0,
                metric,
                limit,
                min_requests,
            })
        }
        "z-test" => Gate::TwoProportionZ(TwoProportionZ {
            window: WINDOW,
            route: None,
            against: Version::Stable,
            alpha: share(findings, fields, "alpha").or_else(|| Probability::new(0.01))?,
            min_requests,
        }),
        other => {
            let message = format!("there is no gate `{other}`");
            let place = fields.get("gate").or_else(|| fields.get("kind"));
            let place = place.map_or(fields.place.clone(), |field| field.place());
            findings.error("gate", &message, place, &format!("write one of {KINDS}"));
            return None;
        }
    };
    let compares = matches!(gate, Gate::Comparison(_) | Gate::TwoProportionZ(_));
    if compares && other.is_none() {
        let help =
            "write what is compared with: \"stable\": { \"requests\": 10000, \"failures\": 10 }";
        findings.error("stable", "is missing", fields.place.clone(), help);
    }
    let bounds = buckets(findings, fields, unit, &[Some(&canary), other.as_ref()])?;
    let plan = Plan::plain(Sampling::Exact, Birth::Zero, bounds.clone());
    let mut telemetry = Telemetry::new(&plan, Span::ZERO);
    let now = Time::START + WINDOW;
    for (version, counts) in [
        (Version::Canary, Some(&canary)),
        (Version::Stable, other.as_ref()),
    ] {
        if let Some(counts) = counts {
            counts.put_into(&mut telemetry, version, &bounds);
        }
        telemetry.scrape(version, now);
    }
    Some(ThresholdCase {
        gate,
        telemetry,
        now,
    })
}

/// One figure between two limits.
fn value(findings: &mut Findings, fields: &Fields<'_>) -> Option<ThresholdCase> {
    let help = "write a number, or null where there was none";
    if !fields.has("value") && fields.null("value").is_none() {
        findings.error("value", "is missing", fields.place.clone(), help);
        return None;
    }
    let value = findings.number(fields, "value");
    let (min, max) = (
        findings.number(fields, "min"),
        findings.number(fields, "max"),
    );
    if min.is_none() && max.is_none() {
        let help = "write min, max or both";
        findings.error(
            "min",
            "is missing, and so is max",
            fields.place.clone(),
            help,
        );
    }
    let name = findings
        .text(fields, "name")
        .map_or("value", |(name, _)| name);
    let plan = Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio());
    let mut telemetry = Telemetry::new(&plan, Span::ZERO);
    telemetry.supply(0, value.map_or(Figure::Nothing, Figure::Number));
    Some(ThresholdCase {
        gate: Gate::CustomCheck(CustomCheck {
            name: name.to_owned(),
            source: Source::Supplied(0),
            limits: Limits::Range { min, max },
            empty: None,
        }),
        telemetry,
        now: Time::START + WINDOW,
    })
}

fn counts(findings: &mut Findings, fields: &Fields<'_>) -> Counts {
    let mut counts = Counts {
        requests: count(findings, fields, "requests"),
        failures: count(findings, fields, "failures"),
        buckets: Vec::new(),
        seconds: findings.number(fields, "seconds").unwrap_or(0.0),
    };
    if let Some(field) = fields.get("buckets")
        && let Some(list) = findings.map(&field)
    {
        let keys: Vec<&str> = list.keys().collect();
        for key in keys {
            let bound = match key {
                "+Inf" | "Inf" => Some(f64::INFINITY),
                key => key.parse::<f64>().ok().filter(|bound| *bound > 0.0),
            };
            let Some(bound) = bound else {
                let path = list.path_of(key);
                let message = format!("`{key}` is no bound");
                let help =
                    "write upper bounds with cumulative counts: { \"0.5\": 90, \"+Inf\": 100 }";
                findings.error(&path, &message, list.place.clone(), help);
                continue;
            };
            counts.buckets.push((bound, count(findings, &list, key)));
        }
        counts.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let rising = counts.buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
        if !rising {
            let help =
                "each counts all requests up to its bound, so it is never below the one before";
            findings.error(&field.path, "the counts fall", field.key_span.clone(), help);
        }
        if let Some((_, all)) = counts.buckets.last() {
            counts.requests = counts.requests.max(*all);
        }
    }
    if counts.failures > counts.requests {
        let message = format!("{} of {} requests", counts.failures, counts.requests);
        let place = fields
            .get("failures")
            .map_or(fields.place.clone(), |field| field.place());
        let help = "requests counts all of them, the failed ones too";
        findings.error(&fields.path_of("failures"), &message, place, help);
        counts.failures = counts.requests;
    }
    counts
}

fn unit(findings: &mut Findings, fields: &Fields<'_>) -> Unit {
    match findings.text(fields, "unit") {
        None | Some(("s" | "seconds", _)) => Unit::Seconds,
        Some(("ms" | "milliseconds", _)) => Unit::Milliseconds,
        Some((other, field)) => {
            let message = format!("`{other}` is no unit of bounds");
            findings.error(&field.path, &message, field.place(), "write s or ms");
            Unit::Seconds
        }
    }
}

/// The bounds of all histograms, which must be the same.
fn buckets(
    findings: &mut Findings,
    fields: &Fields<'_>,
    unit: Unit,
    all: &[Option<&Counts>],
) -> Option<Buckets> {
    let lists = all.iter().flatten().map(|counts| {
        let finite = counts.buckets.iter().map(|(bound, _)| *bound);
        finite
            .filter(|bound| bound.is_finite())
            .collect::<Vec<f64>>()
    });
    let mut lists = lists.filter(|bounds| !bounds.is_empty());
    let Some(first) = lists.next() else {
        return Some(Buckets::istio());
    };
    if lists.any(|other| other != first) {
        let help = "give both versions the same bounds";
        findings.error("buckets", "the bounds differ", fields.place.clone(), help);
        return None;
    }
    match Buckets::new(first, unit) {
        Ok(buckets) => Some(buckets),
        Err(error) => {
            let help = "write increasing bounds above 0";
            findings.error("buckets", &error.to_string(), fields.place.clone(), help);
            None
        }
    }
}

impl Counts {
    fn put_into(&self, telemetry: &mut Telemetry, version: Version, bounds: &Buckets) {
        let (width, failed) = (bounds.len(), self.failures.min(self.requests));
        let counters = telemetry.counters_mut(version);
        counters.requests[Status::Success as usize] = self.requests - failed;
        counters.requests[Status::Failure as usize] = failed;
        counters.seconds[Status::Success as usize] = self.seconds;
        // Nobody said which requests failed: the fastest did, as far as the histogram goes, because
        // no figure of both together depends on it.
        let (mut before, mut left) = (0, failed);
        for (index, (_, up_to)) in self.buckets.iter().enumerate().take(width) {
            let here = up_to.saturating_sub(before);
            let failed = left.min(here);
            counters.buckets[index] += here - failed;
            counters.buckets[width + index] += failed;
            (before, left) = (*up_to, left - failed);
        }
        // Requests that no bucket counts are slower than all bounds, as are all without any.
        let rest = self.requests.saturating_sub(before);
        counters.buckets[width - 1] += rest.saturating_sub(left);
        counters.buckets[2 * width - 1] += left;
    }
}

/// `p99`, `99%` or 0.99.
fn quantile(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> Option<Probability> {
    let field = fields.get(key)?;
    let read = match &field.node.value {
        Value::Number(number) => Probability::new(*number),
        Value::Text(text) => level(text),
        _ => None,
    };
    if read.is_none() {
        findings.error(
            &field.path,
            "is no quantile",
            field.place(),
            "write it like \"p99\"",
        );
    }
    read
}

fn level(text: &str) -> Option<Probability> {
    match text.strip_prefix('p') {
        Some(digits) => {
            let percent: f64 = digits.parse().ok()?;
            Probability::new(percent / 100.0)
        }
        None => text.parse().ok(),
    }
}

fn time(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> Option<Span> {
    let help = "write a time, like \"500ms\"";
    let field = required(findings, fields, key, help)?;
    let read = field.node.text().and_then(|text| text.parse().ok());
    if read.is_none() {
        findings.error(&field.path, "is no time", field.place(), help);
    }
    read
}

fn metric(findings: &mut Findings, fields: &Fields<'_>) -> Option<Metric> {
    let Some((text, field)) = findings.text(fields, "metric") else {
        return Some(Metric::ErrorRatio);
    };
    let read = match text {
        "errors" => Some(Metric::ErrorRatio),
        "mean" => Some(Metric::LatencyMean),
        text => level(text).map(Metric::LatencyQuantile),
    };
    if read.is_none() {
        let message = format!("`{text}` is no metric");
        let help = "write errors, mean, or a quantile like p99";
        findings.error(&field.path, &message, field.place(), help);
    }
    read
}

fn limit(
    findings: &mut Findings,
    fields: &Fields<'_>,
    kind: &str,
    metric: Metric,
) -> Option<ComparisonLimit> {
    if kind == "ratio" {
        required(
            findings,
            fields,
            "max",
            "write max: 2 to let the canary be twice as bad",
        )?;
        return findings.number(fields, "max").map(ComparisonLimit::Ratio);
    }
    match metric {
        Metric::ErrorRatio => {
            required(findings, fields, "max", "write a share: max: \"0.5%\"")?;
            share(findings, fields, "max").map(|most| ComparisonLimit::Difference(most.get()))
        }
        Metric::LatencyMean | Metric::LatencyQuantile(_) => {
            let most = time(findings, fields, "max")?;
            Some(ComparisonLimit::Difference(most.as_secs_f64()))
        }
    }
}
