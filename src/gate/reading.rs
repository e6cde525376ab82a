//! How to read a gate's figures: their unit, and the limits worth drawing as lines.

use std::cmp::Ordering;

use super::flagger::{Limits, Metric, Statistic};
use super::{Gate, Rule, Verdict};
use crate::base::{Probability, Span};

/// Unit of the figure that a gate judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A share of 1, shown in percent.
    Share,
    /// Percent already.
    Percent,
    /// Seconds, shown in milliseconds.
    Seconds,
    Milliseconds,
    /// A plain number.
    Number,
}

impl Gate {
    /// The lowest success ratio of the canary that passes, if the gate limits that of
    /// all its requests.
    pub fn least_success(&self) -> Option<Probability> {
        match self {
            Gate::SuccessRatio(gate) => gate.route.is_none().then_some(gate.min),
            Gate::FlaggerCheck(check) if check.metric == Metric::SuccessRate => {
                match check.limits {
                    Limits::Range { min, .. } => min.and_then(|min| Probability::new(min / 100.0)),
                    Limits::Threshold(min) => {
                        Probability::new(min / 100.0).filter(|min| *min > Probability::ZERO)
                    }
                }
            }
            _ => None,
        }
    }

    /// The longest 99th percentile of the canary's latency that passes, if the gate limits that of
    /// all its requests.
    pub fn longest_p99(&self) -> Option<Span> {
        match self {
            Gate::LatencyQuantile(gate) if gate.quantile == Probability::new(0.99)? => {
                gate.route.is_none().then_some(gate.max)
            }
            Gate::FlaggerCheck(check)
                if check.metric == Metric::Duration
                    && check.provider.statistic() == Statistic::P99 =>
            {
                let max = match check.limits {
                    Limits::Range { max, .. } => max?,
                    Limits::Threshold(max) => max,
                };
                Some(Span::from_millis(max.max(0.0) as u64))
            }
            _ => None,
        }
    }

    /// A figure or a limit of the gate with its unit.
    pub(super) fn with_unit(&self, figure: f64) -> String {
        self.unit().text(figure)
    }

    fn unit(&self) -> Unit {
        use super::{ComparisonLimit, Metric as Compared};
        match self {
            Gate::SuccessRatio(_) => Unit::Share,
            Gate::LatencyQuantile(_) => Unit::Seconds,
            Gate::TwoProportionZ(_)
            | Gate::Business(_)
            | Gate::CustomCheck(_)
            | Gate::ArgoMetric(_)
            | Gate::Kayenta(_)
            | Gate::Statistical(_) => Unit::Number,
            Gate::Comparison(gate) => match (gate.limit, gate.metric) {
                (ComparisonLimit::Ratio(_), _) => Unit::Number,
                (ComparisonLimit::Difference(_), Compared::ErrorRatio) => Unit::Share,
                (ComparisonLimit::Difference(_), _) => Unit::Seconds,
            },
            Gate::FlaggerCheck(check) => match check.metric {
                Metric::SuccessRate => Unit::Percent,
                Metric::Duration => Unit::Milliseconds,
                Metric::Query => Unit::Number,
            },
        }
    }
}

impl Verdict {
    /// What decided, in figures: `98.2 % < 99 %, 55 requests`. `gate` is the gate that decided.
    pub fn explain(&self, gate: &Gate) -> String {
        let unit = gate.unit();
        // How many are behind another system's answer nobody can tell.
        let requests = match self.samples.is_nan() {
            true => String::new(),
            false => format!(", {:.0} requests", self.samples),
        };
        match self.rule {
            Rule::NothingChecked | Rule::HookRefused | Rule::NoData | Rule::NotEvaluated => {
                self.rule.to_string()
            }
            Rule::TooFewSamples => format!("{}: {:.0} requests", self.rule, self.samples),
            _ => {
                let (mut value, limit) = (unit.text(self.value), unit.text(self.threshold));
                if matches!(gate, Gate::Business(_)) {
                    // The upper end of an interval.
                    value.insert_str(0, "at most ");
                }
                if let Gate::Statistical(gate) = gate {
                    value.insert_str(0, &format!("{} ", gate.method.entry().scale));
                }
                if matches!(gate, Gate::Kayenta(_)) {
                    value.insert_str(0, "score ");
                }
                let relation = match self.value.partial_cmp(&self.threshold) {
                    None => return format!("{value}{requests}"),
                    Some(Ordering::Less) => "<",
                    Some(Ordering::Greater) => ">",
                    Some(Ordering::Equal) => "=",
                };
                format!("{value} {relation} {limit}{requests}")
            }
        }
    }
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Unit::Share => format!("{} %", significant(value * 100.0)),
            Unit::Percent => format!("{} %", significant(value)),
            Unit::Seconds => format!("{} ms", significant(value * 1_000.0)),
            Unit::Milliseconds => format!("{value:.0} ms"),
            Unit::Number => significant(value),
        }
    }
}

/// Up to four significant digits, as many decimals as they need.
fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    if value.abs() < 1e-4 {
        // A p-value this small is still not 0.
        return format!("{value:.0e}");
    }
    let decimals = (3 - value.abs().log10().floor() as i32).clamp(0, 6);
    let text = format!("{value:.*}", decimals as usize);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
