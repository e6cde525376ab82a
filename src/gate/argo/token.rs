//! The words of a condition: numbers, texts, names and signs, each with its place.

use std::ops::Range;

use super::ConditionError;

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Int(i64),
    Float(f64),
    Text(String),
    /// A name, a keyword, or the item of a closure: `result`, `not`, `#`.
    Name(String),
    Sign(&'static str),
}

/// Signs, the longer of two with the same beginning first.
const SIGNS: [&str; 32] = [
    "&&", "||", "==", "!=", "<=", ">=", "**", "??", "?.", "..", "<", ">", "+", "-", "*", "/", "%",
    "^", "!", "?", ":", ".", ",", ";", "(", ")", "[", "]", "{", "}", "|", "=",
];

/// The words of a text in order, with their places in bytes.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Range<usize>)>, ConditionError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if let Some(length) = comment(rest, at)? {
            at += length;
            continue;
        }
        let (token, length) = match first {
            '"' | '\'' | '`' => quoted(rest, first, at)?,
            '0'..='9' => number(rest, at)?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(rest, at)?,
            '#' | '$' | '_' | 'a'..='z' | 'A'..='Z' => {
                let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = rest[1..]
                    .find(|c| !name(c))
                    .map_or(rest.len(), |end| end + 1);
                (Token::Name(rest[..end].to_owned()), end)
            }
            _ => match SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => {
                    let message = format!("`{first}` has no meaning here");
                    return Err(ConditionError::new(message, at));
                }
            },
        };
        found.push((token, at..at + length));
        at += length;
    }
    Ok(found)
}

/// The length of a comment that begins here.
fn comment(rest: &str, at: usize) -> Result<Option<usize>, ConditionError> {
    if rest.starts_with("//") {
        return Ok(Some(rest.find('\n').unwrap_or(rest.len())));
    }
    if rest.starts_with("/*") {
        let end = rest.find("*/").map(|end| Some(end + 2));
        return end.ok_or_else(|| ConditionError::new("this comment has no end", at));
    }
    Ok(None)
}

fn quoted(rest: &str, quote: char, at: usize) -> Result<(Token, usize), ConditionError> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((index, c)) = chars.next() {
        match c {
            _ if c == quote => return Ok((Token::Text(text), index + 1)),
            '\\' if quote != '`' => {
                let escaped = chars.next().map(|(_, escaped)| escaped);
                text.push(match escaped {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some(same @ ('\\' | '"' | '\'' | '/')) => same,
                    _ => {
                        let message = "this escape is not understood: write \\n, \\t, \\\\ or \\\"";
                        return Err(ConditionError::new(message, at + index));
                    }
                });
            }
            '\n' if quote != '`' => break,
            _ => text.push(c),
        }
    }
    Err(ConditionError::new("this text has no closing quote", at))
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), ConditionError> {
    let refuse = |end: usize| {
        let message = format!("`{}` is not a number", &rest[..end]);
        ConditionError::new(message, at)
    };
    let radix = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 10,
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if radix != 10 {
        let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let digits = rest[2..end].replace('_', "");
        let value = i64::from_str_radix(&digits, radix).map_err(|_| refuse(end))?;
        return Ok((Token::Int(value), end));
    }
    let mut end = 0;
    let (mut pointed, mut powered) = (false, false);
    let bytes = rest.as_bytes();
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' | b'_' => {}
            // Two points are a range.
            b'.' if !pointed && !powered && bytes.get(end + 1) != Some(&b'.') => pointed = true,
            b'e' | b'E' if !powered => {
                powered = true;
                end += usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            }
            _ => break,
        }
        end += 1;
    }
    if rest[end..].starts_with(word) {
        let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
        return Err(refuse(end));
    }
    let digits = rest[..end].replace('_', "");
    let token = if pointed || powered {
        let value = digits.parse::<f64>().ok().filter(|value| value.is_finite());
        Token::Float(value.ok_or_else(|| refuse(end))?)
    } else {
        Token::Int(digits.parse().map_err(|_| refuse(end))?)
    };
    Ok((token, end))
}
