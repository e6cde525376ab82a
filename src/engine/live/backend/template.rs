//! What answers of an instance have in common, written beforehand.

use std::io::Write;

use super::responder::Status;
use crate::engine::actors::pool::Place;
use crate::engine::live::name_of;

/// What the body of a right answer is made of.
const TEXT: &[u8] = b"All is well down here, and the bird sings.\n";

/// What answers of an instance have in common.
#[derive(Debug)]
pub(super) struct Template {
    /// Status line and the headers that do not change, by status.
    heads: [Vec<u8>; 3],
    /// Bodies by status.
    bodies: [Vec<u8>; 3],
    /// All of the most usual answer.
    whole: Vec<u8>,
}

impl Template {
    /// For an instance whose right answers have bodies of so many bytes.
    pub(super) fn new(place: Place, body: usize) -> Template {
        let name = format!("{}-{}", name_of(place.version), place.index);
        let head = |status: &str| {
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\nx-instance: {name}\r\n");
            head.into_bytes()
        };
        let mut template = Template {
            heads: [
                head("200 OK"),
                head("500 Internal Server Error"),
                head("503 Service Unavailable"),
            ],
            bodies: [
                TEXT.iter().copied().cycle().take(body).collect(),
                b"the server failed\n".to_vec(),
                b"too many requests wait\n".to_vec(),
            ],
            whole: Vec::new(),
        };
        let mut whole = Vec::new();
        template.write_head(Status::Right, body, &mut whole);
        whole.extend_from_slice(b"\r\n");
        whole.extend_from_slice(template.body(Status::Right));
        template.whole = whole;
        template
    }

    /// The most usual answer, head and body.
    #[inline]
    pub(super) fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// The body of an answer.
    pub(super) fn body(&self, status: Status) -> &[u8] {
        &self.bodies[status as usize]
    }

    /// Writes the head of an answer up to its own headers.
    pub(super) fn write_head(&self, status: Status, length: usize, output: &mut Vec<u8>) {
        output.extend_from_slice(&self.heads[status as usize]);
        // Writing to memory does not fail.
        let _ = write!(output, "content-length: {length}\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Version;

    #[test]
    fn the_most_usual_answer_is_a_whole_message() {
        let template = Template::new(Place::new(Version::Canary, 2), 64);
        let text = String::from_utf8(template.whole().to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nx-instance: canary-2\r\n"), "{head}");
        assert!(head.ends_with("\r\ncontent-length: 64"), "{head}");
        assert_eq!(body.len(), 64);
    }
}
