//! The scenarios that the program carries with it.

use std::path::PathBuf;

use super::Scenario;
use super::files::Files;
use super::{file, report};
use crate::base::Problems;

/// A scenario that the program carries with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// Its name, as `coalmine scenarios show NAME` takes it.
    pub name: &'static str,
    /// The scenario file, as in the `scenarios` folder.
    pub text: &'static str,
}

/// No built-in scenario has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no built-in scenario `{name}`: {advice}")]
pub struct UnknownScenario {
    /// The name asked for.
    pub name: String,
    /// The nearest name, or all of them.
    pub advice: String,
}

const BUILTIN: [Builtin; 5] = [
    Builtin {
        name: "default",
        text: include_str!("../../scenarios/default.toml"),
    },
    Builtin {
        name: "istio-ramp",
        text: include_str!("../../scenarios/istio-ramp.toml"),
    },
    Builtin {
        name: "low-traffic",
        text: include_str!("../../scenarios/low-traffic.toml"),
    },
    Builtin {
        name: "no-rollback",
        text: include_str!("../../scenarios/no-rollback.toml"),
    },
    Builtin {
        name: "plain-flagger",
        text: include_str!("../../scenarios/plain-flagger.toml"),
    },
];

/// Files that built-in scenarios name.
const COMPANIONS: [(&str, &str); 2] = [
    (
        "plain-flagger.yaml",
        include_str!("../../scenarios/plain-flagger.yaml"),
    ),
    (
        "data/nasa-1995-07-13.csv",
        include_str!("../../scenarios/data/nasa-1995-07-13.csv"),
    ),
];

const NEUTRAL: Builtin = Builtin {
    name: "neutral",
    text: include_str!("neutral.toml"),
};

/// Every built-in scenario, the default first.
pub fn builtin() -> &'static [Builtin] {
    &BUILTIN
}

/// The built-in scenario of that name.
///
/// # Errors
/// With the nearest name, when there is none.
pub fn find(name: &str) -> Result<&'static Builtin, UnknownScenario> {
    BUILTIN
        .iter()
        .find(|builtin| builtin.name == name)
        .ok_or_else(|| {
            let names = BUILTIN.map(|builtin| builtin.name);
            UnknownScenario {
                name: name.to_owned(),
                advice: report::advice(name, &names),
            }
        })
}

/// What a run starts from that names a Canary and no scenario: an ordinary small service whose new
/// release fails ten times as often.
///
/// # Errors
/// None, unless the embedded text is broken; a test reads it.
pub fn neutral() -> Result<Scenario, Problems> {
    NEUTRAL.scenario()
}

impl Builtin {
    /// The scenario, checked. Files that it names are embedded as well.
    ///
    /// # Errors
    /// As [`super::parse`].
    pub fn scenario(&self) -> Result<Scenario, Problems> {
        let file = PathBuf::from("scenarios").join(format!("{}.toml", self.name));
        file::read(self.text, &file, Files::Embedded)
    }

    /// The files that it names, with their texts.
    pub fn companions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let text = self.text;
        COMPANIONS
            .into_iter()
            .filter(move |(name, _)| text.contains(name))
    }
}

/// The text of an embedded file that scenarios name.
pub(super) fn companion(name: &str) -> Option<&'static str> {
    let found = COMPANIONS.iter().find(|(file, _)| *file == name);
    found.map(|(_, text)| *text)
}

/// Whether a scenario is the one that [`neutral`] gives.
pub(super) fn is_neutral(scenario: &Scenario) -> bool {
    scenario.name == NEUTRAL.name
}
