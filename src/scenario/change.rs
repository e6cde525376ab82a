//! Values set in the texts of a bundle, by the places where they stand.
//!
//! Everything else in the texts stays as it is written: comments, order, quotes. A place is a path in
//! the scenario's own TOML (`traffic.rate`, `rollout.gates[0].min`), or one in the manifests of the
//! rollout's controller: `flagger:spec.analysis.threshold` in the Canary,
//! `argo:AnalysisTemplate/latency:spec.metrics[0].failureLimit` in another resource of theirs. List
//! items are named by number or by their `name` (or `kind`).

mod document;
mod manifests;
mod patch;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Bundle;
use super::controllers::Controller;
use super::report::nearest;
use crate::manifest::edit::EditError;
use crate::manifest::place::{Path, PathError};

/// Where a value of a bundle stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    file: File,
    path: Path,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum File {
    Scenario,
    Manifests {
        controller: Controller,
        /// Kind and name of a resource that is not the one that decides.
        resource: Option<(String, String)>,
    },
}

/// A place and the value that it is set to.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where.
    pub place: Place,
    /// To what; TOML's values serve for all texts.
    pub value: toml::Value,
}

/// Why a text names no place, or no change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The path is malformed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// What stands before the colon is no controller.
    #[error("`{0}` has no manifests here: {1}")]
    Controller(String, String),
    /// The resource is not written as kind and name.
    #[error("`{0}` is no resource: write its kind and name, like AnalysisTemplate/latency")]
    Resource(String),
    /// There is no value.
    #[error("`{0}` sets nothing: write PLACE=VALUE, like rollout.interval=30s")]
    NoValue(String),
}

/// Why a bundle cannot be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct ChangeError {
    /// The place that was to be changed.
    pub place: Place,
    /// What stands against it.
    pub why: Box<Obstacle>,
}

