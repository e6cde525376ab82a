//! A query's text as tokens: what is refused before the parser sees it, and where an error lies.
//!
//! The parser names no places, and a few texts make it panic or run deep: numbers that are no
//! length of time where one is expected, and brackets without end.

use std::ops::Range;

use super::{QueryError, Semantics, patterns};

/// The longest text that is read, in bytes.
const LONGEST: usize = 65_536;
/// So many operators and brackets a query may have: as deep may it nest.
const MOST: usize = 400;
/// The longest duration in milliseconds, as in Prometheus: 64 bits of nanoseconds.
const LONGEST_DURATION: f64 = 9.2e12;

/// What a piece of a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    Duration,
    Text,
    Symbol,
}

/// A piece of a query.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// Takes a text apart and refuses what must not reach the parser. The second part of the answer is
/// the text for the parser.
pub(super) fn scan(text: &str, semantics: Semantics) -> Result<(Vec<Token>, String), QueryError> {
    if text.len() > LONGEST {
        let message = format!("the query has {} bytes", text.len());
        return Err(QueryError::new(message, None).help(format!("write at most {LONGEST}")));
    }
    let tokens = tokens(text);
    check_depth(text, &tokens)?;
    check_numbers(text, &tokens, semantics)?;
    check_texts(text, &tokens)?;
    let mut plain = String::with_capacity(text.len());
    let mut from = 0;
    for token in tokens.iter().filter(|token| token.kind == Kind::Number) {
        plain.push_str(&text[from..token.span.start]);
        plain.extend(text[token.span.clone()].chars().filter(|c| *c != '_'));
        from = token.span.end;
    }
    plain.push_str(&text[from..]);
    Ok((tokens, plain))
}

/// The words of a query.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = tokens(text)
        .into_iter()
        .filter(|token| token.kind == Kind::Word);
    words.map(|token| &text[token.span])
}

fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let run = |from: usize, inside: fn(u8) -> bool| {
        let length = bytes[from..].iter().position(|byte| !inside(*byte));
        length.map_or(bytes.len(), |length| from + length)
    };
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    let mut brackets = false;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied().unwrap_or_default();
        let (kind, end) = match byte {
            _ if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'#' => {
                at = run(at, |byte| byte != b'\n' && byte != b'\r');
                continue;
            }
            b'"' | b'\'' | b'`' => (Kind::Text, end_of_text(bytes, at)),
            b'.' if next.is_ascii_digit() => (Kind::Number, end_of_number(bytes, at)),
            _ if byte.is_ascii_digit() => {
                let end = end_of_number(bytes, at);
                let unit = |b: &u8| b"smhdwy".contains(b);
                let kind =
                    match !next.eq_ignore_ascii_case(&b'x') && bytes[at..end].iter().any(unit) {
                        true => Kind::Duration,
                        false => Kind::Number,
                    };
                (kind, end)
            }
            // Between brackets a colon parts a subquery's range and step.
            b':' if brackets => (Kind::Symbol, at + 1),
            _ if is_word(byte) => (Kind::Word, run(at, |b| is_word(b) || b.is_ascii_digit())),
            b'=' | b'!' | b'<' | b'>' if next == b'=' || next == b'~' => (Kind::Symbol, at + 2),
            _ => (Kind::Symbol, text.ceil_char_boundary(at + 1)),
        };
        let span = at..end;
        brackets = match byte {
            b'[' => true,
            b']' => false,
            _ => brackets,
        };
        tokens.push(Token { kind, span });
        at = end;
    }
    tokens
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b':'
}

fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == quote {
            break;
        }
        if byte == b'\\' && quote != b'`' {
            at += 1;
        }
    }
    at.min(bytes.len())
}

/// Hexadecimal, decimal with an exponent, or a duration.
fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let hex = bytes[start..].starts_with(b"0x") || bytes[start..].starts_with(b"0X");
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        let sign = b"+-".contains(&byte) && !hex && b"eE".contains(&bytes[at - 1]);
        if !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || sign) {
            break;
        }
        at += 1;
    }
    at
}

