//! Reads recorded samples: Prometheus' text, OpenMetrics text, and answers of the HTTP API.

use serde_json::{Map, Value};

use super::{Labels, STALE, Samples};
use crate::telemetry::exposition::text::{Entry, Reader};
use crate::telemetry::promql::labels::NAME;

/// The farthest time that is read, in milliseconds before and after 1970: some 285 years.
const FARTHEST: i64 = 9_000_000_000_000;

/// Why a text holds no samples.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SamplesError {
    /// Which line, from 1, where that is known.
    pub line: Option<usize>,
    /// What is wrong, with the offending text.
    pub what: String,
    /// What would be valid.
    pub help: &'static str,
}

const LINES: &str = "write lines like http_requests_total{code=\"200\"} 27 1700000000";
const SHAPES: &str = "write an answer of /api/v1/query or /api/v1/query_range, with a vector or a \
                      matrix";

fn refuse(what: impl Into<String>, help: &'static str) -> SamplesError {
    SamplesError {
        line: None,
        what: what.into(),
        help,
    }
}

impl Samples {
    /// Reads OpenMetrics text or Prometheus' own, whose timestamps are in seconds or in milliseconds:
    /// it is OpenMetrics where a line says `# EOF`. Every sample must have a timestamp.
    ///
    /// # Errors
    /// When a line cannot be read or has no timestamp.
    pub fn from_text(text: &str) -> Result<Samples, SamplesError> {
        let end = text.lines().position(|line| line.trim() == "# EOF");
        let reader = match end {
            Some(_) => Reader::open_metrics(text),
            None => Reader::new(text),
        };
        let mut list = Vec::new();
        for entry in reader {
            let entry = entry.map_err(|error| SamplesError {
                line: Some(error.line),
                what: error.what,
                help: LINES,
            })?;
            let Entry::Sample(sample) = entry else {
                continue;
            };
            let labels = sample.labels.iter().map(|(name, value)| (*name, &**value));
            let labels = Labels::new(labels.chain([(NAME, sample.name)]));
            let time = sample.time.filter(|time| time.abs() <= FARTHEST);
            let Some(time) = time else {
                let what = match sample.time {
                    None => format!("a sample of `{labels}` has no timestamp"),
                    Some(time) => format!("a sample of `{labels}` is of {time} ms"),
                };
                let help = "write the time after the value: seconds where the text ends with \
                            `# EOF`, milliseconds otherwise";
                return Err(refuse(what, help));
            };
            list.push((labels, vec![(time, sample.value)]));
        }
        if list.is_empty() {
            return Err(refuse("there are no samples", LINES));
        }
        Ok(Samples::new(list))
    }

    /// Reads an answer of the HTTP API: a vector or a matrix, with or without what surrounds it. The
    /// value `stale` stands for the marker of a series that has ended.
    ///
    /// # Errors
    /// When it is no JSON or no such answer.
    pub fn from_json(text: &str) -> Result<Samples, SamplesError> {
        let json: Value = serde_json::from_str(text).map_err(|error| SamplesError {
            line: Some(error.line()),
            what: format!("no JSON: {error}"),
            help: SHAPES,
        })?;
        if let Some(error) = json.get("error").and_then(Value::as_str) {
            return Err(refuse(format!("the answer is an error: {error}"), SHAPES));
        }
        let data = json.get("data").unwrap_or(&json);
        let result = data.get("result").unwrap_or(data);
        let Some(result) = result.as_array() else {
            return Err(refuse("there is no list of series", SHAPES));
        };
        let series: Result<Vec<_>, SamplesError> = result.iter().map(series).collect();
        let series = series?;
        if series.is_empty() {
            return Err(refuse("there are no samples", SHAPES));
        }
        Ok(Samples::new(series))
    }
}

