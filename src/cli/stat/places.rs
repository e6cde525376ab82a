//! Where the parts of a JSON text stand, so that a problem can point at the value in question. Only
//! for text that is known to be valid JSON.

use std::borrow::Cow;
use std::ops::Range;

/// One entry of an object: what it is called, and the bytes of its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Range<usize>,
}

/// The entries of the object that `span` of the text holds.
pub(super) fn entries(text: &str, span: &Range<usize>) -> Vec<Entry> {
    let parts = parts(text, span);
    let pairs = parts.chunks_exact(2).map(|pair| Entry {
        key: serde_json::from_str(&text[pair[0].clone()]).unwrap_or_default(),
        key_span: pair[0].clone(),
        value: pair[1].clone(),
    });
    pairs.collect()
}

/// The elements of the list that `span` of the text holds.
pub(super) fn elements(text: &str, span: &Range<usize>) -> Vec<Range<usize>> {
    parts(text, span)
}

/// What stands between the separators of a list or an object.
fn parts(text: &str, span: &Range<usize>) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut parts, mut depth, mut at) = (Vec::new(), 0_u32, span.start + 1);
    let (mut start, mut end) = (None, at);
    while at < span.end {
        let byte = bytes[at];
        let closes = matches!(byte, b']' | b'}');
        if depth == 0 && (closes || matches!(byte, b',' | b':')) {
            parts.extend(start.take().map(|start| start..end));
            if closes {
                break;
            }
        } else if !byte.is_ascii_whitespace() {
            start = start.or(Some(at));
            depth = match byte {
                b'[' | b'{' => depth + 1,
                b']' | b'}' => depth - 1,
                _ => depth,
            };
            if byte == b'"' {
                at = string_end(bytes, at);
            }
            end = at + 1;
        }
        at += 1;
    }
    parts
}

/// The closing quote of the string that opens at `open`.
fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += 1 + usize::from(bytes[at] == b'\\');
    }
    at
}

/// The same text, as many bytes of it, with strings in place of the words that programs write for
/// numbers that JSON does not have. They are refused later, by the name of their input.
pub(super) fn without_bare_words(text: &str) -> Cow<'_, str> {
    const WORDS: [(&str, &str); 3] = [
        ("-Infinity", "\"-infini\""),
        ("Infinity", "\"infini\""),
        ("NaN", "\"n\""),
    ];
    if WORDS.iter().all(|(word, _)| !text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let (bytes, mut out, mut at) = (text.as_bytes(), String::with_capacity(text.len()), 0);
    while at < text.len() {
        let rest = &text[at..];
        let word = WORDS.iter().find(|(word, _)| rest.starts_with(word));
        let next = match (bytes[at], word) {
            (b'"', _) => (string_end(bytes, at) + 1).min(text.len()),
            (_, Some((word, instead))) => {
                out.push_str(instead);
                at += word.len();
                continue;
            }
            _ => at + rest.chars().next().map_or(1, char::len_utf8),
        };
        out.push_str(&text[at..next]);
        at = next;
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_values_and_elements_are_found_where_they_stand() {
        let text = r#" { "a" : [1, {"x": "]"}, "t\"," ], "b":-1e3 ,"c":{} }"#;
        let whole = 1..text.len();
        let found: Vec<_> = entries(text, &whole)
            .into_iter()
            .map(|entry| (entry.key, &text[entry.value]))
            .collect();
        assert_eq!(
            found,
            [
                ("a".to_owned(), r#"[1, {"x": "]"}, "t\"," ]"#),
                ("b".to_owned(), "-1e3"),
                ("c".to_owned(), "{}"),
            ]
        );
        let list = entries(text, &whole)[0].value.clone();
        let found: Vec<_> = (elements(text, &list).into_iter())
            .map(|element| &text[element])
            .collect();
        assert_eq!(found, ["1", r#"{"x": "]"}"#, r#""t\",""#]);
        assert!(elements("[ ]", &(0..3)).is_empty());
    }

    #[test]
    fn words_for_numbers_outside_of_json_give_way_to_strings_as_long() {
        let text = r#"{"NaN é": [NaN, -Infinity, Infinity, "é\"NaN"]}"#;
        let mended = without_bare_words(text);
        assert_eq!(mended, r#"{"NaN é": ["n", "-infini", "infini", "é\"NaN"]}"#);
        assert_eq!(mended.len(), text.len());
        assert!(matches!(without_bare_words("[1]"), Cow::Borrowed(_)));
    }
}
