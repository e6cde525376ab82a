//! A results folder on disk: written whole or not at all, read back with every fault named.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::rows::{self, Row};
use super::summary::{
    Cell, DetectionRow, FORMAT, HeatRow, LookRow, Results, Summary, TimelineRow, TrialRow,
};

const SUMMARY: &str = "summary.json";
const CELLS: &str = "cells.csv";

/// Every name that a results folder has held in this version and those before it. A folder that
/// holds another is somebody's own and is not replaced. Add to it, never remove.
const OURS: [&str; 20] = [
    SUMMARY,
    CELLS,
    DetectionRow::FILE,
    HeatRow::FILE,
    TimelineRow::FILE,
    LookRow::FILE,
    TrialRow::FILE,
    "report.html",
    "power.png",
    "power.svg",
    "detection.png",
    "detection.svg",
    "heat.png",
    "heat.svg",
    "detection-distribution.png",
    "detection-distribution.svg",
    "timeline.png",
    "timeline.svg",
    "side-by-side.png",
    "side-by-side.svg",
];

/// Why a results folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io {
        /// What was being done: `write`, `read`, `create`.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The place is taken by something that a results folder must not replace.
    #[error("{} is not replaced: {reason}; choose another folder or remove it", path.display())]
    NotOurs {
        /// The place.
        path: PathBuf,
        /// What is there.
        reason: String,
    },
    /// There is no such folder.
    #[error("{}: no such results folder", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A file that every results folder has is not there.
    #[error("{} is not a complete results folder: {file} is missing", path.display())]
    Incomplete {
        /// The folder.
        path: PathBuf,
        /// The missing file.
        file: &'static str,
    },
    /// A later version wrote it.
    #[error(
        "{} was made by a newer coalmine ({program}, format {format}); this one reads up to format {FORMAT}",
        path.display()
    )]
    Newer {
        /// The summary.
        path: PathBuf,
        /// Its format.
        format: u64,
        /// The version that wrote it.
        program: String,
    },
    /// A line of a file makes no sense.
    #[error("{}:{line}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// A number that cannot be stored.
    #[error("{file}: {what} is infinite or not a number")]
    NotFinite {
        /// The file that would hold it.
        file: &'static str,
        /// Which number.
        what: String,
    },
    /// Something that cannot be written in the format of its file.
    #[error("cannot put {file} into words: {cause}")]
    Unwritable {
        /// The file that would hold it.
        file: &'static str,
        /// Why not.
        cause: String,
    },
    /// The old folder could be neither replaced nor put back.
    #[error(
        "the new results could not be moved to {} and the old ones are now in {}: {cause}",
        path.display(),
        aside.display()
    )]
    Stranded {
        /// Where the results should be.
        path: PathBuf,
        /// Where the old ones are.
        aside: PathBuf,
        /// What went wrong.
        #[source]
        cause: io::Error,
    },
}

impl StoreError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |cause| StoreError::Io { doing, path, cause }
    }
}

/// Writes `results` with `extras` (names and contents of figures and pages) as the folder `folder`.
///
/// The folder appears complete or not at all: everything is written and synced beside it first, and
/// an older results folder is moved away only then. Folders above it are made as needed.
///
/// # Errors
///
/// Any [`StoreError`] leaves what was there untouched, except [`StoreError::Stranded`], which says
/// where it went. A folder that holds anything other than results is refused.
pub fn write(
    results: &Results,
    folder: &Path,
    extras: &[(String, Vec<u8>)],
) -> Result<(), StoreError> {
    let files = files(results)?;
    let files = files.iter().map(|(name, bytes)| (*name, &bytes[..]));
    let extras = extras.iter().map(|(name, bytes)| (&name[..], &bytes[..]));
    replace(folder, &POWER, &files.chain(extras).collect::<Vec<_>>())
}

/// Which files a folder of results may hold.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The file by which it is known.
    pub mark: &'static str,
    /// All files that it may hold.
    pub files: &'static [&'static str],
}

