//! `coalmine import --survey`: every file of some folders by itself, tried and counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use super::super::{CommandError, output};
use crate::base::{Problems, Severity, place};
use crate::experiment::{self, Options};
use crate::manifest::split::Wishes;
use crate::manifest::{Found, Manifest, Reader, sort};
use crate::scenario::draft::{self, Source};

/// What came of one file.
#[derive(Debug, Serialize)]
struct Tried {
    file: String,
    outcome: Outcome,
    /// What was understood, or why it was refused: the first reason with its line.
    said: String,
    /// Every reason of a refusal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    /// Resources that somebody here reads.
    resources: usize,
    /// The others.
    foreign: Vec<String>,
}

/// What came of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// It was understood, and one rollout of it was played.
    Ran,
    /// It says something about rollouts that is not understood, or that is wrong.
    Refused,
    /// It holds resources that are nobody's here.
    Nothing,
}

/// What came of the files of one folder.
#[derive(Debug, Default, Serialize)]
struct Folder {
    folder: String,
    files: usize,
    ran: usize,
    refused: usize,
    nothing: usize,
    /// Files that are no manifests by their name.
    passed_over: usize,
    /// Resources that somebody here reads.
    resources: usize,
    /// How many resources of which kind are nobody's here.
    foreign: BTreeMap<String, usize>,
    /// How many files were refused for which first reason.
    reasons: BTreeMap<String, usize>,
    each: Vec<Tried>,
}

/// Tries every file below some folders, and prints what came of it.
pub(super) fn survey(folders: &[PathBuf], each: bool, json: bool) -> Result<(), CommandError> {
    let mut found = BTreeMap::new();
    for folder in folders {
        gather(folder, &mut found)?;
    }
    let mut surveyed: Vec<Folder> = Vec::new();
    for (folder, files) in found {
        surveyed.push(try_all(&folder, &files)?);
    }
    if json {
        let mut text = serde_json::to_string_pretty(&surveyed)?;
        text.push('\n');
        return output::print(&text);
    }
    output::print(&told(&surveyed, each))
}

/// The files below a folder by the folder that holds them; hidden ones are left out.
fn gather(path: &Path, found: &mut BTreeMap<PathBuf, Vec<PathBuf>>) -> Result<(), CommandError> {
    let unreadable = |error: std::io::Error| {
        CommandError::Input(Problems::about(path, format!("cannot be read: {error}")))
    };
    if !path.is_dir() {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        found.entry(folder).or_default().push(path.to_owned());
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?);
    }
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // A link to a folder may lead in circles.
        let kind = entry.file_type().map_err(unreadable)?;
        if !hidden && (kind.is_dir() || entry.path().is_file()) {
            gather(&entry.path(), found)?;
        }
    }
    Ok(())
}

fn try_all(folder: &Path, files: &[PathBuf]) -> Result<Folder, CommandError> {
    let mut surveyed = Folder {
        folder: folder.display().to_string(),
        ..Folder::default()
    };
    for path in files {
        let extension = path.extension().unwrap_or_default();
        if !["yaml", "yml", "json"]
            .iter()
            .any(|known| extension == *known)
        {
            surveyed.passed_over += 1;
            continue;
        }
        let tried = try_one(path)?;
        surveyed.files += 1;
        match tried.outcome {
            Outcome::Ran => surveyed.ran += 1,
            Outcome::Refused => surveyed.refused += 1,
            Outcome::Nothing => surveyed.nothing += 1,
        }
        surveyed.resources += tried.resources;
        for title in &tried.foreign {
            let kind = title.split(' ').next().unwrap_or_default();
            *surveyed.foreign.entry(kind.to_owned()).or_default() += 1;
        }
        if let Some(reason) = tried.reasons.first() {
            *surveyed.reasons.entry(reason.clone()).or_default() += 1;
        }
        surveyed.each.push(tried);
    }
    Ok(surveyed)
}

fn try_one(path: &Path) -> Result<Tried, CommandError> {
    let manifest = match Manifest::open(path) {
        Ok(manifest) => manifest,
        Err(problems) => return Ok(refused(path, &[], &problems)),
    };
    let found = match sort(std::slice::from_ref(&manifest)) {
        Ok(found) => found,
        Err(problems) => return Ok(refused(path, &[], &problems)),
    };
    if found.iter().all(|one| one.reader == Reader::Nobody) {
        let titles: Vec<&str> = found.iter().map(|one| one.title.as_str()).collect();
        return Ok(Tried {
            said: if titles.is_empty() {
                "no document".to_owned()
            } else {
                titles.join(", ")
            },
            ..tried(path, Outcome::Nothing, &found)
        });
    }
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let source = Source { name, manifest };
    let folder = path.parent().unwrap_or(Path::new(""));
    match draft::draft(&[source], &Wishes::default(), folder) {
        Ok(draft) => {
            play(draft.scenario)?;
            let ignored = draft.accounts.iter().flat_map(|account| &account.fields);
            let ignored = ignored
                .filter(|field| field.fate != crate::manifest::Fate::Used)
                .count();
            let title = draft.split.as_ref().map(|split| split.title.clone());
            let decider = draft.controller.and_then(|_| {
                let mut ours = found.iter().filter(|one| one.reader != Reader::Nobody);
                ours.find(|one| matches!(one.kind.as_str(), "Canary" | "Rollout" | ""))
            });
            let title = decider
                .map(|one| one.title.clone())
                .or(title)
                .unwrap_or_default();
            let warnings = draft.warnings.len();
            Ok(Tried {
                said: format!("{title}: {ignored} fields ignored, {warnings} warnings"),
                ..tried(path, Outcome::Ran, &found)
            })
        }
        Err(problems) => Ok(refused(path, &found, &problems)),
    }
}

