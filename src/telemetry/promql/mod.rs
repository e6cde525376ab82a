//! PromQL: queries as gates write them, evaluated over virtual scrapes and over recorded samples as
//! Prometheus would.
//!
//! A text becomes a [`Query`] (parsed and checked once), a query with a [`Catalogue`] of series
//! becomes a [`Bound`] one (its series found, its groups made), and that is asked at every look.
//! Beside it stand the functions that gates of ours read figures with: `rate`, `increase` and
//! `histogram_quantile` in the operation order of Prometheus 3 (`promql/functions.go`,
//! `extrapolatedRate`; `promql/quantile.go`, `bucketQuantile`).

mod bound;
mod catalogue;
mod check;
mod compile;
mod elements;
mod evaluate;
mod functions;
mod labels;
mod operators;
mod over_time;
mod patterns;
mod plan;
mod quantile;
mod query;
mod rate;
mod samples;
mod semantics;
mod sums;
mod text;

pub use bound::{Answer, AskError, BindError, Bound};
pub use catalogue::Catalogue;
pub(super) use evaluate::Scratch;
pub use labels::Labels;
pub use quantile::histogram_quantile;
pub(super) use quantile::quantile_of_counts;
pub use query::{Query, QueryError};
pub use rate::{Extrapolation, increase, rate};
pub use samples::{STALE, Samples, SamplesError, Series};
pub use semantics::Semantics;

#[cfg(test)]
mod tests;
