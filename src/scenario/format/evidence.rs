//! The fields of statistical gates that hold their level at any traffic.

use schemars::JsonSchema;

use super::gate::{SeriesAlone, SeriesRead};
use super::{Share, Span};
use crate::scenario::defaults;

/// Exact alpha spending on how errors split between the versions: no more than `alpha` of all good
/// canaries are rolled back by the planned end, at any traffic.
#[derive(Debug, JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
pub struct ExactSpending {
    /// Chance of ever rolling back a canary as good as stable, up to the planned end.
    #[schemars(extend("default" = defaults::alpha().to_string()))]
    pub alpha: Option<Share>,
    /// How the level is spread over the planned time.
    #[schemars(extend("default" = "pocock"))]
    pub spending: Option<Spending>,
    /// From what the canary's share is known.
    #[schemars(extend("default" = "realised"))]
    pub exposure: Option<Exposure>,
    /// Counts answers slower than the histogram's bound at this latency, or the next higher one.
    /// Left out: errors.
    pub slower: Option<Span>,
    /// What it reads, and until when.
    #[schemars(flatten)]
    pub series: SeriesRead,
}

/// Anytime-valid evidence from how errors split between the versions: no more than `alpha` of all
/// good canaries are ever rolled back, however long it looks.
#[derive(Debug, JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
pub struct SplitEvidence {
    /// Chance of ever rolling back a canary as good as stable.
    #[schemars(extend("default" = defaults::alpha().to_string()))]
    pub alpha: Option<Share>,
    /// A canary with this many times the errors is still good.
    #[schemars(range(min = 1, max = 1000), extend("default" = 1))]
    pub tolerate: Option<f64>,
    /// Counts answers slower than the histogram's bound at this latency, or the next higher one.
    /// Left out: errors.
    pub slower: Option<Span>,
    /// What it reads.
    #[schemars(flatten)]
    pub series: SeriesAlone,
}

/// The same for faults that come late: a part of the capital waits for each planned look.
#[derive(Debug, JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
pub struct ChangeEvidence {
    /// Chance of ever rolling back a canary as good as stable.
    #[schemars(extend("default" = defaults::alpha().to_string()))]
    pub alpha: Option<Share>,
    /// When a fault is expected to begin.
    #[schemars(extend("default" = "half-at-start"))]
    pub onset: Option<Onset>,
    /// Counts answers slower than the histogram's bound at this latency, or the next higher one.
    /// Left out: errors.
    pub slower: Option<Span>,
    /// What it reads, and until when.
    #[schemars(flatten)]
    pub series: SeriesRead,
}

/// Alpha spending with an exact level for faults that come late, its limits found by companions drawn
/// as good as stable.
#[derive(Debug, JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
pub struct ChangeSpending {
    /// Chance of ever rolling back a canary as good as stable, up to the planned end.
    #[schemars(extend("default" = defaults::alpha().to_string()))]
    pub alpha: Option<Share>,
    /// How the level is spread over the planned time.
    #[schemars(extend("default" = "pocock"))]
    pub spending: Option<Spending>,
    /// How many companions are drawn.
    #[schemars(range(min = 19, max = 100_000), extend("default" = defaults::PARTICLES))]
    pub particles: Option<u32>,
    /// Counts answers slower than the histogram's bound at this latency, or the next higher one.
    /// Left out: errors.
    pub slower: Option<Span>,
    /// What it reads, and until when.
    #[schemars(flatten)]
    pub series: SeriesRead,
}

/// Anytime-valid evidence on whether the canary answers more slowly, at several latencies at once.
#[derive(Debug, JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
pub struct LatencyEvidence {
    /// Chance of ever rolling back a canary as good as stable.
    #[schemars(extend("default" = defaults::alpha().to_string()))]
    pub alpha: Option<Share>,
    /// Latencies that are watched, each at the histogram's bound there or the next higher one. Left
    /// out: the bounds nearest to p50, p75, p90, p95, p99 and p99.9 of both versions together in the
    /// first batch.
    #[schemars(length(min = 1, max = 16))]
    pub thresholds: Option<Vec<Span>>,
    /// Whether errors count too, as much as all latencies together.
    #[schemars(extend("default" = false))]
    pub errors: Option<bool>,
    /// What it reads.
    #[schemars(flatten)]
    pub series: SeriesAlone,
}

/// Alpha spending with an exact level on errors and latency together, its limits found by companions
/// that are dealt the requests anew.
#[derive(Debug, JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
pub struct JointSpending {
    /// Chance of ever rolling back a canary as good as stable, up to the planned end.
    #[schemars(extend("default" = defaults::alpha().to_string()))]
    pub alpha: Option<Share>,
    /// How the level is spread over the planned time.
    #[schemars(extend("default" = "pocock"))]
    pub spending: Option<Spending>,
    /// How many companions are drawn.
    #[schemars(range(min = 19, max = 100_000), extend("default" = defaults::JOINT_PARTICLES))]
    pub particles: Option<u32>,
    /// Latencies that are watched, each at the histogram's bound there or the next higher one. Left
    /// out: the bounds nearest to p50, p75, p90, p95, p99 and p99.9 of both versions together in the
    /// first batch.
    #[schemars(length(min = 1, max = 16))]
    pub thresholds: Option<Vec<Span>>,
    /// What it reads, and until when.
    #[schemars(flatten)]
    pub series: SeriesRead,
}

/// Evidence in both directions: against the canary, which rolls back, and for it, which passes;
/// inconclusive until then, so that `inconclusive = "hold"` waits for data instead of time.
#[derive(Debug, JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
pub struct TwoSidedEvidence {
    /// Chance of ever rolling back a canary as good as stable.
    #[schemars(extend("default" = defaults::alpha().to_string()))]
    pub alpha: Option<Share>,
    /// Chance of ever passing a canary that is `tolerate` times as bad. Left out: as `alpha`.
    pub alpha_promote: Option<Share>,
    /// How many times the errors of stable a canary must not have, above 1.
    #[schemars(range(max = 1000), extend("default" = defaults::TOLERATE))]
    pub tolerate: Option<f64>,
    /// Counts answers slower than the histogram's bound at this latency, or the next higher one.
    /// Left out: errors.
    pub slower: Option<Span>,
    /// What it reads.
    #[schemars(flatten)]
    pub series: SeriesAlone,
}

/// How a level is spread over the planned time.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Spending {
    /// Nearly evenly, a little more at first.
    Pocock,
    /// Hardly anything at first.
    ObrienFleming,
    /// Much at first: by the root of time.
    Sqrt,
}

/// From what the canary's share is known.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Exposure {
    /// From the requests that the versions got; errors are rare.
    Realised,
    /// From the weight that the splitter was asked for.
    Weight,
    /// From the requests that the versions got; exact also where what is counted is common.
    Hypergeometric,
}

/// When a fault is expected to begin.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Onset {
    /// As likely with the canary as at all later looks together.
    HalfAtStart,
    /// At any planned look alike.
    Uniform,
}
