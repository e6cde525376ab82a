//! The file that carries a plan: what was asked, and the texts of every file that it takes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::grid::SweepFile;
use crate::base::Seed;
use crate::experiment::ledger::PlanId;
use crate::experiment::{calibration, ledger, summary, tuning};
use crate::scenario::{Bundle, Overrides};

/// Version of the format of plans; raised when a reader of another one would misread.
pub const FORMAT: u32 = 1;
const KIND: &str = "plan";

/// What is to be shared out. It is what a list of units is made from, not the list: a plan of a
/// million units is as small as one of ten.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its name, a hash of what was asked, the seed and the format of results.
    pub id: PlanId,
    /// What was asked.
    pub asked: Asked,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Which experiment.
    pub command: Command,
    /// Options and arguments of that command, in one fixed order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Root of all randomness, in decimal digits.
    pub seed: String,
    /// Trials of a cell.
    pub trials: u32,
    /// The scenarios with all their files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<Carried>,
    /// What a sweep file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<SweepFile>,
    /// What is played of a search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stretch: Option<tuning::Stretch>,
}

/// Experiments that can be shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// That of `coalmine power`.
    Power,
    /// That of `coalmine calibrate`.
    Calibrate,
    /// A sweep file.
    Grid,
    /// The search of `coalmine tune`.
    Tune,
}

/// A scenario with all its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// Where its own text was read, among `texts`.
    pub path: String,
    /// Whether it came with the program.
    pub is_builtin: bool,
    /// Every text, by the path that names it.
    pub texts: BTreeMap<String, Text>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Text {
    /// Text.
    Text(String),
    /// Anything else.
    Base64(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    coalmine: String,
    format: u32,
    program: String,
    id: String,
    asked: Asked,
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// It is not one.
    #[error("{}:{line}: this is no plan: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Another version made it.
    #[error(
        "{} was made by coalmine {program} (format {format}), this is {} (format {FORMAT}): a plan \
         is run by the version that made it",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that made it.
        program: String,
        /// Its format.
        format: u32,
    },
    /// It was changed by hand.
    #[error(
        "{} was changed after it was made: it says that it is plan {said}, and what it asks for is \
         plan {is}; make another one with `coalmine sweep plan`",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The name that it has.
        said: String,
        /// The name of what it holds.
        is: PlanId,
    },
    /// A path that JSON cannot hold.
    #[error("{}: a plan carries files by names that are text, and this one is not", .0.display())]
    Name(PathBuf),
}

impl Plan {
    /// The plan of what was asked.
    pub fn new(asked: Asked) -> Plan {
        // Texts, numbers and lists have nothing that JSON cannot hold.
        let text = serde_json::to_string(&asked).unwrap_or_default();
        let mut formats = vec![ledger::FORMAT, summary::FORMAT, calibration::FORMAT];
        if asked.command == Command::Tune {
            formats.push(tuning::FORMAT);
        }
        let id = PlanId::of_content(&("plan", formats, &asked.seed, text));
        Plan { id, asked }
    }

