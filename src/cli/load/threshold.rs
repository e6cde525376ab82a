//! `--fail-if`: what must not be true of a load.

use std::fmt;
use std::str::FromStr;

use crate::base::{Probability, Rate, Span};
use crate::engine::live::load::{LoadReport, short};

/// One clause: `p99>300ms`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    text: String,
    metric: Metric,
    comparison: Comparison,
    /// Seconds, a share, or requests a second.
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    /// A quantile of latencies.
    Latency(f64),
    LongestLatency,
    MeanLatency,
    /// Share of requests that failed or were answered with a server error.
    Errors,
    LatenessP99,
    /// Requests sent a second.
    Rate,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What a report says about a clause.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    /// The clause as written.
    pub(super) clause: String,
    /// What was measured, in seconds, as a share or a second; none where nothing was.
    pub(super) value: Option<f64>,
    /// The same with its unit.
    pub(super) measured: String,
    /// Whether the clause is true.
    pub(super) holds: bool,
}

const METRICS: [(&str, Metric); 10] = [
    ("p50", Metric::Latency(0.5)),
    ("p90", Metric::Latency(0.9)),
    ("p95", Metric::Latency(0.95)),
    ("p99", Metric::Latency(0.99)),
    ("p99.9", Metric::Latency(0.999)),
    ("max", Metric::LongestLatency),
    ("mean", Metric::MeanLatency),
    ("errors", Metric::Errors),
    ("lateness-p99", Metric::LatenessP99),
    ("rate", Metric::Rate),
];

const COMPARISONS: [(&str, Comparison); 4] = [
    // The longer ones first, so that they are found.
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

impl FromStr for Clause {
    type Err = String;

    fn from_str(text: &str) -> Result<Clause, String> {
        let found = text.find(['<', '>']).and_then(|at| {
            let rest = &text[at..];
            let found = (COMPARISONS.iter()).find(|(sign, _)| rest.starts_with(sign))?;
            Some((text[..at].trim(), found.1, rest[found.0.len()..].trim()))
        });
        let Some((name, comparison, limit)) = found else {
            return Err("write a metric, one of > >= < <=, and a limit, like p99>300ms".to_owned());
        };
        let Some((_, metric)) = METRICS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "`{name}` is not measured; it is one of {}",
                known.join(", ")
            ));
        };
        let limit = match metric {
            Metric::Errors => limit
                .parse::<Probability>()
                .map(Probability::get)
                .map_err(|error| error.to_string()),
            Metric::Rate => limit
                .parse::<Rate>()
                .map(Rate::get)
                .map_err(|error| error.to_string()),
            _ => limit
                .parse::<Span>()
                .map(Span::as_secs_f64)
                .map_err(|error| error.to_string()),
        }?;
        Ok(Clause {
            text: text.to_owned(),
            metric: *metric,
            comparison,
            limit,
        })
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Clause {
    /// Holds a report to the clause; `rate` is how many requests a second were sent. Of nothing
    /// measured no clause is true.
    pub(super) fn judge(&self, report: &LoadReport, rate: f64) -> Finding {
        let seconds = |span: Option<Span>| span.map(Span::as_secs_f64);
        let value = match self.metric {
            Metric::Latency(share) => seconds(report.latency.quantile(share)),
            Metric::LongestLatency => seconds(report.latency.max()),
            Metric::MeanLatency => seconds(report.latency.mean()),
            Metric::Errors => report.counts.error_share(),
            Metric::LatenessP99 => seconds(report.lateness.quantile(0.99)),
            Metric::Rate => Some(rate),
        };
        let measured = match (self.metric, value) {
            (_, None) => "unknown".to_owned(),
            (Metric::Errors, Some(value)) => format!("{} %", (value * 1e4).round() / 100.0),
            (Metric::Rate, Some(value)) => format!("{}/s", (value * 10.0).round() / 10.0),
            (_, Some(value)) => short(Span::from_secs_f64(value)),
        };
        Finding {
            clause: self.text.clone(),
            measured,
            holds: value.is_some_and(|value| self.comparison.is_true(value, self.limit)),
            value,
        }
    }
}

impl Comparison {
    fn is_true(self, value: f64, limit: f64) -> bool {
        match self {
            Comparison::Above => value > limit,
            Comparison::AtLeast => value >= limit,
            Comparison::Below => value < limit,
            Comparison::AtMost => value <= limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(text: &str) -> (Metric, Comparison, f64) {
        let clause: Clause = text.parse().unwrap();
        (clause.metric, clause.comparison, clause.limit)
    }

    #[test]
    fn a_clause_is_a_metric_a_comparison_and_a_limit() {
        assert_eq!(
            clause("p99>300ms"),
            (Metric::Latency(0.99), Comparison::Above, 0.3)
        );
        assert_eq!(
            clause(" p99.9 >= 1m30s "),
            (Metric::Latency(0.999), Comparison::AtLeast, 90.0)
        );
        assert_eq!(
            clause("errors>0.5%"),
            (Metric::Errors, Comparison::Above, 0.005)
        );
        assert_eq!(
            clause("rate<3k/s"),
            (Metric::Rate, Comparison::Below, 3_000.0)
        );
        assert_eq!(
            clause("lateness-p99<=2ms"),
            (Metric::LatenessP99, Comparison::AtMost, 0.002)
        );
    }

    #[test]
    fn what_is_none_says_what_would_be_one() {
        let refused = |text: &str| text.parse::<Clause>().unwrap_err();
        assert!(refused("p99").contains("like p99>300ms"));
        assert!(refused("p98>1s").contains("`p98` is not measured; it is one of p50, p90"));
        assert!(refused("p99>300").contains("write a number and a unit"));
        assert!(refused("errors>300ms").contains("write a percentage"));
        assert!(refused("rate<5").contains("like 20/s"));
        assert!(refused("p99=300ms").contains("one of > >= < <="));
    }

    #[test]
    fn comparisons_differ_at_the_limit() {
        let at = |comparison: Comparison| comparison.is_true(1.0, 1.0);
        assert!(!at(Comparison::Above) && !at(Comparison::Below));
        assert!(at(Comparison::AtLeast) && at(Comparison::AtMost));
        assert!(Comparison::Above.is_true(2.0, 1.0) && Comparison::Below.is_true(0.0, 1.0));
    }
}
