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
use crate::manifest::{Fate, Found, Manifest, Reader, around, sort};
use crate::scenario::Scenario;
use crate::scenario::draft::{self, Draft, Source};

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
    /// It holds templates only; a rollout of ours around them was played.
    StoodIn,
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
    stood_in: usize,
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
    if !path.exists() {
        let absent = Problems::about(path, "there is no such file or folder");
        return Err(CommandError::Input(absent));
    }
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
            Outcome::StoodIn => surveyed.stood_in += 1,
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
    let folder = path.parent().unwrap_or(Path::new(""));
    let around = around(&manifest).filter(|_| !found.iter().any(is_rollout));
    let source = Source { name, manifest };
    if let Some(text) = around {
        return try_around(path, source, &text, &found);
    }
    match draft::draft(&[source], &Wishes::default(), folder) {
        Ok(draft) => understood(path, Outcome::Ran, draft, &found),
        Err(problems) => Ok(refused(path, &found, &problems)),
    }
}

/// Whether a resource is a rollout or a split, not only what one uses.
fn is_rollout(one: &Found) -> bool {
    matches!(one.kind.as_str(), "Canary" | "Rollout") || one.reader == Reader::Split
}

/// Tries templates in a rollout of ours.
fn try_around(
    path: &Path,
    source: Source,
    text: &str,
    found: &[Found],
) -> Result<Tried, CommandError> {
    let cannot = |error: std::io::Error| CommandError::Log {
        path: std::env::temp_dir(),
        error,
    };
    let folder = tempfile::tempdir().map_err(cannot)?;
    let own = folder.path().join("stand-in.yaml");
    std::fs::write(&own, text).map_err(cannot)?;
    let whole = std::path::absolute(path).map_err(cannot)?;
    let sources = [
        Source {
            name: whole.display().to_string(),
            ..source
        },
        Source {
            name: "stand-in.yaml".to_owned(),
            manifest: Manifest {
                path: PathBuf::from("stand-in"),
                text: text.to_owned(),
            },
        },
    ];
    match draft::draft(&sources, &Wishes::default(), folder.path()) {
        Ok(draft) => understood(path, Outcome::StoodIn, draft, found),
        Err(problems) => Ok(refused(path, found, &problems)),
    }
}

/// Plays what was understood.
fn understood(
    path: &Path,
    outcome: Outcome,
    draft: Draft,
    found: &[Found],
) -> Result<Tried, CommandError> {
    let fields = draft.accounts.iter().flat_map(|account| &account.fields);
    let ignored = fields.filter(|field| field.fate != Fate::Used).count();
    let decider = found.iter().find(|one| match draft.controller {
        Some(_) => matches!(one.reader, Reader::Flagger | Reader::Argo | Reader::Kayenta),
        None => false,
    });
    let title = match (decider, &draft.split) {
        (Some(decider), _) => decider.title.clone(),
        (None, Some(split)) => split.title.clone(),
        (None, None) => String::new(),
    };
    let warnings = draft.warnings.len();
    play(draft.scenario)?;
    Ok(Tried {
        said: format!("{title}: {ignored} fields ignored, {warnings} warnings"),
        ..tried(path, outcome, found)
    })
}

/// Plays one rollout, so that a file that can be read but not played is met here.
fn play(mut scenario: Scenario) -> Result<(), CommandError> {
    scenario.experiment.weights.truncate(1);
    scenario.experiment.trials = Some(1);
    let options = Options {
        threads: Some(1),
        keep_trials: false,
        ledger: None,
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
    for folder in surveyed.iter().filter(|folder| folder.files > 0) {
        let counts = counted(std::slice::from_ref(folder));
        let _ = writeln!(text, "{}: {counts}", folder.folder);
        let kinds: Vec<String> = (folder.foreign.iter())
            .map(|(kind, number)| format!("{number} {kind}"))
            .collect();
        let kinds = match kinds.as_slice() {
            [] => String::new(),
            kinds => format!(", and of kinds that are not read {}", kinds.join(", ")),
        };
        let line = format!("  {} resources of ours{kinds}", folder.resources);
        let _ = writeln!(text, "{}", output::narrow(&line, output::WIDTH, "    "));
        let mut reasons: Vec<(&String, &usize)> = folder.reasons.iter().collect();
        reasons.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        for (reason, number) in reasons {
            let prefix = format!("  {number:>4}  ");
            let indent = " ".repeat(prefix.len());
            let reason = output::narrow(reason, output::WIDTH - prefix.len(), &indent);
            let _ = writeln!(text, "{prefix}{reason}");
        }
        for tried in folder.each.iter().filter(|_| each) {
            let _ = writeln!(text, "  {}", line_of(tried));
        }
    }
    let passed_over: usize = surveyed.iter().map(|folder| folder.passed_over).sum();
    let _ = writeln!(
        text,
        "{}; {passed_over} other files were passed over",
        counted(surveyed)
    );
    text
}

fn counted(folders: &[Folder]) -> String {
    let sum = |of: fn(&Folder) -> usize| folders.iter().map(of).sum::<usize>();
    format!(
        "{} files: {} ran, {} ran in a rollout of ours, {} were refused, {} hold nothing of ours",
        sum(|one| one.files),
        sum(|one| one.ran),
        sum(|one| one.stood_in),
        sum(|one| one.refused),
        sum(|one| one.nothing)
    )
}

fn line_of(tried: &Tried) -> String {
    let outcome = match tried.outcome {
        Outcome::Ran => "ran",
        Outcome::StoodIn => "stood in",
        Outcome::Refused => "refused",
        Outcome::Nothing => "nothing",
    };
    let name = Path::new(&tried.file).file_name().unwrap_or_default();
    let mut line = format!("{outcome:<9} {}: {}", name.to_string_lossy(), tried.said);
    if tried.outcome != Outcome::Nothing && !tried.foreign.is_empty() {
        let _ = write!(line, "; not read: {}", tried.foreign.join(", "));
    }
    line
}
