//! A look explained: what was read, over which window, by which rule, and what would have changed
//! the verdict.

use super::figure::failed;
use super::flagger::{Limits, Metric};
use super::{Gate, Outcome, Rule, TwoProportionZ, Verdict, series};
use crate::base::Time;
use crate::stats::{Share, two_proportion_z};
use crate::telemetry::{Telemetry, Version};

/// One look of a gate, in words for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The gate in one line.
    pub gate: String,
    /// What was read: a metric in words, or a query.
    pub reads: String,
    /// Where the window begins.
    pub from: Time,
    /// Where it ends: the tick.
    pub to: Time,
    /// The figure with its unit; `None` when there was none.
    pub value: Option<String>,
    /// Requests behind the figure; not a whole number where they were extrapolated.
    pub samples: f64,
    /// What was decided.
    pub outcome: Outcome,
    /// The rule that decided, with its limit.
    pub rule: String,
    /// What would have changed the verdict.
    pub change: String,
}

impl Gate {
    /// Explains a verdict of this gate on the window that ends at `now`.
    pub fn explanation(&self, now: Time, telemetry: &Telemetry, verdict: &Verdict) -> Explanation {
        let limit = self.with_unit(verdict.threshold);
        let rule = match verdict.rule {
            rule if verdict.threshold.is_nan() => rule.to_string(),
            Rule::WithinLimits => format!("within limits, the nearest being {limit}"),
            Rule::BelowMinimum | Rule::NotAboveMinimum | Rule::AboveMaximum => {
                format!("{} of {limit}", verdict.rule)
            }
            Rule::WorseThanStable => format!("worse than stable by more than {limit}"),
            Rule::Significant => match self {
                Gate::Statistical(gate) if gate.method.entry().scale != "p" => {
                    let scale = gate.method.entry().scale;
                    format!("{}: {scale} at least {limit}", verdict.rule)
                }
                _ => format!("{}: p at most {limit}", verdict.rule),
            },
            rule => rule.to_string(),
        };
        Explanation {
            gate: self.to_string(),
            reads: self.reads(),
            from: match self {
                Gate::Kayenta(analysis) => analysis.window.ends(now).0,
                Gate::Statistical(_) => Time::START,
                _ => now.saturating_sub(self.window()),
            },
            to: now,
            value: (!verdict.value.is_nan()).then(|| self.figure(verdict.value)),
            samples: verdict.samples,
            outcome: verdict.outcome,
            rule,
            change: self.change(now, telemetry, verdict),
        }
    }

    /// A figure as a reader takes it: a p-value says that it is one.
    fn figure(&self, value: f64) -> String {
        let value = self.with_unit(value);
        match self {
            Gate::TwoProportionZ(_) => format!("p = {value}"),
            Gate::Statistical(gate) => format!("{} = {value}", gate.method.entry().scale),
            _ => value,
        }
    }

    /// What the gate reads, in words.
    fn reads(&self) -> String {
        match self {
            Gate::SuccessRatio(_) => "share of the canary's requests that did not fail".to_owned(),
            Gate::LatencyQuantile(gate) => format!(
                "{} of the canary's latency, from its histogram",
                super::latency_quantile::Percentile(gate.quantile)
            ),
            Gate::Comparison(gate) => format!(
                "the canary's figure and that of {}, side by side",
                series::name(gate.against)
            ),
            Gate::TwoProportionZ(gate) => format!(
                "failures and requests of the canary and of {}",
                series::name(gate.against)
            ),
            Gate::Business(gate) => format!(
                "what users did ({}), on the canary and on {}",
                gate.name,
                series::name(gate.against)
            ),
            Gate::FlaggerCheck(check) => match (check.metric, check.version) {
                (Metric::SuccessRate, Version::Stable) => "success rate of the primary".to_owned(),
                (Metric::SuccessRate, _) => "success rate of the canary".to_owned(),
                (Metric::Duration, Version::Stable) => "duration of the primary".to_owned(),
                (Metric::Duration, _) => "duration of the canary".to_owned(),
                (Metric::Query, _) => "a query".to_owned(),
            },
            Gate::CustomCheck(check) => check.source.reads(&check.name),
            Gate::ArgoMetric(metric) => metric.source.reads(&metric.name),
            Gate::Kayenta(analysis) => analysis.reads(),
            Gate::Statistical(gate) => gate.reads(),
        }
    }

