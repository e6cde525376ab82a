//! What would have changed a judgement.

use super::canary_analysis::CanaryAnalysis;
use super::classification::{Classification, Label, TOLERANCE};
use super::judge::{Judge, Judgement, MetricResult};
use super::metric::{Analysis, Direction};
use super::score::{Class, Score};
use crate::base::Time;
use crate::gate::series;
use crate::telemetry::Telemetry;

/// By how much a metric would have to be different for another label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// Its samples would have to lie lower (below zero) or higher by more than this to get this label.
    Shift(f64, Label),
    /// The limit of its effect in this direction would have to be on the other side of this value.
    Effect(f64, Label),
}

impl Classification {
    /// What would have turned the label, by the closed form: a shift of all of the experiment's samples
    /// moves interval and estimate alike. None where nothing was compared.
    pub fn turn(&self, analysis: &Analysis) -> Option<Turn> {
        let comparison = self.comparison?;
        let shift = comparison.shift;
        // lower + d = 0.25 (estimate + d), and the same mirrored.
        let to_high = (TOLERANCE * shift.estimate - shift.lower) / (1.0 - TOLERANCE);
        let to_low = (TOLERANCE * shift.estimate - shift.upper) / (1.0 - TOLERANCE);
        let rises = analysis.direction != Direction::Decrease;
        let falls = analysis.direction != Direction::Increase;
        Some(match self.label {
            Label::High => Turn::Shift(to_high, Label::Pass),
            Label::Low => Turn::Shift(to_low, Label::Pass),
            // Significant, but for its effect.
            Label::Pass if rises && comparison.is_above() => {
                Turn::Effect(comparison.effect, Label::High)
            }
            Label::Pass if falls && comparison.is_below() => {
                Turn::Effect(comparison.effect, Label::Low)
            }
            Label::Pass if rises && (!falls || to_high.abs() <= to_low.abs()) => {
                Turn::Shift(to_high, Label::High)
            }
            Label::Pass if falls => Turn::Shift(to_low, Label::Low),
            _ => return None,
        })
        .filter(|turn| match turn {
            Turn::Shift(by, _) | Turn::Effect(by, _) => by.is_finite(),
        })
    }
}

impl Judgement {
    /// The score if these results, by their places, had the label.
    pub fn score_with(&self, judge: &Judge, places: &[usize], label: Label) -> Score {
        let mut results = self.results.clone();
        for place in places {
            if let Some(result) = results.get_mut(*place) {
                result.classification.label = label;
                result.classification.critical = false;
            }
        }
        judge.score(&results, judge.thresholds)
    }

    /// The results that count against the score, by their places: failed ones, and critical ones and
    /// such without data where these forced it.
    pub fn against(&self, judge: &Judge) -> Vec<usize> {
        let counts = |result: &MetricResult| {
            let of = &result.classification;
            let forced = self.score.forced.is_some() && of.label == Label::Nodata;
            let metric = judge.metrics.get(result.metric);
            (of.label.fails() || forced) && metric.is_some_and(|metric| !metric.analysis.muted)
        };
        let places = self.results.iter().enumerate();
        places
            .filter(|(_, result)| counts(result))
            .map(|(place, _)| place)
            .collect()
    }

    /// What would have given the score another class, in sentences without a full stop.
    pub fn changes(&self, judge: &Judge) -> Vec<String> {
        let against = self.against(judge);
        let mut said = Vec::new();
        let name = |place: usize| {
            let metric = self
                .results
                .get(place)
                .and_then(|r| judge.metrics.get(r.metric));
            metric.map_or("", |metric| metric.name.as_str())
        };
        let now = self.score.class;
        for place in &against {
            let score = self.score_with(judge, &[*place], Label::Pass);
            if score.class != now {
                said.push(format!(
                    "had {} passed: {} ({})",
                    name(*place),
                    score.total,
                    score.class
                ));
            }
        }
        if said.is_empty() && against.len() > 1 {
            let score = self.score_with(judge, &against, Label::Pass);
            if score.class != now {
                let names: Vec<&str> = against.iter().map(|place| name(*place)).collect();
                said.push(format!(
                    "had all of {} passed: {} ({}); none of them alone",
                    names.join(", "),
                    score.total,
                    score.class
                ));
            }
        }
        if now == Class::Pass && against.is_empty() {
            for place in 0..self.results.len() {
                if self.results[place]
                    .classification
                    .turn_of(judge, &self.results[place])
                    .is_none()
                {
                    continue;
                }
                let score = self.score_with(judge, &[place], Label::High);
                if score.class != now {
                    said.push(format!(
                        "had {} failed: {} ({})",
                        name(place),
                        score.total,
                        score.class
                    ));
                }
            }
        }
        let (total, thresholds) = (self.score.total, judge.thresholds);
        if self.score.forced.is_some() {
            // No sensible threshold lets a forced zero pass.
            return said;
        }
        said.push(match now {
            Class::Pass => format!("a pass threshold above {total}"),
            Class::Marginal | Class::Fail if total <= thresholds.marginal => {
                format!(
                    "a marginal threshold below {total} would let a run go on, and with one to pass of \
                     {total} or less it passes"
                )
            }
            Class::Marginal | Class::Fail => format!("a pass threshold of {total} or less"),
        });
        said
    }
}

impl Classification {
    fn turn_of(&self, judge: &Judge, result: &MetricResult) -> Option<Turn> {
        let metric = judge.metrics.get(result.metric)?;
        (!metric.analysis.muted).then(|| self.turn(&metric.analysis))?
    }
}

impl CanaryAnalysis {
    /// What it reads, in words.
    pub(in crate::gate) fn reads(&self) -> String {
        let names: Vec<&str> = self.judge.metrics.iter().map(|m| m.name.as_str()).collect();
        format!(
            "{} of the canary and of {}, a point every {}",
            names.join(", "),
            series::name(self.control),
            self.step
        )
    }

    /// What would have changed the judgement at `now`.
    pub(in crate::gate) fn change(&self, now: Time, telemetry: &Telemetry) -> String {
        match self.judgement(now, telemetry) {
            Ok(judgement) => {
                let labels = judgement.against(&self.judge).into_iter().map(|place| {
                    let result = &judgement.results[place];
                    let metric = self.judge.metrics.get(result.metric);
                    let name = metric.map_or("", |metric| metric.name.as_str());
                    format!("{name} is {}", result.classification.label)
                });
                let labels: Vec<String> = labels.collect();
                let changes = judgement.changes(&self.judge).join("; or ");
                match labels.is_empty() {
                    true => changes,
                    false => format!("{}: {changes}", labels.join(", ")),
                }
            }
            Err(error) => format!("an answer: {error}"),
        }
    }
}
