//! What systems answer that are not simulated.

use schemars::JsonSchema;

use super::Share;

/// What the system answers that a metric asks, where it is not one that is simulated: Datadog, New
/// Relic, CloudWatch, a job, a web service.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Figures {
    /// The name of the metric that asks, as the rollout's manifests have it.
    pub name: String,
    /// One answer, always; or several in the order of being asked, of which the last is repeated.
    pub values: Answers,
    /// The same while the canary's fault is there, counted from its onset. A number grows from the
    /// usual to the faulty one as the fault does. Left out: as usual.
    pub faulty: Option<Answers>,
    /// Chance that a question gets an error instead of its answer. Left out: none.
    pub failing: Option<Share>,
}

/// One answer, or several.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub enum Answers {
    /// Always this one.
    One(Answer),
    /// One after another.
    Several(Vec<Answer>),
}

/// One answer.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, extend("examples" = [0.99, "nothing", "error", "normal(0.99, 0.01)"]))]
pub enum Answer {
    /// This number.
    Number(f64),
    /// `nothing` (the system has no data), `error` (it cannot be asked), or a number drawn anew each
    /// time: `normal(mean, deviation)`, `log-normal(median, sigma)`, `uniform(low, high)`,
    /// `exponential(mean)`.
    Text(String),
}
