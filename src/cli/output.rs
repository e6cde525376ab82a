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
