//! The telemetry section.

use schemars::JsonSchema;

use super::{Rate, Share, Span};
use crate::scenario::defaults;

/// How the gate's figures are collected.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Telemetry {
    /// Time between two scrapes, at least 1ms; or `exact`: every window is counted to the request.
    #[schemars(extend("default" = defaults::SCRAPE.to_string()))]
    pub scrape: Option<String>,
    /// How long after each multiple of the interval a scrape comes, less than the interval; or
    /// `random`: another tenth of the interval in each trial. Left out: half the interval.
    pub phase: Option<String>,
    /// When a series starts to exist.
    #[schemars(extend("default" = "first-request"))]
    pub series: Option<Series>,
    /// Bounds of the latency histogram: `istio`, `linkerd`, `nginx`, `traefik`, or a list. Left out:
    /// those of the Canary's provider, or Istio's.
    pub buckets: Option<Buckets>,
    /// Who counts requests.
    #[schemars(extend("default" = "server"))]
    pub reporter: Option<Reporter>,
    /// Share of scrapes that fail and leave no sample, less than 100%; none of exact metrics.
    #[schemars(extend("default" = "0%"))]
    pub missed: Option<Share>,
    /// How long a scraped sample takes to be visible; exact metrics are at once.
    #[schemars(extend("default" = "0s"))]
    pub delay: Option<Span>,
    /// Health checks that each version answers with success and that its counters hold too.
    #[schemars(extend("default" = "0/s"))]
    pub probes: Option<Rate>,
}

/// Who counts requests.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Reporter {
    /// The server: every attempt that reaches it and that it answers.
    Server,
    /// The caller's proxy: every request once, with the outcome after retries, refused connections
    /// and timeouts included.
    Client,
}

/// When a series starts to exist.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Series {
    /// At the first scrape after its first request, as with every mesh: what that scrape reads is
    /// never part of a rate.
    FirstRequest,
    /// At the first scrape, with the value zero.
    Zero,
}

/// Upper bounds of the finite buckets of a latency histogram.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
pub enum Buckets {
    /// Those of a mesh or an ingress.
    Named(Vendor),
    /// Milliseconds.
    Milliseconds {
        /// Increasing, at most 255.
        ms: Vec<f64>,
    },
    /// Seconds.
    Seconds {
        /// Increasing, at most 255.
        s: Vec<f64>,
    },
}

/// Whose default buckets.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Vendor {
    /// Istio's and Envoy's.
    Istio,
    /// Linkerd's.
    Linkerd,
    /// ingress-nginx's, which are the client libraries' defaults.
    Nginx,
    /// Traefik's.
    Traefik,
}