/// Folders of `coalmine power`.
const POWER: Layout = Layout {
    mark: SUMMARY,
    files: &OURS,
};

/// Writes these files as the folder `folder`, as [`write`] does.
///
/// # Errors
///
/// As [`write`]: a folder that holds anything that `layout` does not know is refused.
pub fn replace(folder: &Path, layout: &Layout, files: &[(&str, &[u8])]) -> Result<(), StoreError> {
    let target = resolve(folder, layout)?;
    let parent = match target.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent).map_err(StoreError::io("create", &parent))?;
    // A sibling, so that the final move stays within one file system.
    let workshop = tempfile::Builder::new()
        .prefix(".coalmine-")
        .tempdir_in(&parent)
        .map_err(StoreError::io("create a folder in", &parent))?;

    let new = workshop.path().join("new");
    fs::create_dir(&new).map_err(StoreError::io("create", &new))?;
    for (name, bytes) in files {
        write_file(&new, &target, name, bytes)?;
    }
    sync_folder(&new).map_err(StoreError::io("sync", &target))?;
    swap(workshop, &new, &target)?;
    sync_folder(&parent).map_err(StoreError::io("sync", &parent))
}

/// Whether [`write()`] would replace `folder`, asked before the work that it is for.
///
/// # Errors
///
/// When something is there that is not results.
pub fn check_replaceable(folder: &Path) -> Result<(), StoreError> {
    resolve(folder, &POWER).map(drop)
}

/// The same of a folder of another layout.
///
/// # Errors
///
/// As [`check_replaceable`].
pub fn check_replaceable_as(folder: &Path, layout: &Layout) -> Result<(), StoreError> {
    resolve(folder, layout).map(drop)
}

/// Every file of the rows and the summary, by name.
fn files(results: &Results) -> Result<Vec<(&'static str, Vec<u8>)>, StoreError> {
    let mut files = vec![
        (SUMMARY, summary_json(&results.summary)?.into_bytes()),
        (CELLS, cells_csv(&results.summary)?),
        row_file(&results.detections)?,
        row_file(&results.heat)?,
        row_file(&results.timeline)?,
    ];
    if !results.looks.is_empty() {
        files.push(row_file(&results.looks)?);
    }
    if !results.trials.is_empty() {
        files.push(row_file(&results.trials)?);
    }
    Ok(files)
}

fn row_file<R: Row>(rows: &[R]) -> Result<(&'static str, Vec<u8>), StoreError> {
    if let Some(index) = rows.iter().position(|row| !row.is_finite()) {
        return Err(StoreError::NotFinite {
            file: R::FILE,
            what: format!("a number in row {}", index + 1),
        });
    }
    let bytes = rows::encode(rows).map_err(|cause| StoreError::Unwritable {
        file: R::FILE,
        cause: cause.to_string(),
    })?;
    Ok((R::FILE, bytes))
}

/// The text of `cells.csv`: one line per cell, shares from 0 to 1, times in seconds.
///
/// # Errors
///
/// When a number is infinite or not a number.
pub fn cells_csv(summary: &Summary) -> Result<Vec<u8>, StoreError> {
    check_finite(summary, CELLS)?;
    rows::cells(summary).map_err(|cause| StoreError::Unwritable {
        file: CELLS,
        cause: cause.to_string(),
    })
}

/// The text of `summary.json`: indented, with a newline at its end.
///
/// # Errors
///
/// When a number is infinite or not a number, which JSON cannot hold.
pub fn summary_json(summary: &Summary) -> Result<String, StoreError> {
    check_finite(summary, SUMMARY)?;
    let mut text =
        serde_json::to_string_pretty(summary).map_err(|cause| StoreError::Unwritable {
            file: SUMMARY,
            cause: cause.to_string(),
        })?;
    text.push('\n');
    Ok(text)
}

/// The JSON Schema of `summary.json`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Summary).to_value()
}

