//! Who may come in, and what a browser may do with what it gets.
//!
//! A page on another site can make a browser ask a server on loopback, and a name that its owner
//! points to 127.0.0.1 makes that page look like one of ours. So the `Host` of every request must be
//! one under which the lab is known, an `Origin` must be the same, and nothing under `/api` is
//! answered to another site. What starts load, and everything where the lab is open to other
//! machines, wants a token that only the address printed at the start holds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;
use crate::engine::live::token::Token;

/// The header that carries the token.
pub const TOKEN: &str = "x-coalmine-token";

/// What the lab is known as, and what it asks of who comes.
#[derive(Debug)]
pub struct Door {
    hosts: Vec<String>,
    token: Token,
    /// Whether everything under `/api` wants the token.
    is_open: bool,
}

impl Door {
    /// The door of a lab that listens at `address` and is known under further names; these may carry
    /// a port of their own.
    ///
    /// # Errors
    /// When the system has no randomness for a token.
    pub fn new(address: SocketAddr, names: &[String]) -> io::Result<Door> {
        let port = address.port();
        let mut hosts: Vec<String> = ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .map(|name| format!("{name}:{port}"))
            .collect();
        if port == 80 {
            hosts.extend(["127.0.0.1", "localhost", "[::1]"].map(str::to_owned));
        }
        for name in names {
            hosts.push(name.to_ascii_lowercase());
            hosts.push(format!("{}:{port}", name.to_ascii_lowercase()));
        }
        Ok(Door {
            hosts,
            token: Token::draw()?,
            is_open: !address.ip().is_loopback(),
        })
    }

