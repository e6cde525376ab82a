//! A canary config's metrics with their samples in; the canary's score, with the label of each
//! metric, out.

use super::classification::{Classification, Figures, Label, classify};
use super::metric::Analysis;
use super::score::{Counted, Group, Score, Thresholds, score};
use crate::base::split_mix;
use crate::telemetry::promql::Labels;

/// Which of Kayenta's judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JudgeName {
    /// `NetflixACAJudge-v1.0`, which compares.
    Netflix,
    /// `dredd-v1.0`, which draws labels at random and scores them as the other does. Here the
    /// samples are the seed.
    Dredd,
}

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
    /// Who labels the metrics.
    pub name: JudgeName,
    /// The metrics in the config's order.
    pub metrics: Vec<Metric>,
    /// The groups that metrics name or weights are given for.
    pub groups: Vec<Group>,
    /// What the score is held against.
    pub thresholds: Thresholds,
}

/// Samples of one metric from both sides; not a number stands for a missing one.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Which metric, by its number. One metric may have several pairs, one for each set of labels.
    pub metric: usize,
    /// These labels.
    pub tags: Labels,
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
#[derive(Debug, Clone, PartialEq)]
pub struct MetricResult {
    /// Which metric, by its number.
    pub metric: usize,
    /// The labels of the pair.
    pub tags: Labels,
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
                    tags: pair.tags.clone(),
                    classification: match self.name {
                        JudgeName::Netflix => {
                            classify(&metric.analysis, &pair.control, &pair.experiment)
                        }
                        JudgeName::Dredd => pair.drawn(),
                    },
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

impl Pair {
    /// A label as the judge of that name draws it.
    fn drawn(&self) -> Classification {
        let samples = self.control.iter().chain(&self.experiment);
        let seed = samples.fold(self.metric as u64, |seed, sample| {
            split_mix(seed ^ sample.to_bits())
        });
        // Its upper 53 bits as a number from 0 to 100.
        let number = (split_mix(seed) >> 11) as f64 / (1_u64 << 53) as f64 * 100.0;
        Classification {
            label: match number {
                66.0.. => Label::High,
                33.0.. => Label::Pass,
                _ => Label::Low,
            },
            critical: false,
            reason: None,
            ratio: None,
            control: Figures::of(&self.control),
            experiment: Figures::of(&self.experiment),
            comparison: None,
        }
    }
}
