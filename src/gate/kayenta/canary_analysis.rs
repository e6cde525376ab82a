//! Kayenta as a gate: the series of both sides over a window, fetched, mixed and judged.

use std::fmt;
use std::sync::Arc;

use super::judge::{Judge, Judgement, Pair};
use super::mix::{MetricSet, MixError, mix};
use super::score::Class;
use crate::base::{Span, Time};
use crate::gate::{Outcome, Rule, Source, Verdict};
use crate::telemetry::promql::{Answer, AskError, BindError, Bound, Catalogue, Labels};
use crate::telemetry::{Demand, Figure, Telemetry, Version};

/// One judgement of a canary.
#[derive(Debug, Clone, PartialEq)]
pub struct CanaryAnalysis {
    /// What it is judged by.
    pub judge: Arc<Judge>,
    /// Where each metric's samples come from, in the order of the judge's metrics.
    pub sources: Vec<Sources>,
    /// Who is compared with the canary.
    pub control: Version,
    /// Which part of the time is looked at.
    pub window: Window,
    /// How much earlier the control is looked at.
    pub control_offset: Span,
    /// Time between points.
    pub step: Span,
}

/// Which part of the time is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Everything since the beginning, up to a length that is never exceeded.
    Since(Time, Span),
    /// So much before the judgement.
    Last(Span),
    /// From one time to another, looked at later.
    Between {
        /// Where it begins.
        from: Time,
        /// Where it ends.
        to: Time,
        /// When it is judged.
        at: Time,
    },
}

/// Where a metric's samples come from. Other systems are asked once a step, and what they answered is
/// in [`Telemetry::supplied_series`].
#[derive(Debug, Clone, PartialEq)]
pub struct Sources {
    /// Those of the old version.
    pub control: Source,
    /// Those of the new version.
    pub experiment: Source,
}

/// Why there is no judgement.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnalysisError {
    /// A query has no answer.
    #[error("{metric}: {error}")]
    Query {
        /// The metric.
        metric: String,
        /// Why not.
        error: AskError,
    },
    /// A query was never bound, or answers with a text.
    #[error("{0}: the query cannot be asked")]
    Unbound(String),
    /// Another system cannot be asked.
    #[error("{0}: the system that is asked does not answer")]
    Silent(String),
    /// Series cannot be paired.
    #[error("{metric}: {error}")]
    Mix {
        /// The metric.
        metric: String,
        /// Why not.
        error: MixError,
    },
}

/// A series of another system's answers that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// The number of the question.
    pub question: usize,
    /// Whom it is about.
    pub version: Version,
    /// Time between answers, the first at the start.
    pub step: Span,
}

impl Window {
    /// Start and end of what is looked at by a judgement made at `now`.
    pub fn ends(self, now: Time) -> (Time, Time) {
        match self {
            Window::Since(begin, _) => (begin.min(now), now),
            Window::Last(length) => (now.saturating_sub(length), now),
            Window::Between { from, to, .. } => (from, to),
        }
    }

    /// The longest that it can be.
    pub fn length(self) -> Span {
        match self {
            Window::Since(_, length) | Window::Last(length) => length,
            Window::Between { from, to, .. } => to.since(from),
        }
    }
}

impl CanaryAnalysis {
    /// Judges what the window shows. The value is the score; below the pass threshold and above the
    /// marginal one the outcome is inconclusive. How many requests are behind it nobody can tell.
    pub fn judge(&self, now: Time, telemetry: &Telemetry) -> Verdict {
        let Ok(judgement) = self.judgement(now, telemetry) else {
            return Verdict {
                outcome: Outcome::Inconclusive,
                gate: 0,
                value: f64::NAN,
                threshold: f64::NAN,
                samples: f64::NAN,
                rule: Rule::NotEvaluated,
            };
        };
        let thresholds = self.judge.thresholds;
        let score = judgement.score.total;
        let (outcome, threshold, rule) = match judgement.score.class {
            _ if score <= thresholds.marginal => {
                (Outcome::Fail, thresholds.marginal, Rule::NotAboveMinimum)
            }
            Class::Pass => (Outcome::Pass, thresholds.pass, Rule::WithinLimits),
            Class::Marginal | Class::Fail => {
                (Outcome::Inconclusive, thresholds.pass, Rule::BelowMinimum)
            }
        };
        Verdict {
            outcome,
            gate: 0,
            value: score,
            threshold,
            samples: f64::NAN,
            rule,
        }
    }

    /// The judgement with all that led to it.
    ///
    /// # Errors
    /// When Kayenta's judgement would end in an error.
    pub fn judgement(&self, now: Time, telemetry: &Telemetry) -> Result<Judgement, AnalysisError> {
        let mut pairs = Vec::new();
        for (metric, sources) in self.sources.iter().enumerate() {
            let name = || {
                let metric = self.judge.metrics.get(metric);
                metric.map_or_else(String::new, |metric| metric.name.clone())
            };
            let control =
                self.fetch(&sources.control, self.control_offset, now, telemetry, &name)?;
            let experiment = self.fetch(&sources.experiment, Span::ZERO, now, telemetry, &name)?;
            let mixed = mix(&control, &experiment).map_err(|error| AnalysisError::Mix {
                metric: name(),
                error,
            })?;
            pairs.extend(mixed.into_iter().map(|paired| Pair {
                metric,
                tags: paired.tags,
                control: paired.control,
                experiment: paired.experiment,
            }));
        }
        Ok(self.judge.judge(&pairs))
    }

