//! `coalmine import`: what manifests say, as a scenario.

mod account;
mod survey;

use std::path::{Component, Path, PathBuf};

use clap::Args;

use super::{CommandError, output};
use crate::base::Problems;
use crate::manifest::Manifest;
use crate::manifest::split::Wishes;
use crate::scenario::draft::{self, Draft, Source};

/// Arguments of `coalmine import`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ImportArguments {
    /// Manifests that belong together, unmodified: of meshes, ingresses and controllers
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Which destination is the canary, when the files do not tell: its service or subset
    #[arg(long, value_name = "NAME")]
    canary: Option<String>,
    /// Which resource splits, when several do: its name
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Write the scenario to this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["account", "json", "survey"])]
    out: Option<PathBuf>,
    /// Print what became of every field, instead of the scenario
    #[arg(long, conflicts_with_all = ["json", "survey"])]
    account: bool,
    /// Print scenario, account and warnings as JSON
    #[arg(long)]
    json: bool,
    /// Try each file of these folders by itself, and count what ran and what was refused
    #[arg(long, conflicts_with_all = ["canary", "split"])]
    survey: bool,
    /// One line for each file too
    #[arg(long, requires = "survey")]
    each: bool,
}

const EXAMPLES: &str = "\
Examples:
  coalmine import reviews.yaml rule.yaml --out reviews.toml    then fill in traffic and fault
  coalmine import canary.yaml virtualservice.yaml --account    what became of every field
  coalmine import --survey manifests/                          how many of them would run, why not";

/// Prints or writes the scenario.
pub(super) fn import(arguments: &ImportArguments) -> Result<(), CommandError> {
    if arguments.survey {
        return survey::survey(&arguments.files, arguments.each, arguments.json);
    }
    let folder = arguments
        .out
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new(""));
    let sources = sources(&arguments.files, folder)?;
    let wishes = Wishes {
        canary: arguments.canary.clone(),
        split: arguments.split.clone(),
    };
    let draft = draft::draft(&sources, &wishes, folder)?;
    if arguments.json {
        return output::print(&account::json(&sources, &draft)?);
    }
    if arguments.account {
        return output::print(&account::whole(&sources, &draft));
    }
    match &arguments.out {
        Some(path) => write(path, &draft)?,
        None => output::print(&draft.text)?,
    }
    output::note(account::short(&sources, &draft).trim_end());
    Ok(())
}

fn write(path: &Path, draft: &Draft) -> Result<(), CommandError> {
    std::fs::write(path, &draft.text).map_err(|error| CommandError::Log {
        path: path.to_owned(),
        error,
    })
}

/// The manifests with the names by which a scenario in `folder` finds them.
fn sources(files: &[PathBuf], folder: &Path) -> Result<Vec<Source>, Problems> {
    let (mut sources, mut refused) = (Vec::new(), Vec::new());
    for path in files {
        match Manifest::open(path) {
            Ok(manifest) => sources.push(Source {
                name: name_from(folder, path),
                manifest,
            }),
            Err(problems) => refused.push(problems),
        }
    }
    Problems::gather(refused).map_or(Ok(sources), Err)
}

/// A path as it is written in a file of that folder.
fn name_from(folder: &Path, path: &Path) -> String {
    if folder.as_os_str().is_empty() || path.is_absolute() {
        return path.display().to_string();
    }
    let plain = |path: &Path| {
        path.components()
            .filter(|part| *part != Component::CurDir)
            .map(|part| part.as_os_str().to_owned())
            .collect::<Vec<_>>()
    };
    let (from, to) = (plain(folder), plain(path));
    let climbs = folder.is_absolute() || from.iter().any(|part| part == "..");
    if climbs {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        return whole.display().to_string();
    }
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut name: PathBuf = from[shared..].iter().map(|_| "..").collect();
    name.extend(&to[shared..]);
    name.display().to_string()
}
