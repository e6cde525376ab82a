//! Heads of requests and answers, read where they lie.

use std::mem::MaybeUninit;

use httparse::{Header, Request, Response, Status};

use super::Framing;

/// Headers that a message may have.
pub const MOST_HEADERS: usize = 100;
/// Bytes of a head at most.
pub const LONGEST_HEAD: usize = 64 * 1024;

/// Where the headers of one head are noted down.
pub type Space<'b> = [MaybeUninit<Header<'b>>; MOST_HEADERS];

/// Room for the headers of one head.
pub fn space<'b>() -> Space<'b> {
    [const { MaybeUninit::uninit() }; MOST_HEADERS]
}

/// Why a message is not taken, and the status that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The status of the answer: 400, 431, 501 or 505.
    pub status: u16,
    /// What is wrong.
    pub reason: &'static str,
}

const fn refuse(status: u16, reason: &'static str) -> Refusal {
    Refusal { status, reason }
}

/// The head of a request.
#[derive(Debug)]
pub struct RequestHead<'b> {
    /// `GET`.
    pub method: &'b str,
    /// Path and query as written.
    pub target: &'b str,
    /// All headers in order.
    pub headers: &'b [Header<'b>],
    /// Bytes of the head, with the empty line at its end.
    pub length: usize,
    /// The second number of the version: 1 of HTTP/1.1.
    pub minor: u8,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether another request may follow on this connection.
    pub keep_alive: bool,
    /// Whether the sender waits for a word before it sends the body.
    pub expects_continue: bool,
}

/// The head of an answer.
#[derive(Debug)]
pub struct ResponseHead<'b> {
    /// `200`.
    pub status: u16,
    /// The words after it.
    pub reason: &'b str,
    /// All headers in order.
    pub headers: &'b [Header<'b>],
    /// Bytes of the head, with the empty line at its end.
    pub length: usize,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether another answer may follow on this connection.
    pub keep_alive: bool,
}

impl<'b> RequestHead<'b> {
    /// Reads a head at the beginning of `bytes`; `None` when it is not complete yet.
    ///
    /// # Errors
    /// When it breaks the rules of HTTP/1.1 in a way after which nobody can tell for sure where the
    /// message ends (RFC 9112, 3, 5 and 6.3), or is larger than a head may be.
    pub fn parse(
        bytes: &'b [u8],
        space: &'b mut Space<'b>,
    ) -> Result<Option<RequestHead<'b>>, Refusal> {
        let mut request = Request::new(&mut []);
        let parsed = request.parse_with_uninit_headers(bytes, space);
        let Some(length) = complete(parsed, bytes, "the request line or a header is malformed")?
        else {
            return Ok(None);
        };
        let (Some(method), Some(target), Some(minor)) =
            (request.method, request.path, request.version)
        else {
            return Err(refuse(400, "the request line is malformed"));
        };
        let headers: &'b [Header<'b>] = request.headers;
        let facts = Facts::of(headers)?;
        if minor == 1 && facts.hosts != 1 {
            return Err(refuse(400, "a request names exactly one host"));
        }
        let framing = match (facts.chunked, facts.length) {
            (true, Some(_)) => {
                // Two ways to tell where it ends: whoever believes the other one can be deceived.
                return Err(refuse(
                    400,
                    "Transfer-Encoding and Content-Length exclude each other",
                ));
            }
            (true, None) if minor == 0 => {
                return Err(refuse(400, "HTTP/1.0 knows no Transfer-Encoding"));
            }
            (true, None) => Framing::Chunked,
            (false, Some(0) | None) => Framing::Empty,
            (false, Some(length)) => Framing::Length(length),
        };
        Ok(Some(RequestHead {
            method,
            target,
            headers,
            length,
            minor,
            framing,
            keep_alive: facts.keeps_alive(minor),
            expects_continue: minor == 1 && facts.expects_continue,
        }))
    }

    /// The value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        find(self.headers, name)
    }
}

