//! The live section.

use schemars::JsonSchema;

use super::Vendor;

/// How it is played for real: over loopback, on the clock on the wall.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Live {
    /// Who splits the traffic.
    #[schemars(extend("default" = "coalmine"))]
    pub splitter: Option<Splitter>,
    /// Path of the splitter's program. Left out: the one of its name on the path.
    pub program: Option<String>,
    /// Whom the gate asks: `none`, the built-in scraper; `spawn`, a Prometheus started for the run;
    /// or the address of one that runs already, `http://127.0.0.1:9090`.
    #[schemars(extend("default" = "none"))]
    pub prometheus: Option<String>,
    /// Path of the program that `spawn` starts. Left out: `prometheus` on the path.
    pub prometheus_program: Option<String>,
    /// Whose names and labels metrics have. Left out: those of `telemetry.buckets` when it names a
    /// vendor, else of the Canary's provider, else Istio's.
    pub metrics: Option<Vendor>,
    /// How fast it is played.
    #[schemars(extend("default" = "auto"))]
    pub speed: Option<Speed>,
    /// The address that everything listens on.
    #[schemars(extend("default" = "127.0.0.1"))]
    pub bind: Option<String>,
}

/// Who splits the traffic.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Splitter {
    /// The built-in splitter, which has every policy.
    Coalmine,
    /// NGINX, by `split_clients` and a reload for each weight.
    Nginx,
    /// `HAProxy`, by server weights through its runtime socket.
    Haproxy,
    /// Envoy, by weighted clusters in a route file that it watches.
    Envoy,
}

/// How fast it is played.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Speed {
    /// So many times faster than the clock on the wall. What an answer takes does not shrink.
    Times(#[schemars(range(min = 0.1, max = 10_000))] f64),
    /// By what it is for.
    Named(Tempo),
}

/// How fast it is played, by what it is for.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Tempo {
    /// Fast enough to be over in less than a minute, if requests, scrapes and ticks can bear it.
    Auto,
    /// As in production: a minute takes a minute.
    Real,
}
