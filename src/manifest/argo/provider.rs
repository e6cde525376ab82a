//! Providers of metrics: who is asked, and what a result looks like.
//!
//! `metricproviders/*`. Prometheus is asked for the simulated service's metrics; what the others
//! answer the scenario says, by the metric's name.

use super::super::findings::{Field, Fields, Findings};
use super::metric::{JOB, JUDGEMENT, text};
use super::quantities::go_duration;
use super::template_grammar;
use crate::base::Span;
use crate::gate::Source;
use crate::gate::argo::{Assessment, Condition, Empty, Found, RangeQuery, Shape};
use crate::rollout::argo::Effort;
use crate::telemetry::promql::{Query, Semantics};

/// What a provider comes to.
pub(super) struct Provider {
    pub(super) source: Asked,
    pub(super) range: Option<RangeQuery>,
    pub(super) kind: Kind,
    pub(super) effort: Effort,
}

/// Who is asked.
pub(super) enum Asked {
    /// A Prometheus.
    Source(Source),
    /// Somebody who is not simulated.
    Elsewhere,
}

/// How an answer becomes a phase.
pub(super) enum Kind {
    Conditions {
        /// A result of the type that results have.
        sample: Found,
        shape: Shape,
        empty: Empty,
    },
    Without(Assessment),
}

/// The keys of a provider that is not Prometheus, what one figure of it looks like, and what no data
/// does.
const OTHERS: [(&str, Form, Empty); 9] = [
    ("web", Form::Wanted, Empty::Error),
    ("datadog", Form::Number, Empty::Nothing),
    ("newRelic", Form::Wanted, Empty::Error),
    ("wavefront", Form::Wanted, Empty::Error),
    ("graphite", Form::Numbers, Empty::List),
    ("influxdb", Form::Wanted, Empty::Error),
    ("cloudWatch", Form::Wanted, Empty::Error),
    ("skywalking", Form::Wanted, Empty::Error),
    ("plugin", Form::Wanted, Empty::Error),
];

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Number,
    Numbers,
    /// Whatever the conditions are written for.
    Wanted,
}

/// The provider of a metric.
pub(super) fn read(
    findings: &mut Findings,
    metric: &Fields<'_>,
    conditions: [Option<&Condition>; 2],
) -> Option<Provider> {
    let Some(field) = metric.get("provider") else {
        let message = "is missing: Argo ends the run with Error at its start";
        let path = metric.path_of("provider");
        let help = "write `provider: {prometheus: {query: …}}`";
        findings.error(&path, message, metric.place.clone(), help);
        return None;
    };
    let fields = findings.map(&field)?;
    let known = OTHERS.iter().map(|(key, _, _)| *key);
    let known: Vec<&str> = ["prometheus", "job", "kayenta"]
        .into_iter()
        .chain(known)
        .collect();
    let named: Vec<&str> = known
        .iter()
        .copied()
        .filter(|key| fields.has(key))
        .collect();
    let one = match named.as_slice() {
        [one] => *one,
        [] => {
            let message = "names no provider that Argo Rollouts knows";
            findings.refuse(&field, message, &format!("known are {}", known.join(", ")));
            return None;
        }
        several => {
            let message = format!("names several: {}", several.join(", "));
            findings.refuse(&field, &message, "leave one of them");
            return None;
        }
    };
    match one {
        "prometheus" => prometheus(findings, &fields),
        "job" => {
            findings.mark_ignored(&fields.path_of(one), template_grammar::JOB);
            Some(Provider {
                source: Asked::Elsewhere,
                range: None,
                kind: Kind::Without(Assessment::Job),
                effort: JOB,
            })
        }
        "kayenta" => kayenta(findings, &fields),
        _ => {
            findings.mark_ignored(&fields.path_of(one), template_grammar::ELSEWHERE);
            let (_, form, empty) = *OTHERS.iter().find(|(key, _, _)| *key == one)?;
            Some(other(&fields, one, form, empty, conditions))
        }
    }
}

fn other(
    fields: &Fields<'_>,
    key: &str,
    form: Form,
    empty: Empty,
    conditions: [Option<&Condition>; 2],
) -> Provider {
    // Datadog's second API gives a list when its formula keeps groups; the condition knows.
    let wanted = || Shape::wanted(conditions.into_iter().flatten());
    let grouped = key == "datadog" && wanted() != Shape::Number;
    let shape = match form {
        Form::Wanted => wanted(),
        Form::Number if grouped && has_formula(fields) => Shape::Numbers,
        Form::Number => Shape::Number,
        Form::Numbers => Shape::Numbers,
    };
    Provider {
        source: Asked::Elsewhere,
        range: None,
        kind: Kind::Conditions {
            sample: shape.filled(1.0),
            shape,
            empty,
        },
        effort: Effort::Query(Span::ZERO),
    }
}

fn has_formula(fields: &Fields<'_>) -> bool {
    let datadog = fields.get("datadog");
    datadog.is_some_and(|field| field.node.get("queries").is_some())
}

