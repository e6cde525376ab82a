//! A scenario: everything a run needs, checked.
//!
//! [`read`] and [`parse`] turn a TOML file into a [`Scenario`] or into everything that is wrong
//! with it; [`Scenario::with`] applies a command line's changes; [`builtin`] lists the scenarios
//! that the program carries with it. [`mod@format`] describes the file.

mod access_log;
mod arrivals;
mod builtin;
mod bundle;
pub mod change;
mod check;
mod controllers;
mod defaults;
pub mod draft;
mod expectation;
mod expectations;
mod experiment;
mod fault;
mod fault_kind;
mod figures;
mod file;
mod files;
mod fleet;
pub mod format;
mod gates;
mod goals;
mod hooks;
mod interval_log;
mod kayenta;
mod latency;
mod live;
mod measured;
mod names;
mod overrides;
mod preset;
mod queries;
mod rate;
mod reader;
pub mod recorded;
mod report;
mod rollout;
mod schema;
mod service;
mod sessions;
mod shape;
mod split;
mod telemetry;
pub mod trace;
mod traffic;
mod tune;
mod week;

pub use builtin::{Builtin, SUBJECTS, UnknownScenario, builtin, find, neutral};
pub use bundle::{Bundle, Origin};
pub use change::{Change, ChangeError, Place};
pub use expectation::{Asked, Expectation, ExpectationError, Metric, Relation, Unit};
pub use expectations::Expected;
pub use files::Texts;
pub use latency::{LatencyTextError, latency, quantile};
pub use measured::Holdings;
pub use overrides::Overrides;
pub use schema::schema;
pub use telemetry::sampling;
pub use tune::{Aim, Move, MoveError, Tune, tunable};

use std::path::Path;
use std::str::FromStr;

use crate::base::{Problems, Seed, Span, Weight};
use crate::engine::live::options::Options;
use crate::gate::Gate;
use crate::model::World;
use crate::model::figures::Figures;
use crate::model::hooks::Hook;
use crate::telemetry::exposition::{Service, Vendor};

/// Everything a run needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Short name, used for the results folder: letters, digits and dashes.
    pub name: String,
    /// One line for lists and headings.
    pub title: String,
    /// The heading under which it is listed.
    pub subject: String,
    /// What the scenario teaches, in Markdown paragraphs.
    pub story: String,
    /// The text it came from, stored with the results.
    pub source: String,
    /// What happens.
    pub world: World,
    /// What systems that are not simulated answer to the metrics of these names.
    pub figures: Vec<Figures>,
    /// The names of the metrics that ask such systems, by the numbers of their questions: as many as
    /// the world has answers.
    pub questions: Vec<String>,
    /// How it is measured.
    pub telemetry: crate::telemetry::Plan,
    /// Who decides.
    pub rollout: crate::rollout::Plan,
    /// What decides: evaluated in order, the first that does not pass ends the check.
    pub analysis: Vec<Gate>,
    /// What the rollout is called beside its rivals.
    pub rollout_name: String,
    /// Other rollouts to hold against it, on the same service with the same fault.
    pub rivals: Vec<Rival>,
    /// Where a rollout is cut off; by default as long as its controller can take.
    pub horizon: Span,
    /// What to simulate.
    pub experiment: Experiment,
    /// What its own rollout is expected to do.
    pub expectations: Vec<Expected>,
    /// What `coalmine tune` looks for in its own rollout.
    pub tune: Tune,
    /// How it is played for real.
    pub live: Options,
    /// What was understood differently from what was written, or ignored: for the reader.
    pub warnings: Vec<String>,
}

/// A rollout to hold against the scenario's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Rival {
    /// Its name.
    pub name: String,
    /// Who decides.
    pub rollout: crate::rollout::Plan,
    /// What decides.
    pub analysis: Vec<Gate>,
    /// What its gates ask systems that are not simulated, in the order of their numbers.
    pub questions: Vec<String>,
    /// How hooks answer it.
    pub hooks: Vec<Hook>,
    /// Whose metrics its manifests ask for; `None`: those of the scenario's own rollout.
    pub vendor: Option<Vendor>,
    /// What its manifests call the service; `None`: as the scenario's own do.
    pub service: Option<Service>,
}

impl Scenario {
    /// Whether another scenario plays as this one does and tells the same story, whatever text it was
    /// read from: beside the text, only warnings and expectations, which know their lines, may differ.
    pub fn plays_like(&self, other: &Scenario) -> bool {
        let played = |scenario: &Scenario| Scenario {
            source: String::new(),
            warnings: Vec::new(),
            expectations: Vec::new(),
            ..scenario.clone()
        };
        played(self) == played(other)
    }

    /// The same service and fault under a rival's rollout, cut off where that ends at the latest;
    /// without rivals of its own and with nothing expected of it.
    pub fn under(&self, rival: &Rival) -> Scenario {
        let asked = |one: &&Figures| rival.questions.contains(&one.name);
        let mut world = self.world.clone();
        world.figures = figures::resolve(&self.figures, &rival.questions);
        queries::deploy_baseline(&mut world, &rival.analysis);
        world.hooks.clone_from(&rival.hooks);
        Scenario {
            world,
            questions: rival.questions.clone(),
            figures: self.figures.iter().filter(asked).cloned().collect(),
            rollout: rival.rollout.clone(),
            rollout_name: rival.name.clone(),
            analysis: rival.analysis.clone(),
            horizon: rival.rollout.longest() + hooks::longest(&rival.hooks),
            rivals: Vec::new(),
            expectations: Vec::new(),
            tune: Tune::default(),
            warnings: Vec::new(),
            ..self.clone()
        }
    }
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
    /// How long to look on after promotion or rollback.
    pub aftermath: Span,
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

impl FromStr for EngineChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<EngineChoice, String> {
        match text {
            "auto" => Ok(EngineChoice::Auto),
            "requests" => Ok(EngineChoice::Requests),
            "counts" => Ok(EngineChoice::Counts),
            _ => Err(format!(
                "`{text}` is no engine: write auto, counts or requests"
            )),
        }
    }
}

/// The most MiB of a scenario file that are read.
const MOST_MIB: u64 = 4;

/// Reads a scenario file; files that it names are looked for beside it.
///
/// # Errors
/// Everything that is wrong with it, or why it cannot be read.
pub fn read(path: &Path) -> Result<Scenario, Problems> {
    let text = files::read_bytes(path, MOST_MIB)
        .and_then(files::as_text)
        .map_err(|error| Problems::about(path, error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, path, Some(folder))
}

/// Reads a scenario's text. Problems carry `file` as their place, and it names a scenario that does
/// not name itself. Files that the scenario names are looked for in `base_dir`; without one, among
/// those embedded in the program.
///
/// # Errors
/// Everything that is wrong with it, in order of place.
pub fn parse(text: &str, file: &Path, base_dir: Option<&Path>) -> Result<Scenario, Problems> {
    file::read(
        text,
        file,
        base_dir.map_or(files::Files::Embedded, files::Files::Folder),
    )
}

#[cfg(test)]
mod tests;
