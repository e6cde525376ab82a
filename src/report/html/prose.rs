//! The few marks of Markdown that stories use, as a tree that the template escapes and draws.

/// A block of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// Running text.
    Paragraph(Vec<Span>),
    /// Items with bullets.
    List(Vec<Vec<Span>>),
}

/// A stretch of text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    /// As it is.
    Plain(String),
    /// Between backquotes.
    Code(String),
    /// Between pairs of asterisks.
    Strong(String),
}

/// Paragraphs are separated by empty lines; lines that begin with a dash are a list. Headings lose
/// their marks, anything else stays as it was written.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim) {
        let item = line.strip_prefix("- ").or_else(|| line.strip_prefix("* "));
        match (item, blocks.last_mut()) {
            _ if line.is_empty() => {
                open = false;
                continue;
            }
            (Some(item), Some(Block::List(items))) => items.push(spans(item)),
            (Some(item), _) => blocks.push(Block::List(vec![spans(item)])),
            (None, Some(Block::Paragraph(words))) if open => more(words, line),
            (None, Some(Block::List(items))) if open => {
                if let Some(words) = items.last_mut() {
                    more(words, line);
                }
            }
            (None, _) => {
                let line = line.trim_start_matches('#').trim_start();
                blocks.push(Block::Paragraph(spans(line)));
            }
        }
        open = true;
    }
    blocks
}

fn more(words: &mut Vec<Span>, line: &str) {
    words.push(Span::Plain(" ".to_owned()));
    words.extend(spans(line));
}

fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let next = [
            ("`", Span::Code as fn(String) -> Span),
            ("**", Span::Strong),
        ]
        .into_iter()
        .filter_map(|(mark, style)| {
            let start = rest.find(mark)?;
            let inner = start + mark.len();
            let length = rest[inner..].find(mark).filter(|length| *length > 0)?;
            Some((start, inner, length, mark, style))
        })
        .min_by_key(|(start, ..)| *start);
        let Some((start, inner, length, mark, style)) = next else {
            break;
        };
        if start > 0 {
            spans.push(Span::Plain(rest[..start].to_owned()));
        }
        spans.push(style(rest[inner..inner + length].to_owned()));
        rest = &rest[inner + length + mark.len()..];
    }
    if !rest.is_empty() {
        spans.push(Span::Plain(rest.to_owned()));
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Span {
        Span::Plain(text.to_owned())
    }

    #[test]
    fn paragraphs_lists_and_marks_are_told_apart() {
        let text = "# Why\n\nOne `a < b` and\n**two**.\n\n- first\n- second\n  goes on\n";
        assert_eq!(
            blocks(text),
            [
                Block::Paragraph(vec![plain("Why")]),
                Block::Paragraph(vec![
                    plain("One "),
                    Span::Code("a < b".to_owned()),
                    plain(" and"),
                    plain(" "),
                    Span::Strong("two".to_owned()),
                    plain("."),
                ]),
                Block::List(vec![
                    vec![plain("first")],
                    vec![plain("second"), plain(" "), plain("goes on")],
                ]),
            ]
        );
    }

    #[test]
    fn marks_without_a_partner_stay() {
        assert_eq!(spans("2 ** 3 ` 4"), [plain("2 ** 3 ` 4")]);
        assert_eq!(spans("````"), [plain("````")]);
    }
}
