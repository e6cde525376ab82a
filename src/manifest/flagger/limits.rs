//! What a metric is held against, and over which time.

use super::super::findings::{Fields, Findings};
use crate::base::Span;
use crate::gate::flagger::{Limits, Metric};

/// Range of a query whose metric names none, as written.
pub(super) const DEFAULT_INTERVAL: &str = "1m";
/// The same.
const DEFAULT_WINDOW: Span = Span::from_secs(60);

/// The range of a builtin query.
pub(super) fn window(findings: &mut Findings, fields: &Fields<'_>) -> Span {
    let Some((text, field)) = findings.text(fields, "interval") else {
        return DEFAULT_WINDOW;
    };
    if text.is_empty() {
        return DEFAULT_WINDOW;
    }
    prometheus_span(text).unwrap_or_else(|| {
        let message =
            format!("`{text}` is not a range that Prometheus understands: every check fails");
        let help = "write a duration above zero, like 30s, 1m or 1m30s";
        findings.error(&field.path, &message, field.place(), help);
        DEFAULT_WINDOW
    })
}

/// A range in PromQL: whole numbers of y, w, d, h, m, s and ms, each at most once and in this order;
/// or, since Prometheus 2.54, a number of seconds.
pub(super) fn prometheus_span(text: &str) -> Option<Span> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.is_finite() && seconds > 0.0).then(|| Span::from_secs_f64(seconds));
    }
    let (mut rest, mut millis, mut units) = (text, 0_u64, UNITS.as_slice());
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let letters = rest[digits..].find(|c: char| c.is_ascii_digit());
        let end = letters.map_or(rest.len(), |letters| digits + letters);
        let at = units
            .iter()
            .position(|(unit, _)| *unit == &rest[digits..end])?;
        millis = millis.checked_add(number.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = &rest[end..];
    }
    // Nanoseconds must fit as well.
    (millis > 0 && millis < u64::MAX / 1_000_000).then(|| Span::from_millis(millis))
}

/// What a metric's value is held against.
pub(super) fn limits(findings: &mut Findings, fields: &Fields<'_>, metric: Metric) -> Limits {
    let Some(range) = fields.get("thresholdRange") else {
        return old_threshold(findings, fields, metric);
    };
    if fields.has("threshold") {
        let path = fields.path_of("threshold");
        findings.mark_ignored(&path, "thresholdRange is there");
    }
    let Some(bounds) = findings.map(&range) else {
        return Limits::Threshold(0.0);
    };
    findings.mark_used(&range.path);
    let min = findings.number(&bounds, "min");
    let max = findings.number(&bounds, "max");
    report_odd_limits(findings, &bounds, metric, min, max);
    Limits::Range { min, max }
}

fn report_odd_limits(
    findings: &mut Findings,
    bounds: &Fields<'_>,
    metric: Metric,
    min: Option<f64>,
    max: Option<f64>,
) {
    let place = bounds.place.clone();
    let path = |key: &str| bounds.path_of(key);
    match (min, max) {
        (None, None) if !bounds.has("min") && !bounds.has("max") => {
            let message = "neither min nor max: whatever has a value passes";
            findings.warn(bounds.path(), message, place);
        }
        (Some(min), Some(max)) if min > max => {
            let message = format!("{min} is above the max of {max}: every check fails");
            findings.warn(&path("min"), &message, place);
        }
        (Some(min), _) if metric == Metric::SuccessRate && min > 100.0 => {
            let message = format!("no success rate reaches {min} %: every check fails");
            findings.warn(&path("min"), &message, place);
        }
        (Some(min), _)
            if metric == Metric::SuccessRate && (0.0..=1.0).contains(&min) && min > 0.0 =>
        {
            let message = format!("this is {min} %: success rates go from 0 to 100");
            findings.warn(&path("min"), &message, place);
        }
        (_, Some(max)) if metric == Metric::Duration && max.fract() != 0.0 => {
            let message = format!(
                "limits are whole milliseconds, so {max} becomes {} ms",
                max.trunc()
            );
            findings.warn(&path("max"), &message, place);
        }
        _ => {}
    }
}

fn old_threshold(findings: &mut Findings, fields: &Fields<'_>, metric: Metric) -> Limits {
    let limit = findings.number(fields, "threshold");
    if limit.is_none() && !fields.has("threshold") {
        let message = match metric {
            Metric::SuccessRate => "is missing: whatever has a value passes",
            Metric::Duration => "is missing: the limit is 0 ms, and everything from 1 ms on fails",
            Metric::Query => "is missing: the limit is 0, and everything above fails",
        };
        findings.warn(
            &fields.path_of("thresholdRange"),
            message,
            fields.place.clone(),
        );
    }
    Limits::Threshold(limit.unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_written_as_prometheus_wants_them() {
        let seconds = |text| prometheus_span(text).map(Span::as_secs_f64);
        for (text, expected) in [
            ("1m", 60.0),
            ("1h30m", 5_400.0),
            ("1m30s", 90.0),
            ("500ms", 0.5),
            ("1w", 604_800.0),
            ("60", 60.0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "0s",
            "1.5m",
            "30s1m",
            "1m1m",
            "1min",
            "-1m",
            "m",
            "99999999999y",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
