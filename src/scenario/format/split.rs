//! The split section.

use schemars::JsonSchema;

use super::{Share, Span};
use crate::scenario::defaults;

/// Which version a request goes to, and what the mesh does with one that fails.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Split {
    /// How a weight becomes a choice.
    #[schemars(extend("default" = "random"))]
    pub policy: Option<Policy>,
    /// Share of requests with the header or cookie of a match rule: while the canary has any
    /// traffic they go to it, and only the others are split. Left out: there is no such rule.
    #[schemars(rename = "match")]
    pub matched: Option<Share>,
    /// Without a mesh, pods stand in for weights: the canary's share is that of its pods, when the
    /// service has so many and both versions' are rounded up. Left out: weights are exact.
    #[schemars(range(min = 1, max = 10_000))]
    pub replicas: Option<u32>,
    /// Whether both versions share one pool of instances, of which the least busy one answers.
    #[schemars(extend("default" = false))]
    pub least_request: Option<bool>,
    /// Whether a fresh instance of stable gets as much traffic as the canary, for comparison.
    #[schemars(extend("default" = false))]
    pub baseline: Option<bool>,
    /// Cookies that keep users with a version. Left out: none.
    pub affinity: Option<Affinity>,
    /// Retries by the caller's proxy. Left out: none.
    pub retries: Option<Retries>,
    /// Outlier detection: an instance that fails several times in a row is left out for a while.
    /// Left out: none is.
    pub ejection: Option<Ejection>,
}

/// How a weight becomes a choice.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Policy {
    /// Each request on its own.
    Random,
    /// In turn, so that every stretch of requests holds its share.
    Even,
    /// By a hash of the user, who stays with a version while the weight stays.
    UserHash,
    /// By a hash of the user's cookie as NGINX `split_clients` does it: in steps of 0.01 %, and
    /// everybody without a cookie alike.
    SplitClients,
    /// By connection, which keeps its version until the weight changes.
    Connection,
    /// By a hash ring of users, on which versions have points as their weights say.
    RingHash,
    /// In turn by whole percents, in an order that repeats (NGINX upstream weights).
    RoundRobin,
}

/// Cookies that keep users with a version.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Affinity {
    /// Who gets a cookie, and what it outranks.
    #[schemars(extend("default" = "canary-only"))]
    pub policy: Option<Precedence>,
    /// How long a cookie lasts from its first setting.
    #[schemars(extend("default" = defaults::COOKIE.to_string()))]
    pub lifetime: Option<Span>,
    /// Whether users with the canary's cookie stay there when its weight goes back to zero.
    #[schemars(extend("default" = false))]
    pub outlives_rollback: Option<bool>,
}

/// Who gets a cookie, and what it outranks.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Precedence {
    /// Users of the canary; those of stable are split anew with each request (Flagger).
    CanaryOnly,
    /// Users of either version (Traefik, Gateway API, `HAProxy`).
    Both,
    /// Users of either version, before any match rule (ingress-nginx).
    First,
}

/// Retries by the caller's proxy.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Retries {
    /// Attempts after the first.
    #[schemars(range(min = 1, max = 100), extend("default" = defaults::RETRIES))]
    pub attempts: Option<u32>,
    /// What is tried again, at least one.
    #[schemars(extend("default" = ["resets"]))]
    pub on: Option<Vec<Retried>>,
    /// After this long without an answer an attempt has failed. Left out: never.
    pub per_try_timeout: Option<Span>,
    /// Pause before each attempt after the first.
    #[schemars(extend("default" = defaults::BACKOFF.to_string()))]
    pub backoff: Option<Span>,
    /// Retries may be at most this share of requests. Left out: any number.
    pub budget: Option<Share>,
}

/// What is tried again.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Retried {
    /// Answers with a server error.
    Errors,
    /// Refused and cut connections.
    Resets,
}

/// Outlier detection.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Ejection {
    /// Server errors in a row that lead to it.
    #[schemars(range(min = 1, max = 10_000), extend("default" = defaults::CONSECUTIVE))]
    pub consecutive: Option<u32>,
    /// How long it lasts the first time; the n-th time n times as long.
    #[schemars(extend("default" = defaults::EJECTION.to_string()))]
    pub base: Option<Span>,
    /// How often instances are looked at, to let them in again.
    #[schemars(extend("default" = defaults::SWEEP.to_string()))]
    pub interval: Option<Span>,
    /// At most this share of the pool is left out at a time, but always one.
    #[schemars(extend("default" = defaults::most_ejected().to_string()))]
    pub most: Option<Share>,
}
