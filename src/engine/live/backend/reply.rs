//! What an answer looks like on the wire: its head, its body, and what faults make of either.

use super::responder::{Answer, Status};
use super::template::Template;
use crate::model::fault::Corruption;

/// How an answer's body is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Delivery {
    /// Bytes of the body that are sent.
    pub(super) length: usize,
    /// Pieces in which they come, at least one.
    pub(super) pieces: usize,
    /// Seconds from the head to the last piece.
    pub(super) seconds: f64,
    /// Whether the connection ends with the last piece.
    pub(super) ends: bool,
}

/// Pieces of a body that drips.
const DROPS: usize = 16;
/// Seconds between the pieces of a body that is held back.
const PACE: f64 = 0.01;

/// Writes the status line and all headers of an answer but those in `own`, which are added.
pub(super) fn write_head(
    template: &Template,
    answer: &Answer,
    connection: Option<&str>,
    own: &[u8],
    output: &mut Vec<u8>,
) {
    let length = match answer.corruption() {
        Some(Corruption::Empty) => 0,
        _ => template.body(answer.status).len(),
    };
    template.write_head(answer.status, length, output);
    if let Some(connection) = connection {
        output.extend_from_slice(b"connection: ");
        output.extend_from_slice(connection.as_bytes());
        output.extend_from_slice(b"\r\n");
    }
    output.extend_from_slice(own);
    if answer.status == Status::Right {
        if answer.effect.wrong.is_some() {
            output.extend_from_slice(b"x-hurt: wrong\r\n");
        } else if answer.slowed {
            output.extend_from_slice(b"x-hurt: slowed\r\n");
        }
    }
    output.extend_from_slice(b"\r\n");
}

/// How the body of an answer is sent.
pub(super) fn delivery(template: &Template, answer: &Answer) -> Delivery {
    let whole = template.body(answer.status).len();
    let (length, ends) = match answer.corruption() {
        Some(Corruption::Truncated) => (whole / 2, true),
        Some(Corruption::Empty) => (0, false),
        _ => (whole, false),
    };
    let seconds = match (answer.status, answer.effect.failed_after) {
        (Status::Right, _) | (Status::Failed, None) if length > 0 => answer.effect.body,
        _ => 0.0,
    };
    let pieces = if seconds > 0.0 {
        DROPS.max((seconds / PACE).ceil() as usize)
    } else {
        1
    };
    Delivery {
        length,
        pieces: pieces.clamp(1, length.max(1)),
        seconds,
        ends,
    }
}

/// Writes the bytes of piece `index` of a body.
pub(super) fn write_piece(
    template: &Template,
    answer: &Answer,
    delivery: &Delivery,
    index: usize,
    output: &mut Vec<u8>,
) {
    let edge = |index: usize| delivery.length * index / delivery.pieces;
    let piece = &template.body(answer.status)[edge(index)..edge(index + 1)];
    if answer.corruption() == Some(Corruption::Flipped) {
        // Still text, and none of it right.
        output.extend(piece.iter().map(|byte| byte ^ 1));
    } else {
        output.extend_from_slice(piece);
    }
}

impl Answer {
    /// What is wrong with its body.
    fn corruption(&self) -> Option<Corruption> {
        (self.effect.wrong).filter(|_| self.status == Status::Right)
    }
}
