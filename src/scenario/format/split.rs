//! The split section.

use schemars::JsonSchema;

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
