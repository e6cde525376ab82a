//! Which version a request goes to, and what the mesh does with one that fails.

mod affinity;
mod mesh;

pub use affinity::{Affinity, Precedence};
pub use mesh::{Ejection, Retries};

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
    /// By what a request asks for and its place in a fixed order of the weights' whole percents:
    /// [`Split::Even`] with whole percents (NGINX upstream weights, Traefik).
    RoundRobin,
}

/// Who else has a say before the weight: rules and replicas.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rules {
    /// Requests with the header or cookie of a match rule go to the canary while it has traffic, and
    /// only the others are split by weight: share of requests that match, when no group says so.
    pub matched: Option<Probability>,
    /// Without a mesh, the share is that of the canary's pods among so many: a weight `w` runs
    /// `ceil(w · pods)` canary pods beside `pods` stable ones (as Argo Rollouts without a traffic
    /// router).
    pub replicas: Option<u32>,
    /// Whether both versions share one pool of instances, whose least busy one answers.
    pub least_request: bool,
    /// Whether a fresh instance of stable, as large as the canary and new like it, gets as much
    /// traffic as the canary.
    pub baseline: bool,
}
