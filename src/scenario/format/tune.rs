//! `[tune]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

use super::Fault;

/// What `coalmine tune` looks for. Everything may be left out; options of the command add to it or
/// replace it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Tune {
    /// What must hold, clauses as in `[[expect]]`. Left out: `false_rollback <= 1%` and
    /// `power >= 95%`.
    #[schemars(extend("examples" = [["power >= 95%", "false_rollback <= 1%"]]))]
    pub require: Option<Vec<String>>,
    /// What to make small: `exposure` (requests hurt by a bad release), `time` (until a good one is
    /// promoted), or both.
    #[schemars(extend("examples" = ["exposure", ["exposure", "time"]]))]
    pub minimise: Option<Aims>,
    /// What may move: places with the values that they may take, as a list or a range. Left out: what
    /// its controller's users usually set.
    #[schemars(rename = "move", extend("examples" = [
        {"rollout.interval": ["30s", "1m"]},
        {"flagger:spec.analysis.threshold": "1..5"}
    ]))]
    pub moves: Option<BTreeMap<String, Value>>,
    /// The bad releases: each is as good as stable but for one of these. Left out: the scenario's own
    /// canary.
    pub faults: Option<Vec<Fault>>,
}

/// One aim or several.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Aims {
    /// One.
    One(Aim),
    /// Several.
    Several(Vec<Aim>),
}

/// What to make small.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Aim {
    /// Failed or slowed requests of users until a bad release ends, on average.
    Exposure,
    /// Time until a good release is promoted, on average.
    Time,
}
