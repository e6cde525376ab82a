//! A calibration on disk: `calibration.json` says what was played, `calibration.csv` holds the rows.

use std::fs;
use std::path::Path;

use super::FORMAT;
use super::rows::{Calibration, Note, Row};
use crate::experiment::store::{Layout, StoreError, check_replaceable_as, replace};

const NOTE: &str = "calibration.json";
const ROWS: &str = "calibration.csv";

const LAYOUT: Layout = Layout {
    mark: NOTE,
    files: &[NOTE, ROWS, "calibration.png", "calibration.svg"],
};

/// Whether a folder holds a calibration.
pub fn is_one(folder: &Path) -> bool {
    folder.join(NOTE).is_file()
}

/// Whether [`write`] would replace `folder`, asked before the work that it is for.
///
/// # Errors
///
/// When something is there that is not a calibration.
pub fn check_replaceable(folder: &Path) -> Result<(), StoreError> {
    check_replaceable_as(folder, &LAYOUT)
}

/// Writes a calibration with `extras` (names and contents of figures and pages) as the folder
/// `folder`, complete or not at all.
///
/// # Errors
///
/// Those of [`crate::experiment::store::write()`].
pub fn write(
    calibration: &Calibration,
    folder: &Path,
    extras: &[(String, Vec<u8>)],
) -> Result<(), StoreError> {
    let note = json(&calibration.note)?;
    let rows = csv(calibration)?;
    let files = [(NOTE, note.as_bytes()), (ROWS, rows.as_bytes())];
    let extras = extras.iter().map(|(name, bytes)| (&**name, &**bytes));
    replace(
        folder,
        &LAYOUT,
        &files.into_iter().chain(extras).collect::<Vec<_>>(),
    )
}

/// A note, or a calibration whole, as JSON: indented, with a newline at its end.
///
/// # Errors
///
/// None that a calibration should bring about.
pub fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    let mut text = serde_json::to_string_pretty(value).map_err(unwritable(NOTE))?;
    text.push('\n');
    Ok(text)
}

/// The rows as CSV: shares from 0 to 1, times in minutes.
///
/// # Errors
///
/// None that a calibration should bring about.
pub fn csv(calibration: &Calibration) -> Result<String, StoreError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in &calibration.rows {
        writer.serialize(row).map_err(unwritable(ROWS))?;
    }
    let bytes = writer.into_inner().map_err(unwritable(ROWS))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn unwritable<E: std::fmt::Display>(file: &'static str) -> impl Fn(E) -> StoreError {
    move |cause| StoreError::Unwritable {
        file,
        cause: cause.to_string(),
    }
}

/// Reads a calibration.
///
/// # Errors
///
/// When the folder or one of its files is missing or a line is damaged.
pub fn read(folder: &Path) -> Result<Calibration, StoreError> {
    let text = |file: &'static str| {
        let path = folder.join(file);
        fs::read(&path).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => StoreError::Incomplete {
                path: folder.to_owned(),
                file,
            },
            _ => StoreError::Io {
                doing: "read",
                path,
                cause,
            },
        })
    };
    let damaged = |file: &str, line: u64, what: String| StoreError::Damaged {
        path: folder.join(file),
        line,
        what,
    };
    let note: Note = serde_json::from_slice(&text(NOTE)?)
        .map_err(|error| damaged(NOTE, error.line() as u64, error.to_string()))?;
    if note.format > FORMAT {
        let (format, program) = (note.format.into(), note.program);
        let path = folder.join(NOTE);
        return Err(StoreError::Newer {
            path,
            format,
            program,
        });
    }
    let bytes = text(ROWS)?;
    let rows = csv::Reader::from_reader(&*bytes)
        .deserialize()
        .map(|row| {
            row.map_err(|error| {
                let line = error.position().map_or(1, csv::Position::line);
                damaged(ROWS, line, error.to_string())
            })
        })
        .collect::<Result<Vec<Row>, StoreError>>()?;
    Ok(Calibration { note, rows })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::base::Seed;
    use crate::experiment::Options;
    use crate::experiment::calibration::{Effort, run, settings, shelf};

    #[test]
    fn what_is_written_is_read_back() {
        let mut settings = settings();
        settings.retain(|setting| ["tiny", "peeking"].contains(&&*setting.name));
        let mut gates = shelf();
        gates.retain(|gate| ["two-sided-evidence", "cumulative-z"].contains(&gate.kind));
        let effort = Effort {
            trials: 10,
            fault_trials: 10,
            seed: Seed(1),
        };
        let options = Options {
            threads: Some(1),
            keep_trials: false,
            ledger: None,
            stop: &AtomicBool::new(false),
            progress: &|_| {},
        };
        let found = run(&settings, &gates, effort, &options).unwrap();
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("calibration");
        write(&found, &folder, &[]).unwrap();
        assert!(is_one(&folder) && !is_one(place.path()));
        assert_eq!(read(&folder).unwrap(), found);
        // A folder with anything else in it is somebody's own.
        fs::write(folder.join("notes.txt"), "mine").unwrap();
        assert!(write(&found, &folder, &[]).is_err());
    }

    #[test]
    fn a_newer_calibration_is_refused_and_a_damaged_line_is_named() {
        let place = tempfile::tempdir().unwrap();
        let note = r#"{"format": 1, "program": "0", "seed": "1", "trials": 1, "fault_trials": 1,
            "alpha": 0.05, "complete": true, "settings": []}"#;
        fs::write(place.path().join(NOTE), note).unwrap();
        fs::write(place.path().join(ROWS), "setting,world\na,b\n").unwrap();
        let error = read(place.path()).unwrap_err().to_string();
        assert!(error.contains("calibration.csv:2"), "{error}");
        let newer = note.replace("\"format\": 1", "\"format\": 9");
        fs::write(place.path().join(NOTE), newer).unwrap();
        let error = read(place.path()).unwrap_err().to_string();
        assert!(error.contains("format 9"), "{error}");
    }
}
