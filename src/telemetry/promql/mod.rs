//! PromQL's arithmetic, exactly: `rate`, `increase` and `histogram_quantile` in the operation
//! order of Prometheus 3 (`promql/functions.go`, `extrapolatedRate`; `promql/quantile.go`,
//! `bucketQuantile`).

mod quantile;
mod rate;

pub use quantile::histogram_quantile;
pub(super) use quantile::quantile_of_counts;
pub use rate::{Extrapolation, increase, rate};
