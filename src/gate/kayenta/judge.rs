//! A canary config's metrics with their samples in; the canary's score, with the label of each
//! metric, out: the judge `NetflixACAJudge-v1.0`.

use super::classification::{Classification, Label, classify};
use super::metric::Analysis;
use super::score::{Counted, Group, Score, Thresholds, score};

/// One metric of a canary config.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// How it is judged.
    pub analysis: Analysis,
    /// Its groups, by their numbers.
    pub groups: Vec<usize>,
}

/// What a canary is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    /// The metrics in the config's order.
    pub metrics: Vec<Metric>,
    /// The groups that metrics name or weights are given for.
    pub groups: Vec<Group>,
    /// What the score is held against.
    pub thresholds: Thresholds,
}

/// Samples of one metric from both sides; not a number stands for a missing one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pair {
    /// Which metric, by its number. One metric may have several pairs, one for each set of labels.
    pub metric: usize,
    /// The old version's samples.
    pub control: Vec<f64>,
    /// The new version's samples.
    pub experiment: Vec<f64>,
}

/// What the judge says.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// One for each pair, in their order.
    pub results: Vec<MetricResult>,
    /// The score that follows.
    pub score: Score,
}

/// What the judge says about one pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricResult {
    /// Which metric, by its number.
    pub metric: usize,
    /// Its label and what led to it.
    pub classification: Classification,
}

impl Judge {
    /// Judges a canary by these samples. Pairs of metrics that the config does not have are left
    /// out.
    pub fn judge(&self, pairs: &[Pair]) -> Judgement {
        let results: Vec<MetricResult> = (pairs.iter())
            .filter_map(|pair| {
                let metric = self.metrics.get(pair.metric)?;
                Some(MetricResult {
                    metric: pair.metric,
                    classification: classify(&metric.analysis, &pair.control, &pair.experiment),
                })
            })
            .collect();
        Judgement {
            score: self.score(&results, self.thresholds),
            results,
        }
    }

    /// The score of these results, held against these thresholds.
    pub fn score(&self, results: &[MetricResult], thresholds: Thresholds) -> Score {
        let counted: Vec<Counted<'_>> = (results.iter())
            .filter_map(|result| {
                let metric = self.metrics.get(result.metric)?;
                Some(Counted {
                    label: result.classification.label,
                    critical: result.classification.critical,
                    muted: metric.analysis.muted,
                    groups: &metric.groups,
                })
            })
            .collect();
        score(&counted, &self.groups, thresholds)
    }
}

impl Judgement {
    /// The first result that decided against the canary: the one that forced the score, else the
    /// first failed one that counts.
    pub fn decisive(&self, judge: &Judge) -> Option<&MetricResult> {
        use super::score::Forced;
        match self.score.forced {
            Some(Forced::Critical(index)) => self.results.get(index),
            Some(Forced::Nodata) => {
                (self.results.iter()).find(|result| result.classification.label == Label::Nodata)
            }
            None => self.results.iter().find(|result| {
                let metric = judge.metrics.get(result.metric);
                result.classification.label.fails()
                    && metric.is_some_and(|metric| !metric.analysis.muted)
            }),
        }
    }
}
