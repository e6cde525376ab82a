//! Sessions that stay with a version.

use crate::base::Span;

/// A cookie that keeps users where they were.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affinity {
    /// Who gets a cookie and what it outranks.
    pub precedence: Precedence,
    /// How long a cookie lasts from its first setting.
    pub lifetime: Span,
    /// Whether a user with the canary's cookie stays there when its weight is zero.
    pub outlives_rollback: bool,
}

/// Who gets a cookie and what it outranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precedence {
    /// Users of the canary get one and stay; users of stable draw again with every request
    /// (Flagger's `sessionAffinity`). The canary's share only grows.
    CanaryOnly,
    /// Users of either version get one and stay (Traefik, Gateway API, HAProxy).
    Both,
    /// As both, and stable's cookie outranks header and cookie rules too (ingress-nginx).
    AffinityFirst,
}
