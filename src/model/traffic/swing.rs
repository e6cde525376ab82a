//! Random swings of the rate around its profile, and the path that one trial's rate takes.

use crate::base::{Probability, Span, Stream, Time};

use super::{Profile, Traffic};

/// How the rate swings at random. Every swing has mean 1.
#[derive(Debug, Clone, PartialEq)]
pub enum Swing {
    /// The exponential of a sum of independent first-order autoregressions on a grid of a minute
    /// (a Cox process): a single term has short memory, several with long time constants have long
    /// memory.
    LogNormal {
        /// Standard deviation of each term of the logarithm, and the time after which its
        /// autocorrelation has fallen to 1/e.
        terms: Vec<(f64, Span)>,
    },
    /// A Markov-modulated Poisson process of two states.
    Mmpp {
        /// Rate of the high state over rate of the low one, above 1.
        ratio: f64,
        /// Share of time in the high state.
        high: Probability,
        /// Mean length of a burst.
        burst: Span,
    },
    /// Sources that are on and off for times from a Pareto distribution of this shape, between 1
    /// and 2: self-similar, with Hurst exponent `(3 - shape) / 2`.
    OnOff {
        /// Number of sources, all alike.
        sources: u32,
        /// Shape of the Pareto distribution.
        shape: f64,
        /// Shortest time on and off.
        shortest: Span,
    },
}

/// The factor on the rate in one trial, constant between given instants.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path {}

impl Path {
    /// Draws the path of one trial up to `horizon`; `None` when the rate follows its profile.
    pub fn draw(_traffic: &Traffic, _horizon: Span, _stream: &mut Stream) -> Option<Path> {
        None
    }

    /// The factor on the rate at `now`.
    pub fn factor(&self, _now: Time) -> f64 {
        1.0
    }

    /// When the factor next changes.
    pub fn next_change(&self, _now: Time) -> Time {
        Time::NEVER
    }

    /// Requests expected from `from` to `to`.
    pub fn expected(&self, profile: &Profile, from: Time, to: Time) -> f64 {
        profile.expected(from, to)
    }
}
