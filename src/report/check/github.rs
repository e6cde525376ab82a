//! What came of checks as annotations of GitHub: workflow commands on lines of their own, shown beside
//! the lines of the files that they name.

use super::{cell, changes, headline, named, reason, word, worse};
use crate::experiment::check::{Checked, Outcome};

/// An error for each broken clause and each baseline with something worse, a warning for each undecided
/// clause; an error there, too, where it is strict. Empty when all is well.
pub fn check_annotations(all: &[Checked], strict: bool) -> String {
    let mut text = String::new();
    for checked in all {
        for clause in &checked.clauses {
            let level = match clause.outcome {
                Outcome::Holds => continue,
                Outcome::Undecided if !strict => "warning",
                Outcome::Broken | Outcome::Undecided => "error",
            };
            let title = format!("{} ({})", clause.expected.that, word(clause.outcome));
            let why = clause.expected.why.as_ref();
            let why = why.map_or_else(String::new, |why| format!("\n{why}"));
            let message = format!("{}{why}", reason(clause));
            let place = (checked.file.as_str(), clause.expected.line);
            text.push_str(&command(level, place, &title, &message));
        }
        let Some(baseline) = &checked.baseline else {
            continue;
        };
        if baseline.regressions().next().is_none() {
            continue;
        }
        let (worst, rest) = named(baseline);
        let mut lines: Vec<String> = vec![headline(checked, baseline)];
        lines.extend(
            worst
                .iter()
                .map(|one| format!("{}: {}", cell(one), worse(one))),
        );
        if rest > 0 {
            lines.push(format!("… and {rest} more"));
        }
        lines.extend(changes(baseline));
        let title = format!("{} is worse than before", checked.scenario.name);
        text.push_str(&command(
            "error",
            (&checked.file, 1),
            &title,
            &lines.join("\n"),
        ));
    }
    text
}

fn command(level: &str, (file, line): (&str, usize), title: &str, message: &str) -> String {
    // GitHub knows files by their paths from the root of the repository.
    let file = file.strip_prefix("./").unwrap_or(file);
    let (file, title) = (property(file), property(title));
    let message = data(message);
    format!("::{level} file={file},line={line},title={title}::{message}\n")
}

/// A message on one line, as the runner reads it.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D");
    text.replace('\n', "%0A")
}

/// A property, which ends at a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        let said = command(
            "error",
            ("a,b.toml", 7),
            "power >= 90%: no",
            "50 %,\nwas 90 %",
        );
        assert_eq!(
            said,
            "::error file=a%2Cb.toml,line=7,title=power >= 90%25%3A no::50 %25,%0Awas 90 %25\n"
        );
    }
}
