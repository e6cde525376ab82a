//! What is wrong with a file that somebody wrote: where, what, and what would be valid.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing can be run.
    Error,
    /// It can be run, but not as the writer may think.
    Warning,
}

/// One thing wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, with the offending text: a lower-case sentence without a full stop.
    pub message: String,
    /// What would be valid, or what to do.
    pub help: Option<String>,
    /// Bytes of the text that it is about; `None` for the text as a whole.
    pub span: Option<Range<usize>>,
}

/// A text with everything that is wrong with it; what a reader of files returns on failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// Where the text came from.
    pub file: PathBuf,
    /// The text, to show the lines in question.
    pub text: String,
    /// In order of place, at least one.
    pub problems: Vec<Problem>,
    /// The same of other texts that were read with it.
    pub also: Vec<Problems>,
}

impl Problem {
    /// An error about a place.
    pub fn error(message: impl Into<String>, span: Option<Range<usize>>) -> Problem {
        Problem {
            severity: Severity::Error,
            message: message.into(),
            help: None,
            span,
        }
    }

    /// A warning about a place.
    pub fn warning(message: impl Into<String>, span: Option<Range<usize>>) -> Problem {
        Problem {
            severity: Severity::Warning,
            ..Problem::error(message, span)
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// `file:line:column: message`, on one line.
    pub fn one_line(&self, file: &Path, text: &str) -> String {
        let place = match &self.span {
            Some(span) => {
                let (line, column) = place(text, span.start);
                format!("{}:{line}:{column}", file.display())
            }
            None => file.display().to_string(),
        };
        let help = self.help.as_ref().map(|help| format!(" ({help})"));
        format!("{place}: {}{}", self.message, help.unwrap_or_default())
    }
}

impl Problems {
    /// One problem about a file as a whole.
    pub fn about(file: &Path, message: impl Into<String>) -> Problems {
        Problems {
            file: file.to_owned(),
            text: String::new(),
            problems: vec![Problem::error(message, None)],
            also: Vec::new(),
        }
    }

    /// Those of several texts as one; `None` when there are none.
    pub fn gather(all: Vec<Problems>) -> Option<Problems> {
        let mut all = all.into_iter();
        let first = all.next()?;
        Some(Problems {
            also: first.also.into_iter().chain(all).collect(),
            ..first
        })
    }

    /// Those of each text, this one's first.
    pub fn texts(&self) -> impl Iterator<Item = &Problems> {
        std::iter::once(self).chain(&self.also)
    }

    /// How many there are in all texts.
    pub fn count(&self) -> usize {
        self.texts().map(|of| of.problems.len()).sum()
    }
}

/// Line and column of a byte offset, both from 1.
pub fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.texts().flat_map(|of| {
            let lines = of.problems.iter();
            lines.map(|problem| problem.one_line(&of.file, &of.text))
        });
        for (i, line) in lines.enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            f.write_str(&line)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
