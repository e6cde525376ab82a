//! What the business counts.

use schemars::JsonSchema;

use super::Share;

/// Something that a user may do after a right answer.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Goal {
    /// Its name, unlike that of any other goal.
    pub name: String,
    /// Chance that a user does it after a right answer.
    pub probability: Share,
    /// What it is worth when it happens. Left out: one, always.
    pub value: Option<GoalValue>,
    /// Names of the routes after which it may happen. Left out: all.
    pub routes: Option<Vec<String>>,
    /// How much users differ: standard deviation of the logarithm of a user's own factor on the
    /// probability.
    #[schemars(range(min = 0, max = 5), extend("default" = 0))]
    pub spread: Option<f64>,
}

/// What a goal is worth, log-normal.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GoalValue {
    /// Mean value.
    #[schemars(range(min = 0.000_001, max = 1_000_000_000))]
    pub mean: f64,
    /// Standard deviation over mean.
    #[schemars(range(min = 0, max = 100), extend("default" = 0))]
    pub cv: Option<f64>,
}
