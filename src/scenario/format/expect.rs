//! `[[expect]]`.

use schemars::JsonSchema;

/// A clause that `coalmine check` holds the rollout to.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Expect {
    /// A metric, optionally `at` a canary percentage that is held, `>=` or `<=`, and a bound. Metrics:
    /// `power`, `false_rollback` and `never` (shares), `detection_p50` and `promotion_p50` (times; any
    /// quantile), `exposure.requests`, `exposure.users` and `exposure.after` (means).
    #[schemars(extend("examples" = [
        "power at 5% >= 90%",
        "false_rollback <= 2%",
        "detection_p90 <= 10m",
        "exposure.users <= 500"
    ]))]
    pub that: String,
    /// Why it matters, for whoever reads that it no longer holds.
    pub why: Option<String>,
}
