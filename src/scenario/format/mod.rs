//! The scenario file as types: what may be written, what it means and what is assumed when it is
//! left out. The JSON Schema is generated from here; the readers beside this file accept exactly
//! these fields.

mod rollout;

pub use rollout::{Controller, Counting, Gate, Inconclusive, Rollback, Rollout, Step};

use schemars::JsonSchema;

use super::defaults;

/// A length of time: a number and a unit, or several.
#[derive(Debug, JsonSchema)]
#[schemars(extend("examples" = ["30s", "5m", "1h30m", "250ms", "1d"]))]
pub struct Span(pub String);

/// Requests per second, minute or hour; `k` is a thousand, `M` a million.
#[derive(Debug, JsonSchema)]
#[schemars(extend("examples" = ["20/s", "3k/s", "1200/m", "0.5/s"]))]
pub struct Rate(pub String);

/// A share: a percentage from 0% to 100%, or a number below 1.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, extend("examples" = ["0.1%", "25%", 0.001]))]
pub enum Share {
    /// `0.1%`.
    Text(String),
    /// `0.001`.
    Number(f64),
}

/// The canary's share of the traffic in percent, 0 to 100; the sign may be left out.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, extend("examples" = ["5%", 5, 2.5]))]
pub enum Weight {
    /// `5%`.
    Text(String),
    /// `5`.
    Number(f64),
}

/// Everything a run needs: the service, the bad release, how it is measured, and the rollout that
/// should catch it. Quantities with a unit are text: `"20/s"`, `"5m"`, `"0.1%"`, `"40ms"`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, title = "coalmine scenario")]
pub struct Scenario {
    /// Short name, used for the results folder: letters, digits and dashes. Left out: the file's
    /// name without `.toml`.
    pub name: Option<String>,
    /// One line for lists and headings. Left out: the name.
    pub title: Option<String>,
    /// What the scenario teaches: the mechanism, what to watch, what to do in production. Markdown
    /// paragraphs.
    pub story: Option<String>,
    /// Where a rollout is cut off. Left out: the longest that its controller can take.
    pub horizon: Option<Span>,
    /// The requests and the users behind them.
    pub traffic: Traffic,
    /// How the version answers that serves production today.
    pub stable: Option<Service>,
    /// How the new release answers: stable, with these differences and faults.
    pub canary: Option<Canary>,
    /// Which version a request goes to.
    pub split: Option<Split>,
    /// How the gate's figures are collected.
    pub telemetry: Option<Telemetry>,
    /// Who decides, and by what.
    pub rollout: Rollout,
    /// What to simulate, how often.
    pub experiment: Option<Experiment>,
}

/// The requests and the users behind them.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Traffic {
    /// Requests to both versions together: constant (`"20/s"`) or changing with time.
    pub rate: TrafficRate,
    /// How single requests fall around the rate: independently of one another, or evenly spaced.
    #[schemars(extend("default" = "poisson"))]
    pub arrivals: Option<Arrivals>,
    /// Number of users, 1 to 10 million.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = defaults::USERS))]
    pub users: Option<u32>,
    /// Zipf exponent of the users' activity: the k-th most active user sends requests in proportion
    /// to k to the power of minus this. 0 makes all users equal.
    #[schemars(range(min = 0, max = 5), extend("default" = defaults::ZIPF))]
    pub zipf: Option<f64>,
    /// Share of requests that the match condition of an A/B test selects.
    #[schemars(extend("default" = defaults::matched().to_string()))]
    pub matched: Option<Share>,
}

