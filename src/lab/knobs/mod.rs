//! What can be moved in a scenario.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::setup::Stage;

/// Something that can be moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Knob {
    /// A field of the setup, `latency.p50` and its like, or a place.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// `traffic`, `stable`, `canary`, `rollout` or `gate`.
    pub group: String,
    /// What the number is counted in: `/s`, `%`, `ms`, `s` or nothing.
    pub unit: String,
    /// `slider`, `choice` or `text`.
    pub kind: String,
    /// The value in force, as the setup takes it.
    pub value: String,
    /// The same as a number in the unit; null where it is none.
    pub number: Option<f64>,
    /// Least number of the slider.
    pub min: f64,
    /// Largest number of the slider.
    pub max: f64,
    /// Step of the slider.
    pub step: f64,
    /// `linear` or `log`.
    pub scale: String,
    /// What can be chosen.
    pub options: Vec<String>,
    /// The field of the setup that it sets; `set`: a change of the place that is its id.
    pub sets: String,
    /// What it means.
    pub help: String,
}

/// The knobs of a setup.
pub fn of(_stage: &Stage) -> Vec<Knob> {
    Vec::new()
}
