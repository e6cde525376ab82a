//! The files that a scenario names: beside it on disk, or embedded beside a built-in one.

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
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
}

const MIB: u64 = 1024 * 1024;

/// Where the files named in a scenario are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Files<'p> {
    /// In this folder.
    Folder(&'p Path),
    /// Among those embedded in the program.
    Embedded,
}

impl Files<'_> {
    /// The path to show for `name`.
    pub(super) fn path(self, name: &str) -> PathBuf {
        match self {
            Files::Folder(folder) => folder.join(name),
            Files::Embedded => PathBuf::from(name),
        }
    }

    /// The bytes of the file `name`, at most `most_mib` of them.
    pub(super) fn bytes(self, name: &str, most_mib: u64) -> Result<Vec<u8>, FileError> {
        match self {
            Files::Folder(folder) => read_bytes(&folder.join(name), most_mib),
            Files::Embedded => builtin::companion(name)
                .map(|text| text.as_bytes().to_vec())
                .ok_or(FileError::NotEmbedded),
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
