//! Writing to the terminal: a reader who has seen enough (`| head`) ends the output quietly, and
//! colours go only where somebody can see them.
use std::io::{ErrorKind, IsTerminal, Write};

use super::CommandError;

/// Writes text to standard output.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        // A closed pipe is the reader's decision.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CommandError::Output(error)),
        _ => Ok(()),
    }
}

/// Writes a line to standard error.
pub(super) fn note(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{text}");
}

/// Columns that output may take.
pub(super) const WIDTH: usize = 100;

/// Whether standard output can show colours.
pub(super) fn colours() -> bool {
    anstream::stdout().current_choice() != anstream::ColorChoice::Never
}

/// Whether somebody watches standard error, so that a progress bar makes sense.
pub(super) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Breaks lines of more than `width` characters at spaces; what follows a break begins with
/// `indent`. Escapes for colours take no room.
pub(super) fn narrow(text: &str, width: usize, indent: &str) -> String {
    let lines = text.split('\n').map(|line| {
        if visible(line) <= width {
            return line.to_owned();
        }
        let (mut out, mut used) = (String::new(), 0);
        for word in line.split(' ') {
            let room = visible(word);
            if used > 0 && used + 1 + room > width {
                out.push('\n');
                out.push_str(indent);
                used = indent.len();
            } else if used > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += room;
        }
        out
    });
    lines.collect::<Vec<String>>().join("\n")
}

fn visible(text: &str) -> usize {
    let mut escaped = false;
    let shown = text.chars().filter(|letter| {
        let begins = *letter == '\u{1b}';
        let hidden = escaped || begins;
        escaped = begins || (escaped && *letter != 'm');
        !hidden
    });
    shown.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_at_spaces_and_colours_take_no_room() {
        assert_eq!(
            narrow("one two three\nfour", 8, "  "),
            "one two\n  three\nfour"
        );
        assert_eq!(
            narrow("\u{1b}[31mone\u{1b}[0m two", 7, ""),
            "\u{1b}[31mone\u{1b}[0m two"
        );
        assert_eq!(narrow("unbreakable", 4, ""), "unbreakable");
    }
}
