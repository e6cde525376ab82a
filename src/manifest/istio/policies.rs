//! Retries and timeouts of a rule.

use super::super::findings::{Field, Fields};
use super::super::split::{Reading, Retries, Said, duration, whole_within};
use crate::base::Span;

/// What Envoy tries again when nothing is said: connections that failed, twice.
///
/// Istio 1.27, `pilot/pkg/networking/core/route/retry/retry.go`.
const UNSAID: Retries = Retries {
    attempts: 2,
    on_errors: false,
    on_resets: true,
    per_try_timeout: None,
    backoff: None,
    place: None,
};

/// Conditions of `retryOn` under which an answer with a server error is tried again.
const ERRORS: [&str; 3] = ["5xx", "gateway-error", "retriable-status-codes"];
/// Those under which a connection that failed is.
const RESETS: [&str; 7] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "refused-stream",
    "unavailable",
];

/// What is tried again; `None` when nothing is.
pub(super) fn retries(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<Retries> {
    let Some(field) = fields.get("retries") else {
        return Some(UNSAID);
    };
    let inner = reading.findings.map(&field)?;
    let per_try_timeout = duration(reading, &inner, "perTryTimeout");
    let backoff = duration(reading, &inner, "backoff");
    let attempts = match inner.get("attempts") {
        Some(field) => whole_within(reading, &field, 0, i64::from(i32::MAX))?,
        None => i64::from(UNSAID.attempts),
    };
    let (on_errors, on_resets) = conditions(reading, &inner, &field);
    if attempts == 0 {
        return None;
    }
    let most = 100;
    if attempts > most {
        let message = format!("more than {most} attempts are simulated as {most}");
        (reading.findings).warn(&inner.path_of("attempts"), &message, field.key_span.clone());
    }
    let place = reading.place(&field);
    (on_errors || on_resets).then(|| Retries {
        attempts: attempts.min(most) as u32,
        on_errors,
        on_resets,
        per_try_timeout,
        backoff,
        place: Some(place),
    })
}

/// Whether errors and resets are tried again.
fn conditions(reading: &mut Reading<'_>, inner: &Fields<'_>, field: &Field<'_>) -> (bool, bool) {
    let Some((text, place)) = reading.findings.text(inner, "retryOn") else {
        return (UNSAID.on_errors, UNSAID.on_resets);
    };
    let said: Vec<&str> = text.split(',').map(str::trim).collect();
    let status = |one: &str| one.parse::<u16>().is_ok_and(|status| status >= 500);
    let is = |names: &[&str]| said.iter().any(|one| names.contains(one));
    // The list of codes is empty unless codes stand in it.
    let errors = is(&ERRORS[..2]) || said.iter().any(|one| status(one));
    let resets = is(&RESETS);
    if !errors && !resets {
        let message = format!("nothing that is simulated is tried again on `{text}`");
        (reading.findings).warn(&place.path, &message, place.place());
        reading
            .findings
            .mark_ignored(&field.path, "its conditions never arise here");
    } else if is(&["gateway-error"]) && !is(&["5xx"]) {
        let message = "of answers only 502, 503 and 504 are tried again; simulated errors are taken for \
                       such";
        (reading.findings).warn(&place.path, message, place.place());
    }
    (errors, resets)
}

/// When the caller gives up; zero is never.
pub(super) fn timeout(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<Said<Span>> {
    let field = fields.get("timeout")?;
    if matches!(field.node.text(), Some("0s" | "0ms" | "0")) {
        reading
            .findings
            .mark_ignored(&field.path, "zero turns it off");
        return None;
    }
    duration(reading, fields, "timeout")
}