fn check_depth(text: &str, tokens: &[Token]) -> Result<(), QueryError> {
    let mut steps = 0;
    for token in tokens {
        let word = &text[token.span.clone()];
        let counts = match token.kind {
            Kind::Word => ["and", "or", "unless", "atan2"]
                .iter()
                .any(|operator| word.eq_ignore_ascii_case(operator)),
            Kind::Symbol => !matches!(word, ")" | "]" | "}" | "," | ":" | "=" | "=~" | "!~"),
            _ => false,
        };
        steps += usize::from(counts);
        if steps > MOST {
            let message = format!("more than {MOST} operators and brackets");
            let help = "record parts of the query under names of their own";
            return Err(QueryError::new(message, Some(token.span.clone())).help(help));
        }
    }
    Ok(())
}

/// Texts may be patterns, and small patterns may be large programs.
fn check_texts(text: &str, tokens: &[Token]) -> Result<(), QueryError> {
    let mut size = 0_u64;
    for token in tokens.iter().filter(|token| token.kind == Kind::Text) {
        size = size.saturating_add(patterns::size(&text[token.span.clone()]));
        if size > patterns::LARGEST {
            let help = "write shorter patterns, with fewer repetitions";
            let message = "patterns and texts of this size are not read";
            return Err(QueryError::new(message, Some(token.span.clone())).help(help));
        }
    }
    Ok(())
}

/// The text with every quoted text replaced by a short one, up to a token.
fn without_texts(text: &str, tokens: &[Token]) -> String {
    let mut plain = String::new();
    let mut from = 0;
    for token in tokens {
        plain.push_str(&text[from..token.span.start]);
        match token.kind {
            Kind::Text if token.span.len() > 1 => plain.push_str("\"a\""),
            _ => plain.push_str(&text[token.span.clone()]),
        }
        from = token.span.end;
    }
    plain
}

/// The quoted text with this content.
pub(super) fn quoted(text: &str, tokens: &[Token], content: &str) -> Option<Range<usize>> {
    let texts = tokens.iter().filter(|token| token.kind == Kind::Text);
    let mut spans = texts.map(|token| token.span.clone());
    spans.find(|span| text[span.clone()].get(1..span.len() - 1) == Some(content))
}

/// Lengths of time where these are expected, and neither where the other is.
fn check_numbers(text: &str, tokens: &[Token], semantics: Semantics) -> Result<(), QueryError> {
    let refuse = |token: &Token, what: &str, help: &str| {
        let message = format!("`{}` {what}", &text[token.span.clone()]);
        Err(QueryError::new(message, Some(token.span.clone())).help(help))
    };
    const DURATIONS: &str = "write whole numbers with units, like 30s, 5m or 1h30m";
    let (mut brackets, mut braces, mut after_offset) = (false, false, false);
    let mut before = "";
    for token in tokens {
        let word = &text[token.span.clone()];
        let wants_duration = brackets || after_offset;
        match token.kind {
            Kind::Duration => {
                let Some(millis) = duration(word) else {
                    return refuse(token, "is not a length of time", DURATIONS);
                };
                if millis > LONGEST_DURATION {
                    return refuse(token, "is too long a time", DURATIONS);
                }
                if !wants_duration && !semantics.durations_are_numbers {
                    return refuse(token, "stands where a number is expected", "write seconds");
                }
            }
            Kind::Number if wants_duration => {
                let seconds = word.replace('_', "").parse::<f64>();
                if !semantics.durations_are_numbers
                    || !seconds.is_ok_and(|seconds| seconds * 1e3 <= LONGEST_DURATION)
                {
                    return refuse(token, "is not a length of time", DURATIONS);
                }
            }
            Kind::Number if word.contains('_') && !semantics.durations_are_numbers => {
                return refuse(token, "is not a number", "leave out the `_`");
            }
            Kind::Word if wants_duration && is_special(word) => {
                return refuse(token, "is not a length of time", DURATIONS);
            }
            Kind::Text
                if braces && matches!(before, "{" | ",") && !semantics.durations_are_numbers =>
            {
                let help = "write names without quotes: Prometheus 2 knows no others";
                return refuse(token, "stands where a label's name is expected", help);
            }
            _ => {}
        }
        match (token.kind, word) {
            (Kind::Symbol, "[") => brackets = true,
            (Kind::Symbol, "]") => brackets = false,
            (Kind::Symbol, "{") => braces = true,
            (Kind::Symbol, "}") => braces = false,
            _ => {}
        }
        let sign = after_offset && matches!(word, "+" | "-");
        after_offset = sign || token.kind == Kind::Word && word.eq_ignore_ascii_case("offset");
        before = word;
    }
    Ok(())
}

