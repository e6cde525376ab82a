//! The rollout section: the controller and its gates.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{Against, Gate, Share, Span, Weight};
use crate::rollout::ArgoPlan;
use crate::scenario::defaults;

/// One file, or several.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub enum Manifests {
    /// One file.
    One(String),
    /// Several that belong together.
    Several(Vec<String>),
}

/// Who decides, and by what: a Flagger Canary, an Argo Rollout or a Kayenta config as it is, or steps
/// with gates.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Rollout {
    /// What it is called beside its rivals. Left out: its controller's name.
    pub name: Option<String>,
    /// A Flagger Canary in YAML, relative to the scenario, used unmodified; a list when the
    /// MetricTemplates that it names are in other files. It brings its own steps and metrics: of
    /// the other fields of this section only `name` and `hooks` go with it.
    pub flagger: Option<Manifests>,
    /// A Rollout of Argo in YAML, relative to the scenario, used unmodified; a list when the
    /// AnalysisTemplates that it names are in other files. It brings its own steps and analyses: of
    /// the other fields of this section only `name`, `cluster` and `judgement` go with it.
    pub argo: Option<Manifests>,
    /// What a Rollout of Argo does not say.
    pub cluster: Option<Cluster>,
    /// A canary config of Kayenta's in JSON, relative to the scenario, used unmodified; a list when
    /// the pipeline with its canary stage goes with it. Settings of the run are `weight`, `control`,
    /// `lifetime`, `interval`, `delay`, `lookback`, `control_offset`, `step`, `pass`, `marginal`,
    /// `analysis`, `control_scope`, `experiment_scope`, `location` and `params`; what they leave out
    /// is the pipeline's.
    pub kayenta: Option<Manifests>,
    /// The canary's share while it is judged, 10% by default; a baseline has as much.
    pub weight: Option<Weight>,
    /// Whom Kayenta compares the canary with: by default a baseline, deployed beside it.
    pub control: Option<Against>,
    /// How long the canary is looked at, in whole minutes: 3h by default.
    pub lifetime: Option<Span>,
    /// Time before the first window begins, in whole minutes; none by default.
    pub delay: Option<Span>,
    /// The length of every window, in whole minutes. Left out: windows grow from the beginning.
    pub lookback: Option<Span>,
    /// How much earlier than the canary its control is looked at, in whole minutes.
    pub control_offset: Option<Span>,
    /// Time between the points of a series, in whole seconds: 1m by default.
    pub step: Option<Span>,
    /// The least score that passes. Left out: that of the pipeline or of the config, else 95.
    pub pass: Option<f64>,
    /// A score at or below this ends the run. Left out: that of the pipeline or of the config, else
    /// 75.
    pub marginal: Option<f64>,
    /// Whether judgements are made as time goes by (the default), or all of them afterwards.
    pub analysis: Option<AnalysisType>,
    /// What `${scope}` stands for in queries about the control. Left out: its deployment's name.
    pub control_scope: Option<String>,
    /// The same in queries about the canary.
    pub experiment_scope: Option<String>,
    /// What `${location}` stands for. Left out: the service's namespace.
    pub location: Option<String>,
    /// Other variables of queries.
    pub params: Option<BTreeMap<String, String>>,
    /// Which controller, when no manifests say.
    #[schemars(extend("default" = "staged"))]
    pub controller: Option<Controller>,
    /// Weights and how long each is held; promotion comes after the last.
    pub steps: Option<Vec<Step>>,
    /// Time between checks, or between Kayenta's judgements: then in whole minutes, and an hour by
    /// default.
    #[schemars(extend("default" = defaults::INTERVAL.to_string()))]
    pub interval: Option<Span>,
    /// No checks for so long after the weight changed.
    #[schemars(extend("default" = "0s"))]
    pub warmup: Option<Span>,
    /// Failed checks that roll back.
    #[schemars(range(min = 1, max = 1000), extend("default" = defaults::FAILURES))]
    pub failures: Option<u32>,
    /// Whether a passed check starts the count of failures anew.
    #[schemars(extend("default" = "consecutive"))]
    pub counting: Option<Counting>,
    /// What a check means that cannot say: nothing, a failure, or that the step's clock stops.
    #[schemars(extend("default" = "ignore"))]
    pub inconclusive: Option<Inconclusive>,
    /// Whether reaching the failures rolls back, or only tells somebody.
    #[schemars(extend("default" = "automatic"))]
    pub rollback: Option<Rollback>,
    /// How long people take, from the alert to the rollback and from the end of a hold to the
    /// confirmation of a pause: two quantiles, the median first.
    #[schemars(extend("default" = defaults::JUDGEMENT))]
    pub judgement: Option<String>,
    /// A step is neither judged nor over before the canary has answered so many requests since the
    /// step began.
    #[schemars(extend("default" = 0))]
    pub min_requests: Option<u64>,
    /// When weights grow and people answer. Left out: at any hour.
    pub office_hours: Option<OfficeHours>,
    /// How the people and systems answer that a Flagger Canary's webhooks ask. Left out: they agree
    /// at once, and nobody wants a rollback.
    pub hooks: Option<Vec<Hook>>,
    /// What a check checks, in this order; the first gate that fails decides.
    pub gates: Option<Vec<Gate>>,
}

