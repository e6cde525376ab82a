//! The scenario file as types: what may be written, what it means and what is assumed when it is
//! left out. The JSON Schema is generated from here; the readers beside this file accept exactly
//! these fields.

mod evidence;
mod expect;
mod fault;
mod figures;
mod gate;
mod goal;
mod live;
mod rollout;
mod service;
mod split;
mod telemetry;
mod traffic;
mod tune;

pub use expect::Expect;
pub use fault::{Corruption, Fault, Reach, ResetPhase};
pub use figures::{Answer, Answers, Figures};
pub use gate::{
    Against, AnyOrAll, Correction, Gate, Looks, Need, SampledBy, SeriesAlone, SeriesRead, Stratify,
};
pub use goal::{Goal, GoalValue};
pub use live::{Live, Speed, Splitter, Tempo};
pub use rollout::{
    Controller, Counting, Hook, HookType, Inconclusive, OfficeHours, Rollback, Rollout, Step,
    YesOrNo,
};
pub use service::{
    CacheWarmUp, Canary, Discipline, Instances, Latency, Pauses, Placement, RecordedUnit,
    RouteService, Scaled, Service, Shaped, Tail, WarmUp,
};
pub use split::{Affinity, Ejection, Policy, Precedence, Retried, Retries, Split};
pub use telemetry::{Buckets, Reporter, Series, Telemetry, Vendor};
pub use traffic::{
    Arrivals, Columns, Diurnal, EvenOrPoisson, Flash, GammaGaps, Group, LogNormalSwing, Memory,
    Mmpp, OnOff, Preset, Ramp, Recording, Route, SessionKind, Sessions, Swing, Traffic,
    TrafficRate, Week, WeibullGaps,
};

pub use tune::{Aim, Aims, Tune};

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

/// An amount of memory: a number and a unit.
#[derive(Debug, JsonSchema)]
#[schemars(extend("examples" = ["2KiB", "512MiB", "1.5GiB", "100B"]))]
pub struct Bytes(pub String);

/// Bytes per second: an amount of memory and a second.
#[derive(Debug, JsonSchema)]
#[schemars(extend("examples" = ["64KiB/s", "1.5MiB/s", "500B/s"]))]
pub struct Throughput(pub String);

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
    /// The heading under which `coalmine scenarios` lists it.
    #[schemars(extend("default" = defaults::SUBJECT))]
    pub subject: Option<String>,
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
    /// What is wrong with both versions: with what they share. It is there with a good canary too.
    pub faults: Option<Vec<Fault>>,
    /// What the business counts.
    pub goals: Option<Vec<Goal>>,
    /// What systems answer that the rollout's metrics ask and that are not simulated.
    pub figures: Option<Vec<Figures>>,
    /// Which version a request goes to.
    pub split: Option<Split>,
    /// How the gate's figures are collected.
    pub telemetry: Option<Telemetry>,
    /// Who decides, and by what.
    pub rollout: Rollout,
    /// Other rollouts of the same service with the same fault, shown side by side with it.
    pub rivals: Option<Vec<Rollout>>,
    /// What to simulate, how often.
    pub experiment: Option<Experiment>,
    /// What the rollout is expected to do: `coalmine check` says whether it does.
    pub expect: Option<Vec<Expect>>,
    /// What `coalmine tune` looks for.
    pub tune: Option<Tune>,
    /// How it is played for real.
    pub live: Option<Live>,
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
    /// How long to look on after promotion or rollback, counting who is hurt then.
    #[schemars(extend("default" = "0s"))]
    pub aftermath: Option<Span>,
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
