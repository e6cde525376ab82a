//! The gates of a staged rollout.

use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::evidence;
use super::{Share, Span};
use crate::scenario::defaults;

/// One gate.
#[derive(Debug, JsonSchema)]
#[schemars(
    tag = "kind",
    rename_all = "kebab-case",
    deny_unknown_fields,
    transform = describe_parts
)]
pub enum Gate {
    /// The canary's share of successes must stay within limits.
    SuccessRatio {
        /// Lowest share that passes.
        min: Share,
        /// Highest share that passes. Left out: none.
        max: Option<Share>,
        /// How far back it looks.
        #[schemars(extend("default" = defaults::WINDOW.to_string()))]
        window: Option<Span>,
        /// With fewer requests in the window the check cannot say.
        #[schemars(extend("default" = 0))]
        min_requests: Option<u32>,
        /// Reads this route's own series. Left out: all requests.
        route: Option<String>,
    },
    /// A latency quantile of the canary must stay below a limit.
    LatencyQuantile {
        /// `p99` or `99%`.
        #[schemars(extend("default" = "p99"))]
        quantile: Option<String>,
        /// Longest latency that passes.
        max: Span,
        /// How far back it looks.
        #[schemars(extend("default" = defaults::WINDOW.to_string()))]
        window: Option<Span>,
        /// With fewer requests in the window the check cannot say.
        #[schemars(extend("default" = 0))]
        min_requests: Option<u32>,
        /// Reads this route's own series. Left out: all requests.
        route: Option<String>,
    },
    /// The canary's figure divided by stable's must stay below a limit.
    Ratio {
        /// `errors`, `mean` (latency), or a latency quantile like `p99`.
        #[schemars(extend("default" = "errors"))]
        metric: Option<String>,
        /// What the canary is compared with.
        #[schemars(extend("default" = "stable"))]
        against: Option<Against>,
        /// Compares error ratios as if both versions had one mix of routes. Left out: all requests
        /// together.
        stratify: Option<Stratify>,
        /// Highest ratio that passes: 2 lets the canary be twice as bad.
        max: f64,
        /// How far back it looks.
        #[schemars(extend("default" = defaults::WINDOW.to_string()))]
        window: Option<Span>,
        /// With fewer requests of either version in the window the check cannot say.
        #[schemars(extend("default" = 0))]
        min_requests: Option<u32>,
        /// Reads this route's own series. Left out: all requests.
        route: Option<String>,
    },
    /// The canary's figure minus stable's must stay below a limit.
    Difference {
        /// `errors`, `mean` (latency), or a latency quantile like `p99`.
        #[schemars(extend("default" = "errors"))]
        metric: Option<String>,
        /// What the canary is compared with.
        #[schemars(extend("default" = "stable"))]
        against: Option<Against>,
        /// Compares error ratios as if both versions had one mix of routes. Left out: all requests
        /// together.
        stratify: Option<Stratify>,
        /// Largest difference that passes: a share for `errors` (`"0.5%"`), a time for latency
        /// (`"50ms"`).
        max: String,
        /// How far back it looks.
        #[schemars(extend("default" = defaults::WINDOW.to_string()))]
        window: Option<Span>,
        /// With fewer requests of either version in the window the check cannot say.
        #[schemars(extend("default" = 0))]
        min_requests: Option<u32>,
        /// Reads this route's own series. Left out: all requests.
        route: Option<String>,
    },
    /// One-sided two-proportion z test: is the canary's error ratio higher than stable's?
    ZTest {
        /// Chance, per check, of failing a canary as good as stable.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// What the canary is compared with.
        #[schemars(extend("default" = "stable"))]
        against: Option<Against>,
        /// How far back it looks.
        #[schemars(extend("default" = defaults::WINDOW.to_string()))]
        window: Option<Span>,
        /// With fewer requests of either version in the window the check cannot say.
        #[schemars(extend("default" = defaults::Z_TEST_REQUESTS))]
        min_requests: Option<u32>,
        /// Reads this route's own series. Left out: all requests.
        route: Option<String>,
    },
    /// Posterior chance that the canary fails more often, from everything since the start; it may
    /// be at most 1 - alpha.
    BetaBinomial {
        /// 1 minus the chance above which it rolls back.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// When it is made.
        #[schemars(extend("default" = "shared"))]
        looks: Option<Looks>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// One-sided z test of the error ratios since the start, with users as the units.
    ClusteredZ {
        /// Chance of rolling back a canary as good as stable, at one look.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// When it is made.
        #[schemars(extend("default" = "shared"))]
        looks: Option<Looks>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// Several tests, of which any, all or some number must be against the canary.
    Combined {
        /// The tests: like gates of their own, without what the whole reads.
        #[schemars(length(min = 1))]
        parts: Vec<Part>,
        /// How many of them must be against the canary.
        #[schemars(extend("default" = "any"))]
        need: Option<Need>,
        /// How their levels are corrected for their number.
        #[schemars(extend("default" = "bonferroni"))]
        correction: Option<Correction>,
        /// Chance of rolling back a canary as good as stable; not without a correction.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// One-sided two-proportion z test of the error ratios since the start.
    CumulativeZ {
        /// Chance of rolling back a canary as good as stable, at one look.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// When it is made.
        #[schemars(extend("default" = "shared"))]
        looks: Option<Looks>,
        /// By how much the variance of a difference exceeds that of independent requests.
        #[schemars(range(min = 1, max = 1_000_000), extend("default" = 1))]
        design_effect: Option<f64>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// Cumulative sum of which errors are the canary's, for faults that start late.
    Cusum {
        /// Chance of rolling back a canary as good as stable by the planned end.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// How many times as often a bad canary fails, above 1.
        #[schemars(range(max = 1_000_000), extend("default" = defaults::ERROR_RATIO))]
        ratio: Option<f64>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// Always-valid bands around both distributions of latencies since the start: is the canary's
    /// slower anywhere?
    Dkw {
        /// Chance of ever rolling back a canary as good as stable.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesAlone,
    },
    /// Fisher's one-sided exact test of the error ratios since the start.
    Fisher {
        /// Chance of rolling back a canary as good as stable, at one look.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// When it is made.
        #[schemars(extend("default" = "shared"))]
        looks: Option<Looks>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// Group sequential z test of the error ratios, batch by batch, by Lan and DeMets.
    GroupSequential {
        /// Chance of rolling back a canary as good as stable by the planned end.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// How the level is spread over the planned time.
        #[schemars(extend("default" = "pocock"))]
        spending: Option<evidence::Spending>,
        /// By how much the variance of a difference exceeds that of independent requests.
        #[schemars(range(min = 1, max = 1_000_000), extend("default" = 1))]
        design_effect: Option<f64>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// One-sided Kolmogorov-Smirnov test of the latencies since the start.
    Ks {
        /// Chance of rolling back a canary as good as stable, at one look.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// When it is made.
        #[schemars(extend("default" = "shared"))]
        looks: Option<Looks>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// Always-valid test of which errors are the canary's, against a mixture of other shares.
    LindonMalek {
        /// Chance of ever rolling back a canary as good as stable.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// How many errors the mixture weighs: the more, the closer it is to the canary's share.
        #[schemars(range(min = 0.01, max = 1_000_000_000), extend("default" = defaults::CONCENTRATION))]
        concentration: Option<f64>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesAlone,
    },
    /// One-sided Mann-Whitney test of the latencies since the start.
    MannWhitney {
        /// Chance of rolling back a canary as good as stable, at one look.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// When it is made.
        #[schemars(extend("default" = "shared"))]
        looks: Option<Looks>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// Mixture SPRT of the difference of the error ratios since the start.
    Msprt {
        /// Chance of ever rolling back a canary as good as stable.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// The difference that is worth to be seen. Left out: the error ratio of both versions at
        /// the first look that shows an error.
        tau: Option<Share>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesAlone,
    },
    /// Always-valid test of a latency quantile since the start.
    QuantileAb {
        /// Chance of ever rolling back a canary as good as stable.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// `p99` or `99%`.
        #[schemars(extend("default" = "p99"))]
        quantile: Option<String>,
        /// Requests of the canary up to the planned end, for which it is tuned. Left out: as many
        /// in each interval as in the first.
        #[schemars(range(min = 1))]
        requests: Option<u64>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// Do the versions get the shares of the requests that the splitter was asked for? If not,
    /// nothing else can be trusted, and it rolls back.
    SampleRatio {
        /// Chance of ever rolling back when they do.
        #[schemars(extend("default" = defaults::mismatch().to_string()))]
        alpha: Option<Share>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesAlone,
    },
    /// Sum of Shiryaev and Roberts of which errors are the canary's, for faults that start late.
    ShiryaevRoberts {
        /// Chance of rolling back a canary as good as stable by the planned end.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// How many times as often a bad canary fails, above 1.
        #[schemars(range(max = 1_000_000), extend("default" = defaults::ERROR_RATIO))]
        ratio: Option<f64>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// Wald's SPRT of which errors are the canary's.
    Sprt {
        /// Chance of ever rolling back a canary as good as stable.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// How many times as often a bad canary fails, above 1.
        #[schemars(range(max = 1_000_000), extend("default" = defaults::ERROR_RATIO))]
        ratio: Option<f64>,
        /// Chance of accepting a canary that fails so many times as often, below 50%.
        #[schemars(extend("default" = defaults::beta().to_string()))]
        beta: Option<Share>,
        /// Whether it never accepts, and looks on to the end.
        #[schemars(extend("default" = false))]
        power_one: Option<bool>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesAlone,
    },
    /// A constant boundary on the canary's errors beyond its share of all since the start.
    Yeast {
        /// Chance of rolling back a canary as good as stable by the planned end.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// What it reads.
        #[schemars(flatten)]
        series: SeriesRead,
    },
    /// Exact alpha spending on how errors split between the versions: no more than `alpha` of all
    /// good canaries are rolled back by the planned end, at any traffic.
    ExactSpending(evidence::ExactSpending),
    /// Anytime-valid evidence from how errors split between the versions: no more than `alpha` of
    /// all good canaries are ever rolled back, however long it looks.
    SplitEvidence(evidence::SplitEvidence),
    /// The same for faults that come late: a part of the capital waits for each planned look.
    ChangeEvidence(evidence::ChangeEvidence),
    /// Alpha spending with an exact level for faults that come late, its limits found by companions
    /// drawn as good as stable.
    ChangeSpending(evidence::ChangeSpending),
    /// Anytime-valid evidence on whether the canary answers more slowly, at several latencies at
    /// once.
    LatencyEvidence(evidence::LatencyEvidence),
    /// Alpha spending with an exact level on errors and latency together, its limits found by
    /// companions that are dealt the requests anew.
    JointSpending(evidence::JointSpending),
    /// Evidence in both directions: against the canary, which rolls back, and for it, which passes;
    /// inconclusive until then, so that `inconclusive = "hold"` waits for data instead of time.
    TwoSidedEvidence(evidence::TwoSidedEvidence),
    /// One-sided test of what the business counts: is the canary's mean per right answer, divided
    /// by stable's, below a limit?
    Business {
        /// The name of one of the goals.
        goal: String,
        /// What the canary is compared with.
        #[schemars(extend("default" = "stable"))]
        against: Option<Against>,
        /// Lowest ratio of means that is acceptable, above 0.
        #[schemars(range(max = 1000), extend("default" = defaults::BUSINESS_RATIO))]
        min: Option<f64>,
        /// Chance, per check, of failing a canary whose ratio is just acceptable.
        #[schemars(extend("default" = defaults::alpha().to_string()))]
        alpha: Option<Share>,
        /// What counts as independent; by user, everything since the start is judged.
        #[schemars(extend("default" = "request"))]
        by: Option<SampledBy>,
        /// Multiplies the variance.
        #[schemars(range(min = 1, max = 1_000_000), extend("default" = 1))]
        design_effect: Option<f64>,
        /// How far back it looks; not by user.
        #[schemars(extend("default" = defaults::WINDOW.to_string()))]
        window: Option<Span>,
        /// With fewer right answers of either version the check cannot say.
        #[schemars(extend("default" = defaults::BUSINESS_REQUESTS))]
        min_requests: Option<u32>,
        /// Reads this route's own figures. Left out: all of the goal's.
        route: Option<String>,
    },
}

/// When a test that is made for one look is made.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Looks {
    /// At every look at its full level.
    Every,
    /// Once, at the planned end.
    End,
    /// At every look, at its part of the level.
    Shared,
}

/// What the canary is compared with.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Against {
    /// What serves production today.
    Stable,
    /// A fresh instance of stable, as new and as small as the canary.
    Baseline,
}

/// What error ratios are stratified over.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Stratify {
    /// The routes.
    Route,
}

/// What counts as an independent sample.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum SampledBy {
    /// Every request.
    Request,
    /// Every user.
    User,
}

/// How many of several tests.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Need {
    /// Any or all.
    Word(AnyOrAll),
    /// So many.
    Number(u32),
}

/// Any or all of several tests.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum AnyOrAll {
    /// One is enough.
    Any,
    /// All must agree.
    All,
}

/// How the levels of several tests are corrected for their number.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Correction {
    /// Each part is made at its share of the level. Suits every test.
    Bonferroni,
    /// From the smallest p-value up; needs tests that may be looked at at any time.
    Holm,
    /// For the share of false alarms; needs tests that may be looked at at any time.
    BenjaminiHochberg,
    /// The same by e-values, whatever the parts have in common.
    #[schemars(rename = "e-bh")]
    EBenjaminiHochberg,
    /// Each part is made at its own level.
    None,
}

/// One of several tests: any statistical gate that goes by a level, see [`describe_parts`].
#[derive(Debug, JsonSchema)]
pub struct Part {}

/// What a statistical gate reads; all that one says which looks without an end.
#[derive(Debug, JsonSchema)]
pub struct SeriesAlone {
    /// What the canary is compared with.
    #[schemars(extend("default" = "stable"))]
    pub against: Option<Against>,
    /// Reads this route's own series. Left out: all requests.
    pub route: Option<String>,
}

/// What a statistical gate reads, and until when.
#[derive(Debug, JsonSchema)]
pub struct SeriesRead {
    /// What it reads.
    #[schemars(flatten)]
    pub series: SeriesAlone,
    /// How long the rollout is planned to last. Left out: all holds.
    pub over: Option<Span>,
}

/// Writes into the gate that combines others what its parts may be: every statistical gate but
/// itself and the guard, without the fields that are those of the whole.
fn describe_parts(schema: &mut Schema) {
    let Some(gates) = schema.get_mut("oneOf").and_then(Value::as_array_mut) else {
        return;
    };
    let kind = |gate: &Value| {
        gate["properties"]["kind"]["const"]
            .as_str()
            .map(str::to_owned)
    };
    let is_part = |gate: &&Value| {
        let whole = ["combined", "sample-ratio"].map(|kind| Some(kind.to_owned()));
        gate["properties"]["window"].is_null() && !whole.contains(&kind(gate))
    };
    let mut parts: Vec<Value> = gates.iter().filter(is_part).cloned().collect();
    for part in &mut parts {
        for field in ["against", "over", "route"] {
            part["properties"]
                .as_object_mut()
                .map(|fields| fields.remove(field));
        }
    }
    let combined = gates
        .iter_mut()
        .find(|gate| kind(gate).as_deref() == Some("combined"));
    if let Some(combined) = combined {
        combined["properties"]["parts"]["items"] = serde_json::json!({ "oneOf": parts });
    }
}
