//! An attempt while it grows: each unit is written out as it ends, so that whoever is killed loses no
//! more than the units in work.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::attempt::{self, Digest};
use super::{Header, LedgerError, Records, UnitId};

/// Ending of a file that is complete.
pub(super) const WHOLE: &str = ".jsonl";
/// Ending of one that still grows, or was left behind.
pub(super) const GROWING: &str = ".jsonl.part";

/// Writes an attempt, from any thread. The file appears with the first unit, under a name of its own,
/// and loses the ending `.part` when it is closed.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    stem: String,
    header: Header,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<Growing>,
    error: Option<LedgerError>,
}

#[derive(Debug)]
struct Growing {
    file: File,
    path: PathBuf,
    digest: Digest,
}

impl Journal {
    /// An attempt in `folder`, whose file's name begins with `stem`.
    pub fn new(folder: &Path, stem: &str, header: Header) -> Journal {
        Journal {
            folder: folder.to_owned(),
            stem: stem.to_owned(),
            header,
            state: Mutex::default(),
        }
    }

    /// Makes the file already before the first unit: one without units says that there were none.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(&self) -> Result<(), LedgerError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.file.is_none() {
            state.file = Some(self.make()?);
        }
        Ok(())
    }

    /// Whether something has gone wrong.
    pub(super) fn has_failed(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.error.is_some()
    }

    /// Appends a unit.
    pub(super) fn put(&self, unit: &UnitId, record: &str) {
        let line = attempt::unit_line(unit, record);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.error.is_some() {
            return;
        }
        if let Err(error) = self.append(&mut state, &line) {
            state.error = Some(error);
        }
    }

    fn append(&self, state: &mut State, line: &str) -> Result<(), LedgerError> {
        let growing = match &mut state.file {
            Some(growing) => growing,
            none => none.insert(self.make()?),
        };
        growing.write(line)
    }

    fn make(&self) -> Result<Growing, LedgerError> {
        fs::create_dir_all(&self.folder).map_err(LedgerError::io("create", &self.folder))?;
        let mut builder = tempfile::Builder::new();
        let prefix = format!("{}-", self.stem);
        builder.prefix(&prefix).suffix(GROWING).rand_bytes(8);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Read by others than its owner: whoever puts a sweep together.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = builder
            .tempfile_in(&self.folder)
            .map_err(LedgerError::io("create a file in", &self.folder))?;
        let (file, path) = file.keep().map_err(|error| LedgerError::Io {
            doing: "keep",
            path: self.folder.clone(),
            cause: error.error,
        })?;
        let mut growing = Growing {
            file,
            path,
            digest: Digest::default(),
        };
        growing.write(&attempt::first_line(&self.header))?;
        Ok(growing)
    }

    /// Takes the file away: what it holds has been put to use.
    pub(super) fn discard(self) {
        let state = (self.state.into_inner()).unwrap_or_else(PoisonError::into_inner);
        if let Some(growing) = state.file {
            // What cannot be removed is found, and found to be of this plan, by the next reader.
            let _ = fs::remove_file(growing.path);
        }
    }

    /// Ends the file: last line, on disk, under its final name; `None` where there was no unit.
    ///
    /// # Errors
    /// What went wrong first. The file is then left as it is: its whole records can be read.
    pub fn close(self) -> Result<Option<PathBuf>, LedgerError> {
        let state = (self.state.into_inner()).unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = state.error {
            return Err(error);
        }
        let Some(mut growing) = state.file else {
            return Ok(None);
        };
        let last = growing.digest.last_line();
        growing.write(&last)?;
        let shown = growing.path.as_path();
        (growing.file.sync_all()).map_err(LedgerError::io("sync", shown))?;
        let name = shown.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_suffix(GROWING).unwrap_or(&name);
        let path = self.folder.join(format!("{name}{WHOLE}"));
        fs::rename(shown, &path).map_err(LedgerError::io("rename", shown))?;
        sync_folder(&self.folder).map_err(LedgerError::io("sync", &self.folder))?;
        Ok(Some(path))
    }
}

/// Writes records as one whole attempt, in place of what stands at `path`.
///
/// # Errors
/// When it cannot be written; what stood there then stays.
pub fn write(path: &Path, header: &Header, records: &Records) -> Result<(), LedgerError> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(LedgerError::io("create", folder))?;
    let journal = Journal::new(folder, "merged", header.clone());
    journal.begin()?;
    for (unit, record) in records {
        journal.put(unit, record);
    }
    if let Some(written) = journal.close()? {
        fs::rename(&written, path).map_err(LedgerError::io("write", path))?;
    }
    Ok(())
}

impl Growing {
    /// Without a buffer of the program's own: what was written survives it.
    fn write(&mut self, line: &str) -> Result<(), LedgerError> {
        (self.file.write_all(line.as_bytes())).map_err(LedgerError::io("write", &self.path))?;
        self.digest.line(line.as_bytes());
        Ok(())
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(()) // folders cannot be opened as files there
}