    /// The series of one side.
    fn fetch(
        &self,
        source: &Source,
        earlier: Span,
        now: Time,
        telemetry: &Telemetry,
        name: &impl Fn() -> String,
    ) -> Result<Vec<MetricSet>, AnalysisError> {
        let (from, to) = self.window.ends(now);
        let step = self.step.max(Span::from_secs(1));
        let whole = (to.since(from) / step) as usize;
        if to.since(Time::START) < earlier {
            // All of it lies before anything was measured.
            return Ok(vec![MetricSet::nothing(whole)]);
        }
        let end = to.saturating_sub(earlier);
        // Points before the start are missing; the others stay where they are.
        let before = earlier.as_nanos().saturating_sub(from.as_nanos());
        let skipped = before.div_ceil(step.as_nanos());
        let first = (from + step * skipped).saturating_sub(earlier);
        match source {
            Source::Written(_) => Err(AnalysisError::Unbound(name())),
            Source::Bound(_, bound) => {
                let asked = bound.ask_range(now, (first, end), step, telemetry);
                let answer = asked.map_err(|error| AnalysisError::Query {
                    metric: name(),
                    error,
                })?;
                let Answer::Matrix(series) = answer else {
                    return Err(AnalysisError::Unbound(name()));
                };
                if series.is_empty() {
                    return Ok(vec![MetricSet::nothing(whole)]);
                }
                let sets = series.into_iter().map(|(labels, points)| {
                    let values: Vec<f64> = points.into_iter().map(|(_, value)| value).collect();
                    MetricSet {
                        tags: Labels::new(labels.iter().filter(|(name, _)| *name != "__name__")),
                        points: values.len(),
                        values,
                    }
                });
                Ok(sets.collect())
            }
            Source::Supplied(question) => {
                let figures = telemetry.supplied_series(*question);
                let at = |time: Time| {
                    let index = (time.since(Time::START) / step) as usize;
                    figures.get(index).copied().unwrap_or(Figure::Error)
                };
                if at(end) == Figure::Error {
                    return Err(AnalysisError::Silent(name()));
                }
                let (mut values, mut time) = (Vec::new(), first);
                while time <= end {
                    values.push(match at(time) {
                        Figure::Number(number) => number,
                        Figure::Nothing | Figure::Error => f64::NAN,
                    });
                    time += step;
                }
                Ok(vec![MetricSet::plain(values)])
            }
        }
    }

    /// The same with its queries bound to the series that there are.
    ///
    /// # Errors
    /// Every query that cannot be asked, with its metric.
    pub fn bind(&mut self, catalogue: &Catalogue) -> Result<(), Vec<(String, BindError)>> {
        let back = self.back();
        let mut refused = Vec::new();
        for (sources, metric) in self.sources.iter_mut().zip(&self.judge.metrics) {
            for source in [&mut sources.control, &mut sources.experiment] {
                if let Err(error) = source.bind(catalogue, back) {
                    refused.push((metric.name.clone(), error));
                }
            }
        }
        match refused.is_empty() {
            true => Ok(()),
            false => Err(refused),
        }
    }

    /// Selectors that find no series, with their metrics.
    pub fn unmatched(&self) -> Vec<(&str, &str)> {
        let all = self.judge.metrics.iter().zip(&self.sources);
        let all = all.flat_map(|(metric, sources)| {
            let bound = [&sources.control, &sources.experiment].into_iter();
            let unmatched = bound.flat_map(Source::unmatched);
            unmatched.map(|selector| (metric.name.as_str(), selector.as_str()))
        });
        let mut found: Vec<(&str, &str)> = all.collect();
        found.dedup();
        found
    }

    /// How far before a judgement the earliest point lies.
    fn back(&self) -> Span {
        let back = match self.window {
            Window::Since(_, length) | Window::Last(length) => length,
            Window::Between { from, at, .. } => at.since(from),
        };
        back + self.control_offset
    }

    /// How far back it reads.
    pub fn reach(&self) -> Span {
        let of = |source: &Source| source.bound().map_or(Span::ZERO, Bound::reach);
        let sources = self.sources.iter();
        let queries = sources.map(|sources| of(&sources.control).max(of(&sources.experiment)));
        self.back() + queries.max().unwrap_or(Span::ZERO)
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        let sources = self.sources.iter();
        let both = sources.flat_map(|sources| [&sources.control, &sources.experiment]);
        let demands = both.filter_map(Source::bound).map(|bound| Demand {
            every_scrape: true,
            ..bound.demand()
        });
        demands.fold(Demand::default(), Demand::union)
    }

    /// The series of other systems' answers that it reads.
    pub fn recorded(&self) -> impl Iterator<Item = Recorded> {
        let step = self.step.max(Span::from_secs(1));
        let sources = self.sources.iter();
        let sides = sources.flat_map(|sources| {
            [
                (&sources.control, self.control),
                (&sources.experiment, Version::Canary),
            ]
        });
        sides.filter_map(move |(source, version)| match source {
            Source::Supplied(question) => Some(Recorded {
                question: *question,
                version,
                step,
            }),
            Source::Written(_) | Source::Bound(..) => None,
        })
    }
}

/// `Kayenta, 4 metrics against the baseline, score >= 95`.
impl fmt::Display for CanaryAnalysis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics = self.judge.metrics.len();
        let plural = if metrics == 1 { "" } else { "s" };
        let pass = self.judge.thresholds.pass;
        write!(
            f,
            "Kayenta, {metrics} metric{plural} against {}, score >= {pass}",
            crate::gate::series::name(self.control)
        )?;
        match self.window {
            Window::Since(..) => write!(f, " since the start"),
            Window::Last(length) => write!(f, " over {length}"),
            Window::Between { from, to, .. } => write!(f, " over {}", to.since(from)),
        }
    }
}

#[cfg(test)]
mod tests;
