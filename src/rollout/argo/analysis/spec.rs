//! What an AnalysisRun is to do, and what makes it invalid.

use crate::base::Span;
use crate::gate::GateSet;

/// One metric of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalysisMetric {
    /// Its name, unique in the run.
    pub name: String,
    /// Which gate of the rollout measures it.
    pub gate: usize,
    /// Time from the end of a measurement to the next.
    pub interval: Option<Span>,
    /// Time from the start of the run to the first measurement.
    pub initial_delay: Option<Span>,
    /// Measurements to take; none and 0 mean one without an interval, no end with one.
    pub count: i64,
    /// Failed measurements that are tolerated in all; -1 tolerates any number.
    pub failure_limit: i64,
    /// Inconclusive measurements that are tolerated in all.
    pub inconclusive_limit: i64,
    /// Errors in a row that are tolerated.
    pub consecutive_error_limit: i64,
    /// Successful measurements in a row that end it; 0 for no such end.
    pub consecutive_success_limit: i64,
    /// Whether it is measured without any effect.
    pub dry_run: bool,
    /// How its measurement comes about.
    pub effort: Effort,
}

/// How a measurement comes about, and how long it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// A query: the run waits for its answer.
    Query(Span),
    /// A Kubernetes Job that runs so long. Looked at every now and then; ended with the run.
    Job(Span),
    /// A Kayenta judgement that takes so long. Looked at every 15 s; left alone when the run ends.
    Judgement(Span),
}

impl AnalysisMetric {
    /// A metric with everything as Argo has it by default.
    pub fn new(name: &str, gate: usize) -> AnalysisMetric {
        AnalysisMetric {
            name: name.to_owned(),
            gate,
            interval: None,
            initial_delay: None,
            count: 0,
            failure_limit: 0,
            inconclusive_limit: 0,
            consecutive_error_limit: 4,
            consecutive_success_limit: 0,
            dry_run: false,
            effort: Effort::Query(Span::ZERO),
        }
    }

    /// How many measurements end it, if any number does.
    pub fn effective_count(&self) -> Option<u32> {
        match (self.count, self.interval) {
            (count, _) if count > 0 => Some(u32::try_from(count).unwrap_or(u32::MAX)),
            (_, None) => Some(1),
            (_, Some(_)) => None,
        }
    }

    /// What is wrong with its limits, as `ValidateMetric` sees it.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut refuse = |problem: String| problems.push(problem);
        let (count, failures) = (self.count, self.failure_limit);
        let successes = self.consecutive_success_limit;
        if count > 1 && self.interval.is_none() {
            refuse(format!("count is {count}, and there is no interval"));
        }
        if failures < -1 {
            refuse(format!(
                "failureLimit is {failures}; -1 for no limit is the least"
            ));
        }
        for (field, limit) in [
            ("consecutiveSuccessLimit", successes),
            ("inconclusiveLimit", self.inconclusive_limit),
            ("consecutiveErrorLimit", self.consecutive_error_limit),
        ] {
            if limit < 0 {
                refuse(format!("{field} is {limit}; 0 is the least"));
            }
        }
        if failures == -1 && successes == 0 {
            refuse(
                "failureLimit is -1 and consecutiveSuccessLimit is 0: one must be set".to_owned(),
            );
        }
        if count > 0 {
            if failures >= 0 && count < failures.saturating_add(successes) {
                refuse(if successes == 0 {
                    format!("count is {count}, less than failureLimit, {failures}")
                } else {
                    format!(
                        "count is {count}, less than failureLimit and consecutiveSuccessLimit \
                         together, {}",
                        failures.saturating_add(successes)
                    )
                });
            }
            if failures == -1 && count < successes {
                refuse(format!(
                    "count is {count}, less than consecutiveSuccessLimit, {successes}"
                ));
            }
            if count < self.inconclusive_limit {
                refuse(format!(
                    "count is {count}, less than inconclusiveLimit, {}",
                    self.inconclusive_limit
                ));
            }
        }
        problems
    }
}

/// What an AnalysisRun is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpec {
    metrics: Vec<AnalysisMetric>,
    problems: Vec<String>,
}

impl RunSpec {
    /// A run of these metrics. One with [`RunSpec::problems`] ends in Error at once, as in Argo.
    pub fn new(metrics: Vec<AnalysisMetric>) -> RunSpec {
        let mut problems = Vec::new();
        if metrics.is_empty() {
            problems.push("no metric".to_owned());
        }
        for (index, metric) in metrics.iter().enumerate() {
            let earlier = &metrics[..index];
            if earlier.iter().any(|other| other.name == metric.name) {
                problems.push(format!("two metrics are called `{}`", metric.name));
            }
            for problem in metric.problems() {
                problems.push(format!("metric `{}`: {problem}", metric.name));
            }
        }
        RunSpec { metrics, problems }
    }

    /// Its metrics in order.
    pub fn metrics(&self) -> &[AnalysisMetric] {
        &self.metrics
    }

    /// Why Argo would refuse it at its start.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Every gate that it asks.
    pub fn gates(&self) -> GateSet {
        let gates = self.metrics.iter().map(|metric| metric.gate);
        gates.fold(GateSet::NONE, GateSet::with)
    }

    /// Whether no number of measurements ends it.
    pub fn is_endless(&self) -> bool {
        (self.metrics.iter()).any(|metric| metric.effective_count().is_none())
    }

    /// The length of time that divides every instant at which it acts, counted from a start in whole
    /// seconds; a second at least.
    pub fn beat(&self) -> Span {
        let second = Span::from_secs(1);
        let mut beat = ERROR_RETRY.as_nanos();
        for metric in &self.metrics {
            let took = match metric.effort {
                Effort::Query(took) => took,
                Effort::Job(_) => second,
                Effort::Judgement(_) => JUDGEMENT_POLL,
            };
            for span in [metric.interval, metric.initial_delay, Some(took)] {
                beat = divisor(beat, span.unwrap_or(Span::ZERO).as_nanos());
            }
        }
        Span::from_nanos(beat).max(second)
    }
}

/// After an error the next attempt comes so much later (`DefaultErrorRetryInterval`).
pub(super) const ERROR_RETRY: Span = Span::from_secs(10);

/// A Kayenta judgement is looked at so often.
pub(super) const JUDGEMENT_POLL: Span = Span::from_secs(15);

/// The greatest common divisor.
fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}
