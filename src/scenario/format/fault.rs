//! One fault.

use schemars::JsonSchema;

use super::{Bytes, Share, Span, Throughput};

/// One thing wrong with a version.
#[derive(Debug, JsonSchema)]
#[schemars(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// A share of requests fails with a server error, on top of those that would fail anyway.
    Errors {
        /// Share of the reached requests that the fault makes fail.
        probability: Share,
        /// How long a failed answer takes. Left out: as long as any other.
        latency: Option<Span>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// Every answer takes longer: latency times `multiply` plus `add`; at least one is given.
    Latency {
        /// Factor, at least 1.
        #[schemars(range(min = 1, max = 1_000_000))]
        multiply: Option<f64>,
        /// Added time.
        add: Option<Span>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// A few answers take much longer.
    Tail {
        /// Share of the reached requests that are slow.
        probability: Share,
        /// Added time.
        add: Span,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// Answers get slower and slower, as with leaking memory: a `latency` fault with a long ramp,
    /// which must be given.
    Leak {
        /// Factor at full size, at least 1.
        #[schemars(range(min = 1, max = 1_000_000))]
        multiply: Option<f64>,
        /// Added time at full size.
        add: Option<Span>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// Memory is lost with every request: collecting garbage takes more and more time, and an
    /// instance restarts when its heap is full.
    MemoryLeak {
        /// Memory lost with each request.
        #[schemars(extend("default" = "2KiB"))]
        per_request: Option<Bytes>,
        /// Size of the heap.
        #[schemars(extend("default" = "512MiB"))]
        heap: Option<Bytes>,
        /// Memory in use from the start.
        #[schemars(extend("default" = "180MiB"))]
        live: Option<Bytes>,
        /// How long a restart takes, in which the instance answers nobody.
        #[schemars(extend("default" = "30s"))]
        restart: Option<Span>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// Instances crash and come back, later each time.
    CrashLoop {
        /// Mean time from start to crash.
        #[schemars(extend("default" = "60s"))]
        mean_time: Option<Span>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// Instances do not come up at the start of the rollout.
    FailedStart {
        /// Chance for each instance.
        #[schemars(extend("default" = "100%"))]
        probability: Option<Share>,
        /// How long it takes nevertheless. Left out: for ever.
        delay: Option<Span>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// A share of connections is reset: the caller sees a failure, and the server nothing of it or,
    /// once its answer has begun, a success.
    Reset {
        /// Share of the reached requests.
        probability: Share,
        /// How far the request comes.
        #[schemars(extend("default" = "head"))]
        phase: Option<ResetPhase>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// A share of answers is wrong, with status 200.
    Corrupt {
        /// Share of the reached requests.
        probability: Share,
        /// What is wrong with them; in virtual time it is all the same.
        #[schemars(extend("default" = "flipped"))]
        how: Option<Corruption>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// A share of answers comes drop by drop: in pieces, spread over a time that is added to what
    /// the answer takes.
    Drip {
        /// Share of the reached requests.
        probability: Share,
        /// Time from the head of an answer to the end of its body.
        over: Span,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// Bodies go out over a narrow line: each answer takes its size (`body`) divided by the limit
    /// longer.
    Bandwidth {
        /// How fast one answer's body goes out.
        limit: Throughput,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// Something burns processors beside the service, in live runs: virtual time has none.
    Cpu {
        /// How many.
        #[schemars(range(min = 0.01, max = 1024))]
        cores: f64,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// A share of requests is never answered, until the caller gives up.
    Hang {
        /// Share of the reached requests.
        probability: Share,
        /// When the caller gives up.
        #[schemars(extend("default" = "10s"))]
        timeout: Option<Span>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// The version takes more work for a request, or has fewer workers; at least one is given.
    Capacity {
        /// Factor on the time that a request takes, at least 1.
        #[schemars(range(min = 1, max = 1000))]
        work: Option<f64>,
        /// Factor on the number of workers, at most 1.
        #[schemars(range(min = 0.001, max = 1))]
        workers: Option<f64>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// Requests fail in bursts: good and bad spells follow one another at random.
    Bursts {
        /// Chance of failure in a bad spell.
        probability: Share,
        /// Mean length of a good spell.
        #[schemars(extend("default" = "500s"))]
        good: Option<Span>,
        /// Mean length of a bad spell.
        #[schemars(extend("default" = "10s"))]
        bad: Option<Span>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// Users do less of what the business counts; nothing else changes.
    Business {
        /// Name of the goal. Left out: every goal.
        goal: Option<String>,
        /// Factor on its probability.
        #[schemars(range(min = 0, max = 1000))]
        multiply: f64,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// The metrics are wrong, not the service; at least one thing is given.
    Metrics {
        /// Share of failures that are not counted.
        #[schemars(extend("default" = "0%"))]
        hidden: Option<Share>,
        /// How often each request is counted.
        #[schemars(range(min = 1, max = 1000), extend("default" = 1))]
        count: Option<u32>,
        /// Factor on reported latencies.
        #[schemars(range(min = 0.000_001, max = 1_000_000), extend("default" = 1))]
        unit: Option<f64>,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// Users whose last answer came from the other version meet an error.
    Bounce {
        /// Chance of failure of the first request after a change of version.
        probability: Share,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// What the canary wrote, stable cannot read: users whom the canary has answered meet errors on
    /// stable, also after the rollback.
    Poison {
        /// Chance of failure of each such request.
        probability: Share,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
    /// The canary's work burdens what both versions share: the more traffic it has, the longer all
    /// answers take.
    SharedLoad {
        /// Slowdown with all traffic on the canary: 1 doubles latency.
        #[schemars(range(min = 0.001, max = 1000))]
        factor: f64,
        /// When it is there and whom it reaches.
        #[schemars(flatten)]
        reach: Reach,
    },
}

/// How far a request comes before its connection is reset.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum ResetPhase {
    /// No further than the connection: it is refused.
    Connect,
    /// It is sent, and no answer begins.
    Head,
    /// Its answer begins and breaks off. The server has counted it as a success, and nobody tries it
    /// again.
    Body,
}

/// What is wrong with an answer whose status is 200.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Corruption {
    /// Its body is shorter than it should be, as its head says.
    Truncated,
    /// Some of its bits are others.
    Flipped,
    /// It has no body.
    Empty,
}

/// When a fault is there and whom it reaches.
#[derive(Debug, JsonSchema)]
pub struct Reach {
    /// When it begins, counted from the start of the rollout.
    #[schemars(extend("default" = "0s"))]
    pub onset: Option<Span>,
    /// How long it takes to reach full size.
    #[schemars(extend("default" = "0s"))]
    pub ramp: Option<Span>,
    /// How long it lasts from its onset. Left out: for ever.
    pub duration: Option<Span>,
    /// It comes again this long after each onset; longer than its duration. Left out: once.
    pub every: Option<Span>,
    /// Share of the users that it reaches.
    #[schemars(extend("default" = "100%"))]
    pub users: Option<Share>,
    /// Names of the routes that it reaches. Left out: all.
    pub routes: Option<Vec<String>>,
    /// Names of the groups of users that it reaches. Left out: all.
    pub groups: Option<Vec<String>>,
    /// Share of the version's instances that have it, rounded up.
    #[schemars(extend("default" = "100%"))]
    pub instances: Option<Share>,
    /// Share of requests that it reaches, another one each time.
    #[schemars(extend("default" = "100%"))]
    pub requests: Option<Share>,
}
