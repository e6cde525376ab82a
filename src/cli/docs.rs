//! `coalmine docs`: the book, page by page.

use clap::Args;

use super::{CommandError, output};
use crate::lab::{book, plain};

/// Arguments of `coalmine docs`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DocsArguments {
    /// The page to print [default: a list of all]
    subject: Option<String>,
    /// Print the page as it is written, in Markdown
    #[arg(long, requires = "subject")]
    markdown: bool,
}

const EXAMPLES: &str = "\
Examples:
  coalmine docs                     # what there is
  coalmine docs numbers             # how each number of a report is computed
  coalmine docs gates | less
  coalmine docs faults --markdown > faults.md";

/// Prints the list, or one page.
pub(super) fn docs(arguments: &DocsArguments) -> Result<(), CommandError> {
    let Some(subject) = &arguments.subject else {
        return output::print(&listing());
    };
    let page = book::find(subject).map_err(|error| CommandError::Argument {
        message: format!("the book has no page `{}`", error.subject),
        help: error.advice,
    })?;
    match arguments.markdown {
        true => output::print(page.text),
        false => output::print(&plain::plain(page.text, output::WIDTH, output::colours())),
    }
}

fn listing() -> String {
    let width = book::pages().iter().map(|page| page.subject.len()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for page in book::pages() {
        text.push_str(&format!("{:width$}  {}\n", page.subject, page.line));
    }
    text.push_str("\n`coalmine docs SUBJECT` prints one.\n");
    text
}