/// One element of a vector or a matrix.
fn series(element: &Value) -> Result<(Labels, Vec<(i64, f64)>), SamplesError> {
    let none = Map::new();
    let metric = element
        .get("metric")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let mut labels = Vec::with_capacity(metric.len());
    for (name, value) in metric {
        let Some(value) = value.as_str() else {
            return Err(refuse(format!("the label `{name}` has no text"), SHAPES));
        };
        labels.push((name, value));
    }
    let labels = Labels::new(labels);
    let pairs = match (element.get("value"), element.get("values")) {
        (Some(pair), None) => std::slice::from_ref(pair),
        (None, Some(Value::Array(pairs))) => pairs,
        _ => {
            let what = format!("`{labels}` has neither a value nor values");
            return Err(refuse(what, SHAPES));
        }
    };
    let samples: Option<Vec<(i64, f64)>> = pairs.iter().map(pair).collect();
    match samples {
        Some(samples) => Ok((labels, samples)),
        None => {
            let what = format!("a value of `{labels}` is not a time and a number in quotes");
            Err(refuse(what, "write them like [1700000000, \"27\"]"))
        }
    }
}

fn pair(pair: &Value) -> Option<(i64, f64)> {
    let [time, value] = &pair.as_array()?[..] else {
        return None;
    };
    let millis = (time.as_f64()? * 1_000.0).round();
    let value = match value {
        Value::String(text) if text == "stale" => f64::from_bits(STALE),
        Value::String(text) => text.parse().ok()?,
        Value::Number(number) => number.as_f64()?,
        _ => return None,
    };
    (millis.abs() <= FARTHEST as f64).then_some((millis as i64, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(samples: &Samples) -> Vec<String> {
        let series = samples.series().iter();
        series
            .map(|series| {
                let values = series.times().iter().zip(series.values());
                let values: Vec<String> = values
                    .map(|(time, value)| format!("{value}@{}", time / 1_000_000))
                    .collect();
                format!("{} {}", series.labels(), values.join(" "))
            })
            .collect()
    }

    #[test]
    fn both_texts_and_both_answers_hold_the_same_samples() {
        let expected = [r#"a{b="x y"} 1@1500 2@2000"#, "c NaN@1500"];
        let texts = [
            "a{b=\"x y\"} 1 1500\nc NaN 1500\na{b=\"x y\"} 2 2000\n",
            "# TYPE a counter\n# UNIT a s\na{b=\"x y\"} 1 1.5 # {id=\"7\"} 1 1.4\nc NaN 1.5\n\
             a{b=\"x y\"} 2 2\n# EOF\n",
        ];
        for text in texts {
            assert_eq!(shown(&Samples::from_text(text).unwrap()), expected);
        }
        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"a","b":"x y"},"values":[[1.5,"1"],[2,"2"]]},
            {"metric":{"__name__":"c"},"values":[[1.5,"NaN"]]}]}}"#;
        let vector = r#"[{"metric":{"__name__":"c"},"value":[1.5,"NaN"]},
            {"metric":{"__name__":"a","b":"x y"},"values":[[1.5,"1"],[2,"2"]]}]"#;
        for json in [matrix, vector] {
            assert_eq!(shown(&Samples::from_json(json).unwrap()), expected);
        }
    }

    #[test]
    fn what_holds_no_samples_is_told_with_its_line() {
        let error = Samples::from_text("a 1 5\nb one 5\n").unwrap_err();
        assert_eq!(
            (error.line, &*error.what),
            (Some(2), "`one` is not a number")
        );
        let error = Samples::from_text("a 1\n").unwrap_err();
        assert_eq!(error.what, "a sample of `a` has no timestamp");
        assert!(Samples::from_text("").is_err());
        assert!(Samples::from_text("a 1 9223372036854775807").is_err());
        for json in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"status":"error","error":"no"}"#,
            r#"[{"metric":{"a":1},"value":[1,"1"]}]"#,
            r#"[{"metric":{},"value":[1,"one"]}]"#,
            r#"[{"metric":{},"value":[1e300,"1"]}]"#,
            r#"[{"metric":{}}]"#,
        ] {
            assert!(Samples::from_json(json).is_err(), "{json}");
        }
    }
}
