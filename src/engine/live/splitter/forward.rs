//! What a proxy changes in heads on their way: headers that concern one connection only stay behind
//! (RFC 9110, 7.6.1), and each side learns what the other one cannot tell it.

use crate::engine::live::http::{Framing, RequestHead, ResponseHead};
use crate::engine::live::{header, name_of};
use crate::model::World;
use crate::model::split::Side;
use crate::telemetry::Version;

/// What is known of a request once its head has been forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    /// Whether the answer has a head only.
    pub(super) to_head: bool,
    pub(super) framing: Framing,
    pub(super) keep_alive: bool,
    /// Whether the client speaks HTTP/1.0, which knows no chunks.
    pub(super) old: bool,
    pub(super) expects_continue: bool,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) matched: bool,
    pub(super) cookie: Option<Side>,
    pub(super) route: usize,
}

/// The paths of a service, to tell its routes apart.
#[derive(Debug)]
pub(super) struct Routes {
    names: Vec<String>,
}

impl Routes {
    pub(super) fn of(world: &World) -> Routes {
        let routes = world.traffic.routes.iter();
        Routes {
            names: routes.map(|route| route.name.clone()).collect(),
        }
    }

    /// How many are counted apart.
    pub(super) fn count(&self) -> usize {
        self.names.len().max(1)
    }

    /// The route of a target; the first where none has its name.
    fn find(&self, target: &str) -> usize {
        if self.names.len() < 2 {
            return 0;
        }
        let path = match target.strip_prefix('/') {
            Some(path) => path,
            // A whole address, as a forward proxy would be asked.
            None => (target.split_once("://"))
                .and_then(|(_, rest)| rest.split_once('/'))
                .map_or("", |(_, path)| path),
        };
        let path = path.split(['?', '#']).next().unwrap_or(path);
        (self.names.iter())
            .position(|name| name == path)
            .unwrap_or(0)
    }
}

/// Whether a header concerns one connection only. `Transfer-Encoding` does too, but bodies are
/// passed on in the form in which they come.
#[inline]
fn is_hop_by_hop(name: &str) -> bool {
    match name.len() {
        2 => name.eq_ignore_ascii_case("te"),
        7 => name.eq_ignore_ascii_case("upgrade"),
        10 => name.eq_ignore_ascii_case("connection") || name.eq_ignore_ascii_case("keep-alive"),
        16 => name.eq_ignore_ascii_case("proxy-connection"),
        _ => false,
    }
}

/// Headers that `Connection` names besides its own words; they stay behind too.
#[derive(Debug)]
struct Named<'h, 'b>(Option<&'h [httparse::Header<'b>]>);

impl<'h, 'b> Named<'h, 'b> {
    fn of(headers: &'h [httparse::Header<'b>]) -> Named<'h, 'b> {
        let names_others = Named::tokens(headers).any(|token| {
            !token.eq_ignore_ascii_case(b"close") && !token.eq_ignore_ascii_case(b"keep-alive")
        });
        Named(names_others.then_some(headers))
    }

    fn tokens(headers: &'h [httparse::Header<'b>]) -> impl Iterator<Item = &'b [u8]> {
        (headers.iter())
            .filter(|header| {
                header.name.len() == 10 && header.name.eq_ignore_ascii_case("connection")
            })
            .flat_map(|header| header.value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|token| !token.is_empty())
    }

    /// A sender cannot take away what says where its message goes and ends.
    #[inline]
    fn has(&self, name: &str) -> bool {
        let Some(headers) = self.0 else {
            return false;
        };
        let needed = ["host", "content-length", "transfer-encoding"];
        !needed.iter().any(|kept| name.eq_ignore_ascii_case(kept))
            && Named::tokens(headers).any(|token| token.eq_ignore_ascii_case(name.as_bytes()))
    }
}

