//! The text of a drafted scenario: lines of TOML, each with what it comes from.

use std::fmt::Display;

use super::super::controllers::Controller;
use super::{Source, sections};
use crate::base::place;
use crate::manifest::Found;
use crate::manifest::split::{Import, Place};

/// Where comments begin, if the line leaves room.
const COLUMN: usize = 36;
/// No line is longer, comment included, unless a name is.
const WIDEST: usize = 110;
/// So much of a manifest's line is quoted.
const LONGEST_QUOTE: usize = 60;

/// What marks a figure of ours.
pub(super) const FILL_IN: &str = "fill in";

/// Lines of TOML.
#[derive(Debug)]
pub(super) struct Page<'s> {
    pub(super) sources: &'s [Source],
    text: String,
}

impl<'s> Page<'s> {
    /// An empty line, then the head of a section.
    pub(super) fn section(&mut self, head: &str, comment: Option<&str>) {
        self.text.push('\n');
        self.line(head, comment.unwrap_or_default());
    }

    /// A key with a value that is no text.
    pub(super) fn plain(&mut self, key: &str, value: impl Display, comment: impl Display) {
        self.line(&format!("{key} = {value}"), comment);
    }

    /// A key with a text.
    pub(super) fn quoted(&mut self, key: &str, value: impl Display, comment: impl Display) {
        let value = toml::Value::String(value.to_string());
        self.line(&format!("{key} = {value}"), comment);
    }

    /// A comment of its own.
    pub(super) fn remark(&mut self, words: &str) {
        for line in wrapped(&clean(words), WIDEST - 10) {
            self.text.push_str(&format!("# {line}\n"));
        }
    }

    /// A line with its comment behind it, or above it when there is no room.
    fn line(&mut self, code: &str, comment: impl Display) {
        let comment = clean(&comment.to_string());
        let length = code.chars().count();
        let pad = COLUMN.saturating_sub(length).max(2);
        if comment.is_empty() {
            self.text.push_str(code);
        } else if length + pad + 2 + comment.chars().count() <= WIDEST {
            self.text
                .push_str(&format!("{code}{}# {comment}", " ".repeat(pad)));
        } else {
            self.remark(&comment);
            self.text.push_str(code);
        }
        self.text.push('\n');
    }

    /// A place and what stands there: `reviews.yaml:14 weight: 90`.
    pub(super) fn cite(&self, place: &Place) -> String {
        let Some(source) = self.sources.get(place.file) else {
            return String::new();
        };
        let manifest = &source.manifest;
        let (line, _) = self::place(&manifest.text, place.span.start);
        let said = manifest
            .text
            .lines()
            .nth(line - 1)
            .unwrap_or_default()
            .trim();
        let said = said.split(" #").next().unwrap_or_default().trim_end();
        let said = said.strip_prefix("- ").unwrap_or(said);
        format!(
            "{}:{line} {}",
            file_name(&manifest.path),
            cut(said, LONGEST_QUOTE)
        )
    }

    /// The name of a file, for comments.
    pub(super) fn file(&self, file: usize) -> String {
        let source = self.sources.get(file);
        source.map_or_else(String::new, |source| file_name(&source.manifest.path))
    }
}

fn file_name(path: &std::path::Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// A text without line breaks.
fn clean(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.collect()
}

/// A text without line breaks, at most so many letters.
fn cut(text: &str, most: usize) -> String {
    let text = clean(text);
    if text.chars().count() <= most {
        return text;
    }
    let mut short: String = text.chars().take(most - 1).collect();
    short.push('…');
    short
}

fn wrapped(words: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        let line = lines.len() - 1;
        let room = lines[line].chars().count() + word.chars().count();
        if lines[line].is_empty() {
            lines[line].push_str(word);
        } else if room < width {
            lines[line].push_str(&format!(" {word}"));
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The whole file.
pub(super) fn write(
    sources: &[Source],
    split: Option<&Import>,
    controller: Option<Controller>,
    found: &[Found],
    questions: &[String],
) -> String {
    let mut page = Page {
        sources,
        text: String::new(),
    };
    let files: Vec<String> = (0..sources.len()).map(|file| page.file(file)).collect();
    page.remark(&format!(
        "Drafted by `coalmine import` from {}.",
        files.join(", ")
    ));
    page.remark(&format!(
        "Lines marked `{FILL_IN}` are ours and say nothing about your service: put your figures there."
    ));
    sections::head(&mut page, split, controller, found);
    sections::traffic(&mut page, split);
    sections::versions(&mut page, split);
    sections::shared_faults(&mut page, split);
    if let Some(split) = split {
        sections::split(&mut page, split);
        if controller.is_none() {
            sections::telemetry(&mut page, split);
        }
    }
    sections::rollout(&mut page, split, controller, found);
    sections::figures(&mut page, questions);
    page.text
}

/// The names, in the scenario, of the files that a controller reads.
pub(super) fn read_by(controller: Controller, sources: &[Source], found: &[Found]) -> Vec<String> {
    let mut files: Vec<usize> = found
        .iter()
        .filter(|one| controller.reads(one))
        .map(|one| one.file)
        .collect();
    files.dedup();
    let sources = files.iter().filter_map(|file| sources.get(*file));
    sources.map(|source| source.name.clone()).collect()
}
