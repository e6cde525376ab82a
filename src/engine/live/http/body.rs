//! Where a body ends.

/// How a message says where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// It has none.
    Empty,
    /// After so many bytes.
    Length(u64),
    /// In chunks that carry their own lengths.
    Chunked,
    /// When the connection is closed: an answer of the old kind.
    UntilClose,
}

/// Follows a body through the bytes of its connection.
///
/// To drive it: hand what has been read to [`Body::take`], which says how many of these bytes are
/// the body's, framing included; stop when [`Body::is_complete`].
#[derive(Debug, Clone)]
pub struct Body {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Done,
    /// So many bytes are still to come.
    Plain(u64),
    /// In a line that gives a chunk's size, of which so much is known.
    Size {
        size: u64,
        digits: u8,
    },
    /// In what follows the size on its line.
    Extension {
        size: u64,
        length: u16,
    },
    /// At the line feed that ends the size's line.
    SizeEnd {
        size: u64,
    },
    /// In a chunk's data.
    Data(u64),
    /// At the line break after a chunk's data; whether the carriage return has been seen.
    DataEnd {
        returned: bool,
    },
    /// In the trailer after the last chunk: letters on the present line, and of all lines.
    Trailer {
        line: u16,
        all: u16,
    },
    UntilClose,
}

/// What is not a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chunk of the body is malformed")]
pub struct Malformed;

/// Bytes of extensions of one chunk, and of the trailer, at most.
const LONGEST_ASIDE: u16 = 8 * 1024;

impl Body {
    /// A body of which nothing has been read.
    pub fn new(framing: Framing) -> Body {
        let state = match framing {
            Framing::Empty | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Plain(length),
            Framing::Chunked => State::Size { size: 0, digits: 0 },
            Framing::UntilClose => State::UntilClose,
        };
        Body { state }
    }

    /// Whether all of it has been seen. One that ends with its connection never is.
    pub fn is_complete(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the end of the connection is the body's proper end.
    pub fn ends_with_connection(&self) -> bool {
        self.state == State::UntilClose
    }

    /// How many of `bytes`, from the first on, belong to the body.
    ///
    /// # Errors
    /// When they break the rules of chunks.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        self.read(bytes, |_| {})
    }

    /// The same, handing over the body's content without its framing.
    ///
    /// # Errors
    /// When they break the rules of chunks.
    pub fn read(
        &mut self,
        bytes: &[u8],
        mut content: impl FnMut(&[u8]),
    ) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match self.state {
                State::Done => break,
                State::UntilClose => {
                    content(rest);
                    at = bytes.len();
                }
                State::Plain(left) | State::Data(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    content(&rest[..taken]);
                    at += taken;
                    let left = left - taken as u64;
                    self.state = match (self.state, left) {
                        (State::Plain(_), 0) => State::Done,
                        (State::Plain(_), left) => State::Plain(left),
                        (_, 0) => State::DataEnd { returned: false },
                        (_, left) => State::Data(left),
                    };
                }
                _ => {
                    self.state = self.state.step(rest[0])?;
                    at += 1;
                }
            }
        }
        Ok(at)
    }
}

impl State {
    /// One byte of a chunk's framing.
    fn step(self, byte: u8) -> Result<State, Malformed> {
        match self {
            State::Size { size, digits } => match (byte as char).to_digit(16) {
                // Sixteen digits would be more than there is.
                Some(digit) if digits < 15 => Ok(State::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                }),
                None if digits > 0 && byte == b'\r' => Ok(State::SizeEnd { size }),
                None if digits > 0 && matches!(byte, b';' | b' ' | b'\t') => {
                    Ok(State::Extension { size, length: 0 })
                }
                _ => Err(Malformed),
            },
            State::Extension { size, length } => match byte {
                b'\r' => Ok(State::SizeEnd { size }),
                b'\n' => Err(Malformed),
                _ if length == LONGEST_ASIDE => Err(Malformed),
                _ => Ok(State::Extension {
                    size,
                    length: length + 1,
                }),
            },
            State::SizeEnd { size } if byte == b'\n' => Ok(match size {
                0 => State::Trailer { line: 0, all: 0 },
                size => State::Data(size),
            }),
            State::DataEnd { returned: false } if byte == b'\r' => {
                Ok(State::DataEnd { returned: true })
            }
            State::DataEnd { returned: true } if byte == b'\n' => {
                Ok(State::Size { size: 0, digits: 0 })
            }
            State::Trailer { all, .. } if all == LONGEST_ASIDE => Err(Malformed),
            State::Trailer { line, all } => Ok(match byte {
                b'\n' if line == 0 => State::Done,
                b'\n' => State::Trailer {
                    line: 0,
                    all: all + 1,
                },
                b'\r' => State::Trailer { line, all: all + 1 },
                _ => State::Trailer {
                    line: line + 1,
                    all: all + 1,
                },
            }),
            _ => Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_body_of_known_length_ends_there() {
        let mut body = Body::new(Framing::Length(5));
        assert_eq!(body.take(b"abc"), Ok(3));
        assert!(!body.is_complete());
        assert_eq!(body.take(b"deGET /"), Ok(2));
        assert!(body.is_complete());
        assert_eq!(body.take(b"GET /"), Ok(0));
        assert!(Body::new(Framing::Length(0)).is_complete());
        assert!(Body::new(Framing::Empty).is_complete());
    }

    #[test]
    fn chunks_that_break_the_rules_are_refused() {
        for wrong in [
            "x\r\n",
            "\r\n",
            "5\n",
            "5\r\nabcdeX",
            "5\r\nabcde\rX",
            "fffffffffffffffff\r\n",
            "-1\r\n",
        ] {
            let mut body = Body::new(Framing::Chunked);
            assert_eq!(body.take(wrong.as_bytes()), Err(Malformed), "{wrong:?}");
        }
        let mut long = Body::new(Framing::Chunked);
        let extension = format!("5;{}", "a".repeat(9_000));
        assert_eq!(long.take(extension.as_bytes()), Err(Malformed));
    }

    proptest! {
        /// However the network cuts it, a chunked body gives its content and ends at its end.
        #[test]
        fn chunks_are_followed_across_any_cut(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            trailer in any::<bool>(),
            cuts in proptest::collection::vec(1_usize..9, 1..200),
        ) {
            let mut text = Vec::new();
            for chunk in &chunks {
                text.extend_from_slice(format!("{:x};a=b\r\n", chunk.len()).as_bytes());
                text.extend_from_slice(chunk);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(if trailer { b"0\r\nx: y\r\n\r\n" } else { b"0\r\n\r\n" });
            let end = text.len();
            text.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
            let (mut body, mut content, mut at) = (Body::new(Framing::Chunked), Vec::new(), 0);
            for cut in cuts.iter().cycle() {
                let next = (at + cut).min(text.len());
                let taken = body.read(&text[at..next], |part| content.extend_from_slice(part));
                at += taken.unwrap();
                if body.is_complete() {
                    break;
                }
            }
            prop_assert_eq!(at, end);
            prop_assert_eq!(content, chunks.concat());
        }
    }
}