/// JSON has no word for these, and serde would write `null` without complaint.
fn check_finite(summary: &Summary, file: &'static str) -> Result<(), StoreError> {
    let refuse = |what: String| Err(StoreError::NotFinite { file, what });
    for (name, number) in [
        ("precision", summary.precision),
        ("horizon_seconds", summary.horizon_seconds),
        ("scenario.rate", summary.scenario.rate),
    ] {
        if !number.is_finite() {
            return refuse(name.to_owned());
        }
    }
    let rivals = summary.rivals.iter().map(|rival| &rival.cell);
    for (list, cells) in [
        ("cells", summary.cells.iter().collect::<Vec<_>>()),
        ("rivals", rivals.collect()),
    ] {
        for (i, cell) in cells.into_iter().enumerate() {
            check_cell(cell, &format!("{list}[{i}]"), file)?;
        }
    }
    Ok(())
}

fn check_cell(cell: &Cell, place: &str, file: &'static str) -> Result<(), StoreError> {
    let refuse = |name: &str| {
        Err(StoreError::NotFinite {
            file,
            what: format!("{place}.{name}"),
        })
    };
    let numbers = [
        ("weight", Some(cell.weight)),
        ("power.estimate", Some(cell.power.estimate)),
        ("power.low", Some(cell.power.low)),
        ("power.high", Some(cell.power.high)),
        (
            "false_rollback.estimate",
            Some(cell.false_rollback.estimate),
        ),
        ("false_rollback.low", Some(cell.false_rollback.low)),
        ("false_rollback.high", Some(cell.false_rollback.high)),
        ("detection_seconds.p50", cell.detection_seconds.p50),
        ("detection_seconds.p90", cell.detection_seconds.p90),
        (
            "detection_seconds.never",
            Some(cell.detection_seconds.never),
        ),
        ("exposure.requests", Some(cell.exposure.requests)),
        ("exposure.users", Some(cell.exposure.users)),
        ("exposure.after", cell.exposure.after),
        ("requests_per_window", Some(cell.requests_per_window)),
    ];
    for (name, number) in numbers {
        if number.is_some_and(|number| !number.is_finite()) {
            return refuse(name);
        }
    }
    if !cell.steps.iter().all(|step| step.is_finite()) {
        return refuse("steps");
    }
    Ok(())
}

