//! One metric of a run: its measurements, what they add up to, and when the next one is due.

use super::spec::{AnalysisMetric, ERROR_RETRY, Effort, JUDGEMENT_POLL};
use super::{AnalysisPhase, whole_seconds};
use crate::base::{Span, Time};
use crate::gate::{Outcome, Rule, Verdict};

/// What the measurements of a metric add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All but errors.
    pub count: u32,
    /// Successful ones.
    pub successful: u32,
    /// Failed ones.
    pub failed: u32,
    /// Inconclusive ones.
    pub inconclusive: u32,
    /// Errors.
    pub error: u32,
    /// Errors since the last other measurement.
    pub consecutive_error: u32,
    /// Successful ones since the last other measurement.
    pub consecutive_success: u32,
}

/// Where a metric stands.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    phase: AnalysisPhase,
    counts: Counts,
    last: Last,
}

/// The latest measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Last {
    /// There is none.
    None,
    /// Its gate is being judged.
    Asked { since: Time },
    /// It has an answer that counts from the end of the look on.
    Answered { at: Time, phase: AnalysisPhase },
    /// It takes longer than a look: to be looked at again.
    InFlight { since: Time, again: Time },
    /// It is over, at a time in whole seconds.
    Over { at: Time, error: bool },
}

impl Default for Progress {
    fn default() -> Progress {
        Progress {
            phase: AnalysisPhase::Pending,
            counts: Counts::default(),
            last: Last::None,
        }
    }
}

