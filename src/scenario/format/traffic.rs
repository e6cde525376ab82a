//! The traffic section.

use schemars::JsonSchema;

use super::{Rate, Share, Span};
use crate::scenario::defaults;

/// The requests and the users behind them.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Traffic {
    /// Requests to both versions together: constant (`"20/s"`) or changing with time.
    pub rate: TrafficRate,
    /// How single requests fall around the rate: independently of one another, or evenly spaced.
    #[schemars(extend("default" = "poisson"))]
    pub arrivals: Option<Arrivals>,
    /// Number of users, 1 to 10 million.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = defaults::USERS))]
    pub users: Option<u32>,
    /// Zipf exponent of the users' activity: the k-th most active user sends requests in proportion
    /// to k to the power of minus this. 0 makes all users equal.
    #[schemars(range(min = 0, max = 5), extend("default" = defaults::ZIPF))]
    pub zipf: Option<f64>,
    /// Share of requests that the match condition of an A/B test selects.
    #[schemars(extend("default" = defaults::matched().to_string()))]
    pub matched: Option<Share>,
}

/// A constant rate, or a table with exactly one of `steps`, `ramp`, `diurnal` and `trace`. Time
/// counts from the start of the rollout.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
pub enum TrafficRate {
    /// Always the same.
    Constant(Rate),
    /// One rate from each instant on.
    Steps {
        /// Instants and rates, the first at `0s`: `[["0s", "10/s"], ["10m", "50/s"]]`.
        steps: Vec<(Span, Rate)>,
    },
    /// Linear from one rate to another, then constant.
    Ramp {
        /// The climb, or the fall.
        ramp: Ramp,
    },
    /// A daily cycle.
    Diurnal {
        /// The cycle.
        diurnal: Diurnal,
    },
    /// Counts recorded somewhere. Between rows the rate is constant; the trace repeats when it ends.
    Trace {
        /// A CSV file with a header, plain or gzip, relative to the scenario: first column time
        /// (seconds, a clock time, a date and time, or RFC 3339), second column the requests
        /// counted from that time to the next row. Rows are equally spaced.
        trace: String,
        /// Mean rate to scale the trace to. Left out: as recorded.
        mean: Option<Rate>,
        /// Which columns to read. Left out: the first two.
        columns: Option<Columns>,
    },
}

/// Linear from one rate to another, then constant.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Ramp {
    /// Rate at the start.
    pub from: Rate,
    /// Rate at the end, and from then on.
    pub to: Rate,
    /// How long it takes.
    pub over: Span,
}

/// A cosine around a mean rate.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Diurnal {
    /// Mean over a period.
    pub mean: Rate,
    /// Highest rate over lowest, at least 1.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub peak_over_trough: f64,
    /// When the highest rate comes, counted from the start of the rollout.
    pub peak_at: Span,
    /// Length of the cycle.
    #[schemars(extend("default" = defaults::PERIOD.to_string()))]
    pub period: Option<Span>,
}

/// Names of the columns of a trace.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Columns {
    /// Column of the times. Left out: the first.
    pub time: Option<String>,
    /// Column of the counts. Left out: the second.
    pub count: Option<String>,
}

/// How single requests fall around the rate.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Independently of one another.
    Poisson,
    /// Evenly spaced.
    Even,
}
