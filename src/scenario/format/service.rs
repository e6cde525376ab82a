//! The sections stable and canary.

use schemars::JsonSchema;

use super::{Bytes, Fault, Share, Span};
use crate::scenario::defaults;

/// How a version answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Service {
    /// How long answers take.
    #[schemars(extend("default" = defaults::LATENCY))]
    pub latency: Option<Latency>,
    /// Share of requests answered with a server error.
    #[schemars(extend("default" = defaults::errors().to_string()))]
    pub errors: Option<Share>,
    /// What single routes do differently.
    pub routes: Option<Vec<RouteService>>,
    /// Size of an answer's body, from 1B to 64MiB.
    #[schemars(extend("default" = defaults::body().to_string()))]
    pub body: Option<Bytes>,
    /// Processes that answer, at least 1; requests go to them in turn.
    #[schemars(extend("default" = 1), range(min = 1, max = 10_000))]
    pub instances: Option<u32>,
    /// Requests that one instance works on at the same time. Left out: any number.
    #[schemars(range(min = 1, max = 10_000))]
    pub workers: Option<u32>,
    /// Requests that may wait for a worker of one instance; more are refused with 503. Needs
    /// workers. Left out: any
    /// number.
    #[schemars(range(max = 1_000_000))]
    pub queue: Option<u32>,
    /// After this long, waiting included, the caller gives up with 504; the worker goes on. Needs
    /// workers. Left out: the caller waits.
    pub timeout: Option<Span>,
    /// Who is worked on. Needs workers. Left out: fifo.
    pub discipline: Option<Discipline>,
    /// Pauses of an instance in which it answers nobody (garbage collection).
    pub pauses: Option<Pauses>,
    /// How an instance is slow at first.
    pub warm_up: Option<WarmUp>,
    /// How an instance's cache fills: the latency is that of hits, and misses add to it.
    pub cache: Option<CacheWarmUp>,
    /// How instances differ by where they run.
    pub placement: Option<Placement>,
    /// Whether the instances have long been running when the rollout begins.
    #[schemars(extend("default" = true))]
    pub warm: Option<bool>,
    /// What is wrong with it, in the order in which it applies.
    pub faults: Option<Vec<Fault>>,
}

/// A latency distribution. `"p50=40ms,p99=250ms"` is log-normal with these two quantiles; with three
/// or more quantiles it is linear between them. As a table it is one of several families.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
pub enum Latency {
    /// `p50=40ms,p99=250ms`.
    Text(String),
    /// A table of quantiles.
    Table {
        /// Shares and latencies, both increasing: `[["50%", "20ms"], ["90%", "80ms"]]`.
        quantiles: Vec<(Share, Span)>,
    },
    /// Always the same.
    Fixed {
        /// The latency.
        fixed: Span,
    },
    /// Exponential.
    Exponential {
        /// The mean.
        exponential: Span,
    },
    /// Gamma: narrower than exponential for a shape above 1.
    Gamma {
        /// Its mean and its shape.
        gamma: Shaped,
    },
    /// Weibull: a longer tail than exponential for a shape below 1.
    Weibull {
        /// Its mean and its shape.
        weibull: Shaped,
    },
    /// A body with a Pareto tail in place of its longest answers.
    Tailed {
        /// Quantiles as text: `p50=40ms,p99=250ms`.
        body: String,
        /// The tail that replaces the body's.
        tail: Tail,
    },
    /// One of several, each for a share of the answers.
    Mixture {
        /// Shares that add up to 100 %, with quantiles as text:
        /// `[["95%", "p50=4ms,p99=10ms"], ["5%", "p50=60ms,p99=240ms"]]`.
        mixture: Vec<(Share, String)>,
    },
    /// What somebody recorded.
    Recorded {
        /// An interval log of HdrHistogram (`.hlog`, plain or gzip), relative to the scenario: its
        /// latencies, all intervals together.
        hdr: String,
        /// What a recorded 1 stands for.
        #[schemars(extend("default" = "ns"))]
        unit: Option<RecordedUnit>,
    },
}

/// A mean and a shape.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Shaped {
    /// The mean.
    pub mean: Span,
    /// The shape; 1 is exponential.
    #[schemars(range(min = 0.1, max = 1000))]
    pub shape: f64,
}

/// A Pareto tail: the share of answers longer than x falls like x to the power of -alpha.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Tail {
    /// Share of answers in the tail, above 0% and up to 50%.
    pub share: Share,
    /// The exponent; less is heavier.
    #[schemars(range(min = 1.01, max = 100))]
    pub alpha: f64,
}

