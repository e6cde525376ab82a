//! `fault`: what the caller's proxy does to requests on purpose.

use super::super::findings::{Field, Fields};
use super::super::split::{InjectionKind, Reading, Said, duration, percentage, whole_within};
use super::virtual_service::share;
use crate::base::Probability;

/// Faults that some requests meet, in the order in which they happen: the delay, then the abort.
pub(super) fn read(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
) -> Vec<(InjectionKind, Said<Probability>)> {
    let Some(field) = fields.get("fault") else {
        return Vec::new();
    };
    let Some(fault) = reading.findings.map(&field) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if let Some((field, part)) = part(reading, &fault, "delay") {
        let delay = duration(reading, &part, "fixedDelay");
        if delay.is_none() && !part.has("fixedDelay") {
            let help = "write fixedDelay: 2s";
            let message = "is missing: nothing else says how long";
            (reading.findings).error(
                &part.path_of("fixedDelay"),
                message,
                field.key_span.clone(),
                help,
            );
        }
        let share = reached(reading, &part, &field);
        found.extend(
            delay
                .zip(share)
                .map(|(delay, share)| (InjectionKind::Delay(delay), share)),
        );
    }
    if let Some((field, part)) = part(reading, &fault, "abort") {
        let status = status(reading, &part, &field);
        let share = reached(reading, &part, &field);
        let abort = status
            .zip(share)
            .filter(|(status, _)| is_seen(reading, status, &field));
        found.extend(abort.map(|(status, share)| (InjectionKind::Abort(status), share)));
    }
    found
}

/// Whether a status is a server error, which gates look for.
fn is_seen(reading: &mut Reading<'_>, status: &Said<String>, field: &Field<'_>) -> bool {
    /// Those of gRPC that say that the server failed.
    const FAILED: [&str; 6] = [
        "UNKNOWN",
        "DEADLINE_EXCEEDED",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
    ];
    let seen = match status.value.parse::<u16>() {
        Ok(http) => http >= 500,
        Err(_) => FAILED.contains(&status.value.to_uppercase().as_str()),
    };
    if !seen {
        let message = format!("{} is no server error: it is not simulated", status.value);
        (reading.findings).warn(&field.path, &message, status.place.span.clone());
        reading
            .findings
            .mark_ignored(&field.path, "only server errors are simulated");
    }
    seen
}

fn part<'a>(
    reading: &mut Reading<'_>,
    fault: &Fields<'a>,
    key: &str,
) -> Option<(Field<'a>, Fields<'a>)> {
    let field = fault.get(key)?;
    let fields = reading.findings.map(&field)?;
    Some((field, fields))
}

/// The share of requests that a fault reaches; without a percentage nobody.
fn reached(
    reading: &mut Reading<'_>,
    part: &Fields<'_>,
    field: &Field<'_>,
) -> Option<Said<Probability>> {
    if part.has("percentage") {
        return share(reading, part, "percentage");
    }
    if let Some(old) = part.get("percent") {
        let message = "the old name of percentage, read as such";
        (reading.findings).warn(&old.path, message, old.key_span.clone());
        return percentage(reading, part, "percent");
    }
    let message = "has no percentage: it reaches nobody";
    (reading.findings).warn(&field.path, message, field.key_span.clone());
    reading
        .findings
        .mark_ignored(&field.path, "without a percentage it reaches nobody");
    None
}

fn status(reading: &mut Reading<'_>, part: &Fields<'_>, field: &Field<'_>) -> Option<Said<String>> {
    if let Some(status) = part.get("httpStatus") {
        let number = whole_within(reading, &status, 200, 599)?;
        return Some(reading.said(number.to_string(), &status));
    }
    if let Some((grpc, place)) = reading.findings.text(part, "grpcStatus") {
        return Some(reading.said(grpc.to_owned(), &place));
    }
    let help = "write httpStatus: 503";
    (reading.findings).error(
        &part.path_of("httpStatus"),
        "is missing",
        field.key_span.clone(),
        help,
    );
    None
}
