//! Text in lines that fit a terminal.

/// Breaks at spaces into lines of at most `width` characters; a word longer than that is cut. All
/// lines but the first begin with `indent`.
pub(crate) fn wrap(text: &str, indent: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let (mut used, mut empty) = (0, true);
    let mut next = |line: &mut String| {
        lines.push(std::mem::replace(line, indent.to_owned()));
        indent.len()
    };
    for word in words(text) {
        if !empty && used + 1 + word.chars().count() > width {
            used = next(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
            used += 1;
        }
        for letter in word.chars() {
            if used == width {
                used = next(&mut line);
            }
            line.push(letter);
            used += 1;
        }
        empty = false;
    }
    next(&mut line);
    lines
}

/// The words of a text; a unit belongs to its number.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = ["%", "ms", "s"].contains(&word.trim_end_matches([',', ';', ':', '.', ')']));
        match words.last_mut() {
            Some(number) if unit && number.ends_with(|c: char| c.is_ascii_digit()) => {
                number.push(' ');
                number.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// The same, but parts separated by ` · ` stay together where they can: a line breaks between two
/// of them before it breaks within one, and then without the separator and the indent.
pub(super) fn wrap_parts(text: &str, indent: &str, width: usize) -> Vec<String> {
    const SEPARATOR: &str = " · ";
    let mut lines: Vec<String> = Vec::new();
    for part in text.split(SEPARATOR) {
        if let Some(last) = lines.last_mut()
            && last.chars().count() + SEPARATOR.chars().count() + part.chars().count() <= width
        {
            last.push_str(SEPARATOR);
            last.push_str(part);
            continue;
        }
        lines.extend(wrap(part, indent, width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_long_words_are_cut() {
        assert_eq!(wrap("one two three", "  ", 8), ["one two", "  three"]);
        assert_eq!(wrap("abcdefghij k", " ", 5), ["abcde", " fghi", " j k"]);
        assert_eq!(wrap("", "  ", 8), [""]);
        assert_eq!(wrap("not 99.6 %, or", "", 8), ["not", "99.6 %,", "or"]);
    }

    #[test]
    fn parts_stay_together_where_they_can() {
        let text = "20/s · stable 1 % errors · canary 2 % errors";
        assert_eq!(wrap_parts(text, "  ", 50), [text]);
        assert_eq!(
            wrap_parts(text, "  ", 30),
            ["20/s · stable 1 % errors", "canary 2 % errors"]
        );
        for line in wrap_parts(text, "  ", 12) {
            assert!(line.chars().count() <= 12, "{line}");
        }
    }
}
