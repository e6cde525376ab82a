//! Sessions that stay with a version.

use crate::base::Span;

use super::Side;

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

impl Precedence {
    /// Whether users of a version get its cookie.
    pub fn marks(self, side: Side) -> bool {
        self != Precedence::CanaryOnly || side == Side::Canary
    }
}

/// The chance that a user is on the canary after `requests` requests, each sent there with chance
/// `share` (0 to 1), when only the canary's users stay: `1 - (1 - share)^requests`.
pub fn ratchet(share: f64, requests: f64) -> f64 {
    -(requests * (-share).ln_1p()).exp_m1()
}

/// The part of a weight that has come into effect `elapsed` after it was set, when sessions stay
/// with a version and last `mean` on average, exponentially distributed: `1 - e^(-elapsed/mean)`.
pub fn settled(elapsed: Span, mean: Span) -> f64 {
    -(-elapsed.as_secs_f64() / mean.as_secs_f64()).exp_m1()
}