/// Where the results go, links followed; refuses a place that holds anything else.
fn resolve(folder: &Path, layout: &Layout) -> Result<PathBuf, StoreError> {
    let refuse = |reason: &str| {
        Err(StoreError::NotOurs {
            path: folder.to_owned(),
            reason: reason.to_owned(),
        })
    };
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match folder.file_name() {
                Some(_) => Ok(folder.to_owned()),
                None => refuse("the path has no name at its end"),
            };
        }
        Err(error) => return Err(StoreError::io("look at", folder)(error)),
        Ok(_) => {}
    }
    let target = fs::canonicalize(folder).map_err(StoreError::io("look at", folder))?;
    if !target.is_dir() {
        return refuse("it is not a folder");
    }
    let mut strangers = Vec::new();
    let mut is_known = false;
    for entry in fs::read_dir(&target).map_err(StoreError::io("read", folder))? {
        let entry = entry.map_err(StoreError::io("read", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        is_known |= name == layout.mark;
        if !layout.files.contains(&&*name) {
            strangers.push(name);
        }
    }
    strangers.sort();
    match strangers.first() {
        Some(_) if !is_known => refuse(&format!("it holds files but no {}", layout.mark)),
        Some(name) => refuse(&format!("it also holds {name}, which would be lost")),
        None => Ok(target),
    }
}

fn write_file(new: &Path, target: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    // The reader of the error knows the folder asked for, not the one being filled.
    let shown = target.join(name);
    let mut file = File::create_new(new.join(name)).map_err(StoreError::io("write", &shown))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(StoreError::io("write", &shown))
}

fn swap(workshop: tempfile::TempDir, new: &Path, target: &Path) -> Result<(), StoreError> {
    let old = workshop.path().join("old");
    let replaces = target.exists();
    if replaces {
        fs::rename(target, &old).map_err(StoreError::io("move away the old", target))?;
    }
    match fs::rename(new, target) {
        Ok(()) => Ok(()),
        Err(cause) if replaces => match fs::rename(&old, target) {
            Ok(()) => Err(StoreError::io("move the new results to", target)(cause)),
            Err(_) => Err(StoreError::Stranded {
                path: target.to_owned(),
                // Dropping the workshop would delete the only copy.
                aside: workshop.keep().join("old"),
                cause,
            }),
        },
        Err(cause) => Err(StoreError::io("move the new results to", target)(cause)),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(()) // folders cannot be opened as files there
}

/// Reads a results folder.
///
/// # Errors
///
/// When the folder or one of its files is missing, a newer program made it, or a line is damaged.
pub fn read(folder: &Path) -> Result<Results, StoreError> {
    if !folder.is_dir() {
        return Err(StoreError::NoFolder {
            path: folder.to_owned(),
        });
    }
    let summary = read_summary(folder)?;
    let trials = read_rows_if_there::<TrialRow>(folder)?;
    Ok(Results {
        summary,
        detections: read_rows::<DetectionRow>(folder)?,
        heat: read_rows::<HeatRow>(folder)?,
        timeline: read_rows::<TimelineRow>(folder)?,
        looks: read_rows_if_there::<LookRow>(folder)?,
        trials,
    })
}

fn read_file(folder: &Path, file: &'static str) -> Result<Vec<u8>, StoreError> {
    let path = folder.join(file);
    fs::read(&path).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => StoreError::Incomplete {
            path: folder.to_owned(),
            file,
        },
        _ => StoreError::io("read", &path)(cause),
    })
}

fn read_rows<R: Row>(folder: &Path) -> Result<Vec<R>, StoreError> {
    let text = read_file(folder, R::FILE)?;
    rows::decode(&text).map_err(|damage| StoreError::Damaged {
        path: folder.join(R::FILE),
        line: damage.line,
        what: damage.what,
    })
}

/// The rows of a file that not every folder has.
fn read_rows_if_there<R: Row>(folder: &Path) -> Result<Vec<R>, StoreError> {
    match read_rows(folder) {
        Err(StoreError::Incomplete { .. }) => Ok(Vec::new()),
        other => other,
    }
}

fn read_summary(folder: &Path) -> Result<Summary, StoreError> {
    read_json(folder, SUMMARY, FORMAT)
}

/// Reads a file of JSON that carries the number of its format, at most `newest`.
///
/// # Errors
///
/// When the file is missing, a newer program made it, or it is damaged.
pub fn read_json<T: serde::de::DeserializeOwned>(
    folder: &Path,
    file: &'static str,
    newest: u32,
) -> Result<T, StoreError> {
    let text = read_file(folder, file)?;
    let path = folder.join(file);
    let damaged = |line: usize, what: String| StoreError::Damaged {
        path: path.clone(),
        line: line as u64,
        what,
    };
    let refuse = |error: serde_json::Error| damaged(error.line().max(1), error.to_string());
    // The version comes first: a newer format need not fit this version's type.
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(refuse)?;
    let Some(format) = value.get("format").and_then(serde_json::Value::as_u64) else {
        return Err(damaged(1, "there is no format number".to_owned()));
    };
    if format > u64::from(newest) {
        let program = value.get("program").and_then(serde_json::Value::as_str);
        return Err(StoreError::Newer {
            path: path.clone(),
            format,
            program: program.unwrap_or("of unknown version").to_owned(),
        });
    }
    if format == 0 {
        return Err(damaged(1, "there was never a format 0".to_owned()));
    }
    serde_json::from_slice(&text).map_err(refuse)
}
