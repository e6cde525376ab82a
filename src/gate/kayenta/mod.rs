//! Spinnaker's canary analysis: Kayenta's judge `NetflixACAJudge-v1.0`, to the last digit.
//!
//! Each metric's samples of control and experiment are compared by [`classify`], the labels are
//! scored by [`score`], and [`Judge`] does both for a whole canary config. Replayed is Kayenta at
//! revision a69573be.

mod classification;
mod judge;
mod metric;
mod score;

pub use classification::{Classification, Comparison, Figures, Label, Reason, classify};
pub use judge::{Judge, Judgement, Metric, MetricResult, Pair};
pub use metric::{Analysis, Direction, Effect, Measure, Missing};
pub use score::{Class, Counted, Forced, Group, GroupScore, Score, Thresholds, score};
