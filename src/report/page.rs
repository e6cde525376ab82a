//! A page for a terminal, written from top to bottom.

use anstyle::Style;

use super::wrap::wrap;

/// A page for a terminal, written from top to bottom.
pub(super) struct Page {
    /// What is written so far.
    pub(super) text: String,
    /// No line is longer than so many characters.
    pub(super) width: usize,
    /// Whether styles become ANSI escapes.
    pub(super) colour: bool,
}

impl Page {
    /// An empty one.
    pub(super) fn new(width: usize, colour: bool) -> Page {
        Page {
            text: String::new(),
            width,
            colour,
        }
    }

    /// An empty line.
    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A line as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Text in lines of at most the page's width; all but the first begin with `indent`.
    pub(super) fn say(&mut self, text: &str, indent: &str, style: Style) {
        for line in wrap(text, indent, self.width) {
            match self.colour {
                true => self.line(&format!("{style}{line}{style:#}")),
                false => self.line(&line),
            }
        }
    }
}
