//! What is done with input that nobody has looked at: for `cargo fuzz`, and for the short run over
//! the stored corpus in `tests/fuzz`. Nothing here may panic, or take long, or much memory.

use std::path::{Path, PathBuf};

use coalmine::manifest::{Manifest, Measured, flagger};
use coalmine::scenario;

/// One of the things that read what people write.
pub struct Target {
    /// Its name, and that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Reads it.
    pub read: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "flagger",
        read: flagger,
    },
    Target {
        name: "scenario",
        read: scenario,
    },
];

/// Input as text; what is no text never comes so far.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

fn manifest(text: &str) -> Manifest {
    Manifest {
        path: PathBuf::from("input.yaml"),
        text: text.to_owned(),
    }
}

/// Reads a Canary with its templates.
pub fn flagger(data: &[u8]) {
    if let Some(text) = text(data) {
        if let Err(problems) = flagger::read(&[manifest(text)], &Measured::plain()) {
            assert!(problems.count() > 0, "refused without a reason");
            // Places must lie within the text.
            let _ = problems.to_string();
        }
    }
}

/// Reads a scenario.
pub fn scenario(data: &[u8]) {
    if let Some(text) = text(data) {
        if let Err(problems) = scenario::parse(text, Path::new("input.toml"), None) {
            assert!(problems.count() > 0, "refused without a reason");
            let _ = problems.to_string();
        }
    }
}
