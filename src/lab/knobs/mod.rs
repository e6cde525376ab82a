//! What can be moved in a scenario: what a command line changes, and what stands in its texts. Each
//! knob has the value in force.

mod manifests;
mod places;
mod service;
mod slider;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::setup::Stage;
use crate::rollout::Plan;

pub(super) use slider::{Reading, Slider};

/// Something that can be moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Knob {
    /// A field of the setup, `latency.p50` and its like, or a place.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// What it belongs to.
    pub group: Group,
    /// What the number is counted in: `/s`, `%`, `ms`, `s` or nothing.
    pub unit: String,
    /// What a number that is written without a unit means: `%`, `ms` or nothing.
    pub meaning: String,
    /// How it is moved.
    pub kind: Kind,
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
    /// How the slider's positions are spread.
    pub scale: Scale,
    /// What can be chosen.
    pub options: Vec<String>,
    /// The field of the setup that it sets; `set`: a change of the place that is its id.
    pub sets: String,
    /// What it means.
    pub help: String,
}

/// What a knob belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// How much is asked.
    Traffic,
    /// How today's version answers.
    Stable,
    /// How the new one does.
    Canary,
    /// When how much goes to it.
    Rollout,
    /// What decides.
    Gate,
}

/// How a knob is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Along numbers.
    Slider,
    /// Among words.
    Choice,
    /// By writing.
    Text,
}

/// How a slider's positions are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Evenly.
    Linear,
    /// Each as many times the one before.
    Log,
}

/// The knobs of a setup.
pub fn of(stage: &Stage) -> Vec<Knob> {
    let mut knobs = service::knobs(stage);
    knobs.extend(places::knobs(stage));
    knobs.extend(match &stage.scenario.rollout {
        Plan::Staged(_) => Vec::new(),
        Plan::Flagger(_) => manifests::flagger(&stage.bundle),
        Plan::Argo(_) => manifests::argo(&stage.bundle),
        Plan::Spinnaker(_) => manifests::kayenta(&stage.bundle),
    });
    knobs
}

/// What a knob is called, whom it belongs to and what it sets.
#[derive(Debug, Clone)]
struct Name<'a> {
    id: String,
    label: String,
    group: Group,
    sets: &'a str,
    help: String,
}

impl Name<'_> {
    fn slider(self, slider: Slider) -> Knob {
        Knob {
            id: self.id,
            label: self.label,
            group: self.group,
            unit: slider.unit.to_owned(),
            meaning: String::new(),
            kind: Kind::Slider,
            value: slider.value(),
            number: Some(slider.number),
            min: slider.min,
            max: slider.max,
            step: slider.step,
            scale: slider.scale,
            options: Vec::new(),
            sets: self.sets.to_owned(),
            help: self.help,
        }
    }

    fn choice(self, value: String, mut options: Vec<String>) -> Knob {
        if !options.contains(&value) {
            options.insert(0, value.clone());
        }
        Knob {
            options,
            kind: Kind::Choice,
            ..self.text(value)
        }
    }

    fn text(self, value: String) -> Knob {
        Knob {
            id: self.id,
            label: self.label,
            group: self.group,
            unit: String::new(),
            meaning: String::new(),
            kind: Kind::Text,
            value,
            number: None,
            min: 0.0,
            max: 0.0,
            step: 0.0,
            scale: Scale::Linear,
            options: Vec::new(),
            sets: self.sets.to_owned(),
            help: self.help,
        }
    }
}
