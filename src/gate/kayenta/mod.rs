//! Spinnaker's canary analysis: Kayenta's judge `NetflixACAJudge-v1.0`, to the last digit.
//!
//! Each metric's samples of control and experiment are compared by [`classify`], the labels are
//! scored by [`score`], [`Judge`] does both for a whole canary config, and [`CanaryAnalysis`] is the
//! gate that fetches the samples. Replayed is Kayenta at
//! revision a69573be.

mod argument;
mod canary_analysis;
mod classification;
mod judge;
mod metric;
mod mix;
mod score;

pub use argument::Turn;
pub use canary_analysis::{AnalysisError, CanaryAnalysis, Recorded, Sources, Window};
pub use classification::{Classification, Comparison, Figures, Label, Reason, classify};
pub use judge::{Judge, JudgeName, Judgement, Metric, MetricResult, Pair};
pub use metric::{Analysis, Direction, Effect, Measure, Missing};
pub use mix::{MetricSet, MixError, Paired, mix};
pub use score::{Class, Counted, Forced, Group, GroupScore, Score, Thresholds, score};