impl<'b> ResponseHead<'b> {
    /// Reads a head at the beginning of `bytes`; `None` when it is not complete yet. `to_head` says
    /// that it answers a `HEAD` request, and so has no body.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(
        bytes: &'b [u8],
        space: &'b mut Space<'b>,
        to_head: bool,
    ) -> Result<Option<ResponseHead<'b>>, Refusal> {
        let mut response = Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            space,
        );
        let Some(length) = complete(parsed, bytes, "the status line or a header is malformed")?
        else {
            return Ok(None);
        };
        let (Some(status), Some(minor)) = (response.code, response.version) else {
            return Err(refuse(502, "the status line is malformed"));
        };
        let reason = response.reason.unwrap_or("");
        let headers: &'b [Header<'b>] = response.headers;
        let facts = Facts::of(headers)?;
        let framing = if to_head || status < 200 || status == 204 || status == 304 {
            Framing::Empty
        } else if facts.chunked {
            Framing::Chunked
        } else {
            match facts.length {
                Some(0) => Framing::Empty,
                Some(length) => Framing::Length(length),
                None => Framing::UntilClose,
            }
        };
        Ok(Some(ResponseHead {
            status,
            reason,
            headers,
            length,
            framing,
            keep_alive: facts.keeps_alive(minor) && framing != Framing::UntilClose,
        }))
    }

    /// The value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        find(self.headers, name)
    }
}

fn find<'b>(headers: &[Header<'b>], name: &str) -> Option<&'b [u8]> {
    (headers.iter())
        .find(|header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
}

