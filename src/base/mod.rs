//! The quantities everything else is written in: time, rates, weights, probabilities, and seeded
//! random streams. Nothing here knows what a canary is.

mod bytes;
mod problem;
mod stream;
mod time;
mod units;

pub use bytes::{Bytes, Throughput};
pub use problem::{Problem, Problems, Severity, place};
pub(crate) use stream::split_mix;
pub use stream::{Purpose, Seed, Stream};
pub use time::{ParseSpanError, Span, Time};
pub use units::{ParseUnitError, Probability, Rate, Weight};