impl Progress {
    pub(super) fn phase(&self) -> AnalysisPhase {
        self.phase
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether its gate is to be judged.
    pub(super) fn is_asked(&self) -> bool {
        matches!(self.last, Last::Asked { .. })
    }

    /// Starts or resumes a measurement if one is due; whether its gate must be judged for that.
    pub(super) fn begin(
        &mut self,
        metric: &AnalysisMetric,
        now: Time,
        started: Option<Time>,
        terminating: bool,
    ) -> bool {
        if self.phase.is_complete() {
            return false;
        }
        if let Last::InFlight { since, again } = self.last {
            return (terminating || again <= now) && self.resume(metric, now, since, terminating);
        }
        let due = self.next(metric, started).is_some_and(|due| due <= now)
            || (self.last == Last::None && metric.initial_delay.is_none());
        if terminating || !due {
            return false;
        }
        match metric.effort {
            Effort::Query(_) => {
                self.last = Last::Asked { since: now };
                true
            }
            Effort::Job(_) | Effort::Judgement(_) => self.resume(metric, now, now, false),
        }
    }

    /// Looks at a measurement in flight.
    fn resume(
        &mut self,
        metric: &AnalysisMetric,
        now: Time,
        since: Time,
        terminating: bool,
    ) -> bool {
        let elapsed = now.since(since);
        let (takes, pause) = match metric.effort {
            Effort::Query(_) => return false,
            Effort::Job(takes) => {
                let pause = (2.0 * elapsed.as_secs_f64()).sqrt();
                (takes, Span::from_secs_f64(pause))
            }
            Effort::Judgement(takes) => (takes, JUDGEMENT_POLL),
        };
        let again = whole_seconds(now + pause).max(whole_seconds(now) + Span::from_secs(1));
        match metric.effort {
            // The run's end deletes the Job, and forgets the judgement.
            Effort::Job(_) if terminating => {
                self.last = Last::Answered {
                    at: now,
                    phase: AnalysisPhase::Inconclusive,
                };
                false
            }
            _ if terminating => false,
            _ if elapsed >= takes => {
                self.last = Last::Asked { since };
                true
            }
            _ => {
                self.last = Last::InFlight { since, again };
                false
            }
        }
    }

    /// Takes the verdict of its gate, and says when the answer is there. No verdict is an error.
    pub(super) fn answer(
        &mut self,
        metric: &AnalysisMetric,
        now: Time,
        verdict: Option<&Verdict>,
    ) -> Time {
        let phase = match verdict.map(|verdict| (verdict.outcome, verdict.rule)) {
            Some((Outcome::Pass, _)) => AnalysisPhase::Successful,
            Some((Outcome::Fail, _)) => AnalysisPhase::Failed,
            None | Some((Outcome::Inconclusive, Rule::NotEvaluated)) => AnalysisPhase::Error,
            Some((Outcome::Inconclusive, _)) => AnalysisPhase::Inconclusive,
        };
        let at = match metric.effort {
            Effort::Query(took) => now + took,
            Effort::Job(_) | Effort::Judgement(_) => now,
        };
        self.last = Last::Answered { at, phase };
        at
    }

    /// Counts the answer, if there is one, and draws the conclusion.
    pub(super) fn settle(&mut self, metric: &AnalysisMetric, terminating: bool) {
        if let Last::Answered { at, phase } = self.last {
            self.counts.add(phase);
            self.last = Last::Over {
                at: whole_seconds(at),
                error: phase == AnalysisPhase::Error,
            };
        }
        self.phase = self.assess(metric, terminating);
    }

    /// `assessMetricStatus`.
    fn assess(&self, metric: &AnalysisMetric, terminating: bool) -> AnalysisPhase {
        use AnalysisPhase::*;
        if self.phase.is_complete() {
            return self.phase;
        }
        match self.last {
            Last::None if terminating => return Successful,
            Last::None => return Pending,
            Last::Over { .. } => {}
            Last::Asked { .. } | Last::Answered { .. } | Last::InFlight { .. } => return Running,
        }
        let counts = &self.counts;
        let exceeds = |count: u32, limit: i64| i64::from(count) > limit;
        // Of several broken limits Argo reports the one that it checks last.
        if exceeds(counts.consecutive_error, metric.consecutive_error_limit) {
            return Error;
        }
        if exceeds(counts.inconclusive, metric.inconclusive_limit) {
            return Inconclusive;
        }
        if metric.failure_limit >= 0 && exceeds(counts.failed, metric.failure_limit) {
            return Failed;
        }
        let in_a_row = metric.consecutive_success_limit;
        if in_a_row > 0 && i64::from(counts.consecutive_success) >= in_a_row {
            return Successful;
        }
        if self.is_exhausted(metric) {
            return match (metric.failure_limit, in_a_row) {
                (_, 0) => Successful,
                (0.., _) => Inconclusive,
                _ => Failed,
            };
        }
        if terminating { Successful } else { Running }
    }

    /// Why its phase is a bad one.
    pub(super) fn reason(&self, metric: &AnalysisMetric) -> String {
        let counts = &self.counts;
        match self.phase {
            AnalysisPhase::Error => format!(
                "{} errors in a row, consecutiveErrorLimit {}",
                counts.consecutive_error, metric.consecutive_error_limit
            ),
            AnalysisPhase::Inconclusive
                if i64::from(counts.inconclusive) > metric.inconclusive_limit =>
            {
                format!(
                    "{} inconclusive, inconclusiveLimit {}",
                    counts.inconclusive, metric.inconclusive_limit
                )
            }
            AnalysisPhase::Failed
                if (0..i64::from(counts.failed)).contains(&metric.failure_limit) =>
            {
                format!(
                    "{} failed, failureLimit {}",
                    counts.failed, metric.failure_limit
                )
            }
            _ => format!(
                "{} measurements without {} successful in a row",
                counts.count, metric.consecutive_success_limit
            ),
        }
    }

    fn is_exhausted(&self, metric: &AnalysisMetric) -> bool {
        (metric.effective_count()).is_some_and(|count| self.counts.count >= count)
    }

    /// When the next measurement begins or the one in flight is looked at, if that is known.
    pub(super) fn next(&self, metric: &AnalysisMetric, started: Option<Time>) -> Option<Time> {
        if self.phase.is_complete() {
            return None;
        }
        match self.last {
            Last::None => Some(started? + metric.initial_delay.unwrap_or(Span::ZERO)),
            Last::InFlight { again, .. } => Some(again),
            Last::Asked { since } => Some(since),
            Last::Answered { at, .. } => Some(at),
            Last::Over { at, error } => {
                let gap = if error { None } else { metric.interval };
                // Without any gap the next one would begin as soon as the controller comes round.
                Some(at + gap.unwrap_or(ERROR_RETRY).max(Span::from_secs(1)))
            }
        }
    }
}

impl Counts {
    fn add(&mut self, phase: AnalysisPhase) {
        if phase == AnalysisPhase::Error {
            self.error += 1;
            self.consecutive_error += 1;
            self.consecutive_success = 0;
            return;
        }
        self.count += 1;
        self.consecutive_error = 0;
        let streak = self.consecutive_success + 1;
        self.consecutive_success = 0;
        match phase {
            AnalysisPhase::Successful => {
                self.successful += 1;
                self.consecutive_success = streak;
            }
            AnalysisPhase::Failed => self.failed += 1,
            _ => self.inconclusive += 1,
        }
    }
}