/// A constant rate, or a table with exactly one of `steps`, `ramp`, `diurnal` and `trace`. Time
/// counts from the start of the rollout.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
pub enum TrafficRate {
    /// Always the same.
    Constant(Rate),
    /// One rate from each instant on.
    Steps {
        /// Instants and rates, the first at `0s`: `[["0s", "10/s"], ["10m", "50/s"]]`.
        steps: Vec<(Span, Rate)>,
    },
    /// Linear from one rate to another, then constant.
    Ramp {
        /// The climb, or the fall.
        ramp: Ramp,
    },
    /// A daily cycle.
    Diurnal {
        /// The cycle.
        diurnal: Diurnal,
    },
    /// Counts recorded somewhere. Between rows the rate is constant; the trace repeats when it ends.
    Trace {
        /// A CSV file with a header, plain or gzip, relative to the scenario: first column time
        /// (seconds, a clock time, a date and time, or RFC 3339), second column the requests
        /// counted from that time to the next row. Rows are equally spaced.
        trace: String,
        /// Mean rate to scale the trace to. Left out: as recorded.
        mean: Option<Rate>,
        /// Which columns to read. Left out: the first two.
        columns: Option<Columns>,
    },
}

/// Linear from one rate to another, then constant.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Ramp {
    /// Rate at the start.
    pub from: Rate,
    /// Rate at the end, and from then on.
    pub to: Rate,
    /// How long it takes.
    pub over: Span,
}

/// A cosine around a mean rate.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Diurnal {
    /// Mean over a period.
    pub mean: Rate,
    /// Highest rate over lowest, at least 1.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub peak_over_trough: f64,
    /// When the highest rate comes, counted from the start of the rollout.
    pub peak_at: Span,
    /// Length of the cycle.
    #[schemars(extend("default" = defaults::PERIOD.to_string()))]
    pub period: Option<Span>,
}

/// Names of the columns of a trace.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Columns {
    /// Column of the times. Left out: the first.
    pub time: Option<String>,
    /// Column of the counts. Left out: the second.
    pub count: Option<String>,
}

/// How single requests fall around the rate.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Independently of one another.
    Poisson,
    /// Evenly spaced.
    Even,
}

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
}

/// A latency distribution. `"p50=40ms,p99=250ms"` is log-normal with these two quantiles; with three
/// or more quantiles, and as a table, it is linear between them.
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
}

/// How the canary differs from stable.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Canary {
    /// How long answers take. Left out: as stable.
    pub latency: Option<Latency>,
    /// Share of requests answered with a server error. Left out: as stable.
    pub errors: Option<Share>,
    /// What is wrong with it, in the order in which it applies.
    pub faults: Option<Vec<Fault>>,
}

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

/// Which version a request goes to.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Split {
    /// How a weight becomes a choice.
    #[schemars(extend("default" = "random"))]
    pub policy: Option<Policy>,
}

/// How a weight becomes a choice.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Policy {
    /// Each request on its own, at random.
    Random,
    /// In turn, so that every stretch of requests holds its share.
    Even,
    /// By a hash of the user, who stays with a version while the weight stays.
    UserHash,
}

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

/// What to simulate, how often.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Experiment {
    /// Canary percentages to try, each once, above 0.
    #[schemars(extend("default" = defaults::weights_text()))]
    pub weights: Option<Vec<Weight>>,
    /// Exactly so many trials for each percentage. Left out: until precise enough.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub trials: Option<u32>,
    /// Half-width of the 95 % interval to reach, above 0% and at most 50%.
    #[schemars(extend("default" = defaults::precision().to_string()))]
    pub precision: Option<Share>,
    /// At most so many trials for each percentage.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = defaults::MOST_TRIALS))]
    pub most_trials: Option<u32>,
    /// How trials are played.
    #[schemars(extend("default" = "auto"))]
    pub engine: Option<Engine>,
    /// Root of all randomness.
    #[schemars(extend("default" = crate::base::Seed::DEFAULT.0))]
    pub seed: Option<u64>,
}

/// How trials are played.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Engine {
    /// By counts wherever they are exact, request by request elsewhere.
    Auto,
    /// Every request on its own.
    Requests,
    /// By counts per interval, drawn from their exact distribution.
    Counts,
}
