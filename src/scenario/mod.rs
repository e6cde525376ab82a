//! A scenario: everything a run needs, checked.

use crate::base::{Seed, Span, Weight};
use crate::gate::Gate;
use crate::model::World;
use crate::rollout;
use crate::telemetry;

/// Everything a run needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Short name, used for the results folder: letters, digits and dashes.
    pub name: String,
    /// One line for lists and headings.
    pub title: String,
    /// What the scenario teaches, in Markdown paragraphs.
    pub story: String,
    /// The text it came from, stored with the results.
    pub source: String,
    /// What happens.
    pub world: World,
    /// How it is measured.
    pub telemetry: telemetry::Plan,
    /// Who decides.
    pub rollout: rollout::Plan,
    /// What decides: evaluated in order, the first that does not pass ends the check.
    pub analysis: Vec<Gate>,
    /// Where a rollout is cut off; by default as long as its controller can take.
    pub horizon: Span,
    /// What to simulate.
    pub experiment: Experiment,
    /// What was understood differently from what was written, or ignored: for the reader.
    pub warnings: Vec<String>,
}

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Canary percentages to try.
    pub weights: Vec<Weight>,
    /// Exactly so many trials per cell, whatever the precision; `None`: until precise enough.
    pub trials: Option<u32>,
    /// Half-width of the 95 % interval to reach, as a share (0.01 is one point).
    pub precision: f64,
    /// At most so many trials per cell.
    pub most_trials: u32,
    /// Which engine to use.
    pub engine: EngineChoice,
    /// Root of all randomness.
    pub seed: Seed,
}

/// Which engine plays the trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineChoice {
    /// Counts wherever they are exact, requests elsewhere.
    Auto,
    /// Every request on its own.
    Requests,
    /// Counts per interval, drawn from their exact distribution.
    Counts,
}
