//! Durations and numbers of pods, as Kubernetes writes them.

use super::super::findings::{Field, Findings};
use super::super::yaml::Value;
use crate::base::Span;

/// The duration of a pause or an experiment: whole seconds, in quotes or not, or a Go duration whose
/// fractions of a second are cut off.
pub(super) fn duration(findings: &mut Findings, field: &Field<'_>) -> Option<Span> {
    findings.mark_used(&field.path);
    let read = match &field.node.value {
        Value::Number(seconds) => whole(*seconds),
        Value::Text(text) => match text.parse::<u64>() {
            Ok(seconds) => Some(seconds),
            Err(_) => go_duration(text).map(|span| span.as_nanos() / SECOND),
        },
        _ => None,
    };
    let Some(seconds) = read.filter(|seconds| *seconds <= LONGEST) else {
        let help = "write whole seconds, 30, or a Go duration, 90s, 5m or 1h30m";
        findings.refuse(field, "is no duration that Argo Rollouts understands", help);
        return None;
    };
    Some(Span::from_secs(seconds))
}

const SECOND: u64 = 1_000_000_000;
/// Ten years: longer ones are a slip of a unit, and sums of them stay in range.
const LONGEST: u64 = 10 * 365 * 86_400;

fn whole(number: f64) -> Option<u64> {
    let valid = number.trunc() == number && (0.0..9e15).contains(&number);
    valid.then_some(number as u64)
}

/// A Go duration without a sign: no days, no blanks.
pub(super) fn go_duration(text: &str) -> Option<Span> {
    let units = text.split(|c: char| c.is_ascii_digit() || c == '.');
    let known = |unit: &str| matches!(unit, "" | "h" | "m" | "s" | "ms" | "us" | "µs" | "ns");
    if !units.into_iter().all(known) {
        return None;
    }
    text.parse().ok()
}

/// A number of pods, or a percentage of all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pods {
    Count(u32),
    Percent(f64),
}

impl Pods {
    /// What both bounds of a rolling update are when nothing is written.
    pub(super) const QUARTER: Pods = Pods::Percent(25.0);

    /// So many of `replicas`, rounded up or down.
    pub(super) fn of(self, replicas: u32, up: bool) -> u32 {
        match self {
            Pods::Count(count) => count,
            Pods::Percent(percent) => {
                let exact = f64::from(replicas) * percent / 100.0;
                let rounded = if up { exact.ceil() } else { exact.floor() };
                rounded as u32
            }
        }
    }
}

/// A number of pods or a percentage; in quotes it is one even without its sign, as `"3"` is 3 %.
pub(super) fn pods(findings: &mut Findings, field: &Field<'_>) -> Option<Pods> {
    findings.mark_used(&field.path);
    let read = match &field.node.value {
        Value::Number(number) => whole(*number)
            .and_then(|count| u32::try_from(count).ok())
            .map(Pods::Count),
        Value::Text(text) => {
            let number = text.strip_suffix('%').unwrap_or(text);
            let percent = number.parse::<u32>().ok();
            percent.map(|percent| Pods::Percent(f64::from(percent)))
        }
        _ => None,
    };
    if read.is_none() {
        let help = "write a number of pods, 2, or a percentage in quotes, \"25%\"";
        findings.refuse(field, "is neither a number of pods nor a percentage", help);
    }
    read
}

/// A whole number from 0 to `most`.
pub(super) fn small(findings: &mut Findings, field: &Field<'_>, most: u32) -> Option<u32> {
    let number = findings.integer(field)?;
    let small = u32::try_from(number).ok().filter(|number| *number <= most);
    if small.is_none() {
        let message = format!("{number} is not within 0 to {most}");
        findings.refuse(field, &message, "write a number in this range");
    }
    small
}
