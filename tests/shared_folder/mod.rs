//! The folder `shared` beside the project: files of other projects (manifests, traces, vectors)
//! that are too many to carry along. A test that needs one goes without where it is absent, and
//! says so:
//!
//! ```ignore
//! mod shared_folder;
//! let Some(folder) = shared_folder::shared("corpus/flagger") else { return };
//! ```
//!
//! The line goes to the test's output and, because runners hide what passing tests print, is
//! appended to the file that the variable `COALMINE_SKIPPED` names. `tests/run` sets it and prints
//! the file at its end.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file or folder in `../shared`, or `None`, on record, when it is not there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let full = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(path);
    if full.exists() {
        return Some(full);
    }
    skip(&format!("../shared/{path} is absent"));
    None
}

/// Puts on record that the running test does without something, and why.
pub(crate) fn skip(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // One write, so that the lines of tests that run side by side do not mix.
    let line = format!("skipped: {test}: {why}\n");
    #[expect(
        clippy::disallowed_macros,
        reason = "shown by runners that show output"
    )]
    {
        print!("{line}");
    }
    let Some(record) = std::env::var_os("COALMINE_SKIPPED") else {
        return;
    };
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&record)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .unwrap_or_else(|error| panic!("{}: {error}", record.display()));
}
