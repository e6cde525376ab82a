//! A scenario drafted from manifests: what they say stands in it with its place in them; what they do
//! not say stands in it as a figure of ours, to be filled in.

mod sections;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::controllers::{self, Beside, Controller};
use super::files::{Files, Texts, Whereabouts};
use super::{Scenario, file};
use crate::base::Problems;
use crate::manifest::split::{self, Import, Wishes};
use crate::manifest::{Account, Found, Manifest, Measured, Reader, Remark, sort};

/// A scenario drafted from manifests.
#[derive(Debug)]
pub struct Draft {
    /// The file: TOML with comments that say where each line came from.
    pub text: String,
    /// The same, read.
    pub scenario: Scenario,
    /// The split, where a manifest is about one.
    pub split: Option<Import>,
    /// Whose manifests decide, by the name of the scenario's field; `None`: steps and a gate of ours.
    pub controller: Option<&'static str>,
    /// What the importers understand differently from what may be meant.
    pub warnings: Vec<Remark>,
    /// What became of every field of every resource, by file.
    pub accounts: Vec<Account>,
}

/// A manifest with the name by which the scenario may find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Relative to the scenario.
    pub name: String,
    /// Its text.
    pub manifest: Manifest,
}

/// Drafts a scenario from manifests that belong together; `folder` is where the scenario will be, and
/// where it finds the manifests of controllers.
///
/// # Errors
/// All at once: what the importers refuse, manifests of two controllers, and manifests of which none
/// says anything about a rollout.
pub fn draft(sources: &[Source], wishes: &Wishes, folder: &Path) -> Result<Draft, Problems> {
    draft_among(sources, wishes, Files::Folder(folder))
}

/// Does the same where no file is: the scenario finds the manifests of controllers among the sources
/// themselves, as a [`Bundle`](super::Bundle) carries them.
///
/// # Errors
/// As [`draft`].
pub fn draft_carried(sources: &[Source], wishes: &Wishes) -> Result<Draft, Problems> {
    let text = |source: &Source| source.manifest.text.clone().into_bytes();
    let texts: Texts = (sources.iter())
        .map(|source| (PathBuf::from(&source.name), text(source)))
        .collect();
    let here = Whereabouts::Folder(Path::new(""));
    draft_among(sources, wishes, Files::Carried(here, &texts))
}

fn draft_among(sources: &[Source], wishes: &Wishes, files: Files<'_>) -> Result<Draft, Problems> {
    let manifests: Vec<Manifest> = sources.iter().map(|one| one.manifest.clone()).collect();
    let found = sort(&manifests)?;
    let mut refused = Vec::new();
    let controller = match controllers::among(&manifests, &found) {
        Ok(controller) => controller,
        Err(problems) => {
            refused.push(problems);
            None
        }
    };
    let (mut accounts, mut warnings) = (Vec::new(), Vec::new());
    if let Some(controller) = controller {
        match controllers::account(controller, &manifests, &found) {
            Ok((of_controller, remarks)) => {
                accounts.extend(of_controller);
                warnings.extend(remarks);
            }
            Err(problems) => refused.push(problems),
        }
    }
    let split = match split::read(&manifests, wishes) {
        Ok(outcome) => {
            accounts.extend(outcome.accounts);
            warnings.extend(outcome.warnings);
            outcome.import
        }
        Err(problems) => {
            refused.push(problems);
            None
        }
    };
    if let Some(problems) = Problems::gather(refused) {
        return Err(problems);
    }
    if split.is_none() && controller.is_none() {
        return Err(nothing(&manifests, &found));
    }
    accounts.sort_by_key(|account| account.file);
    let questions = controller.map(|controller| questions(controller, sources, &found, files));
    let text = text::write(
        sources,
        split.as_ref(),
        controller,
        &found,
        &questions.unwrap_or_default(),
    );
    let scenario = file::read(&text, Path::new("scenario.toml"), files)?;
    Ok(Draft {
        text,
        scenario,
        split,
        controller: controller.map(Controller::key),
        warnings,
        accounts,
    })
}

/// The names of the metrics that ask systems which are not simulated, each once.
fn questions(
    controller: Controller,
    sources: &[Source],
    found: &[Found],
    files: Files<'_>,
) -> Vec<String> {
    let names = text::read_by(controller, sources, found);
    let beside = Beside::new(Measured::plain());
    let imported = controllers::import(&files, controller, &names, &beside);
    // What is wrong with them is told when the scenario is read.
    let mut questions = imported.map_or_else(|_| Vec::new(), |imported| imported.questions);
    let mut told = BTreeSet::new();
    questions.retain(|name| told.insert(name.clone()));
    questions
}

/// Why there is nothing to draft from.
fn nothing(manifests: &[Manifest], found: &[Found]) -> Problems {
    let templates = found
        .iter()
        .find(|one| !matches!(one.reader, Reader::Nobody | Reader::Split));
    let message = match (found, templates) {
        ([], _) => "holds no document".to_owned(),
        (_, Some(one)) => format!(
            "`{}` alone is no rollout: name the file that uses it too",
            one.title
        ),
        (found, None) => {
            let mut titles: Vec<&str> = found.iter().map(|one| one.title.as_str()).collect();
            titles.truncate(8);
            format!(
                "nothing here is about a rollout or a split: found `{}`",
                titles.join("`, `")
            )
        }
    };
    let path = manifests
        .first()
        .map_or(Path::new("manifests"), |one| one.path.as_path());
    let mut problems = Problems::about(path, message);
    if let Some(problem) = problems.problems.first_mut() {
        problem.help = Some(
            "name a Canary, a Rollout, a VirtualService, an HTTPRoute, a TrafficSplit, a TraefikService, \
             an Ingress with canary annotations, or a canary config of Kayenta"
                .to_owned(),
        );
    }
    problems
}
