//! What lets a caller do what not everybody may.

use std::fmt::{self, Write};
use std::fs::File;
use std::io::{self, Read};

/// A random word that only who was shown it knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Logs are read by many.
        formatter.write_str("Token")
    }
}

impl Token {
    /// Draws 128 bits of the system's randomness: a run's seed is no secret.
    ///
    /// # Errors
    /// When the system has none.
    pub fn draw() -> io::Result<Token> {
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
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether this is it.
    pub fn is(&self, given: &[u8]) -> bool {
        let text = self.text.as_bytes();
        if given.len() != text.len() {
            return false;
        }
        // However much of it is right, the comparison takes as long.
        let pairs = given.iter().zip(text);
        pairs.fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
    }

    /// Whether the value of an `authorization` header gives it.
    pub(super) fn is_borne(&self, given: &[u8]) -> bool {
        let scheme = b"bearer ";
        given
            .split_at_checked(scheme.len())
            .is_some_and(|(start, word)| start.eq_ignore_ascii_case(scheme) && self.is(word))
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
        assert!(token.is(token.text().as_bytes()));
        assert!(!token.is(b""));
        assert!(!token.is(&token.text().as_bytes()[1..]));
        assert!(!token.is(Token::draw().unwrap().text().as_bytes()));
        assert!(token.is_borne(format!("Bearer {}", token.text()).as_bytes()));
        assert!(token.is_borne(format!("bearer {}", token.text()).as_bytes()));
        for wrong in [
            String::new(),
            token.text().to_owned(),
            "Bearer ".to_owned(),
            format!("Bearer {}", &token.text()[1..]),
            format!("Basic  {}", token.text()),
            format!("Bearer {}", Token::draw().unwrap().text()),
        ] {
            assert!(!token.is_borne(wrong.as_bytes()), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token");
    }
}
