//! `coalmine scenarios`: the built-in ones.

use clap::{Args, Subcommand};

use super::{CommandError, output};
use crate::base::Problems;
use crate::scenario::{self, Builtin, Scenario};

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
            let scenarios: Result<Vec<Scenario>, Problems> = (scenario::builtin().iter())
                .map(Builtin::scenario)
                .collect();
            output::print(&listing(&scenarios?))
        }
    }
}

/// One line each under the headings of their subjects.
fn listing(scenarios: &[Scenario]) -> String {
    let names = scenarios.iter().map(|scenario| scenario.name.len());
    let width = names.max().unwrap_or(0);
    let mut text = String::new();
    // The last heading takes whatever has none of the others.
    let last = scenario::SUBJECTS.len() - 1;
    for (place, heading) in scenario::SUBJECTS.into_iter().enumerate() {
        let under = |scenario: &&Scenario| {
            let named = (scenario::SUBJECTS.iter()).position(|one| *one == scenario.subject);
            named.unwrap_or(last) == place
        };
        let mut below = scenarios.iter().filter(under).peekable();
        if below.peek().is_none() {
            continue;
        }
        text.push_str(&format!("{heading}\n"));
        for scenario in below {
            let line = format!("  {:width$}  {}", scenario.name, scenario.title);
            text.push_str(&shortened(&line));
            text.push('\n');
        }
        text.push('\n');
    }
    text.push_str("`coalmine scenarios show NAME` prints one; `coalmine power NAME` plays it.\n");
    text
}

/// A line that fits the terminal.
fn shortened(line: &str) -> String {
    if line.chars().count() <= output::WIDTH {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(output::WIDTH - 1).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_scenarios_stand_under_their_subjects_in_lines_that_fit() {
        let like = scenario::builtin()[0].scenario().unwrap();
        let subjects = ["Statistics", "First steps", "Nobody's", "Case studies"];
        let scenarios: Vec<Scenario> = (0..40)
            .map(|number| Scenario {
                name: format!("number-{number}"),
                title: format!("Title {number} {}", "long ".repeat(number)),
                subject: subjects[number % 4].to_owned(),
                ..like.clone()
            })
            .collect();
        let text = listing(&scenarios);
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        let headings: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with([' ', '`']) && !line.is_empty())
            .collect();
        assert_eq!(
            headings,
            ["First steps", "Statistics", "Case studies", "Your own"]
        );
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("  number-"))
                .count(),
            40
        );
        let second = text.find("Statistics").unwrap();
        let found = text.find("  number-4 ").unwrap();
        assert!(found > second, "{text}");
    }
}