    /// The word that opens everything.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Whether somebody may come in with this request.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, request: &Request) -> Result<(), Refusal> {
        let (path, headers) = (request.uri().path(), request.headers());
        let host = self.host(request)?;
        let is_api = path == "/api" || path.starts_with("/api/");
        if let Some(origin) = one(headers, &header::ORIGIN)? {
            let same = ["http://", "https://"]
                .iter()
                .any(|scheme| origin.strip_prefix(scheme) == Some(host.as_str()));
            if !same {
                return Err(Refusal::Forbidden(format!(
                    "a page of another site asks: `{origin}` is not `{host}`"
                )));
            }
        }
        if is_api && let Some(site) = one(headers, &FETCH_SITE)? {
            // Another port of this machine is the same site.
            if !["same-origin", "none"].contains(&site.as_str()) {
                return Err(Refusal::Forbidden(format!(
                    "a page of another site asks (`{site}`)"
                )));
            }
        }
        let starts_load = path == "/api/live" || path.starts_with("/api/live/");
        if starts_load || (is_api && self.is_open) {
            let given = one(headers, &HeaderName::from_static(TOKEN))?;
            if !given.is_some_and(|given| self.token.is(given.as_bytes())) {
                return Err(Refusal::Forbidden(
                    "this needs the token: open the address that `coalmine lab` has printed"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// The name under which the lab was asked.
    fn host(&self, request: &Request) -> Result<String, Refusal> {
        let refuse = |host: &str| {
            Refusal::Forbidden(format!(
                "the lab is not known as `{host}`: open {}",
                self.hosts
                    .first()
                    .map_or_else(String::new, |own| format!("http://{own}/"))
            ))
        };
        let host = one(request.headers(), &header::HOST)?.ok_or_else(|| refuse(""))?;
        let host = host.to_ascii_lowercase();
        // A target in full names its host, too.
        let target = request.uri().authority().map(ToString::to_string);
        let target = target.map(|target| target.to_ascii_lowercase());
        if target.as_ref().is_some_and(|target| *target != host) || !self.hosts.contains(&host) {
            return Err(refuse(&host));
        }
        Ok(host)
    }
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The only value of a header; it may be absent, but not there twice.
fn one(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(Refusal::Forbidden(format!(
            "the header {name} is there twice"
        )));
    }
    first
        .map(|value| {
            let text = value.to_str().map(str::to_owned);
            text.map_err(|_| Refusal::Forbidden(format!("the header {name} is not text")))
        })
        .transpose()
}

/// What a browser may do on the lab's pages: run and load what is the lab's own, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Stops who may not come in, and writes the rules of the house on every answer.
pub(super) async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api");
    let mut response = match door.admit(&request) {
        Ok(()) => told(next.run(request).await),
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// A refusal of the router's own, in the form of all others.
fn told(response: Response) -> Response {
    let status = response.status();
    let has_type = response.headers().contains_key(header::CONTENT_TYPE);
    let is_plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !status.is_client_error() || (has_type && !is_plain) {
        return response;
    }
    let allowed = response.headers().get(header::ALLOW).cloned();
    let words = status.canonical_reason().unwrap_or("refused");
    let mut told = Refusal::Malformed(words.to_lowercase()).into_response();
    *told.status_mut() = status;
    if let Some(allowed) = allowed {
        told.headers_mut().insert(header::ALLOW, allowed);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn door(address: &str, names: &[&str]) -> Door {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Door::new(address.parse().unwrap(), &names).unwrap()
    }

    fn asked(path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn only_the_names_of_the_lab_are_answered() {
        let door = door("127.0.0.1:4711", &["Lab.example.org"]);
        for (host, is_known) in [
            ("127.0.0.1:4711", true),
            ("localhost:4711", true),
            ("LOCALHOST:4711", true),
            ("[::1]:4711", true),
            ("lab.example.org", true),
            ("lab.example.org:4711", true),
            ("127.0.0.1", false),
            ("127.0.0.1:80", false),
            ("evil.example", false),
            ("evil.example:4711", false),
            ("127.0.0.1:4711.evil.example", false),
            ("lab.example.org.evil.example", false),
        ] {
            let admitted = door.admit(&asked("/", &[("host", host)]));
            assert_eq!(admitted.is_ok(), is_known, "{host}");
        }
        assert!(door.admit(&asked("/", &[])).is_err());
        let twice = [("host", "127.0.0.1:4711"), ("host", "127.0.0.1:4711")];
        assert!(door.admit(&asked("/", &twice)).is_err());
        let other = asked("http://evil.example/", &[("host", "127.0.0.1:4711")]);
        assert!(door.admit(&other).is_err());
    }

    #[test]
    fn other_sites_are_turned_away() {
        let door = door("127.0.0.1:4711", &[]);
        let host = ("host", "127.0.0.1:4711");
        for (name, value, page, api) in [
            ("origin", "http://127.0.0.1:4711", true, true),
            ("origin", "http://localhost:4711", false, false),
            ("origin", "http://127.0.0.1:4712", false, false),
            ("origin", "https://evil.example", false, false),
            ("origin", "null", false, false),
            ("sec-fetch-site", "same-origin", true, true),
            ("sec-fetch-site", "none", true, true),
            // A link from elsewhere may open the page.
            ("sec-fetch-site", "cross-site", true, false),
            ("sec-fetch-site", "same-site", true, false),
        ] {
            let at = |path| door.admit(&asked(path, &[host, (name, value)])).is_ok();
            assert_eq!(
                (at("/"), at("/api/catalog")),
                (page, api),
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn load_wants_the_token_and_an_open_door_wants_it_for_everything() {
        let (own, open) = (door("127.0.0.1:1", &[]), door("192.0.2.1:1", &["lab"]));
        for (door, host, path, is_free) in [
            (&own, "127.0.0.1:1", "/api/catalog", true),
            (&own, "127.0.0.1:1", "/api/live", false),
            (&own, "127.0.0.1:1", "/api/live/events", false),
            (&open, "lab", "/", true),
            (&open, "lab", "/api/catalog", false),
            (&open, "lab:1", "/api/curve", false),
        ] {
            let host = ("host", host);
            let with = |token: &str| {
                let headers = [host, (TOKEN, token)];
                door.admit(&asked(path, &headers)).is_ok()
            };
            assert_eq!(door.admit(&asked(path, &[host])).is_ok(), is_free, "{path}");
            assert!(with(door.token().text()), "{path}");
            assert_eq!(with(&"0".repeat(32)), is_free, "{path}");
            assert_eq!(with(&door.token().text()[..31]), is_free, "{path}");
            assert_eq!(with(""), is_free, "{path}");
        }
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (one, other) = (Token::draw().unwrap(), Token::draw().unwrap());
        assert_eq!(one.text().len(), 32);
        assert_ne!(one, other);
        assert!(!format!("{one:?}").contains(one.text()));
    }
}