/// How one route is answered.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RouteService {
    /// The route, one of `[[traffic.routes]]`.
    pub name: String,
    /// How long its answers take. Left out: as on all routes.
    pub latency: Option<Latency>,
    /// Share of its requests answered with a server error. Left out: as on all routes.
    pub errors: Option<Share>,
}

/// The canary's processes.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Instances {
    /// So many.
    Number(#[schemars(range(min = 1, max = 10_000))] u32),
    /// The canary's share of stable's number, at least one: more as the weight grows.
    Scaled(Scaled),
}

/// A number that follows the weight.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Scaled {
    /// As many as the weight's share of stable's.
    Scaled,
}

/// Who is worked on.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Discipline {
    /// First come, first served, by as many as there are workers.
    Fifo,
    /// All at once, sharing the workers equally; nobody waits, so there is no queue.
    Sharing,
}

/// Pauses of an instance: it answers nobody for a while, and everybody afterwards.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Pauses {
    /// Mean time from the end of one to the begin of the next.
    pub every: Span,
    /// How long one lasts.
    pub length: Latency,
}

/// An instance is slow at first and gets faster with every request that it answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WarmUp {
    /// How many times slower the first request is.
    #[schemars(range(min = 1, max = 1000), extend("default" = 5))]
    pub factor: Option<f64>,
    /// Requests after which the excess has fallen to 1/e.
    #[schemars(range(min = 1, max = 1e9), extend("default" = 2000))]
    pub requests: Option<f64>,
}

/// The share of misses falls with every request that an instance answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CacheWarmUp {
    /// Share of misses of an empty cache.
    #[schemars(extend("default" = "100%"))]
    pub cold: Option<Share>,
    /// Share of misses of a full one.
    #[schemars(extend("default" = "5%"))]
    pub warm: Option<Share>,
    /// Requests on the scale of which it fills.
    #[schemars(range(min = 1, max = 1e9), extend("default" = 2000))]
    pub requests: Option<f64>,
    /// How fast it fills: the excess falls like requests to the power of -decay.
    #[schemars(range(min = 0.01, max = 10), extend("default" = 0.5))]
    pub decay: Option<f64>,
    /// What a miss adds to the latency.
    pub miss: Span,
}

/// A factor on an instance's latency that stays for its life.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Placement {
    /// Standard deviation of the factor's logarithm.
    #[schemars(extend("default" = "7%"))]
    pub spread: Option<Share>,
    /// Another factor, of the unlucky instances.
    #[schemars(range(min = 0.001, max = 1000))]
    pub second_mode: Option<f64>,
    /// Share of unlucky instances.
    pub unlucky: Option<Share>,
}

/// Unit of the figures in a log.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum RecordedUnit {
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
}

/// How the canary differs from stable.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Canary {
    /// How long answers take. Left out: as stable.
    pub latency: Option<Latency>,
    /// Share of requests answered with a server error. Left out: as stable.
    pub errors: Option<Share>,
    /// What single routes do differently. Left out: as stable.
    pub routes: Option<Vec<RouteService>>,
    /// Size of an answer's body, from 1B to 64MiB. Left out: as stable.
    pub body: Option<Bytes>,
    /// Processes that answer, at least 1; requests go to them in turn. Left out: as many as stable.
    pub instances: Option<Instances>,
    /// Requests that one instance works on at the same time. Left out: as stable.
    #[schemars(range(min = 1, max = 10_000))]
    pub workers: Option<u32>,
    /// Requests that may wait for a worker of one instance; more are refused with 503. Needs
    /// workers. Left out: as
    /// stable.
    #[schemars(range(max = 1_000_000))]
    pub queue: Option<u32>,
    /// After this long, waiting included, the caller gives up with 504; the worker goes on. Needs
    /// workers. Left out: as stable.
    pub timeout: Option<Span>,
    /// Who is worked on. Needs workers. Left out: as stable.
    pub discipline: Option<Discipline>,
    /// Pauses of an instance in which it answers nobody (garbage collection). Left out: as
    /// stable.
    pub pauses: Option<Pauses>,
    /// How an instance is slow at first. Left out: as stable.
    pub warm_up: Option<WarmUp>,
    /// How an instance's cache fills: the latency is that of hits, and misses add to it. Left
    /// out: as stable.
    pub cache: Option<CacheWarmUp>,
    /// How instances differ by where they run. Left out: as stable.
    pub placement: Option<Placement>,
    /// Whether the instances have long been running when the rollout begins.
    #[schemars(extend("default" = false))]
    pub warm: Option<bool>,
    /// What is wrong with it, in the order in which it applies.
    pub faults: Option<Vec<Fault>>,
}
