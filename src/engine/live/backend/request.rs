//! What a backend reads from the head of a request.

use crate::engine::live::header;
use crate::engine::live::http::{Framing, Refusal, RequestHead, space};

use super::responder::Ask;

/// A request, as far as its head tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) target: Target,
    pub(super) ask: Ask,
    /// Whether only the head of an answer is wanted.
    pub(super) head_only: bool,
    pub(super) keep_alive: bool,
    /// Whether the answer must say that the connection stays open.
    pub(super) says_keep_alive: bool,
    pub(super) framing: Framing,
    pub(super) expects_continue: bool,
    /// Bytes of the head.
    pub(super) length: usize,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// What users ask for.
    Route,
    /// What the instance has counted.
    Metrics,
    /// Whether the instance is ready.
    Health,
    /// Something that the service does not have.
    Unknown,
}

impl Request {
    /// Reads a head at the beginning of `bytes`; `None` when it is not complete yet. `routes` are
    /// the names of the routes in order, none or one when all requests are alike.
    ///
    /// # Errors
    /// When it is malformed or too large.
    #[inline]
    pub(super) fn parse(bytes: &[u8], routes: &[Vec<u8>]) -> Result<Option<Request>, Refusal> {
        let mut space = space();
        let Some(head) = RequestHead::parse(bytes, &mut space)? else {
            return Ok(None);
        };
        let (target, route) = find(head.target.as_bytes(), routes);
        let mut request = Request {
            target,
            ask: Ask {
                route,
                user: None,
                group: 0,
                shadow: false,
            },
            head_only: head.method == "HEAD",
            keep_alive: head.keep_alive,
            says_keep_alive: false,
            framing: head.framing,
            expects_continue: head.expects_continue,
            length: head.length,
        };
        for field in head.headers {
            match field.name.len() {
                4 if field.name.eq_ignore_ascii_case("host") => {
                    // Envoy, and with it Istio, marks copies so.
                    request.ask.shadow |= field.value.ends_with(b"-shadow");
                }
                6 if field.name.eq_ignore_ascii_case(header::USER) => {
                    request.ask.user = number(field.value);
                }
                7 if field.name.eq_ignore_ascii_case(header::GROUP) => {
                    // A scope has no more than 32 groups.
                    let group = number(field.value).filter(|group| *group < 32);
                    request.ask.group = group.unwrap_or(0) as u8;
                }
                10 if head.keep_alive && field.name.eq_ignore_ascii_case("connection") => {
                    request.says_keep_alive |= field.value.eq_ignore_ascii_case(b"keep-alive");
                }
                _ => {}
            }
        }
        Ok(Some(request))
    }
}

#[inline]
fn find(target: &[u8], routes: &[Vec<u8>]) -> (Target, u8) {
    let target = match target.strip_prefix(b"http://") {
        None => target,
        Some(rest) => {
            let path = rest.iter().position(|byte| *byte == b'/');
            path.map_or(&b"/"[..], |path| &rest[path..])
        }
    };
    let end = target.iter().position(|byte| *byte == b'?');
    let path = &target[..end.unwrap_or(target.len())];
    match path {
        b"/metrics" => return (Target::Metrics, 0),
        b"/healthz" => return (Target::Health, 0),
        _ => {}
    }
    if routes.len() <= 1 {
        return (Target::Route, 0);
    }
    let name = path.strip_prefix(b"/").unwrap_or(path);
    match routes.iter().position(|route| route == name) {
        // There are 32 routes at most.
        Some(route) => (Target::Route, route as u8),
        None => (Target::Unknown, 0),
    }
}

#[inline]
fn number(value: &[u8]) -> Option<u32> {
    if value.is_empty() || value.len() > 9 {
        return None;
    }
    value.iter().try_fold(0_u32, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u32::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_told_by_path_and_reserved_paths_are_not_routes() {
        let routes = [b"home".to_vec(), b"cart/pay".to_vec()];
        assert_eq!(find(b"/home?x=1", &routes), (Target::Route, 0));
        assert_eq!(find(b"/cart/pay", &routes), (Target::Route, 1));
        assert_eq!(find(b"/nowhere", &routes), (Target::Unknown, 0));
        assert_eq!(find(b"/nowhere", &routes[..1]), (Target::Route, 0));
        assert_eq!(find(b"/metrics", &routes), (Target::Metrics, 0));
        assert_eq!(find(b"http://a:80/healthz", &routes), (Target::Health, 0));
        assert_eq!(find(b"http://a", &[]), (Target::Route, 0));
    }

    #[test]
    fn a_user_who_does_not_say_a_number_has_none() {
        let user = |value: &str| {
            let head =
                format!("GET / HTTP/1.1\r\nhost: a\r\nX-User: {value}\r\nx-group: 3\r\n\r\n");
            let request = Request::parse(head.as_bytes(), &[]).unwrap().unwrap();
            assert_eq!(request.ask.group, 3);
            request.ask.user
        };
        assert_eq!(user("17"), Some(17));
        for odd in ["", "-1", "1e3", "4294967296", "a"] {
            assert_eq!(user(odd), None, "{odd}");
        }
    }
}