fn complete(
    parsed: httparse::Result<usize>,
    bytes: &[u8],
    malformed: &'static str,
) -> Result<Option<usize>, Refusal> {
    match parsed {
        Ok(Status::Complete(length)) if length <= LONGEST_HEAD => Ok(Some(length)),
        Ok(Status::Partial) if bytes.len() < LONGEST_HEAD => Ok(None),
        Ok(_) => Err(refuse(431, "the head is too large")),
        Err(httparse::Error::TooManyHeaders) => Err(refuse(431, "there are too many headers")),
        Err(httparse::Error::Version) => Err(refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken")),
        Err(_) => Err(refuse(400, malformed)),
    }
}

/// What the headers say about the message itself.
#[derive(Debug, Default)]
struct Facts {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    hosts: u32,
}

impl Facts {
    fn of(headers: &[Header<'_>]) -> Result<Facts, Refusal> {
        let mut facts = Facts::default();
        for header in headers {
            let name = header.name;
            // Few headers matter here; most are told apart by their length.
            match name.len() {
                4 if name.eq_ignore_ascii_case("host") => facts.hosts += 1,
                6 if name.eq_ignore_ascii_case("expect") => {
                    facts.expects_continue = header.value.eq_ignore_ascii_case(b"100-continue");
                }
                10 if name.eq_ignore_ascii_case("connection") => {
                    for token in tokens(header.value) {
                        facts.close |= token.eq_ignore_ascii_case(b"close");
                        facts.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if name.eq_ignore_ascii_case("content-length") => {
                    let length = digits(header.value)
                        .ok_or(refuse(400, "Content-Length is not a number of bytes"))?;
                    if facts.length.is_some_and(|other| other != length) {
                        return Err(refuse(400, "Content-Length is given twice"));
                    }
                    facts.length = Some(length);
                }
                17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                    if facts.chunked || !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked")
                    {
                        return Err(refuse(501, "the only Transfer-Encoding spoken is chunked"));
                    }
                    facts.chunked = true;
                }
                _ => {}
            }
        }
        Ok(facts)
    }

    fn keeps_alive(&self, minor: u8) -> bool {
        !self.close && (minor == 1 || self.keep_alive)
    }
}

/// The members of a list in a header.
pub(in crate::engine::live) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

/// A whole number of bytes: digits and nothing else.
fn digits(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > 18 {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u64::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<Option<(Framing, bool, usize)>, u16> {
        let mut space = space();
        RequestHead::parse(text.as_bytes(), &mut space)
            .map(|head| head.map(|head| (head.framing, head.keep_alive, head.length)))
            .map_err(|refusal| refusal.status)
    }

    fn response(text: &str, to_head: bool) -> Result<Option<(u16, Framing, bool)>, u16> {
        let mut space = space();
        ResponseHead::parse(text.as_bytes(), &mut space, to_head)
            .map(|head| head.map(|head| (head.status, head.framing, head.keep_alive)))
            .map_err(|refusal| refusal.status)
    }

    #[test]
    fn a_request_says_where_it_ends_and_whether_another_follows() {
        let get = "GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(request(get), Ok(Some((Framing::Empty, true, get.len()))));
        assert_eq!(request(&get[..20]), Ok(None));
        let post =
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 12\r\nConnection: x, Close\r\n\r\n";
        assert_eq!(
            request(post),
            Ok(Some((Framing::Length(12), false, post.len())))
        );
        let chunked = "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";
        assert_eq!(
            request(chunked),
            Ok(Some((Framing::Chunked, true, chunked.len())))
        );
        let old = "GET / HTTP/1.0\r\n\r\n";
        assert_eq!(request(old), Ok(Some((Framing::Empty, false, old.len()))));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let after = |headers: &str| request(&format!("POST / HTTP/1.1\r\n{headers}\r\n"));
        assert_eq!(
            after("host: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n"),
            Err(400)
        );
        assert_eq!(
            after("host: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n"),
            Err(400)
        );
        assert_eq!(after("host: a\r\ncontent-length: +3\r\n"), Err(400));
        assert_eq!(after("host: a\r\ncontent-length: 3, 3\r\n"), Err(400));
        assert_eq!(
            after("host: a\r\ntransfer-encoding: gzip, chunked\r\n"),
            Err(501)
        );
        assert_eq!(
            after("host: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
            Err(501)
        );
        assert_eq!(after("host : a\r\n"), Err(400));
        assert_eq!(after("host: a\r\nx: y\r\n z\r\n"), Err(400));
        assert_eq!(after("host: a\r\nhost: b\r\n"), Err(400));
        assert_eq!(after(""), Err(400), "no host");
        assert_eq!(request("GET / HTTP/2.0\r\nhost: a\r\n\r\n"), Err(505));
        assert_eq!(request("\u{16}\u{3}\u{1}"), Err(400), "the start of TLS");
    }

    #[test]
    fn a_head_without_end_is_refused_when_it_is_too_large() {
        let long = format!(
            "GET / HTTP/1.1\r\nhost: a\r\nx: {}",
            "a".repeat(LONGEST_HEAD)
        );
        assert_eq!(request(&long), Err(431));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
        assert_eq!(request(&many), Err(431));
    }

    #[test]
    fn an_answer_says_where_it_ends() {
        let of = |rest: &str| response(&format!("HTTP/1.1 {rest}\r\n\r\n"), false);
        assert_eq!(
            of("200 OK\r\ncontent-length: 5"),
            Ok(Some((200, Framing::Length(5), true)))
        );
        assert_eq!(of("200 OK"), Ok(Some((200, Framing::UntilClose, false))));
        assert_eq!(of("204 No Content"), Ok(Some((204, Framing::Empty, true))));
        assert_eq!(
            of("503\r\ntransfer-encoding: chunked"),
            Ok(Some((503, Framing::Chunked, true)))
        );
        assert_eq!(
            response("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", true),
            Ok(Some((200, Framing::Empty, true)))
        );
        assert_eq!(response("HTTP/1.1 2", false), Ok(None));
        assert_eq!(response("SMTP ready\r\n", false), Err(505));
    }
}
