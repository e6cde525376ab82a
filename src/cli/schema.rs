//! `coalmine schema`: the JSON Schema of what goes in and what comes out.

use clap::{Args, ValueEnum};

use super::{CommandError, output};
use crate::experiment::store;
use crate::report;
use crate::scenario;

/// Arguments of `coalmine schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArguments {
    /// What to describe: `scenario` files or `summary`, the summary.json of results
    #[arg(value_enum, default_value_t = Subject::Scenario, hide_possible_values = true)]
    subject: Subject,
    /// Print it as a page to read, in Markdown
    #[arg(long)]
    markdown: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Subject {
    /// Scenario files
    Scenario,
    /// summary.json
    Summary,
}

/// Prints the schema.
pub(super) fn schema(arguments: &SchemaArguments) -> Result<(), CommandError> {
    let (schema, title, command) = match arguments.subject {
        Subject::Scenario => (
            scenario::schema(),
            "Fields of a scenario",
            "coalmine schema --markdown",
        ),
        Subject::Summary => (
            store::schema(),
            "Fields of summary.json",
            "coalmine schema summary --markdown",
        ),
    };
    if arguments.markdown {
        return output::print(&report::fields_markdown(title, command, &schema));
    }
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    output::print(&text)
}
