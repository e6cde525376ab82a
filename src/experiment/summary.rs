//! What a run stores: the summary and the rows from which every figure is redrawn.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the stored format; raised when a reader of an older one would misread.
pub const FORMAT: u32 = 1;

/// Everything that a results folder tells; `summary.json` is this type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Version of this format, 1.
    pub format: u32,
    /// Version of the program that made it.
    pub program: String,
    /// What was simulated.
    pub scenario: ScenarioNote,
    /// Root of all randomness, as a decimal text: it may exceed what JSON numbers hold.
    pub seed: String,
    /// Which engine played the trials.
    pub engine: EngineNote,
    /// Half-width of the 95 % interval asked for, as a share.
    pub precision: f64,
    /// Where a rollout was cut off, in seconds.
    pub horizon_seconds: f64,
    /// False when the run was interrupted before every cell was precise enough.
    pub complete: bool,
    /// What it means, one sentence each; the first is the most important.
    pub findings: Vec<String>,
    /// What was understood differently from what was written, or ignored.
    pub warnings: Vec<String>,
    /// The answers, by mode and weight.
    pub cells: Vec<Cell>,
    /// Other rollouts of the same service with the same fault, the scenario's own first; absent when
    /// there is nobody to compare it with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<Rival>,
    /// The rollout that was played for real, whose ticks `timeline.csv` then holds; absent when all
    /// was simulated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveNote>,
}

/// A rollout that was played for real, over sockets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveNote {
    /// Who split the traffic: `coalmine`, `nginx`, `haproxy` or `envoy`.
    pub splitter: String,
    /// Whom the gate asked.
    pub source: String,
    /// How many times faster than the clock on the wall it was played.
    pub speed: f64,
    /// How long it took, in seconds of the clock on the wall.
    pub wall_seconds: f64,
    /// How it ended, in one sentence.
    pub ending: String,
    /// What keeps its figures from being trusted, one sentence each: a generator that was late, a
    /// limit that was hit, a part that failed. Empty when it is valid.
    pub doubts: Vec<String>,
    /// Requests whose time had come.
    pub due: u64,
    /// Requests that got no answer.
    pub lost: u64,
    /// Requests that the canary answered.
    pub canary_requests: u64,
    /// Of these, failed, wrong or slowed ones, until the rollout ended.
    pub exposed_requests: u64,
    /// Distinct users behind them.
    pub exposed_users: u64,
    /// Lateness of the generator's sends in milliseconds: 50th and 99th percentile, maximum.
    pub lateness_ms: [f64; 3],
    /// What users waited, by version.
    pub versions: Vec<LiveVersion>,
    /// What was asked of the splitter and what it did, between any two orders.
    pub shares: Vec<LiveShare>,
    /// Scrapes or queries that were made, and those that failed.
    pub scrapes: [u64; 2],
}

/// One version's answers in a live rollout, as its users saw them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveVersion {
    /// `stable`, `canary` or `baseline`.
    pub version: String,
    /// Requests.
    pub requests: u64,
    /// Of these, failed ones.
    pub failed: u64,
    /// Latency from the scheduled instant in milliseconds: 50th, 90th and 99th percentile.
    pub latency_ms: [f64; 3],
}

/// The canary's share between two orders to the splitter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveShare {
    /// From when, in seconds of the scenario.
    pub from_seconds: f64,
    /// Percentage asked for.
    pub weight: f64,
    /// Requests sent in this time.
    pub requests: u64,
    /// Of these, those that the canary answered.
    pub canary: u64,
    /// How far that is from what was asked, in binomial standard errors; absent where users stay
    /// with a version, or nothing was asked or sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub z: Option<f64>,
}

/// What was simulated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioNote {
    /// Short name.
    pub name: String,
    /// One line.
    pub title: String,
    /// What it teaches.
    pub story: String,
    /// One line about traffic, versions and fault, for headings.
    pub world: String,
    /// One line about controller and gates, for headings.
    pub rollout: String,
    /// Mean requests per second over both versions and the horizon.
    pub rate: f64,
    /// The text it came from.
    pub source: String,
}

/// Which engine played the trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EngineNote {
    /// `counts` or `requests`.
    pub name: String,
    /// Why this one.
    pub why: String,
}

/// How the weight moved.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Held at the percentage while the controller ran through its checks.
    Held,
    /// Through the steps: this percentage first, then the rollout's own steps above it.
    Rollout,
}

/// One percentage in one mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Canary percentage: held at it, or entered at it.
    pub weight: f64,
    /// How the weight moved.
    pub mode: Mode,
    /// Whether these are exactly the steps that were written.
    pub as_written: bool,
    /// Percentages that an undisturbed canary goes through.
    pub steps: Vec<f64>,
    /// Trials with the faulty canary, and as many with a good one.
    pub trials: u64,
    /// Share of faulty canaries rolled back before promotion or the horizon.
    pub power: Estimate,
    /// Share of good canaries rolled back.
    pub false_rollback: Estimate,
    /// From the moment fault and canary traffic were both there, to the rollback.
    pub detection_seconds: Detection,
    /// Who met the fault before the rollout ended; means over the faulty trials.
    pub exposure: Exposure,
    /// Requests that the canary answers in one window of the analysis, mean.
    pub requests_per_window: f64,
}