#[inline]
fn write(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes the head of a request for an instance, and notes what the splitter needs to know. `peer`
/// is the client's address.
pub(super) fn request(
    head: &RequestHead<'_>,
    routes: &Routes,
    peer: &[u8],
    out: &mut Vec<u8>,
) -> Ask {
    let mut ask = Ask {
        to_head: head.method == "HEAD",
        framing: head.framing,
        keep_alive: head.keep_alive,
        old: head.minor == 0,
        expects_continue: head.expects_continue,
        user: None,
        group: None,
        matched: false,
        cookie: None,
        route: routes.find(head.target),
    };
    out.extend_from_slice(head.method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let named = Named::of(head.headers);
    let (mut forwarded, mut measured, mut hosted) = (false, false, false);
    for header in head.headers {
        let (name, value) = (header.name, header.value);
        if is_hop_by_hop(name) || named.has(name) {
            continue;
        }
        match name.len() {
            4 => hosted |= name.eq_ignore_ascii_case("host"),
            6 if name.eq_ignore_ascii_case(header::USER) => ask.user = number(value),
            6 if name.eq_ignore_ascii_case("cookie") => ask.cookie = cookie(value).or(ask.cookie),
            // The splitter sees to it that the body comes.
            6 if name.eq_ignore_ascii_case("expect") => continue,
            7 if name.eq_ignore_ascii_case(header::GROUP) => ask.group = number(value),
            8 if name.eq_ignore_ascii_case(header::CANARY) => {
                ask.matched |= value.eq_ignore_ascii_case(header::ALWAYS.as_bytes());
            }
            // Twice the same number is once too often.
            14 if name.eq_ignore_ascii_case("content-length") => {
                if measured {
                    continue;
                }
                measured = true;
            }
            15 if name.eq_ignore_ascii_case("x-forwarded-for") => {
                forwarded = true;
                continue;
            }
            _ => {}
        }
        write(out, name, value);
    }
    if !hosted {
        // HTTP/1.0 need not name one, HTTP/1.1 must.
        write(out, "host", b"");
    }
    out.extend_from_slice(b"x-forwarded-for: ");
    if forwarded {
        for header in head.headers {
            if header.name.eq_ignore_ascii_case("x-forwarded-for") {
                out.extend_from_slice(header.value);
                out.extend_from_slice(b", ");
            }
        }
    }
    out.extend_from_slice(peer);
    out.extend_from_slice(b"\r\n\r\n");
    ask
}

fn number(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// The version that a `Cookie` header names.
fn cookie(value: &[u8]) -> Option<Side> {
    let pairs = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let ours = pairs.filter_map(|pair| {
        pair.strip_prefix(header::COOKIE.as_bytes())?
            .strip_prefix(b"=")
    });
    let sides = Version::ALL.into_iter().zip(Side::ALL);
    let side = |name: &[u8]| {
        (sides.clone())
            .find(|(version, _)| name_of(*version).as_bytes() == name)
            .map(|(_, side)| side)
    };
    ours.filter_map(side).next()
}

/// What the splitter adds to an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addition<'a> {
    pub(super) version: Version,
    /// A whole `set-cookie` header, or nothing.
    pub(super) cookie: &'a [u8],
    pub(super) lasting: Lasting,
    /// Whether the body is passed on without its chunks.
    pub(super) dechunk: bool,
}

/// What the client learns about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    /// It stays open, which goes without saying.
    Stays,
    /// It stays open, which a client of the old kind must be told.
    ToldToStay,
    /// It is closed after this answer.
    Closes,
}

impl Lasting {
    fn header(self) -> &'static [u8] {
        match self {
            Lasting::Stays => b"",
            Lasting::ToldToStay => b"connection: keep-alive\r\n",
            Lasting::Closes => b"connection: close\r\n",
        }
    }
}

/// Writes the head of an answer for the client.
pub(super) fn answer(head: &ResponseHead<'_>, addition: &Addition<'_>, out: &mut Vec<u8>) {
    copy_answer(head, addition.dechunk, out);
    write(out, header::VERSION, name_of(addition.version).as_bytes());
    out.extend_from_slice(addition.cookie);
    out.extend_from_slice(addition.lasting.header());
    out.extend_from_slice(b"\r\n");
}