/// What stands against a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// The value cannot be set in the text.
    #[error("{0}")]
    Edit(#[from] EditError),
    /// The scenario's own text cannot be read as TOML.
    #[error("the scenario is not valid TOML: {0}")]
    Toml(String),
    /// The rollout has no manifests of this controller.
    #[error("{0}")]
    NoManifests(String),
    /// The command line says something else.
    #[error("the option {0} decides this already; leave it out, or do not change it")]
    Overridden(&'static str),
    /// Nothing reads the field.
    #[error("this field decides nothing here ({why}){}", .help.as_ref().map_or(String::new(), |help| format!(": {help}")))]
    Idle {
        /// Why it does not.
        why: String,
        /// What may have been meant.
        help: Option<String>,
    },
    /// Manifests hold single values only.
    #[error("a manifest's field can be set to a number, a truth value or a text, not to {0}")]
    NotScalar(&'static str),
    /// A text that the bundle names is not there, or not text.
    #[error("{0} cannot be read")]
    Unreadable(String),
}

impl Place {
    /// Whether it stands in the scenario's own text, within this path: `rollout.gates`.
    pub fn is_within(&self, above: &str) -> bool {
        self.file == File::Scenario && self.path.is_within(above)
    }

    /// Whether it stands in a manifest, not in the scenario's own text.
    pub fn is_in_manifest(&self) -> bool {
        self.file != File::Scenario
    }

    /// What stands there in a scenario's own text, which has been read; `None` where nothing does.
    pub fn value_in<'v>(&self, own: &'v toml::Value) -> Option<&'v toml::Value> {
        (self.file == File::Scenario)
            .then(|| document::value_in(own, &self.path))
            .flatten()
    }

    /// The steps to it, without the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Place, PlaceError> {
        let text = text.trim();
        let bracket = text.find('[').unwrap_or(text.len());
        let Some(colon) = text[..bracket].find(':') else {
            let path = text.parse()?;
            let file = File::Scenario;
            return Ok(Place { file, path });
        };
        let (key, rest) = (&text[..colon], &text[colon + 1..]);
        let known = Controller::ALL.into_iter().find(|one| one.key() == key);
        let controller = known.ok_or_else(|| {
            let keys = Controller::ALL.map(Controller::key);
            PlaceError::Controller(key.to_owned(), super::report::advice(key, &keys))
        })?;
        let bracket = rest.find('[').unwrap_or(rest.len());
        let (resource, path) = match rest[..bracket].split_once(':') {
            None => (None, rest),
            Some((resource, _)) => {
                let error = || PlaceError::Resource(resource.to_owned());
                let (kind, name) = resource.split_once('/').ok_or_else(error)?;
                if kind.is_empty() || name.is_empty() {
                    return Err(error());
                }
                let resource_and_colon = resource.len() + 1;
                let named = (kind.to_owned(), name.to_owned());
                (Some(named), &rest[resource_and_colon..])
            }
        };
        Ok(Place {
            file: File::Manifests {
                controller,
                resource,
            },
            path: path.parse()?,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let File::Manifests {
            controller,
            resource,
        } = &self.file
        {
            write!(f, "{}:", controller.key())?;
            if let Some((kind, name)) = resource {
                write!(f, "{kind}/{name}:")?;
            }
        }
        self.path.fmt(f)
    }
}

/// A value as a command line has it: what TOML reads, or else a text without quotes.
pub fn value(text: &str) -> toml::Value {
    let text = text.trim();
    let read = format!("v = {text}").parse::<toml::Table>().ok();
    // Words that would be more lines of TOML are words.
    let alone = read.filter(|table| table.len() == 1);
    match alone.and_then(|mut table| table.remove("v")) {
        // A date is a text to everybody here.
        None | Some(toml::Value::Datetime(_)) => toml::Value::String(text.to_owned()),
        Some(value) => value,
    }
}

/// The same as it is shown: a text without its quotes.
pub fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl FromStr for Change {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Change, PlaceError> {
        let (place, words) = text
            .split_once('=')
            .filter(|(_, words)| !words.trim().is_empty())
            .ok_or_else(|| PlaceError::NoValue(text.to_owned()))?;
        Ok(Change {
            place: place.parse()?,
            value: value(words),
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.place, shown(&self.value))
    }
}

impl Bundle {
    /// The same bundle with these values set in its texts, in order. Whether they are valid is found
    /// out by reading the scenario that comes out.
    ///
    /// # Errors
    /// The first change that cannot be made, and why.
    pub fn changed(&self, changes: &[Change]) -> Result<Bundle, ChangeError> {
        let mut bundle = self.clone();
        for change in changes {
            bundle.change(change).map_err(|why| ChangeError {
                place: change.place.clone(),
                why: Box::new(why),
            })?;
        }
        Ok(bundle)
    }

    fn change(&mut self, change: &Change) -> Result<(), Obstacle> {
        match &change.place.file {
            File::Scenario => self.change_own(&change.place, &change.value),
            File::Manifests {
                controller,
                resource,
            } => {
                let resource = resource
                    .as_ref()
                    .map(|(kind, name)| (kind.as_str(), name.as_str()));
                let path = &change.place.path;
                self.change_manifest(*controller, resource, path, &change.value)
            }
        }
    }

    /// The value at a place as it is written; `None` where there is none.
    ///
    /// # Errors
    /// When nothing could stand there.
    pub fn value_at(&self, place: &Place) -> Result<Option<toml::Value>, ChangeError> {
        let value = match &place.file {
            File::Scenario => self.own_value(&place.path),
            File::Manifests {
                controller,
                resource,
            } => {
                let resource = resource
                    .as_ref()
                    .map(|(kind, name)| (kind.as_str(), name.as_str()));
                self.manifest_value(*controller, resource, &place.path)
            }
        };
        value.map_err(|why| ChangeError {
            place: place.clone(),
            why: Box::new(why),
        })
    }

    /// The option of the command line that decides about a place in the scenario's own text.
    fn overriding(&self, place: &Place) -> Option<&'static str> {
        let over = &self.overrides;
        [
            ("rollout", !over.flagger.is_empty(), "--flagger"),
            ("rollout", !over.argo.is_empty(), "--argo"),
            ("rollout", !over.kayenta.is_empty(), "--kayenta"),
            ("traffic.rate", over.rate.is_some(), "--rate"),
            ("stable.errors", over.errors.is_some(), "--errors"),
            ("stable.latency", over.latency.is_some(), "--latency"),
            ("canary", over.canary_errors.is_some(), "--canary-errors"),
            ("canary", over.canary_latency.is_some(), "--canary-latency"),
            ("telemetry.scrape", over.sampling.is_some(), "--scrape"),
            ("telemetry.series", over.birth.is_some(), "--series"),
            ("experiment.weights", over.weights.is_some(), "--weights"),
            ("experiment.trials", over.trials.is_some(), "--trials"),
            ("experiment.engine", over.engine.is_some(), "--engine"),
            ("experiment.seed", over.seed.is_some(), "--seed"),
        ]
        .into_iter()
        .find(|(above, is_said, _)| *is_said && place.is_within(above))
        .map(|(_, _, option)| option)
    }

    fn text_of(&self, path: &std::path::Path) -> Result<&str, Obstacle> {
        let bytes = self.texts.get(path).map(Vec::as_slice);
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.ok_or_else(|| Obstacle::Unreadable(path.display().to_string()))
    }

    fn put(&mut self, path: PathBuf, text: String) {
        self.texts.insert(path, text.into_bytes());
    }
}

#[cfg(test)]
mod tests;
