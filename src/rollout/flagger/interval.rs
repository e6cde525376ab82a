//! `analysis.interval`, as Flagger understands it.

use crate::base::Span;

/// What Flagger makes of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// As written.
    AsWritten(Span),
    /// Shorter than the shortest that it ticks at, which is used instead.
    Raised(Span),
    /// Not a Go duration; the default is used instead.
    NotUnderstood(Span),
}

impl Interval {
    /// The time between ticks.
    pub fn span(self) -> Span {
        match self {
            Interval::AsWritten(span) | Interval::Raised(span) | Interval::NotUnderstood(span) => {
                span
            }
        }
    }
}

/// The time between ticks that `analysis.interval: text` gives: 60s when it is empty or not a Go
/// duration, never less than 10s.
///
/// Flagger 1.44.0, `pkg/apis/flagger/v1beta1/canary.go`.
pub fn analysis_interval(text: &str) -> Interval {
    const SHORTEST: Span = Span::from_secs(10);
    match go_nanos(text) {
        None => Interval::NotUnderstood(Span::from_secs(60)),
        Some(nanos) if nanos < SHORTEST.as_nanos() as f64 => Interval::Raised(SHORTEST),
        Some(nanos) => Interval::AsWritten(Span::from_nanos(nanos.round() as u64)),
    }
}

/// Whether a text is a Go duration, which some providers of metrics want.
pub fn is_duration(text: &str) -> bool {
    go_nanos(text).is_some()
}

/// Nanoseconds of a Go duration (`1m30s`, `1.5h`, `-5s`, `0`); `None` when it is not one.
fn go_nanos(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if rest == "0" {
        return Some(0.0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        nanos += number
            * match &rest[..letters] {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3_600e9,
                _ => return None,
            };
        rest = &rest[letters..];
    }
    // Go counts nanoseconds in 63 bits.
    (nanos < i64::MAX as f64).then_some(sign * nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_intervals_get_the_default_or_the_shortest() {
        let seconds = |text| analysis_interval(text).span().as_secs_f64();
        for (text, expected) in [
            ("30s", 30.0),
            ("1m30s", 90.0),
            ("1.5m", 90.0),
            ("", 60.0),
            ("1min", 60.0),
            ("5", 60.0),
            ("1d", 60.0),
            (".s", 60.0),
            ("500ms", 10.0),
            ("0", 10.0),
            ("-30s", 10.0),
            ("9999999999h", 60.0),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        assert_eq!(
            analysis_interval("1min"),
            Interval::NotUnderstood(Span::from_secs(60))
        );
        assert_eq!(
            analysis_interval("5s"),
            Interval::Raised(Span::from_secs(10))
        );
    }
}