fn is_special(word: &str) -> bool {
    word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan")
}

/// A duration in milliseconds: numbers with units from long to short, each once.
fn duration(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("y", 365.0 * 86_400e3),
        ("w", 7.0 * 86_400e3),
        ("d", 86_400e3),
        ("h", 3_600e3),
        ("m", 60e3),
        ("s", 1e3),
        ("ms", 1.0),
    ];
    let (mut rest, mut units, mut millis) = (text, &UNITS[..], 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit());
        let (unit, more) = rest.split_at(letters.unwrap_or(rest.len()));
        let place = units.iter().position(|(name, _)| *name == unit)?;
        millis += number * units[place].1;
        // The parser keeps 32 bits of each number.
        if number > f64::from(u32::MAX) {
            return Some(f64::INFINITY);
        }
        units = &units[place + 1..];
        rest = more;
    }
    Some(millis)
}

/// The name of the innermost function or aggregation around a place, which may be one of its
/// brackets.
pub(super) fn called(text: &str, tokens: &[Token], place: &Range<usize>) -> Option<Range<usize>> {
    let word = |place: usize| &text[tokens[place].span.clone()];
    let at = tokens.iter().position(|token| token.span == *place)?;
    let (mut open, mut depth) = (at, 0);
    while open == at || word(open) != "(" || depth > 0 {
        match word(open) {
            "(" if open == at => break,
            "(" => depth -= 1,
            ")" if open < at => depth += 1,
            _ => {}
        }
        open = open.checked_sub(1)?;
    }
    let before = tokens.get(open.checked_sub(1)?)?;
    (before.kind == Kind::Word).then(|| before.span.clone())
}

/// The first token up to which a text cannot be completed to a query any more: there lies what the
/// parser did not understand. `reads` says whether a text is a query.
pub(super) fn first_misplaced(
    text: &str,
    tokens: &[Token],
    reads: impl Fn(&str) -> bool,
) -> Option<Range<usize>> {
    let completes = |count: usize| {
        let (mut closing, mut open) = (String::new(), Vec::new());
        for token in &tokens[..count] {
            match &text[token.span.clone()] {
                "(" => open.push(')'),
                "[" => open.push(']'),
                "{" => open.push('}'),
                ")" | "]" | "}" => drop(open.pop()),
                _ => {}
            }
        }
        closing.extend(open.iter().rev());
        let outer: String = open.iter().rev().skip(1).collect();
        let start = without_texts(text, &tokens[..count]);
        // What may be missing: nothing, an operand, the rest of a matcher, a window's length.
        let middles = [
            "", "1", "x", "x[1m]", " x", "[1m]", "(x)", "(x[1m])", "(1,x)", "=\"a\"", "\"a\"",
            "a=\"a\"", "1m", "m", ")", "(a)x", "(a)", "()", ",x", ",x[1m]",
        ];
        middles.iter().any(|middle| {
            reads(&format!("{start}{middle}{closing}")) || reads(&format!("{start}{middle}{outer}"))
        })
    };
    let (mut low, mut high) = (0, tokens.len());
    while low < high {
        let middle = (low + high) / 2;
        match completes(middle + 1) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    match tokens.get(low) {
        Some(token) => Some(token.span.clone()),
        None => Some(text.len()..text.len()),
    }
}
