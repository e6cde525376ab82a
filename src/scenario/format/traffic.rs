//! The traffic section.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{Latency, Rate, Share, Span};
use crate::scenario::defaults;

/// The requests and the users behind them.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Traffic {
    /// A kind of traffic with a name: it fills in what is left out here.
    pub preset: Option<Preset>,
    /// Requests to both versions together: constant (`"20/s"`) or changing with time. Wanted where
    /// there is no preset; beside one, a constant rate keeps the preset's shape and becomes its
    /// mean (the rate before the crowd, with `flash`).
    pub rate: Option<TrafficRate>,
    /// How single requests (or sessions, where there are sessions) fall around the rate.
    #[schemars(extend("default" = "poisson"))]
    pub arrivals: Option<Arrivals>,
    /// How the rate swings at random around its profile, anew in each trial. Left out: it does not.
    pub swing: Option<Swing>,
    /// Share of the traffic that comes from clocks: within 2 s after each full minute, and five
    /// times as much after a full hour. A rollout starts at a random moment of the hour.
    #[schemars(extend("default" = "0%"))]
    pub cron: Option<Share>,
    /// Number of users, 1 to 10 million.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = defaults::USERS))]
    pub users: Option<u32>,
    /// Zipf exponent of the users' activity: the k-th most active user sends requests in proportion
    /// to k to the power of minus this. 0 makes all users equal.
    #[schemars(range(min = 0, max = 5), extend("default" = defaults::ZIPF))]
    pub zipf: Option<f64>,
    /// Instead of `zipf`: activity is log-normal with this standard deviation of its logarithm. 1.1
    /// and 1.6 were measured at two web sites.
    #[schemars(range(min = 0, max = 5))]
    pub spread: Option<f64>,
    /// Share of users who were here before the rollout began, and hold a session cookie of those
    /// days.
    #[schemars(extend("default" = "0%"))]
    pub returning: Option<Share>,
    /// How a user's requests follow one another: the rate counts requests, but sessions arrive.
    /// Left out: every request stands alone.
    pub sessions: Option<SessionKind>,
    /// Share of requests that the match condition of an A/B test selects.
    #[schemars(extend("default" = defaults::matched().to_string()))]
    pub matched: Option<Share>,
    /// What is requested: at most 32 routes whose shares add up to 100%. Left out: all requests are
    /// alike.
    pub routes: Option<Vec<Route>>,
    /// Kinds of users whose shares add up to 100%. Left out: all users are of one kind.
    pub groups: Option<Vec<Group>>,
}

/// A kind of traffic with a name.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Preset {
    /// 100/s, Poisson: the textbook.
    Flat,
    /// 100/s on average, the measured week (`week` with its defaults), a log-normal swing of 0.44
    /// with long memory, 10,000 users with a spread of 1.1, measured sessions.
    WebDay,
    /// 50/s on average, working hours with eight times the traffic of the night and a fifth of it
    /// at the weekend, 200 tenants with a Zipf exponent of 1.2.
    SaasTenants,
    /// 20/s on average in bursts of 20 s: 8 times the rate, a tenth of the time; 30 callers with a
    /// Zipf exponent of 1.
    BurstyApi,
    /// 0.5/s, 500 users, measured sessions.
    Low,
    /// 50/s, and a crowd of 10 times as many after 20 minutes that halves every 30 minutes or more
    /// slowly; 100,000 equal users, a tenth of whom were here before.
    Flash,
    /// 100/s from 50 sources that go on and off: self-similar with a Hurst exponent of 0.9.
    LongMemory,
}

