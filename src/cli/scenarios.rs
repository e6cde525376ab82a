//! `coalmine scenarios`: the built-in ones.

use clap::{Args, Subcommand};

use super::{CommandError, output};
use crate::scenario;

/// Arguments of `coalmine scenarios`.
#[derive(Debug, Args)]
pub(super) struct ScenariosArguments {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the file of one, to read or to start from
    Show {
        /// Its name
        name: String,
    },
}

/// Lists them, or prints one.
pub(super) fn scenarios(arguments: &ScenariosArguments) -> Result<(), CommandError> {
    match &arguments.action {
        Some(Action::Show { name }) => output::print(scenario::find(name)?.text),
        None => {
            let builtin = scenario::builtin();
            let width = builtin
                .iter()
                .map(|scenario| scenario.name.len())
                .max()
                .unwrap_or(0);
            let mut text = String::new();
            for scenario in builtin {
                let title = scenario.scenario()?.title;
                text.push_str(&format!("{:width$}  {title}\n", scenario.name));
            }
            text.push_str(
                "\n`coalmine scenarios show NAME` prints one; `coalmine power NAME` plays it.\n",
            );
            output::print(&text)
        }
    }
}