fn kayenta(findings: &mut Findings, fields: &Fields<'_>) -> Option<Provider> {
    let field = fields.get("kayenta")?;
    let kayenta = findings.map(&field)?;
    let Some(threshold) = kayenta.get("threshold") else {
        let path = kayenta.path_of("threshold");
        let help = "write `threshold: {pass: 90, marginal: 75}`";
        findings.error(&path, "is missing", kayenta.place.clone(), help);
        return None;
    };
    let threshold = findings.map(&threshold)?;
    let mut score = |key: &str| {
        if !threshold.has(key) {
            let path = threshold.path_of(key);
            let help = "write a score from 0 to 100";
            findings.error(&path, "is missing", threshold.place.clone(), help);
        }
        findings.integer_at(&threshold, key)
    };
    let (pass, marginal) = (score("pass"), score("marginal"));
    Some(Provider {
        source: Asked::Elsewhere,
        range: None,
        kind: Kind::Without(Assessment::Score { pass, marginal }),
        effort: JUDGEMENT,
    })
}

fn prometheus(findings: &mut Findings, fields: &Fields<'_>) -> Option<Provider> {
    let field = fields.get("prometheus")?;
    let fields = findings.map(&field)?;
    check_timeout(findings, &fields);
    let range = match fields.get("rangeQuery") {
        Some(field) => Some(range(findings, &field)?),
        None => None,
    };
    let Some((text, field)) = text(findings, &fields, "query") else {
        if !fields.has("query") {
            let path = fields.path_of("query");
            let help = "write a PromQL query";
            findings.error(&path, "is missing", fields.place.clone(), help);
        }
        return None;
    };
    let query = match Query::parse(text, Semantics::default()) {
        Ok(query) => query,
        Err(error) => {
            let message =
                format!("Prometheus refuses the query, so every measurement is an error: {error}");
            let help = error
                .help
                .as_deref()
                .unwrap_or("write a query that Prometheus takes");
            findings.refuse(&field, &message, help);
            return None;
        }
    };
    let sample = match (range, query.is_scalar()) {
        (None, true) => Found::Number(1.0),
        _ => Found::Numbers(Vec::new()),
    };
    Some(Provider {
        source: Asked::Source(Source::Written(query)),
        range,
        kind: Kind::Conditions {
            sample,
            shape: Shape::Numbers,
            empty: Empty::List,
        },
        effort: Effort::Query(Span::ZERO),
    })
}

fn check_timeout(findings: &mut Findings, fields: &Fields<'_>) {
    let Some(field) = fields.get("timeout") else {
        return;
    };
    let negative = findings.integer(&field).is_some_and(|seconds| seconds < 0);
    findings.mark_ignored(&field.path, "queries are answered at once");
    if negative {
        let message = "is below 0: every measurement is an error";
        findings.refuse(&field, message, "write seconds, 30");
    }
}

/// Most points of a range query that a Prometheus gives.
const MOST_POINTS: u64 = 11_000;

fn range(findings: &mut Findings, field: &Field<'_>) -> Option<RangeQuery> {
    let fields = findings.map(field)?;
    let mut want = |key: &str, read: fn(&str) -> Option<Span>, help: &str| {
        let found = text(findings, &fields, key);
        let Some((text, field)) = found else {
            let path = fields.path_of(key);
            if !fields.has(key) {
                findings.error(&path, "is missing", fields.place.clone(), help);
            }
            return None;
        };
        let span = read(text);
        if span.is_none() {
            let message = format!("`{text}` cannot be used: every measurement is an error");
            findings.refuse(&field, &message, help);
        }
        span
    };
    let instant = "write an instant up to now: `now()` or `now() - duration(\"5m\")`";
    let start = want("start", back, instant);
    let end = want("end", back, instant);
    let step = want("step", step, "write a duration above 0, like 1m");
    let (start, end, step) = (start?, end?, step?);
    if end > start {
        let message = "ends before it starts: every measurement is an error";
        findings.refuse(field, message, "let start lie before end");
        return None;
    }
    if (start - end) / step > MOST_POINTS {
        let message =
            format!("asks for more than {MOST_POINTS} points: every measurement is an error");
        findings.refuse(field, &message, "write a longer step");
        return None;
    }
    Some(RangeQuery { start, end, step })
}

fn step(text: &str) -> Option<Span> {
    go_duration(text).filter(|step| !step.is_zero())
}

/// How far an instant lies back: `now() - duration("5m")`. Calendar days are none here.
fn back(text: &str) -> Option<Span> {
    let mut rest = text.trim().strip_prefix("now()")?.trim_start();
    let (mut before, mut after) = (Span::ZERO, Span::ZERO);
    while !rest.is_empty() {
        let (sum, argument) = match rest.strip_prefix('-') {
            Some(argument) => (&mut before, argument),
            None => (&mut after, rest.strip_prefix('+')?),
        };
        let argument = argument.trim_start().strip_prefix("duration")?.trim_start();
        let argument = argument.strip_prefix('(')?.trim_start();
        let quote = argument
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\'' | '`'))?;
        let (duration, behind) = argument[1..].split_once(quote)?;
        *sum = *sum + go_duration(duration)?;
        rest = behind.trim_start().strip_prefix(')')?.trim_start();
    }
    (after <= before).then(|| before - after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_by_their_distance() {
        for (text, seconds) in [
            ("now()", Some(0)),
            ("now() - duration(\"5m\")", Some(300)),
            (" now()-duration('1h30m') + duration(`30m`) ", Some(3_600)),
            ("now() + duration(\"5m\")", None),
            ("now() - duration(\"1d\")", None),
            ("now() - 5m", None),
            ("date(\"2023-08-14\")", None),
            ("now(", None),
            ("now() - duration(\"5m", None),
        ] {
            assert_eq!(back(text), seconds.map(Span::from_secs), "{text}");
        }
    }
}
