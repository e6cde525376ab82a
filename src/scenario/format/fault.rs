//! One fault.

use schemars::JsonSchema;

use super::{Share, Span};

/// One thing wrong with the canary.
#[derive(Debug, JsonSchema)]
#[schemars(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// A share of requests fails with a server error, on top of those that would fail anyway.
    Errors {
        /// Share of the reached requests that the fault makes fail.
        probability: Share,
        /// When it begins, counted from the start of the rollout.
        #[schemars(extend("default" = "0s"))]
        onset: Option<Span>,
        /// How long it takes to reach full size.
        #[schemars(extend("default" = "0s"))]
        ramp: Option<Span>,
        /// How long it lasts from its onset. Left out: for ever.
        duration: Option<Span>,
        /// Share of the users that it reaches.
        #[schemars(extend("default" = "100%"))]
        users: Option<Share>,
    },
    /// Every answer takes longer: latency times `multiply` plus `add`; at least one is given.
    Latency {
        /// Factor, at least 1.
        #[schemars(range(min = 1, max = 1_000_000))]
        multiply: Option<f64>,
        /// Added time.
        add: Option<Span>,
        /// When it begins, counted from the start of the rollout.
        #[schemars(extend("default" = "0s"))]
        onset: Option<Span>,
        /// How long it takes to reach full size.
        #[schemars(extend("default" = "0s"))]
        ramp: Option<Span>,
        /// How long it lasts from its onset. Left out: for ever.
        duration: Option<Span>,
        /// Share of the users that it reaches.
        #[schemars(extend("default" = "100%"))]
        users: Option<Share>,
    },
    /// A few answers take much longer.
    Tail {
        /// Share of the reached requests that are slow.
        probability: Share,
        /// Added time.
        add: Span,
        /// When it begins, counted from the start of the rollout.
        #[schemars(extend("default" = "0s"))]
        onset: Option<Span>,
        /// How long it takes to reach full size.
        #[schemars(extend("default" = "0s"))]
        ramp: Option<Span>,
        /// How long it lasts from its onset. Left out: for ever.
        duration: Option<Span>,
        /// Share of the users that it reaches.
        #[schemars(extend("default" = "100%"))]
        users: Option<Share>,
    },
    /// Answers get slower and slower, as with leaking memory: a `latency` fault with a long ramp.
    Leak {
        /// Factor at full size, at least 1.
        #[schemars(range(min = 1, max = 1_000_000))]
        multiply: Option<f64>,
        /// Added time at full size.
        add: Option<Span>,
        /// When it begins, counted from the start of the rollout.
        #[schemars(extend("default" = "0s"))]
        onset: Option<Span>,
        /// How long it takes to reach full size.
        ramp: Span,
        /// How long it lasts from its onset (a restart ends it). Left out: for ever.
        duration: Option<Span>,
        /// Share of the users that it reaches.
        #[schemars(extend("default" = "100%"))]
        users: Option<Share>,
    },
}
