//! What lets a caller from elsewhere change faults.

use std::fmt::{self, Write};
use std::fs::File;
use std::io::{self, Read};

/// A random word that only who was shown it knows.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::engine::live::backend) struct Token {
    text: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Logs are read by many.
        formatter.write_str("Token")
    }
}

impl Token {
    /// Draws one from the system's randomness: a run's seed is no secret.
    ///
    /// # Errors
    /// When the system has none.
    pub(in crate::engine::live::backend) fn draw() -> io::Result<Token> {
        let mut bytes = [0_u8; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let mut text = String::new();
        for byte in bytes {
            // Writing to memory does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Token { text })
    }

    /// The word itself.
    pub(in crate::engine::live::backend) fn text(&self) -> String {
        self.text.clone()
    }

    /// Whether the value of an `authorization` header gives it.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        let scheme = b"bearer ";
        let (text, length) = (self.text.as_bytes(), scheme.len());
        if given.len() != length + text.len() || !given[..length].eq_ignore_ascii_case(scheme) {
            return false;
        }
        // However much of it is right, the comparison takes as long.
        let pairs = given[length..].iter().zip(text);
        pairs.fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_opens() {
        let token = Token::draw().unwrap();
        assert_eq!(token.text().len(), 32);
        assert_ne!(token, Token::draw().unwrap());
        assert!(token.is(format!("Bearer {}", token.text()).as_bytes()));
        assert!(token.is(format!("bearer {}", token.text()).as_bytes()));
        for wrong in [
            String::new(),
            token.text(),
            "Bearer ".to_owned(),
            format!("Bearer {}", &token.text()[1..]),
            format!("Basic  {}", token.text()),
            format!("Bearer {}", Token::draw().unwrap().text()),
        ] {
            assert!(!token.is(wrong.as_bytes()), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token");
    }
}
