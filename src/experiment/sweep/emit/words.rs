//! Text as shells and YAML take it: whatever a path or a plan holds, it stays one word.

use std::fmt::Write;

/// A word of a POSIX shell.
pub(super) fn shell(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A scalar of YAML in double quotes.
pub(super) fn yaml(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        // Writing to a string does not fail.
        let _ = match letter {
            '"' | '\\' => write!(quoted, "\\{letter}"),
            '\n' => write!(quoted, "\\n"),
            '\t' => write!(quoted, "\\t"),
            _ if is_plain(letter) => write!(quoted, "{letter}"),
            _ => write!(quoted, "\\U{:08X}", u32::from(letter)),
        };
    }
    quoted.push('"');
    quoted
}

/// A text as a literal block where YAML can hold it as it is, so that people can read it; else in
/// double quotes. The block begins on the next line, indented by so many blanks.
pub(super) fn yaml_block(text: &str, indent: usize) -> String {
    let literal = |letter: char| letter == '\n' || is_plain(letter);
    let body = text.trim_end_matches('\n');
    let ends = text.len() - body.len();
    if body.is_empty() || ends > 1 || !text.chars().all(literal) {
        return yaml(text);
    }
    let pad = " ".repeat(indent);
    // The number says where the text begins, whatever its own first line is indented by.
    let mut block = format!("|2{}", if ends == 0 { "-" } else { "" });
    for line in body.split('\n') {
        block.push('\n');
        if !line.is_empty() {
            block.push_str(&pad);
            block.push_str(line);
        }
    }
    block
}

/// Whether YAML takes a letter as it is: neither a control nor a break of lines nor a mark of order.
fn is_plain(letter: char) -> bool {
    !letter.is_control()
        && !matches!(
            letter,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn read(yaml: &str) -> BTreeMap<String, BTreeMap<String, String>> {
        serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_yaml(text in r#"([a-z {}:#'"\\\n\t|-]|\PC|\u{2028}|\u{85}|\u{7f}){0,40}"#) {
            for scalar in [yaml(&text), yaml_block(&text, 4)] {
                let file = format!("data:\n  plan: {scalar}\n  other: x\n");
                let back = read(&file);
                prop_assert_eq!(&back["data"]["plan"], &text, "{}", file);
                prop_assert_eq!(&back["data"]["other"], "x");
            }
        }
    }

    #[test]
    fn a_plan_is_readable() {
        let block = yaml_block("{\n  \"a\": \"ü\"\n}\n", 4);
        assert_eq!(block, "|2\n    {\n      \"a\": \"ü\"\n    }");
        assert_eq!(yaml_block("a\n\n\n", 4), r#""a\n\n\n""#);
    }

    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(shell("out/plan-1.json"), "out/plan-1.json");
        assert_eq!(shell("my plan"), "'my plan'");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell(""), "''");
    }
}