    /// Reads a plan that this version made.
    ///
    /// # Errors
    /// When it cannot be read, is something else, of another version, or was changed by hand.
    pub fn read(path: &Path) -> Result<Plan, PlanError> {
        let bytes = fs::read(path).map_err(|cause| PlanError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        let malformed = |line, what| PlanError::Malformed {
            path: path.to_owned(),
            line,
            what,
        };
        let refuse = |error: serde_json::Error| malformed(error.line().max(1), error.to_string());
        // The version comes first: another format need not fit this version's type.
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(refuse)?;
        let text = |field: &str| value.get(field).and_then(serde_json::Value::as_str);
        if text("coalmine") != Some(KIND) {
            let what = "its field `coalmine` would say `plan`; `coalmine sweep plan` makes one";
            return Err(malformed(1, what.to_owned()));
        }
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        let program = text("program").unwrap_or("of unknown version");
        if format != Some(FORMAT.into()) || program != env!("CARGO_PKG_VERSION") {
            return Err(PlanError::Version {
                path: path.to_owned(),
                program: program.to_owned(),
                format: format
                    .and_then(|format| format.try_into().ok())
                    .unwrap_or(0),
            });
        }
        let written: Written = serde_json::from_slice(&bytes).map_err(refuse)?;
        let plan = Plan::new(written.asked);
        if plan.id.to_string() != written.id {
            return Err(PlanError::Changed {
                path: path.to_owned(),
                said: written.id,
                is: plan.id,
            });
        }
        Ok(plan)
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        let written = Written {
            coalmine: KIND.to_owned(),
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            id: self.id.to_string(),
            asked: self.asked.clone(),
        };
        serde_json::to_string_pretty(&written).unwrap_or_default() + "\n"
    }
}

impl Asked {
    /// The seed as a number; `None` where it is none.
    pub fn root_seed(&self) -> Option<Seed> {
        self.seed.parse().ok()
    }
}

impl Carried {
    /// A bundle to be carried. What the command line changes in it is said by the plan's words.
    ///
    /// # Errors
    /// When the name of a file is not text.
    pub fn of(bundle: &Bundle) -> Result<Carried, PlanError> {
        let named = |path: &Path| {
            let name = path.to_str().map(str::to_owned);
            name.ok_or_else(|| PlanError::Name(path.to_owned()))
        };
        let texts = bundle.texts.iter().map(|(path, bytes)| {
            let text = match str::from_utf8(bytes) {
                Ok(text) => Text::Text(text.to_owned()),
                Err(_) => Text::Base64(BASE64_STANDARD.encode(bytes)),
            };
            Ok((named(path)?, text))
        });
        Ok(Carried {
            path: named(&bundle.path)?,
            is_builtin: bundle.is_builtin,
            texts: texts.collect::<Result<_, PlanError>>()?,
        })
    }

    /// The bundle, with what the command line changes in it; `None` where a file was carried that is
    /// no base64.
    pub fn bundle(&self, overrides: &Overrides) -> Option<Bundle> {
        let bytes = |text: &Text| match text {
            Text::Text(text) => Some(text.as_bytes().to_vec()),
            Text::Base64(text) => BASE64_STANDARD.decode(text).ok(),
        };
        let texts = self.texts.iter();
        let texts = texts.map(|(name, text)| Some((PathBuf::from(name), bytes(text)?)));
        Some(Bundle {
            path: PathBuf::from(&self.path),
            is_builtin: self.is_builtin,
            texts: texts.collect::<Option<_>>()?,
            overrides: overrides.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Origin, find};

    fn plan() -> Plan {
        let origin = Origin::Builtin(find("plain-flagger").unwrap());
        let (mut bundle, _) = Bundle::gather(origin, &Overrides::default()).unwrap();
        bundle.texts.insert("odd.bin".into(), vec![0xff, 0, 10]);
        let carried = Carried::of(&bundle).unwrap();
        assert_eq!(carried.bundle(&Overrides::default()).unwrap(), bundle);
        Plan::new(Asked {
            command: Command::Power,
            words: vec!["--trials=20".to_owned()],
            seed: Seed::DEFAULT.to_string(),
            trials: 20,
            scenarios: vec![carried],
            grid: None,
            stretch: None,
        })
    }

    #[test]
    fn a_plan_is_read_as_it_was_written_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        let (plan, text) = (plan(), plan().text());
        fs::write(&path, &text).unwrap();
        assert_eq!(Plan::read(&path).unwrap(), plan);
        for (from, to, said) in [
            ("--trials=20", "--trials=21", "was changed after"),
            (r#""trials": 20"#, r#""trials": 21"#, "was changed after"),
            (env!("CARGO_PKG_VERSION"), "9.9.9", "made by coalmine 9.9.9"),
            (r#""format": 1"#, r#""format": 2"#, "format 2"),
            (r#""coalmine": "plan""#, r#""coalmine": "rows""#, "no plan"),
            (r#""words""#, r#""sentences""#, "unknown field"),
            ("{", "", "no plan"),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text, "{from}");
            fs::write(&path, other).unwrap();
            let error = Plan::read(&path).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn what_is_asked_names_the_plan() {
        let mut asked = plan().asked;
        assert_eq!(Plan::new(asked.clone()).id, plan().id);
        asked.seed = "1".to_owned();
        assert_ne!(Plan::new(asked).id, plan().id);
    }
}
