//! Which version a request goes to, and what the mesh does with one that fails: what can be asked
//! for, and the state machines that do it.

mod affinity;
mod budget;
mod ejector;
mod hashed;
mod in_turn;
mod memory;
mod mesh;
mod round_robin;
mod splitter;
mod weighted;

pub use affinity::{Affinity, Precedence, ratchet, settled};
pub use budget::Budget;
pub use ejector::Ejector;
pub use hashed::{Ring, murmur2, threshold};
pub use in_turn::InTurn;
pub use memory::{CookieChange, Memory};
pub use mesh::{Ejection, Retries, expected_requests_to_eject};
pub use round_robin::{EarliestDeadline, RoundRobin};
pub use splitter::{Request, Side, Splitter, Weights};
pub use weighted::WeightedClusters;

use crate::base::Probability;

/// How a weight becomes a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Each request on its own, at random (Envoy weighted clusters, Linkerd).
    Random,
    /// In turn, so that any stretch of requests holds its share to within one request (smooth
    /// weighted round robin).
    Even,
    /// By a hash of the user: a user stays where the hash points, and a growing weight only adds
    /// users (client-side flags, NGINX `split_clients` on a user cookie).
    UserHash,
    /// As by user, with the hash and the granularity (0.01 %) of NGINX `split_clients`; users
    /// without cookies have one hash together.
    SplitClients,
    /// By connection: a user's connection keeps its version until the weight changes (gRPC and
    /// other kept-alive clients).
    Connection,
    /// By a point on a ring of as many points per version as its weight says (ring hash of users);
    /// a weight that changes moves few users, but not none back and forth.
    RingHash,
    /// In turn by the whole percents of the weights ([`RoundRobin`]): as even as [`Split::Even`],
    /// in an order that repeats (NGINX upstream weights, Traefik).
    RoundRobin,
}

/// Who else has a say before the weight: rules and replicas.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rules {
    /// Requests with the header or cookie of a match rule go to the canary while it has traffic, and
    /// only the others are split by weight: share of requests that match, when no group says so.
    pub matched: Option<Probability>,
    /// Without a mesh, the share is that of the canary's pods among so many: see
    /// [`Rules::share`].
    pub replicas: Option<u32>,
    /// Whether both versions share one pool of instances, whose least busy one answers.
    pub least_request: bool,
    /// Whether a fresh instance of stable, as large as the canary and new like it, gets as much
    /// traffic as the canary.
    pub baseline: bool,
}

impl Rules {
    /// The share of requests (0 to 1) that the canary really gets when it is given a share. Where
    /// pods stand in for weights, both versions' pods are rounded up, as Argo Rollouts does without
    /// a traffic router: a tenth of 6 pods is 1 beside 6, which is 14.3 %. Rounding again changes
    /// nothing.
    pub fn share(&self, canary: f64) -> f64 {
        let Some(pods) = self.replicas else {
            return canary;
        };
        // Float dust must not add a pod.
        let round_up = |share: f64| (share * f64::from(pods) - 1e-9).ceil().max(0.0);
        let (canary, stable) = (round_up(canary), round_up(1.0 - canary));
        canary / (canary + stable)
    }
}

#[cfg(test)]
mod tests;
