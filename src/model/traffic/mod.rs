//! Requests and the users behind them.

mod population;
mod profile;

pub use population::Population;
pub use profile::{Profile, Trace};

/// Where requests come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// How single requests fall around the rate.
    pub arrivals: Arrivals,
    /// The rate over time.
    pub profile: Profile,
    /// The users behind the requests.
    pub users: Population,
}

/// How single requests fall around the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// Independently of one another: a Poisson process.
    Poisson,
    /// Evenly: the k-th request comes when exactly k were expected.
    Even,
}
