//! `coalmine gates`: what can decide at each check of a staged rollout.

use clap::Args;

use super::{CommandError, output};
use crate::gate::manual::{Manual, manuals};
use crate::report;

/// Arguments of `coalmine gates`.
#[derive(Debug, Args)]
pub(super) struct GatesArguments {
    /// The gate whose page to print, as scenarios call it
    kind: Option<String>,
    /// Print the list and all pages as Markdown
    #[arg(long, conflicts_with = "kind")]
    markdown: bool,
}

/// Prints the list, or one page.
pub(super) fn gates(arguments: &GatesArguments) -> Result<(), CommandError> {
    let manuals = manuals();
    match &arguments.kind {
        None if arguments.markdown => output::print(&report::gates_markdown(&manuals)),
        None => output::print(&report::gates(&manuals, output::WIDTH)),
        Some(kind) => {
            let found = manuals.iter().find(|manual| manual.kind == kind);
            let manual = found.ok_or_else(|| unknown(kind, &manuals))?;
            output::print(&report::gate(manual, output::WIDTH))
        }
    }
}

fn unknown(kind: &str, manuals: &[Manual]) -> CommandError {
    let likeness = |manual: &&Manual| (strsim::jaro_winkler(manual.kind, kind) * 1e6) as u64;
    let nearest = manuals.iter().max_by_key(likeness);
    let help = match nearest.filter(|nearest| likeness(nearest) > 700_000) {
        Some(nearest) => format!("did you mean `{}`?", nearest.kind),
        None => "`coalmine gates` lists them".to_owned(),
    };
    CommandError::Argument {
        message: format!("there is no gate `{kind}`"),
        help,
    }
}
