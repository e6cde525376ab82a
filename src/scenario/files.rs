//! The files that a scenario names: beside it on disk, embedded beside a built-in one, or carried with
//! it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::builtin;

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("there is no such file")]
    Missing,
    #[error("it is a folder, not a file")]
    Folder,
    #[error("it is larger than {0} MiB, which is the most that is read")]
    TooLarge(u64),
    #[error("it is not UTF-8 text (byte {0} is the first that is not)")]
    NotText(usize),
    #[error("nothing of that name is embedded")]
    NotEmbedded,
    #[error("it is not among the files that came with the scenario")]
    NotCarried,
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
}

const MIB: u64 = 1024 * 1024;

/// Contents of files, by the paths that name them.
pub type Texts = BTreeMap<PathBuf, Vec<u8>>;

/// Where the files named in a scenario are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Files<'p> {
    /// In this folder.
    Folder(&'p Path),
    /// Among those embedded in the program.
    Embedded,
    /// As elsewhere, each noted with what it held.
    Noted(Whereabouts<'p>, &'p RefCell<Texts>),
    /// Among these, which came from elsewhere.
    Carried(Whereabouts<'p>, &'p Texts),
}

/// Where a scenario stands: what its files' names are relative to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whereabouts<'p> {
    /// In this folder.
    Folder(&'p Path),
    /// In the program.
    Embedded,
}

impl Whereabouts<'_> {
    pub(super) fn path(self, name: &str) -> PathBuf {
        match self {
            Whereabouts::Folder(folder) => folder.join(name),
            Whereabouts::Embedded => PathBuf::from(name),
        }
    }

    fn bytes(self, name: &str, most_mib: u64) -> Result<Vec<u8>, FileError> {
        match self {
            Whereabouts::Folder(folder) => read_bytes(&folder.join(name), most_mib),
            Whereabouts::Embedded => builtin::companion(name)
                .map(|text| text.as_bytes().to_vec())
                .ok_or(FileError::NotEmbedded),
        }
    }
}

impl<'p> Files<'p> {
    fn whereabouts(self) -> Whereabouts<'p> {
        match self {
            Files::Folder(folder) => Whereabouts::Folder(folder),
            Files::Embedded => Whereabouts::Embedded,
            Files::Noted(whereabouts, _) | Files::Carried(whereabouts, _) => whereabouts,
        }
    }

    /// The path to show for `name`.
    pub(super) fn path(self, name: &str) -> PathBuf {
        self.whereabouts().path(name)
    }

    /// The bytes of the file `name`, at most `most_mib` of them.
    pub(super) fn bytes(self, name: &str, most_mib: u64) -> Result<Vec<u8>, FileError> {
        match self {
            Files::Folder(_) | Files::Embedded => self.whereabouts().bytes(name, most_mib),
            Files::Noted(whereabouts, notes) => {
                let bytes = whereabouts.bytes(name, most_mib)?;
                let path = whereabouts.path(name);
                notes.borrow_mut().insert(path, bytes.clone());
                Ok(bytes)
            }
            Files::Carried(whereabouts, texts) => {
                let bytes = texts.get(&whereabouts.path(name));
                bytes.cloned().ok_or(FileError::NotCarried)
            }
        }
    }
}

/// The bytes of a file, at most `most_mib` of them.
pub(super) fn read_bytes(path: &Path, most_mib: u64) -> Result<Vec<u8>, FileError> {
    if path.is_dir() {
        return Err(FileError::Folder);
    }
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => FileError::Missing,
        _ => FileError::Unreadable(error),
    })?;
    let mut bytes = Vec::new();
    file.take(most_mib * MIB + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most_mib * MIB {
        return Err(FileError::TooLarge(most_mib));
    }
    Ok(bytes)
}

/// The same as text.
pub(super) fn as_text(bytes: Vec<u8>) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|error| FileError::NotText(error.utf8_error().valid_up_to()))
}
