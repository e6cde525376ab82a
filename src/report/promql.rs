//! Answers of queries as `promtool` prints them, and in the shape of Prometheus' HTTP API.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use crate::telemetry::promql::{Answer, Labels};

/// What `promtool query` prints of an answer at an instant in milliseconds.
pub fn promql(answer: &Answer, millis: i64) -> String {
    let at = Seconds(millis);
    match answer {
        Answer::Scalar(value) => format!("scalar: {} @[{at}]\n", Plain(*value)),
        Answer::Text(text) => format!("{text}\n"),
        Answer::Vector(elements) => {
            let line = |(labels, value): &(Labels, f64)| {
                format!("{labels} => {} @[{at}]\n", Plain(*value))
            };
            elements.iter().map(line).collect()
        }
        Answer::Matrix(series) => {
            let mut text = String::new();
            for (labels, samples) in series {
                text.push_str(&format!("{labels} =>\n"));
                for (millis, value) in samples {
                    text.push_str(&format!("{} @[{}]\n", Plain(*value), Seconds(*millis)));
                }
            }
            text
        }
    }
}

/// The body that a server answers with.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn promql_json(answer: &Answer, millis: i64) -> serde_json::Result<String> {
    let kind = match answer {
        Answer::Scalar(_) => "scalar",
        Answer::Text(_) => "string",
        Answer::Vector(_) => "vector",
        Answer::Matrix(_) => "matrix",
    };
    let body = Body {
        status: "success",
        data: Data {
            kind,
            result: Outcome { answer, millis },
        },
    };
    serde_json::to_string(&body)
}

#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(rename = "resultType")]
    kind: &'static str,
    result: Outcome<'a>,
}

struct Outcome<'a> {
    answer: &'a Answer,
    millis: i64,
}

impl Serialize for Outcome<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let at = Seconds(self.millis);
        match self.answer {
            Answer::Scalar(value) => (at, Shortest(*value)).serialize(to),
            Answer::Text(text) => (at, text).serialize(to),
            Answer::Vector(elements) => {
                let mut list = to.serialize_seq(Some(elements.len()))?;
                for (labels, value) in elements {
                    list.serialize_element(&Element {
                        metric: Metric(labels),
                        value: Some((at, Shortest(*value))),
                        values: None,
                    })?;
                }
                list.end()
            }
            Answer::Matrix(series) => {
                let mut list = to.serialize_seq(Some(series.len()))?;
                for (labels, samples) in series {
                    let values = samples.iter();
                    let values = values.map(|(at, value)| (Seconds(*at), Shortest(*value)));
                    list.serialize_element(&Element {
                        metric: Metric(labels),
                        value: None,
                        values: Some(values.collect()),
                    })?;
                }
                list.end()
            }
        }
    }
}

#[derive(Serialize)]
struct Element<'a> {
    metric: Metric<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<(Seconds, Shortest)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<(Seconds, Shortest)>>,
}

struct Metric<'a>(&'a Labels);

impl Serialize for Metric<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (name, value) in self.0.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Milliseconds as seconds, without zeros at the end.
#[derive(Clone, Copy)]
struct Seconds(i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 as f64 / 1_000.0)
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1_000 {
            0 => to.serialize_i64(self.0 / 1_000),
            _ => to.serialize_f64(self.0 as f64 / 1_000.0),
        }
    }
}

/// A number as Go formats it with all its digits.
struct Plain(f64);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => write!(f, "{value}"),
        }
    }
}

/// A number as the HTTP API writes it, which is as a text: with an exponent of two digits where it is
/// very large or small.
struct Shortest(f64);

impl fmt::Display for Shortest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if !size.is_finite() || size == 0.0 || (1e-6..1e21).contains(&size) {
            return Plain(self.0).fmt(f);
        }
        let text = format!("{:e}", self.0);
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        write!(f, "{digits}e{sign}{exponent:0>2}")
    }
}

impl Serialize for Shortest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, text) in [
            (0.1 + 0.2, "0.30000000000000004"),
            (1e-9, "1e-09"),
            (1e22, "1e+22"),
            (-0.0, "-0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (1.5e-7, "1.5e-07"),
            (1e20, "100000000000000000000"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(Shortest(value).to_string(), text);
        }
    }

    #[test]
    fn answers_have_the_shape_of_the_http_api() {
        let labels = Labels::new([("__name__", "g"), ("a", "b")]);
        let vector = Answer::Vector(vec![(labels.clone(), f64::NAN)]);
        assert_eq!(
            promql_json(&vector, 15_000).unwrap(),
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"g","a":"b"},"value":[15,"NaN"]}]}}"#
        );
        assert_eq!(promql(&vector, 15_250), "g{a=\"b\"} => NaN @[15.25]\n");
        let matrix = Answer::Matrix(vec![(Labels::none(), vec![(0, 0.0), (15_500, 15.0)])]);
        assert_eq!(
            promql_json(&matrix, 0).unwrap(),
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"0"],[15.5,"15"]]}]}}"#
        );
        assert_eq!(promql(&matrix, 0), "{} =>\n0 @[0]\n15 @[15.5]\n");
        assert_eq!(promql(&Answer::Scalar(2.0), 600_000), "scalar: 2 @[600]\n");
    }
}