    /// What would have changed a verdict.
    fn change(&self, now: Time, telemetry: &Telemetry, verdict: &Verdict) -> String {
        match self {
            Gate::Kayenta(analysis) => return analysis.change(now, telemetry),
            Gate::Statistical(gate) => return gate.change(now, telemetry, verdict),
            _ => {}
        }
        match verdict.rule {
            Rule::NoData => {
                "two scrapes in the window that show requests: more traffic, a higher weight or a \
                 longer window"
                    .to_owned()
            }
            Rule::TooFewSamples => {
                "more requests in the window: more traffic, a higher weight or a longer window"
                    .to_owned()
            }
            Rule::NothingChecked => "a gate".to_owned(),
            Rule::HookRefused => "another answer of the hook".to_owned(),
            Rule::NotEvaluated => "a figure to which the condition can be applied".to_owned(),
            _ => {
                let limit = self.other_limit(verdict);
                match self.other_count(now, telemetry, verdict) {
                    // No limit is above all that can be.
                    Some(count) if self.is_whole(verdict.value) => count,
                    Some(count) => format!("{count}; or {limit}"),
                    None => limit,
                }
            }
        }
    }

    /// Whether a figure is all that there can be of it.
    fn is_whole(&self, value: f64) -> bool {
        match self {
            Gate::SuccessRatio(_) => value >= 1.0,
            Gate::FlaggerCheck(check) => check.metric == Metric::SuccessRate && value >= 100.0,
            _ => false,
        }
    }

    /// The limit that would have changed a verdict.
    fn other_limit(&self, verdict: &Verdict) -> String {
        if verdict.value.is_nan() || verdict.threshold.is_nan() {
            return "another limit".to_owned();
        }
        let value = self.with_unit(verdict.value);
        let failed = verdict.outcome == Outcome::Fail;
        let above = verdict.value > verdict.threshold;
        match (failed, above) {
            (true, true) => format!("a limit of {value} or more"),
            (true, false) => format!("a limit of {value} or less"),
            // What passes lies on the good side of its limit.
            (false, true) => format!("a limit above {value}"),
            (false, false) => format!("a limit below {value}"),
        }
    }

    /// The number of failures that would have changed a verdict, where the figure is a share of
    /// failures.
    fn other_count(&self, now: Time, telemetry: &Telemetry, verdict: &Verdict) -> Option<String> {
        match self {
            Gate::SuccessRatio(gate) => {
                other_failures(verdict, verdict.value, gate.min.get(), gate.max.is_some())
            }
            Gate::FlaggerCheck(check) if check.metric == Metric::SuccessRate => {
                let (min, max) = match check.limits {
                    Limits::Range { min, max } => (min?, max.is_some()),
                    Limits::Threshold(min) => (min, false),
                };
                other_failures(verdict, verdict.value / 100.0, min / 100.0, max)
            }
            Gate::TwoProportionZ(gate) => gate.other_failures(now, telemetry),
            _ => None,
        }
    }
}

/// The number of failures on the other side of the least success ratio `min`.
fn other_failures(verdict: &Verdict, ratio: f64, min: f64, bounded: bool) -> Option<String> {
    if bounded || !ratio.is_finite() || !verdict.samples.is_finite() {
        return None;
    }
    let requests = verdict.samples.round();
    let failed = (requests * (1.0 - ratio)).round();
    // One more than a share of all requests is too many; the slack is the rounding of 1 - 0.99.
    let most = (requests * (1.0 - min) + 1e-9).floor();
    let there = there(failed);
    Some(match verdict.outcome {
        Outcome::Fail => format!("at most {} of {requests} requests, {there}", failures(most)),
        _ => format!("{} of {requests} requests, {there}", failures(most + 1.0)),
    })
}

fn failures(count: f64) -> String {
    match count {
        1.0 => "1 failure".to_owned(),
        _ => format!("{count} failures"),
    }
}

fn there(count: f64) -> String {
    match count {
        1.0 => "where there was 1".to_owned(),
        _ => format!("where there were {count}"),
    }
}

