//! A manifest's bytes, made sure to be text.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::base::{Problem, Problems, Severity};

/// A manifest's text, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Where it came from, for messages.
    pub path: PathBuf,
    /// YAML or JSON, of one or more resources.
    pub text: String,
}

/// Something about a manifest that a reader should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Which of the manifests, by its number.
    pub file: usize,
    /// What, and where in it.
    pub problem: Problem,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// As [`read_text`].
    pub fn open(path: &Path) -> Result<Manifest, Problems> {
        Ok(Manifest {
            path: path.to_owned(),
            text: read_text(path)?,
        })
    }

    /// The warnings among these problems, in order of place, as remarks about manifest `file`.
    pub(super) fn remarks(file: usize, mut problems: Vec<Problem>) -> Vec<Remark> {
        problems.retain(|problem| problem.severity == Severity::Warning);
        problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
        let remarks = problems.into_iter();
        remarks.map(|problem| Remark { file, problem }).collect()
    }

    /// The errors among these problems, in order of place, as a refusal of the manifest.
    pub(super) fn refuse(&self, mut problems: Vec<Problem>) -> Problems {
        problems.retain(|problem| problem.severity == Severity::Error);
        problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
        Problems {
            file: self.path.clone(),
            text: self.text.clone(),
            problems,
            also: Vec::new(),
        }
    }
}

/// More than any manifest needs: a bundle of a hundred Canaries takes about 200 kB.
const MOST_BYTES: u64 = 8 << 20;

/// Reads a manifest.
///
/// # Errors
/// When it does not exist, cannot be read, is a directory, is not text in UTF-8, or is so large
/// that it cannot be a manifest.
pub fn read_text(path: &Path) -> Result<String, Problems> {
    let refuse = |message: String| Problems::about(path, message);
    if path.is_dir() {
        return Err(refuse(
            "this is a directory: name one manifest, such as a file canary.yaml in it".to_owned(),
        ));
    }
    let file = File::open(path).map_err(|error| {
        refuse(match error.kind() {
            ErrorKind::NotFound => "no such file".to_owned(),
            _ => format!("cannot be opened: {error}"),
        })
    })?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refuse(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(refuse(format!(
            "larger than {} MiB: this cannot be a manifest",
            MOST_BYTES >> 20
        )));
    }
    if bytes.contains(&0) {
        return Err(refuse(
            "this is not text: it contains zero bytes (a manifest is YAML in UTF-8)".to_owned(),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        refuse(format!(
            "this is not text in UTF-8: byte {} does not belong there",
            error.utf8_error().valid_up_to() + 1
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_text_is_refused_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let message = |path: &Path| read_text(path).unwrap_err().to_string();
        assert!(message(folder.path()).contains("directory"));
        assert!(message(&folder.path().join("absent.yaml")).contains("no such file"));
        assert!(message(&write("a", b"PK\x03\x04\0\0")).contains("zero bytes"));
        assert!(message(&write("b", b"ab\xff")).contains("byte 3"));
        let large = vec![b' '; 1 + MOST_BYTES as usize];
        assert!(message(&write("c", &large)).contains("8 MiB"));
        assert_eq!(
            read_text(&write("d", b"kind: Canary")).unwrap(),
            "kind: Canary"
        );
    }
}