/// Plays one rollout, so that a file that can be read but not played is met here.
fn play(mut scenario: crate::scenario::Scenario) -> Result<(), CommandError> {
    scenario.experiment.weights.truncate(1);
    scenario.experiment.trials = Some(1);
    let options = Options {
        threads: Some(1),
        keep_trials: false,
        stop: &AtomicBool::new(false),
        progress: &|_| {},
    };
    experiment::run(&scenario, &options)?;
    Ok(())
}

fn tried(path: &Path, outcome: Outcome, found: &[Found]) -> Tried {
    let foreign = found.iter().filter(|one| one.reader == Reader::Nobody);
    let foreign: Vec<String> = foreign.map(|one| one.title.clone()).collect();
    Tried {
        file: path.display().to_string(),
        outcome,
        said: String::new(),
        reasons: Vec::new(),
        resources: found.len() - foreign.len(),
        foreign,
    }
}

fn refused(path: &Path, found: &[Found], problems: &Problems) -> Tried {
    let mut reasons = Vec::new();
    let mut said = String::new();
    for of in problems.texts() {
        let errors = of
            .problems
            .iter()
            .filter(|one| one.severity == Severity::Error);
        for problem in errors {
            if reasons.is_empty() {
                let line = problem
                    .span
                    .as_ref()
                    .map(|span| place(&of.text, span.start).0);
                let line = line.map_or_else(String::new, |line| format!("line {line}: "));
                said = format!("{line}{}", problem.message);
            }
            reasons.push(kind_of(&problem.message));
        }
    }
    if reasons.len() > 1 {
        let _ = write!(said, " (and {} more)", reasons.len() - 1);
    }
    Tried {
        said,
        reasons,
        ..tried(path, Outcome::Refused, found)
    }
}

/// A reason without what is particular to a file: names in quotes, places in lists, numbers.
fn kind_of(message: &str) -> String {
    let mut text = String::new();
    let mut quoted = false;
    for c in message.chars() {
        match c {
            '`' => {
                quoted = !quoted;
                if quoted {
                    text.push_str("`…`");
                }
            }
            _ if quoted => {}
            '0'..='9' if text.ends_with('N') => {}
            '0'..='9' => text.push('N'),
            _ => text.push(c),
        }
    }
    text.replace("[N]", "[]")
}

fn told(surveyed: &[Folder], each: bool) -> String {
    let mut text = String::new();
    for folder in surveyed {
        if folder.files == 0 && !each {
            continue;
        }
        let Folder {
            files,
            ran,
            refused,
            nothing,
            ..
        } = folder;
        let _ = writeln!(
            text,
            "{}: {files} files: {ran} ran, {refused} were refused, {nothing} hold nothing of ours",
            folder.folder
        );
        let foreign: usize = folder.foreign.values().sum();
        let kinds: Vec<String> = folder
            .foreign
            .iter()
            .map(|(kind, number)| format!("{number} {kind}"))
            .collect();
        let _ = writeln!(
            text,
            "{}",
            output::narrow(
                &format!(
                    "  {} resources of ours, {foreign} of kinds that are not read{}{}",
                    folder.resources,
                    if kinds.is_empty() { "" } else { ": " },
                    kinds.join(", ")
                ),
                output::WIDTH,
                "    "
            )
        );
        let mut reasons: Vec<(&String, &usize)> = folder.reasons.iter().collect();
        reasons.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        for (reason, number) in reasons {
            let line = output::narrow(
                &format!("  {number:>4}  {reason}"),
                output::WIDTH,
                "        ",
            );
            let _ = writeln!(text, "{line}");
        }
        if each {
            for tried in &folder.each {
                let _ = writeln!(text, "  {}", line(tried));
            }
        }
    }
    let sum = |of: fn(&Folder) -> usize| surveyed.iter().map(of).sum::<usize>();
    let _ = writeln!(
        text,
        "{} files: {} ran, {} were refused, {} hold nothing of ours; {} other files were passed over",
        sum(|one| one.files),
        sum(|one| one.ran),
        sum(|one| one.refused),
        sum(|one| one.nothing),
        sum(|one| one.passed_over)
    );
    text
}

fn line(tried: &Tried) -> String {
    let outcome = match tried.outcome {
        Outcome::Ran => "ran",
        Outcome::Refused => "refused",
        Outcome::Nothing => "nothing",
    };
    let name = Path::new(&tried.file).file_name().unwrap_or_default();
    let mut line = format!("{outcome:<8} {}: {}", name.to_string_lossy(), tried.said);
    if tried.outcome != Outcome::Nothing && !tried.foreign.is_empty() {
        let _ = write!(line, "; not read: {}", tried.foreign.join(", "));
    }
    line
}
