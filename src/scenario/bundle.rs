//! A scenario with every text that it is made of: it can be read again with some of them changed, or
//! on another machine, without the files.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::builtin::{Builtin, NEUTRAL};
use super::controllers::{self, Controller};
use super::files::{self, Files, Texts, Whereabouts};
use super::{MOST_MIB, Overrides, Scenario, file};
use crate::base::Problems;
use crate::manifest::{self, Account, Manifest};

/// Where a scenario comes from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// A file.
    File(&'a Path),
    /// The program.
    Builtin(&'static Builtin),
    /// What a run starts from that names manifests and no scenario.
    Neutral,
}

/// The texts of a scenario and of all files that it or the command line names, with what the command
/// line changes in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The path of the scenario's own text among `texts`.
    pub path: PathBuf,
    /// Whether the files that it names are embedded beside it.
    pub is_builtin: bool,
    /// Every text, by the path under which it was found.
    pub texts: Texts,
    /// What the command line changes.
    pub overrides: Overrides,
}

impl Bundle {
    /// Reads a scenario with the command line's changes, and keeps what it was made of.
    ///
    /// # Errors
    /// Everything that is wrong with it, or why one of its files cannot be read.
    pub fn gather(
        origin: Origin<'_>,
        overrides: &Overrides,
    ) -> Result<(Bundle, Scenario), Problems> {
        let (path, bytes, is_builtin) = match origin {
            Origin::File(path) => {
                let bytes = files::read_bytes(path, MOST_MIB)
                    .map_err(|error| Problems::about(path, error.to_string()))?;
                (path.to_owned(), bytes, false)
            }
            Origin::Builtin(builtin) => (builtin.path(), builtin.text.as_bytes().to_vec(), true),
            Origin::Neutral => (NEUTRAL.path(), NEUTRAL.text.as_bytes().to_vec(), true),
        };
        let mut bundle = Bundle {
            path,
            is_builtin,
            texts: Texts::new(),
            overrides: overrides.clone(),
        };
        let own = (bundle.path.clone(), bytes.clone());
        let notes = RefCell::new(Texts::from([own]));
        let here = Whereabouts::Folder(Path::new(""));
        let (beside, manifests) = (
            Files::Noted(bundle.whereabouts(), &notes),
            Files::Noted(here, &notes),
        );
        let scenario = bundle.read(bytes, beside, manifests)?;
        bundle.texts = notes.into_inner();
        Ok((bundle, scenario))
    }

    /// A scenario that the program carries, with the files that it names; nothing is read yet.
    pub fn carried(builtin: &'static Builtin) -> Bundle {
        let own = (builtin.path(), builtin.text.as_bytes().to_vec());
        let others = builtin.companions().map(|(name, text)| {
            let path = Whereabouts::Embedded.path(name);
            (path, text.as_bytes().to_vec())
        });
        Bundle {
            path: builtin.path(),
            is_builtin: true,
            texts: others.chain([own]).collect(),
            overrides: Overrides::default(),
        }
    }

    /// The scenario that these texts are.
    ///
    /// # Errors
    /// Everything that is wrong with them, or the first that is missing.
    pub fn scenario(&self) -> Result<Scenario, Problems> {
        let Some(own) = self.texts.get(&self.path) else {
            return Err(Problems::about(
                &self.path,
                "the scenario itself is missing".to_owned(),
            ));
        };
        let here = Whereabouts::Folder(Path::new(""));
        let beside = Files::Carried(self.whereabouts(), &self.texts);
        self.read(own.clone(), beside, Files::Carried(here, &self.texts))
    }

    /// What became of every field of the manifests that the rollout follows, each account with the
    /// path of its file; nothing where it follows none or where they cannot be read.
    pub fn accounts(&self) -> Vec<(PathBuf, Account)> {
        let read = |controller| {
            let mut manifests = Vec::new();
            for path in self.manifests(controller).ok()? {
                let text = self.texts.get(&path)?.clone();
                let text = String::from_utf8(text).ok()?;
                manifests.push(Manifest { path, text });
            }
            let found = manifest::sort(&manifests).ok()?;
            let (accounts, _) = controllers::account(controller, &manifests, &found).ok()?;
            let located = accounts.into_iter().filter_map(|account| {
                let path = manifests.get(account.file)?.path.clone();
                Some((path, account))
            });
            Some(located.collect())
        };
        let accounts = Controller::ALL.into_iter().find_map(read);
        accounts.unwrap_or_default()
    }

    pub(super) fn whereabouts(&self) -> Whereabouts<'_> {
        match self.is_builtin {
            true => Whereabouts::Embedded,
            false => Whereabouts::Folder(self.path.parent().unwrap_or(Path::new(""))),
        }
    }

    fn read(
        &self,
        own: Vec<u8>,
        beside: Files<'_>,
        manifests: Files<'_>,
    ) -> Result<Scenario, Problems> {
        let text =
            files::as_text(own).map_err(|error| Problems::about(&self.path, error.to_string()))?;
        file::read(&text, &self.path, beside)?.changed(&self.overrides, manifests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::find;

    #[test]
    fn a_scenario_that_is_carried_is_the_one_that_was_read() {
        let overrides = Overrides {
            trials: Some(7),
            ..Overrides::default()
        };
        for name in ["plain-flagger", "launch-day", "four-controllers"] {
            let origin = Origin::Builtin(find(name).unwrap());
            let (bundle, scenario) = Bundle::gather(origin, &overrides).unwrap();
            assert_eq!(bundle.scenario().unwrap(), scenario);
            let carried = Bundle::carried(find(name).unwrap());
            assert_eq!(carried.texts, bundle.texts);
            assert_eq!(carried.path, bundle.path);
        }
    }

    #[test]
    fn files_are_read_once_and_then_never_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let builtin = find("plain-flagger").unwrap();
        std::fs::write(&path, builtin.text).unwrap();
        for (name, text) in builtin.companions() {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let overrides = Overrides::default();
        let (mut bundle, scenario) = Bundle::gather(Origin::File(&path), &overrides).unwrap();
        drop(folder);
        assert_eq!(bundle.scenario().unwrap(), scenario);
        bundle.texts.retain(|name, _| *name == path);
        let problems = bundle.scenario().unwrap_err().to_string();
        assert!(problems.contains("not among the files"), "{problems}");
    }
}
