//! Which version a request goes to.

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
}