/// One of several rollouts side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rival {
    /// Its name.
    pub name: String,
    /// One line about controller and gates.
    pub rollout: String,
    /// The answer for its steps as written.
    pub cell: Cell,
}

/// A share with its 95 % interval (Wilson's).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The share, 0 to 1.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// A time that may never come. Quantiles are over the trials in which it came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Detection {
    /// Median in seconds; absent when no trial was rolled back.
    pub p50: Option<f64>,
    /// 90th percentile in seconds.
    pub p90: Option<f64>,
    /// Share of trials without a detection, 0 to 1: promoted, still under way at the horizon, or
    /// rolled back before the fault met any canary traffic.
    pub never: f64,
}

/// Who met the fault: means per rollout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exposure {
    /// Failed or slowed requests.
    pub requests: f64,
    /// Distinct users behind them.
    pub users: f64,
    /// Failed or slowed requests after the rollout's end, as long as was asked to look; absent when
    /// it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
}

/// One row of `detections.csv`: how many faulty trials of a cell were rolled back after exactly
/// this long. Times are few, because controllers decide at ticks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DetectionRow {
    /// Canary percentage of the cell.
    pub weight: f64,
    /// Mode of the cell.
    pub mode: Mode,
    /// Time to rollback in seconds.
    pub seconds: f64,
    /// Trials.
    pub trials: u64,
}

/// One row of `heat.csv`: power with the weight held, over rate and percentage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeatRow {
    /// Mean request rate over both versions, per second.
    pub rate: f64,
    /// Canary percentage.
    pub weight: f64,
    /// Share of faulty canaries rolled back.
    pub power: f64,
    /// Trials.
    pub trials: u64,
}

/// One row of `timeline.csv`: what was seen and decided at one tick of one rollout as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineRow {
    /// Seconds since the start.
    pub seconds: f64,
    /// Canary percentage after the tick.
    pub weight: f64,
    /// The controller's phase after the tick, in its own words.
    pub phase: String,
    /// Failed checks counted so far.
    pub failures: u32,
    /// Success ratio of the canary in the analysis window, percent, as the metrics showed it.
    pub canary_success: Option<f64>,
    /// The same of stable.
    pub stable_success: Option<f64>,
    /// 99th percentile of the canary's latency in milliseconds, as the metrics showed it.
    pub canary_p99: Option<f64>,
    /// The same of stable.
    pub stable_p99: Option<f64>,
    /// Lowest success ratio of the canary that passes, percent; absent when nothing limits it.
    pub success_limit: Option<f64>,
    /// Highest 99th percentile that passes, in milliseconds; absent when nothing limits it.
    pub p99_limit: Option<f64>,
    /// Requests of the canary that the window showed.
    pub canary_requests: f64,
    /// `pass`, `fail`, `inconclusive`, or empty when nothing was checked.
    pub verdict: String,
    /// Why.
    pub reason: String,
}

/// One row of `looks.csv`: what one gate read and said at one tick of the rollout in `timeline.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LookRow {
    /// The tick, in seconds since the start.
    pub seconds: f64,
    /// The gate's number in the analysis, from 1.
    pub gate: usize,
    /// The gate in one line.
    pub name: String,
    /// What it read.
    pub reads: String,
    /// Where its window began, in seconds since the start.
    pub from_seconds: f64,
    /// The figure with its unit; empty when there was none.
    pub value: String,
    /// Requests behind the figure; absent where nobody can tell, as of a score.
    pub requests: Option<f64>,
    /// `pass`, `fail` or `inconclusive`.
    pub verdict: String,
    /// The rule that decided, with its limit.
    pub rule: String,
    /// What would have changed the verdict.
    pub change: String,
}

/// One row of `trials.csv`, written on request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrialRow {
    /// Canary percentage of the cell.
    pub weight: f64,
    /// Mode of the cell.
    pub mode: Mode,
    /// `true` for the faulty canary.
    pub faulty: bool,
    /// Replicate number; equal numbers met the same luck.
    pub replicate: u64,
    /// `rolled_back`, `promoted` or `horizon`.
    pub end: End,
    /// When it ended, in seconds.
    pub end_seconds: f64,
    /// From fault and canary traffic both there to the rollback, in seconds.
    pub detection_seconds: Option<f64>,
    /// Requests that the canary answered.
    pub canary_requests: u64,
    /// Failed or slowed requests of the canary.
    pub exposed_requests: u64,
    /// Distinct users behind them (an expectation in the `counts` engine).
    pub exposed_users: f64,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Rolled back.
    RolledBack,
    /// Promoted.
    Promoted,
    /// Still running at the horizon.
    Horizon,
}

/// A results folder in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// `summary.json`.
    pub summary: Summary,
    /// `detections.csv`.
    pub detections: Vec<DetectionRow>,
    /// `heat.csv`.
    pub heat: Vec<HeatRow>,
    /// `timeline.csv`.
    pub timeline: Vec<TimelineRow>,
    /// `looks.csv`; empty in folders of versions that did not write it.
    pub looks: Vec<LookRow>,
    /// `trials.csv`; empty unless asked for.
    pub trials: Vec<TrialRow>,
}