impl TwoProportionZ {
    /// The number of the canary's failures on the other side of alpha, the other version's failures
    /// and all requests being what they are.
    fn other_failures(&self, now: Time, telemetry: &Telemetry) -> Option<String> {
        let route = self.route.as_ref();
        let [other, canary] = [self.against, Version::Canary]
            .map(|version| failed(&series::window(telemetry, version, route, now, self.window)));
        let (other, canary) = (other?, canary?);
        let fails = |hits: f64| {
            two_proportion_z(Share { hits, ..canary }, other)
                .is_some_and(|test| test.p <= self.alpha.get())
        };
        let most = canary.trials.floor();
        let (mut low, mut high) = (-1.0, most + 1.0);
        // The p-value falls as failures grow.
        while high - low > 1.0 {
            let middle = ((low + high) / 2.0_f64).floor();
            if fails(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        let there = there(canary.hits.round());
        Some(match fails(canary.hits) {
            true => format!("at most {} of the canary, {there}", failures(low)),
            false if high > most => return None,
            false => format!("{} of the canary, {there}", failures(high)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Probability, Span};
    use crate::gate::SuccessRatio;
    use crate::telemetry::{Birth, Buckets, Plan, Sampling};

    /// A minute of exact figures: requests and failures of stable and canary.
    fn minute(stable: [u64; 2], canary: [u64; 2]) -> Telemetry {
        let plan = Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio());
        let mut telemetry = Telemetry::new(&plan, Span::ZERO);
        for (version, [requests, failures]) in
            [(Version::Stable, stable), (Version::Canary, canary)]
        {
            telemetry.counters_mut(version).requests = [requests - failures, failures];
            telemetry.scrape(version, Time::from_secs(60));
        }
        telemetry
    }

    fn look(gate: &Gate, telemetry: &Telemetry) -> (Explanation, Verdict) {
        let now = Time::from_secs(60);
        let verdict = gate.judge(now, telemetry);
        (gate.explanation(now, telemetry, &verdict), verdict)
    }

    fn ratio(min: f64) -> Gate {
        Gate::SuccessRatio(SuccessRatio {
            window: Span::from_secs(60),
            route: None,
            min: Probability::new(min).unwrap(),
            max: None,
            min_requests: 0,
        })
    }

    fn z_test(alpha: f64) -> Gate {
        Gate::TwoProportionZ(TwoProportionZ {
            window: Span::from_secs(60),
            route: None,
            against: Version::Stable,
            alpha: Probability::new(alpha).unwrap(),
            min_requests: 0,
        })
    }

    #[test]
    fn the_failures_named_are_those_at_which_the_verdict_turns() {
        for requests in [7_u64, 100, 199, 1_234] {
            for failures in 0..=5_u64.min(requests) {
                for min in [0.9, 0.98, 0.99, 0.999] {
                    let gate = ratio(min);
                    let (told, verdict) = look(&gate, &minute([1, 0], [requests, failures]));
                    let words: Vec<&str> = told.change.split(' ').collect();
                    let at = match verdict.outcome {
                        Outcome::Fail => words[2],
                        _ => words[0],
                    };
                    let at: u64 = at.parse().unwrap();
                    // On the far side of the turn, and one failure on this side of it.
                    let there = at.min(requests);
                    let (_, beyond) = look(&gate, &minute([1, 0], [requests, there]));
                    assert_ne!(beyond.outcome, verdict.outcome, "{}", told.change);
                    let back = match verdict.outcome {
                        Outcome::Fail => there + 1,
                        _ => there - 1,
                    };
                    let (_, before) = look(&gate, &minute([1, 0], [requests, back]));
                    assert_eq!(before.outcome, verdict.outcome, "{}", told.change);
                }
            }
        }
    }

    #[test]
    fn the_z_test_names_the_count_at_which_it_turns() {
        for failures in [0, 3, 9, 30] {
            let gate = z_test(0.01);
            let (told, verdict) = look(&gate, &minute([10_000, 20], [500, failures]));
            let number = told.change.split(' ').find_map(|word| word.parse().ok());
            let turned: u64 = number.unwrap();
            let (_, beyond) = look(&gate, &minute([10_000, 20], [500, turned]));
            assert_ne!(beyond.outcome, verdict.outcome, "{}", told.change);
        }
    }

    #[test]
    fn a_look_without_figures_says_what_it_lacks() {
        let plan = Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio());
        let telemetry = Telemetry::new(&plan, Span::ZERO);
        let (told, _) = look(&ratio(0.99), &telemetry);
        assert_eq!(told.value, None);
        assert!(told.change.contains("more traffic"), "{}", told.change);
    }
}
