//! What is wrong with a TOML text, collected while it is read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::files::Files;
use crate::base::{Problem, Severity};

/// What is wrong with a text so far. Readers share it and go on after an error.
pub(super) struct Report<'t> {
    pub(super) text: &'t str,
    /// Where files that the text names are looked for.
    pub(super) files: Files<'t>,
    found: RefCell<Vec<Problem>>,
    lines: Lines,
    /// Lines that are not TOML: what was recovered from them is not judged any further.
    broken: BTreeSet<usize>,
    /// Every field that a reader asked for, by the path of its table; the schema must agree.
    pub(super) asked: RefCell<BTreeMap<String, BTreeSet<&'static str>>>,
}

impl<'t> Report<'t> {
    /// Parses `text`; syntax errors are the first problems, and what could be recovered is
    /// returned to be read all the same.
    pub(super) fn parse(text: &'t str) -> (Report<'t>, Spanned<DeTable<'t>>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let lines = Lines::of(text);
        let mut found = Vec::new();
        let mut broken = BTreeSet::new();
        for error in errors {
            let span = error.span();
            if let Some(span) = &span
                && !broken.insert(lines.line(span.start))
            {
                // The parser stumbles on over the rest of a line; the first complaint is the one.
                continue;
            }
            found.push(syntax_problem(text, &lines, error.message(), span));
        }
        let report = Report {
            text,
            files: Files::Embedded,
            found: RefCell::new(found),
            lines,
            broken,
            asked: RefCell::default(),
        };
        (report, root)
    }

    /// Notes an error about a place.
    pub(super) fn error(&self, span: Range<usize>, message: String, help: String) {
        self.note(Problem::error(message, Some(span)), help);
    }

    /// Notes a warning about a place.
    pub(super) fn warning(&self, span: Range<usize>, message: String, help: String) {
        self.note(Problem::warning(message, Some(span)), help);
    }

    fn note(&self, problem: Problem, help: String) {
        let in_broken_line = problem
            .span
            .as_ref()
            .is_some_and(|span| self.broken.contains(&self.lines.line(span.start)));
        if !in_broken_line {
            let help = Some(help).filter(|help| !help.is_empty());
            self.found.borrow_mut().push(Problem { help, ..problem });
        }
    }

    /// Notes a missing field; not after a syntax error, which may have swallowed it.
    pub(super) fn missing(&self, span: Range<usize>, message: String, help: String) {
        if self.broken.is_empty() {
            self.error(span, message, help);
        }
    }

    /// Whether there is an error among the problems.
    pub(super) fn has_errors(&self) -> bool {
        self.found
            .borrow()
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// The problems in order of place, those about the whole text first.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.found.into_inner();
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        problems
    }

    /// Every field that was asked for, by the path of its table.
    #[cfg(test)]
    pub(super) fn asked(&self) -> BTreeMap<String, BTreeSet<&'static str>> {
        self.asked.borrow().clone()
    }
}

/// Where the lines of a text end: it may have as many mistakes as lines, or as bytes.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line in which a byte stands, from 0.
    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset)
    }

    /// What stands in the line of a byte.
    fn text_at<'t>(&self, text: &'t str, offset: usize) -> &'t str {
        let line = self.line(offset);
        let begin = line.checked_sub(1).map_or(0, |before| self.0[before] + 1);
        let end = self.0.get(line).copied().unwrap_or(text.len());
        text[begin..end].trim_end_matches('\r')
    }
}

/// Bytes of the longest line that advice repeats.
const LONGEST_ADVISED: usize = 200;

fn syntax_problem(text: &str, lines: &Lines, message: &str, span: Option<Range<usize>>) -> Problem {
    let offending = span
        .as_ref()
        .and_then(|span| text.get(span.clone()))
        .and_then(|text| text.lines().next())
        .filter(|text| !text.trim().is_empty())
        .map(|text| format!(": `{text}`"));
    let problem = Problem::error(
        format!("not TOML, {message}{}", offending.unwrap_or_default()),
        span.clone(),
    );
    let line = span
        .map(|span| lines.text_at(text, span.start))
        // A line that nobody wrote is not worth repeating.
        .filter(|line| line.len() < LONGEST_ADVISED)
        .unwrap_or_default();
    // `rate = 20/s` is the mistake that everybody makes first.
    match line.split_once('=') {
        Some((key, value))
            if !value.contains(['"', '\'', '[', '{']) && !value.trim().is_empty() =>
        {
            problem.help(format!(
                "values with a unit are written in quotes: {} = \"{}\"",
                key.trim(),
                value.trim()
            ))
        }
        _ => problem,
    }
}

/// `did you mean` with the nearest name, or the list of what is valid.
pub(super) fn advice(name: &str, valid: &[&str]) -> String {
    match nearest(name, valid) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write {}", one_of(valid.iter().copied())),
    }
}

/// The valid name that `name` is most likely a slip of.
pub(super) fn nearest<'n>(name: &str, valid: &[&'n str]) -> Option<&'n str> {
    valid
        .iter()
        .map(|near| (strsim::jaro_winkler(name, near), *near))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, near)| near)
}

pub(super) fn one_of<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use crate::base::place;

    #[test]
    fn lines_are_found_as_they_are_counted() {
        for text in ["", "\n", "one", "one\r\ntwo\n\nfour", "\n\nthree\n"] {
            let lines = Lines::of(text);
            for offset in 0..=text.len() {
                let (line, _) = place(text, offset);
                assert_eq!(lines.line(offset) + 1, line, "{text:?} {offset}");
                let shown = text.lines().nth(line - 1).unwrap_or_default();
                assert_eq!(lines.text_at(text, offset), shown, "{text:?} {offset}");
            }
        }
    }
}