/// Writes the head of a word that comes before the answer: `103 Early Hints`.
pub(super) fn interim(head: &ResponseHead<'_>, out: &mut Vec<u8>) {
    copy_answer(head, false, out);
    out.extend_from_slice(b"\r\n");
}

fn copy_answer(head: &ResponseHead<'_>, dechunk: bool, out: &mut Vec<u8>) {
    status_line(head.status, head.reason, out);
    let named = Named::of(head.headers);
    let chunked = head.framing == Framing::Chunked;
    let mut measured = false;
    for header in head.headers {
        let name = header.name;
        if is_hop_by_hop(name) || named.has(name) {
            continue;
        }
        match name.len() {
            7 if dechunk && name.eq_ignore_ascii_case("trailer") => continue,
            9 if name.eq_ignore_ascii_case(header::VERSION) => continue,
            // Chunks outrank it, and whoever reads on must not be led astray.
            14 if name.eq_ignore_ascii_case("content-length") => {
                if chunked || measured {
                    continue;
                }
                measured = true;
            }
            17 if dechunk && name.eq_ignore_ascii_case("transfer-encoding") => continue,
            _ => {}
        }
        write(out, name, header.value);
    }
}

fn status_line(status: u16, reason: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    let digit = |place: u16| b'0' + (status / place % 10) as u8;
    out.extend_from_slice(&[digit(100), digit(10), digit(1), b' ']);
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes an answer of the splitter's own, in place of an instance's.
pub(super) fn own_answer(
    status: u16,
    why: &str,
    to_head: bool,
    addition: Option<&Addition<'_>>,
    out: &mut Vec<u8>,
) {
    let reason = match status {
        400 => "Bad Request",
        408 => "Request Timeout",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    };
    status_line(status, reason, out);
    write(out, "content-type", b"text/plain");
    write(
        out,
        "content-length",
        (why.len() + 1).to_string().as_bytes(),
    );
    let lasting = addition.map_or(Lasting::Closes, |addition| addition.lasting);
    if let Some(addition) = addition {
        write(out, header::VERSION, name_of(addition.version).as_bytes());
        out.extend_from_slice(addition.cookie);
    }
    out.extend_from_slice(lasting.header());
    out.extend_from_slice(b"\r\n");
    if !to_head {
        out.extend_from_slice(why.as_bytes());
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::live::http::space;

    fn routes(names: &[&str]) -> Routes {
        Routes {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn forwarded(text: &str, names: &[&str]) -> (Ask, String) {
        let mut space = space();
        let head = RequestHead::parse(text.as_bytes(), &mut space);
        let (head, mut out) = (head.unwrap().unwrap(), Vec::new());
        let ask = request(&head, &routes(names), b"127.0.0.9", &mut out);
        (ask, String::from_utf8(out).unwrap())
    }

    fn answered(text: &str, addition: &Addition<'_>) -> String {
        let mut space = space();
        let head = ResponseHead::parse(text.as_bytes(), &mut space, false);
        let mut out = Vec::new();
        answer(&head.unwrap().unwrap(), addition, &mut out);
        String::from_utf8(out).unwrap()
    }

    const PLAIN: Addition<'_> = Addition {
        version: Version::Canary,
        cookie: b"",
        lasting: Lasting::Stays,
        dechunk: false,
    };

    #[test]
    fn a_request_keeps_what_is_meant_for_the_server() {
        let text = "POST /a?b=c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\ncontent-length: 3\r\n\
                    Content-Length: 3\r\nTrailer: z\r\n\r\n";
        let (ask, out) = forwarded(text, &[]);
        assert_eq!(ask.framing, Framing::Length(3));
        assert_eq!(
            out,
            "POST /a?b=c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\ncontent-length: 3\r\nTrailer: z\r\n\
             x-forwarded-for: 127.0.0.9\r\n\r\n"
        );
    }

    #[test]
    fn what_concerns_one_connection_stays_behind() {
        let text = "GET / HTTP/1.1\r\nHost: x\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
                    Proxy-Connection: a\r\nUpgrade: h2c\r\nConnection: close, x-secret, Host\r\n\
                    Connection: X-Other\r\nx-other: 2\r\nExpect: 100-continue\r\n\r\n";
        let (ask, out) = forwarded(text, &[]);
        assert!(!ask.keep_alive && ask.expects_continue);
        assert_eq!(
            out,
            "GET / HTTP/1.1\r\nHost: x\r\nx-forwarded-for: 127.0.0.9\r\n\r\n"
        );
    }

    #[test]
    fn the_way_of_a_request_grows_by_one_address() {
        let text = "GET / HTTP/1.1\r\nhost: x\r\nX-Forwarded-For: 1.1.1.1\r\n\
                    x-forwarded-for: 2.2.2.2, 3.3.3.3\r\n\r\n";
        let (_, out) = forwarded(text, &[]);
        assert!(
            out.ends_with(
                "host: x\r\nx-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.9\r\n\r\n"
            )
        );
        let (ask, out) = forwarded("HEAD / HTTP/1.0\r\n\r\n", &[]);
        assert!(ask.old && ask.to_head && out.starts_with("HEAD / HTTP/1.1\r\nhost: \r\n"));
    }

    #[test]
    fn who_asks_for_what_is_read_from_the_head() {
        let text = "GET /cart?x HTTP/1.1\r\nhost: x\r\nX-User: 4000000000\r\nx-group: 2\r\n\
                    x-canary: always\r\ncookie: a=b; coalmine-version=canary ; c\r\n\r\n";
        let (ask, _) = forwarded(text, &["home", "cart"]);
        assert_eq!((ask.user, ask.group), (Some(4_000_000_000), Some(2)));
        assert!(ask.matched);
        assert_eq!((ask.cookie, ask.route), (Some(Side::Canary), 1));
        for (wrong, route) in [("/", 0), ("/carts", 0), ("http://a/cart", 1), ("*", 0)] {
            let text = format!(
                "GET {wrong} HTTP/1.1\r\nhost: x\r\nx-user: a1\r\nx-canary: never\r\n\
                 cookie: coalmine-version=blue; xcoalmine-version=canary\r\n\r\n"
            );
            let (ask, _) = forwarded(&text, &["home", "cart"]);
            assert_eq!((ask.user, ask.matched, ask.cookie), (None, false, None));
            assert_eq!(ask.route, route, "{wrong}");
        }
    }

    #[test]
    fn an_answer_says_which_version_gave_it() {
        let text = "HTTP/1.1 200 Fine\r\ncontent-length: 5\r\nX-Version: liar\r\nx-hurt: wrong\r\n\
                    connection: x-hop\r\nx-hop: 1\r\n\r\n";
        let addition = Addition {
            cookie: b"set-cookie: a=b\r\n",
            lasting: Lasting::Closes,
            ..PLAIN
        };
        assert_eq!(
            answered(text, &addition),
            "HTTP/1.1 200 Fine\r\ncontent-length: 5\r\nx-hurt: wrong\r\nx-version: canary\r\n\
             set-cookie: a=b\r\nconnection: close\r\n\r\n"
        );
    }

    #[test]
    fn chunks_outrank_a_length_and_leave_with_their_headers() {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\
                    Trailer: x\r\n\r\n";
        assert_eq!(
            answered(text, &PLAIN),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\nx-version: canary\r\n\r\n"
        );
        let bare = Addition {
            dechunk: true,
            ..PLAIN
        };
        assert_eq!(
            answered(text, &bare),
            "HTTP/1.1 200 OK\r\nx-version: canary\r\n\r\n"
        );
    }
}
