//! Markdown as text for a terminal.

use anstyle::Style;
use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::report::wrap::wrap;

/// Markdown in lines of at most `width` characters (code stays as it is written); `bold` writes
/// headings in bold letters, for terminals that can.
pub fn plain(text: &str, width: usize, bold: bool) -> String {
    let mut plain = Plain {
        width,
        bold,
        out: String::new(),
        words: String::new(),
        lists: Vec::new(),
        marker: None,
        link: None,
        rows: None,
        in_code: false,
        in_comment: false,
    };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        plain.take(event);
    }
    plain.flush();
    let end = plain.out.trim_end().len();
    plain.out.truncate(end);
    plain.out.push('\n');
    plain.out
}

struct Plain {
    width: usize,
    bold: bool,
    out: String,
    /// The words of the block that is open.
    words: String,
    /// The open lists: the number of the next item of one that counts.
    lists: Vec<Option<u64>>,
    /// What stands before the next block of words, once.
    marker: Option<String>,
    /// Where the open link leads, when that is worth saying, and where its words begin.
    link: Option<(String, usize)>,
    /// The rows of the open table.
    rows: Option<Vec<Vec<String>>>,
    in_code: bool,
    in_comment: bool,
}

impl Plain {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Text(text) if self.in_code => self.out.push_str(&text),
            Event::Text(text) => self.words.push_str(&text),
            Event::Code(code) => self.words.push_str(&format!("`{code}`")),
            Event::SoftBreak => self.words.push(' '),
            Event::HardBreak => self.flush(),
            Event::Html(text) | Event::InlineHtml(text) => self.written(&text),
            Event::Rule => self.out.push_str("─────\n\n"),
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.marker = Some(marker);
            }
            Tag::CodeBlock(_) => {
                self.flush();
                self.in_code = true;
            }
            Tag::Link { dest_url, .. } if dest_url.starts_with("http") => {
                self.link = Some((dest_url.to_string(), self.words.len()));
            }
            Tag::Table(_) => self.rows = Some(Vec::new()),
            Tag::TableHead | Tag::TableRow => {
                if let Some(rows) = &mut self.rows {
                    rows.push(Vec::new());
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => {
                self.flush();
                self.space();
            }
            TagEnd::Heading(level) => self.heading(level),
            TagEnd::CodeBlock => {
                self.in_code = false;
                self.space();
            }
            TagEnd::Item => self.flush(),
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                if self.lists.is_empty() {
                    self.space();
                }
            }
            TagEnd::Link => {
                if let Some((to, from)) = self.link.take()
                    && self.words[from..] != to
                {
                    self.words.push_str(&format!(" ({to})"));
                }
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.words);
                if let Some(row) = self.rows.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Table => {
                let rows = self.rows.take().unwrap_or_default();
                self.out.push_str(&table(&rows, self.width));
                self.space();
            }
            _ => {}
        }
    }

    /// HTML that somebody wrote: words, unless it is a comment.
    fn written(&mut self, text: &str) {
        let hidden = self.in_comment || text.trim_start().starts_with("<!--");
        self.in_comment = hidden && !text.contains("-->");
        if !hidden {
            self.words.push_str(text);
        }
    }

    fn heading(&mut self, level: HeadingLevel) {
        let words = std::mem::take(&mut self.words);
        if level != HeadingLevel::H1 && !self.out.is_empty() {
            self.out.push('\n');
        }
        let style = match self.bold {
            true => Style::new().bold(),
            false => Style::new(),
        };
        for line in wrap(&words, "", self.width) {
            self.out.push_str(&format!("{style}{line}{style:#}\n"));
        }
        self.out.push('\n');
    }

    /// Writes the words of the open block, behind what stands before it.
    fn flush(&mut self) {
        let words = std::mem::take(&mut self.words);
        if words.trim().is_empty() {
            return;
        }
        let marker = self.marker.take();
        let depth = self.lists.len().saturating_sub(1) * 2;
        let hang = match (&marker, self.lists.is_empty()) {
            (Some(marker), _) => depth + marker.len(),
            (None, true) => 0,
            (None, false) => depth + 2,
        };
        let mut before = match marker {
            Some(marker) => format!("{}{marker}", " ".repeat(depth)),
            None => " ".repeat(hang),
        };
        for line in wrap(&words, "", self.width - hang) {
            self.out.push_str(&before);
            self.out.push_str(&line);
            self.out.push('\n');
            before = " ".repeat(hang);
        }
    }

    /// An empty line, unless there is one.
    fn space(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }
}

/// The first row is the head.
fn table(rows: &[Vec<String>], width: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX));
    if let Some((head, body)) = rows.split_first() {
        table.set_header(head);
        for row in body {
            table.add_row(row);
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::book;

    #[test]
    fn paragraphs_lists_and_links_are_wrapped() {
        let text = "# A *title*\n\nOne two three four\nfive.\n\n- an item that is long\n- [two](https://a.example)\n\
                    \n1. first\n\n2. second\n\n   more of it\n\n```sh\nas   it is\n```\n\n[here](gates.md#z) <b>\n";
        let wanted = "A title\n\nOne two three four\nfive.\n\n- an item that is\n  long\n- two\n\
                      \x20 (https://a.example)\n\n1. first\n\n2. second\n\n  more of it\n\nas   it is\n\nhere <b>\n";
        assert_eq!(plain(text, 21, false), wanted);
    }

    #[test]
    fn headings_are_bold_where_that_shows_and_tables_keep_their_columns() {
        let bold = plain("## Head\n\nwords", 40, true);
        assert_eq!(bold, "\u{1b}[1mHead\u{1b}[0m\n\nwords\n");
        let table = plain(
            "| a | what |\n| --- | --: |\n| `x` | long words that wrap |\n",
            20,
            false,
        );
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines[0].starts_with("a") && lines[0].contains("what"),
            "{table}"
        );
        assert!(
            lines[2].starts_with("`x`") && lines[2].ends_with("long words"),
            "{table}"
        );
        assert_eq!(lines.len(), 4, "{table}");
    }

    #[test]
    fn every_page_of_the_book_fits_a_hundred_columns() {
        for page in book::pages() {
            let text = plain(page.text, 100, false);
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{}: {line}", page.subject);
            }
            // Nothing of Markdown's own is left, and no word is lost.
            assert!(
                !text.contains("](") && !text.contains("<!--"),
                "{}",
                page.subject
            );
            assert!(text.starts_with(&page.title()), "{}", page.subject);
        }
    }
}
