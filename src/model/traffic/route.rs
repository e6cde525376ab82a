//! What is requested.

use crate::base::Probability;

/// The most routes of a service: a gate's reading of them is a set of bits.
pub const MOST_ROUTES: usize = 32;

/// One kind of request, by its path.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Its name: `checkout`.
    pub name: String,
    /// Share of all requests.
    pub share: Probability,
}