/// When judgements are made.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum AnalysisType {
    /// As time goes by.
    RealTime,
    /// All at the end of the lifetime.
    Retrospective,
}

/// How the webhooks of one type answer; of several of one type all have to agree, and one that wants
/// a rollback is enough.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Hook {
    /// The webhook's type in the Canary.
    #[schemars(rename = "type")]
    pub kind: HookType,
    /// The answer; for `rollback`, whether to roll back.
    pub answer: YesOrNo,
    /// How long after it was first asked it gives this answer, and the other one until then: a time,
    /// or two quantiles, `p50=20m,p90=60m`, from which each trial draws. Left out: at once.
    #[schemars(extend("examples" = ["30m", "p50=20m,p90=60m"]))]
    pub after: Option<String>,
    /// The answer while the canary's fault is there: that of a test that finds it. Left out: the
    /// same.
    pub faulty: Option<YesOrNo>,
    /// Chance that it cannot be asked, which counts as a no. Left out: none.
    pub failing: Option<Share>,
}

/// Types of webhooks that decide something.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum HookType {
    /// May the rollout start?
    ConfirmRollout,
    /// A test before the first traffic.
    PreRollout,
    /// A test beside the metrics.
    Rollout,
    /// May the weight grow?
    ConfirmTrafficIncrease,
    /// May the canary be promoted?
    ConfirmPromotion,
    /// Should it be rolled back at once?
    Rollback,
}

/// One or the other.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum YesOrNo {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// Controllers that are written down in the scenario.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Controller {
    /// Steps of weight and hold.
    Staged,
}

/// One step.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Step {
    /// Canary percentage; zero only beside a mirror.
    pub weight: Weight,
    /// Percentage of stable's requests that are copied to the canary, whose answers nobody gets.
    #[schemars(extend("default" = "0%"))]
    pub mirror: Option<Weight>,
    /// How long it is held: a multiple of the rollout's interval.
    pub hold: Span,
    /// Whether a person has to confirm before the rollout goes on from here.
    #[schemars(extend("default" = false))]
    pub pause: Option<bool>,
}

/// When weights grow and people answer. What rolls back automatically always does.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OfficeHours {
    /// When the day begins.
    #[schemars(extend("default" = defaults::OFFICE_FROM))]
    pub from: Option<String>,
    /// When it ends, `24:00` at the latest.
    #[schemars(extend("default" = defaults::OFFICE_TO))]
    pub to: Option<String>,
    /// On which days: `Mon-Fri`, or several with commas in between.
    #[schemars(extend("default" = defaults::OFFICE_DAYS))]
    pub days: Option<String>,
    /// When the rollout starts: a day and a time.
    #[schemars(extend("default" = defaults::OFFICE_START))]
    pub start: Option<String>,
}

/// How failed checks are counted.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Counting {
    /// A passed check starts the count anew.
    Consecutive,
    /// A failed check stays counted.
    Cumulative,
}

/// What an inconclusive check means.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Inconclusive {
    /// Nothing.
    Ignore,
    /// A failed check.
    Fail,
    /// The step's clock stops until a check is conclusive.
    Hold,
}

/// What no manifest says about a cluster and the people around it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Cluster {
    /// How long a new pod takes to be ready.
    #[schemars(extend("default" = ArgoPlan::POD_START.to_string()))]
    pub pod_start: Option<Span>,
    /// How long requests take to follow a weight that was set.
    #[schemars(extend("default" = "0s"))]
    pub propagation: Option<Span>,
    /// What people do about an inconclusive analysis.
    #[schemars(extend("default" = "resume"))]
    pub when_inconclusive: Option<WhenInconclusive>,
    /// The service that requests are sent to where the Rollout names none for each version, as
    /// queries call it. Left out: the Rollout's own name.
    pub service: Option<String>,
}

/// What people do about an inconclusive analysis of Argo.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum WhenInconclusive {
    /// They resume: what was inconclusive is measured again.
    Resume,
    /// They promote: the step is skipped.
    Promote,
    /// They abort.
    Abort,
}

/// What happens when the failures are reached.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Rollback {
    /// Everything goes back to stable at once.
    Automatic,
    /// A person is alerted and rolls back after the judgement's delay.
    Manual,
    /// The rollout goes on.
    Never,
}
