//! Kinds of users.

use crate::base::Probability;

use super::Population;

/// Users who behave alike: bots, new visitors, a tenant's staff.
#[derive(Debug, Clone, PartialEq)]
pub struct UserGroup {
    /// Its name, for reports.
    pub name: String,
    /// Share of all requests (sessions, where there are sessions) that it sends.
    pub share: Probability,
    /// Its users.
    pub users: Population,
    /// Whether its users keep cookies. Without, every request of theirs looks like a first one, and
    /// a hash over the cookie puts them all in one place.
    pub cookies: bool,
    /// Share of its users who were here before the rollout began.
    pub returning: Probability,
    /// What it requests: shares by route, as long as the list of routes and adding up to 1; empty:
    /// as the routes say.
    pub mix: Vec<f64>,
    /// Whether its requests carry the header or cookie that a match rule of the split looks for.
    pub matched: bool,
}
