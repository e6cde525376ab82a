//! Where scenarios meet Flagger's files.

use std::path::Path;

use super::files::{self, FileError, Files};
use crate::base::{Problem, Problems};
use crate::gate::Gate;
use crate::manifest::flagger;
use crate::rollout::FlaggerPlan;
use crate::telemetry::Buckets;
use crate::telemetry::exposition::{Service, Vendor};

/// The most MiB of a Canary file that are read.
const MOST_MIB: u64 = 16;

/// How every warning about a Canary's file begins.
pub(super) const CANARY_WARNING: &str = "flagger: ";

/// What a rollout takes from a Canary.
pub(super) struct Imported {
    pub(super) plan: FlaggerPlan,
    pub(super) analysis: Vec<Gate>,
    pub(super) buckets: Buckets,
    pub(super) vendor: Vendor,
    pub(super) service: Service,
    /// One line each: [`CANARY_WARNING`], then the place in the Canary's file.
    pub(super) warnings: Vec<String>,
}

/// Reads the Canary in the file `name`.
pub(super) fn import(files: &Files<'_>, name: &str) -> Result<Imported, Problems> {
    let path = files.path(name);
    let text = files
        .bytes(name, MOST_MIB)
        .and_then(files::as_text)
        .map_err(|error: FileError| Problems::about(&path, error.to_string()))?;
    read(&path, &text)
}

fn read(path: &Path, text: &str) -> Result<Imported, Problems> {
    let import = flagger::read(path, text)?;
    // Folders would fill the line, and the reader knows which file it was.
    let file = Path::new(path.file_name().unwrap_or(path.as_os_str()));
    let line = |warning: &Problem| format!("{CANARY_WARNING}{}", warning.one_line(file, text));
    Ok(Imported {
        plan: import.plan,
        analysis: import.analysis,
        buckets: import.buckets,
        vendor: import.vendor,
        service: import.service,
        warnings: import.warnings.iter().map(line).collect(),
    })
}
