//! Access logs: the requests of each bin of time.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use super::trace::{MOST_BYTES, MOST_PROBLEMS, MOST_ROWS, TraceError, unpacked};
use crate::base::Span;
use crate::model::traffic::Trace;

/// The field of an Envoy log that holds the time of a request.
pub(super) const START_TIME: &str = "start_time";
/// How NGINX and Apache write times.
const COMMON: &str = "%d/%b/%Y:%H:%M:%S %z";

/// Counts the requests of a log in the common or combined format of NGINX and Apache, or of one
/// with a JSON object per line whose `field` holds the time (RFC 3339, or seconds since 1970). Bins
/// begin at whole multiples of `bin` since 1970; the first and the last hold what the log holds of
/// them. The order of lines does not matter.
pub(super) fn read(bytes: &[u8], bin: Span, field: &str) -> Result<Trace, Vec<TraceError>> {
    use std::io::Read;
    let mut lines = BufReader::new(unpacked(bytes).take(MOST_BYTES));
    let mut bins: BTreeMap<i128, f64> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut raw = Vec::new();
    let mut seen = Seen::default();
    let mut number = 0;
    while problems.len() < MOST_PROBLEMS {
        raw.clear();
        match lines.read_until(b'\n', &mut raw) {
            Ok(0) => break,
            Ok(_) => number += 1,
            Err(error) => return Err(vec![TraceError::Unreadable(error.to_string())]),
        }
        let line = String::from_utf8_lossy(&raw);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let nanos = match line.starts_with('{') {
            true => json_time(line, field),
            false => seen.common_time(line),
        };
        match nanos {
            Some(nanos) => {
                let index = nanos.div_euclid(i128::from(bin.as_nanos()));
                *bins.entry(index).or_default() += 1.0;
            }
            None => problems.push(TraceError::NotARequest {
                line: number,
                text: line.chars().take(60).collect(),
            }),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    into_trace(&bins, bin).map_err(|error| vec![error])
}

fn into_trace(bins: &BTreeMap<i128, f64>, bin: Span) -> Result<Trace, TraceError> {
    let (Some((first, _)), Some((last, _))) = (bins.first_key_value(), bins.last_key_value())
    else {
        return Err(TraceError::NoRequests);
    };
    if last - first >= MOST_ROWS as i128 {
        return Err(TraceError::TooLong);
    }
    let width = bin.as_secs_f64();
    let rates = (*first..=*last).map(|index| bins.get(&index).copied().unwrap_or(0.0) / width);
    Trace::new(bin, rates.collect()).ok_or(TraceError::NoRequests)
}

/// The time last read: a busy server writes the same one many times over.
#[derive(Default)]
struct Seen {
    text: String,
    nanos: i128,
}

impl Seen {
    /// The time in square brackets.
    fn common_time(&mut self, line: &str) -> Option<i128> {
        let (_, rest) = line.split_once('[')?;
        let (text, _) = rest.split_once(']')?;
        if text != self.text {
            let time = jiff::fmt::strtime::parse(COMMON, text).ok()?;
            self.nanos = time.to_timestamp().ok()?.as_nanosecond();
            text.clone_into(&mut self.text);
        }
        Some(self.nanos)
    }
}

fn json_time(line: &str, field: &str) -> Option<i128> {
    let object: serde_json::Value = serde_json::from_str(line).ok()?;
    let time = object.get(field)?;
    if let Some(text) = time.as_str() {
        return text
            .parse::<jiff::Timestamp>()
            .ok()
            .map(jiff::Timestamp::as_nanosecond);
    }
    let seconds = time.as_f64().filter(|seconds| seconds.abs() < 1e12)?;
    Some((seconds * 1e9).round() as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Span = Span::from_secs(60);

    fn counts(text: &str, bin: Span) -> Vec<f64> {
        let trace = read(text.as_bytes(), bin, START_TIME).unwrap();
        trace
            .rates()
            .iter()
            .map(|rate| (rate * bin.as_secs_f64()).round())
            .collect()
    }

    #[test]
    fn common_and_combined_lines_are_counted_by_the_minute() {
        let text = r#"
192.0.2.1 - - [10/Oct/2024:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326
192.0.2.2 - ann [10/Oct/2024:13:55:59 -0700] "GET /b?c=[1] HTTP/1.1" 200 12 "https://example.org/" "Browser 1.0"
2001:db8::1 - - [10/Oct/2024:20:58:00 +0000] "POST /c HTTP/1.1" 500 0 "-" "-"
192.0.2.1 - - [10/Oct/2024:13:55:37 -0700] "GET /late HTTP/1.1" 200 1
"#;
        assert_eq!(counts(text, MINUTE), [3.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn json_lines_are_counted_by_the_second() {
        let text = r#"{"start_time":"2024-10-10T13:55:36.250Z","response_code":200}
{"response_code":503,"start_time":"2024-10-10T13:55:36.990Z"}
{"start_time":"2024-10-10T15:55:38+02:00"}
"#;
        assert_eq!(counts(text, Span::from_secs(1)), [2.0, 0.0, 1.0]);
        let own = "{\"at\": 12.5}\n{\"at\": 13.0}\n";
        let trace = read(own.as_bytes(), Span::from_secs(1), "at").unwrap();
        assert_eq!(trace.rates(), [1.0, 1.0]);
    }

    #[test]
    fn lines_without_a_time_are_named() {
        let text = "192.0.2.1 - - [10/Oct/2024:13:55:36 -0700] \"GET / HTTP/1.1\" 200 1\n\
                    192.0.2.1 - - [yesterday] \"GET / HTTP/1.1\" 200 1\n{\"path\": \"/\"}\n";
        let errors = read(text.as_bytes(), MINUTE, START_TIME).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2);
        assert!(
            texts[0].starts_with("line 2: `192.0.2.1 - - [yesterday]"),
            "{texts:?}"
        );
        assert!(
            texts[1].starts_with("line 3: `{\"path\": \"/\"}`"),
            "{texts:?}"
        );
        assert_eq!(
            read(b"", MINUTE, START_TIME),
            Err(vec![TraceError::NoRequests])
        );
    }

    #[test]
    fn a_log_of_too_many_bins_is_refused() {
        let text = "{\"start_time\": 0}\n{\"start_time\": 1000000}\n";
        let errors = read(text.as_bytes(), Span::from_secs(1), START_TIME).unwrap_err();
        assert_eq!(errors, [TraceError::TooLong]);
    }
}