/// A constant rate, or a table with exactly one of `steps`, `ramp`, `diurnal`, `week`, `flash` and
/// `trace`. Time
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
    /// A weekly cycle by the hour.
    Week {
        /// The cycle.
        week: Week,
    },
    /// A flash crowd.
    Flash {
        /// The crowd.
        flash: Flash,
    },
    /// Counts recorded somewhere. Between rows the rate is constant; the trace repeats when it ends.
    Trace {
        /// A file, plain or gzip, relative to the scenario. A CSV with a header: first column time
        /// (seconds, a clock time, a date and time, or RFC 3339), second column the requests
        /// counted from that time to the next row; rows are equally spaced. Or an access log: the
        /// common or combined format of NGINX and Apache, or JSON lines with a `start_time` as
        /// Envoy writes them. Or an interval log of HdrHistogram (`.hlog`).
        trace: String,
        /// What the file is. Left out: told by its content.
        format: Option<Recording>,
        /// Width of the bins that a log is counted in. Left out: 1m for access logs, the length of
        /// an interval for HdrHistogram.
        bin: Option<Span>,
        /// Mean rate to scale the trace to. Left out: as recorded.
        mean: Option<Rate>,
        /// Which columns of a CSV to read, or which field of JSON lines holds the time. Left out:
        /// the first two, and `start_time`.
        columns: Option<Columns>,
    },
}

/// Kinds of recorded files.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Recording {
    /// Counts in rows.
    Csv,
    /// A line for each request.
    AccessLog,
    /// Intervals of HdrHistogram.
    Hdr,
}

/// A weekly cycle: 24 figures for working days, the same times a factor on Saturday and Sunday;
/// linear from the middle of an hour to the middle of the next.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Week {
    /// Mean over the week.
    pub mean: Rate,
    /// Relative rates of the 24 hours of a working day. Left out: as at the web server of the
    /// Kennedy Space Center in July 1995, 4.4 times as much at 14:00 as at 4:00.
    #[schemars(length(equal = 24))]
    pub hours: Option<Vec<f64>>,
    /// Saturday and Sunday over a working day.
    #[schemars(range(min = 0, max = 1_000), extend("default" = defaults::WEEKEND))]
    pub weekend: Option<f64>,
    /// Day and hour at which the rollout starts: `"Fri 16:00"`.
    #[schemars(extend("default" = defaults::WEEK_START))]
    pub start: Option<String>,
}

/// A flash crowd: a linear rise, a hold, and a slow fall: `t` after the hold the excess is
/// `1 / (1 + t / half_life)` of the highest.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Flash {
    /// Rate before the crowd, and long after it.
    pub base: Rate,
    /// Highest rate over the base.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub peak: f64,
    /// When the rise begins, counted from the start of the rollout.
    pub at: Span,
    /// How long it takes.
    #[schemars(extend("default" = defaults::FLASH_RISE.to_string()))]
    pub rise: Option<Span>,
    /// How long the highest rate lasts.
    #[schemars(extend("default" = "0s"))]
    pub hold: Option<Span>,
    /// How long after the hold half of the excess is left.
    #[schemars(extend("default" = defaults::FLASH_HALF_LIFE.to_string()))]
    pub half_life: Option<Span>,
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

/// How single requests fall around the rate: by name, or with gaps from one law, independent of one
/// another.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
pub enum Arrivals {
    /// By name.
    Named(EvenOrPoisson),
    /// Gaps from a gamma distribution.
    Gamma {
        /// The distribution.
        gamma: GammaGaps,
    },
    /// Gaps from a Weibull distribution.
    Weibull {
        /// The distribution.
        weibull: WeibullGaps,
    },
}

/// Independently of one another, or evenly spaced.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum EvenOrPoisson {
    /// Independently of one another.
    Poisson,
    /// Evenly spaced.
    Even,
    /// The same as even.
    Uniform,
}

/// Gamma gaps.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GammaGaps {
    /// Standard deviation of the gaps over their mean: above 1 bursty, below 1 regular.
    #[schemars(range(min = 0.05, max = 20))]
    pub cv: f64,
}

/// Weibull gaps.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WeibullGaps {
    /// Shape: below 1 bursty; 0.5 has a coefficient of variation of 2.24.
    #[schemars(range(min = 0.2, max = 20))]
    pub shape: f64,
}

/// How the rate swings at random: exactly one kind. Every swing has mean 1.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
pub enum Swing {
    /// Log-normal by the minute.
    LogNormal {
        /// Size and memory.
        log_normal: LogNormalSwing,
    },
    /// A Markov-modulated Poisson process of two states.
    Mmpp {
        /// The bursts.
        mmpp: Mmpp,
    },
    /// Sources that go on and off for Pareto times: self-similar.
    OnOff {
        /// The sources.
        on_off: OnOff,
    },
}

