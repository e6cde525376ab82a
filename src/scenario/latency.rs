//! Latency distributions as people write them: `p50=40ms,p99=250ms`, a table of quantiles, or a
//! family by its name.

use super::defaults;
use super::interval_log;
use super::reader::{Table, Value};
use super::shape;
use crate::base::{ParseSpanError, Probability, Span};
use crate::model::service::{Latency, LatencyError};

/// The most MiB of a log of latencies that are read.
const MOST_LOG_MIB: u64 = 64;

/// Why a text is not a latency distribution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LatencyTextError {
    /// Not `p50=40ms`.
    #[error("`{0}` is not a quantile: write p50=40ms,p99=250ms")]
    NotAQuantile(String),
    /// The value after the equals sign.
    #[error(transparent)]
    NotALength(#[from] ParseSpanError),
    /// Fewer than two quantiles, or two without the median.
    #[error("`{0}` does not make a distribution: write p50 and one more, like p50=40ms,p99=250ms")]
    TooFew(String),
    /// The quantiles contradict each other.
    #[error("`{text}` makes no distribution: {error}")]
    Impossible {
        /// The whole text.
        text: String,
        /// Why.
        error: LatencyError,
    },
}

/// Reads `p50=40ms,p99=250ms`: log-normal from the median and one more quantile; with three or more
/// quantiles a table that is linear between them.
///
/// # Errors
/// When the text is not a list of quantiles, or they do not increase.
pub fn latency(text: &str) -> Result<Latency, LatencyTextError> {
    let mut points = Vec::new();
    for part in text.split(',') {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| LatencyTextError::NotAQuantile(part.trim().to_owned()))?;
        let share =
            quantile(name).ok_or_else(|| LatencyTextError::NotAQuantile(part.trim().to_owned()))?;
        points.push((share, value.trim().parse::<Span>()?));
    }
    points.sort_by(|a, b| a.0.get().total_cmp(&b.0.get()));
    let distribution = match points[..] {
        [(median, low), (upper, high)] if median.get() == 0.5 => {
            Latency::log_normal(low, upper, high)
        }
        [] | [_] | [_, _] => return Err(LatencyTextError::TooFew(text.to_owned())),
        _ => Latency::empirical(points),
    };
    distribution.map_err(|error| LatencyTextError::Impossible {
        text: text.to_owned(),
        error,
    })
}

/// Reads the name of a quantile strictly between 0 and 1: `p99`, `p99.9`, `99%` or `0.99`.
pub fn quantile(text: &str) -> Option<Probability> {
    let text = text.trim();
    let share = match text.strip_prefix(['p', 'P']) {
        Some(percent) => Probability::new(percent.parse::<f64>().ok()? / 100.0)?,
        None => text.parse().ok()?,
    };
    (share > Probability::ZERO && share < Probability::ONE).then_some(share)
}

/// The field `latency` of a table, with the default of a service that does not say.
pub(super) fn read_or_default(table: &mut Table<'_>) -> Option<Latency> {
    match table.get("latency") {
        Some(value) => read(&value),
        None => latency(defaults::LATENCY).ok(),
    }
}

/// A latency as text, or as a table of quantiles or of what its family needs.
pub(super) fn read(value: &Value<'_>) -> Option<Latency> {
    if !value.is_table() {
        return read_text(value);
    }
    let mut table = value.table()?;
    let as_text = "write two quantiles as one text: latency = \"p50=40ms,p99=250ms\"";
    for name in ["p50", "p90", "p95", "p99"] {
        table.hint(name, as_text);
    }
    if let Some(latency) = shape::read(&mut table) {
        table.finish();
        return latency;
    }
    if let Some(log) = table.get("hdr") {
        let unit = match table.get("unit") {
            None => Some(1e-9),
            Some(value) => value.choice(&[("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3)]),
        };
        table.finish();
        return read_log(&log, unit?);
    }
    let list = table.require(
        "quantiles",
        "write [[\"50%\", \"20ms\"], [\"90%\", \"80ms\"]]",
    );
    let points = list.as_ref().and_then(read_quantiles);
    table.finish();
    let (list, points) = (list?, points?);
    Latency::empirical(points)
        .map_err(|error| list.refuse(error, "write shares and latencies in increasing order"))
        .ok()
}

/// A latency as text.
pub(super) fn read_text(value: &Value<'_>) -> Option<Latency> {
    let Some(text) = value.text() else {
        value.refuse(
            format_args!("`{}` is not a latency", value.written()),
            "write \"p50=40ms,p99=250ms\"",
        );
        return None;
    };
    latency(text)
        .map_err(|error| {
            let error = error.to_string();
            let (message, help) = error.split_once(": ").unwrap_or((&error, ""));
            value.refuse(message, help);
        })
        .ok()
}

/// The latencies of an interval log of HdrHistogram, all intervals together.
fn read_log(file: &Value<'_>, unit: f64) -> Option<Latency> {
    let (bytes, shown) = file.file(MOST_LOG_MIB, "an interval log of HdrHistogram")?;
    interval_log::latency(&bytes, unit)
        .map_err(|errors| {
            for error in errors {
                let shown = shown.display();
                file.refuse(format_args!("{shown} {error}"), error.help());
            }
        })
        .ok()
}

fn read_quantiles(list: &Value<'_>) -> Option<Vec<(Probability, Span)>> {
    let points: Vec<Option<(Probability, Span)>> = list
        .list()?
        .iter()
        .map(|point| {
            let [share, value] = point.pair("a share and a latency, like [\"90%\", \"80ms\"]")?;
            share.share().zip(value.quantity())
        })
        .collect();
    points.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(latency: &Latency, p: f64) -> f64 {
        latency.quantile(Probability::new(p).unwrap()) * 1e3
    }

    #[test]
    fn two_quantiles_make_a_log_normal_that_keeps_them() {
        let latency = latency("p99=250ms, p50=40ms").unwrap();
        assert!(matches!(latency, Latency::LogNormal { .. }));
        assert!((millis(&latency, 0.5) - 40.0).abs() < 1e-9);
        assert!((millis(&latency, 0.99) - 250.0).abs() < 1e-6);
    }

    #[test]
    fn more_quantiles_make_a_table() {
        let latency = latency("p50=40ms,p90=100ms,p99.9=1s").unwrap();
        assert!((millis(&latency, 0.9) - 100.0).abs() < 1e-9);
        assert!((millis(&latency, 0.999) - 1000.0).abs() < 1e-6);
    }

    #[test]
    fn texts_that_make_no_distribution_say_why() {
        for (text, why) in [
            ("", "`` is not a quantile"),
            ("fast", "`fast` is not a quantile"),
            ("p50=40", "`40` is not a length of time"),
            ("p50=40ms", "does not make a distribution"),
            ("p90=40ms,p99=50ms", "does not make a distribution"),
            (
                "p50=40ms,p99=40ms",
                "p99 = 40ms must be longer than p50 = 40ms",
            ),
            ("p50=0s,p99=40ms", "above zero"),
            ("p50=4ms,p90=9ms,p99=8ms", "increase"),
            ("p50=4ms,p100=9ms", "`p100=9ms` is not a quantile"),
        ] {
            let error = latency(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn quantiles_have_several_names() {
        for text in ["p99", "99%", "0.99"] {
            assert_eq!(quantile(text), Probability::new(0.99), "{text}");
        }
        for text in ["p0", "p100", "100%", "p", "99"] {
            assert_eq!(quantile(text), None, "{text}");
        }
    }
}