/// A log-normal factor, new each minute and correlated with those before.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LogNormalSwing {
    /// Standard deviation of the rate over its mean; 0.44 was measured at a web site.
    #[schemars(range(min = 0.01, max = 10))]
    pub cv: f64,
    /// How slowly it changes.
    #[schemars(extend("default" = "long"))]
    pub memory: Option<Memory>,
}

/// `"long"` (measured: 45 %, 23 % and 32 % of the variance with time constants of 1 minute, 1 hour
/// and 72 hours), one time constant, or a list of shares and time constants.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Memory {
    /// `"long"`, or the time after which the correlation is down to 1/e.
    Text(String),
    /// Shares of the variance, which add up to 100%, and their time constants.
    Terms(Vec<(Share, Span)>),
}

/// Bursts that come and go.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Mmpp {
    /// Rate in a burst over the rate between bursts.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub ratio: f64,
    /// Share of time in bursts.
    pub high: Share,
    /// Mean length of a burst.
    pub burst: Span,
}

/// Sources that go on and off.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OnOff {
    /// Number of sources, all alike.
    #[schemars(range(min = 1, max = 10_000), extend("default" = defaults::SOURCES))]
    pub sources: Option<u32>,
    /// Shape of the Pareto times; the Hurst exponent is `(3 - shape) / 2`.
    #[schemars(range(min = 1.05, max = 1.95), extend("default" = defaults::ON_OFF_SHAPE))]
    pub shape: Option<f64>,
    /// Shortest time on or off.
    #[schemars(extend("default" = defaults::SHORTEST.to_string()))]
    pub shortest: Option<Span>,
}

/// `"measured"`, or a table of what differs from it.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum SessionKind {
    /// `"measured"`: as at the web server of the Kennedy Space Center on 1 August 1995.
    Named(String),
    /// Differences.
    Table(Sessions),
}

/// Pages with thinking in between. The next page is asked for when the answer to the one before and
/// the thinking time are over.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Sessions {
    /// Share of sessions of a single page.
    #[schemars(extend("default" = "51%"))]
    pub single: Option<Share>,
    /// Mean number of pages.
    #[schemars(range(min = 1, max = 10_000), extend("default" = 3.3))]
    pub pages: Option<f64>,
    /// Mean number of further requests within a second of each page.
    #[schemars(range(min = 0, max = 10_000), extend("default" = 2.2))]
    pub embedded: Option<f64>,
    /// Thinking time. Left out: log-normal with a median of 42 s and a mean of 143 s.
    pub think: Option<Latency>,
}

/// One kind of request.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Route {
    /// Its name: `checkout`.
    pub name: String,
    /// Share of all requests.
    pub share: Share,
}

/// Users who behave alike: bots, new visitors, a tenant's staff.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Group {
    /// Its name, for reports.
    pub name: String,
    /// Share of all requests (sessions, where there are sessions) that it sends.
    pub share: Share,
    /// Number of users. Left out: as in the section.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub users: Option<u32>,
    /// Zipf exponent of their activity. Left out: as in the section.
    #[schemars(range(min = 0, max = 5))]
    pub zipf: Option<f64>,
    /// Instead of `zipf`: activity is log-normal with this standard deviation of its logarithm.
    #[schemars(range(min = 0, max = 5))]
    pub spread: Option<f64>,
    /// Whether they keep cookies. Without, each of their requests looks like a first one.
    #[schemars(extend("default" = true))]
    pub cookies: Option<bool>,
    /// Share of them who were here before the rollout began. Left out: as in the section.
    pub returning: Option<Share>,
    /// Whether their requests match the condition of an A/B test or of a match rule.
    #[schemars(extend("default" = false))]
    pub matched: Option<bool>,
    /// What they request: shares by route that add up to 100%; routes left out are not requested.
    /// Left out: as the routes say.
    pub mix: Option<BTreeMap<String, Share>>,
}
